//! Executions: started, described, waiting, stopped.

use super::*;

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
async fn executions_are_listed_page_by_page_the_newest_first() {
    let (engine, _) = in_memory().await;
    let machine = create(&engine, "m", &machine(PASS)).await;
    let other = create(&engine, "m2", &self::machine(PASS)).await;
    let mut arns = Vec::new();
    for number in 0..7 {
        start(&engine, &other, &number.to_string()).await;
        arns.push(start(&engine, &machine, &number.to_string()).await);
    }
    arns.reverse();
    let of = Listed::Machine(&machine);
    let (mut seen, mut after) = (Vec::new(), None::<u64>);
    loop {
        let page = engine.executions_page(of, None, after, 3, &|_| true).unwrap();
        seen.extend(page.executions.into_iter().map(|execution| execution.arn));
        start(&engine, &machine, &format!("meanwhile-{}", seen.len())).await;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, arns, "what began meanwhile is on no page");
    let third = |execution: &ExecutionDescription| &*execution.name == "3";
    let page = engine.executions_page(of, None, None, 1, &third).unwrap();
    assert_eq!((page.executions.len(), &page.executions[0].arn), (1, &arns[3]));
    assert!(engine.executions_page(of, None, page.next, 1, &third).unwrap().executions.is_empty());
    assert_eq!(engine.executions_page(Listed::Machine("x"), None, None, 1, &third).unwrap_err().code(), "InvalidArn");
}

#[tokio::test]
async fn the_open_ones_are_found_behind_however_many_have_ended() {
    let (engine, _) = in_memory().await;
    let waiting = create(&engine, "m", &machine(WAIT)).await;
    let oldest = start(&engine, &waiting, "oldest").await;
    let newer = start(&engine, &waiting, "newer").await;
    for number in 0..5 {
        let arn = start(&engine, &waiting, &number.to_string()).await;
        engine.stop_execution(&arn, Failure::default()).await.unwrap();
    }
    let page =
        |after| engine.executions_page(Listed::Machine(&waiting), Some(Status::Running), after, 1, &|_| true).unwrap();
    let first = page(None);
    assert_eq!((first.executions.len(), &first.executions[0].arn), (1, &newer));
    let second = page(first.next);
    assert_eq!((second.executions.len(), &second.executions[0].arn, second.next), (1, &oldest, None));
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
        (engine.create_activity("a b", Vec::new()).await.unwrap_err(), "Invalid Name: 'a b'".to_owned()),
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
