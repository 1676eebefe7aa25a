use asl::StateType;

use super::*;

fn event(id: u64, kind: EventKind) -> Event {
    Event { id, previous: id.saturating_sub(1), at: 1_700_000_000_123, frame: FrameId(0), kind, written: None }
}

fn value(text: &str) -> Value {
    Value::parse(text).unwrap()
}

fn started(input: &str) -> EventKind {
    EventKind::ExecutionStarted { input: value(input), start: "Call".into(), deadline: None }
}

fn scheduled_as(flavor: Flavor, resource: &str) -> EventKind {
    EventKind::TaskScheduled {
        flavor,
        resource: resource.into(),
        parameters: value(r#"{"FunctionName":"f","Payload":{"n":1}}"#),
        timeout_seconds: Some(60),
        heartbeat_seconds: Some(10),
        credentials: Some(value(r#"{"RoleArn":"arn:aws:iam::123456789012:role/other"}"#)),
        attempt: 1,
        token: "token".into(),
    }
}

fn failure(error: &str, cause: Option<&str>) -> Failure {
    Failure { error: Some(error.into()), cause: cause.map(Into::into) }
}

/// Renders as one history, numbering the events from 1.
fn rendered(kinds: Vec<EventKind>) -> Vec<Json> {
    let events: Vec<Event> = kinds.into_iter().zip(1..).map(|(kind, id)| event(id, kind)).collect();
    let context = RenderContext::new("us-east-1", &events).with_role(Some("arn:aws:iam::123456789012:role/r".into()));
    events.iter().filter_map(|event| render(event, &context)).collect()
}

#[test]
fn a_service_task_from_start_to_end() {
    insta::assert_json_snapshot!(rendered(vec![
        started(r#"{"a":1.0}"#),
        EventKind::StateEntered { state_type: StateType::Task, name: "Call".into(), input: value("[1,2]") },
        scheduled_as(Flavor::Service, "arn:aws:states:::lambda:invoke.waitForTaskToken"),
        EventKind::TaskStarted { flavor: Flavor::Service, worker_name: None },
        EventKind::TaskSubmitted { output: value(r#"{"StatusCode":200}"#) },
        EventKind::TaskSucceeded { flavor: Flavor::Service, output: value(r#"{"ok":true}"#) },
        EventKind::StateExited {
            state_type: StateType::Task,
            name: "Call".into(),
            output: value(r#""done""#),
            assigned: vec![("who".into(), value(r#""me""#)), ("n".into(), value("[1]"))],
            next: None,
        },
        EventKind::ExecutionSucceeded { output: value(r#""done""#) },
    ]));
}

#[test]
fn lambda_and_activity_families() {
    let function = "arn:aws:lambda:us-east-1:123456789012:function:f";
    let activity = "arn:aws:states:us-east-1:123456789012:activity:a";
    insta::assert_json_snapshot!(rendered(vec![
        scheduled_as(Flavor::Lambda, function),
        EventKind::TaskStarted { flavor: Flavor::Lambda, worker_name: None },
        EventKind::TaskSucceeded { flavor: Flavor::Lambda, output: value("null") },
        EventKind::TaskFailed { flavor: Flavor::Lambda, failure: failure("Boom", Some(r#"{"errorType":"Boom"}"#)) },
        EventKind::TaskTimedOut { flavor: Flavor::Lambda, failure: failure("States.Timeout", None), heartbeat: false },
        scheduled_as(Flavor::Activity, activity),
        EventKind::TaskStarted { flavor: Flavor::Activity, worker_name: Some("worker-1".into()) },
        EventKind::TaskStarted { flavor: Flavor::Activity, worker_name: None },
        EventKind::TaskSucceeded { flavor: Flavor::Activity, output: value("{}") },
        EventKind::TaskFailed { flavor: Flavor::Activity, failure: Failure::default() },
        EventKind::TaskTimedOut { flavor: Flavor::Activity, failure: failure("States.Timeout", None), heartbeat: true },
    ]));
}

#[test]
fn service_failures_repeat_the_resource_of_their_own_attempt() {
    insta::assert_json_snapshot!(rendered(vec![
        scheduled_as(Flavor::Service, "arn:aws:states:::aws-sdk:dynamodb:putItem"),
        EventKind::TaskFailed { flavor: Flavor::Service, failure: failure("DynamoDb.DynamoDbException", Some("no")) },
        scheduled_as(Flavor::Service, "arn:aws:states:::states:startExecution.sync:2"),
        EventKind::TaskStarted { flavor: Flavor::Service, worker_name: None },
        EventKind::TaskTimedOut { flavor: Flavor::Service, failure: failure("States.Timeout", None), heartbeat: false },
    ]));
}

#[test]
fn groups_and_ends() {
    insta::assert_json_snapshot!(rendered(vec![
        EventKind::ParallelStateStarted { input: Value::Null, starts: vec!["A".into()] },
        EventKind::ParallelStateSucceeded,
        EventKind::ParallelStateFailed,
        EventKind::MapStateStarted {
            items: Arc::new(vec![Value::Null, Value::Null]),
            max_concurrency: 0,
            start: "A".into()
        },
        EventKind::MapIterationStarted { name: "Each".into(), index: 1, parent: FrameId(0), input: Value::Null },
        EventKind::MapIterationSucceeded { name: "Each".into(), index: 0 },
        EventKind::MapIterationFailed { name: "Each".into(), index: 1 },
        EventKind::MapIterationAborted { name: "Each".into(), index: 1 },
        EventKind::MapStateSucceeded,
        EventKind::MapStateFailed,
        EventKind::StateAborted { state_type: StateType::Wait, gave_up: false },
        EventKind::EvaluationFailed {
            failure: failure("States.QueryEvaluationError", Some("why")),
            location: Some("Output/a".into()),
            state: "S".into(),
            terminal: false,
        },
        EventKind::ExecutionFailed(Failure::default()),
        EventKind::ExecutionTimedOut(failure("States.Timeout", None)),
        EventKind::ExecutionAborted(Failure::default()),
    ]));
}

#[test]
fn decisions_of_the_journal_stay_inside() {
    let context = RenderContext::default();
    let decisions = [
        EventKind::WaitArmed { until: 5 },
        EventKind::RetryArmed { retrier: 0, until: 5 },
        EventKind::StateFailed { failure: Failure::default(), terminal: false },
        EventKind::TaskHeartbeat,
    ];
    for kind in decisions {
        assert_eq!(render(&event(0, kind.clone()), &context), None);
        assert_eq!(render(&event(9, kind), &context), None, "whatever its number");
    }
}

#[test]
fn without_data_there_is_no_input_output_or_variable() {
    let events = [
        event(1, started(r#"{"secret":1}"#)),
        event(2, scheduled_as(Flavor::Service, "arn:aws:states:::sqs:sendMessage")),
        event(3, EventKind::TaskSucceeded { flavor: Flavor::Service, output: value(r#"{"secret":1}"#) }),
        event(
            4,
            EventKind::StateExited {
                state_type: StateType::Pass,
                name: "P".into(),
                output: value(r#"{"secret":1}"#),
                assigned: vec![("secret".into(), Value::Null)],
                next: None,
            },
        ),
    ];
    let context = RenderContext::new("us-east-1", &events).without_data();
    let text: String = events.iter().filter_map(|event| render(event, &context)).map(|json| json.to_string()).collect();
    assert!(!text.contains("secret") && !text.contains("Payload"), "{text}");
}

#[test]
fn integrations_split_as_aws_splits_them() {
    for (arn, kind, action) in [
        ("arn:aws:states:::lambda:invoke.waitForTaskToken", "lambda", "invoke.waitForTaskToken"),
        ("arn:aws:states:::states:startExecution.sync:2", "states", "startExecution.sync:2"),
        ("arn:aws:states:::aws-sdk:dynamodb:putItem", "aws-sdk:dynamodb", "putItem"),
        ("arn:aws:states:::aws-sdk:sfn:getActivityTask", "aws-sdk:sfn", "getActivityTask"),
        ("arn:aws:states:::odd", "odd", ""),
        ("", "", ""),
    ] {
        assert_eq!(integration(arn), (kind, action), "{arn}");
    }
}

#[test]
fn frames_keep_their_tasks_apart() {
    let task = |id, frame, kind| Event { frame: FrameId(frame), ..event(id, kind) };
    let done = || EventKind::TaskSucceeded { flavor: Flavor::Service, output: Value::Null };
    let events = [
        task(1, 1, scheduled_as(Flavor::Service, "arn:aws:states:::sqs:sendMessage")),
        task(2, 2, scheduled_as(Flavor::Service, "arn:aws:states:::sns:publish")),
        task(3, 1, done()),
        task(4, 2, done()),
    ];
    let context = RenderContext::new("us-east-1", &events);
    let resource = |event: &Event| render(event, &context).unwrap()["taskSucceededEventDetails"]["resource"].clone();
    assert_eq!(resource(&events[2]), "sendMessage");
    assert_eq!(resource(&events[3]), "publish");
}
