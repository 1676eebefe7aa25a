//! The load: callers who start, wait, answer, mend, redrive and stop, who note what was acknowledged, and who ask again
//! when nobody answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;

use crate::client::{Client, PAUSE};
use crate::history::{self, Essence};
use crate::server::{activity, execution, machine};
use crate::world::World;

/// Different inputs: each has one history.
pub(crate) const INPUTS: u64 = 5;
/// Looks until an execution counts as stuck: more than two minutes.
const LOOKS: u32 = 8000;

/// Machines that are started by StartExecution and leave a history.
pub(crate) const KINDS: [&str; 4] = ["branches", "spread", "trouble", "patient"];

/// What was acknowledged, and what histories looked like when nothing was in their way.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Executions whose start was acknowledged, and their inputs.
    pub(crate) started: BTreeMap<String, u64>,
    /// Marks of answers to tasks that were acknowledged.
    pub(crate) answers: BTreeSet<String>,
    /// Names of EXPRESS executions whose start was acknowledged.
    pub(crate) fleeting: BTreeSet<String>,
    /// Acknowledged redrives, stops and ends of EXPRESS executions that were waited for.
    pub(crate) redriven: u64,
    pub(crate) stopped: u64,
    pub(crate) waited_for: u64,
    pub(crate) heartbeats: u64,
    /// By machine and input.
    pub(crate) essences: BTreeMap<(&'static str, u64), Essence>,
    /// Events that were compared.
    pub(crate) events: usize,
}

/// A load on the server at a client's end.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) client: Client,
    world: World,
    ledger: Arc<Mutex<Ledger>>,
    number: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
}

