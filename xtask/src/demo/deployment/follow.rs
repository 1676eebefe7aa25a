//! Follows releases: the executions that their hooks start, until the platform says how it ended.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::story::{Release, Stage, Story};
use crate::clock::{self, Moment};
use crate::demo::ending::Ending;
use crate::demo::lines::Shown;
use crate::demo::stack::Stack;
use crate::failure::Failure;

/// Pause between two looks, real time.
const PAUSE: Duration = Duration::from_millis(300);
/// The state machines that releases run through.
const MACHINES: [&str; 2] = ["blue-green-deployment", "deployment-validation"];

/// A release that was told to its end.
pub(crate) struct Told {
    pub(crate) story: Story,
    /// Its executions, oldest first.
    pub(crate) executions: Vec<(String, Ending)>,
    /// How it ended, where that was as told.
    pub(crate) outcome: Result<String, Failure>,
}

struct Followed {
    story: Story,
    release: Release,
    executions: BTreeMap<String, Watched>,
    outcome: Option<Result<String, Failure>>,
}

struct Watched {
    arn: String,
    started: f64,
    shown: Shown,
    ending: Option<Ending>,
}

/// Follows the releases of these stories to their ends.
pub(crate) fn follow(
    stack: &mut Stack,
    stage: &Stage,
    stories: Vec<Story>,
    limit: Duration,
) -> Result<Vec<Told>, Failure> {
    let begin = clock::now();
    let mut followed = Vec::new();
    for story in stories {
        let release = (story.begin)(stage, stack)?;
        println!("{}⚡ {}", story.prefix(), release.begun);
        followed.push(Followed { story, release, executions: BTreeMap::new(), outcome: None });
    }
    while followed.iter().any(|followed| followed.outcome.is_none()) {
        look(stack, stage, &mut followed)?;
        check(stack, &followed, &begin, limit)?;
        std::thread::sleep(PAUSE);
    }
    Ok(followed.into_iter().filter_map(Followed::told).collect())
}

fn check(stack: &mut Stack, followed: &[Followed], begin: &Moment, limit: Duration) -> Result<(), Failure> {
    if let Some(ended) = stack.ended() {
        return Err(Failure::new(format!("{ended}: its log follows")));
    }
    if begin.elapsed() <= limit {
        return Ok(());
    }
    let open = followed.iter().filter(|followed| followed.outcome.is_none()).map(Followed::stuck);
    let open = open.collect::<Vec<_>>().join("; ");
    Err(Failure::new(format!("not ended after {}: {open}", clock::readable(limit))))
}

fn look(stack: &Stack, stage: &Stage, followed: &mut [Followed]) -> Result<(), Failure> {
    let mut running = Vec::new();
    for machine in MACHINES {
        running.extend(stack.executions(machine)?);
    }
    for followed in followed.iter_mut().filter(|followed| followed.outcome.is_none()) {
        followed.find(&running);
        // Asked before the executions are read: what they showed last is then shown in any case.
        let ended = (followed.story.ended)(stage, &followed.release)?;
        followed.show(stack)?;
        if let Some(word) = ended
            && followed.executions.values().all(|watched| watched.ending.is_some())
        {
            println!("{}■ {word}", followed.story.prefix());
            followed.outcome = Some((followed.story.verify)(stage, &followed.release, &followed.endings()));
        }
    }
    Ok(())
}

impl Followed {
    /// Takes up executions of this release, which their names begin with.
    fn find(&mut self, running: &[Value]) {
        for execution in running {
            let text = |name: &str| execution[name].as_str().unwrap_or_default().to_owned();
            let name = text("name");
            if name.starts_with(&self.release.id) && !self.executions.contains_key(&name) {
                println!("{}  ▷ execution {name}", self.story.prefix());
                let watched = Watched {
                    arn: text("executionArn"),
                    started: execution["startDate"].as_f64().unwrap_or(0.0),
                    shown: Shown::default(),
                    ending: None,
                };
                self.executions.insert(name, watched);
            }
        }
    }

    fn show(&mut self, stack: &Stack) -> Result<(), Failure> {
        for watched in self.executions.values_mut().filter(|watched| watched.ending.is_none()) {
            let ending = Ending::of(stack.history(&watched.arn)?);
            watched.shown.show(&self.story.prefix(), &ending.timeline());
            if ending.status() != "RUNNING" {
                watched.ending = Some(ending);
            }
        }
        Ok(())
    }

    fn endings(&self) -> Vec<(String, Ending)> {
        let mut watched: Vec<_> = self.executions.iter().collect();
        watched.sort_by(|(_, one), (_, other)| one.started.total_cmp(&other.started));
        let ended = watched.into_iter().filter_map(|(name, watched)| Some((name.clone(), watched.ending.clone()?)));
        ended.collect()
    }

    fn stuck(&self) -> String {
        let open = self.executions.iter().filter(|(_, watched)| watched.ending.is_none());
        let open = open.map(|(name, watched)| format!("{name} in {}", watched.shown.running().join(", ")));
        format!("{} ({})", self.story.tag, open.collect::<Vec<_>>().join("; "))
    }

    fn told(self) -> Option<Told> {
        let executions = self.endings();
        Some(Told { executions, story: self.story, outcome: self.outcome? })
    }
}
