//! Scopes of variables: an inner machine may read the variables around it, and may not assign their names.

use std::collections::HashSet;
use std::sync::Arc;

use crate::fields::Fields;
use crate::machine::Outer;
use crate::{Object, Value};

/// The longest name a variable may have, in characters.
pub(crate) const MAX_NAME_CHARS: usize = 80;

/// The variables that machines inside these states see: those of the outer scopes and those assigned here.
/// Reports every assignment here whose name an outer scope has already.
pub(crate) fn visible(states: &Fields<'_>, raw: &Object, outer: &Outer) -> HashSet<Arc<str>> {
    let mut names = outer.variables.clone();
    for (state_name, state) in raw {
        for (location, assign) in assignments(state) {
            for name in assign.keys() {
                let bare: Arc<str> = name.strip_suffix(".$").unwrap_or(name).into();
                if outer.variables.contains(&bare) {
                    let message =
                        format!("Variable '{bare}' is assigned in an outer scope and cannot be assigned here");
                    states.parser().schema(&format!("{}/{location}/{name}", states.at(state_name)), message);
                }
                names.insert(bare);
            }
        }
    }
    names
}

/// Every `Assign` of one state, with its location within the state.
fn assignments(state: &Value) -> Vec<(String, &Object)> {
    let mut found = Vec::new();
    collect(&mut found, "Assign".into(), state);
    for list in ["Choices", "Catch"] {
        for (index, element) in state.get(list).and_then(Value::as_array).unwrap_or_default().iter().enumerate() {
            collect(&mut found, format!("{list}[{index}]/Assign"), element);
        }
    }
    found
}

fn collect<'a>(found: &mut Vec<(String, &'a Object)>, location: String, of: &'a Value) {
    if let Some(assign) = of.get("Assign").and_then(Value::as_object) {
        found.push((location, assign));
    }
}
