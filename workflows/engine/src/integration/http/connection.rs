//! The EventBridge connection of an HTTP Task: who calls, and what is added to the request.

use std::time::Duration;

use asl::Value;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use execution::Failure;
use http::Method;

use super::request::Request;
use super::{WebError, World, form, invalid};
use crate::aws::{CallError, encode};
use crate::integration::failure::named;
use crate::store::digest;

/// A token is asked for again this long before it ends.
const MARGIN: u64 = 60;

/// What a connection adds to a request, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Connection {
    /// The authorization first.
    pub(super) headers: Vec<(String, String)>,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Vec<(String, String)>,
    /// The secret that its kept token belongs to, where it has one.
    kept: Option<[u8; 32]>,
}

impl Connection {
    /// Forgets the token where it had been kept: another may do. Answers whether it had been.
    pub(super) fn forget_token(&self, world: &World) -> bool {
        if let Some(secret) = &self.kept {
            world.web.forget_token(secret);
        }
        self.kept.is_some()
    }
}

/// Looks a connection up: EventBridge describes it, Secrets Manager has its secrets.
///
/// # Errors
/// `Events.ConnectionResource.*`, or `States.Runtime` where the ARN is none.
pub(super) async fn resolve(world: &World, arn: &str) -> Result<Connection, Failure> {
    let name = arn.splitn(6, ':').nth(5).and_then(|resource| resource.strip_prefix("connection/"));
    let name = name.map(|name| name.split('/').next().unwrap_or_default()).filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| invalid("ConnectionArn", "it must be the ARN of an EventBridge connection"))?;
    let parameters = Value::object([("Name", Value::from(name))]);
    let described = world.aws.call("eventbridge", "DescribeConnection", &parameters).await;
    let described = described.map_err(|error| refused(&error))?.body;
    check_state(&described, name)?;
    let text = secret(world, &described).await?;
    let secret = Value::parse(&text).map_err(|_| failed("InternalError", "The connection's secret is not JSON"))?;
    let added = field(&secret, "invocationhttpparameters");
    let added = added.or_else(|| described.get("AuthParameters")?.get("InvocationHttpParameters"));
    let mut connection = Connection { headers: Vec::new(), ..Connection::default() };
    authorize(world, &described, (&text, &secret), &mut connection).await?;
    connection.headers.extend(pairs(added, "headerparameters"));
    connection.query = pairs(added, "querystringparameters");
    connection.body = pairs(added, "bodyparameters");
    Ok(connection)
}

fn check_state(described: &Value, name: &str) -> Result<(), Failure> {
    let state = described.get("ConnectionState").and_then(Value::as_str).unwrap_or("AUTHORIZED");
    let kind = match state {
        "AUTHORIZED" | "ACTIVE" => return Ok(()),
        "AUTHORIZING" | "CREATING" | "UPDATING" => "AuthInProgress",
        "FAILED_CONNECTIVITY" => "InvalidPrivateConnectionState",
        _ => "InvalidConnectionState",
    };
    Err(failed(kind, &format!("The connection {name} is {state}: it must be AUTHORIZED")))
}

/// The text of the connection's secret.
async fn secret(world: &World, described: &Value) -> Result<String, Failure> {
    let arn = described.get("SecretArn").and_then(Value::as_str);
    let arn = arn.ok_or_else(|| failed("InternalError", "The connection has no SecretArn"))?;
    let parameters = Value::object([("SecretId", Value::from(arn))]);
    let answer = world.aws.call("secretsmanager", "GetSecretValue", &parameters).await;
    let answer = answer.map_err(|error| refused(&error))?.body;
    let text = answer.get("SecretString").and_then(Value::as_str);
    text.map(str::to_owned).ok_or_else(|| failed("InternalError", "The connection's secret has no SecretString"))
}

/// Adds the header that says who calls.
async fn authorize(
    world: &World,
    described: &Value,
    (text, secret): (&str, &Value),
    connection: &mut Connection,
) -> Result<(), Failure> {
    let part = |name: &str| field(secret, name).map(form::scalar).unwrap_or_default();
    let header = match described.get("AuthorizationType").and_then(Value::as_str).unwrap_or_default() {
        "BASIC" => {
            let credentials = STANDARD.encode(format!("{}:{}", part("username"), part("password")));
            ("Authorization".to_owned(), format!("Basic {credentials}"))
        }
        "API_KEY" => (part("apikeyname"), part("apikeyvalue")),
        "OAUTH_CLIENT_CREDENTIALS" => {
            let key = digest(text);
            let now = world.aws.http().now();
            let kept = world.web.token(&key, now);
            connection.kept = kept.as_ref().map(|_| key);
            let token = match kept {
                Some(token) => token,
                None => {
                    let (token, seconds) = fetch_token(world, described, secret).await?;
                    let until = seconds.map(|seconds| now + Duration::from_secs(seconds.saturating_sub(MARGIN)));
                    world.web.keep_token(key, token.clone(), until);
                    token
                }
            };
            ("Authorization".to_owned(), format!("Bearer {token}"))
        }
        other => return Err(failed("InternalError", &format!("The connection's AuthorizationType is '{other}'"))),
    };
    connection.headers.push(header);
    Ok(())
}

