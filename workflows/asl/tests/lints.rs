//! Where each lint speaks and where it keeps silent.

const LAMBDA: &str = r#""Resource": "arn:aws:lambda:us-east-1:123456789012:function:f""#;

/// The codes of what is found in a definition whose `States` are `states`, which begins at `A`.
fn codes(states: &str, top: &str) -> Vec<&'static str> {
    let text = format!(r#"{{"StartAt": "A"{top}, "States": {{{states}}}}}"#);
    let parsed = asl::parse(&text);
    assert!(parsed.definition.is_some(), "{text}: {:?}", parsed.diagnostics);
    parsed.diagnostics.iter().map(|found| found.code.name()).collect()
}

/// The same for a Task `A` before a Succeed `B`.
fn of_task(fields: &str) -> Vec<&'static str> {
    codes(&format!(r#""A": {{"Type": "Task", "Next": "B", {fields}}}, "B": {{"Type": "Succeed"}}"#), "")
}

#[test]
fn who_waits_for_somebody_needs_a_limit() {
    let callback = r#""Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken""#;
    let token = r#""Parameters": {"Payload": {"t.$": "$$.Task.Token"}}"#;
    let activity = r#""Resource": "arn:aws:states:us-east-1:123456789012:activity:a""#;
    for (fields, wanted) in [
        (format!("{callback}, {token}"), &["CALLBACK_WITHOUT_TIMEOUT"][..]),
        (format!("{callback}, {token}, \"HeartbeatSeconds\": 60"), &[]),
        (format!("{callback}, {token}, \"TimeoutSecondsPath\": \"$.t\""), &[]),
        (format!("{callback}, \"TimeoutSeconds\": 9"), &["CALLBACK_WITHOUT_TOKEN"]),
        (format!("{callback}, \"TimeoutSeconds\": 9, \"Parameters\": {{\"Payload.$\": \"$$\"}}"), &[]),
        (format!("{callback}, \"TimeoutSeconds\": 9, \"InputPath\": \"$$.Task\""), &[]),
        (activity.to_owned(), &["CALLBACK_WITHOUT_TIMEOUT"]),
        (r#""Resource": "arn:aws:states:::ecs:runTask.sync""#.to_owned(), &["TASK_WITHOUT_TIMEOUT"]),
        (r#""Resource": "arn:aws:states:::ecs:runTask""#.to_owned(), &[]),
        (LAMBDA.to_owned(), &[]),
        (r#""Resource": "${WorkFunctionArn}""#.to_owned(), &[]),
        (format!("{LAMBDA}, \"HeartbeatSeconds\": 5"), &["HEARTBEAT_WITHOUT_EFFECT"]),
        (format!("{activity}, \"HeartbeatSeconds\": 5"), &[]),
    ] {
        assert_eq!(of_task(&fields), wanted, "{fields}");
    }
    let jsonata = r#""QueryLanguage": "JSONata", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "TimeoutSeconds": 9"#;
    for (arguments, wanted) in [
        (r#"{"MessageBody": "{% $states.context.Task.Token %}"}"#, &[][..]),
        (r#""{% $request %}""#, &[]),
        (r#"{"MessageBody": "{% $states.input.text %}"}"#, &["CALLBACK_WITHOUT_TOKEN"]),
    ] {
        assert_eq!(of_task(&format!("{jsonata}, \"Arguments\": {arguments}")), wanted, "{arguments}");
    }
}

#[test]
fn heartbeats_are_measured_against_what_ends_first() {
    let task = |fields: &str| {
        let resource = r#""Resource": "arn:aws:states:us-east-1:123456789012:activity:a""#;
        format!(r#""A": {{"Type": "Task", "QueryLanguage": "JSONata", {resource}, "End": true, {fields}}}"#)
    };
    let late = ["HEARTBEAT_WITHOUT_EFFECT"];
    assert_eq!(codes(&task(r#""HeartbeatSeconds": "{% 60 %}", "TimeoutSeconds": "{% 60 %}""#), ""), late);
    assert_eq!(codes(&task(r#""HeartbeatSeconds": "{% 59 %}", "TimeoutSeconds": "{% 60 %}""#), ""), [""; 0]);
    assert_eq!(codes(&task(r#""HeartbeatSeconds": "{% $h %}", "TimeoutSeconds": 60"#), ""), [""; 0]);
    assert_eq!(codes(&task(r#""HeartbeatSeconds": 60"#), r#", "TimeoutSeconds": 60"#), late);
    assert_eq!(codes(&task(r#""HeartbeatSeconds": 60"#), ""), [""; 0]);
}

#[test]
fn error_names_that_nothing_fails_with_are_told() {
    for (fields, wanted) in [
        (r#""Retry": [{"ErrorEquals": ["States.BranchFailed"]}]"#, &["IMPOSSIBLE_ERROR_NAME"][..]),
        (r#""Retry": [{"ErrorEquals": ["States.timeout"]}]"#, &["IMPOSSIBLE_ERROR_NAME"]),
        (r#""Retry": [{"ErrorEquals": ["States.HeartbeatTimeout"]}]"#, &["IMPOSSIBLE_ERROR_NAME"]),
        (r#""Retry": [{"ErrorEquals": ["States.ItemReaderFailed"]}]"#, &["IMPOSSIBLE_ERROR_NAME"]),
        (r#""Retry": [{"ErrorEquals": ["States.Timeout", "States.QuorumMet", "States.Permissions"]}]"#, &[]),
        (r#""Catch": [{"ErrorEquals": ["States.DataLimitExceeded"], "Next": "B"}]"#, &[]),
        (r#""Retry": [{"ErrorEquals": ["States.ALL"]}]"#, &["RETRY_ALL_WITHOUT_CATCH"]),
        (r#""Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 0}]"#, &[]),
        (r#""Retry": [{"ErrorEquals": ["States.ALL"]}], "Catch": [{"ErrorEquals": ["E"], "Next": "B"}]"#, &[]),
        (
            r#""Catch": [{"ErrorEquals": ["E"], "Next": "B"}, {"ErrorEquals": ["E"], "Next": "B"}]"#,
            &["UNREACHABLE_CATCHER"],
        ),
        (
            r#""Catch": [{"ErrorEquals": ["E"], "Next": "B"}, {"ErrorEquals": ["E", "F"], "Next": "B"}]"#,
            &["UNREACHABLE_ERROR_NAME"],
        ),
        (
            r#""Catch": [{"ErrorEquals": ["States.TaskFailed"], "Next": "B"}, {"ErrorEquals": ["States.ALL"], "Next": "B"}]"#,
            &[],
        ),
    ] {
        assert_eq!(of_task(&format!("{LAMBDA}, {fields}")), wanted, "{fields}");
    }
}

#[test]
fn a_catch_around_a_branch_catches_its_retries() {
    let states = |catch: &str| {
        format!(
            r#""A": {{"Type": "Parallel", "Next": "B"{catch}, "Branches": [{{"StartAt": "C", "States": {{"C": {{
                "Type": "Task", {LAMBDA}, "End": true, "Retry": [{{"ErrorEquals": ["States.ALL"]}}]}}}}}}]}},
                "B": {{"Type": "Succeed"}}"#
        )
    };
    assert_eq!(codes(&states(""), ""), ["RETRY_ALL_WITHOUT_CATCH"]);
    assert_eq!(codes(&states(r#", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "B"}]"#), ""), [""; 0]);
}

#[test]
fn retries_are_added_up() {
    let top = |seconds: u64| format!(r#", "TimeoutSeconds": {seconds}"#);
    let task = |retrier: &str| {
        format!(r#""A": {{"Type": "Task", {LAMBDA}, "End": true, "TimeoutSeconds": 100, "Retry": [{retrier}]}}"#)
    };
    for (retrier, seconds, speaks) in [
        // 1 + 2 + 4 = 7
        (r#"{"ErrorEquals": ["E"]}"#, 7, true),
        (r#"{"ErrorEquals": ["E"]}"#, 8, false),
        // Five times 10.
        (r#"{"ErrorEquals": ["E"], "IntervalSeconds": 10, "BackoffRate": 1, "MaxAttempts": 5}"#, 50, true),
        (r#"{"ErrorEquals": ["E"], "IntervalSeconds": 10, "BackoffRate": 1, "MaxAttempts": 5}"#, 51, false),
        // 1 + 2 + 3 + 3 + 3 = 12
        (r#"{"ErrorEquals": ["E"], "MaxDelaySeconds": 3, "MaxAttempts": 5}"#, 12, true),
        (r#"{"ErrorEquals": ["E"], "MaxDelaySeconds": 3, "MaxAttempts": 5}"#, 13, false),
        // A delay that is drawn may be nothing.
        (r#"{"ErrorEquals": ["E"], "JitterStrategy": "FULL", "MaxAttempts": 50}"#, 9, false),
        // Each attempt takes its whole time: 3 * 100 + 7.
        (r#"{"ErrorEquals": ["States.Timeout"]}"#, 307, true),
        (r#"{"ErrorEquals": ["States.Timeout"]}"#, 308, false),
        (r#"{"ErrorEquals": ["States.Timeout", "E"]}"#, 100, false),
        (r#"{"ErrorEquals": ["E"], "MaxAttempts": 0}"#, 1, false),
        // More than a year in any case.
        (r#"{"ErrorEquals": ["E"], "MaxAttempts": 30}"#, 99_999_999, true),
    ] {
        let wanted: &[&str] = if speaks { &["RETRY_OUTLASTS_EXECUTION"] } else { &[] };
        let limit = if seconds == 99_999_999 { String::new() } else { top(seconds) };
        assert_eq!(codes(&task(retrier), &limit), wanted, "{retrier} in {seconds} s");
    }
}

#[test]
fn circles_need_a_pause_a_count_or_an_end() {
    let look = r#""A": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:ecs:describeTasks", "Next": "C"}"#;
    let done = r#""D": {"Type": "Succeed"}"#;
    let judge =
        |rule: &str| format!(r#""C": {{"Type": "Choice", "Choices": [{{{rule}, "Next": "A"}}], "Default": "D"}}"#);
    let runs = ["UNBOUNDED_LOOP"];
    let status = judge(r#""Variable": "$.s", "StringEquals": "RUNNING""#);
    assert_eq!(codes(&format!("{look}, {status}, {done}"), ""), runs);
    // Pages are many, and come to an end.
    let page = judge(r#""Variable": "$.NextToken", "IsPresent": true"#);
    assert_eq!(codes(&format!("{look}, {page}, {done}"), ""), [""; 0]);
    let counter = judge(r#""Variable": "$.n", "NumericLessThan": 5"#);
    assert_eq!(codes(&format!("{look}, {counter}, {done}"), ""), [""; 0]);
    // A job takes its time.
    let job = look.replace("aws-sdk:ecs:describeTasks\"", "ecs:runTask.sync\", \"TimeoutSeconds\": 9");
    assert_eq!(codes(&format!("{job}, {status}, {done}"), ""), [""; 0]);

    let retried = |to: &str| {
        format!(
            r#""A": {{"Type": "Task", {LAMBDA}, "Next": "D", "Catch": [{{"ErrorEquals": ["E"], "Next": "{to}"}}]}}, {done}"#
        )
    };
    assert_eq!(codes(&retried("A"), ""), runs);
    let through = |state: &str| format!(r#"{}, "P": {state}"#, retried("P"));
    assert_eq!(codes(&through(r#"{"Type": "Pass", "Next": "A"}"#), ""), runs);
    assert_eq!(codes(&through(r#"{"Type": "Wait", "Seconds": 5, "Next": "A"}"#), ""), [""; 0]);
    assert_eq!(codes(&through(r#"{"Type": "Wait", "Seconds": 0, "Next": "A"}"#), ""), runs);

    // Nothing changes: what led round once leads round for ever.
    let still = format!(r#""A": {{"Type": "Pass", "Next": "C"}}, {page}, {done}"#);
    assert_eq!(codes(&still, ""), runs);
    // No way out, unless the execution has a limit.
    let for_ever = r#""A": {"Type": "Choice", "Choices": [{"Variable": "$.a", "IsPresent": true, "Next": "W"}], "Default": "D"},
        "W": {"Type": "Wait", "Seconds": 5, "Next": "W"}, "D": {"Type": "Succeed"}"#;
    assert_eq!(codes(for_ever, ""), runs);
    assert_eq!(codes(for_ever, r#", "TimeoutSeconds": 100"#), [""; 0]);
}
