//! The binary itself, against a Lambda Runtime API of one invocation.

use crate::web_server::WebServer;
use serde_json::Value;
use std::process::Stdio;
use tokio::process::{Child, Command};

const NEXT: &str = "lambda-runtime-aws-request-id: r-1\r\nlambda-runtime-deadline-ms: 99999999999999\r\n\
                    lambda-runtime-invoked-function-arn: arn:aws:lambda:us-east-1:123456789012:function:f\r\n";

fn start(handler: &str, api: &WebServer) -> Child {
    Command::new(env!("CARGO_BIN_EXE_bootstrap"))
        .env_clear()
        .envs([
            ("_HANDLER", handler),
            ("AWS_LAMBDA_RUNTIME_API", api.url.trim_start_matches("http://")),
            ("AWS_LAMBDA_FUNCTION_NAME", handler),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the binary starts")
}

#[tokio::test]
async fn a_failure_is_reported_under_its_name() {
    let event = r#"{"action":"restart_service","target":"api","incidentId":"test-1","priority":"high"}"#;
    let api = WebServer::start(&[(200, NEXT, event), (202, "", "{}")]).await;
    let _process = start("incident-restart-service", &api);
    let error = api.until(|request| request.line.contains("/invocation/r-1/error")).await;
    let body: Value = serde_json::from_str(&error.body).unwrap();
    assert_eq!(body["errorType"], "Ops.InvalidInput");
    assert!(body["errorMessage"].as_str().unwrap().starts_with("entry is missing"), "{body}");
}

#[tokio::test]
async fn an_answer_is_reported_as_it_is() {
    let mut event = crate::support::payload("scale_up", "database", "policy");
    event["priority"] = Value::Null;
    let api = WebServer::start(&[(200, NEXT, &event.to_string()), (202, "", "{}")]).await;
    let _process = start("incident-assess", &api);
    let answer = api.until(|request| request.line.contains("/invocation/r-1/response")).await;
    assert_eq!(serde_json::from_str::<Value>(&answer.body).unwrap()["decision"], "approval");
}

#[tokio::test]
async fn an_unknown_handler_is_an_init_error_that_names_the_known_ones() {
    let api = WebServer::start(&[(202, "", "{}")]).await;
    let process = start("incident-reboot", &api);
    let report = api.until(|request| request.line.contains("/runtime/init/error")).await;
    let body: Value = serde_json::from_str(&report.body).unwrap();
    assert_eq!(body["errorType"], "Ops.ConfigInvalid");
    assert!(body["errorMessage"].as_str().unwrap().contains("incident-scale-up"), "{body}");
    assert!(report.head.contains("lambda-runtime-function-error-type: ops.configinvalid"), "{}", report.head);
    let ended = process.wait_with_output().await.unwrap();
    assert!(!ended.status.success());
    assert!(String::from_utf8_lossy(&ended.stderr).contains("_HANDLER is \"incident-reboot\""));
}
