//! `http:invoke`: an HTTP Task, which calls an API with what an EventBridge connection adds to the request.
//!
//! Over the wire goes what AWS sends: the definition's headers, query and body, the connection's over them, and the
//! headers that Step Functions sets. Only `https` is called; where the AWS endpoint is not AWS's own, also `http` on the
//! loopback interface, so that an API can be tried out on one machine.

mod connection;
mod form;
mod request;
mod web;

use asl::Value;
use execution::Failure;

use super::World;
use super::failure::named;
use connection::Connection;
use request::Request;
pub(crate) use web::Web;
use web::{Page, WebError};

/// What is wrong with the parameters of an HTTP Task as they are written, in AWS's words. What is known only when it runs
/// is not judged.
pub(crate) fn problems(written: &Value) -> Vec<String> {
    let Some(members) = written.as_object() else { return Vec::new() };
    let has =
        |object: &asl::Object, name: &str| object.contains_key(name) || object.contains_key(&*format!("{name}.$"));
    let lacks = |name: &str| format!("The field '{name}' is required but was missing");
    let invalid = |name: &str| format!("The value for the '{name}' field is not valid");
    let mut found: Vec<String> =
        ["ApiEndpoint", "Method"].into_iter().filter(|name| !has(members, name)).map(lacks).collect();
    let endpoint = members.get("ApiEndpoint").and_then(literal);
    if endpoint.is_some_and(|endpoint| Web::new(true).permits(endpoint).is_err()) {
        found.push(invalid("ApiEndpoint"));
    }
    if !has(members, "InvocationConfig") && !has(members, "Authentication") {
        found.push(lacks("ConnectionArn"));
    }
    let config = members.get("InvocationConfig").or_else(|| members.get("Authentication"));
    match config.and_then(Value::as_object) {
        Some(config) if !has(config, "ConnectionArn") => found.push(lacks("ConnectionArn")),
        Some(config) => {
            let arn = config.get("ConnectionArn").and_then(literal);
            let is_connection = |arn: &str| arn.starts_with("arn:") && arn.contains(":connection/");
            found.extend(arn.filter(|arn| !is_connection(arn)).map(|_| invalid("ConnectionArn")));
        }
        None => {}
    }
    found
}

/// A text that is known before anything runs.
fn literal(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.starts_with("{%") && !text.contains("${"))
}

/// What went over the wire for an HTTP Task, by the names of TestState's `inspectionData`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpExchange {
    /// What was sent.
    pub request: HttpRequest,
    /// What came back, where anything did.
    pub response: Option<HttpResponse>,
}

/// The request of an HTTP Task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// `https` or `http`.
    pub protocol: String,
    /// The method.
    pub method: String,
    /// The URL with its query.
    pub url: String,
    /// `[name: value, name: value]`, in the order in which they were sent.
    pub headers: String,
    /// The body, where there is one.
    pub body: Option<String>,
}

/// The response to an HTTP Task's request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpResponse {
    /// `https` or `http`.
    pub protocol: String,
    /// The status, such as `200`.
    pub status_code: String,
    /// The status in words.
    pub status_message: String,
    /// `[name: value, name: value]`, in the order in which they came.
    pub headers: String,
    /// The body as text.
    pub body: String,
}

/// What became of an HTTP Task, and how it came to it.
pub(crate) struct Traced {
    pub(crate) done: Result<Value, Failure>,
    exchange: Option<Exchange>,
}

struct Exchange {
    /// The request as the definition alone would have it.
    own: Request,
    sent: Request,
    page: Option<Page>,
}

impl Traced {
    /// What went over the wire; without `secrets`, what the connection adds is left out of the request.
    pub(crate) fn shown(&self, secrets: bool) -> Option<HttpExchange> {
        let Exchange { own, sent, page } = self.exchange.as_ref()?;
        let request = if secrets { sent } else { own };
        let protocol = request.protocol().to_owned();
        Some(HttpExchange {
            request: HttpRequest {
                protocol: protocol.clone(),
                method: request.method.to_string(),
                url: request.url.clone(),
                headers: listed(&request.headers),
                body: request.body.clone(),
            },
            response: page.as_ref().map(|page| HttpResponse {
                protocol,
                status_code: page.status.to_string(),
                status_message: reason(page.status).to_owned(),
                headers: listed(&page.headers),
                body: String::from_utf8_lossy(&page.body).into_owned(),
            }),
        })
    }
}

fn listed(headers: &[(String, String)]) -> String {
    let headers: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    format!("[{}]", headers.join(", "))
}

