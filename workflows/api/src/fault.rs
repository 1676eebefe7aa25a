//! Exceptions as they travel: a name, a message and a status.

use std::borrow::Cow;

/// An exception of the API.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Fault {
    /// The exception's name, such as `StateMachineDoesNotExist`.
    pub code: Cow<'static, str>,
    /// What a person reads.
    pub message: String,
    /// The HTTP status: 400 for what the caller can mend, 500 or 503 for what only the server can.
    pub status: u16,
}

impl Fault {
    /// The caller's mistake.
    pub fn caller(code: &'static str, message: impl Into<String>) -> Self {
        Self { code: Cow::Borrowed(code), message: message.into(), status: 400 }
    }

    /// A field that breaks a constraint of the operation as a whole.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::caller("ValidationException", message)
    }

    /// A body, or a field of it, of another shape than the operation's.
    pub fn shape(message: impl Into<String>) -> Self {
        Self::caller("SerializationException", message)
    }

    /// The value of `__type`: the name with the prefix of the family that AWS puts it in.
    #[must_use]
    pub fn wire_type(&self) -> String {
        let family = match &*self.code {
            "ValidationException" => "com.amazon.coral.validate",
            "ThrottlingException" => "com.amazon.coral.availability",
            "SerializationException" | "UnknownOperationException" | "InternalFailure" | "ServiceUnavailable" => {
                "com.amazon.coral.service"
            }
            "MissingAuthenticationTokenException"
            | "IncompleteSignatureException"
            | "UnrecognizedClientException"
            | "InvalidSignatureException"
            | "AccessDeniedException" => "com.amazon.coral.service",
            _ => "com.amazonaws.swf.service.v2.model",
        };
        format!("{family}#{}", self.code)
    }

    /// The body of the answer.
    #[must_use]
    pub fn body(&self) -> serde_json::Value {
        serde_json::json!({ "__type": self.wire_type(), "message": self.message })
    }
}

impl From<engine::Error> for Fault {
    fn from(error: engine::Error) -> Self {
        let status = match error.code() {
            "InternalFailure" => 500,
            "ServiceUnavailable" => 503,
            _ => 400,
        };
        Self { code: Cow::Borrowed(error.code()), message: error.to_string(), status }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_carries_the_family_and_ends_in_the_name() {
        let fault = Fault::from(engine::Error::InvalidName("a b".to_owned()));
        assert_eq!(
            fault.body().to_string(),
            r#"{"__type":"com.amazonaws.swf.service.v2.model#InvalidName","message":"Invalid Name: 'a b'"}"#
        );
        assert_eq!(Fault::validation("x").wire_type(), "com.amazon.coral.validate#ValidationException");
    }

    #[test]
    fn the_servers_own_troubles_are_not_the_callers() {
        assert_eq!(Fault::from(engine::Error::ShuttingDown).status, 503);
        assert_eq!(Fault::from(engine::Error::InvalidArn(String::new())).status, 400);
    }
}
