//! `kill -9` of the server at points drawn from a seeded generator, again and again: nothing that was acknowledged is
//! lost, nothing happens twice, and every execution comes to the end it would have come to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_sfn::error::ProvideErrorMetadata;
use aws_sdk_sfn::types::{ExecutionStatus, HistoryEvent};
use end_to_end::client::request;
use end_to_end::{Options, Stack};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Executions started in each round.
const EXECUTIONS: u64 = 20;
/// Longest time from a round's beginning to its kill.
const LONGEST: Duration = Duration::from_millis(900);
/// Attempts of the child of each execution: the first two are told to fail.
const CHILDREN: usize = 3;
const ACTIVITY: &str = "arn:aws:states:us-east-1:123456789012:activity:kill-worker";
const QUEUE: &str = "https://sqs.us-east-1.amazonaws.com/123456789012/ops-dead-letters";

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn duration(&mut self, longest: Duration) -> Duration {
        let longest = u64::try_from(longest.as_micros()).expect("less than 500,000 years");
        Duration::from_micros(self.next() % longest)
    }
}

fn child() -> Value {
    json!({"QueryLanguage": "JSONata", "StartAt": "Sleep", "States": {
        "Sleep": {"Type": "Wait", "Seconds": 5, "Next": "Told to fail?"},
        "Told to fail?": {"Type": "Choice", "Default": "Double",
            "Choices": [{"Condition": "{% $states.input.fail %}", "Next": "Refuse"}]},
        "Refuse": {"Type": "Fail", "Error": "Child.Refused"},
        "Double": {"Type": "Pass", "Output": {"double": "{% $states.input.n * 2 %}"}, "End": true}}})
}

