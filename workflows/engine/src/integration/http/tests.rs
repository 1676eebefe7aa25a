use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::aws::{Client, Credentials, Endpoint};
use crate::clock::Clock;
use crate::test_server::{Received, Reply, Server};

const CONNECTION: &str = "arn:aws:events:us-east-1:123456789012:connection/partner/0f0f";

/// EventBridge, Secrets Manager, the API and its authorization endpoint in one.
struct Account {
    server: Server,
    world: World,
}

impl Account {
    /// `authorization` and `secret` of the connection; what the API answers.
    async fn new(authorization: &'static str, secret: &'static str, api: fn(&Received) -> Reply) -> Self {
        let server = Server::start(move |request| async move { answer(authorization, secret, api, &request) }).await;
        let endpoint = Endpoint::Url(server.url.clone());
        let credentials = Some(Credentials::new("AKID", "secret", None));
        let world = World {
            aws: Client::with_credentials(endpoint, "us-east-1", Clock::manual(0), credentials),
            lambda_endpoint: None,
            events_endpoint: None,
            account: "123456789012".to_owned(),
            web: Web::new(true),
        };
        Self { server, world }
    }

    /// Runs a task with these parameters beside the usual ones.
    async fn trace(&self, parameters: &str) -> Traced {
        let mut given = Value::object([
            ("ApiEndpoint", Value::from(format!("{}/api", self.server.url))),
            ("Method", Value::from("GET")),
            ("InvocationConfig", Value::object([("ConnectionArn", Value::from(CONNECTION))])),
        ]);
        for (name, value) in Value::parse(parameters).unwrap().as_object().unwrap() {
            given.insert(&**name, value.clone());
        }
        trace(&self.world, &given).await
    }

    async fn fails(&self, parameters: &str) -> (String, String) {
        let failure = self.trace(parameters).await.done.unwrap_err();
        (failure.error.unwrap().to_string(), failure.cause.unwrap().to_string())
    }

    /// The requests to the API.
    fn called(&self) -> Vec<Received> {
        self.server.received().into_iter().filter(|request| request.path.starts_with("/api")).collect()
    }
}

