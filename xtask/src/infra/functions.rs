//! The roles of functions and workers against the calls that they were seen to make.

use std::collections::BTreeSet;

use serde_json::Value;

use super::policy::{self, Grant};
use super::suite::{OBSERVED, REASONS, Suite, pascal};

/// How to see the calls again.
const AGAIN: &str = "see them again with `cargo xtask infra observe`";

/// Every function of the binary and every worker.
pub(crate) fn check(suite: &Suite) -> Vec<String> {
    let names = suite.handlers.iter().chain(&suite.workers);
    let mut problems: Vec<String> = names.flat_map(|name| of_one(suite, name)).collect();
    problems.extend(strangers(suite));
    problems
}

fn of_one(suite: &Suite, name: &str) -> Vec<String> {
    let role = format!("{}Role", pascal(name));
    let Some(resource) = suite.resources().get(&role) else {
        return vec![format!("{name} has no role: give it one of its own, {role}")];
    };
    let grants = policy::of_role(&resource["Properties"]);
    let allowed: BTreeSet<&str> =
        grants.iter().filter(|grant| !is_own_log(name, grant)).map(|grant| grant.action.as_str()).collect();
    let seen = seen(suite, name);
    let explained = explained(suite, name);
    let mut problems = Vec::new();
    for action in seen.difference(&allowed) {
        problems.push(format!(
            "{role} does not allow {action}, which {name} was seen to call: allow it on what it is called on"
        ));
    }
    for action in allowed.difference(&seen).filter(|action| !explained.contains(*action)) {
        problems.push(format!(
            "{role} allows {action}, which {name} was never seen to call: remove it, or give the reason in {REASONS}, \
             unseen.{name}; {AGAIN}"
        ));
    }
    for action in explained.iter().filter(|action| !allowed.contains(**action) || seen.contains(**action)) {
        problems.push(format!("{REASONS}: unseen.{name} explains {action}, which needs no explanation: remove it"));
    }
    problems
}

/// Writing to its own log is what every function does, without a call in its code.
fn is_own_log(name: &str, grant: &Grant) -> bool {
    let own = format!("{}Logs", pascal(name));
    let writes = ["logs:CreateLogStream", "logs:PutLogEvents"].contains(&grant.action.as_str());
    writes && grant.resource["Fn::GetAtt"][0] == own.as_str()
}

/// The actions that it was seen to call, or those of the function whose code it shares.
fn seen<'a>(suite: &'a Suite, name: &'a str) -> BTreeSet<&'a str> {
    let source = suite.reasons["sameCode"][name].as_str().unwrap_or(name);
    policy::list(&suite.observed[source]).iter().filter_map(Value::as_str).collect()
}

fn explained<'a>(suite: &'a Suite, name: &'a str) -> BTreeSet<&'a str> {
    let source = suite.reasons["sameCode"][name].as_str().unwrap_or(name);
    let reasons = suite.reasons["unseen"][source].as_object();
    reasons.map(|reasons| reasons.keys().map(String::as_str).collect()).unwrap_or_default()
}

/// Callers that are neither a function nor a worker.
fn strangers(suite: &Suite) -> Vec<String> {
    let known = |name: &String| suite.handlers.contains(name) || suite.workers.contains(name);
    let callers = suite.observed.as_object().into_iter().flat_map(|callers| callers.keys());
    let strangers = callers.filter(|name| !known(name));
    strangers.map(|name| format!("{OBSERVED}: {name} is neither a function nor a worker; {AGAIN}")).collect()
}