/// Wait, Retry, Parallel, Map, a nested execution, a callback and an activity.
fn machine() -> Value {
    let items = json!({"StartAt": "Items", "States": {"Items": {
        "Type": "Map", "MaxConcurrency": 2, "Items": "{% [1..5] %}", "End": true,
        "ItemSelector": {"n": "{% $states.input.n %}", "item": "{% $states.context.Map.Item.Value %}"},
        "ItemProcessor": {"StartAt": "Nap", "States": {
            "Nap": {"Type": "Wait", "Seconds": "{% $states.input.item %}", "Next": "Times"},
            "Times": {"Type": "Pass", "Output": "{% $states.input.n * $states.input.item %}", "End": true}}}}}});
    let nested = json!({"StartAt": "Child", "States": {"Child": {
        "Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2", "End": true,
        "Arguments": {"StateMachineArn": "${KillChildStateMachineArn}",
            "Input": {"n": "{% $states.input.n %}", "fail": "{% $states.context.State.RetryCount < 2 %}"}},
        "Retry": [{"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 2, "BackoffRate": 1, "MaxAttempts": 2}],
        "Output": "{% $states.result.Output.double %}"}}});
    let callback = json!({"StartAt": "Call back", "States": {"Call back": {
        "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "End": true,
        "Arguments": {"QueueUrl": QUEUE, "MessageBody": {"n": "{% $states.input.n %}",
            "token": "{% $states.context.Task.Token %}", "execution": "{% $states.context.Execution.Id %}"}},
        "Output": "{% $states.result.value %}"}}});
    // A task that was handed out with an answer that never arrived times out and is tried again, as on AWS.
    let activity = json!({"StartAt": "Work", "States": {"Work": {
        "Type": "Task", "Resource": "${KillWorkerActivityArn}", "TimeoutSeconds": 120, "End": true,
        "Arguments": {"n": "{% $states.input.n %}", "execution": "{% $states.context.Execution.Id %}"},
        "Retry": [{"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 1, "BackoffRate": 1, "MaxAttempts": 99}],
        "Output": "{% $states.result.value %}"}}});
    json!({"QueryLanguage": "JSONata", "StartAt": "Begin", "States": {
        "Begin": {"Type": "Wait", "Seconds": "{% $states.input.n % 10 %}", "Next": "All"},
        "All": {"Type": "Parallel", "Branches": [items, nested, callback, activity], "Next": "Done",
            "Output": {"n": "{% $states.input.n %}", "all": "{% $states.result %}"}},
        "Done": {"Type": "Succeed"}}})
}

fn expected(n: u64) -> Value {
    json!({"n": n, "all": [[n, 2 * n, 3 * n, 4 * n, 5 * n], 2 * n, n + 1, n + 2]})
}

/// Answers that were acknowledged, by execution, as the marks in their outputs.
#[derive(Clone, Debug, Default)]
struct Acknowledged(Arc<Mutex<BTreeMap<String, Vec<String>>>>);

impl Acknowledged {
    fn add(&self, execution: &str, mark: String) {
        self.lock().entry(execution.to_owned()).or_default().push(mark);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Vec<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Numbers the answers, so that each can be told from the others.
static ANSWERS: AtomicU64 = AtomicU64::new(0);

/// Answers a token until the server says something definite.
async fn answer(client: &aws_sdk_sfn::Client, token: &str, task: &Value, value: u64, done: &Acknowledged) {
    let execution = task["execution"].as_str().expect("a task names its execution");
    let mark = format!("answer {}", ANSWERS.fetch_add(1, Ordering::Relaxed));
    let output = json!({"value": value, "mark": mark}).to_string();
    loop {
        match client.send_task_success().task_token(token).output(&output).send().await {
            Ok(_) => {
                done.add(execution, mark);
                return;
            }
            Err(refused) if refused.code().is_some_and(|code| code.starts_with("Task") || code == "InvalidToken") => {
                return;
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

fn number(task: &Value) -> u64 {
    task["n"].as_u64().expect("a task has its number")
}

async fn work(client: aws_sdk_sfn::Client, done: Acknowledged) {
    loop {
        let polled = client.get_activity_task().activity_arn(ACTIVITY).worker_name("kill").send().await;
        let Ok(task) = polled else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        if let (Some(token), Some(input)) = (task.task_token().filter(|token| !token.is_empty()), task.input()) {
            let input: Value = serde_json::from_str(input).expect("a task's input is JSON");
            answer(&client, token, &input, number(&input) + 2, &done).await;
        }
    }
}

async fn call_back(client: aws_sdk_sfn::Client, sandbox: u16, done: Acknowledged) {
    let sqs = async |operation: &str, body: Value| {
        let target = format!("AmazonSQS.{operation}");
        let headers = [("x-amz-target", target.as_str()), ("content-type", "application/x-amz-json-1.0")];
        request("POST", sandbox, "/", &headers, &body).await.1
    };
    loop {
        let received = sqs("ReceiveMessage", json!({"QueueUrl": QUEUE, "MaxNumberOfMessages": 10})).await;
        let messages = received["Messages"].as_array().cloned().unwrap_or_default();
        for message in &messages {
            let body = message["Body"].as_str().unwrap_or_default();
            let body: Value = serde_json::from_str(body).expect("a message is JSON");
            let token = body["token"].as_str().expect("a message has a token");
            answer(&client, token, &body, number(&body) + 1, &done).await;
            sqs("DeleteMessage", json!({"QueueUrl": QUEUE, "ReceiptHandle": message["ReceiptHandle"]})).await;
        }
        if messages.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Starts a round's executions, each until it is acknowledged; answers their ARNs.
async fn start(client: aws_sdk_sfn::Client, first: u64) -> Vec<(u64, String)> {
    let mut started = Vec::new();
    for n in first..first + EXECUTIONS {
        let name = format!("n{n}");
        let request = client.start_execution().state_machine_arn(Stack::machine("kill")).name(&name);
        let request = request.input(json!({"n": n}).to_string());
        let arn = loop {
            match request.clone().send().await {
                Ok(answer) => break answer.execution_arn().to_owned(),
                // It was started before the kill, and has ended since.
                Err(refused) if refused.code() == Some("ExecutionAlreadyExists") => {
                    break format!("arn:aws:states:us-east-1:123456789012:execution:kill:{name}");
                }
                Err(refused) => assert!(refused.as_service_error().is_none(), "{refused:?}"),
            }
        };
        started.push((n, arn));
    }
    started
}

/// What must be true of every history: ids without gap, time that does not go back, one end.
fn check_history(arn: &str, history: &[HistoryEvent]) {
    let ids = history.iter().map(HistoryEvent::id).collect::<Vec<_>>();
    assert_eq!(ids, (1..).take(ids.len()).collect::<Vec<i64>>(), "{arn}: event ids");
    let times = history.iter().map(|event| event.timestamp().as_nanos()).collect::<Vec<_>>();
    assert!(times.is_sorted(), "{arn}: time goes back: {times:?}");
    let ends = history.iter().filter(|event| is_end(event)).count();
    assert_eq!(ends, 1, "{arn}: terminal events");
    assert!(history.last().is_some_and(is_end), "{arn}: the end is the last event");
}

fn is_end(event: &HistoryEvent) -> bool {
    ["ExecutionSucceeded", "ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted"]
        .contains(&event.r#type().as_str())
}

/// What the tasks of an execution answered, as its history has it.
fn answers(history: &[HistoryEvent]) -> String {
    let output = |event: &HistoryEvent| {
        let task = event.task_succeeded_event_details().and_then(|details| details.output());
        task.or_else(|| event.activity_succeeded_event_details().and_then(|details| details.output()))
            .map(str::to_owned)
    };
    history.iter().filter_map(output).collect()
}

async fn list(stack: &Stack, machine: &str) -> BTreeMap<String, ExecutionStatus> {
    let pages = stack.client.list_executions().state_machine_arn(Stack::machine(machine)).max_results(1000);
    let mut pages = pages.into_paginator().items().send();
    let mut listed = BTreeMap::new();
    while let Some(item) = pages.next().await {
        let item = item.unwrap_or_else(|error| panic!("{error:?}"));
        listed.insert(item.execution_arn().to_owned(), item.status().clone());
    }
    listed
}

#[expect(clippy::disallowed_methods, reason = "the one place where this test learns how long it shall run")]
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn files() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, definition) in [("kill", machine()), ("kill-child", child())] {
        let folder = folder.path().join("machines").join(name);
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        std::fs::write(folder.join("definition.asl.json"), definition.to_string()).expect("a file can be written");
    }
    std::fs::write(folder.path().join("stack.json"), r#"{"activities": ["kill-worker"]}"#)
        .expect("a file can be written");
    folder
}

#[tokio::test]
async fn whatever_moment_the_server_dies_nothing_is_lost_or_done_twice() {
    let (rounds, seed) = (setting("STEPWRIGHT_KILL_ROUNDS", 12), setting("STEPWRIGHT_KILL_SEED", 1));
    let folder = files();
    let mut stack = Stack::start(Options {
        worker: false,
        definitions: folder.path().join("machines"),
        stack: folder.path().join("stack.json"),
        ..Options::default()
    })
    .await;
    let acknowledged = Acknowledged::default();
    let mut helpers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        helpers.spawn(work(stack.client.clone(), acknowledged.clone()));
    }
    helpers.spawn(call_back(stack.client.clone(), stack.account.port, acknowledged.clone()));

    let (mut draw, mut kills, mut executions) = (Draw(seed), 0_u32, Vec::new());
    for round in 0..rounds {
        let starting = tokio::spawn(start(stack.client.clone(), 1 + round * EXECUTIONS));
        tokio::time::sleep(draw.duration(LONGEST)).await;
        stack.crash_and_restart().await;
        kills += 1;
        // Every third round it dies again at once, in the middle of its recovery.
        if draw.next().is_multiple_of(3) {
            tokio::time::sleep(draw.duration(LONGEST / 10)).await;
            stack.crash_and_restart().await;
            kills += 1;
        }
        let started = starting.await.unwrap();
        for (n, arn) in &started {
            let ended = stack.ended(arn).await;
            assert_eq!(ended, (ExecutionStatus::Succeeded, expected(*n)), "seed {seed}, round {round}, {arn}");
        }
        executions.extend(started);
    }
    helpers.shutdown().await;
    check(&stack, &executions, &acknowledged, kills).await;
}

async fn check(stack: &Stack, executions: &[(u64, String)], acknowledged: &Acknowledged, kills: u32) {
    let acknowledged = std::mem::take(&mut *acknowledged.lock());
    let listed = list(stack, "kill").await;
    let wanted: BTreeSet<&str> = executions.iter().map(|(_, arn)| arn.as_str()).collect();
    assert_eq!(listed.keys().map(String::as_str).collect::<BTreeSet<_>>(), wanted, "exactly those that were started");
    let mut events = 0;
    for (_, arn) in executions {
        let history = stack.history(arn).await;
        check_history(arn, &history);
        let answers = answers(&history);
        for mark in acknowledged.get(arn).into_iter().flatten() {
            assert_eq!(answers.matches(&format!("\"{mark}\"")).count(), 1, "{arn}: {mark} was acknowledged");
        }
        events += history.len();
    }
    let children = list(stack, "kill-child").await;
    assert_eq!(children.len(), executions.len() * CHILDREN, "each attempt started its child once");
    for arn in children.keys() {
        check_history(arn, &stack.history(arn).await);
    }
    let answers = acknowledged.values().map(Vec::len).sum::<usize>();
    println!(
        "{kills} kills, {} executions and {} children, {events} events, {answers} acknowledged answers",
        executions.len(),
        children.len()
    );
}
