//! Releases of services whose deployment controller is a third party: task sets, weighted listeners, and the way back.
//!
//! The old revision is *blue*, the new one *green*. A [`Plan`] lists every call beforehand; carrying out a step looks
//! at each call's effect first, so that a repeated or interrupted step is finished and never repeated.

pub mod command;
pub mod need;
pub mod observed;
pub mod plan;
pub mod target;

pub use command::{Command, Own};
pub use need::{Need, need};
pub use observed::{Observed, Route, Scaling, TaskSet};
pub use plan::{Plan, Step, StepName};
pub use target::Target;

use crate::plan::Report as Changes;
use serde::{Deserialize, Serialize};

/// What stands in a plan's call for the id of the task set that the release creates.
pub const GREEN: &str = "{greenTaskSet}";

/// What is known only after a step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Known {
    /// The id of the new revision's task set.
    #[serde(default)]
    pub green_task_set: Option<String>,
}

/// What carrying out a step did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The changes.
    #[serde(flatten)]
    pub changes: Changes,
    /// What a person should know although the step was carried out.
    pub warnings: Vec<String>,
    /// What is known now.
    pub known: Known,
}

#[cfg(test)]
mod tests;
