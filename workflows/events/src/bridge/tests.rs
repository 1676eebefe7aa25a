//! Rules, schedules and deliveries over a real engine, on a clock that only the tests move.

mod crashes;
mod deliveries;
mod events;
mod schedules;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use engine::{Clock, NewStateMachine, aws};
use serde_json::{Value, json};

use super::*;

/// 2026-01-01T00:00:00Z.
pub(crate) const START: Millis = 1_767_225_600_000;
pub(crate) const MINUTE: Millis = 60_000;
pub(crate) const HOUR: Millis = 60 * MINUTE;
const PASS: &str = r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#;
const FAIL: &str = r#"{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"Broken","Cause":"by a test"}}}"#;

/// Lets everything end at a certain step, as a crash would.
#[derive(Debug)]
pub(crate) struct Fuse {
    left: AtomicUsize,
}

impl Default for Fuse {
    fn default() -> Self {
        Self { left: AtomicUsize::new(usize::MAX) }
    }
}

impl Fuse {
    pub(crate) fn set(&self, steps: usize) {
        self.left.store(steps, Ordering::SeqCst);
    }

    pub(crate) fn is_burnt(&self) -> bool {
        self.left.load(Ordering::SeqCst) == 0
    }

    #[expect(clippy::unused_async, reason = "a place in async code")]
    pub(crate) async fn burn(&self) {
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| match left {
            usize::MAX => Some(left),
            left => Some(left.saturating_sub(1)),
        });
        if left.unwrap_or(0) <= 1 {
            std::panic::resume_unwind(Box::new("the fuse has burnt"));
        }
    }
}

fn engine_config(directory: Option<&Path>, clock: &Clock, url: &str) -> engine::Config {
    engine::Config {
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
        data_dir: directory.map(ToOwned::to_owned),
        aws: aws::Endpoint::Url(url.to_owned()),
        lambda_endpoint: Some(url.to_owned()),
        events_endpoint: None,
        clock: clock.clone(),
        limits: execution::Limits::default(),
        names: engine::Names::default(),
        quotas: engine::Quotas::default(),
        signers: aws::Signers::default(),
    }
}

/// An engine with a bus beside it.
pub(crate) struct World {
    pub(crate) bridge: Bridge,
    pub(crate) engine: Engine,
    pub(crate) clock: Clock,
}

impl World {
    /// In memory; nobody answers for AWS.
    pub(crate) async fn new() -> Self {
        Self::open(None, &Clock::manual(START), Config::default()).await
    }

    /// On a directory, once whoever had it has let go.
    pub(crate) async fn open(directory: Option<&Path>, clock: &Clock, config: Config) -> Self {
        let engine = loop {
            match Engine::open(engine_config(directory, clock, "http://127.0.0.1:1")).await {
                Ok(engine) => break engine,
                Err(error) if error.to_string().contains("in use") => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        };
        let bridge = Bridge::open(engine.clone(), config).unwrap();
        Self { bridge, engine, clock: clock.clone() }
    }

    pub(crate) async fn machine(&self, name: &str, definition: &str) -> String {
        let role_arn = "arn:aws:iam::123456789012:role/r".to_owned();
        let new = NewStateMachine {
            name: name.to_owned(),
            definition: definition.to_owned(),
            role_arn,
            ..NewStateMachine::default()
        };
        self.engine.create_state_machine(new).await.unwrap().machine.arn.to_string()
    }

    /// An operation of EventBridge that goes well.
    pub(crate) async fn events(&self, operation: &str, request: Value) -> Value {
        crate::wire::perform_events(&self.bridge, operation, &request)
            .await
            .unwrap_or_else(|fault| panic!("{operation}: {fault}"))
    }

    /// A rule with one target.
    pub(crate) async fn rule(&self, name: &str, rule: Value, target: Value) {
        let mut rule = rule;
        rule["Target"] = target;
        self.bridge.load_rule(name, &rule).await.unwrap();
    }

    pub(crate) async fn schedule(&self, name: &str, expression: &str, machine: &str, more: Value) {
        let mut schedule = json!({"ScheduleExpression": expression, "Target": {"Arn": machine, "Input": "{\"n\":1}"}});
        for (name, value) in more.as_object().into_iter().flatten() {
            schedule[name] = value.clone();
        }
        self.bridge.load_schedule(name, &schedule).await.unwrap();
    }

    pub(crate) async fn put(&self, source: &str, detail: Value) -> String {
        let entry = json!({"Source": source, "DetailType": "t", "Detail": detail.to_string()});
        let answer = self.events("PutEvents", json!({"Entries": [entry]})).await;
        assert_eq!(answer["FailedEntryCount"], 0, "{answer}");
        answer["Entries"][0]["EventId"].as_str().unwrap().to_owned()
    }

    /// Waits until nothing is under way and nothing is due.
    pub(crate) async fn settled(&self) {
        while self.bridge.idle().is_none() || self.engine.idle().is_none() {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) async fn advance(&self, by: Millis) {
        self.clock.advance(by);
        self.settled().await;
    }

    /// Names of a machine's executions, sorted.
    pub(crate) fn executions(&self, machine: &str) -> Vec<String> {
        let executions = self.engine.list_executions(Some(machine), None).unwrap();
        let mut names: Vec<String> = executions.iter().map(|execution| execution.name.to_string()).collect();
        names.sort();
        names
    }

    /// Inputs of a machine's executions, in the order of their names.
    pub(crate) fn inputs(&self, machine: &str) -> Vec<Value> {
        let executions = self.engine.list_executions(Some(machine), None).unwrap();
        let mut all: Vec<_> = executions
            .iter()
            .map(|execution| {
                let input = self.engine.describe_execution(&execution.arn).unwrap().written_input().unwrap();
                (execution.name.to_string(), serde_json::from_str(&input).unwrap())
            })
            .collect();
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        all.into_iter().map(|(_, input)| input).collect()
    }
}
