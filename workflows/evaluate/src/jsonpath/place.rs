//! Putting a result at a reference path.

use std::sync::Arc;

use asl::{Object, Value};

use super::path::{Path, Root, Step, Steps};
use crate::Failure;

/// `raw` with `result` at `path`; objects that are missing on the way are created.
pub(super) fn place(raw: &Value, path: &Path, text: &str, result: Value) -> Result<Value, Failure> {
    if path.root != Root::Input || !path.is_reference() {
        let cause = format!("Invalid path '{text}': it must be a reference path into the state's input, such as $.a.b");
        return Err(Failure::runtime(cause));
    }
    put(raw, path, 0, result)
}

fn put(node: &Value, path: &Path, index: usize, result: Value) -> Result<Value, Failure> {
    match path.steps.get(index) {
        None => Ok(result),
        Some(Step::Member(name)) => {
            let Value::Object(members) = node else { return Err(mismatch(path, node)) };
            let created = Value::Object(Arc::default());
            let inner = put(members.get(name).unwrap_or(&created), path, index + 1, result)?;
            let mut members = Object::clone(members);
            members.insert(Arc::clone(name), inner);
            Ok(Value::Object(Arc::new(members)))
        }
        Some(Step::Index(at)) => {
            let items = node.as_array().ok_or_else(|| mismatch(path, node))?;
            let at = usize::try_from(*at).ok().filter(|at| *at < items.len()).ok_or_else(|| mismatch(path, node))?;
            let mut items = items.to_vec();
            items[at] = put(&items[at], path, index + 1, result)?;
            Ok(Value::array(items))
        }
        Some(_) => Err(mismatch(path, node)),
    }
}

fn mismatch(path: &Path, node: &Value) -> Failure {
    let shown = node.to_string();
    let cause = format!("Unable to apply ReferencePath {} to input {shown}", Steps(&path.steps));
    Failure::new("States.ResultPathMatchFailure", cause)
}
