//! The Invoke API as its callers see it, with a real function behind it.

use std::time::Duration;

use crate::support::{Links, config, function, start, start_with};
use http::StatusCode;
use lambda_host::{Function, Limits};
use serde_json::json;

#[tokio::test]
async fn an_invocation_answers_with_the_functions_result() {
    let (host, caller) = start(vec![function("echo")]).await;
    let answer = caller.invoke("echo", r#"{"a":1}"#).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("x-amz-executed-version"), Some("$LATEST"));
    assert_eq!(answer.header("x-amz-function-error"), None);
    assert_eq!(answer.header("x-amz-log-result"), None);
    let result = answer.json();
    assert_eq!(result["event"], json!({"a": 1}));
    assert_eq!(result["requestId"], answer.request_id());
    assert_eq!(result["functionArn"], "arn:aws:lambda:us-east-1:123456789012:function:echo");
    assert_eq!(result["traceId"], answer.header("x-amzn-trace-id").unwrap());
    host.shutdown().await;
}

#[tokio::test]
async fn a_function_has_several_names() {
    let (host, caller) = start(vec![function("echo")]).await;
    for name in [
        "arn:aws:lambda:us-east-1:123456789012:function:echo",
        "123456789012:function:echo:$LATEST",
        "arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Aecho",
    ] {
        assert_eq!(caller.invoke(name, "1").await.json()["event"], 1, "{name}");
    }
    host.shutdown().await;
}

#[tokio::test]
async fn no_payload_is_an_empty_object() {
    let (host, caller) = start(vec![function("echo")]).await;
    assert_eq!(caller.invoke("echo", "").await.json()["event"], json!({}));
    host.shutdown().await;
}

#[tokio::test]
async fn an_unknown_function_is_named_by_its_arn() {
    let (host, caller) = start(vec![function("echo")]).await;
    for (name, arn) in [("other", "other:$LATEST"), ("echo:7", "echo:7")] {
        let answer = caller.invoke(name, "{}").await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        assert_eq!(answer.header("x-amzn-errortype"), Some("ResourceNotFoundException"));
        let message = format!("Function not found: arn:aws:lambda:us-east-1:123456789012:function:{arn}");
        assert_eq!(answer.json()["Message"], message);
    }
    host.shutdown().await;
}

#[tokio::test]
async fn a_payload_must_be_json_and_fit() {
    let (host, caller) = start(vec![function("echo")]).await;
    let answer = caller.invoke("echo", "{not json").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.header("x-amzn-errortype"), Some("InvalidRequestContentException"));
    assert!(answer.json()["message"].as_str().unwrap().starts_with("Could not parse request body into json:"));

    let answer = caller.invoke("echo", format!("\"{}\"", "x".repeat(6_291_456))).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.header("x-amzn-errortype"), Some("RequestTooLargeException"));
    let message = "6291458 byte payload is too large for the RequestResponse invocation type (limit 6291456 bytes)";
    assert_eq!(answer.json()["Message"], message);
    host.shutdown().await;
}

#[tokio::test]
async fn other_paths_and_types_are_refused_by_name() {
    let (host, caller) = start(vec![function("echo")]).await;
    let answer = caller.send("GET", "/2015-03-31/functions/echo/policy", "", &[]).await;
    assert_eq!(answer.header("x-amzn-errortype"), Some("UnknownOperationException"));
    let answer = caller.invoke_with("echo", "{}", &[("x-amz-invocation-type", "Sometimes")]).await;
    assert_eq!(answer.header("x-amzn-errortype"), Some("InvalidParameterValueException"));
    assert!(answer.json()["message"].as_str().unwrap().contains("Sometimes"));
    let answer = caller.send("GET", "/_host/invocations/nobody/logs", "", &[]).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    host.shutdown().await;
}

#[tokio::test]
async fn a_web_page_runs_nothing() {
    let (host, caller) = start(vec![function("echo")]).await;
    let answer = caller.invoke_with("echo", "{}", &[("origin", "https://example.com")]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.header("x-amzn-errortype"), Some("AccessDeniedException"));
    assert_eq!(caller.figures().await["started"], 0);
    host.shutdown().await;
}

