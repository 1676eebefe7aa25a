//! What the test files share: a sandbox on virtual time, SDK configuration, raw HTTP.
#![expect(dead_code, reason = "each test file is a crate of its own and uses a part")]

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_ecs::config::retry::RetryConfig;
use aws_sdk_ecs::config::timeout::TimeoutConfig;
use aws_sdk_ecs::config::{BehaviorVersion, Region};
use aws_types::SdkConfig;
use sandbox::{Config, Sandbox, Time};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Noon of a fixed day, milliseconds since the epoch.
pub(crate) const NOON_MS: i64 = 1_767_268_800_000;

/// A sandbox whose time moves only when told; waiting is a thousand times faster than its virtual length.
pub(crate) async fn sandbox() -> Sandbox {
    at_scale(1000.0).await
}

/// A sandbox whose time moves only when told, with waits that last their virtual length divided by `time_scale`.
pub(crate) async fn at_scale(time_scale: f64) -> Sandbox {
    let config = Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        time: Time::Manual { start_ms: NOON_MS },
        time_scale,
        ..Config::default()
    };
    Sandbox::start(config).await.unwrap()
}

/// Lets virtual seconds pass.
pub(crate) fn pass(sandbox: &Sandbox, seconds: u64) {
    sandbox.advance(Duration::from_secs(seconds)).unwrap();
}

/// The configuration of an AWS SDK client against `url`, without retries.
pub(crate) fn sdk(url: &str) -> SdkConfig {
    let credentials = Credentials::new("test", "test", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(url)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().operation_timeout(Duration::from_secs(20)).build())
        .build()
}

/// An answer of the raw client.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// One HTTP request to the sandbox; `None` when the connection is dropped without an answer.
pub(crate) async fn http(
    sandbox: &Sandbox,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Option<Answer> {
    send(&sandbox.addr().to_string(), method, path, headers, body).await
}

/// One HTTP request; `None` when the connection is dropped without an answer.
pub(crate) async fn send(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut request =
        format!("{method} {path} HTTP/1.1\r\nhost: sandbox\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    request.push_str(body);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let _dropped = stream.read_to_end(&mut bytes).await;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, head: head.to_lowercase(), body: body.to_owned() })
}

/// An AWS JSON call.
pub(crate) async fn call(sandbox: &Sandbox, target: &str, parameters: &Value) -> Answer {
    let headers = [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", target)];
    http(sandbox, "POST", "/", &headers, &parameters.to_string()).await.unwrap()
}

/// A control request.
pub(crate) async fn control(sandbox: &Sandbox, method: &str, path: &str, body: &Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    http(sandbox, method, &format!("/_sandbox/{path}"), &[], &body).await.unwrap()
}
