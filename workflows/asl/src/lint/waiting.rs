//! For whom a Task waits, as far as its `Resource` says.

use crate::Task;

/// What ends a Task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    /// An activity worker.
    Worker,
    /// Whoever has the task token.
    Callback,
    /// A job of a service.
    Job,
    /// The answer to one call, which the service gives in minutes at most.
    Answer,
    /// A placeholder `${...}` hides it.
    Unknown,
}

impl Waiting {
    pub(super) fn of(task: &Task) -> Self {
        let resource = &*task.resource;
        if resource.ends_with(".waitForTaskToken") {
            Self::Callback
        } else if resource.ends_with(".sync") || resource.ends_with(".sync:2") {
            Self::Job
        } else if resource.split(':').nth(5) == Some("activity") {
            Self::Worker
        } else if resource.contains("${") && !resource.contains(":::") {
            Self::Unknown
        } else {
            Self::Answer
        }
    }
}
