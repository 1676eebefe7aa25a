//! Rows of a timeline as lines: one when a step begins and one when it ends.

use std::collections::BTreeMap;

use serde_json::Value;

/// Longest evidence on a live line; the timeline has it whole.
const EVIDENCE: usize = 90;

/// What was shown of an execution: the result of each row, by step, attempt and start.
#[derive(Debug, Default)]
pub(crate) struct Shown(BTreeMap<(String, u64, i64), String>);

impl Shown {
    /// Prints what is new in a timeline, each line after `prefix`.
    pub(crate) fn show(&mut self, prefix: &str, timeline: &[Value]) {
        for row in timeline {
            let step = row["step"].as_str().unwrap_or_default().to_owned();
            let key = (step, row["attempt"].as_u64().unwrap_or(0), row["startMs"].as_i64().unwrap_or(0));
            let result = row["result"].as_str().unwrap_or_default().to_owned();
            let known = self.0.insert(key, result.clone());
            if known.as_ref() != Some(&result)
                && let Some(line) = line(row, known.is_none())
            {
                println!("{prefix}{line}");
            }
        }
    }

    /// The steps that run.
    pub(crate) fn running(&self) -> Vec<&str> {
        let running = self.0.iter().filter(|(_, result)| *result == "running");
        running.map(|((step, ..), _)| step.as_str()).collect()
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
