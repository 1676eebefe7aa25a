//! What services answer: the shapes that a mocked result is held against.
//!
//! `shape/services.txt` is taken from AWS's public service models (those of botocore 1.43, Apache-2.0) by `cargo xtask
//! shapes`; where Step Functions was seen to check something else, that stands (Lambda's `MemorySize`). A service's block has a line of operations with their structures, then its enumerations, then its
//! structures, both numbered from 0. A member is `Name:kind`, `Name!:kind` where it is required; a kind is
//! `s` text, `o` octets, `b` truth value, `n` number or `nLEAST~MOST`, `j` anything, `eN` one of an enumeration, `#N` a
//! structure, `[kind` a list, `<kind` a map. Of a service or an operation that is not in it nothing is known.

use asl::Value;

use super::resource::{Integration, Pattern};

const TABLE: &str = include_str!("shape/services.txt");

/// Holds the mocked result of a task against what its service answers; `strict`: what is required must be there.
///
/// # Errors
/// What does not fit, in AWS's words.
pub(crate) fn check(resource: &str, result: &Value, strict: bool) -> Result<(), String> {
    let Some(integration) = Integration::parse(resource) else { return Ok(()) };
    let Some((service, operation)) = answered(&integration) else { return Ok(()) };
    let Some(service) = Service::find(service) else { return Ok(()) };
    let Some(kind) = service.answer_of(&operation) else { return Ok(()) };
    if result.as_object().is_none() {
        return Err("Mocked result must be a JSON object.".to_owned());
    }
    let parsed = !integration.sdk;
    Checker { service, strict, parsed }.check("", kind, result)
}

/// The service and the operation whose answer is the task's result, where it is one's.
fn answered(integration: &Integration<'_>) -> Option<(&'static str, String)> {
    let Integration { sdk, service, action, pattern } = *integration;
    let own = || crate::aws::capitalise(action);
    let known = |name: &str| Service::name(name);
    match (sdk, service, pattern) {
        // What a callback brings is up to whoever calls back.
        (_, _, Pattern::Callback) | (false, "apigateway" | "http", _) => None,
        (false, "states", Pattern::Sync) => Some(("sfn", "DescribeExecution".to_owned())),
        // `.sync:2` has JSON where the API has text, and other jobs give a part of their description.
        (_, _, Pattern::Sync | Pattern::Sync2) => None,
        (false, "states", _) => Some(("sfn", own())),
        (false, "events", _) => Some(("eventbridge", own())),
        (false, "elasticmapreduce", _) => Some(("emr", own())),
        (false, "emr-containers", _) => Some(("emrcontainers", own())),
        (false, "emr-serverless", _) => Some(("emrserverless", own())),
        (false, "bedrock", _) if action == "invokeModel" => Some(("bedrockruntime", own())),
        (_, service, _) => Some((known(service)?, own())),
    }
}

/// One service's block of the table.
#[derive(Clone, Copy)]
struct Service {
    operations: &'static str,
    rest: &'static str,
}

impl Service {
    fn blocks() -> impl Iterator<Item = (&'static str, &'static str)> {
        let blocks = TABLE.trim_start_matches("service ").split("\nservice ");
        blocks.filter_map(|block| block.split_once('\n'))
    }

    /// The name as the table has it.
    fn name(name: &str) -> Option<&'static str> {
        Self::blocks().map(|(found, _)| found).find(|found| *found == name)
    }

    fn find(name: &str) -> Option<Self> {
        let (_, block) = Self::blocks().find(|(found, _)| *found == name)?;
        let (operations, rest) = block.split_once('\n')?;
        Some(Self { operations, rest })
    }

    /// The kind of an operation's answer.
    fn answer_of(&self, operation: &str) -> Option<&'static str> {
        let mut kinds = self.operations.split(' ').filter_map(|entry| entry.strip_prefix(operation));
        kinds.find(|kind| kind.starts_with('#'))
    }

    fn numbered(&self, mark: &str, number: &str) -> Option<&'static str> {
        let mut lines = self.rest.lines().filter_map(|line| line.strip_prefix(mark)?.strip_prefix(' '));
        lines.nth(number.parse().ok()?)
    }

    /// Name, whether it is required, and kind of each member of a structure.
    fn members(&self, number: &str) -> Vec<(&'static str, bool, &'static str)> {
        let entries = self.numbered("#", number).unwrap_or_default().split(' ');
        let entries = entries.filter_map(|entry| entry.split_once(':'));
        entries.map(|(name, kind)| (name.trim_end_matches('!'), name.ends_with('!'), kind)).collect()
    }
}

struct Checker {
    service: Service,
    strict: bool,
    /// The integration has JSON where the service has octets.
    parsed: bool,
}

impl Checker {
    fn check(&self, name: &str, kind: &str, value: &Value) -> Result<(), String> {
        let (first, rest) = kind.split_at(kind.len().min(1));
        match (first, value) {
            ("#", Value::Object(_)) => self.check_structure(rest, value),
            ("<", Value::Object(members)) => members.values().try_for_each(|value| self.check(name, rest, value)),
            ("[", Value::Array(items)) => items.iter().try_for_each(|item| self.check(name, rest, item)),
            ("n", Value::Number(_)) => in_range(name, rest, value),
            ("e", Value::String(text)) => self.check_choice(name, rest, text),
            ("s" | "o", Value::String(_)) | ("b", Value::Bool(_)) | ("j" | "", _) => Ok(()),
            ("o", _) if self.parsed => Ok(()),
            _ => Err(wrong(name, &format!("must be {}", described(first)))),
        }
    }

