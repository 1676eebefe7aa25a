//! A check that is about several things.

use super::{Check, Outcome};
use serde_json::Value;

/// What is wrong with several things that one check is about.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<(Outcome, String)>);

impl Problems {
    pub(super) fn add(&mut self, outcome: Outcome, text: String) {
        self.0.push((outcome, text));
    }

    pub(super) fn fail(&mut self, text: String) {
        self.add(Outcome::Fail, text);
    }

    pub(super) fn unknown(&mut self, text: String) {
        self.add(Outcome::Unknown, text);
    }

    pub(super) fn none(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn check(self, name: &'static str, passes: String, evidence: Value) -> Check {
        let worst = self.0.iter().map(|(outcome, _)| *outcome).max();
        let texts: Vec<_> = self.0.into_iter().map(|(_, text)| text).collect();
        match worst {
            None => Check::new(name, Outcome::Pass, passes, evidence),
            Some(outcome) => Check::new(name, outcome, texts.join("; "), evidence),
        }
    }
}
