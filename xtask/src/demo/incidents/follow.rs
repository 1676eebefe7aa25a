//! Shows executions while they run: a line when a step begins and one when it ends.

use std::time::Duration;

use super::story::{Stage, Story};
use crate::clock::{self, Moment};
use crate::demo::ending::Ending;
use crate::demo::lines::Shown;
use crate::demo::stack::Stack;
use crate::failure::Failure;

/// Pause between two looks, real time.
const PAUSE: Duration = Duration::from_millis(250);
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
    shown: Shown,
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
        let followed = Followed { story, arn, symptom, shown: Shown::default(), approved: false, ending: None };
        println!("{}⚡ {cause}({}): {name} begins", followed.story.prefix(), followed.symptom);
        self.followed.push(followed);
        Ok(())
    }

    fn look(&mut self) -> Result<(), Failure> {
        for followed in self.followed.iter_mut().filter(|followed| followed.ending.is_none()) {
            let ending = Ending::of(self.stack.history(&followed.arn)?);
            followed.shown.show(&followed.story.prefix(), &ending.timeline());
            if ending.status() != "RUNNING" {
                println!("{}■ {} after {}", followed.story.prefix(), ending.status(), ending.took());
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
        let open = open.map(|followed| format!("{} (in {})", followed.story.tag, followed.shown.running().join(", ")));
        silent.chain(open).collect()
    }
}
