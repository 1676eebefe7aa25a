//! Answers that are errors of Lambda's API itself, not of a function.

use http::{HeaderMap, HeaderValue, StatusCode};
use listener::Unread;
use serde_json::{Value, json};

use crate::identity;
use crate::name::Unknown;
use crate::pool::Throttled;
use crate::wire::{self, Answer};

/// A request that is not carried out.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    name: &'static str,
    body: Value,
}

impl Refusal {
    /// The caller's fault.
    pub(crate) fn user(status: StatusCode, name: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { status, name, body: json!({"Type": "User", "Message": message, "message": message}) }
    }

    /// A value that is well-formed and cannot be used.
    pub(crate) fn value(message: impl Into<String>) -> Self {
        Self::user(StatusCode::BAD_REQUEST, "InvalidParameterValueException", message)
    }

    /// A member that breaks its constraint, in the words of AWS's validation.
    pub(crate) fn constraint(member: &str, value: Option<&str>, constraint: &str) -> Self {
        let value = value.map_or_else(|| "null".to_owned(), |value| format!("'{value}'"));
        let text = format!(
            "1 validation error detected: Value {value} at '{member}' failed to satisfy constraint: Member must \
             {constraint}"
        );
        Self::user(StatusCode::BAD_REQUEST, "ValidationException", text)
    }

    /// The function is in the way.
    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::user(StatusCode::CONFLICT, "ResourceConflictException", message)
    }

    /// The payload is no JSON.
    pub(crate) fn content(reason: &str) -> Self {
        let text = format!("Could not parse request body into json: {reason}");
        Self::user(StatusCode::BAD_REQUEST, "InvalidRequestContentException", text)
    }

    /// A body that did not come whole.
    pub(crate) fn unread(unread: &Unread) -> Self {
        match unread {
            Unread::Late(time) => {
                let text = format!("the body did not come within {} seconds", time.as_secs());
                Self::user(StatusCode::REQUEST_TIMEOUT, "InvalidRequestContentException", text)
            }
            Unread::TooLong | Unread::Broken(_) => Self::content("the body broke off"),
        }
    }

    /// The host's fault.
    pub(crate) fn service(message: &str) -> Self {
        let body = json!({"Type": "Service", "Message": message, "message": message});
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, name: "ServiceException", body }
    }

    pub(crate) fn answer(self) -> Answer {
        let mut answer = wire::json(self.status, self.body.to_string());
        put(answer.headers_mut(), "x-amzn-errortype", self.name);
        put(answer.headers_mut(), "x-amzn-requestid", &identity::request_id());
        answer
    }
}

impl From<Unknown> for Refusal {
    fn from(Unknown(message): Unknown) -> Self {
        Self::user(StatusCode::NOT_FOUND, "ResourceNotFoundException", message)
    }
}

impl From<Throttled> for Refusal {
    fn from(_: Throttled) -> Self {
        let (reason, text) = ("ConcurrentInvocationLimitExceeded", "Rate Exceeded.");
        let body = json!({"Type": "User", "Reason": reason, "Message": text, "message": text});
        Self { status: StatusCode::TOO_MANY_REQUESTS, name: "TooManyRequestsException", body }
    }
}

/// Sets a header, where its value can be one.
pub(crate) fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
