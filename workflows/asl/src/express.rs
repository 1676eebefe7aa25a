//! What an EXPRESS state machine may not do: wait for somebody outside.

use crate::{Code, Definition, Diagnostic, Kind};

/// Errors of a definition that is to be an EXPRESS state machine, in the order of the text.
#[must_use]
pub fn check_express(definition: &Definition) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    definition.visit(&mut |visited| {
        if let Kind::Task(task) = &visited.state.kind
            && let Some(message) = refusal(&task.resource)
        {
            let location = format!("{}/Resource", visited.location);
            found.push(Diagnostic::error(Code::SchemaValidationFailed, message, location));
        }
    });
    found
}

/// Why an EXPRESS state machine cannot have a Task with this resource. The texts, with their spaces, are AWS's.
fn refusal(resource: &str) -> Option<&'static str> {
    // `arn:PARTITION:states:REGION:ACCOUNT:activity:NAME` or `arn:PARTITION:states:::SERVICE:...ACTION[.PATTERN]`
    let parts: Vec<&str> = resource.split(':').collect();
    if parts.get(2) != Some(&"states") {
        return None;
    }
    if parts.get(5) == Some(&"activity") {
        return Some("Express state machine does not support Activity ARN");
    }
    match resource.rsplit_once('.')?.1 {
        "sync" | "sync:2" => Some("Express state machine does not support '.sync' service integration"),
        "waitForTaskToken" => Some("Express state machine does not support '.waitForTaskToken' service integration "),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(resource: &str) -> Vec<String> {
        let state = format!(r#"{{"Type": "Task", "Resource": "{resource}", "End": true}}"#);
        let text = format!(r#"{{"StartAt": "A", "States": {{"A": {state}}}}}"#);
        check_express(&crate::parse(&text).definition.unwrap()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_express_machine_waits_for_nobody() {
        let sync = "SCHEMA_VALIDATION_FAILED: Express state machine does not support '.sync' service integration \
                    at /States/A/Resource";
        assert_eq!(messages("arn:aws:states:::states:startExecution.sync:2"), [sync]);
        assert_eq!(messages("arn:aws:states:::states:startExecution.sync"), [sync]);
        let callback = "SCHEMA_VALIDATION_FAILED: Express state machine does not support '.waitForTaskToken' service \
                        integration  at /States/A/Resource";
        assert_eq!(messages("arn:aws:states:::sqs:sendMessage.waitForTaskToken"), [callback]);
        let activity = "SCHEMA_VALIDATION_FAILED: Express state machine does not support Activity ARN \
                        at /States/A/Resource";
        assert_eq!(messages("arn:aws:states:us-east-1:123456789012:activity:watch"), [activity]);
        assert!(messages("arn:aws:states:::lambda:invoke").is_empty());
        assert!(messages("arn:aws:lambda:us-east-1:123456789012:function:a.sync").is_empty());
    }
}
