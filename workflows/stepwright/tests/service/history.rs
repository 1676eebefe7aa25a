//! What must be true of every history, and what two of the same work have in common.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Events as they are but for what differs from run to run, and how often each occurs. In which order branches take
/// their turns is not part of it.
pub(crate) type Essence = BTreeMap<String, usize>;

const ENDS: [&str; 4] = ["ExecutionSucceeded", "ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted"];

/// What no two runs have in common.
const PASSING: [&str; 15] = [
    "timestamp",
    "id",
    "previousEventId",
    "token",
    "mark",
    "mapRunArn",
    "redriveCount",
    "ExecutionArn",
    "Name",
    "StartDate",
    "StopDate",
    "SdkHttpMetadata",
    "SdkResponseMetadata",
    "workerName",
    "execution",
];

fn kind(event: &Value) -> &str {
    event["type"].as_str().unwrap_or_default()
}

fn is_end(event: &Value) -> bool {
    ENDS.contains(&kind(event))
}

/// Ids without gap, causes before effects, time that does not go back, waits that last, and one end for each time that
/// it was begun.
pub(crate) fn check(arn: &str, history: &[Value]) {
    let ids: Vec<_> = history.iter().map(|event| event["id"].as_u64().unwrap_or_default()).collect();
    assert_eq!(ids, (1..).take(ids.len()).collect::<Vec<u64>>(), "{arn}: event ids");
    let caused = |event: &&Value| event["previousEventId"].as_u64() < event["id"].as_u64();
    assert!(history.iter().all(|event| caused(&event)), "{arn}: an effect before its cause");
    let times: Vec<_> = history.iter().map(time).collect();
    assert!(times.is_sorted(), "{arn}: time goes back: {times:?}");
    let redrives = history.iter().filter(|event| kind(event) == "ExecutionRedriven").count();
    let ends = history.iter().filter(|event| is_end(event)).count();
    assert_eq!(ends, 1 + redrives, "{arn}: terminal events");
    assert!(history.last().is_some_and(is_end), "{arn}: the end is the last event");
}

/// Milliseconds since 1970.
fn time(event: &Value) -> i64 {
    (event["timestamp"].as_f64().unwrap_or_default() * 1000.0).round() as i64
}

/// Milliseconds between entering and leaving each Wait, in the order of leaving.
pub(crate) fn waited(history: &[Value]) -> Vec<i64> {
    let exits = history.iter().filter(|event| kind(event) == "WaitStateExited");
    let entered = |exit: &Value| {
        let cause = exit["previousEventId"].as_u64()?.checked_sub(1)?;
        history.get(usize::try_from(cause).ok()?)
    };
    exits.map(|exit| time(exit) - entered(exit).map(time).unwrap_or_default()).collect()
}

/// The mark of the answer that ended a task.
pub(crate) fn mark(event: &Value) -> Option<String> {
    let details = ["activitySucceededEventDetails", "taskSucceededEventDetails"];
    let output = details.iter().find_map(|details| event[*details]["output"].as_str())?;
    let output: Value = serde_json::from_str(output).ok()?;
    output["mark"].as_str().map(str::to_owned)
}

/// What the history of the same work has in common with this one. Attempts that timed out, because their worker or its
/// answer was lost, are left out with what they had scheduled and started.
pub(crate) fn essence(history: &[Value]) -> Essence {
    let mut essence = Essence::new();
    // Whoever calls back may be faster than the queue's answer to the message: then that is not told any more.
    let is_told = |event: &&Value| event["taskSubmittedEventDetails"]["resourceType"] != "sqs";
    for event in history.iter().filter(is_told) {
        let mut event = event.clone();
        strip(&mut event);
        *essence.entry(event.to_string()).or_default() += 1;
    }
    let lost: usize = counts(&essence, "ActivityTimedOut").values().sum();
    essence.retain(|event, _| !event.contains("\"ActivityTimedOut\""));
    for attempt in ["ActivityScheduled", "ActivityStarted"] {
        for count in counts_mut(&mut essence, attempt) {
            *count = count.saturating_sub(lost);
        }
    }
    // A task that nobody took before it timed out has not started.
    for count in counts_mut(&mut essence, "ActivityStarted") {
        *count = (*count).max(1);
    }
    essence.retain(|_, count| *count > 0);
    essence
}

/// Events of which two runs have not equally many.
pub(crate) fn differences(known: &Essence, found: &Essence) -> Vec<String> {
    let count = |essence: &Essence, event: &str| essence.get(event).copied().unwrap_or_default();
    let events: BTreeSet<_> = known.keys().chain(found.keys()).collect();
    let mut differences = Vec::new();
    for event in events {
        let (known, found) = (count(known, event), count(found, event));
        if known != found {
            differences.push(format!("{found} instead of {known}: {event}"));
        }
    }
    differences
}

fn counts(essence: &Essence, kind: &str) -> BTreeMap<String, usize> {
    let kind = format!("\"{kind}\"");
    essence.iter().filter(|(event, _)| event.contains(&kind)).map(|(event, count)| (event.clone(), *count)).collect()
}

fn counts_mut<'a>(essence: &'a mut Essence, kind: &str) -> impl Iterator<Item = &'a mut usize> {
    let kind = format!("\"{kind}\"");
    essence.iter_mut().filter(move |(event, _)| event.contains(&kind)).map(|(_, count)| count)
}

/// Takes away what no two runs have in common, in JSON within texts too.
fn strip(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !PASSING.contains(&name.as_str()));
            members.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        Value::String(text) => {
            let Ok(mut inner) = serde_json::from_str::<Value>(text) else { return };
            if inner.is_object() || inner.is_array() {
                strip(&mut inner);
                *text = inner.to_string();
            }
        }
        _ => {}
    }
}
