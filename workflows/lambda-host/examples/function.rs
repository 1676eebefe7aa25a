//! The Lambda function that the tests run. `_HANDLER` picks its behaviour.

use std::io::{Read, Write};
use std::net::TcpStream;

use lambda_runtime::{Context, Diagnostic, Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let handler = variable("_HANDLER");
    match handler.as_str() {
        "init-error" => post("init/error", r#"{"errorType":"Test.NotConfigured","errorMessage":"no table"}"#),
        "init-exit" => std::process::exit(7),
        "init-hang" => std::future::pending().await,
        "malformed" => answer_with("this is not JSON"),
        "oversized" => answer_with(&format!("\"{}\"", "x".repeat(6_291_556))),
        _ => lambda_runtime::run(service_fn(handle)).await?,
    }
    Ok(())
}

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Diagnostic> {
    println!("printed by {}", event.context.request_id);
    eprintln!("complained by {}", event.context.request_id);
    if let Some(address) = event.payload["link"].as_str() {
        link(address, event.payload["wait"] == true);
    }
    match variable("_HANDLER").as_str() {
        "fail" => Err(Diagnostic { error_type: "Test.Refused".into(), error_message: "not today".into() }),
        "crash" => std::process::abort(),
        "exit" => std::process::exit(3),
        "hang" => std::future::pending().await,
        "allocate" => Ok(allocate(event.payload["megabytes"].as_u64().unwrap_or(0))),
        "environment" => Ok(std::env::vars().map(|(name, value)| (name, Value::from(value))).collect()),
        "file" => Ok(packaged()),
        _ => Ok(echo(event.payload, &event.context)),
    }
}

fn echo(event: Value, context: &Context) -> Value {
    json!({
        "event": event,
        "pid": std::process::id(),
        "requestId": context.request_id,
        "functionArn": context.invoked_function_arn,
        "deadline": context.deadline,
        "traceId": context.xray_trace_id,
    })
}

/// What the function's package says.
fn packaged() -> Value {
    let text = std::fs::read("answer.json").expect("the package has an answer");
    serde_json::from_slice(&text).expect("the answer is JSON")
}

/// Opens a connection that lasts as long as this process, sends the process id, and waits for a byte if asked to.
fn link(address: &str, wait: bool) {
    let mut stream = TcpStream::connect(address).expect("the test listens");
    writeln!(stream, "{}", std::process::id()).expect("the test reads");
    if wait {
        let _ = stream.read(&mut [0]);
    }
    std::mem::forget(stream);
}

fn allocate(megabytes: u64) -> Value {
    let bytes = vec![1_u8; usize::try_from(megabytes).unwrap_or(0) << 20];
    std::hint::black_box(&bytes);
    // Time for the host to look: it kills a process that is over its limit.
    std::thread::park();
    json!(bytes.len())
}

/// Speaks the Runtime API by hand: answers every invocation with this text, until the host is gone.
fn answer_with(text: &str) {
    loop {
        let head = request(&format!("GET {PREFIX}invocation/next HTTP/1.1\r\nHost: runtime\r\n\r\n"));
        let id = head.lines().find_map(|line| line.strip_prefix("lambda-runtime-aws-request-id: "));
        let Some(id) = id else { return };
        post(&format!("invocation/{id}/response"), text);
    }
}

const PREFIX: &str = "/2018-06-01/runtime/";

fn post(path: &str, body: &str) {
    let length = body.len();
    request(&format!("POST {PREFIX}{path} HTTP/1.1\r\nHost: runtime\r\nContent-Length: {length}\r\n\r\n{body}"));
}

/// The head of the answer.
fn request(text: &str) -> String {
    let mut stream = TcpStream::connect(variable("AWS_LAMBDA_RUNTIME_API")).expect("the Runtime API listens");
    stream.write_all(text.as_bytes()).expect("the Runtime API reads");
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).replace("\r\n", "\n")
}

#[expect(clippy::disallowed_methods, reason = "a function is configured by its environment")]
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}
