//! `cargo xtask policies`: the Retry entries of our definitions, each equal to a named policy.
//!
//! `statemachines/policies.json` holds the policies by name. An entry of a definition names its policy in its
//! `Comment` (`"policy: transient"`) and is otherwise equal to it. ASL has no way to share a retrier, so the copies
//! are made and checked here.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use crate::definitions;
use crate::failure::{During, Failure};
use crate::json;

/// Begins the `Comment` of an entry.
const MARK: &str = "policy: ";

type Policies = BTreeMap<String, Map<String, Value>>;

/// Makes every entry equal to its policy, or with `check` only says which are not. Returns a line that says what was
/// done.
///
/// # Errors
/// An entry that names no policy, or one that does not exist, with its place; in a check also an entry that differs.
pub(crate) fn apply(root: &Path, check: bool) -> Result<String, Failure> {
    let policies = read(root)?;
    let (mut entries, mut changed, mut problems) = (0, Vec::new(), Vec::new());
    for path in definitions::find(root)? {
        let name = definitions::name(root, &path);
        let text = json::read(&path)?;
        let mut document: Value = serde_json::from_str(&text).during(|| format!("{name} is not JSON"))?;
        let mut file =
            File { policies: &policies, name: &name, entries: 0, differing: Vec::new(), problems: Vec::new() };
        file.visit(&mut document, "");
        entries += file.entries;
        problems.append(&mut file.problems);
        if !file.differing.is_empty() {
            changed.append(&mut file.differing);
            if !check {
                let rewritten = asl::format(&document.to_string()).during(|| name.clone())?;
                json::write(&path, &rewritten)?;
            }
        }
    }
    if !problems.is_empty() {
        return Err(Failure::new(problems.join("\n       ")));
    }
    match changed.as_slice() {
        [] => Ok(format!("{entries} Retry entries, all equal to their policies")),
        changed if check => {
            let places = changed.join("\n       ");
            Err(Failure::new(format!("differ from their policies; run `cargo xtask policies`:\n       {places}")))
        }
        changed => Ok(format!("{entries} Retry entries, rewritten:\n  {}", changed.join("\n  "))),
    }
}

/// The policies; a repository without definitions may have none.
fn read(root: &Path) -> Result<Policies, Failure> {
    let path = root.join("statemachines/policies.json");
    if !path.exists() {
        return Ok(Policies::new());
    }
    let document: Value =
        serde_json::from_str(&json::read(&path)?).during(|| format!("{} is not JSON", path.display()))?;
    let invalid = |name: &str| {
        Failure::new(format!("statemachines/policies.json: {name:?} must be an object, the Retry entry of that name"))
    };
    let Value::Object(named) = document else { return Err(invalid("the document")) };
    let named = named.into_iter().filter(|(name, _)| name != "Comment");
    named
        .map(|(name, policy)| match policy {
            Value::Object(policy) => Ok((name, bare(policy))),
            _ => Err(invalid(&name)),
        })
        .collect()
}

/// A retrier without its comment, which says which policy it is and is no part of it.
fn bare(mut retrier: Map<String, Value>) -> Map<String, Value> {
    retrier.shift_remove("Comment");
    retrier
}

/// One definition.
struct File<'a> {
    policies: &'a Policies,
    name: &'a str,
    entries: usize,
    differing: Vec<String>,
    problems: Vec<String>,
}

