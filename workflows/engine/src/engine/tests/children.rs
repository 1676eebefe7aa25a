//! Executions that start executions.

use super::*;

#[tokio::test]
async fn a_parent_waits_for_its_child() {
    let (engine, _) = in_memory().await;
    let child = create(&engine, "child", &machine(PASS)).await;
    let parent = create(&engine, "parent", &parent(&child, ".sync:2")).await;
    let arn = start(&engine, &parent, "e").await;
    let output = engine.ended(&arn).await.unwrap().output.unwrap();
    assert_eq!(output.get("Output").unwrap().to_string(), r#"{"done":true}"#);
    assert_eq!(output.get("Input").unwrap().to_string(), r#"{"a":1}"#);
    assert_eq!(output.get("Status").unwrap().as_str(), Some("SUCCEEDED"));
    let kinds = kinds(&engine, &arn);
    assert!(kinds.iter().any(|kind| kind == "TaskSubmitted"), "{kinds:?}");
}

#[tokio::test]
async fn a_childs_failure_is_the_parents_cause() {
    let (engine, _) = in_memory().await;
    let child = create(&engine, "child", &machine(r#"{"Type":"Fail","Error":"E","Cause":"c"}"#)).await;
    let parent = create(&engine, "parent", &parent(&child, ".sync")).await;
    let ended = engine.ended(&start(&engine, &parent, "e").await).await.unwrap();
    assert_eq!(error_of(&ended), "States.TaskFailed");
    let cause = Value::parse(&ended.failure.unwrap().cause.unwrap()).unwrap();
    assert_eq!(cause.get("Error").unwrap().as_str(), Some("E"));
    assert_eq!(cause.get("Status").unwrap().as_str(), Some("FAILED"));
    assert_eq!(cause.get("Input").unwrap().as_str(), Some(r#"{"a":1}"#));
}

#[tokio::test]
async fn stopping_a_parent_stops_the_child_it_waits_for() {
    let (engine, _) = in_memory().await;
    let child = create(&engine, "child", &machine(WAIT)).await;
    let parent = create(&engine, "parent", &parent(&child, ".sync")).await;
    let arn = start(&engine, &parent, "e").await;
    while !kinds(&engine, &arn).iter().any(|kind| kind == "TaskSubmitted") {
        tokio::task::yield_now().await;
    }
    let children = engine.list_executions(Some(&child), None).unwrap();
    assert_eq!(children.len(), 1);
    engine.stop_execution(&arn, Failure::default()).await.unwrap();
    assert_eq!(engine.ended(&children[0].arn).await.unwrap().status, Status::Aborted);
}
