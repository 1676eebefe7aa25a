//! Tags of state machines and activities.

use super::*;

fn tag(key: &str, value: &str) -> Tag {
    Tag { key: key.to_owned(), value: value.to_owned() }
}

#[tokio::test]
async fn tags_come_with_the_resource_and_change_after_it() {
    let (engine, _) = in_memory().await;
    let new = || NewStateMachine { tags: vec![tag("a", "1"), tag("a", "2")], ..new_machine("m", &machine(PASS)) };
    let arn = engine.create_state_machine(new()).await.unwrap().machine.arn.clone();
    assert_eq!(engine.list_tags_for_resource(&arn).unwrap(), [tag("a", "2")]);
    engine.tag_resource(&arn, vec![tag("b", "3"), tag("a", "4")]).await.unwrap();
    engine.untag_resource(&arn, &["b", "absent"]).await.unwrap();
    assert_eq!(engine.list_tags_for_resource(&arn).unwrap(), [tag("a", "4")]);
    engine.create_state_machine(NewStateMachine { tags: Vec::new(), ..new() }).await.unwrap();
    assert_eq!(engine.list_tags_for_resource(&arn).unwrap(), [tag("a", "4")], "another creation changes no tags");
    let change = StateMachineChange { definition: Some(machine(WAIT)), ..StateMachineChange::default() };
    engine.update_state_machine(&arn, change).await.unwrap();
    assert_eq!(engine.list_tags_for_resource(&arn).unwrap(), [tag("a", "4")]);
}

#[tokio::test]
async fn tags_survive_a_crash() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START);
    let engine = open(Some(directory.path()), "http://127.0.0.1:1", &clock).await;
    let machine = create(&engine, "m", &machine(PASS)).await;
    engine.create_activity("a", vec![tag("a", "1")]).await.unwrap();
    engine.create_activity("a", Vec::new()).await.unwrap();
    engine.tag_resource(&machine, vec![tag("b", "2")]).await.unwrap();
    engine.tag_resource(ACTIVITY, vec![tag("c", "3")]).await.unwrap();
    drop(engine);
    let engine = open(Some(directory.path()), "http://127.0.0.1:1", &clock).await;
    assert_eq!(engine.list_tags_for_resource(&machine).unwrap(), [tag("b", "2")]);
    assert_eq!(engine.list_tags_for_resource(ACTIVITY).unwrap(), [tag("a", "1"), tag("c", "3")]);
}

#[tokio::test]
async fn what_has_no_tags_is_refused() {
    let (engine, _) = in_memory().await;
    let unknown = "arn:aws:states:us-east-1:123456789012:stateMachine:unknown";
    let error = engine.tag_resource(unknown, Vec::new()).await.unwrap_err();
    assert_eq!((error.code(), error.to_string()), ("ResourceNotFound", format!("Resource not found: '{unknown}'")));
    let execution = "arn:aws:states:us-east-1:123456789012:execution:m:e";
    assert_eq!(engine.untag_resource(execution, &["a"]).await.unwrap_err().code(), "InvalidArn");
    assert_eq!(engine.list_tags_for_resource("nonsense").unwrap_err().code(), "InvalidArn");
    let many = (0..51).map(|key| tag(&key.to_string(), "")).collect();
    let new = NewStateMachine { tags: many, ..new_machine("m", &machine(PASS)) };
    assert_eq!(engine.create_state_machine(new).await.unwrap_err().code(), "TooManyTags");
}
