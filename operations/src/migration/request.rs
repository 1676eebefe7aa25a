//! What the migration runner is asked to do.

use super::file::Phase;
use crate::error::{Error, Kind};
use crate::field::Object;
use serde_json::Value;

/// What to do with a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Apply what is pending.
    Apply,
    /// Say what is pending; change nothing.
    Plan,
    /// Fail when anything is pending; change nothing.
    Verify,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What to do.
    pub operation: Operation,
    /// With which phase.
    pub phase: Phase,
    /// The catalogue's id of the target.
    pub target: String,
    /// The folder of the target's migrations, relative to the root of all.
    pub directory: String,
    /// The secret that says how to connect.
    pub secret_arn: Option<String>,
    /// Whether a migration may be applied after newer ones of its phase.
    pub allow_out_of_order: bool,
    /// How far replicas may lag behind before a backfill pauses, in seconds.
    pub max_replica_lag_seconds: u32,
}

impl Request {
    /// Reads a request; fields that are not the request's are ignored.
    ///
    /// To apply phase `contract`, which takes away what the old revision needs, the input must say that a person
    /// approved it and that nothing of the old revision runs: `"approved": true, "oldRevisionTasks": 0`.
    ///
    /// # Errors
    /// `Ops.InvalidInput` naming the field; `Ops.PreconditionFailed` for a contract that is not approved or too early.
    pub fn parse(value: &Value) -> Result<Self, Error> {
        let body = Object::of(value, "", Kind::InvalidInput)?;
        let operation = match body.text("operation")? {
            "apply" => Operation::Apply,
            "plan" => Operation::Plan,
            "verify" => Operation::Verify,
            _ => return Err(body.error("operation", "must be apply, plan or verify")),
        };
        let phase = Phase::from_name(body.text("phase")?)
            .ok_or_else(|| body.error("phase", "must be expand, data or contract"))?;
        let migrations = body.object("migrations")?;
        let directory = migrations.text("directory")?;
        if directory.split('/').any(|part| part.is_empty() || part.starts_with('.') || part.contains('\\')) {
            return Err(migrations.error("directory", "must be a plain path below MIGRATIONS_PATH, like orders"));
        }
        if operation == Operation::Apply && phase == Phase::Contract {
            contract(&body)?;
        }
        Ok(Self {
            operation,
            phase,
            target: body.text("target")?.to_owned(),
            directory: directory.to_owned(),
            secret_arn: migrations.optional_text("secretArn")?.map(str::to_owned),
            allow_out_of_order: body.flag("allowOutOfOrder")?,
            max_replica_lag_seconds: migrations.optional_count("maxReplicaLagSeconds")?.unwrap_or(10),
        })
    }
}

fn contract(body: &Object<'_>) -> Result<(), Error> {
    let refused = |text: &str| Err(Error::new(Kind::PreconditionFailed, format!("phase contract {text}")));
    if !body.flag("approved")? {
        return refused("needs a person's approval: pass \"approved\": true after it");
    }
    match body.optional_count("oldRevisionTasks")? {
        Some(0) => Ok(()),
        Some(tasks) => refused(&format!("comes too early: {tasks} tasks of the old revision still run")),
        None => refused("needs to know that the old revision is gone: pass \"oldRevisionTasks\": 0 after counting"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn input() -> Value {
        json!({"operation": "apply", "phase": "expand", "target": "orders", "requestId": "d-1",
            "migrations": {"directory": "shop/orders", "secretArn": "arn"}})
    }

    #[test]
    fn a_request_is_read() {
        let request = Request::parse(&input()).unwrap();
        assert_eq!((request.operation, request.phase), (Operation::Apply, Phase::Expand));
        assert_eq!((request.directory.as_str(), request.secret_arn.as_deref()), ("shop/orders", Some("arn")));
    }

    #[test]
    fn a_wrong_field_is_named() {
        for (pointer, value, part) in [
            ("/operation", json!("run"), "operation must be"),
            ("/phase", json!("later"), "phase must be"),
            ("/migrations/directory", json!("../orders"), "migrations.directory must be a plain path"),
            ("/migrations/directory", json!("/etc"), "migrations.directory must be a plain path"),
            ("/migrations", json!(null), "migrations is missing"),
            ("/target", json!(""), "target is missing"),
        ] {
            let mut input = input();
            *input.pointer_mut(pointer).unwrap() = value;
            let error = Request::parse(&input).unwrap_err();
            assert!(error.message().starts_with(part), "{error}");
        }
    }

    #[test]
    fn a_contract_needs_approval_and_an_old_revision_that_is_gone() {
        let mut input = input();
        input["phase"] = json!("contract");
        let refused = |input: &Value| Request::parse(input).unwrap_err();
        assert_eq!(refused(&input).kind(), Kind::PreconditionFailed);
        input["approved"] = json!(true);
        assert!(refused(&input).message().contains("oldRevisionTasks"));
        input["oldRevisionTasks"] = json!(2);
        assert!(refused(&input).message().contains("2 tasks of the old revision still run"));
        input["oldRevisionTasks"] = json!(0);
        assert!(Request::parse(&input).is_ok());
        input["operation"] = json!("plan");
        input["approved"] = json!(false);
        assert!(Request::parse(&input).is_ok(), "looking is free");
    }
}
