//! A definition as a plain-text outline: states, transitions, what is retried and caught, and the machines inside.

use std::fmt::Write;

use crate::visit::inner_segment;
use crate::{Choice, Condition, Definition, Kind, Machine, Operand, Recovery, State, Transition};

impl Definition {
    /// The outline, one line per state and per edge, in the order of the text; the same text always gives the same
    /// lines. For snapshots and for reading, not for programs.
    #[must_use]
    pub fn graph(&self) -> String {
        let mut outline = Outline::default();
        outline.machine(&self.machine);
        outline.text
    }
}

#[derive(Default)]
struct Outline {
    text: String,
    depth: usize,
}

impl Outline {
    fn line(&mut self, line: &str) {
        let indent = self.depth * 2;
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{:indent$}{line}", "");
    }

    fn inside(&mut self, write: impl FnOnce(&mut Self)) {
        self.depth += 1;
        write(self);
        self.depth -= 1;
    }

    fn machine(&mut self, machine: &Machine) {
        self.line(&format!("start -> {}", machine.start_at));
        for (name, state) in &machine.states {
            self.line(&format!("{name}: {}{}", state.kind.state_type().name(), detail(&state.kind)));
            self.inside(|outline| outline.state(state));
        }
    }

    fn state(&mut self, state: &State) {
        if let Some(recovery) = state.kind.recovery() {
            self.recovery(recovery);
        }
        for (index, inner) in state.kind.machines().iter().enumerate() {
            self.line(&inner_segment(&state.kind, index));
            self.inside(|outline| outline.machine(inner));
        }
        if let Kind::Choice(choice) = &state.kind {
            self.choice(choice);
        }
        match state.kind.transition() {
            Some(Transition::Next(next)) => self.line(&format!("-> {next}")),
            Some(Transition::End) => self.line("-> [end]"),
            None => {}
        }
    }

    fn choice(&mut self, choice: &Choice) {
        for (index, rule) in choice.rules.iter().enumerate() {
            self.line(&format!("[{index}] {} -> {}", condition(&rule.condition), rule.next));
        }
        let default = choice.default.as_deref().unwrap_or("[States.NoChoiceMatched]");
        self.line(&format!("default -> {default}"));
    }

    fn recovery(&mut self, recovery: &Recovery) {
        for (index, retrier) in recovery.retry.iter().enumerate() {
            let names = retrier.error_equals.join(", ");
            self.line(&format!("retry[{index}] {names}, at most {} times", retrier.max_attempts));
        }
        for (index, catcher) in recovery.catch.iter().enumerate() {
            self.line(&format!("catch[{index}] {} -> {}", catcher.error_equals.join(", "), catcher.next));
        }
    }
}

fn detail(kind: &Kind) -> String {
    match kind {
        Kind::Task(task) => format!(" {}", task.resource),
        _ => String::new(),
    }
}

fn condition(condition: &Condition) -> String {
    match condition {
        Condition::Expression(value) => value.as_str().map_or_else(|| value.to_string(), str::to_owned),
        Condition::And(all) => format!("({})", all.iter().map(self::condition).collect::<Vec<_>>().join(" and ")),
        Condition::Or(any) => format!("({})", any.iter().map(self::condition).collect::<Vec<_>>().join(" or ")),
        Condition::Not(inner) => format!("not {}", self::condition(inner)),
        Condition::Compare { variable, operator, operand: Operand::Literal(literal) } => {
            format!("{variable} {operator:?} {literal}")
        }
        Condition::Compare { variable, operator, operand: Operand::Path(path) } => {
            format!("{variable} {operator:?}Path {path}")
        }
    }
}

#[cfg(test)]
mod tests {
    const TEXT: &str = r#"{
      "StartAt": "Each",
      "States": {
        "Each": {
          "Type": "Map", "Next": "Which",
          "Retry": [{"ErrorEquals": ["A"]}, {"ErrorEquals": ["States.ALL"], "MaxAttempts": 0}],
          "Catch": [{"ErrorEquals": ["B", "C"], "Next": "Failed"}],
          "ItemProcessor": {
            "StartAt": "Both",
            "States": {
              "Both": {
                "Type": "Parallel", "End": true,
                "Branches": [
                  {"StartAt": "Left", "States": {"Left": {"Type": "Wait", "Seconds": 1, "End": true}}},
                  {"StartAt": "Right", "States": {"Right": {"Type": "Task", "Resource": "${Right}", "End": true}}}
                ]
              }
            }
          }
        },
        "Which": {
          "Type": "Choice",
          "Choices": [
            {"Not": {"Variable": "$.a", "IsPresent": true}, "Next": "Failed"},
            {
              "And": [
                {"Variable": "$.a", "StringEquals": "x"},
                {"Variable": "$.b", "NumericLessThanPath": "$.c"}
              ],
              "Next": "Each"
            },
            {"Variable": "$.a", "IsNull": true, "Next": "Failed"}
          ],
          "Default": "Done"
        },
        "Done": {"Type": "Succeed"},
        "Failed": {"Type": "Fail"}
      }
    }"#;

    #[test]
    fn the_outline_shows_every_edge() {
        insta::assert_snapshot!(crate::parse(TEXT).definition.unwrap().graph());
    }

    #[test]
    fn the_points_of_coverage_are_every_state_edge_catcher_and_retrier_once() {
        let definition = crate::parse(TEXT).definition.unwrap();
        let points = crate::coverage_points(&definition);
        insta::assert_snapshot!(points.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    }
}