#[tokio::test]
async fn a_dry_run_runs_nothing() {
    let (host, caller) = start(vec![function("echo")]).await;
    let answer = caller.invoke_with("echo", "{}", &[("x-amz-invocation-type", "DryRun")]).await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::NO_CONTENT, 0));
    assert_eq!(caller.figures().await["started"], 0);
    host.shutdown().await;
}

#[tokio::test]
async fn an_event_is_accepted_at_once_and_run() {
    let links = Links::open().await;
    let (host, caller) = start(vec![function("echo")]).await;
    let event = [("x-amz-invocation-type", "Event")];
    assert!(host.is_idle());
    let answer = caller.invoke_with("echo", links.event(true), &event).await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::ACCEPTED, 0));
    assert!(!host.is_idle(), "nobody waits for it, but it runs");
    links.accept().await.release().await;
    while !host.is_idle() {
        tokio::task::yield_now().await;
    }
    host.shutdown().await;
}

#[tokio::test]
async fn outstanding_events_are_bounded() {
    let links = Links::open().await;
    let limits = Limits { events: 1, ..Limits::default() };
    let (host, caller) = start_with(lambda_host::Config { limits, ..config(vec![function("echo")]) }).await;
    let event = [("x-amz-invocation-type", "Event")];
    assert_eq!(caller.invoke_with("echo", links.event(true), &event).await.status, StatusCode::ACCEPTED);
    assert_eq!(caller.invoke_with("echo", links.event(true), &event).await.status, StatusCode::TOO_MANY_REQUESTS);
    links.accept().await.release().await;
    host.shutdown().await;
}

#[tokio::test]
async fn an_environment_is_used_again() {
    let (host, caller) = start(vec![function("echo")]).await;
    let first = caller.invoke("echo", "1").await.json();
    let second = caller.invoke("echo", "2").await.json();
    assert_eq!(first["pid"], second["pid"]);
    assert_eq!(second["event"], 2);
    let figures = caller.figures().await;
    assert_eq!((&figures["started"], &figures["idle"], &figures["busy"]), (&json!(1), &json!(1), &json!(0)));
    host.shutdown().await;
}

#[tokio::test]
async fn concurrent_invocations_have_a_process_each_up_to_the_bound() {
    let links = Links::open().await;
    let (host, caller) = start(vec![Function { max_concurrency: 3, ..function("echo") }]).await;
    let calls: Vec<_> = (0..4)
        .map(|_| {
            let (caller, event) = (caller.clone(), links.event(true));
            tokio::spawn(async move { caller.invoke("echo", event).await })
        })
        .collect();
    let mut running = [links.accept().await, links.accept().await, links.accept().await];
    let mut pids: Vec<u64> = running.iter().map(|link| link.pid).collect();
    pids.sort_unstable();
    pids.dedup();
    assert_eq!(pids.len(), 3);
    assert_eq!(caller.figures().await["busy"], 3);
    // The fourth waits for a place, and takes over the process of the first that ends.
    running[0].release().await;
    let mut fourth = links.accept().await;
    assert_eq!(fourth.pid, running[0].pid);
    fourth.release().await;
    running[1].release().await;
    running[2].release().await;
    for call in calls {
        assert_eq!(call.await.unwrap().status, StatusCode::OK);
    }
    assert_eq!(caller.figures().await["started"], 3);
    host.shutdown().await;
}

#[tokio::test]
async fn beyond_the_queue_callers_are_throttled() {
    let links = Links::open().await;
    let limits = Limits { queue: 0, ..Limits::default() };
    let functions = vec![Function { max_concurrency: 1, ..function("echo") }];
    let (host, caller) = start_with(lambda_host::Config { limits, ..config(functions) }).await;
    let busy = tokio::spawn({
        let (caller, event) = (caller.clone(), links.event(true));
        async move { caller.invoke("echo", event).await }
    });
    let mut running = links.accept().await;
    let answer = caller.invoke("echo", "{}").await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.header("x-amzn-errortype"), Some("TooManyRequestsException"));
    assert_eq!(answer.json()["Reason"], "ConcurrentInvocationLimitExceeded");
    running.release().await;
    assert_eq!(busy.await.unwrap().status, StatusCode::OK);
    host.shutdown().await;
}

