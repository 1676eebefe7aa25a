//! What a payload asks a function to do.

use operations::Error;
use operations::error::Kind;
use operations::incident::{Action, Request};
use operations::plan::{Plan, Report};
use operations::time::Millis;
use serde_json::Value;

/// What an acting function can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Write down exactly what would be done.
    Plan,
    /// Do it, unless it is done.
    Act,
    /// Undo it, unless it is undone.
    Undo,
}

impl Operation {
    /// Reads `operation`.
    ///
    /// # Errors
    /// `Ops.InvalidInput` naming the field.
    pub fn of_payload(payload: &Value) -> Result<Self, Error> {
        match payload.get("operation").and_then(Value::as_str) {
            Some("plan") => Ok(Operation::Plan),
            Some("act") => Ok(Operation::Act),
            Some("undo") => Ok(Operation::Undo),
            Some(_) => Err(Error::new(Kind::InvalidInput, "operation must be one of plan, act, undo")),
            None => Err(Error::new(Kind::InvalidInput, "operation is missing: use plan, act or undo")),
        }
    }
}

/// Reads the event and the entry of a payload for the function of one action.
///
/// # Errors
/// As [`Request::parse`]; `Ops.InvalidInput` when the event asks for another action.
pub fn request(payload: &Value, action: Action) -> Result<Request, Error> {
    let request = Request::parse(payload)?;
    if request.event.action != action {
        let message = format!("action must be {action}: this function does nothing else");
        return Err(Error::new(Kind::InvalidInput, message));
    }
    if action != Action::NotifyHuman && !request.entry.allowed_actions.contains(&action) {
        let message = format!("the catalogue does not allow {action} on {}", request.entry.catalog_id);
        return Err(Error::new(Kind::ActionNotAllowed, message));
    }
    Ok(request)
}

/// Reads `intendedAt`: when the intention to act was recorded, in milliseconds since 1970.
///
/// # Errors
/// `Ops.InvalidInput` when it is there and no time.
pub fn intended_at(payload: &Value) -> Result<Option<Millis>, Error> {
    let Some(value) = payload.get("intendedAt").filter(|value| !value.is_null()) else { return Ok(None) };
    let whole = value.as_f64().filter(|number| number.fract() == 0.0).map(|number| number as Millis);
    let time = operations::time::parse(value).or(whole);
    time.map(Some).ok_or_else(|| Error::new(Kind::InvalidInput, "intendedAt must be a time in milliseconds since 1970"))
}

/// The answer to `undo` when the plan has nothing that automation undoes.
pub fn nothing_to_undo(plan: &Plan) -> Report {
    Report::new(if plan.manual_undo.is_empty() {
        "Nothing to undo"
    } else {
        "Nothing undone: the way back causes another outage, so a person decides"
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_foreign_or_forbidden_action_is_refused() {
        let mut payload = json!({"action": "restart_service", "target": "database", "incidentId": "i", "entry": {
            "catalogId": "database", "kind": "rds", "arn": "arn", "tier": 0, "allowedActions": ["scale_up"]}});
        assert_eq!(request(&payload, Action::ScaleUp).unwrap_err().kind(), Kind::InvalidInput);
        assert_eq!(request(&payload, Action::RestartService).unwrap_err().kind(), Kind::ActionNotAllowed);
        payload["action"] = json!("scale_up");
        assert!(request(&payload, Action::ScaleUp).is_ok());
    }

    #[test]
    fn the_intention_may_be_a_float_as_expressions_make_it() {
        assert_eq!(intended_at(&json!({"intendedAt": 1_780_000_000_000.0})).unwrap(), Some(1_780_000_000_000));
        assert_eq!(intended_at(&json!({})).unwrap(), None);
        assert!(intended_at(&json!({"intendedAt": "soon"})).is_err());
    }
}
