//! The simulated AWS account of a test.

use std::path::Path;

use serde_json::{Value, json};

use crate::client::request;
use crate::process::{Process, free_port};

/// The ports of those whom a sandbox calls by itself.
#[derive(Clone, Copy, Debug)]
pub struct Callees {
    /// The Lambda Invoke API.
    pub lambda: u16,
    /// The Step Functions API.
    pub sfn: u16,
}

/// A running sandbox.
#[derive(Debug)]
pub struct Account {
    /// The process.
    pub process: Process,
    /// Where it listens.
    pub port: u16,
}

impl Account {
    /// Starts a sandbox whose time runs `scale` times as fast, from `origin` (milliseconds since the epoch) on. Its
    /// deployment hooks are called at the port `lambda`, its rules start executions at the port `sfn`.
    pub async fn start(scale: f64, origin: i64, redis: Option<(&str, u16)>, to: Callees, logs: &Path) -> Self {
        let port = free_port();
        let mut arguments = vec![
            format!("--lambda-endpoint=http://127.0.0.1:{}", to.lambda),
            format!("--sfn-endpoint=http://127.0.0.1:{}", to.sfn),
            format!("--port={port}"),
            "--seed=7".to_owned(),
            format!("--time-scale={scale}"),
            format!("--time-origin={origin}"),
        ];
        if let Some((host, redis)) = redis {
            arguments.extend([format!("--redis-host={host}"), format!("--redis-port={redis}")]);
        }
        let mut process = Process::start("sandbox", &arguments, &[], logs);
        process.listening(port).await;
        Self { process, port }
    }

    /// The endpoint for AWS clients.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A control request of the sandbox.
    ///
    /// # Panics
    /// It is refused.
    pub async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = request(method, self.port, &format!("/_sandbox/{path}"), &[], &body).await;
        assert!(status < 300, "{method} {path} {body}: {status} {answer}");
        answer
    }

    /// Lets the next `count` calls of an operation fail in the way `fault` says.
    pub async fn fault(&self, service: &str, operation: &str, count: u32, fault: Value) {
        let mut body = json!({"service": service, "operation": operation, "count": count});
        if let (Some(body), Some(fault)) = (body.as_object_mut(), fault.as_object()) {
            body.extend(fault.clone());
        }
        self.control("POST", "faults", body).await;
    }

    /// Waits until a CloudWatch alarm rings: from then on the metrics show what is wrong.
    ///
    /// # Panics
    /// There is no such alarm, or it does not ring within a minute.
    pub async fn rings(&self, alarm: &str) {
        for _ in 0..1200 {
            let state = self.control("GET", "state", Value::Null).await;
            let known = state["alarms"].as_array().into_iter().flatten().find(|known| known["name"] == alarm).cloned();
            let known = known.unwrap_or_else(|| panic!("there is no alarm {alarm}: {}", state["alarms"]));
            if known["state"] == "ALARM" {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("{alarm} does not ring");
    }

    /// Waits until the account's clock has passed an instant, given as a DynamoDB number of milliseconds.
    ///
    /// # Panics
    /// It is no number, or it is not reached within a minute.
    pub async fn passed(&self, instant: &Value) {
        let instant = instant.as_str().and_then(|text| text.parse::<i64>().ok());
        let instant = instant.expect("an instant in milliseconds");
        for _ in 0..1200 {
            let now = self.control("GET", "state", Value::Null).await["now"].as_i64().expect("the account has a clock");
            if now > instant {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("the account's clock does not reach {instant}");
    }

    /// Calls of an operation so far that were carried out.
    ///
    /// # Panics
    /// The call log is not a list.
    pub async fn calls(&self, operation: &str) -> Vec<Value> {
        let calls = self.control("GET", "calls", Value::Null).await;
        let calls = calls.as_array().cloned().unwrap_or_else(|| panic!("the call log is a list: {calls}"));
        let of_operation = |call: &Value| call["operation"] == operation && call["status"] == 200;
        calls.into_iter().filter(of_operation).collect()
    }

    /// A JSON call of an AWS service, such as `DynamoDB_20120810.GetItem`.
    ///
    /// # Panics
    /// The service refuses it.
    pub async fn aws(&self, target: &str, body: Value) -> Value {
        let headers = [("x-amz-target", target), ("content-type", "application/x-amz-json-1.0")];
        let (status, answer) = request("POST", self.port, "/", &headers, &body).await;
        assert_eq!(status, 200, "{target} {body}: {answer}");
        answer
    }

    /// An item of the state table.
    pub async fn state(&self, key: &str) -> Value {
        let body = json!({"TableName": "ops-state", "Key": {"pk": {"S": key}}, "ConsistentRead": true});
        self.aws("DynamoDB_20120810.GetItem", body).await["Item"].clone()
    }
}
