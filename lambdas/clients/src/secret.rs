//! Secrets of AWS Secrets Manager. Their values never reach a log or a message.

use crate::failure;
use aws_sdk_secretsmanager::Client;
use operations::Error;
use operations::error::Kind;
use serde_json::Value;
use std::fmt;

/// Reads the text of a secret, by its ARN or its name.
///
/// # Errors
/// `Ops.AccessDenied` without the right to read or decrypt it, `Ops.ConfigInvalid` when there is no such secret, it is
/// about to be deleted, or it holds bytes instead of text; otherwise as [`failure::of_sdk`].
pub async fn text(client: &Client, arn: &str) -> Result<String, Error> {
    let call = format!("secretsmanager:GetSecretValue of {arn}");
    let answer = client.get_secret_value().secret_id(arn).send().await.map_err(|error| {
        let failed = failure::of_sdk(&call, &error);
        let code = error.as_service_error().and_then(|error| error.meta().code());
        match code.and_then(meaning) {
            Some((kind, remedy)) => Error::new(kind, format!("{}: {remedy}", failed.message())),
            None => failed,
        }
    })?;
    let text = answer.secret_string().filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or_else(|| {
        Error::new(Kind::ConfigInvalid, format!("{call}: it holds no text: store its value as SecretString"))
    })
}

/// What this service's own error codes mean, and what to do.
fn meaning(code: &str) -> Option<(Kind, &'static str)> {
    match code {
        "ResourceNotFoundException" => Some((Kind::ConfigInvalid, "create the secret or correct its ARN")),
        "InvalidRequestException" => Some((Kind::ConfigInvalid, "restore the secret if it is being deleted")),
        "DecryptionFailure" => Some((Kind::AccessDenied, "allow kms:Decrypt with the secret's key")),
        "InternalServiceError" => Some((Kind::DependencyUnavailable, "try again")),
        _ => None,
    }
}

/// Who logs in, and with what.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The user; absent where the server has only one.
    pub username: Option<String>,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("username", &self.username).finish_non_exhaustive()
    }
}

impl Login {
    /// Reads the text of the secret `arn`: a JSON object with `password` and optionally `username`, as Secrets
    /// Manager writes and rotates them, or else the password itself.
    ///
    /// # Errors
    /// `Ops.ConfigInvalid` when the object lacks `password`, or a member is no text.
    pub fn of(arn: &str, text: &str) -> Result<Self, Error> {
        let Ok(Value::Object(members)) = serde_json::from_str(text) else {
            return Ok(Self { username: None, password: text.to_owned() });
        };
        let wrong = |name: &str| {
            let message = format!("the secret {arn} must be the password or an object with a text {name}: correct it");
            Error::new(Kind::ConfigInvalid, message)
        };
        let username = match members.get("username") {
            None | Some(Value::Null) => None,
            Some(Value::String(name)) => Some(name.clone()).filter(|name| !name.is_empty()),
            Some(_) => return Err(wrong("username")),
        };
        let password = members.get("password").and_then(Value::as_str).ok_or_else(|| wrong("password"))?;
        Ok(Self { username, password: password.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_a_password_or_an_object_with_one() {
        let login = |text| Login::of("arn", text).map(|login| (login.username, login.password));
        let named = |username: &str, password: &str| Ok((Some(username.to_owned()), password.to_owned()));
        let unnamed = |password: &str| Ok((None, password.to_owned()));
        assert_eq!(login(r#"{"username": "ops", "password": "p", "host": "h"}"#), named("ops", "p"));
        assert_eq!(login(r#"{"username": "", "password": "p"}"#), unnamed("p"));
        for plain in ["p w", "{p", "12345678", "\"quoted\""] {
            assert_eq!(login(plain), unnamed(plain));
        }
        for wrong in [r#"{"passwort": "geheim"}"#, r#"{"password": 1}"#, r#"{"username": 1, "password": "geheim"}"#] {
            let error = Login::of("arn", wrong).unwrap_err();
            assert_eq!(error.kind(), Kind::ConfigInvalid);
            assert!(error.message().starts_with("the secret arn must be"), "{error}");
            assert!(!error.message().contains("geheim"), "{error}");
        }
        assert!(!format!("{:?}", Login::of("arn", "geheim").unwrap()).contains("geheim"));
    }
}
