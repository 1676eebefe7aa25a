//! Calls to the Step Functions API, AWS JSON 1.0 over HTTP.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::{Value as Json, json};

use crate::clock;
use crate::failure::{During, Failure};

/// Beyond it an answer is a failure; a long poll takes 60 s.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long a client that is alone asks again at once: a pause of the timer's 1 ms would be most of what it measures.
const EAGER_ALONE: Duration = Duration::from_millis(2);
/// How often the others do, before their first pause.
const EAGER: u32 = 4;
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// A client with a pool of connections; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: legacy::Client<HttpConnector, Full<Bytes>>,
    address: String,
}

impl Client {
    /// Of the service at `address`, `http://HOST:PORT`.
    pub(crate) fn new(address: &str) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let http = legacy::Client::builder(TokioExecutor::new()).pool_max_idle_per_host(1_024).build(connector);
        Self { http, address: format!("{}/", address.trim_end_matches('/')) }
    }

    /// One call. Everything but 200 is a failure.
    pub(crate) async fn call(&self, action: &str, body: &Json) -> Result<Json, Failure> {
        let request = http::Request::post(&self.address)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("AWSStepFunctions.{action}"))
            .body(Full::new(Bytes::from(body.to_string())))
            .during(|| action.to_owned())?;
        let exchange = async {
            let answer = self.http.request(request).await.during(|| action.to_owned())?;
            let status = answer.status();
            let body = answer.into_body().collect().await.during(|| action.to_owned())?.to_bytes();
            Ok((status, body))
        };
        let answered = tokio::time::timeout(PATIENCE, exchange).await.during(|| action.to_owned())?;
        let (status, body) = answered?;
        if status != http::StatusCode::OK {
            return Err(Failure::new(format!("{action}: {status} {}", String::from_utf8_lossy(&body))));
        }
        if body.is_empty() { Ok(Json::Null) } else { serde_json::from_slice(&body).during(|| action.to_owned()) }
    }

    /// A text of the answer.
    async fn text(&self, action: &str, body: &Json, member: &str) -> Result<String, Failure> {
        let answer = self.call(action, body).await?;
        let text = answer[member].as_str().map(ToOwned::to_owned);
        text.ok_or_else(|| Failure::new(format!("{action} answered no {member}: {answer}")))
    }

    /// Creates a state machine; its ARN.
    pub(crate) async fn create(&self, name: &str, definition: &Json, express: bool) -> Result<String, Failure> {
        let kind = if express { "EXPRESS" } else { "STANDARD" };
        let body = json!({
            "name": name, "definition": definition.to_string(), "type": kind,
            "roleArn": "arn:aws:iam::123456789012:role/load",
        });
        self.text("CreateStateMachine", &body, "stateMachineArn").await
    }

    /// Creates an activity; its ARN.
    pub(crate) async fn create_activity(&self, name: &str) -> Result<String, Failure> {
        self.text("CreateActivity", &json!({"name": name}), "activityArn").await
    }

    /// Starts an execution; its ARN.
    pub(crate) async fn start(&self, machine: &str, input: &str) -> Result<String, Failure> {
        let body = json!({"stateMachineArn": machine, "input": input});
        self.text("StartExecution", &body, "executionArn").await
    }

    /// Asks until the execution has succeeded; its output.
    pub(crate) async fn succeeded(&self, execution: &str, alone: bool) -> Result<Json, Failure> {
        let (begin, body) = (clock::now(), json!({"executionArn": execution}));
        let mut asked = 0;
        loop {
            let answer = self.call("DescribeExecution", &body).await?;
            match answer["status"].as_str() {
                Some("RUNNING") if begin.elapsed() < PATIENCE => {}
                Some("SUCCEEDED") => return output(&answer),
                _ => return Err(Failure::new(format!("an execution did not succeed: {answer}"))),
            }
            asked += 1;
            let took = begin.elapsed();
            let patient = if alone { took > EAGER_ALONE } else { asked >= EAGER };
            if patient {
                // What takes long is known to an eighth, and the asking does not slow it down.
                tokio::time::sleep((took / 8).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)).await;
            }
        }
    }
}

/// The output of an execution that has succeeded.
pub(crate) fn output(answer: &Json) -> Result<Json, Failure> {
    let text = answer["output"].as_str().ok_or_else(|| Failure::new(format!("no output: {answer}")))?;
    serde_json::from_str(text).during(|| "output".to_owned())
}