#[tokio::test]
async fn an_invocation_goes_on_when_its_caller_hangs_up() {
    let links = Links::open().await;
    let (host, caller) = start(vec![Function { max_concurrency: 1, ..function("echo") }]).await;
    let call = tokio::spawn({
        let (caller, event) = (caller.clone(), links.event(true));
        async move { caller.invoke("echo", event).await }
    });
    let mut running = links.accept().await;
    call.abort();
    let _ = call.await;
    running.release().await;
    // The next one waits for the first to end, and finds its process alive.
    let again = caller.invoke("echo", "{}").await.json();
    assert_eq!(again["pid"], running.pid);
    assert_eq!(caller.figures().await["started"], 1);
    host.shutdown().await;
}

#[tokio::test]
async fn logs_belong_to_their_invocation() {
    let (host, caller) = start(vec![function("echo")]).await;
    let first = caller.invoke_with("echo", "1", &[("x-amz-log-type", "Tail")]).await;
    let second = caller.invoke("echo", "2").await;
    let (id, other) = (first.request_id(), second.request_id());
    let lines = caller.log(id).await;
    assert_eq!(lines[0], "INIT_START Runtime Version: provided.al2023");
    assert_eq!(lines[1], format!("START RequestId: {id} Version: $LATEST"));
    assert_eq!(lines[2], format!("printed by {id}"));
    assert_eq!(lines[3], format!("complained by {id}"));
    assert_eq!(lines[4], format!("END RequestId: {id}"));
    let report = &lines[5];
    assert!(report.starts_with(&format!("REPORT RequestId: {id}\tDuration: ")), "{report}");
    for part in ["\tBilled Duration: ", "\tMemory Size: 256 MB\tMax Memory Used: ", " MB\tInit Duration: "] {
        assert!(report.contains(part), "{part:?} in {report}");
    }
    assert_eq!(first.tail(), lines.join("\n") + "\n");
    let lines = caller.log(other).await;
    assert_eq!((lines[1].as_str(), lines.len()), (format!("printed by {other}").as_str(), 5));
    host.shutdown().await;
}

#[tokio::test]
async fn a_process_sees_the_environment_of_lambda_and_no_other() {
    let environment = [("TABLE".to_owned(), "ops-state".to_owned())].into();
    let common_environment = [("AWS_ACCESS_KEY_ID".to_owned(), "test".to_owned())].into();
    let functions = vec![Function { environment, memory_mb: 512, ..function("environment") }];
    let (host, caller) = start_with(lambda_host::Config { common_environment, ..config(functions) }).await;
    let mut seen = caller.invoke("environment", "{}").await.json();
    let seen = seen.as_object_mut().unwrap();
    for (name, value) in [
        ("_HANDLER", "environment"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
        ("AWS_LAMBDA_FUNCTION_NAME", "environment"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/environment"),
        ("AWS_REGION", "us-east-1"),
        ("LANG", "en_US.UTF-8"),
        ("TABLE", "ops-state"),
        ("TZ", ":UTC"),
    ] {
        assert_eq!(seen.remove(name), Some(json!(value)), "{name}");
    }
    assert!(seen.remove("AWS_LAMBDA_LOG_STREAM_NAME").unwrap().as_str().unwrap().starts_with("[$LATEST]"));
    assert!(seen.remove("AWS_LAMBDA_RUNTIME_API").unwrap().as_str().unwrap().starts_with("127.0.0.1:"));
    let rest: Vec<&String> = seen.keys().filter(|name| *name != "_X_AMZN_TRACE_ID").collect();
    assert_eq!(rest, ["LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT", "PATH"]);
    host.shutdown().await;
}

#[tokio::test]
async fn the_deadline_is_the_functions_timeout() {
    let (host, caller) = start(vec![Function { timeout: Duration::from_secs(20), ..function("echo") }]).await;
    let early = caller.invoke("echo", "1").await.json()["deadline"].as_u64().unwrap();
    let late = caller.invoke("echo", "1").await.json()["deadline"].as_u64().unwrap();
    assert!((early..early + 10_000).contains(&late), "{early} {late}");
    host.shutdown().await;
}
