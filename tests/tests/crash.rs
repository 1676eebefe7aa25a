//! Things die in the middle of an incident: the outcome is the same, and nothing is done twice.

use std::time::Duration;

use aws_sdk_sfn::types::{ExecutionStatus, HistoryEvent};
use end_to_end::process::is_running;
use end_to_end::{Options, Stack};
use serde_json::json;

async fn restart_incident(stack: &Stack, incident: &str) -> String {
    stack.account.control("POST", "hang", json!({"service": "auth-service", "tasks": 2})).await;
    stack.account.rings("auth-service-unhealthy-hosts").await;
    stack
        .remediate(&json!({"action": "restart_service", "target": "auth-service", "incidentId": incident,
            "priority": "high", "incidentDetails": {"title": "auth-service hangs"}}))
        .await
}

/// `kill -9` of the server while the execution is in `state`, then a new server on the same data.
async fn survives_a_crash_in(state: &str) {
    let mut stack = Stack::start(Options::default()).await;
    let execution = restart_incident(&stack, "incident-crash").await;
    stack.entered(&execution, state).await;
    stack.crash_and_restart().await;
    let (status, output) = stack.ended(&execution).await;
    assert_eq!(status, ExecutionStatus::Succeeded, "killed in {state}: {output}");
    assert_eq!(output["status"], "SUCCEEDED", "killed in {state}: {output}");
    assert_eq!(stack.account.calls("UpdateService").await.len(), 1, "killed in {state}: the action is done once");
    let ids = stack.history(&execution).await.iter().map(|event| event.id()).collect::<Vec<_>>();
    let expected = (1..).take(ids.len()).collect::<Vec<i64>>();
    assert_eq!(ids, expected, "killed in {state}: every event once");
}

#[tokio::test]
async fn the_server_dies_while_it_diagnoses() {
    survives_a_crash_in("Diagnose cause").await;
}

#[tokio::test]
async fn the_server_dies_before_the_intent_is_recorded() {
    survives_a_crash_in("Record intent").await;
}

#[tokio::test]
async fn the_server_dies_while_it_acts() {
    survives_a_crash_in("Perform action").await;
}

#[tokio::test]
async fn the_server_dies_while_the_recovery_is_watched() {
    survives_a_crash_in("Watch recovery").await;
}

#[tokio::test]
async fn the_worker_dies_in_the_middle_of_its_task() {
    let mut stack = Stack::start(Options::default()).await;
    let execution = restart_incident(&stack, "incident-worker").await;
    stack.entered(&execution, "Watch recovery").await;
    happened(&stack, &execution, |event| event.activity_started_event_details().is_some()).await;
    if let Some(worker) = &mut stack.worker {
        worker.kill();
    }
    stack.start_worker();
    let (status, output) = stack.ended(&execution).await;
    assert_eq!(status, ExecutionStatus::Succeeded, "{output}");
    assert_eq!(stack.account.calls("UpdateService").await.len(), 1);
}

#[tokio::test]
async fn a_worker_that_is_asked_to_stop_drains() {
    let grace = vec![("WORKER_GRACE_SECONDS", "1".to_owned())];
    let options = Options { worker: false, worker_environment: grace, ..Options::default() };
    let mut stack = Stack::start(options).await;
    let execution = restart_incident(&stack, "incident-drain").await;
    stack.entered(&execution, "Watch recovery").await;
    // Without ECS no check is good, so the first worker cannot be done before its grace is over.
    stack.account.fault("ecs", "DescribeServices", 100_000, json!({"kind": "throttle"})).await;
    stack.start_worker();
    happened(&stack, &execution, |event| event.activity_started_event_details().is_some()).await;
    let mut first = stack.worker.take().expect("it was started");
    assert!(first.terminate().success(), "{}", first.output());
    stack.account.control("DELETE", "faults", json!(null)).await;
    stack.start_worker();

    let (status, output) = stack.ended(&execution).await;
    assert_eq!(status, ExecutionStatus::Succeeded, "{output}");
    let history = stack.history(&execution).await;
    let given_up = history.iter().filter_map(|event| event.activity_failed_event_details()?.error());
    assert_eq!(given_up.collect::<Vec<_>>(), ["Ops.ResourceBusy"], "the first worker handed its task back");
    let workers = history.iter().filter_map(|event| event.activity_started_event_details()?.worker_name());
    let workers = workers.collect::<std::collections::BTreeSet<_>>();
    assert_eq!(workers.len(), 2, "another worker finished it: {workers:?}");
    assert!(!stack.states(&execution).await.iter().any(|state| state == "Undo action"), "nothing was undone");
    assert_eq!(stack.account.calls("UpdateService").await.len(), 1);
}

/// Waits until an execution's history has an event like this.
async fn happened(stack: &Stack, execution: &str, like: fn(&HistoryEvent) -> bool) {
    for _ in 0..2400 {
        if stack.history(execution).await.iter().any(like) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it does not happen:\n{}", stack.cli(&["history", execution]).1);
}

#[tokio::test]
async fn the_workers_of_a_server_do_their_work_and_do_not_outlive_it() {
    let mut stack = Stack::start(Options { worker: false, server_workers: true, ..Options::default() }).await;
    let execution = restart_incident(&stack, "incident-own-worker").await;
    let (status, output) = stack.ended(&execution).await;
    assert_eq!(status, ExecutionStatus::Succeeded, "{output}");
    let workers = stack.server.children("recovery-watcher");
    assert_eq!(workers.len(), 1);
    stack.server.kill();
    while workers.iter().any(|worker| is_running(*worker)) {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
