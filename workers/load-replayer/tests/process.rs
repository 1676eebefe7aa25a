//! The worker's process: what it needs, and how it ends.

use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

fn worker(endpoint: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_load-replayer"));
    command.env_clear().stdout(Stdio::null()).stderr(Stdio::piped()).envs([
        ("AWS_ENDPOINT_URL_SFN", endpoint),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("LOAD_REPLAYER_ACTIVITY_ARN", "arn:aws:states:us-east-1:123456789012:activity:load-replayer"),
        ("WORKER_CONCURRENCY", "1"),
        ("WORKER_GRACE_SECONDS", "600"),
    ]);
    command
}

#[tokio::test]
async fn an_idle_worker_ends_at_once_on_sigterm() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    let process = worker(&endpoint).spawn().expect("the worker starts");
    // Its first poll: the request is read and held, as Step Functions does.
    let (mut stream, _) = listener.accept().await.expect("a poll");
    let mut bytes = vec![0; 4096];
    let read = stream.read(&mut bytes).await.expect("a request");
    let request = String::from_utf8_lossy(&bytes[..read]).to_ascii_lowercase();
    assert!(request.contains("awsstepfunctions.getactivitytask"), "{request}");
    let sent = Command::new("kill").args(["-TERM", &process.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
    let ended = tokio::task::spawn_blocking(move || process.wait_with_output());
    let ended = tokio::time::timeout(Duration::from_secs(20), ended).await.expect("it ends long before its grace");
    let output = ended.expect("the wait is not cancelled").expect("an exit status");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_wrong_variable_is_named() {
    let output = worker("http://127.0.0.1:9").env("OPS_TIME_SCALE", "fast").output().expect("the worker starts");
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("Ops.ConfigInvalid: OPS_TIME_SCALE must be a number"), "{text}");
}
