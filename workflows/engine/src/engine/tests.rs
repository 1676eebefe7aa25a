use std::path::Path;

use asl::ExecutionType;
use execution::EventKind;

use super::*;
use crate::description::MachineStatus;
use crate::store::{Gated, Records};
use crate::test_server::Server;

const START: Millis = 1_700_000_000_000;
const SECOND: Duration = Duration::from_secs(1);
const ROLE: &str = "arn:aws:iam::123456789012:role/r";

fn config(directory: Option<&Path>, url: &str, clock: &Clock) -> Config {
    Config {
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
        data_dir: directory.map(ToOwned::to_owned),
        aws: aws::Endpoint::Url(url.to_owned()),
        lambda_endpoint: Some(url.to_owned()),
        clock: clock.clone(),
        limits: Limits::default(),
    }
}

async fn open(directory: Option<&Path>, url: &str, clock: &Clock) -> Engine {
    Engine::open(config(directory, url, clock)).await.unwrap()
}

async fn in_memory() -> (Engine, Clock) {
    let clock = Clock::manual(START);
    (open(None, "http://127.0.0.1:1", &clock).await, clock)
}

async fn create(engine: &Engine, name: &str, definition: &str) -> Arc<str> {
    let new = new_machine(name, definition);
    engine.create_state_machine(new).await.unwrap().arn.clone()
}

fn new_machine(name: &str, definition: &str) -> NewStateMachine {
    let (name, definition, role_arn) = (name.to_owned(), definition.to_owned(), ROLE.to_owned());
    NewStateMachine { name, definition, role_arn, ..NewStateMachine::default() }
}

async fn start(engine: &Engine, machine: &str, name: &str) -> Arc<str> {
    engine.start_execution(machine, Some(name.to_owned()), Value::Null).await.unwrap().arn
}