/// Asks for an access token; answers for how many seconds it is good, where that is said.
async fn fetch_token(world: &World, described: &Value, secret: &Value) -> Result<(String, Option<u64>), Failure> {
    let refused = |problem: &str| failed("InvalidConnectionState", &format!("The connection got no token: {problem}"));
    let request = token_request(described, secret);
    world.web.permits(&request.url).map_err(|problem| refused(&format!("its authorization endpoint: {problem}")))?;
    let page = world.web.send(&request).await.map_err(|error| match error {
        WebError::Unanswered(problem) | WebError::Unsendable(problem) => refused(&problem),
        WebError::TooLarge => refused("the answer is too large"),
    })?;
    let answer = std::str::from_utf8(&page.body).ok().and_then(|text| Value::parse(text).ok()).unwrap_or_default();
    let token = answer.get("access_token").and_then(Value::as_str).filter(|_| (200..300).contains(&page.status));
    let token = token.ok_or_else(|| refused(&format!("the authorization endpoint answered {}", page.status)))?;
    let seconds = answer.get("expires_in").and_then(Value::as_i64).and_then(|seconds| u64::try_from(seconds).ok());
    Ok((token.to_owned(), seconds))
}

/// The request for a token: a form with the client's id and secret, and what else the connection says.
fn token_request(described: &Value, secret: &Value) -> Request {
    let public = described.get("AuthParameters").and_then(|parameters| parameters.get("OAuthParameters"));
    let client = field(secret, "clientparameters").unwrap_or(secret);
    let known = |name: &str| field(client, name).or_else(|| field(secret, name)).or_else(|| field(public?, name));
    let part = |name: &str| known(name).map(form::scalar).unwrap_or_default();
    let added = field(secret, "oauthhttpparameters").or_else(|| field(public?, "oauthhttpparameters"));
    let method = Method::from_bytes(part("httpmethod").as_bytes()).unwrap_or(Method::POST);
    let mut headers = pairs(added, "headerparameters");
    let mut sent = vec![("client_id".to_owned(), part("clientid")), ("client_secret".to_owned(), part("clientsecret"))];
    sent.extend(pairs(added, "bodyparameters"));
    let mut query = pairs(added, "querystringparameters");
    let body = if method == Method::GET {
        query.splice(..0, sent);
        None
    } else {
        let kind = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let is_json = kind.is_some_and(|(_, kind)| kind.contains("json"));
        if kind.is_none() {
            headers.push(("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned()));
        }
        let object = || Value::object(sent.iter().map(|(name, value)| (name.as_str(), Value::from(value.as_str()))));
        Some(if is_json { object().to_string() } else { joined(&sent) })
    };
    let endpoint = part("authorizationendpoint");
    let between = if endpoint.contains('?') { '&' } else { '?' };
    let url = if query.is_empty() { endpoint } else { format!("{endpoint}{between}{}", joined(&query)) };
    Request { method, url, headers, body }
}

fn joined(pairs: &[(String, String)]) -> String {
    pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect::<Vec<_>>().join("&")
}

/// A member by its name in small letters without underscores: EventBridge writes secrets in snake_case, and those who
/// stand in for it also as the API spells them.
fn field<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    let plain = |found: &str| found.chars().filter(|c| *c != '_').collect::<String>().to_ascii_lowercase() == *name;
    value.as_object()?.iter().find(|(found, _)| plain(found)).map(|(_, value)| value)
}

/// The names and values of a list of parameters.
fn pairs(parameters: Option<&Value>, list: &str) -> Vec<(String, String)> {
    let list = parameters.and_then(|parameters| field(parameters, list)).and_then(Value::as_array).unwrap_or_default();
    let pair = |entry: &Value| Some((form::scalar(field(entry, "key")?), form::scalar(field(entry, "value")?)));
    list.iter().filter_map(pair).collect()
}

/// The failure of a task whose connection could not be looked up.
fn refused(error: &CallError) -> Failure {
    let kind = match error {
        CallError::Service { code, .. } => match code.as_str() {
            "ResourceNotFoundException" => "ResourceNotFound",
            "AccessDeniedException" => "AccessDenied",
            "ConcurrentModificationException" => "ConcurrentModification",
            _ => "InternalError",
        },
        CallError::Transport(_) | CallError::Unsupported(..) => "InternalError",
    };
    let cause = match error {
        CallError::Service { message, .. } => message.clone(),
        other => other.to_string(),
    };
    failed(kind, &cause)
}

fn failed(kind: &str, cause: &str) -> Failure {
    named("Events.ConnectionResource", kind, cause)
}
