//! Actions that exist, and resources that are no wider than IAM makes necessary.

use std::collections::BTreeSet;

use serde_json::Value;

use super::policy::{self, Grant};
use super::suite::{ACTIONS, REASONS, Suite};

/// Every role and every managed policy of every template.
pub(crate) fn check(suite: &Suite) -> Vec<String> {
    let mut problems: Vec<String> =
        granted(suite).iter().filter_map(|(owner, grant)| judge(suite, owner, grant)).collect();
    problems.sort();
    problems.dedup();
    problems.extend(stale(suite));
    problems
}

/// All that roles and managed policies allow, with the names of their owners.
pub(crate) fn granted(suite: &Suite) -> Vec<(String, Grant)> {
    let templates = std::iter::once(&suite.template).chain(suite.others.values());
    let resources = templates.filter_map(|template| template["Resources"].as_object()).flatten();
    let mut granted = Vec::new();
    for (name, resource) in resources {
        let properties = &resource["Properties"];
        let grants = match resource["Type"].as_str() {
            Some("AWS::IAM::Role") => policy::of_role(properties),
            Some("AWS::IAM::ManagedPolicy") => policy::of_document(&properties["PolicyDocument"]),
            _ => Vec::new(),
        };
        granted.extend(grants.into_iter().map(|grant| (name.clone(), grant)));
    }
    granted
}

fn judge(suite: &Suite, owner: &str, grant: &Grant) -> Option<String> {
    let action = &grant.action;
    let Some(types) = suite.actions[action.as_str()].as_array() else {
        return Some(format!(
            "{owner} allows {action}, which is not in {ACTIONS}: mend its spelling; if it exists, add it with \
             `cargo xtask infra actions`"
        ));
    };
    if !grant.is_for_all() || types.is_empty() || suite.reasons["everyResource"][action.as_str()].is_string() {
        return None;
    }
    let types: Vec<&str> = types.iter().filter_map(Value::as_str).collect();
    Some(format!(
        "{owner} allows {action} on every resource, but IAM can narrow it to {}: name the resources, or give the reason in \
         {REASONS}, everyResource.{action}",
        types.join(", ")
    ))
}

/// Reasons for what is not there any more.
fn stale(suite: &Suite) -> Vec<String> {
    let granted = granted(suite);
    let wide: BTreeSet<&str> =
        granted.iter().filter(|(_, grant)| grant.is_for_all()).map(|(_, grant)| grant.action.as_str()).collect();
    let reasons = suite.reasons["everyResource"].as_object().into_iter().flatten();
    let stale = reasons.filter(|(action, _)| !wide.contains(action.as_str()));
    stale.map(|(action, _)| format!("{REASONS}: everyResource.{action} explains nothing: remove it")).collect()
}
