//! Targets: where something goes, in which form, and what happens when it does not arrive.

use execution::Millis;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::transform::{Input, Path};

const SECOND: Millis = 1000;

/// How long, and how often, a delivery is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RetryPolicy {
    /// After the first try; 0 to 185.
    pub(crate) attempts: u32,
    /// Milliseconds; a minute to a day.
    pub(crate) age: Millis,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts: 185, age: 86_400 * SECOND }
    }
}

/// A target of a rule or of a schedule.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Target {
    /// Its id within the rule; empty for a schedule's.
    pub(crate) id: String,
    pub(crate) arn: String,
    pub(crate) input: Input,
    pub(crate) retry: RetryPolicy,
    /// A queue's ARN.
    pub(crate) dead_letter: Option<String>,
    /// Of a message to a FIFO queue.
    pub(crate) message_group: Option<String>,
    /// As it was given.
    pub(crate) given: Value,
}

/// What the ARN of a target is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    StateMachine,
    Function,
    Queue,
    Topic,
    /// Any action of a service, of EventBridge Scheduler.
    Action,
}

impl Kind {
    /// The kind of `arn`; `None` where nothing is delivered to it.
    pub(crate) fn of(arn: &str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':');
        if parts.next() != Some("arn") {
            return None;
        }
        match (parts.nth(1)?, parts.nth(2)?) {
            ("states", rest) if rest.starts_with("stateMachine:") => Some(Self::StateMachine),
            ("lambda", rest) if rest.starts_with("function:") => Some(Self::Function),
            ("sqs", rest) if !rest.is_empty() => Some(Self::Queue),
            ("sns", rest) if !rest.is_empty() => Some(Self::Topic),
            ("scheduler", rest) if rest.starts_with("aws-sdk:") => Some(Self::Action),
            _ => None,
        }
    }
}

/// What a target may be, for a message.
pub(crate) const KINDS: &str =
    "events go to Step Functions state machines, Lambda functions, SQS queues and SNS topics here";

impl Target {
    /// Reads a target as PutTargets or CreateSchedule has it.
    ///
    /// # Errors
    /// What is wrong, with the name of the field.
    pub(crate) fn read(given: &Value) -> Result<Self, String> {
        let text = |name: &str| match given.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(format!("{name} must be a string")),
        };
        let arn = text("Arn")?.filter(|arn| !arn.is_empty()).ok_or("Arn is missing")?;
        if Kind::of(&arn).is_none() {
            return Err(format!(
                "Provided Arn is not in correct format, or of no kind that is delivered to: {arn}; {KINDS}"
            ));
        }
        Ok(Self {
            id: text("Id")?.unwrap_or_default(),
            input: input(given, text("Input")?, text("InputPath")?)?,
            retry: retry(given.get("RetryPolicy"))?,
            dead_letter: dead_letter(given)?,
            message_group: given.pointer("/SqsParameters/MessageGroupId").and_then(Value::as_str).map(str::to_owned),
            given: given.clone(),
            arn,
        })
    }
}

fn dead_letter(given: &Value) -> Result<Option<String>, String> {
    match given.pointer("/DeadLetterConfig/Arn") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(arn)) if Kind::of(arn) == Some(Kind::Queue) => Ok(Some(arn.clone())),
        Some(other) => Err(format!("DeadLetterConfig.Arn must be the ARN of an SQS queue, not {other}")),
    }
}

