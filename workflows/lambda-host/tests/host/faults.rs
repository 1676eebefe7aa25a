//! What callers see when a function fails, hangs, grows or dies, and what remains of its processes.

use std::process::Stdio;
use std::time::Duration;

use crate::support::{Caller, Links, config, example, function, start, start_with};
use http::StatusCode;
use lambda_host::{Config, Function, Limits};
use tokio::io::{AsyncBufReadExt, BufReader};

#[tokio::test]
async fn an_error_of_the_function_passes_unchanged() {
    let (host, caller) = start(vec![function("fail")]).await;
    let answer = caller.invoke("fail", "{}").await;
    assert_eq!(answer.function_error(), ("Test.Refused".to_owned(), "not today".to_owned()));
    assert_eq!(caller.figures().await["idle"], 1, "a function that fails is not broken");
    host.shutdown().await;
}

#[tokio::test]
async fn a_timeout_kills_the_process() {
    let links = Links::open().await;
    let (host, caller) = start(vec![Function { timeout: Duration::from_millis(1500), ..function("hang") }]).await;
    let answer = caller.invoke_with("hang", links.event(false), &[("x-amz-log-type", "Tail")]).await;
    let message = "RequestId: ID Error: Task timed out after 1.50 seconds";
    assert_eq!(answer.function_error(), ("Sandbox.Timedout".to_owned(), message.to_owned()));
    let tail = answer.tail();
    assert!(tail.contains(&format!("{} Task timed out after 1.50 seconds\n", answer.request_id())), "{tail}");
    assert!(tail.ends_with("\tStatus: timeout\n"), "{tail}");
    assert!(tail.contains("printed by"), "what it printed before is not lost: {tail}");
    links.accept().await.gone().await;
    assert_eq!(caller.figures().await["idle"], 0);
    host.shutdown().await;
}

#[tokio::test]
async fn too_much_memory_kills_the_process() {
    let links = Links::open().await;
    let (host, caller) = start(vec![Function { memory_mb: 64, ..function("allocate") }]).await;
    let mut event: serde_json::Value = serde_json::from_str(&links.event(false)).unwrap();
    event["megabytes"] = 100.into();
    let answer = caller.invoke_with("allocate", event.to_string(), &[("x-amz-log-type", "Tail")]).await;
    let message = "RequestId: ID Error: Runtime exited with error: signal: killed";
    assert_eq!(answer.function_error(), ("Runtime.OutOfMemory".to_owned(), message.to_owned()));
    let expected = "\tMemory Size: 64 MB\tMax Memory Used: 64 MB";
    let tail = answer.tail();
    assert!(tail.contains(expected) && tail.contains("Error Type: Runtime.OutOfMemory"), "{tail}");
    links.accept().await.gone().await;
    host.shutdown().await;
}

#[tokio::test]
async fn a_crash_is_told_in_the_words_of_aws_and_the_next_invocation_is_served() {
    let (host, caller) = start(vec![function("crash"), function("exit")]).await;
    for _ in 0..2 {
        let (name, message) = caller.invoke("crash", "{}").await.function_error();
        assert_eq!(name, "Runtime.ExitError");
        let expected = "RequestId: ID Error: Runtime exited with error: signal: aborted";
        assert!(message.starts_with(expected), "{message}");
    }
    let message = "RequestId: ID Error: Runtime exited with error: exit status 3";
    let answer = caller.invoke("exit", "{}").await;
    assert_eq!(answer.function_error(), ("Runtime.ExitError".to_owned(), message.to_owned()));
    let log = caller.log(answer.request_id()).await;
    assert!(log.contains(&"Runtime.ExitError".to_owned()), "{log:?}");
    assert!(log.contains(&format!("printed by {}", answer.request_id())), "{log:?}");
    host.shutdown().await;
}

#[tokio::test]
async fn an_answer_that_is_not_json_is_a_marshal_error() {
    let (host, caller) = start(vec![function("malformed")]).await;
    let (name, message) = caller.invoke("malformed", "{}").await.function_error();
    assert_eq!(name, "Runtime.MarshalError");
    assert!(message.contains("Unable to marshal response: the response is not JSON"), "{message}");
    host.shutdown().await;
}

#[tokio::test]
async fn an_answer_beyond_6_mb_is_refused() {
    let (host, caller) = start(vec![function("oversized")]).await;
    let (name, message) = caller.invoke("oversized", "{}").await.function_error();
    assert_eq!(name, "Function.ResponseSizeTooLarge");
    assert_eq!(message, "Response payload size exceeded maximum allowed payload size (6291556 bytes).");
    host.shutdown().await;
}