impl Load {
    pub(crate) fn new(client: Client, world: World) -> Self {
        Self { client, world, ledger: Arc::default(), number: Arc::default(), over: Arc::default() }
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Creates the EXPRESS state machine.
    pub(crate) async fn create(&self) {
        let definition = crate::machines::fleeting().to_string();
        let role = "arn:aws:iam::123456789012:role/r";
        let request = json!({"name": "fleeting", "type": "EXPRESS", "roleArn": role, "definition": definition});
        self.client.must("CreateStateMachine", &request).await;
    }

    /// Workers and whoever calls back, for as long as the set lives.
    pub(crate) fn help(&self, helpers: &mut JoinSet<()>, messages: UnboundedReceiver<Value>) {
        for _ in 0..3 {
            helpers.spawn(self.clone().work());
        }
        helpers.spawn(self.clone().call_back(messages));
    }

    /// Nothing more is started.
    pub(crate) fn finish(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// Each kind with each input once, with nothing in the way: what their histories are to be.
    pub(crate) async fn learn(&self) {
        let mut callers = JoinSet::new();
        for n in 0..INPUTS {
            for kind in KINDS {
                let load = self.clone();
                callers.spawn(async move { load.one(kind, n).await });
            }
        }
        callers.join_all().await;
    }

    /// Starts executions until the load is over, of one kind after the other, and sees each to its end.
    pub(crate) async fn drive(self) {
        while !self.over.load(Ordering::Relaxed) {
            let number = self.number.load(Ordering::Relaxed);
            let n = number % INPUTS;
            match number % 7 {
                0..=2 => self.one("branches", n).await,
                3 => self.one("spread", n).await,
                4 => self.one("trouble", n).await,
                5 => self.one("patient", n).await,
                _ => self.fleeting().await,
            }
        }
    }

    fn next(&self) -> u64 {
        self.number.fetch_add(1, Ordering::Relaxed)
    }

    /// One execution, from its start to its end.
    async fn one(&self, kind: &'static str, n: u64) {
        let name = format!("e{}", self.next());
        let arn = execution(kind, &name);
        let input = json!({"n": n}).to_string();
        let request = json!({"stateMachineArn": machine(kind), "name": name, "input": input});
        match self.client.insist("StartExecution", &request).await {
            // It was started before a kill, and has ended since.
            Err(refused) if refused.code() == "ExecutionAlreadyExists" => {}
            answer => assert_eq!(answer.map(|answer| answer["executionArn"].clone()).ok(), Some(json!(arn))),
        }
        self.ledger().started.insert(arn.clone(), n);
        match kind {
            "trouble" => self.redrive(&arn, &name).await,
            "patient" => self.stop(&arn).await,
            _ => assert_eq!(self.ended(&arn).await["status"], "SUCCEEDED", "{arn}"),
        }
        self.compare(&arn, kind, n).await;
    }

    /// Waits until an execution has ended.
    async fn ended(&self, arn: &str) -> Value {
        for _ in 0..LOOKS {
            let described = self.client.must("DescribeExecution", &json!({"executionArn": arn})).await;
            if described["status"] != "RUNNING" {
                return described;
            }
            tokio::time::sleep(PAUSE).await;
        }
        let history = self.history(arn).await;
        panic!("{arn} is stuck:\n{history:#?}")
    }

    async fn redrive(&self, arn: &str, name: &str) {
        let failed = self.ended(arn).await;
        assert_eq!((&failed["status"], &failed["error"]), (&json!("FAILED"), &json!("Trouble")), "{arn}");
        self.world.seen().mended.insert(name.to_owned());
        let request = json!({"executionArn": arn, "clientToken": format!("redrive-{name}")});
        self.client.must("RedriveExecution", &request).await;
        self.ledger().redriven += 1;
        let ended = self.ended(arn).await;
        assert_eq!((&ended["status"], &ended["redriveCount"]), (&json!("SUCCEEDED"), &json!(1)), "{arn}");
    }

    async fn stop(&self, arn: &str) {
        let request = json!({"executionArn": arn, "error": "Enough", "cause": "it was told to stop"});
        self.client.must("StopExecution", &request).await;
        self.ledger().stopped += 1;
        let described = self.client.must("DescribeExecution", &json!({"executionArn": arn})).await;
        assert_eq!((&described["status"], &described["error"]), (&json!("ABORTED"), &json!("Enough")), "{arn}");
    }

    /// An EXPRESS execution that is started, and one that is waited for: each must note that it came to its end.
    async fn fleeting(&self) {
        let request = |name: &str| json!({"stateMachineArn": machine("fleeting"), "name": name, "input": "{}"});
        let name = format!("f{}", self.next());
        self.client.must("StartExecution", &request(&name)).await;
        self.ledger().fleeting.insert(name);
        let name = format!("s{}", self.next());
        // Whoever waits hears of no end when the server dies: the execution goes on without him.
        if let Ok(ended) = self.client.call("StartSyncExecution", &request(&name)).await {
            assert_eq!(ended["status"], "SUCCEEDED", "{name}");
            self.ledger().fleeting.insert(name);
            self.ledger().waited_for += 1;
        }
    }

    pub(crate) async fn history(&self, arn: &str) -> Vec<Value> {
        let request = json!({"executionArn": arn, "maxResults": 1000});
        self.client.all("GetExecutionHistory", request, "events").await
    }

    /// The history is whole, and the one that it would have been without a kill.
    async fn compare(&self, arn: &str, kind: &'static str, n: u64) {
        let history = self.history(arn).await;
        history::check(arn, &history);
        let least: i64 = if kind == "branches" { n as i64 * 1000 } else { 0 };
        assert!(history::waited(&history).iter().all(|waited| *waited >= 0), "{arn}: a wait ends before it begins");
        if kind == "branches" {
            let first = history::waited(&history).first().copied().unwrap_or_default();
            assert!(first >= least, "{arn}: waited {first} ms instead of {least}");
        }
        let essence = history::essence(&history);
        let known = {
            let mut ledger = self.ledger();
            ledger.events += history.len();
            ledger.essences.entry((kind, n)).or_insert_with(|| essence.clone()).clone()
        };
        let differences = history::differences(&known, &essence);
        assert!(differences.is_empty(), "{arn}: not the history of a run without kills:\n{}", differences.join("\n"));
    }

    /// Answers a token until the server says something definite.
    async fn answer(&self, token: &str, value: u64) {
        let mark = format!("mark {}", self.next());
        let output = json!({"value": value, "mark": mark}).to_string();
        let request = json!({"taskToken": token, "output": output});
        match self.client.insist("SendTaskSuccess", &request).await {
            Ok(_) => drop(self.ledger().answers.insert(mark)),
            // The answer before it was taken but its acknowledgement was lost; or its task timed out.
            Err(refused) => assert!(refused.code().starts_with("Task"), "{refused}"),
        }
    }

    async fn work(self) {
        let request = json!({"activityArn": activity(), "workerName": "w"});
        loop {
            let Ok(task) = self.client.call("GetActivityTask", &request).await else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let Some(token) = task["taskToken"].as_str().filter(|token| !token.is_empty()) else { continue };
            if self.client.insist("SendTaskHeartbeat", &json!({"taskToken": token})).await.is_ok() {
                self.ledger().heartbeats += 1;
            }
            let input: Value =
                task["input"].as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
            self.answer(token, input["n"].as_u64().expect("a task has its number") + 2).await;
        }
    }

    async fn call_back(self, mut messages: UnboundedReceiver<Value>) {
        while let Some(message) = messages.recv().await {
            let token = message["token"].as_str().expect("a message has a token");
            self.answer(token, message["n"].as_u64().expect("a message has its number") + 1).await;
        }
    }
}
