//! One delivery: tried, tried again as its policy says, or given up.

use std::sync::Arc;

use asl::Value;
use engine::Given;
use execution::{Failure, Millis};

use super::Inner;
use crate::record::{Delivery, Undelivered};
use crate::target::Kind;

/// The longest pause between two tries.
const LONGEST_PAUSE: Millis = 600_000;

/// Errors that no later try mends, as they end.
const FOR_GOOD: [&str; 11] = [
    "ResourceNotFoundException",
    "NotFoundException",
    "QueueDoesNotExist",
    "QueueDoesNotExistException",
    "NonExistentQueue",
    "AccessDeniedException",
    "InvalidParameterException",
    "InvalidParameterValueException",
    "InvalidRequestContentException",
    "ValidationException",
    "States.Runtime",
];

/// Why a target does not have it.
#[derive(Clone, Debug)]
struct Trouble {
    code: String,
    message: String,
    /// A later try may go well.
    passing: bool,
}

/// Tries a delivery, and notes what came of it.
pub(super) async fn deliver(inner: Arc<Inner>, number: u64, mut delivery: Delivery) {
    let tried = attempt(&inner, &delivery).await;
    inner.step().await;
    delivery.tries += 1;
    let Err(trouble) = tried else { return finish(&inner, number, None, None) };
    tracing::warn!(
        arn = delivery.target,
        origin = delivery.origin,
        tries = delivery.tries,
        code = trouble.code,
        message = trouble.message,
        "a delivery was not accepted"
    );
    if let Some(due) = trouble.passing.then(|| next_try(&delivery, inner.now())).flatten() {
        delivery.due = due;
        return finish(&inner, number, Some(delivery), None);
    }
    let unkept = match dead_letter(&inner, &delivery, &trouble).await {
        Ok(true) => None,
        Ok(false) => Some(trouble),
        Err(failure) => {
            let message = format!("{}; the dead-letter queue has not taken it: {failure}", trouble.message);
            Some(Trouble { message, ..trouble })
        }
    };
    let undelivered = unkept.map(|trouble| {
        let at = inner.now();
        Undelivered { delivery, at, code: trouble.code, message: trouble.message }
    });
    inner.step().await;
    finish(&inner, number, None, undelivered);
}

/// When a delivery is tried again; `None` where its policy allows no more.
fn next_try(delivery: &Delivery, now: Millis) -> Option<Millis> {
    if delivery.tries > delivery.retry.attempts {
        return None;
    }
    let pause =
        1000_i64.checked_shl(delivery.tries.saturating_sub(1)).filter(|pause| *pause > 0 && delivery.tries < 16);
    let due = now.saturating_add(pause.unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE));
    (due - delivery.accepted <= delivery.retry.age).then_some(due)
}

/// Under the lock: the store has changes in the order of the state's.
fn finish(inner: &Inner, number: u64, again: Option<Delivery>, undelivered: Option<Undelivered>) {
    let mut state = inner.state();
    let mut changes = vec![state.tried(number, again)];
    if let Some(undelivered) = undelivered {
        changes.extend(state.keep_undelivered(number, undelivered));
    }
    // Nobody waits: before it is durable, a crash only lets it be tried once more.
    drop(inner.engine.keep(changes));
}

async fn attempt(inner: &Inner, delivery: &Delivery) -> Result<(), Trouble> {
    if let Some(problem) = &delivery.problem {
        return Err(for_good("INVALID_INPUT", problem.clone()));
    }
    let (arn, text) = (&delivery.target, || Value::from(delivery.input.as_str()));
    match Kind::of(arn) {
        Some(Kind::StateMachine) => start(inner, arn, &delivery.name, &delivery.input).await,
        Some(Kind::Function) => {
            let parameters =
                [("FunctionName", Value::from(arn.as_str())), ("InvocationType", "Event".into()), ("Payload", text())];
            call(inner, "lambda:invoke", &Value::object(parameters)).await
        }
        Some(Kind::Queue) => {
            let mut parameters = vec![("QueueUrl", queue_url(arn)), ("MessageBody", text())];
            if let Some(group) = &delivery.message_group {
                parameters.push(("MessageGroupId", Value::from(group.as_str())));
                // Of a queue that knows ids, the same message again is the same.
                parameters.push(("MessageDeduplicationId", Value::from(delivery.name.as_str())));
            }
            call(inner, "aws-sdk:sqs:sendMessage", &Value::object(parameters)).await
        }
        Some(Kind::Topic) => {
            let parameters = Value::object([("TopicArn", Value::from(arn.as_str())), ("Message", text())]);
            call(inner, "aws-sdk:sns:publish", &parameters).await
        }
        Some(Kind::Action) => act(inner, arn, delivery).await,
        None => Err(for_good("INVALID_TARGET", format!("nothing is delivered to {arn}"))),
    }
}

