//! From events to visits of states, following `previousEventId`.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::evidence::{of_cause, of_output};
use super::{Outcome, Row};

/// The rows of a history, in the order in which their states were entered.
pub(crate) fn build(events: &[Json]) -> Vec<Row> {
    let mut history = History::default();
    for event in events {
        history.take(&Seen::of(event));
    }
    history.rows()
}

/// What one event says.
struct Seen<'a> {
    id: u64,
    previous: u64,
    /// Milliseconds since 1970.
    at: i64,
    kind: &'a str,
    details: Option<&'a Json>,
}

impl<'a> Seen<'a> {
    fn of(event: &'a Json) -> Self {
        let number = |key: &str| event.get(key).and_then(Json::as_u64).unwrap_or_default();
        let seconds = event.get("timestamp").and_then(Json::as_f64).unwrap_or_default();
        let members = event.as_object().into_iter().flatten();
        Self {
            id: number("id"),
            previous: number("previousEventId"),
            at: (seconds * 1000.0).round() as i64,
            kind: event.get("type").and_then(Json::as_str).unwrap_or_default(),
            details: members.filter(|(key, _)| key.ends_with("EventDetails")).map(|(_, details)| details).next(),
        }
    }

    fn text(&self, key: &str) -> Option<&'a str> {
        self.details?.get(key)?.as_str()
    }

    fn failure(&self) -> (Outcome, String) {
        let error = self.text("error").unwrap_or_default().to_owned();
        (Outcome::Failed(error), self.text("cause").map(of_cause).unwrap_or_default())
    }
}

/// One visit of a state.
#[derive(Debug)]
struct Visit {
    name: String,
    /// Index of the Map iteration that entered it.
    index: Option<u64>,
    kind: String,
    parent: Option<usize>,
    depth: usize,
    entered: i64,
    closed: Option<i64>,
    /// It was exited, as a visit is that is over for good.
    exited: bool,
    /// Attempts of the state around it when it was entered.
    round: usize,
    outcome: Outcome,
    evidence: String,
    attempts: Vec<Attempt>,
    /// The state inside whose failure has become this one's.
    culprit: Option<usize>,
}

/// One attempt of a task, or of a Parallel or Map state.
#[derive(Debug)]
struct Attempt {
    begun: i64,
    ended: Option<i64>,
    outcome: Outcome,
    evidence: String,
}

#[derive(Debug, Default)]
struct History {
    started: Option<i64>,
    visits: Vec<Visit>,
    /// Which visit an event belongs to.
    owners: HashMap<u64, usize>,
    /// Index of the iteration that a `MapIterationStarted` began.
    iterations: HashMap<u64, u64>,
}

impl History {
    fn take(&mut self, event: &Seen<'_>) {
        self.started.get_or_insert(event.at);
        let owner = if let Some(kind) = event.kind.strip_suffix("StateEntered") {
            Some(self.enter(event, kind))
        } else if event.kind.ends_with("StateExited") {
            self.exit(event)
        } else if event.kind.starts_with("MapIteration") {
            self.iteration(event)
        } else if event.kind.starts_with("Execution") {
            self.end(event);
            None
        } else if event.kind == "EvaluationFailed" {
            self.evaluation_failed(event)
        } else {
            self.progress(event)
        };
        if let Some(owner) = owner {
            self.owners.insert(event.id, owner);
        }
    }

    fn enter(&mut self, event: &Seen<'_>, kind: &str) -> usize {
        let before = self.owners.get(&event.previous).copied();
        let parent = before.and_then(|before| {
            let inside = self.visits[before].closed.is_none() && is_group(&self.visits[before].kind);
            if inside { Some(before) } else { self.visits[before].parent }
        });
        let name = event.text("name").unwrap_or_default().to_owned();
        // A state that follows another in an iteration belongs to the same iteration.
        let sibling = before.filter(|before| parent != Some(*before)).and_then(|before| self.visits[before].index);
        let index = self.iterations.get(&event.previous).copied().or(sibling);
        if let Some(before) = before.filter(|before| self.visits[*before].kind == "Choice") {
            self.visits[before].evidence = format!("→ {name}");
        }
        self.visits.push(Visit {
            name,
            index,
            kind: kind.to_owned(),
            parent,
            depth: parent.map_or(0, |parent| self.visits[parent].depth + 1),
            entered: event.at,
            closed: None,
            exited: false,
            round: parent.map_or(0, |parent| self.visits[parent].attempts.len()),
            outcome: Outcome::Running,
            evidence: String::new(),
            attempts: Vec::new(),
            culprit: None,
        });
        self.visits.len() - 1
    }

