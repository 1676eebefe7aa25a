//! State machines: created, updated, refused, deleted.

use super::*;

#[tokio::test]
async fn machines_are_created_once_and_updated() {
    let (engine, clock) = in_memory().await;
    let arn = create(&engine, "m", &machine(PASS)).await;
    clock.advance(7);
    let again = engine.create_state_machine(new_machine("m", &machine(PASS))).await.unwrap();
    assert_eq!((again.machine.creation_date, &again.machine.arn), (START, &arn));
    let spaced = machine(PASS).replace(',', ", ");
    let error = engine.create_state_machine(new_machine("m", &spaced)).await.unwrap_err();
    assert_eq!(error.to_string(), format!("State Machine Already Exists: '{arn}'"));
    let error = engine.update_state_machine(&arn, StateMachineChange::default()).await.unwrap_err();
    assert_eq!(error.code(), "MissingRequiredParameter");

    let running = start(&engine, &arn, "old").await;
    let change = StateMachineChange { definition: Some(machine(WAIT)), ..StateMachineChange::default() };
    let updated = engine.update_state_machine(&arn, change).await.unwrap();
    assert!(updated.machine.revision_id.is_some());
    assert_eq!((updated.machine.update_date, updated.machine.creation_date), (START + 7, START));
    assert_eq!(engine.ended(&running).await.unwrap().status, Status::Succeeded);
    let waiting = start(&engine, &arn, "new").await;
    assert_eq!(engine.describe_execution(&waiting).unwrap().status, Status::Running);
}

#[tokio::test]
async fn bad_definitions_are_refused_with_every_reason() {
    let (engine, _) = in_memory().await;
    let text = task("arn:aws:states:::dynamodb:query", "");
    let error = engine.create_state_machine(new_machine("m", &text)).await.unwrap_err();
    let expected = "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: The resource provided \
                    arn:aws:states:::dynamodb:query is not recognized. The value is not a valid resource ARN, or the \
                    resource is not available in this region. at /States/S/Resource'";
    assert_eq!((error.code(), error.to_string().as_str()), ("InvalidDefinition", expected));
    let error = engine.create_state_machine(new_machine("m", "{")).await.unwrap_err();
    assert!(error.to_string().contains("INVALID_JSON_DESCRIPTION"), "{error}");
    assert!(engine.list_state_machines().is_empty());
    assert!(Engine::validate(&machine(PASS)).iter().all(|diagnostic| !diagnostic.is_error()));
}

#[tokio::test]
async fn a_machine_goes_when_its_executions_have_ended() {
    let (engine, clock) = in_memory().await;
    let two = r#"{"QueryLanguage":"JSONata","StartAt":"W","States":{
        "W":{"Type":"Wait","Seconds":10,"Next":"P"},"P":{"Type":"Pass","End":true}}}"#;
    let arn = create(&engine, "m", two).await;
    let running = start(&engine, &arn, "e").await;
    engine.delete_state_machine(&arn).await.unwrap();
    assert_eq!(engine.describe_state_machine(&arn).unwrap().status, MachineStatus::Deleting);
    let error = engine.start_execution(&arn, None, Value::Null).await.unwrap_err();
    assert_eq!(error.code(), "StateMachineDeleting");
    assert_eq!(engine.create_state_machine(new_machine("m", two)).await.unwrap_err().code(), "StateMachineDeleting");
    clock.advance(10_000);
    assert_eq!(engine.ended(&running).await.unwrap().status, Status::Aborted, "it ends at its next transition");
    engine.delete_state_machine(&arn).await.unwrap();
    assert_eq!(engine.describe_state_machine(&arn).unwrap_err().code(), "StateMachineDoesNotExist");

    clock.advance(1);
    let again = create(&engine, "m", two).await;
    assert!(engine.list_executions(Some(&again), None).unwrap().is_empty(), "those of its predecessor");
}
