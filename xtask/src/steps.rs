//! Steps of a command: each says that it begins, how it ended, and how long it took.

use crate::clock::{self, Moment, readable};
use crate::failure::Failure;

/// The steps so far.
#[derive(Debug)]
pub(crate) struct Steps {
    begin: Moment,
    ran: Vec<&'static str>,
    failed: Vec<&'static str>,
    notes: Vec<String>,
}

impl Steps {
    pub(crate) fn new() -> Self {
        Self { begin: clock::now(), ran: Vec::new(), failed: Vec::new(), notes: Vec::new() }
    }

    /// Runs a step; its failure is told and remembered, and the next step may still run.
    pub(crate) fn run<T>(&mut self, name: &'static str, step: impl FnOnce() -> Result<T, Failure>) -> Option<T> {
        println!("▶ {name}");
        let begin = clock::now();
        let result = step();
        let took = readable(begin.elapsed());
        self.ran.push(name);
        match result {
            Ok(value) => {
                println!("✓ {name} ({took})");
                Some(value)
            }
            Err(failure) => {
                println!("✗ {name} ({took}): {failure}");
                self.failed.push(name);
                None
            }
        }
    }

    /// Something the last line must say.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        println!("! {note}");
        self.notes.push(note);
    }

    /// The last line: what ran, and what did not pass.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        let took = readable(self.begin.elapsed());
        let notes: String = self.notes.iter().map(|note| format!("; {note}")).collect();
        let ran = self.ran.join(", ");
        if self.failed.is_empty() {
            println!("passed in {took}: {ran}{notes}");
            return Ok(());
        }
        Err(Failure::new(format!("not passed: {} (ran in {took}: {ran}{notes})", self.failed.join(", "))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_fails_the_command_and_lets_the_next_one_run() {
        let mut steps = Steps::new();
        assert_eq!(steps.run("first", || Err::<(), _>(Failure::new("no"))), None);
        assert_eq!(steps.run("second", || Ok(2)), Some(2));
        steps.note("without Redis");
        let text = steps.finish().unwrap_err().to_string();
        assert!(text.starts_with("not passed: first (ran in ") && text.ends_with(": first, second; without Redis)"));
    }
}
