//! Functions that crash, hang, grow, lie, fail or are not there: each failure arrives under AWS's name, is retried by
//! Retry and caught by Catch. The function is the one that the Lambda host's own tests run.

use std::path::Path;

use aws_sdk_sfn::types::{ExecutionStatus, HistoryEvent};
use end_to_end::process::binary;
use end_to_end::{Options, Stack};
use serde_json::{Value, json};
use tempfile::TempDir;

const FUNCTIONS: &str = "arn:aws:lambda:us-east-1:123456789012:function";

/// Calls a function, retries `error` once and catches it then.
fn guarded(resource: &str, arguments: &Value, error: &str) -> Value {
    let mut call = json!({
        "Type": "Task", "Resource": resource, "End": true,
        "Retry": [{"ErrorEquals": [error], "IntervalSeconds": 5, "MaxAttempts": 1}],
        "Catch": [{"ErrorEquals": [error], "Output": {"caught": "{% $states.errorOutput %}"}, "Next": "Caught"}]});
    if !arguments.is_null() {
        call["Arguments"] = arguments.clone();
    }
    json!({"QueryLanguage": "JSONata", "StartAt": "Call", "States": {
        "Call": call, "Caught": {"Type": "Succeed"}}})
}

fn write(folder: &Path, name: &str, definition: &Value) {
    let folder = folder.join("machines").join(name);
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    std::fs::write(folder.join("definition.asl.json"), definition.to_string()).expect("a file can be written");
}

/// A server with these functions and machines.
async fn start(functions: &Value, machines: &[(&str, Value)]) -> (Stack, TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(folder.path().join("machines")).expect("a folder can be made");
    for (name, definition) in machines {
        write(folder.path(), name, definition);
    }
    std::fs::write(folder.path().join("stack.json"), json!({"functions": functions}).to_string())
        .expect("a file can be written");
    let options = Options {
        worker: false,
        definitions: folder.path().join("machines"),
        stack: folder.path().join("stack.json"),
        lambda_binary: binary("examples/function"),
        ..Options::default()
    };
    (Stack::start(options).await, folder)
}

/// Error and cause of every failed attempt in a history.
fn failures(history: &[HistoryEvent]) -> Vec<(String, String)> {
    let failure = |event: &HistoryEvent| {
        let (error, cause) = match (event.lambda_function_failed_event_details(), event.task_failed_event_details()) {
            (Some(details), _) => (details.error(), details.cause()),
            (_, Some(details)) => (details.error(), details.cause()),
            _ => return None,
        };
        Some((error.unwrap_or_default().to_owned(), cause.unwrap_or_default().to_owned()))
    };
    history.iter().filter_map(failure).collect()
}

/// Runs `machine`: its call must fail twice with `error`, which is then caught; answers the cause.
async fn fails_twice_and_is_caught(stack: &Stack, machine: &str, input: &Value, error: &str) -> String {
    let execution = stack.start_execution(machine, input).await;
    let (status, output) = stack.ended(&execution).await;
    assert_eq!(status, ExecutionStatus::Succeeded, "{machine}: {output}");
    assert_eq!(output["caught"]["Error"], error, "{machine}: {output}");
    let failures = failures(&stack.history(&execution).await);
    assert_eq!(failures.len(), 2, "{machine}: one attempt and one retry: {failures:?}");
    assert!(failures.iter().all(|(name, _)| name == error), "{machine}: {failures:?}");
    let cause = output["caught"]["Cause"].as_str().unwrap_or_default().to_owned();
    assert_eq!(cause, failures[1].1, "{machine}: what is caught is what the history shows");
    cause
}

/// The ways in which a function's own invocation goes wrong: function, name of the error, what its message says.
const FAULTS: [(&str, &str, &str); 5] = [
    ("fail", "Test.Refused", "not today"),
    ("crash", "Runtime.ExitError", "Runtime exited with error: signal: aborted"),
    ("hang", "Sandbox.Timedout", "Task timed out after 1.00 seconds"),
    ("malformed", "Runtime.MarshalError", "the response is not JSON"),
    ("allocate", "Runtime.OutOfMemory", "Runtime exited with error: signal: killed"),
];

