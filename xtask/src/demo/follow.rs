//! Shows executions while they run: a line when a step begins and one when it ends.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::stack::Stack;
use super::story::{Ending, Stage, Story};
use crate::clock::{self, Moment};
use crate::failure::Failure;

/// Pause between two looks, real time.
const PAUSE: Duration = Duration::from_millis(250);
/// Longest evidence on a live line; the timeline has it whole.
const EVIDENCE: usize = 90;
/// The workflow of every story.
const MACHINE: &str = "incident-remediation";

/// A story that was told to its end.
pub(crate) struct Told {
    pub(crate) story: Story,
    pub(crate) arn: String,
    /// How it stood when the incident began.
    pub(crate) symptom: String,
    pub(crate) ending: Ending,
    /// How it stood when the execution ended, where that was as told.
    pub(crate) outcome: Result<String, Failure>,
}

/// Injects the incidents of stories when their alarms ring, and follows their executions.
pub(crate) struct Follower<'a> {
    stack: &'a mut Stack,
    stage: &'a Stage,
    begin: Moment,
    limit: Duration,
    /// Their alarms do not ring yet.
    pending: Vec<Story>,
    followed: Vec<Followed>,
}

struct Followed {
    story: Story,
    arn: String,
    symptom: String,
    /// What was shown of each row: its result.
    shown: BTreeMap<(String, u64, i64), String>,
    approved: bool,
    ending: Option<(Ending, Result<String, Failure>)>,
}

impl<'a> Follower<'a> {
    pub(crate) fn new(stack: &'a mut Stack, stage: &'a Stage, stories: Vec<Story>, limit: Duration) -> Self {
        Self { stack, stage, begin: clock::now(), limit, pending: stories, followed: Vec::new() }
    }

    /// Follows them all to their ends.
    pub(crate) fn run(mut self) -> Result<Vec<Told>, Failure> {
        while !self.pending.is_empty() || self.followed.iter().any(|followed| followed.ending.is_none()) {
            self.begin_those_that_ring()?;
            self.look()?;
            if let Some(ended) = self.stack.ended() {
                return Err(Failure::new(format!("{ended}: its log follows")));
            }
            if self.begin.elapsed() > self.limit {
                let (limit, open) = (clock::readable(self.limit), self.stuck().join("; "));
                return Err(Failure::new(format!("not ended after {limit}: {open}")));
            }
            std::thread::sleep(PAUSE);
        }
        let ended = self.followed.into_iter().filter_map(|Followed { story, arn, symptom, ending, .. }| {
            let (ending, outcome) = ending?;
            Some(Told { story, arn, symptom, ending, outcome })
        });
        Ok(ended.collect())
    }

    fn begin_those_that_ring(&mut self) -> Result<(), Failure> {
        for story in std::mem::take(&mut self.pending) {
            if self.stage.rings(&story)? {
                self.inject(story)?;
            } else {
                self.pending.push(story);
            }
        }
        Ok(())
    }

    fn inject(&mut self, story: Story) -> Result<(), Failure> {
        let symptom = (story.shows)(self.stage)?;
        let name = format!("{}-{}", story.incident, story.event["action"].as_str().unwrap_or_default());
        let arn = self.stack.execute(MACHINE, &name, &story.event)?;
        let cause = story.alarm.map(|alarm| format!("alarm {alarm} rings ")).unwrap_or_default();
        let followed = Followed { story, arn, symptom, shown: BTreeMap::new(), approved: false, ending: None };
        println!("{}⚡ {cause}({}): {name} begins", followed.prefix(), followed.symptom);
        self.followed.push(followed);
        Ok(())
    }

    fn look(&mut self) -> Result<(), Failure> {
        for followed in self.followed.iter_mut().filter(|followed| followed.ending.is_none()) {
            let ending = Ending::of(self.stack.history(&followed.arn)?);
            followed.show(&ending.timeline());
            if ending.status() != "RUNNING" {
                println!("{}■ {} after {}", followed.prefix(), ending.status(), ending.took());
                let outcome = followed.story.outcome(self.stage, &ending);
                followed.ending = Some((ending, outcome));
            } else if !followed.approved {
                followed.approved = followed.story.approve(self.stack)?;
            }
        }
        Ok(())
    }

