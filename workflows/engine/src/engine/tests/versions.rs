//! Versions: published, started, described, deleted.

use super::*;

fn publish(description: &str) -> Publish {
    Publish { description: Some(description.to_owned()) }
}

async fn update(engine: &Engine, arn: &str, definition: &str, publish: Option<Publish>) -> SavedStateMachine {
    let change = StateMachineChange { definition: Some(definition.to_owned()), publish, ..Default::default() };
    engine.update_state_machine(arn, change).await.unwrap()
}

fn numbers(engine: &Engine, arn: &str) -> Vec<u64> {
    engine.list_state_machine_versions(arn).unwrap().iter().map(|version| version.number).collect()
}

#[tokio::test]
async fn a_revision_has_one_version() {
    let (engine, _) = in_memory().await;
    let new = NewStateMachine { publish: Some(publish("first")), ..new_machine("m", &machine(PASS)) };
    let created = engine.create_state_machine(new.clone()).await.unwrap();
    let arn = created.machine.arn.clone();
    let first = created.version.unwrap();
    assert_eq!((first.number, &*first.arn), (1, &*format!("{arn}:1")));
    let again = engine.create_state_machine(new.clone()).await.unwrap();
    assert_eq!(again.version.unwrap().arn, first.arn);
    for other in [None, Some(Publish::default())] {
        let other = NewStateMachine { publish: other, ..new.clone() };
        assert_eq!(engine.create_state_machine(other).await.unwrap_err().code(), "StateMachineAlreadyExists");
    }

    let nothing = StateMachineChange { publish: Some(publish("again")), ..Default::default() };
    let same = engine.update_state_machine(&arn, nothing).await.unwrap();
    assert_eq!((same.version.unwrap().arn.clone(), same.machine.revision_id.clone()), (first.arn.clone(), None));
    let same = update(&engine, &arn, &machine(PASS), None).await;
    assert!(same.version.is_none() && same.machine.revision_id.is_none(), "nothing has changed");
    let second = update(&engine, &arn, &machine(WAIT), Some(publish("second"))).await;
    let revision = second.machine.revision_id.clone().unwrap();
    assert_eq!(second.version.unwrap().number, 2);
    let same = engine.publish_state_machine_version(&arn, Publish::default(), Some(&revision)).await.unwrap();
    assert_eq!((same.number, same.description.as_deref()), (2, Some("second")));
    assert_eq!(numbers(&engine, &arn), [2, 1]);
}

#[tokio::test]
async fn a_version_is_published_at_the_revision_that_was_meant() {
    let (engine, _) = in_memory().await;
    let arn = create(&engine, "m", &machine(PASS)).await;
    let error = engine.publish_state_machine_version(&arn, Publish::default(), Some("other")).await.unwrap_err();
    let wanted = "Failed to publish the State Machine version for revision other. The current State Machine revision \
                  is INITIAL.";
    assert_eq!((error.code(), error.to_string().as_str()), ("ConflictException", wanted));
    engine.publish_state_machine_version(&arn, Publish::default(), Some("INITIAL")).await.unwrap();
    let moved = update(&engine, &arn, &machine(WAIT), None).await.machine;
    let error = engine.publish_state_machine_version(&arn, Publish::default(), Some("INITIAL")).await.unwrap_err();
    assert!(error.to_string().contains(moved.revision_id.as_deref().unwrap()), "{error}");
    assert_eq!(numbers(&engine, &arn), [1]);
}