    fn check_structure(&self, number: &str, value: &Value) -> Result<(), String> {
        let members = self.service.members(number);
        let missing = members.iter().find(|(name, required, _)| *required && value.get(name).is_none());
        if let Some((name, ..)) = missing.filter(|_| self.strict) {
            return Err(format!("Mock result schema validation error: Required field '{name}' is missing"));
        }
        // What the model does not know may be newer than the model.
        for (name, value) in value.as_object().into_iter().flatten() {
            if let Some((_, _, kind)) = members.iter().find(|(known, ..)| *known == &**name) {
                self.check(name, kind, value)?;
            }
        }
        Ok(())
    }

    fn check_choice(&self, name: &str, number: &str, text: &str) -> Result<(), String> {
        let choices = self.service.numbered("e", number).unwrap_or_default();
        if choices.split(' ').any(|choice| choice == text) {
            Ok(())
        } else {
            Err(wrong(name, "is not an expected value"))
        }
    }
}

fn in_range(name: &str, range: &str, value: &Value) -> Result<(), String> {
    let Some((least, most)) = range.split_once('~') else { return Ok(()) };
    let (Some(number), bound) = (value.as_f64(), |text: &str| text.parse::<f64>().ok()) else { return Ok(()) };
    if bound(most).is_some_and(|most| number > most) {
        return Err(wrong(name, "exceeds the maximum value"));
    }
    if bound(least).is_some_and(|least| number < least) {
        return Err(wrong(name, "is less than the minimum value"));
    }
    Ok(())
}

fn wrong(name: &str, problem: &str) -> String {
    format!("Mock result schema validation error: Field '{name}' {problem}")
}

fn described(kind: &str) -> &'static str {
    match kind {
        "n" => "a number",
        "b" => "a boolean",
        "[" => "an array",
        "#" | "<" => "an object",
        _ => "a string",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(resource: &str, result: &str, strict: bool) -> Option<String> {
        let resource = format!("arn:aws:states:::{resource}");
        let refused = check(&resource, &Value::parse(result).unwrap(), strict).err()?;
        Some(refused.trim_start_matches("Mock result schema validation error: ").to_owned())
    }

    #[test]
    fn what_a_service_never_answers_is_refused_by_name() {
        for (resource, result, wanted) in [
            ("states:startExecution", "{}", "Required field 'ExecutionArn' is missing"),
            ("aws-sdk:sfn:startExecution", r#"{"ExecutionArn":"a"}"#, "Required field 'StartDate' is missing"),
            ("states:startExecution", r#"{"ExecutionArn":"a","StartDate":1}"#, "Field 'StartDate' must be a string"),
            ("sqs:sendMessage", r#"{"MessageId":["a"]}"#, "Field 'MessageId' must be a string"),
            ("aws-sdk:sqs:receiveMessage", r#"{"Messages":"m"}"#, "Field 'Messages' must be an array"),
            ("aws-sdk:sqs:receiveMessage", r#"{"Messages":[{"Body":1}]}"#, "Field 'Body' must be a string"),
            ("aws-sdk:lambda:getFunction", r#"{"Configuration":[]}"#, "Field 'Configuration' must be an object"),
            ("aws-sdk:lambda:getFunction", r#"{"Tags":{"a":1}}"#, "Field 'Tags' must be a string"),
            ("aws-sdk:dynamodb:listTables", "[]", "Mocked result must be a JSON object."),
            (
                "aws-sdk:kms:describeKey",
                r#"{"KeyMetadata":{"KeyId":"k","Enabled":"yes"}}"#,
                "Field 'Enabled' must be a boolean",
            ),
            (
                "aws-sdk:lambda:getFunction",
                r#"{"Configuration":{"State":"Sleepy"}}"#,
                "Field 'State' is not an expected value",
            ),
            (
                "aws-sdk:lambda:getFunction",
                r#"{"Configuration":{"Timeout":0}}"#,
                "Field 'Timeout' is less than the minimum value",
            ),
        ] {
            assert_eq!(refusal(resource, result, true).as_deref(), Some(wanted), "{resource} {result}");
        }
    }

    #[test]
    fn what_fits_and_what_nobody_knows_passes() {
        for (resource, result, strict) in [
            ("states:startExecution", "{}", false),
            ("states:startExecution", r#"{"ExecutionArn":"a","StartDate":"b","New":[]}"#, true),
            ("lambda:invoke", r#"{"Payload":{"a":1},"StatusCode":200}"#, true),
            ("sqs:sendMessage.waitForTaskToken", r#""anything""#, true),
            ("apigateway:invoke", "1", true),
            ("aws-sdk:nobodysservice:doIt", "1", true),
            ("aws-sdk:sqs:noSuchAction", "1", true),
        ] {
            assert_eq!(refusal(resource, result, strict), None, "{resource} {result}");
        }
        assert!(check("arn:aws:lambda:us-east-1:123456789012:function:f", &Value::Null, true).is_ok());
    }

    #[test]
    fn the_table_is_whole() {
        for (name, block) in Service::blocks() {
            let service = Service::find(name).unwrap();
            let (structures, enumerations) = (block.matches("\n# ").count(), block.matches("\ne ").count());
            for entry in service.operations.split(' ') {
                let (operation, _) = entry.split_once('#').unwrap();
                assert_eq!(service.answer_of(operation), Some(&entry[operation.len()..]), "{name} {entry}");
            }
            for (_, _, kind) in (0..structures).flat_map(|number| service.members(&number.to_string())) {
                let kind = kind.trim_start_matches(['[', '<']);
                let within = |text: &str, all: usize| text.parse::<usize>().unwrap() < all;
                let good = match kind.split_at(1) {
                    ("#", number) => within(number, structures),
                    ("e", number) => within(number, enumerations),
                    (mark, rest) => "sobjn".contains(mark) && (mark == "n" || rest.is_empty()),
                };
                assert!(good, "{name} {kind}");
            }
        }
    }
}
