//! The worker's process: it takes a task, asks what the task says, reports, and ends when it is told to.

use serde_json::{Value, json};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

fn worker(endpoint: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_smoke-tester"));
    command.env_clear().stdout(Stdio::null()).stderr(Stdio::piped()).envs([
        ("AWS_ENDPOINT_URL_SFN", endpoint),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("SMOKE_TESTER_ACTIVITY_ARN", "arn:aws:states:us-east-1:123456789012:activity:smoke-tester"),
        ("WORKER_CONCURRENCY", "1"),
        ("WORKER_GRACE_SECONDS", "600"),
    ]);
    command
}

/// Starts a server that answers each request with a JSON value, or holds it where there is none.
async fn serve(answer: impl Fn(&str) -> Option<Value> + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = Arc::clone(&answer);
            tokio::spawn(async move { converse(stream, &*answer).await });
        }
    });
    url
}

async fn converse(mut stream: TcpStream, answer: &(dyn Fn(&str) -> Option<Value> + Sync)) {
    while let Some(request) = read(&mut stream).await {
        let Some(body) = answer(&request).map(|body| body.to_string()) else { return std::future::pending().await };
        let text = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        // A client that has gone does not hear it.
        let _ = stream.write_all(text.as_bytes()).await;
    }
}

async fn read(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return Some(text);
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

#[tokio::test]
async fn a_task_is_taken_tested_reported_and_the_worker_ends_when_told() {
    let site = serve(|_| Some(json!({"version": "orders:8"}))).await;
    let input = json!({"target": "orders", "stage": "test-traffic", "baseUrl": site, "expectVersion": "orders:8",
        "entry": {"catalogId": "orders", "deployment": {"testUrl": site}},
        "smoke": {"versionPath": "/version", "requests": [{"name": "home", "path": "/"}]}});
    let (said, mut heard) = mpsc::unbounded_channel();
    let handed = std::sync::atomic::AtomicBool::new(false);
    let endpoint = serve(move |request| {
        if request.to_ascii_lowercase().contains("awsstepfunctions.getactivitytask") {
            let first = !handed.swap(true, std::sync::atomic::Ordering::SeqCst);
            return first.then(|| json!({"taskToken": "token", "input": input.to_string()}));
        }
        // The test may have ended already.
        let _ = said.send(request.to_owned());
        Some(json!({}))
    })
    .await;
    let process = worker(&endpoint).spawn().expect("the worker starts");
    let success = async {
        loop {
            let message = heard.recv().await.expect("the server lives");
            if message.to_ascii_lowercase().contains("awsstepfunctions.sendtasksuccess") {
                return message;
            }
        }
    };
    let message = tokio::time::timeout(Duration::from_secs(60), success).await.expect("a report");
    let body: Value = serde_json::from_str(message.split_once("\r\n\r\n").expect("a body").1).expect("JSON");
    assert_eq!(body["taskToken"], "token");
    let report: Value = serde_json::from_str(body["output"].as_str().expect("an output")).expect("JSON");
    assert_eq!(report["verdict"], "PASS", "{report}");
    assert_eq!(report["endpoints"][0]["passed"], 3);
    let sent = Command::new("kill").args(["-TERM", &process.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
    let ended = tokio::task::spawn_blocking(move || process.wait_with_output());
    let ended = tokio::time::timeout(Duration::from_secs(20), ended).await.expect("it ends long before its grace");
    let output = ended.expect("the wait is not cancelled").expect("an exit status");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_wrong_variable_is_named() {
    let output = worker("http://127.0.0.1:9").env("SMOKE_CA_FILE", "/nowhere.pem").output().expect("the worker starts");
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("Ops.ConfigInvalid: SMOKE_CA_FILE must name a PEM file"), "{text}");
}
