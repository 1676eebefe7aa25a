//! SSM parameters and Secrets Manager secrets.

/// A parameter of Parameter Store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parameter {
    /// String, StringList or SecureString.
    pub(crate) kind: String,
    /// Value.
    pub(crate) value: String,
    /// Version, from 1.
    pub(crate) version: i64,
    /// When it last changed.
    pub(crate) modified_ms: i64,
}

/// A secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Secret {
    /// The six characters behind the name in its ARN.
    pub(crate) suffix: String,
    /// Value.
    pub(crate) value: String,
    /// Version id, a UUID.
    pub(crate) version: String,
    /// When it was created.
    pub(crate) created_ms: i64,
}