#[tokio::test]
async fn failures_of_a_function_keep_their_aws_names_and_can_be_retried_and_caught() {
    let functions = json!({
        "fail": {}, "crash": {}, "malformed": {},
        "hang": {"timeoutSeconds": 1},
        "allocate": {"memoryMb": 64}});
    let direct = |name: &str, error: &str| guarded(&format!("{FUNCTIONS}:{name}"), &Value::Null, error);
    let invoked = |name: &str, error: &str| {
        let arguments = json!({"FunctionName": name, "Payload": "{% $states.input %}"});
        guarded("arn:aws:states:::lambda:invoke", &arguments, error)
    };
    let names: Vec<_> = FAULTS.iter().map(|(name, ..)| (format!("direct-{name}"), format!("invoked-{name}"))).collect();
    let machines: Vec<_> = FAULTS
        .iter()
        .zip(&names)
        .flat_map(|((name, error, _), (by_arn, by_service))| {
            [(by_arn.as_str(), direct(name, error)), (by_service.as_str(), invoked(name, error))]
        })
        .collect();
    let (stack, _folder) = start(&functions, &machines).await;
    let input = json!({"megabytes": 100});
    for ((_, error, message), (by_arn, by_service)) in FAULTS.iter().zip(&names) {
        for machine in [by_arn, by_service] {
            let cause = fails_twice_and_is_caught(&stack, machine, &input, error).await;
            let document: Value = serde_json::from_str(&cause).unwrap_or_else(|_| panic!("{machine}: {cause}"));
            assert_eq!(document["errorType"], *error, "{machine}: {cause}");
            assert!(document["errorMessage"].as_str().unwrap().contains(message), "{machine}: {cause}");
        }
    }
}

#[tokio::test]
async fn a_function_that_does_not_exist_is_an_error_of_the_service() {
    let error = "Lambda.ResourceNotFoundException";
    let arguments = json!({"FunctionName": "nobody", "Payload": {}});
    let invoked = guarded("arn:aws:states:::lambda:invoke", &arguments, error);
    let direct = guarded(&format!("{FUNCTIONS}:nobody"), &Value::Null, error);
    let (stack, _folder) = start(&json!({"fail": {}}), &[("invoked", invoked), ("direct", direct)]).await;
    for machine in ["invoked", "direct"] {
        let cause = fails_twice_and_is_caught(&stack, machine, &json!({}), error).await;
        assert!(cause.starts_with(&format!("Function not found: {FUNCTIONS}:nobody")), "{cause}");
        assert!(cause.contains("(Service: AWSLambda; Status Code: 404;"), "{cause}");
    }
}

#[tokio::test]
async fn a_function_without_a_free_place_throttles_and_a_retry_gets_the_next_place() {
    let throttled = "Lambda.TooManyRequestsException";
    let call = |name: &str| {
        json!({"StartAt": name, "States": {
            name: {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true,
                "Arguments": {"FunctionName": "hang"},
                "Retry": [{"ErrorEquals": [throttled], "IntervalSeconds": 10, "BackoffRate": 1, "MaxAttempts": 1000}],
                "Catch": [{"ErrorEquals": ["States.ALL"], "Output": "{% $states.errorOutput.Error %}",
                    "Next": format!("{name} caught")}]},
            format!("{name} caught"): {"Type": "Pass", "End": true}}})
    };
    let both = json!({"QueryLanguage": "JSONata", "StartAt": "Both", "States": {
        "Both": {"Type": "Parallel", "Branches": [call("One"), call("Other")], "End": true}}});
    let functions = json!({"hang": {"timeoutSeconds": 1, "reservedConcurrency": 1}});
    let (stack, _folder) = start(&functions, &[("both", both)]).await;
    let execution = stack.start_execution("both", &json!({})).await;
    let ended = stack.ended(&execution).await;
    // Each had the only place once, and hung in it until the function's time-out.
    assert_eq!(ended, (ExecutionStatus::Succeeded, json!(["Sandbox.Timedout", "Sandbox.Timedout"])));
    let failures = failures(&stack.history(&execution).await);
    let refused = failures.iter().filter(|(error, _)| error == throttled).collect::<Vec<_>>();
    assert!(!refused.is_empty(), "{failures:?}");
    assert!(refused[0].1.contains("(Service: AWSLambda; Status Code: 429;"), "{refused:?}");
}
