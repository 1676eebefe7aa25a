//! A worker against a Step Functions that answers from a script, without a socket.

use super::*;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use clients::http::Http;
use operations::time::Scale;
use serde_json::json;
use std::collections::VecDeque;
use std::sync::Mutex;
use tokio::sync::Notify;

/// A Step Functions: hands out the tasks of its queue, and records what it is told.
#[derive(Debug, Clone, Default)]
struct Service(Arc<State>);

#[derive(Debug, Default)]
struct State {
    tasks: Mutex<VecDeque<(&'static str, &'static str)>>,
    /// Answers that go before any other: operation, status, error code.
    faults: Mutex<VecDeque<(&'static str, u16, &'static str)>>,
    heard: Mutex<Vec<(String, Value)>>,
    news: Notify,
}

impl Service {
    fn with(tasks: &[(&'static str, &'static str)]) -> Self {
        let service = Self::default();
        service.0.tasks.lock().unwrap().extend(tasks);
        service
    }

    fn fault(self, operation: &'static str, status: u16, code: &'static str) -> Self {
        self.0.faults.lock().unwrap().push_back((operation, status, code));
        self
    }

    fn heard(&self, operation: &str) -> Vec<Value> {
        let heard = self.0.heard.lock().unwrap();
        heard.iter().filter(|(name, _)| name == operation).map(|(_, body)| body.clone()).collect()
    }

    /// Waits until an operation was called so many times.
    async fn until(&self, operation: &str, times: usize) {
        let enough = async {
            loop {
                let news = self.0.news.notified();
                if self.heard(operation).len() >= times {
                    return;
                }
                news.await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), enough).await.expect("the worker never said it");
    }

    fn answer(&self, operation: &str, body: Value) -> Option<(u16, Value)> {
        self.0.heard.lock().unwrap().push((operation.to_owned(), body));
        self.0.news.notify_waiters();
        let mut faults = self.0.faults.lock().unwrap();
        if let Some(index) = faults.iter().position(|(name, _, _)| *name == operation) {
            let (_, status, code) = faults.remove(index)?;
            return Some((status, json!({"__type": code, "message": "as the test wants"})));
        }
        match operation {
            // No task: the poll is held for ever.
            "GetActivityTask" => {
                let (token, input) = self.0.tasks.lock().unwrap().pop_front()?;
                Some((200, json!({"taskToken": token, "input": input})))
            }
            "ListActivities" => {
                let arn = "arn:aws:states:us-east-1:123456789012:activity:recovery-watcher";
                let known = json!([{"activityArn": arn, "name": "recovery-watcher", "creationDate": 0}]);
                // The activity is created between the first and the second question.
                let asked = self.heard("ListActivities").len();
                Some((200, json!({"activities": if asked > 1 { known } else { json!([]) }})))
            }
            _ => Some((200, json!({}))),
        }
    }
}

impl HttpConnector for Service {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default().to_owned();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let body = serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap_or_default();
        let answer = self.answer(&operation, body);
        HttpConnectorFuture::new(async move {
            let Some((status, body)) = answer else { return std::future::pending().await };
            let status = status.try_into().expect("a status");
            Ok(HttpResponse::new(status, SdkBody::from(body.to_string())))
        })
    }
}

/// Answers what its input says, or never.
struct Script;

impl Activity for Script {
    async fn run(&self, input: Value, task: &Task) -> Result<Value, Error> {
        match input["do"].as_str() {
            Some("answer") => Ok(json!({"answer": input["with"]})),
            Some("fail") => Err(Error::new(Kind::VerificationFailed, "not recovered")),
            Some("beat") => {
                task.beat();
                std::future::pending().await
            }
            _ => std::future::pending().await,
        }
    }
}

fn worker(service: &Service, grace: Duration) -> Worker<Script> {
    let config = aws_sdk_sfn::Config::builder()
        .behavior_version(aws_sdk_sfn::config::BehaviorVersion::latest())
        .region(aws_sdk_sfn::config::Region::new("us-east-1"))
        .credentials_provider(aws_credential_types::Credentials::for_tests())
        .retry_config(aws_smithy_types::retry::RetryConfig::disabled())
        .http_client(Http::over(service.clone()).shared())
        .build();
    let settings = Config {
        activity: Place::Named("recovery-watcher".into()),
        name: "tester".into(),
        concurrency: 2,
        heartbeat: Duration::from_secs(60),
        grace,
    };
    // A minute passes in a hundredth of a second.
    let clock = Clock::new(Scale::new(0, 6_000.0).unwrap());
    Worker::new(aws_sdk_sfn::Client::from_conf(config), settings, clock, Script)
}

/// Runs a worker until an operation was heard so many times, then drains it.
async fn run_until(service: &Service, operation: &str, times: usize) {
    worker(service, Duration::from_millis(1)).run(service.until(operation, times)).await;
}