#[tokio::test]
async fn a_version_stays_as_it_was() {
    let (engine, clock) = in_memory().await;
    let new = NewStateMachine { publish: Some(publish("first")), ..new_machine("m", &machine(PASS)) };
    let arn = engine.create_state_machine(new).await.unwrap().machine.arn.clone();
    let version: Arc<str> = format!("{arn}:1").into();
    clock.advance(5);
    update(&engine, &arn, &machine(WAIT), None).await;
    let first = engine.describe_state_machine_version(&version).unwrap().unwrap();
    assert_eq!((&*first.machine.definition, first.machine.revision_id.as_deref()), (&*machine(PASS), None));
    assert_eq!((first.creation_date, first.description.as_deref()), (START, Some("first")));
    assert!(engine.describe_state_machine_version(&arn).unwrap().is_none());

    let of_version = start(&engine, &version, "v").await;
    assert_eq!(&*of_version, "arn:aws:states:us-east-1:123456789012:execution:m:v");
    let ended = engine.ended(&of_version).await.unwrap();
    assert_eq!((ended.status, ended.version_arn), (Status::Succeeded, Some(version.clone())));
    assert_eq!(ended.state_machine_arn, arn);
    let of_machine = start(&engine, &arn, "m").await;
    assert_eq!(engine.describe_execution(&of_machine).unwrap().version_arn, None);
    let names = |of: &str| {
        let listed = engine.list_executions(Some(of), None).unwrap();
        listed.iter().map(|execution| execution.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!((names(&arn), names(&version)), (vec!["m".to_owned(), "v".to_owned()], vec!["v".to_owned()]));
}

#[tokio::test]
async fn an_execution_shows_the_machine_it_was_started_with() {
    let (engine, clock) = in_memory().await;
    let arn = create(&engine, "m", &machine(WAIT)).await;
    let old = start(&engine, &arn, "old").await;
    clock.advance(9);
    let change = StateMachineChange {
        definition: Some(machine(PASS)),
        role_arn: Some("arn:aws:iam::123456789012:role/other".to_owned()),
        tracing: Some(Value::object([("enabled", Value::Bool(true))])),
        ..Default::default()
    };
    let updated = engine.update_state_machine(&arn, change).await.unwrap().machine;
    let new = start(&engine, &arn, "new").await;
    let was = engine.describe_state_machine_for_execution(&old).unwrap();
    assert_eq!((&*was.definition, &*was.role_arn, was.arn), (&*machine(WAIT), ROLE, arn));
    assert_eq!(was.revision, Revision { update_date: START, ..Revision::default() });
    let is = engine.describe_state_machine_for_execution(&new).unwrap();
    assert_eq!((&*is.definition, &*is.role_arn), (&*machine(PASS), &*updated.role_arn));
    assert_eq!(is.revision, Revision::from(&*updated));
    assert_eq!(engine.describe_execution(&old).unwrap().role_arn, ROLE.into());
}

#[tokio::test]
async fn a_number_is_never_used_twice() {
    let (engine, _) = in_memory().await;
    let arn = create(&engine, "m", &machine(PASS)).await;
    let first = engine.publish_state_machine_version(&arn, Publish::default(), None).await.unwrap().arn.clone();
    let running = start(&engine, &first, "e").await;
    engine.delete_state_machine_version(&first).await.unwrap();
    engine.delete_state_machine_version(&first).await.unwrap();
    for error in [
        engine.describe_state_machine_version(&first).unwrap_err(),
        engine.start_execution(&first, None, Value::Null).await.unwrap_err(),
        engine.list_executions(Some(&first), None).unwrap_err(),
    ] {
        assert_eq!(error.to_string(), format!("State Machine Does Not Exist: '{first}'"));
    }
    assert_eq!(engine.describe_execution(&running).unwrap().version_arn, Some(first));
    let second = engine.publish_state_machine_version(&arn, Publish::default(), None).await.unwrap();
    assert_eq!((second.number, numbers(&engine, &arn)), (2, vec![2]));
}

#[tokio::test]
async fn a_version_is_no_machine() {
    let (engine, _) = in_memory().await;
    let arn = create(&engine, "m", &machine(PASS)).await;
    let version = engine.publish_state_machine_version(&arn, Publish::default(), None).await.unwrap().arn.clone();
    let change = StateMachineChange { definition: Some(machine(WAIT)), ..Default::default() };
    let error = engine.update_state_machine(&version, change).await.unwrap_err();
    assert_eq!(error.to_string(), format!("State Machine Does Not Exist: '{version}'"));
    assert_eq!(engine.delete_state_machine(&version).await.unwrap_err().code(), "ValidationException");
    assert_eq!(engine.delete_state_machine_version(&arn).await.unwrap_err().code(), "InvalidArn");
    let absent = engine.delete_state_machine_version(&version.replace(":m:", ":n:")).await.unwrap_err();
    assert_eq!(absent.code(), "StateMachineDoesNotExist");
    assert!(engine.publish_state_machine_version(&version, Publish::default(), None).await.is_err());
}

#[tokio::test]
async fn a_machine_takes_its_versions_and_aliases_with_it() {
    let (engine, clock) = in_memory().await;
    let new = || NewStateMachine { publish: Some(Publish::default()), ..new_machine("m", &machine(WAIT)) };
    let arn = engine.create_state_machine(new()).await.unwrap().machine.arn.clone();
    let version: Arc<str> = format!("{arn}:1").into();
    let alias = NewStateMachineAlias {
        name: "PROD".to_owned(),
        description: None,
        routes: vec![Route { version_arn: version.clone(), weight: 100 }],
    };
    let alias = engine.create_state_machine_alias(alias).await.unwrap().arn.clone();
    let running = start(&engine, &alias, "e").await;
    engine.delete_state_machine(&arn).await.unwrap();
    for of in [&version, &alias] {
        let error = engine.start_execution(of, None, Value::Null).await.unwrap_err();
        assert_eq!(error.code(), "StateMachineDeleting");
    }
    assert_eq!(engine.describe_state_machine_alias(&alias).unwrap_err().code(), "ResourceNotFound");
    engine.stop_execution(&running, Failure::default()).await.unwrap();
    engine.delete_state_machine(&arn).await.unwrap();
    assert_eq!(engine.describe_state_machine_version(&version).unwrap_err().code(), "StateMachineDoesNotExist");
    clock.advance(1);
    let again = engine.create_state_machine(new()).await.unwrap();
    assert_eq!(again.version.unwrap().number, 1);
    assert!(engine.list_state_machine_aliases(&arn).unwrap().is_empty());
    assert!(engine.list_executions(Some(&version), None).unwrap().is_empty(), "those of its predecessor");
}

#[tokio::test]
async fn versions_survive_a_crash() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START);
    let engine = open(Some(directory.path()), "http://127.0.0.1:1", &clock).await;
    let new = NewStateMachine { publish: Some(publish("first")), ..new_machine("m", &machine(WAIT)) };
    let arn = engine.create_state_machine(new.clone()).await.unwrap().machine.arn.clone();
    let version: Arc<str> = format!("{arn}:1").into();
    let running = start(&engine, &version, "e").await;
    clock.advance(3);
    update(&engine, &arn, &machine(PASS), Some(publish("second"))).await;
    let third = update(&engine, &arn, &machine(WAIT), Some(publish("third"))).await.version.unwrap();
    engine.delete_state_machine_version(&third.arn).await.unwrap();
    drop(engine);

    let engine = open(Some(directory.path()), "http://127.0.0.1:1", &clock).await;
    assert_eq!(numbers(&engine, &arn), [2, 1]);
    let first = engine.describe_state_machine_version(&version).unwrap().unwrap();
    assert_eq!((&*first.machine.definition, first.description.as_deref()), (&*machine(WAIT), Some("first")));
    assert_eq!((first.creation_date, first.machine.update_date), (START, START));
    assert_eq!(engine.describe_execution(&running).unwrap().version_arn, Some(version.clone()));
    let was = engine.describe_state_machine_for_execution(&running).unwrap();
    assert_eq!((&*was.definition, was.revision.update_date), (&*machine(WAIT), START));
    let ended = start(&engine, &format!("{arn}:2"), "two").await;
    assert_eq!(engine.ended(&ended).await.unwrap().status, Status::Succeeded);
    let fourth = engine.publish_state_machine_version(&arn, Publish::default(), None).await.unwrap();
    assert_eq!(fourth.number, 4, "the third was there once");
    clock.advance(3_600_000);
    assert_eq!(engine.ended(&running).await.unwrap().status, Status::Succeeded);
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_no_half_change() {
    let (engine, store) = activities::gated(usize::MAX).await;
    let arn = create(&engine, "m", &machine(PASS)).await;
    store.set_open(false);
    let publish = engine.publish_state_machine_version(&arn, Publish::default(), None);
    assert!(tokio::time::timeout(Duration::from_millis(20), publish).await.is_err(), "the disk holds it up");
    store.set_open(true);
    let next = update(&engine, &arn, &machine(WAIT), Some(Publish::default())).await;
    assert_eq!((next.version.unwrap().number, numbers(&engine, &arn)), (2, vec![2, 1]));
}
