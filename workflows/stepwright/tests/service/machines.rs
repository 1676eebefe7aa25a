//! The state machines of the load: between them they wait for everything that an execution can wait for.

use serde_json::{Value, json};

use crate::server::{activity, machine};

const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function";

/// All of them but [`fleeting`], which no folder of definitions can have.
pub(crate) fn all() -> Vec<(&'static str, Value)> {
    vec![
        ("branches", branches()),
        ("child", child()),
        ("spread", spread()),
        ("trouble", trouble()),
        ("patient", patient()),
    ]
}

/// A Parallel of a Wait, an inline Map, a nested execution, a callback, an activity and a function, each with retries.
fn branches() -> Value {
    json!({"QueryLanguage": "JSONata", "StartAt": "Begin", "States": {
        "Begin": {"Type": "Wait", "Seconds": "{% $states.input.n %}", "Next": "All"},
        "All": {"Type": "Parallel", "Next": "Done", "Output": "{% $states.result %}",
            "Branches": [items(), nested(), callback(), work(), function()]},
        "Done": {"Type": "Succeed"}}})
}

fn items() -> Value {
    json!({"StartAt": "Items", "States": {"Items": {
        "Type": "Map", "MaxConcurrency": 2, "Items": "{% [1..4] %}", "End": true,
        "ItemSelector": {"n": "{% $states.input.n %}", "item": "{% $states.context.Map.Item.Value %}"},
        "ItemProcessor": {"StartAt": "Nap", "States": {
            "Nap": {"Type": "Wait", "Seconds": "{% $states.input.item %}", "Next": "Times"},
            "Times": {"Type": "Pass", "Output": "{% $states.input.n * $states.input.item %}", "End": true}}}}}})
}

fn nested() -> Value {
    json!({"StartAt": "Child", "States": {"Child": {
        "Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2", "End": true,
        "Arguments": {"StateMachineArn": machine("child"),
            "Input": {"n": "{% $states.input.n %}", "fail": "{% $states.context.State.RetryCount < 1 %}"}},
        "Retry": [{"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 2, "BackoffRate": 1, "MaxAttempts": 1}],
        "Output": "{% $states.result.Output %}"}}})
}

fn callback() -> Value {
    json!({"StartAt": "Call back", "States": {"Call back": {
        "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "End": true,
        "Arguments": {"QueueUrl": "https://sqs.us-east-1.amazonaws.com/123456789012/q",
            "MessageBody": {"n": "{% $states.input.n %}", "token": "{% $states.context.Task.Token %}"}},
        "Output": "{% $states.result.value %}"}}})
}

/// A task that was handed out with an answer that never arrived times out and is tried again, as on AWS.
fn work() -> Value {
    json!({"StartAt": "Work", "States": {"Work": {
        "Type": "Task", "Resource": activity(), "TimeoutSeconds": 600, "HeartbeatSeconds": 90, "End": true,
        "Arguments": {"n": "{% $states.input.n %}"},
        "Retry": [{"ErrorEquals": ["States.Timeout", "States.HeartbeatTimeout"], "IntervalSeconds": 1, "BackoffRate": 1,
            "MaxAttempts": 99}],
        "Output": "{% $states.result.value %}"}}})
}

fn function() -> Value {
    json!({"StartAt": "Function", "States": {"Function": {
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true,
        "Arguments": {"FunctionName": "flaky",
            "Payload": {"n": "{% $states.input.n %}", "attempt": "{% $states.context.State.RetryCount %}"}},
        "Retry": [{"ErrorEquals": ["Flaky"], "IntervalSeconds": 1, "BackoffRate": 2, "MaxAttempts": 2}],
        "Output": "{% $states.result.Payload %}"}}})
}

fn child() -> Value {
    json!({"QueryLanguage": "JSONata", "StartAt": "Sleep", "States": {
        "Sleep": {"Type": "Wait", "Seconds": 3, "Next": "Told to fail?"},
        "Told to fail?": {"Type": "Choice", "Default": "Double",
            "Choices": [{"Condition": "{% $states.input.fail %}", "Next": "Refuse"}]},
        "Refuse": {"Type": "Fail", "Error": "Child.Refused"},
        "Double": {"Type": "Pass", "Output": "{% $states.input.n * 2 %}", "End": true}}})
}

/// A distributed Map: six executions of their own, two at once, each with a function.
fn spread() -> Value {
    json!({"QueryLanguage": "JSONata", "StartAt": "Spread", "States": {"Spread": {
        "Type": "Map", "Label": "spread", "MaxConcurrency": 2, "Items": "{% [1..6] %}", "End": true,
        "ItemSelector": {"n": "{% $states.input.n + $states.context.Map.Item.Value %}"},
        "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "Nap", "States": {
                "Nap": {"Type": "Wait", "Seconds": 1, "Next": "Triple"},
                "Triple": {"Type": "Task", "Resource": format!("{FUNCTION}:triple"), "End": true}}}}}})
}

/// Fails until its trouble is mended, to be redriven then.
fn trouble() -> Value {
    json!({"QueryLanguage": "JSONata", "StartAt": "Before", "States": {
        "Before": {"Type": "Wait", "Seconds": 1, "Next": "Try"},
        "Try": {"Type": "Task", "Resource": format!("{FUNCTION}:trouble"), "End": true,
            "Arguments": {"n": "{% $states.input.n %}", "execution": "{% $states.context.Execution.Name %}"}}}})
}

/// Waits for longer than anybody, to be stopped.
fn patient() -> Value {
    json!({"QueryLanguage": "JSONata", "StartAt": "Wait", "States": {
        "Wait": {"Type": "Wait", "Seconds": 8_640_000, "End": true}}})
}

/// EXPRESS: nothing is kept of it but what its function has noted.
pub(crate) fn fleeting() -> Value {
    json!({"QueryLanguage": "JSONata", "StartAt": "Nap", "States": {
        "Nap": {"Type": "Wait", "Seconds": 2, "Next": "Note"},
        "Note": {"Type": "Task", "Resource": format!("{FUNCTION}:note"), "End": true,
            "Arguments": {"execution": "{% $states.context.Execution.Name %}"}}}})
}