#[tokio::test]
async fn an_initialisation_is_tried_twice_and_its_error_is_told() {
    let (host, caller) = start(vec![function("init-error")]).await;
    let answer = caller.invoke("init-error", "{}").await;
    assert_eq!(answer.function_error(), ("Test.NotConfigured".to_owned(), "no table".to_owned()));
    assert_eq!(caller.figures().await["started"], 2);
    host.shutdown().await;
    let (host, caller) = start(vec![function("init-exit")]).await;
    let message = "RequestId: ID Error: Runtime exited with error: exit status 7";
    let answer = caller.invoke("init-exit", "{}").await;
    assert_eq!(answer.function_error(), ("Runtime.ExitError".to_owned(), message.to_owned()));
    host.shutdown().await;
}

#[tokio::test]
async fn an_initialisation_that_hangs_ends_with_the_functions_timeout() {
    let limits = Limits { init: Duration::from_millis(50), ..Limits::default() };
    let functions = vec![Function { timeout: Duration::from_millis(100), ..function("init-hang") }];
    let (host, caller) = start_with(Config { limits, ..config(functions) }).await;
    let answer = caller.invoke("init-hang", "{}").await;
    let message = "RequestId: ID Error: Task timed out after 0.10 seconds";
    assert_eq!(answer.function_error(), ("Sandbox.Timedout".to_owned(), message.to_owned()));
    let log = caller.log(answer.request_id()).await;
    assert!(log.iter().any(|line| line.starts_with("INIT_REPORT Init Duration: ")), "{log:?}");
    host.shutdown().await;
}

#[tokio::test]
async fn a_binary_that_cannot_run_is_named() {
    let binary = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let (host, caller) = start(vec![Function { binary, ..function("echo") }]).await;
    let (name, message) = caller.invoke("echo", "{}").await.function_error();
    assert_eq!(name, "Runtime.InvalidEntrypoint");
    assert!(message.contains("fork/exec") && message.contains("Cargo.toml"), "{message}");
    host.shutdown().await;
}

#[tokio::test]
async fn an_environment_idle_for_long_is_stopped() {
    let links = Links::open().await;
    let limits = Limits { idle: Duration::from_millis(20), ..Limits::default() };
    let (host, caller) = start_with(Config { limits, ..config(vec![function("echo")]) }).await;
    assert_eq!(caller.invoke("echo", links.event(false)).await.status, StatusCode::OK);
    links.accept().await.gone().await;
    host.shutdown().await;
}

#[tokio::test]
async fn a_shutdown_ends_invocations_and_processes() {
    let links = Links::open().await;
    let (host, caller) = start(vec![function("hang"), function("echo")]).await;
    assert_eq!(caller.invoke("echo", links.event(false)).await.status, StatusCode::OK);
    let idle = links.accept().await;
    let event = links.event(false);
    let call = tokio::spawn(async move { caller.invoke("hang", event).await });
    let busy = links.accept().await;
    host.shutdown().await;
    let answer = call.await.unwrap();
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.header("x-amzn-errortype"), Some("ServiceException"));
    busy.gone().await;
    idle.gone().await;
    host.shutdown().await;
}

#[tokio::test]
async fn a_dropped_host_leaves_no_process() {
    let links = Links::open().await;
    let (host, caller) = start(vec![function("echo")]).await;
    assert_eq!(caller.invoke("echo", links.event(false)).await.status, StatusCode::OK);
    let idle = links.accept().await;
    drop(host);
    idle.gone().await;
}

#[tokio::test]
async fn processes_do_not_survive_a_host_that_is_killed() {
    let links = Links::open().await;
    let mut host = tokio::process::Command::new(example("host"))
        .arg(example("function"))
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(host.stdout.take().unwrap()).read_line(&mut url).await.unwrap();
    let caller = Caller { url: url.trim().to_owned() };
    let call = |wait| {
        let (caller, event) = (caller.clone(), links.event(wait));
        tokio::spawn(async move { caller.invoke("echo", event).await })
    };
    let _busy_call = call(true);
    let mut busy = links.accept().await;
    assert_eq!(call(false).await.unwrap().status, StatusCode::OK);
    let idle = links.accept().await;
    // SIGKILL: the host cannot clean up.
    host.kill().await.unwrap();
    idle.gone().await;
    busy.release().await;
    busy.gone().await;
}