impl File<'_> {
    /// Finds the states that retry, in the branches and processors of others too.
    fn visit(&mut self, value: &mut Value, place: &str) {
        match value {
            Value::Object(members) => {
                let is_state = members.get("Type").is_some_and(Value::is_string);
                for (key, member) in members {
                    let place = format!("{place}/{key}");
                    match member {
                        Value::Array(retriers) if is_state && key == "Retry" => self.retriers(retriers, &place),
                        member => self.visit(member, &place),
                    }
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.visit(item, &format!("{place}/{index}"));
                }
            }
            _ => {}
        }
    }

    fn retriers(&mut self, retriers: &mut [Value], place: &str) {
        for (index, retrier) in retriers.iter_mut().enumerate() {
            self.entries += 1;
            let place = format!("{}:{place}/{index}", self.name);
            let own = bare(retrier.as_object().cloned().unwrap_or_default());
            match self.policy_of(retrier, &own) {
                Err(problem) => self.problems.push(format!("{place}: {problem}")),
                Ok((name, policy)) if own != *policy => {
                    let comment = ("Comment".to_owned(), format!("{MARK}{name}").into());
                    *retrier = std::iter::once(comment).chain(policy.clone()).collect();
                    self.differing.push(format!("{place} ({name})"));
                }
                Ok(_) => {}
            }
        }
    }

    /// The policy that an entry names, or else the one that it equals.
    fn policy_of(&self, retrier: &Value, own: &Map<String, Value>) -> Result<(&String, &Map<String, Value>), String> {
        let known = || self.policies.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        match retrier["Comment"].as_str().and_then(|comment| comment.strip_prefix(MARK)) {
            Some(name) => self.policies.get_key_value(name).ok_or_else(|| {
                format!("there is no policy {name:?} in statemachines/policies.json, only: {}", known())
            }),
            None => self.policies.iter().find(|(_, policy)| *policy == own).ok_or_else(|| {
                let remedy = format!("write \"Comment\": \"{MARK}NAME\" with one of: {}", known());
                format!("equals no policy of statemachines/policies.json; {remedy}")
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICIES: &str = r#"{"transient": {"ErrorEquals": ["Ops.Throttled"], "IntervalSeconds": 2, "MaxAttempts": 5, "BackoffRate": 2}}"#;

    fn repository(retry: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("statemachines/shared/approval");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(root.path().join("statemachines/policies.json"), POLICIES).unwrap();
        let inner = format!(r#"{{"Type": "Task", "Resource": "r", "Retry": [{retry}], "End": true}}"#);
        let branch = format!(r#"{{"StartAt": "B", "States": {{"B": {inner}}}}}"#);
        let text = format!(
            r#"{{"StartAt": "A", "States": {{"A": {{"Type": "Parallel", "Branches": [{branch}], "End": true}}}}}}"#
        );
        std::fs::write(folder.join("definition.asl.json"), asl::format(&text).unwrap()).unwrap();
        root
    }

    #[test]
    fn an_equal_entry_passes_with_or_without_its_name() {
        let policy = r#""ErrorEquals": ["Ops.Throttled"], "IntervalSeconds": 2, "MaxAttempts": 5, "BackoffRate": 2"#;
        for retry in [format!("{{{policy}}}"), format!(r#"{{"Comment": "policy: transient", {policy}}}"#)] {
            let said = apply(repository(&retry).path(), true).unwrap();
            assert_eq!(said, "1 Retry entries, all equal to their policies");
        }
    }

    #[test]
    fn a_marked_entry_is_rewritten_where_it_stands() {
        let root = repository(r#"{"Comment": "policy: transient", "ErrorEquals": ["States.ALL"]}"#);
        let failure = apply(root.path(), true).unwrap_err().to_string();
        let place =
            "statemachines/shared/approval/definition.asl.json:/States/A/Branches/0/States/B/Retry/0 (transient)";
        assert!(failure.contains(place), "{failure}");
        assert!(apply(root.path(), false).unwrap().contains(place));
        assert_eq!(apply(root.path(), true).unwrap(), "1 Retry entries, all equal to their policies");
        assert_eq!(definitions::format(root.path(), true).unwrap(), "1 definitions, all formatted");
    }

    #[test]
    fn an_entry_of_no_policy_is_refused() {
        let failure = apply(repository(r#"{"ErrorEquals": ["States.ALL"]}"#).path(), false).unwrap_err().to_string();
        assert!(failure.contains("equals no policy") && failure.contains("one of: transient"), "{failure}");
        let unknown = r#"{"Comment": "policy: eternal", "ErrorEquals": ["States.ALL"]}"#;
        let failure = apply(repository(unknown).path(), false).unwrap_err().to_string();
        assert!(failure.contains("there is no policy \"eternal\""), "{failure}");
    }
}