fn machine(state: &str) -> String {
    format!(r#"{{"QueryLanguage":"JSONata","StartAt":"S","States":{{"S":{state}}}}}"#)
}

fn task(resource: &str, fields: &str) -> String {
    machine(&format!(r#"{{"Type":"Task","Resource":"{resource}","End":true{fields}}}"#))
}

const PASS: &str = r#"{"Type":"Pass","Output":{"done":true},"End":true}"#;
const WAIT: &str = r#"{"Type":"Wait","Seconds":3600,"End":true}"#;
const ACTIVITY: &str = "arn:aws:states:us-east-1:123456789012:activity:a";

fn error_of(description: &ExecutionDescription) -> &str {
    description.failure.as_ref().and_then(|failure| failure.error.as_deref()).unwrap_or_default()
}

/// The history's event names in order, as far as the API shows them.
fn kinds(engine: &Engine, arn: &str) -> Vec<String> {
    let events = engine.history(arn).unwrap();
    let name = |event: &Event| format!("{:?}", event.kind).split([' ', '(', '{']).next().unwrap_or_default().to_owned();
    events.iter().filter(|event| event.is_visible()).map(name).collect()
}

#[tokio::test]
async fn an_execution_runs_to_its_end_and_is_described() {
    let (engine, _) = in_memory().await;
    let machine = create(&engine, "m", &machine(PASS)).await;
    let input = Value::parse(r#"{"a":1}"#).unwrap();
    let started = engine.start_execution(&machine, None, input.clone()).await.unwrap();
    assert_eq!(started.start_date, START);
    let ended = engine.ended(&started.arn).await.unwrap();
    assert_eq!((ended.status, ended.input), (Status::Succeeded, Some(input)));
    assert_eq!(ended.output.unwrap().to_string(), r#"{"done":true}"#);
    assert_eq!(ended.stop_date, Some(START));
    assert_eq!(kinds(&engine, &started.arn), ["ExecutionStarted", "StateEntered", "StateExited", "ExecutionSucceeded"]);
    let listed = engine.list_executions(Some(&machine), Some(Status::Succeeded)).unwrap();
    assert_eq!((listed.len(), &listed[0].arn), (1, &started.arn));
    assert!(engine.list_executions(None, Some(Status::Running)).unwrap().is_empty());
}

#[tokio::test]
async fn a_wait_ends_when_virtual_time_says_so() {
    let (engine, clock) = in_memory().await;
    let machine = create(&engine, "m", &machine(WAIT)).await;
    let arn = start(&engine, &machine, "e").await;
    clock.advance(3_599_999);
    assert_eq!(engine.describe_execution(&arn).unwrap().status, Status::Running);
    clock.advance(1);
    let ended = engine.ended(&arn).await.unwrap();
    assert_eq!((ended.status, ended.stop_date), (Status::Succeeded, Some(START + 3_600_000)));
}

#[tokio::test]
async fn many_executions_wait_with_one_sleeper() {
    let (engine, clock) = in_memory().await;
    let machine = create(&engine, "m", &machine(WAIT)).await;
    let mut arns = Vec::new();
    for number in 0..50 {
        arns.push(start(&engine, &machine, &number.to_string()).await);
    }
    assert_eq!(engine.list_executions(Some(&machine), Some(Status::Running)).unwrap().len(), 50);
    clock.advance(3_600_000);
    for arn in arns {
        assert_eq!(engine.ended(&arn).await.unwrap().status, Status::Succeeded);
    }
}

#[tokio::test]
async fn starting_again_is_the_same_execution_while_it_runs() {
    let (engine, clock) = in_memory().await;
    let machine = create(&engine, "m", &machine(WAIT)).await;
    let request = |input: i64| engine.start_execution(&machine, Some("e".to_owned()), Value::from(input));
    let first = request(1).await.unwrap();
    clock.advance(10);
    assert_eq!(request(1).await.unwrap(), first);
    let error = request(2).await.unwrap_err();
    assert_eq!(error.code(), "ExecutionAlreadyExists");
    assert_eq!(error.to_string(), format!("Execution Already Exists: '{}'", first.arn));
    engine.stop_execution(&first.arn, Failure::default()).await.unwrap();
    assert_eq!(request(1).await.unwrap_err().code(), "ExecutionAlreadyExists");
}

#[tokio::test]
async fn two_who_start_at_once_start_one() {
    let (engine, _) = in_memory().await;
    let machine = create(&engine, "m", &machine(WAIT)).await;
    let start = || engine.start_execution(&machine, Some("e".to_owned()), Value::Null);
    let (one, other) = tokio::join!(start(), start());
    assert_eq!(one.unwrap(), other.unwrap());
    assert_eq!(engine.list_executions(None, None).unwrap().len(), 1);
}

#[tokio::test]
async fn stopping_aborts_and_says_why() {
    let (engine, clock) = in_memory().await;
    let machine = create(&engine, "m", &machine(WAIT)).await;
    let arn = start(&engine, &machine, "e").await;
    clock.advance(5);
    let failure = Failure { error: Some("E".into()), cause: Some("c".into()) };
    assert_eq!(engine.stop_execution(&arn, failure.clone()).await.unwrap(), START + 5);
    let ended = engine.describe_execution(&arn).unwrap();
    assert_eq!((ended.status, ended.failure), (Status::Aborted, Some(failure)));
    clock.advance(5);
    assert_eq!(engine.stop_execution(&arn, Failure::default()).await.unwrap(), START + 5, "it had ended");
}

#[tokio::test]
async fn what_is_not_there_is_said_in_awss_words() {
    let (engine, _) = in_memory().await;
    let execution = "arn:aws:states:us-east-1:123456789012:execution:m:e";
    let machine = "arn:aws:states:us-east-1:123456789012:stateMachine:m";
    let cases = [
        (engine.describe_execution(execution).unwrap_err(), format!("Execution Does Not Exist: '{execution}'")),
        (engine.history(execution).unwrap_err(), format!("Execution Does Not Exist: '{execution}'")),
        (engine.describe_state_machine(machine).unwrap_err(), format!("State Machine Does Not Exist: '{machine}'")),
        (engine.describe_activity(ACTIVITY).unwrap_err(), format!("Activity Does Not Exist: '{ACTIVITY}'")),
        (engine.describe_execution("X").unwrap_err(), "Invalid Arn: 'Invalid ARN prefix: X'".to_owned()),
        (
            engine.stop_execution(machine, Failure::default()).await.unwrap_err(),
            "Invalid Arn: 'Resource type not valid in this context: stateMachine'".to_owned(),
        ),
        (engine.create_activity("a b").await.unwrap_err(), "Invalid Name: 'a b'".to_owned()),
        (
            engine.start_execution(machine, None, Value::Null).await.unwrap_err(),
            format!("State Machine Does Not Exist: '{machine}'"),
        ),
    ];
    for (error, expected) in cases {
        assert_eq!(error.to_string(), expected);
    }
}

#[tokio::test]
async fn an_input_over_the_quota_is_refused() {
    let (engine, _) = in_memory().await;
    let machine = create(&engine, "m", &machine(PASS)).await;
    let fits = Value::from("x".repeat(262_142));
    assert!(engine.start_execution(&machine, None, fits).await.is_ok());
    let error = engine.start_execution(&machine, None, Value::from("x".repeat(262_143))).await.unwrap_err();
    assert_eq!(error.code(), "ValidationException");
}

#[tokio::test]
async fn machines_are_created_once_and_updated() {
    let (engine, clock) = in_memory().await;
    let arn = create(&engine, "m", &machine(PASS)).await;
    clock.advance(7);
    let again = engine.create_state_machine(new_machine("m", &machine(PASS))).await.unwrap();
    assert_eq!((again.creation_date, &again.arn), (START, &arn));
    let spaced = machine(PASS).replace(',', ", ");
    let error = engine.create_state_machine(new_machine("m", &spaced)).await.unwrap_err();
    assert_eq!(error.to_string(), format!("State Machine Already Exists: '{arn}'"));
    let error = engine.update_state_machine(&arn, StateMachineChange::default()).await.unwrap_err();
    assert_eq!(error.code(), "MissingRequiredParameter");

    let running = start(&engine, &arn, "old").await;
    let change = StateMachineChange { definition: Some(machine(WAIT)), ..StateMachineChange::default() };
    let updated = engine.update_state_machine(&arn, change).await.unwrap();
    assert!(updated.revision_id.is_some());
    assert_eq!((updated.update_date, updated.creation_date), (START + 7, START));
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
    let express = NewStateMachine { kind: ExecutionType::Express, ..new_machine("m", &machine(PASS)) };
    assert_eq!(engine.create_state_machine(express).await.unwrap_err().code(), "StateMachineTypeNotSupported");
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

#[tokio::test]
async fn a_worker_gets_a_task_and_answers_it() {
    let (engine, _) = in_memory().await;
    let activity = engine.create_activity("a").await.unwrap();
    assert_eq!(engine.create_activity("a").await.unwrap(), activity);
    let machine = create(&engine, "m", &task(ACTIVITY, r#","Arguments":{"x":1}"#)).await;
    assert_eq!(engine.get_activity_task(ACTIVITY, None, Duration::ZERO).await.unwrap(), None);
    let arn = start(&engine, &machine, "e").await;
    let poll = engine.get_activity_task(ACTIVITY, Some("w".to_owned()), SECOND);
    let work = poll.await.unwrap().unwrap();
    assert_eq!(work.input.to_string(), r#"{"x":1}"#);
    let worker = |event: &Event| match &event.kind {
        EventKind::TaskStarted { worker_name, .. } => worker_name.clone(),
        _ => None,
    };
    assert_eq!(engine.history(&arn).unwrap().iter().find_map(worker).as_deref(), Some("w"), "durable when handed out");
    engine.send_task_heartbeat(&work.token).await.unwrap();
    engine.send_task_success(&work.token, Value::from(5_i64)).await.unwrap();
    assert_eq!(engine.ended(&arn).await.unwrap().output, Some(Value::from(5_i64)));
    let late = engine.send_task_success(&work.token, Value::Null).await.unwrap_err();
    assert_eq!(late.to_string(), "Task Timed Out: 'Provided task does not exist anymore'");
    assert_eq!(engine.send_task_heartbeat("nonsense").await.unwrap_err().to_string(), "Invalid Token: 'Invalid token'");
    engine.delete_activity(ACTIVITY).await.unwrap();
    assert!(engine.list_activities().is_empty());
}

#[tokio::test]
async fn a_forged_token_and_one_of_nowhere_are_refused() {
    let (engine, _) = in_memory().await;
    engine.create_activity("a").await.unwrap();
    let machine = create(&engine, "m", &task(ACTIVITY, "")).await;
    start(&engine, &machine, "e").await;
    let work = engine.get_activity_task(ACTIVITY, None, SECOND).await.unwrap().unwrap();
    let (named, _random) = work.token.rsplit_once('.').unwrap();
    let forged = format!("{named}.{:032x}", 1);
    assert_eq!(engine.send_task_success(&forged, Value::Null).await.unwrap_err().code(), "InvalidToken");
    let (_, rest) = work.token.split_once('.').unwrap();
    let nowhere = format!("YXJuOng.{rest}");
    assert_eq!(engine.send_task_success(&nowhere, Value::Null).await.unwrap_err().code(), "TaskDoesNotExist");
}

#[tokio::test]
async fn a_poller_that_waits_is_woken_by_work() {
    let (engine, _) = in_memory().await;
    engine.create_activity("a").await.unwrap();
    let machine = create(&engine, "m", &task(ACTIVITY, "")).await;
    let gone = tokio::time::timeout(Duration::from_millis(1), engine.get_activity_task(ACTIVITY, None, SECOND));
    assert!(gone.await.is_err(), "a poller that went away");
    let poller = engine.clone();
    let poll = tokio::spawn(async move { poller.get_activity_task(ACTIVITY, None, 60 * SECOND).await });
    tokio::task::yield_now().await;
    start(&engine, &machine, "e").await;
    assert!(poll.await.unwrap().unwrap().is_some());
}

/// An engine over a store whose commits the test can hold up.
async fn gated(fails_from: usize) -> (Engine, Arc<Gated>) {
    let store = Arc::new(Gated::failing_from(fails_from));
    let records = Records::over(store.clone(), Path::new("d")).unwrap();
    let config = config(None, "http://127.0.0.1:1", &Clock::manual(START));
    (Engine { core: recovery::open_over(config, records).await.unwrap() }, store)
}

#[tokio::test]
async fn a_task_begun_for_a_poller_that_left_goes_to_the_next_with_the_same_token() {
    let (engine, store) = gated(usize::MAX).await;
    engine.create_activity("a").await.unwrap();
    let machine = create(&engine, "m", &task(ACTIVITY, "")).await;
    let arn = start(&engine, &machine, "e").await;
    store.set_open(false);
    // One look claims and begins the task; before that is durable the worker disconnects.
    let mut poll = Box::pin(engine.get_activity_task(ACTIVITY, None, SECOND));
    assert!(futures::future::poll_immediate(&mut poll).await.is_none(), "handed out before the disk");
    drop(poll);
    store.set_open(true);
    let work = engine.get_activity_task(ACTIVITY, None, SECOND).await.unwrap().unwrap();
    engine.send_task_success(&work.token, Value::Null).await.unwrap();
    assert_eq!(engine.ended(&arn).await.unwrap().status, Status::Succeeded);
    let begun = kinds(&engine, &arn).iter().filter(|kind| *kind == "TaskStarted").count();
    assert_eq!(begun, 1);
}

#[tokio::test]
async fn nothing_is_answered_before_the_disk() {
    let (engine, store) = gated(usize::MAX).await;
    engine.create_activity("a").await.unwrap();
    let machine = create(&engine, "m", &task(ACTIVITY, "")).await;
    store.set_open(false);
    let mut started = Box::pin(engine.start_execution(&machine, Some("e".to_owned()), Value::Null));
    assert!(futures::future::poll_immediate(&mut started).await.is_none(), "StartExecution");
    assert!(engine.list_executions(None, None).unwrap().is_empty(), "not durable, not shown");
    assert_eq!(engine.get_activity_task(ACTIVITY, None, Duration::ZERO).await.unwrap(), None);
    store.set_open(true);
    let arn = started.await.unwrap().arn;
    let work = engine.get_activity_task(ACTIVITY, None, SECOND).await.unwrap().unwrap();
    store.set_open(false);
    let mut answered = Box::pin(engine.send_task_success(&work.token, Value::Null));
    assert!(futures::future::poll_immediate(&mut answered).await.is_none(), "SendTaskSuccess");
    assert_eq!(engine.describe_execution(&arn).unwrap().status, Status::Running, "the end is not durable");
    store.set_open(true);
    answered.await.unwrap();
    assert_eq!(engine.ended(&arn).await.unwrap().status, Status::Succeeded);
}

#[tokio::test]
async fn a_store_that_fails_stops_everything() {
    // Format, activity and machine go through; the start does not.
    let (engine, _) = gated(3).await;
    engine.create_activity("a").await.unwrap();
    let machine = create(&engine, "m", &task(ACTIVITY, "")).await;
    let error = engine.start_execution(&machine, None, Value::Null).await.unwrap_err();
    assert_eq!(error.code(), "InternalFailure");
    assert!(error.to_string().contains("full"), "{error}");
    assert_eq!(engine.get_activity_task(ACTIVITY, None, Duration::ZERO).await.unwrap(), None, "nothing is handed out");
    assert!(engine.create_activity("b").await.is_err());
}

#[tokio::test]
async fn a_heartbeat_that_does_not_come_times_the_task_out() {
    let (engine, clock) = in_memory().await;
    engine.create_activity("a").await.unwrap();
    let machine = create(&engine, "m", &task(ACTIVITY, r#","HeartbeatSeconds":10,"TimeoutSeconds":100"#)).await;
    let arn = start(&engine, &machine, "e").await;
    let work = engine.get_activity_task(ACTIVITY, None, SECOND).await.unwrap().unwrap();
    clock.advance(9_000);
    engine.send_task_heartbeat(&work.token).await.unwrap();
    clock.advance(9_000);
    assert_eq!(engine.describe_execution(&arn).unwrap().status, Status::Running);
    clock.advance(1_000);
    assert_eq!(error_of(&engine.ended(&arn).await.unwrap()), "States.Timeout");
    assert_eq!(engine.send_task_heartbeat(&work.token).await.unwrap_err().code(), "TaskTimedOut");
}

#[tokio::test]
async fn a_task_of_no_activity_fails() {
    let (engine, _) = in_memory().await;
    let machine = create(&engine, "m", &task(ACTIVITY, "")).await;
    let arn = start(&engine, &machine, "e").await;
    let ended = engine.ended(&arn).await.unwrap();
    assert_eq!(error_of(&ended), "States.Runtime");
    assert!(ended.failure.unwrap().cause.unwrap().contains(&format!("The activity {ACTIVITY} does not exist.")));
}

#[tokio::test]
async fn a_function_is_called_retried_and_caught() {
    let fails = r#"{"errorMessage":"busy","errorType":"Ops.Busy"}"#;
    let calls = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let server = Server::start(move |_| {
        let first = counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
        async move {
            if first {
                (200, vec![("x-amz-function-error", "Unhandled")], fails.to_owned())
            } else {
                (200, vec![], "7".to_owned())
            }
        }
    })
    .await;
    let clock = Clock::manual(START);
    let engine = open(None, &server.url, &clock).await;
    let retry = r#","Retry":[{"ErrorEquals":["Ops.Busy"],"IntervalSeconds":30,"MaxAttempts":2}]"#;
    let machine = create(&engine, "m", &task("arn:aws:lambda:us-east-1:123456789012:function:f", retry)).await;
    let arn = start(&engine, &machine, "e").await;
    // The retry is due 30 virtual seconds after the first failure, whenever that is known.
    while !kinds(&engine, &arn).iter().any(|kind| kind == "TaskFailed") {
        tokio::task::yield_now().await;
    }
    clock.advance(30_000);
    assert_eq!(engine.ended(&arn).await.unwrap().output, Some(Value::from(7_i64)));
    assert_eq!(calls.load(std::sync::atomic::Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_callback_ends_the_task() {
    let server = Server::constant(200, vec![], r#"{"MessageId":"m"}"#).await;
    let engine = open(None, &server.url, &Clock::manual(START)).await;
    let arguments = r#","Arguments":{"QueueUrl":"q","MessageBody":{"token":"{% $states.context.Task.Token %}"}}"#;
    let machine = create(&engine, "m", &task("arn:aws:states:::sqs:sendMessage.waitForTaskToken", arguments)).await;
    let arn = start(&engine, &machine, "e").await;
    while !kinds(&engine, &arn).iter().any(|kind| kind == "TaskSubmitted") {
        tokio::task::yield_now().await;
    }
    let sent = Value::parse(&server.received()[0].body).unwrap();
    let message = Value::parse(sent.get("MessageBody").unwrap().as_str().unwrap()).unwrap();
    let token = message.get("token").unwrap().as_str().unwrap().to_owned();
    engine.send_task_success(&token, Value::from("approved")).await.unwrap();
    assert_eq!(engine.ended(&arn).await.unwrap().output, Some(Value::from("approved")));
}

#[tokio::test]
async fn a_function_that_calls_back_finishes_what_it_does() {
    let (called, mut tokens) = tokio::sync::mpsc::unbounded_channel();
    let (finish, finishing) = tokio::sync::watch::channel(false);
    let (finished, mut done) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::start(move |request| {
        let (called, mut finishing, finished) = (called.clone(), finishing.clone(), finished.clone());
        async move {
            called.send(request.body).unwrap();
            finishing.wait_for(|finish| *finish).await.unwrap();
            finished.send(()).unwrap();
            (200, vec![], "null".to_owned())
        }
    })
    .await;
    let engine = open(None, &server.url, &Clock::manual(START)).await;
    let arguments = r#","Arguments":{"FunctionName":"f","Payload":"{% $states.context.Task.Token %}"}"#;
    let machine = create(&engine, "m", &task("arn:aws:states:::lambda:invoke.waitForTaskToken", arguments)).await;
    let arn = start(&engine, &machine, "e").await;
    let token = tokens.recv().await.unwrap();
    engine.send_task_success(token.trim_matches('"'), Value::from(1_i64)).await.unwrap();
    assert_eq!(engine.ended(&arn).await.unwrap().output, Some(Value::from(1_i64)));
    finish.send(true).unwrap();
    done.recv().await.unwrap();
}

fn parent(child: &str, pattern: &str) -> String {
    let resource = format!("arn:aws:states:::states:startExecution{pattern}");
    task(&resource, &format!(r#","Arguments":{{"StateMachineArn":"{child}","Input":{{"a":1}}}}"#))
}

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

#[tokio::test]
async fn everything_goes_on_after_a_crash() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START);
    let engine = open(Some(directory.path()), "http://127.0.0.1:1", &clock).await;
    engine.create_activity("a").await.unwrap();
    let waiting = create(&engine, "waiting", &machine(WAIT)).await;
    let working = create(&engine, "working", &task(ACTIVITY, "")).await;
    let done = start(&engine, &create(&engine, "done", &machine(PASS)).await, "e").await;
    let slept = start(&engine, &waiting, "e").await;
    let leased = start(&engine, &working, "leased").await;
    let work = engine.get_activity_task(ACTIVITY, None, SECOND).await.unwrap().unwrap();
    let queued = start(&engine, &working, "queued").await;
    let change = StateMachineChange { definition: Some(machine(PASS)), ..StateMachineChange::default() };
    engine.update_state_machine(&waiting, change).await.unwrap();
    let before = engine.history(&slept).unwrap();
    // No shutdown: the engine is dropped where it stands.
    drop(engine);

    let engine = open(Some(directory.path()), "http://127.0.0.1:1", &clock).await;
    assert_eq!(engine.list_state_machines().len(), 3);
    assert_eq!(engine.describe_execution(&done).unwrap().status, Status::Succeeded);
    assert_eq!(engine.history(&slept).unwrap(), before);
    let next = engine.get_activity_task(ACTIVITY, None, SECOND).await.unwrap().unwrap();
    assert_ne!(next.token, work.token, "the leased task stays with its worker");
    assert_eq!(engine.get_activity_task(ACTIVITY, None, Duration::ZERO).await.unwrap(), None);
    engine.send_task_success(&work.token, Value::from(1_i64)).await.unwrap();
    engine.send_task_success(&next.token, Value::from(2_i64)).await.unwrap();
    assert_eq!(engine.ended(&leased).await.unwrap().output, Some(Value::from(1_i64)));
    assert_eq!(engine.ended(&queued).await.unwrap().output, Some(Value::from(2_i64)));
    clock.advance(3_600_000);
    let ended = engine.ended(&slept).await.unwrap();
    assert_eq!((ended.status, ended.stop_date), (Status::Succeeded, Some(START + 3_600_000)), "its old definition");
}

#[tokio::test]
async fn a_parent_finds_its_child_again_after_a_crash() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START);
    let engine = open(Some(directory.path()), "http://127.0.0.1:1", &clock).await;
    let child = create(&engine, "child", &machine(WAIT)).await;
    let parent = create(&engine, "parent", &parent(&child, ".sync:2")).await;
    let arn = start(&engine, &parent, "e").await;
    while engine.list_executions(Some(&child), None).unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    drop(engine);
    let engine = open(Some(directory.path()), "http://127.0.0.1:1", &clock).await;
    clock.advance(3_600_000);
    assert_eq!(engine.ended(&arn).await.unwrap().status, Status::Succeeded);
    assert_eq!(engine.list_executions(Some(&child), None).unwrap().len(), 1, "a second child was started");
}

#[tokio::test]
async fn a_call_that_a_crash_cut_off_is_made_again() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START);
    let (asked, mut first) = tokio::sync::mpsc::unbounded_channel();
    let hanging = Server::start(move |_| {
        let _ = asked.send(());
        std::future::pending()
    })
    .await;
    let engine = open(Some(directory.path()), &hanging.url, &clock).await;
    let machine = create(&engine, "m", &task("arn:aws:lambda:us-east-1:123456789012:function:f", "")).await;
    let arn = start(&engine, &machine, "e").await;
    first.recv().await.unwrap();
    drop(engine);
    let answering = Server::constant(200, vec![], "3").await;
    let engine = open(Some(directory.path()), &answering.url, &clock).await;
    assert_eq!(engine.ended(&arn).await.unwrap().output, Some(Value::from(3_i64)));
    assert_eq!(kinds(&engine, &arn).iter().filter(|kind| *kind == "TaskStarted").count(), 1);
}

#[tokio::test]
async fn a_stopped_execution_drops_its_call() {
    let (asked, mut first) = tokio::sync::mpsc::unbounded_channel();
    let (held, mut dropped) = tokio::sync::mpsc::unbounded_channel::<()>();
    let server = Server::start(move |_| {
        let (asked, held) = (asked.clone(), held.clone());
        async move {
            let _held = held;
            let _ = asked.send(());
            std::future::pending().await
        }
    })
    .await;
    let engine = open(None, &server.url, &Clock::manual(START)).await;
    let machine = create(&engine, "m", &task("arn:aws:lambda:us-east-1:123456789012:function:f", "")).await;
    let arn = start(&engine, &machine, "e").await;
    first.recv().await.unwrap();
    engine.stop_execution(&arn, Failure::default()).await.unwrap();
    assert_eq!(engine.describe_execution(&arn).unwrap().status, Status::Aborted);
    // The server's own handle remains; the connection's is dropped when the client hangs up.
    while dropped.sender_strong_count() > 1 {
        tokio::task::yield_now().await;
    }
    dropped.close();
}

#[tokio::test]
async fn a_shut_down_engine_refuses_and_its_directory_is_free() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START);
    let engine = open(Some(directory.path()), "http://127.0.0.1:1", &clock).await;
    let machine = create(&engine, "m", &machine(WAIT)).await;
    let refused = Engine::open(config(Some(directory.path()), "http://127.0.0.1:1", &clock)).await.unwrap_err();
    assert!(refused.to_string().contains("is in use by another server"), "{refused}");
    engine.shutdown().await;
    assert!(engine.start_execution(&machine, None, Value::Null).await.is_err());
    let again = open(Some(directory.path()), "http://127.0.0.1:1", &clock).await;
    assert_eq!(again.list_state_machines().len(), 1);
}

#[tokio::test]
async fn a_directorys_time_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let scaled = Clock::starting_now(1000.0);
    let engine = open(Some(directory.path()), "http://127.0.0.1:1", &scaled).await;
    let (origin, before) = (engine.config().clock.origin(), engine.now());
    drop(engine);
    let engine = open(Some(directory.path()), "http://127.0.0.1:1", &Clock::starting_now(1000.0)).await;
    assert_eq!(engine.config().clock.origin(), origin);
    assert!(engine.now() >= before);
}