    fn exit(&mut self, event: &Seen<'_>) -> Option<usize> {
        let name = event.text("name").unwrap_or_default();
        let owner = self.climb(event.previous, |visit| visit.closed.is_none() && visit.name == name)?;
        let visit = &mut self.visits[owner];
        visit.closed = Some(event.at);
        visit.exited = true;
        if visit.outcome == Outcome::Running {
            visit.outcome = Outcome::Done;
        }
        if is_group(&visit.kind) {
            visit.finish(event.at, &Outcome::Done, "");
        }
        Some(owner)
    }

    fn iteration(&mut self, event: &Seen<'_>) -> Option<usize> {
        let name = event.text("name").unwrap_or_default();
        let owner = self.climb(event.previous, |visit| visit.kind == "Map" && visit.name == name)?;
        if event.kind == "MapIterationStarted" {
            let index = event.details.and_then(|details| details.get("index")).and_then(Json::as_u64);
            self.iterations.insert(event.id, index.unwrap_or_default());
        } else if event.kind == "MapIterationFailed" {
            self.blame(event, owner);
        }
        Some(owner)
    }

    /// What failed inside `group` is what `event` follows. Its error is told later, by who ends with it.
    fn blame(&mut self, event: &Seen<'_>, group: usize) {
        let Some(culprit) = self.owners.get(&event.previous).copied().filter(|culprit| *culprit != group) else {
            return;
        };
        self.visits[group].culprit = Some(culprit);
        if self.visits[culprit].closed.is_none() {
            self.visits[culprit].close(event.at, &Outcome::Failed(String::new()), "");
        }
    }

    /// Everything that happens between a state's entry and its exit.
    fn progress(&mut self, event: &Seen<'_>) -> Option<usize> {
        let group = ["Parallel", "Map"].into_iter().find(|kind| event.kind.starts_with(&format!("{kind}State")));
        let owner = match group {
            Some(kind) => self.climb(event.previous, |visit| visit.kind == kind && visit.closed.is_none())?,
            None => self.climb(event.previous, |visit| visit.closed.is_none())?,
        };
        if group.is_some() && event.kind.ends_with("StateFailed") {
            self.blame(event, owner);
        }
        let visit = &mut self.visits[owner];
        if event.kind.ends_with("Scheduled") || event.kind == "ParallelStateStarted" || event.kind == "MapStateStarted"
        {
            visit.begin(event.at);
        } else if event.kind.ends_with("StateAborted") {
            visit.abort(event.at);
        } else if event.kind.ends_with("Succeeded") {
            let evidence = event.text("output").map(of_output).unwrap_or_default();
            visit.finish(event.at, &Outcome::Done, &evidence);
        } else if event.kind.ends_with("TimedOut") {
            let evidence = event.text("cause").map(of_cause).unwrap_or_default();
            visit.finish(event.at, &Outcome::TimedOut, &evidence);
        } else if event.kind.ends_with("Failed") {
            let (outcome, evidence) = event.failure();
            visit.finish(event.at, &outcome, &evidence);
        }
        Some(owner)
    }

    fn evaluation_failed(&mut self, event: &Seen<'_>) -> Option<usize> {
        let name = event.text("state").unwrap_or_default();
        let owner = self.visits.iter().rposition(|visit| visit.closed.is_none() && visit.name == name)?;
        let (outcome, evidence) = event.failure();
        let visit = &mut self.visits[owner];
        visit.outcome = outcome;
        visit.evidence = evidence;
        Some(owner)
    }

    /// The execution's own events: its end closes what is open, and the failure stays with the states it came from.
    fn end(&mut self, event: &Seen<'_>) {
        let outcome = match event.kind {
            "ExecutionFailed" => event.failure().0,
            "ExecutionTimedOut" => Outcome::TimedOut,
            "ExecutionAborted" => Outcome::Aborted,
            "ExecutionSucceeded" => Outcome::Done,
            "ExecutionRedriven" => return self.reopen(),
            _ => return,
        };
        let evidence = event.text("cause").map(of_cause).unwrap_or_default();
        let mut guilty = self.owners.get(&event.previous).copied();
        while let Some(index) = guilty {
            self.charge(index, event.at, &outcome, &evidence);
            guilty = self.visits[index].parent;
        }
        let others = if event.kind == "ExecutionFailed" { Outcome::Aborted } else { outcome };
        for visit in self.visits.iter_mut().filter(|visit| visit.closed.is_none()) {
            visit.close(event.at, &others, "");
        }
    }

    /// The execution goes on after its end: so do the states that were not exited, but for those that a retry of the
    /// state around them has left behind.
    fn reopen(&mut self) {
        for index in 0..self.visits.len() {
            let visit = &self.visits[index];
            let around = visit.parent.map(|parent| &self.visits[parent]);
            let current = around.is_none_or(|around| around.closed.is_none() && around.attempts.len() == visit.round);
            if !visit.exited && current {
                self.visits[index].reopen();
            }
        }
    }

