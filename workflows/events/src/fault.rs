//! Exceptions of the two APIs: a name and a message.

/// An exception, such as `ResourceNotFoundException`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Fault {
    /// Its name.
    pub code: &'static str,
    /// What a person reads.
    pub message: String,
}

impl Fault {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new("ResourceNotFoundException", message)
    }

    /// The server's own trouble.
    pub(crate) fn internal(error: impl std::fmt::Display) -> Self {
        Self::new("InternalException", error.to_string())
    }
}