/// Any action of a service, of EventBridge Scheduler: its input is the request.
async fn act(inner: &Inner, arn: &str, delivery: &Delivery) -> Result<(), Trouble> {
    let action = arn.split_once(":::").map_or(arn, |(_, action)| action);
    let request = parsed(&delivery.input)?;
    if action != "aws-sdk:sfn:startExecution" {
        return call(inner, action, &request).await;
    }
    let text = |name: &str| request.get(name).and_then(Value::as_str);
    let machine = text("StateMachineArn").ok_or_else(|| for_good("INVALID_INPUT", "StateMachineArn is missing"))?;
    start(inner, machine, text("Name").unwrap_or(&delivery.name), text("Input").unwrap_or("{}")).await
}

async fn start(inner: &Inner, machine: &str, name: &str, input: &str) -> Result<(), Trouble> {
    let given = Given::written(parsed(input)?, input);
    match inner.engine.start_execution(machine, Some(name.to_owned()), given).await {
        Ok(_) => Ok(()),
        // Its name is made for this delivery alone: an earlier try has started it.
        Err(error) if error.code() == "ExecutionAlreadyExists" => Ok(()),
        Err(error) => {
            let passing = ["InternalFailure", "ServiceUnavailable"].contains(&error.code());
            Err(Trouble { code: error.code().to_owned(), message: error.to_string(), passing })
        }
    }
}

fn parsed(text: &str) -> Result<Value, Trouble> {
    Value::parse(text).map_err(|error| for_good("INVALID_JSON", format!("the input is not JSON: {error}")))
}

async fn call(inner: &Inner, action: &str, parameters: &Value) -> Result<(), Trouble> {
    let called = inner.engine.call_service(&format!("arn:aws:states:::{action}"), parameters).await;
    called.map(drop).map_err(|Failure { error, cause }| {
        let code = error.as_deref().unwrap_or_default();
        let passing = !FOR_GOOD.iter().any(|name| code.ends_with(name));
        Trouble { code: code.to_owned(), message: cause.as_deref().unwrap_or_default().to_owned(), passing }
    })
}

fn for_good(code: &str, message: impl Into<String>) -> Trouble {
    Trouble { code: code.to_owned(), message: message.into(), passing: false }
}

/// The URL of a queue by its ARN.
fn queue_url(arn: &str) -> Value {
    let mut parts = arn.splitn(6, ':').skip(3);
    let (region, account, name) =
        (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    format!("https://sqs.{region}.amazonaws.com/{account}/{name}").into()
}

/// Sends what could not be delivered to its dead-letter queue; `false` where it has none. The error says why it is not
/// there.
async fn dead_letter(inner: &Inner, delivery: &Delivery, trouble: &Trouble) -> Result<bool, String> {
    let Some(queue) = &delivery.dead_letter else { return Ok(false) };
    let exhausted =
        if delivery.tries > delivery.retry.attempts { "MaximumRetryAttempts" } else { "MaximumEventAgeInSeconds" };
    let origin = if delivery.origin.contains(":scheduler:") { "SCHEDULE_ARN" } else { "RULE_ARN" };
    let retries = delivery.tries.saturating_sub(1).to_string();
    let mut attributes = vec![
        ("ERROR_CODE", trouble.code.as_str()),
        ("ERROR_MESSAGE", trouble.message.as_str()),
        (origin, delivery.origin.as_str()),
        ("TARGET_ARN", delivery.target.as_str()),
        ("RETRY_ATTEMPTS", &retries),
    ];
    if trouble.passing {
        attributes.push(("EXHAUSTED_RETRY_CONDITION", exhausted));
    }
    let attributes = attributes.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| {
        (name, Value::object([("DataType", Value::from("String")), ("StringValue", Value::from(value))]))
    });
    let parameters = Value::object([
        ("QueueUrl", queue_url(queue)),
        ("MessageBody", Value::from(delivery.input.as_str())),
        ("MessageAttributes", Value::object(attributes)),
    ]);
    let sent = call(inner, "aws-sdk:sqs:sendMessage", &parameters).await;
    sent.map(|()| true).map_err(|trouble| format!("{}: {}", trouble.code, trouble.message))
}