fn input(given: &Value, constant: Option<String>, path: Option<String>) -> Result<Input, String> {
    let transformer = given.get("InputTransformer").filter(|transformer| !transformer.is_null());
    let said = [constant.is_some(), path.is_some(), transformer.is_some()];
    if said.iter().filter(|said| **said).count() > 1 {
        return Err("Only one of Input, InputPath, or InputTransformer must be provided".to_owned());
    }
    if let Some(text) = constant {
        return Ok(Input::Constant(text));
    }
    if let Some(path) = path {
        let path = Path::parse(&path).ok_or_else(|| format!("Invalid InputPath: {path}"))?;
        return Ok(Input::Path(path));
    }
    let Some(transformer) = transformer else { return Ok(Input::Whole) };
    let template = transformer.get("InputTemplate").and_then(Value::as_str).unwrap_or_default();
    if template.is_empty() {
        return Err("InputTransformer.InputTemplate is missing".to_owned());
    }
    let mut paths = Vec::new();
    for (name, path) in transformer.get("InputPathsMap").and_then(Value::as_object).into_iter().flatten() {
        let read = path.as_str().and_then(Path::parse);
        paths.push((name.clone(), read.ok_or_else(|| format!("Invalid InputPath for input transformer: {path}"))?));
    }
    Ok(Input::Template { paths, template: template.to_owned() })
}

fn retry(policy: Option<&Value>) -> Result<RetryPolicy, String> {
    let mut retry = RetryPolicy::default();
    let number = |name: &str, least: u64, most: u64| match policy.and_then(|policy| policy.get(name)) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let number = value.as_u64().filter(|number| (least..=most).contains(number));
            number.map(Some).ok_or_else(|| format!("RetryPolicy.{name} must be a number from {least} to {most}"))
        }
    };
    if let Some(attempts) = number("MaximumRetryAttempts", 0, 185)? {
        retry.attempts = u32::try_from(attempts).unwrap_or(185);
    }
    if let Some(seconds) = number("MaximumEventAgeInSeconds", 60, 86_400)? {
        retry.age = Millis::try_from(seconds).unwrap_or(86_400) * SECOND;
    }
    Ok(retry)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const MACHINE: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:m";

    #[test]
    fn a_target_is_read_with_its_defaults() {
        let target = Target::read(&json!({"Id": "t", "Arn": MACHINE})).unwrap();
        assert_eq!((target.input, target.retry), (Input::Whole, RetryPolicy::default()));
        let policy = json!({"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 60});
        let target = Target::read(&json!({"Arn": MACHINE, "RetryPolicy": policy, "Input": "{}"})).unwrap();
        assert_eq!(target.retry, RetryPolicy { attempts: 3, age: 60_000 });
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (given, wanted) in [
            (json!({}), "Arn is missing"),
            (json!({"Arn": "arn:aws:ecs:us-east-1:123456789012:cluster/c"}), "state machines"),
            (json!({"Arn": MACHINE, "Input": "1", "InputPath": "$"}), "Only one of"),
            (json!({"Arn": MACHINE, "InputPath": "x"}), "Invalid InputPath: x"),
            (json!({"Arn": MACHINE, "RetryPolicy": {"MaximumRetryAttempts": 186}}), "RetryPolicy.MaximumRetryAttempts"),
            (json!({"Arn": MACHINE, "DeadLetterConfig": {"Arn": MACHINE}}), "DeadLetterConfig.Arn"),
            (json!({"Arn": MACHINE, "InputTransformer": {}}), "InputTransformer.InputTemplate"),
        ] {
            let refused = Target::read(&given).unwrap_err();
            assert!(refused.contains(wanted), "{given}: {refused}");
        }
    }

    #[test]
    fn kinds_are_told_by_the_arn() {
        for (arn, kind) in [
            (MACHINE, Some(Kind::StateMachine)),
            ("arn:aws:lambda:r:1:function:f", Some(Kind::Function)),
            ("arn:aws:sqs:r:1:q", Some(Kind::Queue)),
            ("arn:aws:sns:r:1:t", Some(Kind::Topic)),
            ("arn:aws:scheduler:::aws-sdk:sqs:sendMessage", Some(Kind::Action)),
            ("arn:aws:states:r:1:activity:a", None),
            ("m", None),
        ] {
            assert_eq!(Kind::of(arn), kind, "{arn}");
        }
    }
}
