//! What a failed call is called. Optimized integrations speak as version 1 of AWS's Java SDK does, SDK integrations as
//! version 2; error names follow the SDKs' exception classes.

use execution::Failure;

use crate::aws::CallError;

/// How an optimized integration names its failures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Naming {
    /// What error names begin with.
    pub(crate) prefix: &'static str,
    /// The service's name in causes.
    pub(crate) service: &'static str,
    /// The exception for codes that the service's model does not have.
    pub(crate) generic: &'static str,
}

/// Codes that no model has: they come from AWS's front doors, or from checks before the operation.
const UNMODELLED: [&str; 30] = [
    "",
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InternalFailure",
    "InvalidAction",
    "InvalidClientTokenId",
    "InvalidParameterCombination",
    "InvalidParameterValue",
    "InvalidQueryParameter",
    "InvalidSignatureException",
    "MalformedQueryString",
    "MissingAction",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "MissingParameter",
    "NotAuthorized",
    "OptInRequired",
    "RequestExpired",
    "SerializationException",
    "ServiceUnavailable",
    "SignatureDoesNotMatch",
    "Throttling",
    "ThrottlingException",
    "UnknownOperationException",
    "UnrecognizedClientException",
    "ValidationError",
];

/// Services whose models do have a code of the list above, or lack `ValidationException`.
const MODELLED: [(&str, &str); 6] = [
    ("Ecs", "AccessDeniedException"),
    ("ElastiCache", "InvalidParameterCombination"),
    ("ElastiCache", "InvalidParameterValue"),
    ("DynamoDB", "ThrottlingException"),
    ("DynamoDb", "ThrottlingException"),
    ("ApplicationAutoScaling", "ValidationException"),
];

fn is_modelled(prefix: &str, code: &str) -> bool {
    if MODELLED.contains(&(prefix, code)) {
        return true;
    }
    // EC2's model has no exceptions at all: whatever it refuses is an `Ec2Exception`.
    if prefix == "Ec2" {
        return false;
    }
    let without_validation = ["DynamoDB", "DynamoDb", "SecretsManager", "Ssm", "Ecs", "Lambda"].contains(&prefix);
    let unmodelled = UNMODELLED.contains(&code) || (code == "ValidationException" && without_validation);
    !unmodelled
}

impl Naming {
    /// The failure of a call of an optimized integration.
    pub(crate) fn failure(self, error: &CallError) -> Failure {
        match error {
            CallError::Service { status, code, message, request_id } => {
                let Self { prefix, service, generic } = self;
                let name = if is_modelled(prefix, code) { exception(code) } else { generic.to_owned() };
                let cause = format!(
                    "{message} (Service: {service}; Status Code: {status}; Error Code: {code}; \
                     Request ID: {request_id}; Proxy: null)"
                );
                named(prefix, &name, &cause)
            }
            CallError::Transport(cause) => named(self.prefix, "SdkClientException", cause),
            CallError::Unsupported(..) => named("States", "TaskFailed", &error.to_string()),
        }
    }
}

/// The failure of a call of an SDK integration; `prefix` is the SDK's name of the service.
pub(crate) fn of_sdk(prefix: &str, error: &CallError) -> Failure {
    match error {
        CallError::Service { status, code, message, request_id } => {
            let name = if is_modelled(prefix, code) { exception(code) } else { format!("{prefix}Exception") };
            let cause = format!(
                "{message} (Service: {prefix}, Status Code: {status}, Request ID: {request_id}) (SDK Attempt Count: 1)"
            );
            named(prefix, &name, &cause)
        }
        CallError::Transport(cause) => named(prefix, "SdkClientException", cause),
        CallError::Unsupported(..) => named("States", "TaskFailed", &error.to_string()),
    }
}

pub(crate) fn named(prefix: &str, name: &str, cause: &str) -> Failure {
    Failure { error: Some(format!("{prefix}.{name}").into()), cause: Some(cause.into()) }
}

