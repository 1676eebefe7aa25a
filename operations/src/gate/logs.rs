//! What green's tasks have written since they were started.

use super::Check;
use super::facts::{Facts, SideFacts};
use super::problems::Problems;
use super::reference::{Reading, ReferenceKind, field, list};
use serde_json::{Value, json};

/// How much of a line is shown, in characters.
const LINE: usize = 200;

/// No task of green has written of a panic or a fatal error. The lines were filtered where they are kept, so that each
/// one that arrives here is one too many.
pub(super) fn quiet(facts: &Facts) -> Check {
    const NAME: &str = "logs-quiet";
    if facts.task_definition.is_none() {
        return Check::unread(NAME, "the new task definition");
    }
    let groups = facts.references.iter().filter(|reference| reference.kind == ReferenceKind::LogGroup);
    let groups: Vec<_> = groups.map(|reference| reference.name.as_str()).collect();
    let mut problems = Problems::default();
    let mut lines = Vec::new();
    for group in &groups {
        match Reading::find(&facts.logs, group) {
            None => problems.unknown(format!("{group} was not read")),
            Some(Err(why)) => problems.unknown(format!("{group} could not be read: {why}")),
            Some(Ok(answer)) => match first_line(answer, facts.blue.as_ref()) {
                Ok(None) => {}
                Ok(Some(line)) => {
                    problems.fail(format!("{group} has {line:?}"));
                    lines.push(json!({"logGroup": group, "line": line}));
                }
                Err(why) => problems.unknown(format!("{group}: {why}")),
            },
        }
    }
    let passes = match groups.len() {
        0 => "no log group is configured".to_owned(),
        count => format!("no panic and no fatal error in {count} log groups since the start"),
    };
    problems.check(NAME, passes, json!(lines))
}

/// The first line that none of blue's tasks wrote: both sides share their log groups, and a new revision is often the
/// remedy of what the old one complains of.
fn first_line(answer: &Value, blue: Option<&SideFacts>) -> Result<Option<String>, &'static str> {
    let events = list(answer, "Events").ok_or("the answer has no lines")?;
    let of_blue = |event: &&Value| {
        // `<prefix>/<container>/<task>`
        let task = field(event, "LogStreamName").and_then(Value::as_str).and_then(|stream| stream.rsplit('/').next());
        let mut tasks = blue.iter().flat_map(|blue| &blue.tasks);
        task.is_some_and(|task| tasks.any(|own| own.arn.rsplit('/').next() == Some(task)))
    };
    match events.iter().find(|event| !of_blue(event)) {
        Some(event) => {
            let message = field(event, "Message").and_then(Value::as_str).unwrap_or("a line without a text");
            Ok(Some(message.trim_end().chars().take(LINE).collect()))
        }
        None if field(answer, "NextToken").is_some() => Err("there are more lines than were read"),
        None => Ok(None),
    }
}
