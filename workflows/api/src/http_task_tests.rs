//! An HTTP Task through the API: performed by an execution, and looked at by TestState.

use std::convert::Infallible;

use http::Response;
use hyper::body::Incoming;
use hyper::service::service_fn;
use tokio::net::TcpListener;

use super::*;

/// EventBridge, Secrets Manager and a partner's API in one; answers its URL.
async fn partner() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(|request| async move { Ok::<_, Infallible>(answer(&request)) });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    url
}

fn answer(request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let secret = r#"{"api_key_name":"X-Key","api_key_value":"hidden"}"#;
    let body = match (header("x-amz-target"), header("x-key")) {
        ("AWSEvents.DescribeConnection", _) => {
            json!({ "ConnectionState": "AUTHORIZED", "AuthorizationType": "API_KEY", "SecretArn": "s" })
        }
        ("secretsmanager.GetSecretValue", _) => json!({ "SecretString": secret }),
        (_, "hidden") => json!({ "path": request.uri().to_string() }),
        _ => return Response::builder().status(403).body(Full::default()).unwrap(),
    };
    let response = Response::builder().header("content-type", "application/json");
    response.body(Full::new(Bytes::from(body.to_string()))).unwrap()
}

fn task(url: &str, field: &str) -> Json {
    let connection = format!("arn:aws:events:us-east-1:{ACCOUNT}:connection/partner/1");
    json!({ "Type": "Task", "Resource": "arn:aws:states:::http:invoke", "End": true, "Parameters": {
        "ApiEndpoint": format!("{url}/orders"), "Method": "GET", "QueryParameters": { "id.$": "$.id" },
        "Headers": { "X-Mine": "yes" }, field: { "ConnectionArn": connection } } })
}

#[tokio::test]
async fn an_http_task_is_performed_and_traced() {
    let url = partner().await;
    let config = Config { aws: aws::Endpoint::Url(url.clone()), ..config(Clock::manual(NOW), Default::default()) };
    let engine = Engine::open(config).await.unwrap();
    let server = Server::start(engine, Options::on((Ipv4Addr::LOCALHOST, 0).into())).await.unwrap();
    let mut client = Connection::open(&server).await;

    let definition = json!({ "StartAt": "H", "States": { "H": task(&url, "InvocationConfig") } });
    let role = format!("arn:aws:iam::{ACCOUNT}:role/r");
    let new = json!({ "name": "h", "roleArn": role, "type": "EXPRESS", "definition": definition.to_string() });
    let machine = client.done("CreateStateMachine", new).await["stateMachineArn"].clone();
    let start = json!({ "stateMachineArn": machine, "input": r#"{"id":7}"# });
    let ended = client.done("StartSyncExecution", start).await;
    let output: Json = serde_json::from_str(ended["output"].as_str().unwrap_or_default()).unwrap();
    assert_eq!((&output["StatusCode"], &output["StatusText"]), (&json!(200), &json!("OK")));
    assert_eq!(output["ResponseBody"], json!({ "path": "/orders?id=7" }));
    assert_eq!(output["Headers"]["content-type"], json!(["application/json"]));

    let test =
        json!({ "definition": task(&url, "Authentication").to_string(), "roleArn": role, "input": r#"{"id":7}"# });
    let tried = |level: &str, reveal: bool| {
        let mut test = test.clone();
        test["inspectionLevel"] = level.into();
        test["revealSecrets"] = reveal.into();
        test
    };
    let seen = client.done("TestState", tried("TRACE", true)).await;
    let request = &seen["inspectionData"]["request"];
    assert_eq!((&request["protocol"], &request["method"]), (&json!("http"), &json!("GET")));
    assert_eq!(request["url"], format!("{url}/orders?id=7"));
    let headers =
        "[X-Mine: yes, X-Key: hidden, User-Agent: Amazon|StepFunctions|HttpInvoke|us-east-1, Range: bytes=0-262144]";
    assert_eq!(request["headers"], headers);
    let response = &seen["inspectionData"]["response"];
    assert_eq!((&response["statusCode"], &response["statusMessage"]), (&json!("200"), &json!("OK")));
    assert_eq!(response["body"], r#"{"path":"/orders?id=7"}"#);
    let masked = client.done("TestState", tried("TRACE", false)).await;
    assert_eq!(masked["inspectionData"]["request"]["headers"], headers.replace("X-Key: hidden, ", ""));
    let less = client.done("TestState", tried("DEBUG", true)).await;
    assert!(less["inspectionData"]["result"].is_string() && less["inspectionData"]["request"].is_null());

    let mocked = json!({ "definition": task(&url, "Authentication").to_string(), "input": r#"{"id":7}"#,
        "mock": { "result": r#"{"StatusCode":"anything"}"# } });
    assert_eq!(client.done("TestState", mocked).await["output"], r#"{"StatusCode":"anything"}"#);
    server.stop().await;
}
