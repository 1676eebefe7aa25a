//! What stands beside the engine: what it keeps here, the changes of statuses that it takes, and the calls that it makes.

use super::*;
use crate::kept::Change;
use crate::status_change::StatusChange;

fn put(key: &str, value: &str) -> Change {
    Change::Put(key.to_owned(), value.as_bytes().to_vec())
}

#[tokio::test]
async fn what_is_kept_is_there_after_a_crash_by_its_prefix() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START);
    let engine = open(Some(directory.path()), "http://127.0.0.1:1", &clock).await;
    engine.keep(vec![put("a/1", "one"), put("a/2", "two"), put("b/1", "other")]).durable().await.unwrap();
    engine.keep(vec![Change::Remove("a/1".to_owned())]).durable().await.unwrap();
    drop(engine);
    let engine = open(Some(directory.path()), "http://127.0.0.1:1", &clock).await;
    assert_eq!(engine.kept("a/").unwrap(), [("a/2".to_owned(), b"two".to_vec())]);
    assert_eq!(engine.kept("").unwrap().len(), 2);
}

/// Name, status and time of each change.
fn told(changes: &[StatusChange]) -> Vec<(String, Status, Millis)> {
    let one = |change: &StatusChange| {
        let execution = change.execution.as_ref().unwrap();
        (execution.name.to_string(), execution.status, change.at)
    };
    changes.iter().map(one).collect()
}

#[tokio::test]
async fn changes_of_statuses_are_told_where_somebody_asks_until_they_are_taken() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START);
    let engine = open(Some(directory.path()), "http://127.0.0.1:1", &clock).await;
    let machine = create(&engine, "m", &machine(WAIT)).await;
    start(&engine, &machine, "unasked").await;
    engine.announce_status_changes(true).await.unwrap();
    let arn = start(&engine, &machine, "e").await;
    engine.status_changed().await;
    assert_eq!(told(&engine.status_changes(9).unwrap()), [("e".to_owned(), Status::Running, START)]);
    clock.advance(3_600_000);
    engine.ended(&arn).await.unwrap();
    drop(engine);

    let engine = open(Some(directory.path()), "http://127.0.0.1:1", &clock).await;
    assert!(engine.has_status_changes(), "kept, and asked for, after a crash");
    let changes = engine.status_changes(9).unwrap();
    let mut all = told(&changes);
    all.sort_by_key(|(name, ..)| name.clone());
    let end = START + 3_600_000;
    let wanted = [("e", Status::Running, START), ("e", Status::Succeeded, end), ("unasked", Status::Succeeded, end)];
    assert_eq!(all, wanted.map(|(name, status, at)| (name.to_owned(), status, at)));
    let running = changes[0].execution.as_ref().unwrap();
    assert_eq!((running.stop_date, &running.output), (None, &None), "as it was, not as it is");
    assert_eq!(engine.status_changes(2).unwrap(), changes[..2], "the oldest first, and the same every time");
    engine.keep(changes.into_iter().map(|change| Change::Take(change.key)).collect()).durable().await.unwrap();
    assert!(!engine.has_status_changes() && engine.status_changes(9).unwrap().is_empty());
    engine.announce_status_changes(false).await.unwrap();
    start(&engine, &machine, "later").await;
    assert!(!engine.has_status_changes());
}

#[tokio::test]
async fn a_redrive_is_told_and_the_failure_before_it_as_it_was() {
    let (engine, _) = in_memory().await;
    engine.announce_status_changes(true).await.unwrap();
    let machine = create(&engine, "m", &machine(r#"{"Type":"Fail","Error":"Broken"}"#)).await;
    let arn = start(&engine, &machine, "e").await;
    engine.ended(&arn).await.unwrap();
    engine.redrive_execution(&arn, None).await.unwrap();
    engine.ended(&arn).await.unwrap();
    let changes = engine.status_changes(9).unwrap();
    let seen = |change: &StatusChange| {
        let execution = change.execution.as_ref().unwrap();
        let error = execution.failure.as_ref().and_then(|failure| failure.error.clone());
        (execution.status, execution.redrive_count, error.is_some())
    };
    let all: Vec<_> = changes.iter().map(seen).collect();
    let (running, failed) = (Status::Running, Status::Failed);
    assert_eq!(all, [(running, 0, false), (failed, 0, true), (running, 1, false), (failed, 1, true)]);
    let mut ids: Vec<_> = changes.iter().map(|change| &change.id).collect();
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

#[tokio::test]
async fn services_are_called_without_an_execution() {
    let server = Server::constant(200, vec![], r#"{"MessageId":"m"}"#).await;
    let engine = open(None, &server.url, &Clock::manual(START)).await;
    let parameters = Value::parse(r#"{"QueueUrl":"q","MessageBody":"b"}"#).unwrap();
    let answer = engine.call_service("arn:aws:states:::aws-sdk:sqs:sendMessage", &parameters).await.unwrap();
    assert_eq!(answer.to_string(), r#"{"MessageId":"m"}"#);
    for resource in ["arn:aws:states:::states:startExecution", "nothing"] {
        let failure = engine.call_service(resource, &parameters).await.unwrap_err();
        assert_eq!(failure.error.as_deref(), Some("States.Runtime"), "{resource}");
    }
}
