//! Aliases: created, moved, started, deleted.

use super::*;

/// A machine with two versions: the first waits, the second passes.
async fn two_versions(engine: &Engine, name: &str) -> (Arc<str>, [Arc<str>; 2]) {
    let new = NewStateMachine { publish: Some(Publish::default()), ..new_machine(name, &machine(WAIT)) };
    let arn = engine.create_state_machine(new).await.unwrap().machine.arn.clone();
    let definition = Some(machine(PASS));
    let change = StateMachineChange { definition, publish: Some(Publish::default()), ..Default::default() };
    engine.update_state_machine(&arn, change).await.unwrap();
    let versions = [1, 2].map(|number| format!("{arn}:{number}").into());
    (arn, versions)
}

fn routes(routes: &[(&Arc<str>, u8)]) -> Vec<Route> {
    routes.iter().map(|(version_arn, weight)| Route { version_arn: Arc::clone(version_arn), weight: *weight }).collect()
}

fn new_alias(name: &str, to: &[(&Arc<str>, u8)]) -> NewStateMachineAlias {
    NewStateMachineAlias { name: name.to_owned(), description: Some("d".to_owned()), routes: routes(to) }
}

#[tokio::test]
async fn an_alias_starts_the_version_that_it_leads_to() {
    let (engine, clock) = in_memory().await;
    let (arn, [first, second]) = two_versions(&engine, "m").await;
    let alias = engine.create_state_machine_alias(new_alias("PROD", &[(&first, 100), (&second, 0)])).await.unwrap();
    assert_eq!((&*alias.arn, alias.creation_date), (&*format!("{arn}:PROD"), START));
    let one = start(&engine, &alias.arn, "one").await;
    let found = engine.describe_execution(&one).unwrap();
    assert_eq!((found.version_arn, found.alias_arn), (Some(first.clone()), Some(alias.arn.clone())));
    assert_eq!(found.status, Status::Running);

    clock.advance(4);
    let change = AliasChange { routes: Some(routes(&[(&second, 100)])), description: None };
    let moved = engine.update_state_machine_alias(&alias.arn, change.clone()).await.unwrap();
    assert_eq!((moved.update_date, moved.creation_date, moved.description.as_deref()), (START + 4, START, Some("d")));
    clock.advance(1);
    let same = engine.update_state_machine_alias(&alias.arn, change).await.unwrap();
    assert_eq!(same.update_date, START + 4, "nothing has changed");
    let two = start(&engine, &alias.arn, "two").await;
    assert_eq!(engine.ended(&two).await.unwrap().version_arn, Some(second.clone()));
    let again = start(&engine, &alias.arn, "one").await;
    assert_eq!(engine.describe_execution(&again).unwrap().version_arn, Some(first.clone()), "the one that runs");
    let listed = |of: &str| engine.list_executions(Some(of), None).unwrap().len();
    assert_eq!((listed(&alias.arn), listed(&first), listed(&second), listed(&arn)), (2, 1, 1, 2));
}

#[tokio::test]
async fn an_alias_chooses_by_weight() {
    let (engine, _) = in_memory().await;
    let (_, [first, second]) = two_versions(&engine, "m").await;
    let alias = engine.create_state_machine_alias(new_alias("a", &[(&first, 50), (&second, 50)])).await.unwrap();
    // All the same with a chance of 2^-199.
    for number in 0..200 {
        start(&engine, &alias.arn, &number.to_string()).await;
    }
    let listed = |of: &str| engine.list_executions(Some(of), None).unwrap().len();
    assert!(listed(&first) > 0 && listed(&second) > 0);
    assert_eq!(listed(&first) + listed(&second), 200);
}