#[tokio::test]
async fn results_and_named_failures_are_reported() {
    let service = Service::with(&[("token-1", r#"{"do":"answer","with":7}"#), ("token-2", r#"{"do":"fail"}"#)]);
    let both = async {
        service.until("SendTaskSuccess", 1).await;
        service.until("SendTaskFailure", 1).await;
    };
    worker(&service, Duration::from_millis(1)).run(both).await;
    let success = &service.heard("SendTaskSuccess")[0];
    assert_eq!(success["taskToken"], "token-1");
    assert_eq!(success["output"], r#"{"answer":7}"#);
    let failure = &service.heard("SendTaskFailure")[0];
    assert_eq!(failure, &json!({"taskToken": "token-2", "error": "Ops.VerificationFailed", "cause": "not recovered"}));
    let poll = &service.heard("GetActivityTask")[0];
    assert_eq!(poll["workerName"], "tester");
    assert_eq!(poll["activityArn"], "arn:aws:states:us-east-1:123456789012:activity:recovery-watcher");
}

#[tokio::test]
async fn an_input_that_is_no_json_fails_by_name() {
    let service = Service::with(&[("token", "{")]);
    run_until(&service, "SendTaskFailure", 1).await;
    assert_eq!(service.heard("SendTaskFailure")[0]["error"], "Ops.InvalidInput");
}

#[tokio::test]
async fn heartbeats_go_on_while_the_work_does() {
    let service = Service::with(&[("token", r#"{"do":"nothing"}"#)]);
    run_until(&service, "SendTaskHeartbeat", 3).await;
    assert!(service.heard("SendTaskHeartbeat").iter().all(|body| body["taskToken"] == "token"));
}

#[tokio::test]
async fn a_beat_that_is_asked_for_is_sent_at_once() {
    let service = Service::with(&[("token", r#"{"do":"beat"}"#)]);
    let mut patient = worker(&service, Duration::from_millis(1));
    patient.clock = Clock::default();
    // In real time the next regular heartbeat would come after 20 seconds, which is when `until` gives up.
    patient.run(service.until("SendTaskHeartbeat", 1)).await;
}

#[tokio::test]
async fn unfinished_work_is_handed_back_when_the_grace_is_over() {
    let service = Service::with(&[("token", r#"{"do":"nothing"}"#)]);
    run_until(&service, "SendTaskHeartbeat", 1).await;
    assert_eq!(service.heard("SendTaskFailure")[0]["error"], "Ops.ResourceBusy");
}

#[tokio::test]
async fn an_idle_worker_ends_at_once() {
    let service = Service::default();
    worker(&service, Duration::from_secs(3600)).run(service.until("GetActivityTask", 2)).await;
    assert!(service.heard("SendTaskFailure").is_empty());
}

#[tokio::test]
async fn a_task_that_was_taken_away_is_dropped_silently() {
    let service = Service::with(&[("token", r#"{"do":"nothing"}"#)]).fault("SendTaskHeartbeat", 400, "TaskTimedOut");
    // The slot that lost its task polls again: two first polls and a third.
    run_until(&service, "GetActivityTask", 3).await;
    assert!(service.heard("SendTaskFailure").is_empty());
    assert_eq!(service.heard("SendTaskHeartbeat").len(), 1);
}

#[tokio::test]
async fn polls_reconnect_and_results_are_sent_again() {
    let service = Service::with(&[("token", r#"{"do":"answer","with":1}"#)])
        .fault("GetActivityTask", 503, "ServiceUnavailable")
        .fault("GetActivityTask", 400, "ThrottlingException")
        .fault("SendTaskSuccess", 500, "InternalServerError");
    run_until(&service, "SendTaskSuccess", 2).await;
    assert!(service.heard("GetActivityTask").len() >= 3);
}

#[test]
fn the_environment_is_checked_by_name() {
    let config = Config::of(&Environment::default(), "X_ACTIVITY_ARN", "x").unwrap();
    assert_eq!(config.activity, Place::Named("x".into()));
    let environment = Environment::of([("X_ACTIVITY_ARN", "arn"), ("WORKER_CONCURRENCY", "none")]);
    assert!(Config::of(&environment, "X_ACTIVITY_ARN", "x").unwrap_err().message().starts_with("WORKER_CONCURRENCY"));
    let environment = Environment::of([("X_ACTIVITY_ARN", "arn"), ("WORKER_NAME", "me")]);
    let config = Config::of(&environment, "X_ACTIVITY_ARN", "x").unwrap();
    assert_eq!(config.activity, Place::Arn("arn".into()));
    assert_eq!((config.name.as_str(), config.concurrency, config.grace), ("me", 8, Duration::from_secs(20)));
}
