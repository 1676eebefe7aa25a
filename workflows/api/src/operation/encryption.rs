//! How data is encrypted at rest, as state machines and activities are told. It is kept and shown; nothing here encrypts.

use asl::Value;

use crate::fault::Fault;
use crate::fields::{Fields, KMS_KEY_ID};

const TYPES: [&str; 2] = ["AWS_OWNED_KEY", "CUSTOMER_MANAGED_KMS_KEY"];

/// An encryption configuration as it was given.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Encryption {
    kind: String,
    key: Option<String>,
    reuse_seconds: Option<i64>,
}

/// The field `encryptionConfiguration`, where it is there.
pub(super) fn read(fields: &mut Fields<'_>) -> Option<Encryption> {
    fields.within("encryptionConfiguration", |fields| {
        let kind = fields.one_of("type", &TYPES);
        Encryption {
            kind: fields.demanded("type", kind).to_owned(),
            key: fields.optional("kmsKeyId", &KMS_KEY_ID).map(str::to_owned),
            reuse_seconds: fields.number("kmsDataKeyReusePeriodSeconds", &(60..=900)),
        }
    })
}

impl Encryption {
    /// The configuration as it is kept.
    ///
    /// # Errors
    /// `InvalidEncryptionConfiguration`: a key is missing, or is not the one that the type means.
    pub(super) fn checked(self) -> Result<Value, Fault> {
        let owned = self.kind == TYPES[0];
        let problem = match (owned, &self.key, self.reuse_seconds) {
            (false, None, _) => "kmsKeyId must be given for the type CUSTOMER_MANAGED_KMS_KEY",
            (true, Some(_), _) | (true, _, Some(_)) => {
                "kmsKeyId and kmsDataKeyReusePeriodSeconds are for the type CUSTOMER_MANAGED_KMS_KEY only"
            }
            _ => {
                let mut members = vec![("type", Value::from(self.kind.as_str()))];
                members.extend(self.key.as_deref().map(|key| ("kmsKeyId", Value::from(key))));
                let seconds = self.reuse_seconds.and_then(|seconds| u32::try_from(seconds).ok());
                members.extend(seconds.map(|seconds| ("kmsDataKeyReusePeriodSeconds", Value::from(seconds))));
                return Ok(Value::object(members));
            }
        };
        let message = format!("Invalid Encryption Configuration: {problem}");
        Err(Fault::caller("InvalidEncryptionConfiguration", message))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn given(encryption: &Json) -> Result<String, Fault> {
        let body = json!({ "encryptionConfiguration": encryption });
        let mut fields = Fields::of(&body).unwrap();
        let read = read(&mut fields).unwrap();
        fields.check()?;
        read.checked().map(|value| value.to_string())
    }

    #[test]
    fn a_configuration_names_its_key_where_its_type_wants_one() {
        assert_eq!(given(&json!({"type": "AWS_OWNED_KEY"})).unwrap(), r#"{"type":"AWS_OWNED_KEY"}"#);
        let own = json!({"kmsDataKeyReusePeriodSeconds": 60, "kmsKeyId": "k", "type": "CUSTOMER_MANAGED_KMS_KEY"});
        let kept = r#"{"type":"CUSTOMER_MANAGED_KMS_KEY","kmsKeyId":"k","kmsDataKeyReusePeriodSeconds":60}"#;
        assert_eq!(given(&own).unwrap(), kept);
        for bad in [json!({"type": "CUSTOMER_MANAGED_KMS_KEY"}), json!({"type": "AWS_OWNED_KEY", "kmsKeyId": "k"})] {
            assert_eq!(given(&bad).unwrap_err().code, "InvalidEncryptionConfiguration");
        }
    }

    #[test]
    fn its_fields_keep_to_their_constraints() {
        let refused = given(&json!({"kmsKeyId": "", "kmsDataKeyReusePeriodSeconds": 901})).unwrap_err();
        assert!(refused.message.starts_with("3 validation errors detected: "), "{}", refused.message);
        assert!(refused.message.contains("Value null at 'encryptionConfiguration.type'"), "{}", refused.message);
    }
}
