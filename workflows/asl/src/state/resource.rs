//! `Resource` of a Task, as far as the text alone can be judged.

use crate::fields::Fields;

/// Services whose every integration is known here, with the actions they have. Other services, and `aws-sdk`, are
/// left to the engine, which knows what it can perform.
const ACTIONS: [(&str, &[&str]); 8] = [
    ("apigateway", &["invoke"]),
    ("dynamodb", &["getItem", "putItem", "deleteItem", "updateItem"]),
    ("events", &["putEvents"]),
    ("http", &["invoke"]),
    ("lambda", &["invoke"]),
    ("sns", &["publish"]),
    ("sqs", &["sendMessage"]),
    ("states", &["startExecution"]),
];

/// Reports a resource that is no ARN or names an integration that does not exist. A text with a placeholder `${...}`,
/// which deployment replaces, may be anything.
pub(super) fn check(fields: &Fields<'_>, resource: &str) {
    if resource.contains("${") {
        return;
    }
    let parts: Vec<&str> = resource.split(':').collect();
    if parts.len() < 6 || parts[0] != "arn" {
        fields.fail("Resource", "Value is not a valid resource ARN");
    } else if !is_known(&parts) {
        fields.fail(
            "Resource",
            format!(
                "The resource provided {resource} is not recognized. The value is not a valid resource ARN, or the \
                 resource is not available in this region."
            ),
        );
    }
}

/// Whether an ARN `arn:PARTITION:states:REGION:ACCOUNT:SERVICE:ACTION[.PATTERN]` names an action that exists.
fn is_known(parts: &[&str]) -> bool {
    let ["arn", _, "states", _, _, service, rest @ ..] = parts else { return true };
    let Some((_, actions)) = ACTIONS.iter().find(|(name, _)| name == service) else { return true };
    let action = rest.first().and_then(|action| action.split('.').next()).unwrap_or_default();
    actions.contains(&action)
}
