//! Who signs: the only reader of AWS's environment variables.

use super::Endpoint;

/// An access key.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) session_token: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

impl Credentials {
    /// A long-lived key, or a session's.
    #[must_use]
    pub fn new(access_key_id: &str, secret_access_key: &str, session_token: Option<&str>) -> Self {
        Self {
            access_key_id: access_key_id.to_owned(),
            secret_access_key: secret_access_key.to_owned(),
            session_token: session_token.map(ToOwned::to_owned),
        }
    }

    /// What the environment says; `test`/`test` for an endpoint that is not AWS's.
    #[must_use]
    pub fn from_environment(endpoint: &Endpoint) -> Option<Self> {
        match (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY")) {
            (Some(id), Some(secret)) => Some(Self::new(&id, &secret, variable("AWS_SESSION_TOKEN").as_deref())),
            _ if *endpoint == Endpoint::Aws => None,
            _ => Some(Self::new("test", "test", None)),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "credentials are AWS's own variables, read here and nowhere else")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
