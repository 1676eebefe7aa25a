use super::*;

async fn with(quotas: Quotas) -> Engine {
    let clock = Clock::manual(START);
    Engine::open(Config { quotas, ..config(None, "http://127.0.0.1:1", &clock) }).await.unwrap()
}

const FOREVER: &str = r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":1000,"End":true}}}"#;

#[tokio::test]
async fn there_are_no_more_machines_activities_and_open_executions_than_may_be() {
    let quotas = Quotas { state_machines: 2, activities: 1, open_executions: 1, ..Quotas::default() };
    let engine = with(quotas).await;
    let machine = create(&engine, "a", FOREVER).await;
    let express =
        engine.create_state_machine(NewStateMachine { kind: ExecutionType::Express, ..new_machine("b", FOREVER) });
    let express = express.await.unwrap().machine.arn.clone();
    let third = engine.create_state_machine(new_machine("c", FOREVER)).await.unwrap_err();
    assert_eq!(third.code(), "StateMachineLimitExceeded");
    create(&engine, "a", FOREVER).await;

    engine.create_activity("a", Vec::new()).await.unwrap();
    engine.create_activity("a", Vec::new()).await.unwrap();
    assert_eq!(engine.create_activity("b", Vec::new()).await.unwrap_err().code(), "ActivityLimitExceeded");

    let start = |name: &str| engine.start_execution(&machine, Some(name.to_owned()), Value::object::<&str>([]));
    let first = start("one").await.unwrap();
    assert_eq!(start("two").await.unwrap_err().code(), "ExecutionLimitExceeded");
    assert_eq!(start("one").await.unwrap(), first, "the same again is not one more");
    engine.start_execution(&express, None, Value::object::<&str>([])).await.unwrap();
    engine.stop_execution(&first.arn, Failure::default()).await.unwrap();
    start("two").await.unwrap();
    let again = engine.redrive_execution(&first.arn, None).await.unwrap_err();
    assert_eq!(again.code(), "ExecutionLimitExceeded");
}

#[tokio::test]
async fn an_activity_keeps_its_encryption() {
    let engine = with(Quotas::default()).await;
    let of = |kind: &str| Some(Value::object([("type", Value::from(kind))]));
    let made = engine.create_encrypted_activity("a", Vec::new(), of("AWS_OWNED_KEY")).await.unwrap();
    assert_eq!(made.encryption, of("AWS_OWNED_KEY"));
    assert_eq!(engine.create_activity("a", Vec::new()).await.unwrap(), made);
    let other = engine.create_encrypted_activity("a", Vec::new(), of("CUSTOMER_MANAGED_KMS_KEY")).await.unwrap_err();
    assert_eq!(other.code(), "ActivityAlreadyExists");
}