    fn stuck(&self) -> Vec<String> {
        let silent = self.pending.iter().map(|story| format!("{} (its alarm does not ring)", story.tag));
        let open = self.followed.iter().filter(|followed| followed.ending.is_none());
        let open = open.map(|followed| {
            let running: Vec<&str> = followed
                .shown
                .iter()
                .filter(|(_, result)| *result == "running")
                .map(|((step, ..), _)| step.as_str())
                .collect();
            format!("{} (in {})", followed.story.tag, running.join(", "))
        });
        silent.chain(open).collect()
    }
}

impl Followed {
    fn prefix(&self) -> String {
        format!("{:<16}", self.story.tag)
    }

    fn show(&mut self, timeline: &[Value]) {
        for row in timeline {
            let step = row["step"].as_str().unwrap_or_default().to_owned();
            let key = (step, row["attempt"].as_u64().unwrap_or(0), row["startMs"].as_i64().unwrap_or(0));
            let result = row["result"].as_str().unwrap_or_default().to_owned();
            let known = self.shown.insert(key, result.clone());
            if known.as_ref() != Some(&result)
                && let Some(line) = line(row, known.is_none())
            {
                println!("{}{line}", self.prefix());
            }
        }
    }
}

/// A row's line. States that pass in no time are not worth one.
fn line(row: &Value, is_new: bool) -> Option<String> {
    let text = |name: &str| row[name].as_str().unwrap_or_default();
    let is_task = text("type") == "Task" || text("type") == "Wait";
    let failed = matches!(text("result"), "failed" | "timedOut" | "aborted");
    if !is_task && !failed {
        return None;
    }
    let depth = usize::try_from(row["depth"].as_u64().unwrap_or(0)).unwrap_or(0);
    let attempt = row["attempt"].as_u64().filter(|attempt| *attempt > 1);
    let attempt = attempt.map(|attempt| format!(" (attempt {attempt})")).unwrap_or_default();
    let at = format!("+{}", seconds(&row["startMs"]));
    let head = format!("{at:>8}  {}{{}} {}{attempt}", "  ".repeat(depth), text("step"));
    let (mark, tail) = match text("result") {
        "running" if is_new => ("▶", String::new()),
        "running" => return None,
        "ok" => ("✓", format!("  {}  {}", seconds(&row["durationMs"]), short(text("evidence")))),
        other => {
            let error = Some(text("error")).filter(|error| !error.is_empty()).unwrap_or(other);
            ("✗", format!("  {error}  {}", short(text("evidence"))))
        }
    };
    Some(format!("{}{}", head.replacen("{}", mark, 1), tail.trim_end()))
}

fn short(evidence: &str) -> String {
    match evidence.char_indices().nth(EVIDENCE) {
        Some((cut, _)) => format!("{}…", &evidence[..cut]),
        None => evidence.to_owned(),
    }
}

fn seconds(milliseconds: &Value) -> String {
    format!("{:.1}s", milliseconds.as_f64().unwrap_or(0.0) / 1000.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_task_has_a_line_when_it_begins_and_one_when_it_ends() {
        let mut row =
            json!({"step": "Perform action", "type": "Task", "attempt": 2, "startMs": 61_500, "result": "running"});
        assert_eq!(line(&row, true).unwrap(), "  +61.5s  ▶ Perform action (attempt 2)");
        assert_eq!(line(&row, false), None);
        row["result"] = "ok".into();
        row["durationMs"] = 1_250.into();
        row["evidence"] = "3 tasks".into();
        assert_eq!(line(&row, false).unwrap(), "  +61.5s  ✓ Perform action (attempt 2)  1.2s  3 tasks");
        row["result"] = "failed".into();
        row["error"] = "Ops.Throttled".into();
        assert_eq!(line(&row, false).unwrap(), "  +61.5s  ✗ Perform action (attempt 2)  Ops.Throttled  3 tasks");
    }

    #[test]
    fn a_choice_has_no_line() {
        assert_eq!(line(&json!({"step": "Judge plan", "type": "Choice", "result": "ok"}), true), None);
    }

    #[test]
    fn long_evidence_is_cut() {
        assert_eq!(short(&"é".repeat(EVIDENCE + 1)), format!("{}…", "é".repeat(EVIDENCE)));
    }
}