#[tokio::test]
async fn an_alias_is_created_once() {
    let (engine, clock) = in_memory().await;
    let (arn, [first, second]) = two_versions(&engine, "m").await;
    let new = new_alias("b", &[(&first, 60), (&second, 40)]);
    let alias = engine.create_state_machine_alias(new).await.unwrap();
    clock.advance(1);
    let turned = new_alias("b", &[(&second, 40), (&first, 60)]);
    assert_eq!(engine.create_state_machine_alias(turned).await.unwrap().creation_date, alias.creation_date);
    let undescribed = NewStateMachineAlias { description: None, ..new_alias("b", &[(&first, 60), (&second, 40)]) };
    for other in [new_alias("b", &[(&first, 100)]), undescribed] {
        let error = engine.create_state_machine_alias(other).await.unwrap_err();
        let wanted = "Failed to create alias because an alias with the same name and a different routing configuration \
                      already exists.";
        assert_eq!((error.code(), error.to_string().as_str()), ("ConflictException", wanted));
    }
    engine.create_state_machine_alias(new_alias("a", &[(&first, 100)])).await.unwrap();
    let names = |of: &str| {
        let aliases = engine.list_state_machine_aliases(of).unwrap();
        aliases.iter().map(|alias| alias.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!((names(&arn), names(&second)), (vec!["a".to_owned(), "b".to_owned()], vec!["b".to_owned()]));
    let error = engine.delete_state_machine_version(&first).await.unwrap_err();
    let wanted = "Version to be deleted must not be referenced by an alias. Current list of aliases referencing this \
                  version: [a, b]";
    assert_eq!((error.code(), error.to_string().as_str()), ("ConflictException", wanted));
    engine.delete_state_machine_alias(&alias.arn).await.unwrap();
    engine.delete_state_machine_version(&second).await.unwrap();
    assert_eq!(engine.delete_state_machine_alias(&alias.arn).await.unwrap_err().code(), "ResourceNotFound");
    let error = engine.start_execution(&alias.arn, None, Value::Null).await.unwrap_err();
    assert_eq!(error.code(), "StateMachineDoesNotExist");
}

#[tokio::test]
async fn bad_routes_are_refused_in_aws_words() {
    let (engine, _) = in_memory().await;
    let (arn, [first, second]) = two_versions(&engine, "m").await;
    let (_, [other, _]) = two_versions(&engine, "n").await;
    let absent: Arc<str> = format!("{arn}:9").into();
    let contain = "Routing configuration must contain";
    for (to, code, wanted) in [
        (
            vec![(&first, 50), (&first, 50)],
            "ValidationException",
            format!("{contain} distinct state machine version ARNs. Received: [{first}, {first}]"),
        ),
        (
            vec![(&arn, 70), (&second, 30)],
            "ValidationException",
            format!("{contain} state machine version ARNs. Received: [{arn}, {second}]"),
        ),
        (
            vec![(&first, 70), (&second, 29)],
            "ValidationException",
            "Sum of routing configuration weights must equal 100. Received: [70, 29]".to_owned(),
        ),
        (
            vec![(&first, 1), (&other, 99)],
            "ValidationException",
            format!("{contain} versions of the same state machine. Received: [{first}, {other}]"),
        ),
        (
            vec![(&first, 1), (&absent, 99)],
            "ResourceNotFound",
            "Request references a resource that does not exist.".to_owned(),
        ),
    ] {
        let error = engine.create_state_machine_alias(new_alias("a", &to)).await.unwrap_err();
        assert_eq!((error.code(), error.to_string()), (code, wanted));
    }
    let alias = engine.create_state_machine_alias(new_alias("a", &[(&first, 100)])).await.unwrap();
    let error = engine.update_state_machine_alias(&alias.arn, AliasChange::default()).await.unwrap_err();
    assert_eq!(error.code(), "ValidationException");
    let elsewhere = AliasChange { routes: Some(routes(&[(&other, 100)])), description: None };
    let error = engine.update_state_machine_alias(&alias.arn, elsewhere).await.unwrap_err();
    assert_eq!(error.code(), "ValidationException");
    let change = AliasChange { description: Some(String::new()), routes: None };
    let error = engine.update_state_machine_alias(&format!("{arn}:b"), change).await.unwrap_err();
    assert_eq!(error.to_string(), "Request references a resource that does not exist.");
}

#[tokio::test]
async fn aliases_survive_a_crash() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START);
    let engine = open(Some(directory.path()), "http://127.0.0.1:1", &clock).await;
    let (arn, [first, second]) = two_versions(&engine, "m").await;
    let alias = engine.create_state_machine_alias(new_alias("PROD", &[(&first, 100)])).await.unwrap().arn.clone();
    let gone = engine.create_state_machine_alias(new_alias("GONE", &[(&first, 100)])).await.unwrap().arn.clone();
    engine.delete_state_machine_alias(&gone).await.unwrap();
    let running = start(&engine, &alias, "e").await;
    clock.advance(2);
    let change = AliasChange { routes: Some(routes(&[(&second, 100)])), description: Some("moved".to_owned()) };
    engine.update_state_machine_alias(&alias, change).await.unwrap();
    drop(engine);

    let engine = open(Some(directory.path()), "http://127.0.0.1:1", &clock).await;
    let found = engine.list_state_machine_aliases(&arn).unwrap();
    assert_eq!((found.len(), found[0].description.as_deref()), (1, Some("moved")));
    assert_eq!((&found[0].routes, found[0].update_date), (&routes(&[(&second, 100)]), START + 2));
    let was = engine.describe_execution(&running).unwrap();
    assert_eq!((was.version_arn, was.alias_arn), (Some(first), Some(alias.clone())));
    let next = start(&engine, &alias, "next").await;
    assert_eq!(engine.ended(&next).await.unwrap().version_arn, Some(second));
    assert_eq!(engine.delete_state_machine_version(&format!("{arn}:2")).await.unwrap_err().code(), "ConflictException");
}

#[tokio::test]
async fn a_task_may_start_an_alias() {
    let (engine, _) = in_memory().await;
    let (_, [first, second]) = two_versions(&engine, "child").await;
    let alias = engine.create_state_machine_alias(new_alias("a", &[(&second, 100)])).await.unwrap();
    let parent = create(&engine, "parent", &parent(&alias.arn, ".sync:2")).await;
    let arn = start(&engine, &parent, "e").await;
    let output = engine.ended(&arn).await.unwrap().output.unwrap();
    let member = |name: &str| output.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
    assert_eq!(member("StateMachineVersionArn").as_deref(), Some(&*second));
    assert_eq!(member("StateMachineAliasArn").as_deref(), Some(&*alias.arn));
    assert!(engine.list_executions(Some(&first), None).unwrap().is_empty());
}
