//! States on trial.

use execution::Verdict;

use super::*;
use crate::trial::{FieldValidation, Mock, StateConfiguration, StateTest, TestedState};

const INVOKE: &str = r#"{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","End":true}"#;
const EACH: &str = r#"{"Type":"Map","End":true,"ItemProcessor":{
    "StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}}"#;
const BRANCHES: &str = r#"{"Type":"Parallel","End":true,"Branches":[
    {"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}]}"#;

fn of(definition: &str) -> StateTest {
    StateTest { definition: definition.to_owned(), input: Value::Object(Arc::default()), ..StateTest::default() }
}

fn mocked(definition: &str, result: &str) -> StateTest {
    let result = Some(Value::parse(result).unwrap());
    StateTest { mock: Some(Mock { result, ..Mock::default() }), ..of(definition) }
}

async fn refusal(test: StateTest) -> String {
    let (engine, _) = in_memory().await;
    let error = engine.test_state(test).await.unwrap_err();
    format!("{}: {error}", error.code())
}

async fn output(test: StateTest) -> String {
    let (engine, _) = in_memory().await;
    match engine.test_state(test).await.unwrap().verdict {
        Verdict::Succeeded { output, .. } => output.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_does_not_go_together_is_refused() {
    let error_output = Some(Failure::default());
    let both = mocked(INVOKE, "{}").mock.map(|mock| Mock { error_output, ..mock });
    let configuration = StateConfiguration { map_iteration_failure_count: Some(0), ..StateConfiguration::default() };
    let elsewhere = StateConfiguration { error_caused_by_state: Some("Q".to_owned()), ..StateConfiguration::default() };
    let role_arn = Some(ROLE.to_owned());
    let wait = INVOKE.replace("invoke", "invoke.waitForTaskToken");
    let activity = INVOKE.replace("arn:aws:states:::lambda:invoke", ACTIVITY);
    let written = EACH.replace(r#""End":true,"#, r#""End":true,"ResultWriter":{"WriterConfig":{}},"#).replacen(
        r#""StartAt""#,
        r#""ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt""#,
        1,
    );
    for (test, wanted) in [
        (mocked(r#"{"Type":"Succeed"}"#, "1"), "State type 'Succeed' is not supported when a mock is specified"),
        (StateTest { mock: both, ..of(INVOKE) }, "only one of the following fields: [result, errorOutput]."),
        (StateTest { reveal_secrets: true, ..mocked(INVOKE, "{}") }, "does not support RevealSecrets when a mock is"),
        (mocked(EACH, "{}"), "Mocked result must be an array."),
        (mocked(&written, "[]"), "Mocked result must be a JSON object."),
        (mocked(BRANCHES, "[]"), "Mocked result must contain the same number of items as number of Parallel branches."),
        (mocked(INVOKE, r#"{"StatusCode":"200"}"#), "Field 'StatusCode' must be a number"),
        (of(EACH), "InvalidDefinition: TestState API does not support Map or Parallel states."),
        (StateTest { configuration: configuration.clone(), ..of(EACH) }, "MapIterationFailureCount when a mock is not"),
        (StateTest { configuration: elsewhere, ..mocked(EACH, "[]") }, "errorCausedByState' must name a state inside"),
        (of(INVOKE), "ValidationException: RoleArn must be specified when testing a Task state"),
        (StateTest { role_arn: role_arn.clone(), ..of(&wait) }, "'.waitForTaskToken' service integration patterns"),
        (StateTest { role_arn, ..of(&activity) }, "InvalidDefinition: TestState API does not support Activity tasks"),
        (
            of(r#"{"Type":"Succeed","Foo":1}"#),
            "InvalidDefinition: Invalid State Machine Definition: 'SCHEMA_VALIDATION",
        ),
        (StateTest { state_name: Some("dne".to_owned()), ..of(&machine(PASS)) }, "State not found in definition"),
        (StateTest { context: Some(Value::Null), ..mocked(INVOKE, "{}") }, "Invalid Context object provided: "),
    ] {
        let refused = refusal(test).await;
        assert!(refused.contains(wanted), "{refused}");
    }
    let configuration = StateConfiguration { map_iteration_failure_count: Some(1), ..configuration };
    let more = StateTest { input: Value::array(vec![]), configuration, ..mocked(EACH, "[]") };
    assert!(refusal(more).await.contains("must be less than or equal to the number of Map iterations"));
}

#[tokio::test]
async fn a_state_of_a_whole_definition_is_found_wherever_it_is() {
    let test = StateTest { state_name: Some("P".to_owned()), ..of(&machine(EACH)) };
    assert_eq!(output(test).await, "{}");
    let unchecked = Mock { field_validation: FieldValidation::None, ..mocked(INVOKE, "1").mock.unwrap() };
    assert_eq!(output(StateTest { mock: Some(unchecked), ..of(INVOKE) }).await, "1");
}

#[tokio::test]
async fn a_task_without_a_mock_is_performed() {
    let server = Server::constant(200, vec![], "3").await;
    let clock = Clock::manual(START);
    let engine = open(None, &server.url, &clock).await;
    let function = INVOKE.replace("arn:aws:states:::lambda:invoke", "arn:aws:lambda:us-east-1:123456789012:function:f");
    let test = StateTest { role_arn: Some(ROLE.to_owned()), ..of(&function) };
    let TestedState { verdict, inspection, .. } = engine.test_state(test).await.unwrap();
    assert_eq!(verdict, Verdict::Succeeded { output: Value::from(3_i64), next: None });
    assert_eq!(inspection.result, Some(Value::from(3_i64)));
    assert!(engine.list_executions(None, None).unwrap().is_empty());
}

#[tokio::test]
async fn a_test_takes_five_minutes_at_most() {
    let (engine, clock) = in_memory().await;
    let waiting = tokio::spawn({
        let engine = engine.clone();
        async move { engine.test_state(of(WAIT)).await.unwrap().verdict }
    });
    tokio::task::yield_now().await;
    clock.advance(300_000);
    let Verdict::Failed(failure) = waiting.await.unwrap() else { panic!() };
    assert_eq!(failure.error.as_deref(), Some("States.Timeout"));
}
