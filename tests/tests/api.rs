//! The server through the real AWS SDK.

use std::time::Duration;

use aws_sdk_sfn::error::ProvideErrorMetadata;
use aws_sdk_sfn::types::{ExecutionStatus, HistoryEventType};
use end_to_end::{Options, Stack};
use serde_json::{Value, json};

const ROLE: &str = "arn:aws:iam::123456789012:role/test";

async fn create(stack: &Stack, name: &str, definition: &Value) -> String {
    let request = stack.client.create_state_machine().name(name).role_arn(ROLE).definition(definition.to_string());
    request.send().await.unwrap_or_else(|error| panic!("{error:?}")).state_machine_arn().to_owned()
}

async fn without_worker() -> Stack {
    Stack::start(Options { worker: false, ..Options::default() }).await
}

#[tokio::test]
async fn a_machine_is_created_run_described_and_deleted() {
    let stack = without_worker().await;
    let definition = json!({"StartAt": "Double", "QueryLanguage": "JSONata", "States": {
        "Double": {"Type": "Pass", "Output": {"twice": "{% $states.input.n * 2 %}"}, "End": true}}});
    let arn = create(&stack, "double", &definition).await;
    assert_eq!(create(&stack, "double", &definition).await, arn, "creating the same again answers the same machine");

    let execution = stack.start_execution("double", &json!({"n": 21})).await;
    let (status, output) = stack.ended(&execution).await;
    assert_eq!((status, output), (ExecutionStatus::Succeeded, json!({"twice": 42})));
    let types = stack.history(&execution).await.iter().map(|event| event.r#type().clone()).collect::<Vec<_>>();
    assert_eq!(
        types,
        [
            HistoryEventType::ExecutionStarted,
            HistoryEventType::PassStateEntered,
            HistoryEventType::PassStateExited,
            HistoryEventType::ExecutionSucceeded
        ]
    );

    let listed = stack.client.list_executions().state_machine_arn(&arn).send().await.unwrap();
    assert_eq!(listed.executions().len(), 1);
    stack.client.delete_state_machine().state_machine_arn(&arn).send().await.unwrap();
    let gone = stack.client.start_execution().state_machine_arn(&arn).send().await.unwrap_err();
    let code = gone.code().unwrap_or_default().to_owned();
    assert!(["StateMachineDoesNotExist", "StateMachineDeleting"].contains(&code.as_str()), "{gone:?}");
}

#[tokio::test]
async fn bad_requests_are_refused_by_the_names_that_the_sdk_knows() {
    let stack = without_worker().await;
    let bad = stack.client.create_state_machine().name("bad").role_arn(ROLE).definition("{}").send().await.unwrap_err();
    assert_eq!(bad.code(), Some("InvalidDefinition"));
    assert!(bad.message().unwrap_or_default().contains("These fields are required"), "{bad:?}");
    let unknown = Stack::machine("nobody");
    let missing = stack.client.start_execution().state_machine_arn(unknown).send().await.unwrap_err();
    assert_eq!(missing.code(), Some("StateMachineDoesNotExist"));
    let arn = Stack::machine("incident-remediation");
    let input = stack.client.start_execution().state_machine_arn(arn).input("not json").send().await.unwrap_err();
    assert_eq!(input.code(), Some("InvalidExecutionInput"));
    let token = stack.client.send_task_success().task_token("nonsense").output("{}").send().await.unwrap_err();
    assert_eq!(token.code(), Some("InvalidToken"));
}

#[tokio::test]
async fn an_activity_is_handed_to_a_waiting_worker_and_answers_by_token() {
    let stack = without_worker().await;
    let activity = stack.client.create_activity().name("dig").send().await.unwrap().activity_arn().to_owned();
    let definition = json!({"StartAt": "Dig", "States": {
        "Dig": {"Type": "Task", "Resource": activity, "TimeoutSeconds": 3600, "HeartbeatSeconds": 600, "End": true}}});
    create(&stack, "digger", &definition).await;

    // The worker waits first: the long poll wakes when work arrives.
    let poll = tokio::spawn(stack.client.get_activity_task().activity_arn(&activity).worker_name("mole").send());
    let execution = stack.start_execution("digger", &json!({"depth": 3})).await;
    let task = tokio::time::timeout(Duration::from_secs(20), poll).await.unwrap().unwrap().unwrap();
    assert_eq!(task.input(), Some(r#"{"depth":3}"#));
    let token = task.task_token().unwrap();
    stack.client.send_task_heartbeat().task_token(token).send().await.unwrap();
    stack.client.send_task_success().task_token(token).output(r#"{"dug":true}"#).send().await.unwrap();
    assert_eq!(stack.ended(&execution).await, (ExecutionStatus::Succeeded, json!({"dug": true})));
    let late = stack.client.send_task_success().task_token(token).output("{}").send().await.unwrap_err();
    assert!(matches!(late.code(), Some("TaskTimedOut" | "TaskDoesNotExist")), "{late:?}");
}

#[tokio::test]
async fn an_activity_survives_the_server_and_keeps_its_token() {
    let mut stack = without_worker().await;
    let activity = stack.client.create_activity().name("dig").send().await.unwrap().activity_arn().to_owned();
    let definition = json!({"StartAt": "Dig", "States": {
        "Dig": {"Type": "Task", "Resource": activity, "TimeoutSeconds": 36000, "End": true}}});
    create(&stack, "digger", &definition).await;
    let held = stack.start_execution("digger", &json!({"n": 1})).await;
    let task = stack.client.get_activity_task().activity_arn(&activity).send().await.unwrap();
    let queued = stack.start_execution("digger", &json!({"n": 2})).await;

    stack.crash_and_restart().await;

    stack.client.send_task_success().task_token(task.task_token().unwrap()).output("1").send().await.unwrap();
    assert_eq!(stack.ended(&held).await, (ExecutionStatus::Succeeded, json!(1)));
    let other = stack.client.get_activity_task().activity_arn(&activity).send().await.unwrap();
    assert_eq!(other.input(), Some(r#"{"n":2}"#));
    stack.client.send_task_failure().task_token(other.task_token().unwrap()).error("Rock").send().await.unwrap();
    let (status, failure) = stack.ended(&queued).await;
    assert_eq!((status, &failure["error"]), (ExecutionStatus::Failed, &json!("Rock")));
}

#[tokio::test]
async fn a_wait_and_a_nested_execution_survive_the_server() {
    let mut stack = without_worker().await;
    let child = json!({"StartAt": "Sleep", "States": {
        "Sleep": {"Type": "Wait", "Seconds": 300, "Next": "Done"}, "Done": {"Type": "Pass", "Result": 7, "End": true}}});
    create(&stack, "child", &child).await;
    let parent = json!({"StartAt": "Call", "QueryLanguage": "JSONata", "States": {
        "Call": {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2", "End": true,
            "Arguments": {"StateMachineArn": Stack::machine("child"), "Input": {"a": 1}},
            "Output": "{% $states.result.Output %}"}}});
    create(&stack, "parent", &parent).await;
    let execution = stack.start_execution("parent", &json!({})).await;
    let children = stack.client.list_executions().state_machine_arn(Stack::machine("child"));
    while children.clone().send().await.unwrap().executions().is_empty() {
        tokio::task::yield_now().await;
    }
    stack.crash_and_restart().await;
    assert_eq!(stack.ended(&execution).await, (ExecutionStatus::Succeeded, json!(7)));
    assert_eq!(children.send().await.unwrap().executions().len(), 1, "the child was started once");
}

#[tokio::test]
async fn a_failed_execution_is_redriven_from_where_it_failed_across_a_crash() {
    let mut stack = without_worker().await;
    let activity = stack.client.create_activity().name("dig").send().await.unwrap().activity_arn().to_owned();
    let dig = |next: Value| {
        let mut state = json!({"Type": "Task", "Resource": activity, "TimeoutSeconds": 36000});
        state.as_object_mut().unwrap().extend(next.as_object().unwrap().clone());
        state
    };
    let definition = json!({"StartAt": "First", "States": {
        "First": dig(json!({"Next": "Second"})), "Second": dig(json!({"End": true}))}});
    create(&stack, "digger", &definition).await;
    let execution = stack.start_execution("digger", &json!({})).await;
    let next = async |stack: &Stack| {
        let task = stack.client.get_activity_task().activity_arn(&activity).send().await.unwrap();
        task.task_token().unwrap().to_owned()
    };
    stack.client.send_task_success().task_token(next(&stack).await).output("1").send().await.unwrap();
    stack.client.send_task_failure().task_token(next(&stack).await).error("Rock").send().await.unwrap();
    assert_eq!(stack.ended(&execution).await.0, ExecutionStatus::Failed);

    stack.client.redrive_execution().execution_arn(&execution).send().await.unwrap();
    stack.crash_and_restart().await;
    let described = stack.client.describe_execution().execution_arn(&execution).send().await.unwrap();
    assert_eq!((described.status(), described.redrive_count()), (&ExecutionStatus::Running, Some(1)));
    stack.client.send_task_success().task_token(next(&stack).await).output("2").send().await.unwrap();
    assert_eq!(stack.ended(&execution).await, (ExecutionStatus::Succeeded, json!(2)));
    let again = stack.client.redrive_execution().execution_arn(&execution).send().await.unwrap_err();
    assert_eq!(again.code(), Some("ExecutionNotRedrivable"), "{again:?}");
    let scheduled = stack.history(&execution).await;
    let scheduled = scheduled.iter().filter(|event| *event.r#type() == HistoryEventType::ActivityScheduled).count();
    assert_eq!(scheduled, 3, "what had succeeded is not done again");
}