fn answer(authorization: &str, secret: &str, api: fn(&Received) -> Reply, request: &Received) -> Reply {
    let quoted = Value::from(secret.replace("URL", &format!("http://{}", request.header("host")))).to_string();
    let state = if authorization.starts_with('-') { "DEAUTHORIZED" } else { "AUTHORIZED" };
    match request.header("x-amz-target") {
        "AWSEvents.DescribeConnection" if request.body != r#"{"Name":"partner"}"# => {
            (400, vec![], r#"{"__type":"ResourceNotFoundException","message":"No such connection."}"#.to_owned())
        }
        "AWSEvents.DescribeConnection" => {
            let kind = authorization.trim_start_matches('-');
            let text = format!(r#"{{"ConnectionState":"{state}","AuthorizationType":"{kind}","SecretArn":"s"}}"#);
            (200, vec![], text)
        }
        "secretsmanager.GetSecretValue" => (200, vec![], format!(r#"{{"SecretString":{quoted}}}"#)),
        _ => api(request),
    }
}

fn json(_: &Received) -> Reply {
    (
        200,
        vec![("content-type", "application/json; charset=utf-8"), ("x-twice", "1"), ("x-twice", "2")],
        "[1]".to_owned(),
    )
}

const BASIC: &str = r#"{"username":"u","password":"p","invocation_http_parameters":{
    "header_parameters":[{"key":"Header-Param","value":"theirs","is_value_secret":false}],
    "query_string_parameters":[{"key":"q","value":"the irs"}],"body_parameters":[{"key":"b","value":"theirs"}]}}"#;

#[tokio::test]
async fn the_connections_parameters_stand_over_the_definitions() {
    let account = Account::new("BASIC", BASIC, json).await;
    let parameters = r#"{"Method":"POST","Headers":{"header-param":"mine","Request-Id":["1","2"]},
        "QueryParameters":{"q":"mine","a":[1,"ü"],"none":null},"RequestBody":{"b":"mine","Job":"x"}}"#;
    let traced = account.trace(parameters).await;
    let output = traced.done.as_ref().unwrap();
    assert_eq!(output.get("ResponseBody").unwrap().to_string(), "[1]");
    assert_eq!(output.get("Headers").unwrap().get("x-twice").unwrap().to_string(), r#"["1","2"]"#);
    assert_eq!(output.get("StatusCode").unwrap().as_i64(), Some(200));
    assert_eq!(output.get("StatusText").unwrap().as_str(), Some("OK"));
    let [request] = &account.called()[..] else { panic!() };
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/api?a=1&a=%C3%BC&q=the%20irs"));
    assert_eq!(request.body, r#"{"b":"theirs","Job":"x"}"#);
    let expected = [
        ("authorization", "Basic dTpw"),
        ("header-param", "theirs"),
        ("request-id", "1"),
        ("user-agent", "Amazon|StepFunctions|HttpInvoke|us-east-1"),
        ("range", "bytes=0-262144"),
        ("content-type", "application/json; charset=UTF-8"),
    ];
    for (name, value) in expected {
        assert_eq!(request.header(name), value, "{name}");
    }
    let (secrets, own) = (traced.shown(true).unwrap(), traced.shown(false).unwrap());
    assert_eq!(
        secrets.request.headers,
        "[Request-Id: 1, Request-Id: 2, Authorization: Basic dTpw, Header-Param: theirs, User-Agent: \
         Amazon|StepFunctions|HttpInvoke|us-east-1, Range: bytes=0-262144]"
    );
    assert!(secrets.request.url.ends_with("/api?a=1&a=%C3%BC&q=the%20irs"), "{}", secrets.request.url);
    assert_eq!(own.request.body.as_deref(), Some(r#"{"b":"mine","Job":"x"}"#));
    assert!(own.request.url.ends_with("/api?q=mine&a=1&a=%C3%BC"), "{}", own.request.url);
    assert!(!own.request.headers.contains("Basic") && own.request.headers.starts_with("[header-param: mine, "));
    let response = own.response.unwrap();
    assert_eq!((&*response.status_code, &*response.status_message, &*response.body), ("200", "OK", "[1]"));
    assert!(response.headers.starts_with("[content-type: application/json; charset=utf-8, x-twice: 1, "));
}

#[tokio::test]
async fn a_form_is_encoded_after_merging() {
    let account = Account::new("API_KEY", r#"{"api_key_name":"X-Key","api_key_value":"k"}"#, json).await;
    let parameters = r#"{"Method":"PUT","Headers":{"Content-Type":"application/x-www-form-urlencoded"},
        "RequestBody":{"a":["x"],"m":{"n":"1 2"}},
        "Transform":{"RequestBodyEncoding":"URL_ENCODED","RequestEncodingOptions":{"ArrayFormat":"BRACKETS"}}}"#;
    assert!(account.trace(parameters).await.done.is_ok());
    let [request] = &account.called()[..] else { panic!() };
    assert_eq!(request.body, "a%5B%5D=x&m%5Bn%5D=1%202");
    assert_eq!((request.header("x-key"), request.header("content-type")), ("k", "application/x-www-form-urlencoded"));
}

#[tokio::test]
async fn what_no_task_may_ask_for_fails_before_anything_is_sent() {
    let account = Account::new("BASIC", BASIC, json).await;
    for (parameters, wanted) in [
        (r#"{"Method":"TRACE"}"#, "'Method' is not valid"),
        (r#"{"ApiEndpoint":"http://example.com/"}"#, "'ApiEndpoint' is not valid: it must begin with https://"),
        (r#"{"ApiEndpoint":7}"#, "The field 'ApiEndpoint' is required but was missing"),
        (r#"{"Headers":{"Authorization":"x"}}"#, "may not set the header 'Authorization'"),
        (r#"{"Headers":{"X-Amz-Date":"x"}}"#, "may not set the header 'X-Amz-Date'"),
        (r#"{"Headers":"x"}"#, "'Headers' is not valid"),
        (r#"{"QueryParameters":1}"#, "'QueryParameters' is not valid"),
        (r#"{"InvocationConfig":{}}"#, "The field 'ConnectionArn' is required but was missing"),
        (r#"{"InvocationConfig":{"ConnectionArn":"arn:aws:sns:r:a:t"}}"#, "'ConnectionArn' is not valid"),
        (r#"{"RequestBody":1,"Transform":{"RequestBodyEncoding":"XML"}}"#, "'RequestBodyEncoding' is not valid"),
        (
            r#"{"RequestBody":{},"Transform":{"RequestBodyEncoding":"URL_ENCODED",
                "RequestEncodingOptions":{"ArrayFormat":"DOTS"}}}"#,
            "'ArrayFormat' is not valid",
        ),
        (r#"{"RequestBody":"text"}"#, "cannot be merged"),
    ] {
        let (error, cause) = account.fails(parameters).await;
        assert_eq!(error, "States.Runtime", "{parameters}");
        assert!(cause.contains(wanted), "{parameters}: {cause}");
    }
    assert!(account.called().is_empty());
}

#[tokio::test]
async fn a_status_that_is_no_success_is_the_errors_name() {
    let missing = |_: &Received| (404, vec![("content-type", "image/png")], "why".to_owned());
    let account = Account::new("API_KEY", r#"{"api_key_name":"k","api_key_value":"v"}"#, missing).await;
    let traced = account.trace("{}").await;
    let failure = traced.done.as_ref().unwrap_err();
    assert_eq!(failure.error.as_deref(), Some("States.Http.StatusCode.404"));
    assert_eq!(failure.cause.as_deref(), Some("Not Found"));
    assert_eq!(traced.shown(false).unwrap().response.unwrap().body, "why");
}

#[tokio::test]
async fn only_texts_are_results() {
    const KEY: &str = r#"{"api_key_name":"k","api_key_value":"v"}"#;
    let image = |_: &Received| (200, vec![("content-type", "image/png; x=y")], "p".to_owned());
    let (error, cause) = Account::new("API_KEY", KEY, image).await.fails("{}").await;
    assert_eq!((&*error, cause.contains("image/png")), ("States.Runtime", true));
    let plain = |_: &Received| (200, vec![("content-type", "text/plain")], "{}".to_owned());
    let output = Account::new("API_KEY", KEY, plain).await.trace("{}").await.done.unwrap();
    assert_eq!(output.get("ResponseBody"), Some(&Value::from("{}")));
    let empty = |_: &Received| (204, vec![], String::new());
    let output = Account::new("API_KEY", KEY, empty).await.trace("{}").await.done.unwrap();
    assert!(!output.to_string().contains("ResponseBody"));
    let broken = |_: &Received| (200, vec![("content-type", "application/problem+json")], "{".to_owned());
    let output = Account::new("API_KEY", KEY, broken).await.trace("{}").await.done.unwrap();
    assert_eq!(output.get("ResponseBody"), Some(&Value::from("{")));
}

#[tokio::test]
async fn an_api_that_is_not_there_is_a_socket_error() {
    let account = Account::new("API_KEY", r#"{"api_key_name":"k","api_key_value":"v"}"#, json).await;
    let (error, cause) = account.fails(r#"{"ApiEndpoint":"http://127.0.0.1:1/"}"#).await;
    assert_eq!(error, "States.Http.Socket");
    assert!(!cause.is_empty());
    let traced = account.trace(r#"{"ApiEndpoint":"http://127.0.0.1:1/"}"#).await;
    assert!(traced.shown(false).unwrap().response.is_none());
}

#[tokio::test]
async fn a_connection_that_cannot_be_used_has_its_own_errors() {
    let elsewhere = CONNECTION.replace("partner", "other");
    let account = Account::new("-BASIC", BASIC, json).await;
    let (error, cause) = account.fails("{}").await;
    assert_eq!(error, "Events.ConnectionResource.InvalidConnectionState");
    assert!(cause.contains("DEAUTHORIZED"), "{cause}");
    let other = format!(r#"{{"InvocationConfig":{{"ConnectionArn":"{elsewhere}"}}}}"#);
    let (error, cause) = account.fails(&other).await;
    assert_eq!((&*error, &*cause), ("Events.ConnectionResource.ResourceNotFound", "No such connection."));
}

/// Accepts its first token once, and its second for ever.
fn forgetful(request: &Received) -> Reply {
    static TOKENS: AtomicUsize = AtomicUsize::new(0);
    static USES: AtomicUsize = AtomicUsize::new(0);
    let form = "client_id=id&client_secret=s&grant_type=client_credentials";
    let text = (200, vec![("content-type", "text/plain")], "in".to_owned());
    match (request.path.as_str(), request.header("authorization")) {
        ("/token?r=1", _) if request.body == form => {
            let number = TOKENS.fetch_add(1, Ordering::SeqCst) + 1;
            (200, vec![], format!(r#"{{"access_token":"t{number}","expires_in":3600}}"#))
        }
        ("/api", "Bearer t1") if USES.fetch_add(1, Ordering::SeqCst) == 0 => text,
        ("/api", "Bearer t2") => text,
        _ => (401, vec![], String::new()),
    }
}

#[tokio::test]
async fn a_token_is_kept_until_it_is_refused() {
    let secret = r#"{"client_id":"id","client_secret":"s","authorization_endpoint":"URL/token","http_method":"POST",
        "oauth_http_parameters":{"body_parameters":[{"key":"grant_type","value":"client_credentials"}],
        "query_string_parameters":[{"key":"r","value":"1"}]}}"#;
    let account = Account::new("OAUTH_CLIENT_CREDENTIALS", secret, forgetful).await;
    for _ in 0..3 {
        assert!(account.trace("{}").await.done.is_ok());
    }
    let asked = account.server.received().into_iter().filter(|request| request.path.starts_with("/token")).count();
    assert_eq!((asked, account.called().len()), (2, 4));
    let denied = Account::new("OAUTH_CLIENT_CREDENTIALS", secret, |_| (403, vec![], String::new())).await;
    let (error, cause) = denied.fails("{}").await;
    assert_eq!(error, "Events.ConnectionResource.InvalidConnectionState");
    assert!(cause.ends_with("the authorization endpoint answered 403"), "{cause}");
}