/// The Java SDK's class for a code: words in PascalCase, `Fault` or nothing replaced by `Exception`.
fn exception(code: &str) -> String {
    let code = code.rsplit('.').next().unwrap_or(code);
    let stem = code.strip_suffix("Exception").or_else(|| code.strip_suffix("Fault")).unwrap_or(code);
    format!("{}Exception", pascal_case(stem))
}

/// `DBInstanceNotFound` → `DbInstanceNotFound`: of a run of capitals the first stays, and the last where a small
/// letter follows it.
fn pascal_case(name: &str) -> String {
    let characters: Vec<char> = name.chars().collect();
    let is = |at: Option<usize>, test: fn(&char) -> bool| at.and_then(|at| characters.get(at)).is_some_and(test);
    let spell = |(at, character): (usize, &char)| {
        let after_capital = is(at.checked_sub(1), char::is_ascii_uppercase);
        let before_small = is(Some(at + 1), char::is_ascii_lowercase);
        if after_capital && !before_small { character.to_ascii_lowercase() } else { *character }
    };
    characters.iter().enumerate().map(spell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DYNAMODB: Naming =
        Naming { prefix: "DynamoDB", service: "AmazonDynamoDBv2", generic: "AmazonDynamoDBException" };

    fn refused(status: u16, code: &str, message: &str) -> CallError {
        let (code, message) = (code.to_owned(), message.to_owned());
        CallError::Service { status, code, message, request_id: "r".to_owned() }
    }

    fn texts(failure: &Failure) -> (&str, &str) {
        (failure.error.as_deref().unwrap(), failure.cause.as_deref().unwrap())
    }

    #[test]
    fn optimized_integrations_speak_as_the_first_sdk() {
        let failure = DYNAMODB.failure(&refused(400, "ResourceNotFoundException", "Requested resource not found"));
        let cause = "Requested resource not found (Service: AmazonDynamoDBv2; Status Code: 400; \
                     Error Code: ResourceNotFoundException; Request ID: r; Proxy: null)";
        assert_eq!(texts(&failure), ("DynamoDB.ResourceNotFoundException", cause));
        let failure = DYNAMODB.failure(&refused(400, "ValidationException", "no"));
        assert_eq!(failure.error.as_deref(), Some("DynamoDB.AmazonDynamoDBException"));
        let failure = DYNAMODB.failure(&refused(400, "ConditionalCheckFailedException", "no"));
        assert_eq!(failure.error.as_deref(), Some("DynamoDB.ConditionalCheckFailedException"));
        let failure = DYNAMODB.failure(&CallError::Transport("connection refused".to_owned()));
        assert_eq!(texts(&failure), ("DynamoDB.SdkClientException", "connection refused"));
    }

    #[test]
    fn sdk_integrations_speak_as_the_second_sdk() {
        let failure = of_sdk("Ssm", &refused(400, "ParameterNotFound", "gone"));
        let cause = "gone (Service: Ssm, Status Code: 400, Request ID: r) (SDK Attempt Count: 1)";
        assert_eq!(texts(&failure), ("Ssm.ParameterNotFoundException", cause));
        let cases = [
            ("DynamoDb", "ValidationException", "DynamoDb.DynamoDbException"),
            ("DynamoDb", "ConditionalCheckFailedException", "DynamoDb.ConditionalCheckFailedException"),
            ("Ecs", "ThrottlingException", "Ecs.EcsException"),
            ("Ecs", "ServiceNotFoundException", "Ecs.ServiceNotFoundException"),
            ("Rds", "DBInstanceNotFound", "Rds.DbInstanceNotFoundException"),
            ("Rds", "InvalidDBInstanceStateFault", "Rds.InvalidDbInstanceStateException"),
            ("ElastiCache", "InvalidParameterValue", "ElastiCache.InvalidParameterValueException"),
            ("Sns", "NotFound", "Sns.NotFoundException"),
            ("Sqs", "AWS.SimpleQueueService.QueueDoesNotExist", "Sqs.QueueDoesNotExistException"),
            ("SecretsManager", "", "SecretsManager.SecretsManagerException"),
        ];
        for (prefix, code, name) in cases {
            assert_eq!(of_sdk(prefix, &refused(400, code, "")).error.as_deref(), Some(name), "{prefix} {code}");
        }
    }
}
