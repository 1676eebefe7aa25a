//! Placeholders of a definition, resolved as the local stack resolves them.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What the placeholders of definitions stand for: the fields of the stack file that bear on them.
#[derive(Clone, Debug, Deserialize)]
pub struct Stack {
    /// Placeholder name to value.
    pub substitutions: BTreeMap<String, String>,
    /// Function name to its settings.
    pub functions: BTreeMap<String, serde_json::Value>,
    /// Names of the activities.
    pub activities: Vec<String>,
}

/// Placeholders that nothing resolves.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no value for {}: add it to the substitutions, functions or activities of the stack file", names.join(", "))]
pub struct Unresolved {
    /// The placeholders as written, `${...}`.
    pub names: Vec<String>,
}

impl Stack {
    /// Reads a stack file's text.
    ///
    /// # Errors
    /// The text is not JSON, or a field is missing or of the wrong type.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// `definition` with every `${...}` replaced; `machines` are the names of the state machines that exist.
    ///
    /// # Errors
    /// Every placeholder that stays open.
    pub fn resolve(&self, definition: &str, machines: &[String]) -> Result<String, Unresolved> {
        let values = self.values(machines);
        let mut resolved = String::with_capacity(definition.len());
        let mut open = Vec::new();
        let mut rest = definition;
        while let Some(start) = rest.find("${") {
            let (before, from) = rest.split_at(start);
            resolved.push_str(before);
            let Some(end) = from.find('}') else { break };
            let (placeholder, after) = from.split_at(end + 1);
            match values.get(&placeholder[2..end]) {
                Some(value) => resolved.push_str(value),
                None => open.push(placeholder.to_owned()),
            }
            rest = after;
        }
        resolved.push_str(rest);
        open.dedup();
        if open.is_empty() { Ok(resolved) } else { Err(Unresolved { names: open }) }
    }

    fn values(&self, machines: &[String]) -> BTreeMap<String, String> {
        let account = "us-east-1:123456789012";
        let functions = self
            .functions
            .keys()
            .map(|name| (format!("{}FunctionArn", camel(name)), format!("arn:aws:lambda:{account}:function:{name}")));
        let activities = self
            .activities
            .iter()
            .map(|name| (format!("{}ActivityArn", camel(name)), format!("arn:aws:states:{account}:activity:{name}")));
        let machines = machines.iter().map(|name| {
            (format!("{}StateMachineArn", camel(name)), format!("arn:aws:states:{account}:stateMachine:{name}"))
        });
        let given = self.substitutions.iter().map(|(name, value)| (name.clone(), value.clone()));
        functions.chain(activities).chain(machines).chain(given).collect()
    }
}

/// `recovery-watcher` as `RecoveryWatcher`.
fn camel(name: &str) -> String {
    name.split('-')
        .map(|part| {
            let mut letters = part.chars();
            letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>()).unwrap_or_default()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack() -> Stack {
        Stack::parse(
            r#"{"substitutions": {"Environment": "test"}, "functions": {"scale-up": {}}, "activities": ["watch"]}"#,
        )
        .unwrap()
    }

    #[test]
    fn names_become_arns_by_convention() {
        let text = "${Environment} ${ScaleUpFunctionArn} ${WatchActivityArn} ${ChildStateMachineArn} {% $x %}";
        assert_eq!(
            stack().resolve(text, &["child".to_owned()]).unwrap(),
            "test arn:aws:lambda:us-east-1:123456789012:function:scale-up \
             arn:aws:states:us-east-1:123456789012:activity:watch \
             arn:aws:states:us-east-1:123456789012:stateMachine:child {% $x %}"
        );
    }

    #[test]
    fn what_nothing_resolves_is_named() {
        let error = stack().resolve("${Nowhere} ${Environment} ${ChildStateMachineArn}", &[]).unwrap_err();
        assert_eq!(error.names, ["${Nowhere}", "${ChildStateMachineArn}"]);
    }
}