/// Calls the API.
pub(crate) async fn invoke(world: &World, parameters: &Value) -> Result<Value, Failure> {
    trace(world, parameters).await.done
}

/// Calls the API, and notes what went over the wire.
pub(crate) async fn trace(world: &World, parameters: &Value) -> Traced {
    let mut exchange = None;
    let done = exchanged(world, parameters, &mut exchange).await;
    Traced { done, exchange }
}

async fn exchanged(world: &World, parameters: &Value, noted: &mut Option<Exchange>) -> Result<Value, Failure> {
    let region = world.aws.http().region();
    let own = Request::of(parameters, &Connection::default(), region)?;
    world.web.permits(&own.url).map_err(|problem| invalid("ApiEndpoint", &problem))?;
    let arn = connection_arn(parameters)?;
    let connection = connection::resolve(world, arn).await?;
    let sent = Request::of(parameters, &connection, region)?;
    let mut page = world.web.send(&sent).await;
    if page.as_ref().is_ok_and(Page::wants_authorization) && connection.forget_token(world) {
        let sent = Request::of(parameters, &connection::resolve(world, arn).await?, region)?;
        page = world.web.send(&sent).await;
    }
    let exchange = noted.insert(Exchange { own, sent, page: None });
    match page {
        Ok(page) => result(exchange.page.insert(page)),
        Err(error) => Err(unanswered(&error)),
    }
}

/// The ARN of the connection, which either of two fields has.
fn connection_arn(parameters: &Value) -> Result<&str, Failure> {
    let given = |field: &str| parameters.get(field).and_then(|field| field.get("ConnectionArn"));
    let arn = given("InvocationConfig").or_else(|| given("Authentication")).and_then(Value::as_str);
    arn.ok_or_else(|| missing("ConnectionArn"))
}

/// The result of the task: what the API has answered.
fn result(page: &Page) -> Result<Value, Failure> {
    let status = page.status;
    if !(200..300).contains(&status) {
        return Err(named("States.Http.StatusCode", &status.to_string(), reason(status)));
    }
    let mut members = vec![("Headers", grouped(&page.headers))];
    members.extend(body(page)?.map(|body| ("ResponseBody", body)));
    members.push(("StatusCode", Value::from(u32::from(status))));
    members.push(("StatusText", Value::from(reason(status))));
    Ok(Value::object(members))
}

/// The status in words.
fn reason(status: u16) -> &'static str {
    http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default()
}

/// Every header with all its values.
fn grouped(headers: &[(String, String)]) -> Value {
    let mut names: Vec<(&str, Vec<Value>)> = Vec::new();
    for (name, value) in headers {
        let value = Value::from(value.as_str());
        match names.iter_mut().find(|(found, _)| found == name) {
            Some((_, values)) => values.push(value),
            None => names.push((name, vec![value])),
        }
    }
    Value::object(names.into_iter().map(|(name, values)| (name, Value::array(values))))
}

/// The body: a value where it is JSON, else a text; nothing where it is empty.
fn body(page: &Page) -> Result<Option<Value>, Failure> {
    if page.body.is_empty() {
        return Ok(None);
    }
    let kind = page.content_type();
    let is_media = ["image/", "video/", "audio/"].iter().any(|media| kind.starts_with(media));
    if is_media || kind == "application/octet-stream" {
        return Err(runtime(&format!("The response's content-type {kind} is not supported by HTTP Tasks")));
    }
    let text = std::str::from_utf8(&page.body);
    let text = text.map_err(|_| runtime("The response's body is not a text in UTF-8: HTTP Tasks support no other"))?;
    let json = (kind == "application/json" || kind.ends_with("+json")).then(|| Value::parse(text).ok()).flatten();
    Ok(Some(json.unwrap_or_else(|| Value::from(text))))
}

/// The failure of a request that was not answered.
fn unanswered(error: &WebError) -> Failure {
    match error {
        WebError::Unanswered(cause) => named("States.Http", "Socket", cause),
        WebError::TooLarge => {
            let cause = "The state/task 'http' returned a result with a size exceeding the maximum number of bytes \
                         service limit.";
            named("States", "DataLimitExceeded", cause)
        }
        WebError::Unsendable(cause) => runtime(cause),
    }
}

fn runtime(cause: &str) -> Failure {
    named("States", "Runtime", cause)
}

fn missing(field: &str) -> Failure {
    runtime(&format!("The field '{field}' is required but was missing"))
}

fn invalid(field: &str, problem: &str) -> Failure {
    runtime(&format!("The value for the field '{field}' is not valid: {problem}"))
}

#[cfg(test)]
mod tests;