    /// The visit, and what failed inside it, ended with `outcome`.
    fn charge(&mut self, index: usize, at: i64, outcome: &Outcome, evidence: &str) {
        let visit = &mut self.visits[index];
        if visit.closed.is_none() {
            visit.close(at, outcome, evidence);
        }
        visit.name_error(outcome, evidence);
        if let Some(culprit) = visit.culprit {
            self.visits[culprit].name_error(outcome, evidence);
        }
    }

    /// The first visit that `wanted` takes, from the owner of the event `id` outwards.
    fn climb(&self, id: u64, wanted: impl Fn(&Visit) -> bool) -> Option<usize> {
        let mut next = self.owners.get(&id).copied();
        while let Some(index) = next {
            if wanted(&self.visits[index]) {
                return Some(index);
            }
            next = self.visits[index].parent;
        }
        None
    }

    fn rows(self) -> Vec<Row> {
        let started = self.started.unwrap_or_default();
        self.visits.into_iter().flat_map(|visit| visit.rows(started)).collect()
    }
}

impl Visit {
    fn begin(&mut self, at: i64) {
        self.attempts.push(Attempt { begun: at, ended: None, outcome: Outcome::Running, evidence: String::new() });
    }

    /// The present attempt is over; a state that has none bears it itself.
    fn finish(&mut self, at: i64, outcome: &Outcome, evidence: &str) {
        let evidence = evidence.to_owned();
        match self.attempts.last_mut() {
            Some(attempt) if attempt.ended.is_none() => {
                *attempt = Attempt { begun: attempt.begun, ended: Some(at), outcome: outcome.clone(), evidence };
            }
            Some(_) => {}
            None => (self.outcome, self.evidence) = (outcome.clone(), evidence),
        }
    }

    /// The visit is over without an exit.
    fn close(&mut self, at: i64, outcome: &Outcome, evidence: &str) {
        self.finish(at, outcome, evidence);
        self.closed = Some(at);
        if self.outcome == Outcome::Running {
            self.outcome = outcome.clone();
            self.evidence = evidence.to_owned();
        }
    }

    /// The visit is cut off; one whose last attempt had failed has failed: its own failure ended its branch.
    fn abort(&mut self, at: i64) {
        let failed = |attempt: &&Attempt| matches!(attempt.outcome, Outcome::Failed(_) | Outcome::TimedOut);
        let failure = self.attempts.last().filter(failed);
        let failure = failure.map(|attempt| (attempt.outcome.clone(), attempt.evidence.clone()));
        let (outcome, evidence) = failure.unwrap_or((Outcome::Aborted, String::new()));
        self.close(at, &outcome, &evidence);
    }

    /// The visit goes on; an attempt of a task stays as it ended, since the next one is another.
    fn reopen(&mut self) {
        self.closed = None;
        self.culprit = None;
        (self.outcome, self.evidence) = (Outcome::Running, String::new());
        if let Some(attempt) = self.attempts.last_mut().filter(|_| is_group(&self.kind)) {
            (attempt.ended, attempt.outcome, attempt.evidence) = (None, Outcome::Running, String::new());
        }
    }

    /// Gives a failure that came without a name the name it has now.
    fn name_error(&mut self, outcome: &Outcome, evidence: &str) {
        let nameless = |present: &Outcome| matches!(present, Outcome::Failed(error) if error.is_empty());
        match self.attempts.last_mut() {
            Some(attempt) if nameless(&attempt.outcome) => {
                (attempt.outcome, attempt.evidence) = (outcome.clone(), evidence.to_owned());
            }
            Some(_) => {}
            None if nameless(&self.outcome) => {
                (self.outcome, self.evidence) = (outcome.clone(), evidence.to_owned());
            }
            None => {}
        }
    }

    fn rows(self, started: i64) -> Vec<Row> {
        let row = |attempt: usize, begun: i64, ended: Option<i64>, outcome: Outcome, evidence: String| Row {
            step: self.index.map_or_else(|| self.name.clone(), |index| format!("{} [{index}]", self.name)),
            depth: self.depth,
            kind: self.kind.clone(),
            attempt,
            start: begun - started,
            duration: ended.map(|ended| ended - begun),
            outcome,
            evidence,
        };
        if self.attempts.is_empty() {
            return vec![row(0, self.entered, self.closed, self.outcome.clone(), self.evidence.clone())];
        }
        let numbered = self.attempts.iter().zip(1..);
        numbered.map(|(it, number)| row(number, it.begun, it.ended, it.outcome.clone(), it.evidence.clone())).collect()
    }
}

fn is_group(kind: &str) -> bool {
    matches!(kind, "Parallel" | "Map")
}
