//! The size of a task: what it needs, what fits, and what that saves.
//!
//! A size is judged by at least two weeks of use ([`need`]), chosen among the sizes that Fargate offers ([`ladder`]),
//! together with the number of tasks where autoscaling follows the processor ([`choice`]), and changed by a new
//! revision of the task definition ([`document`], [`change`]). The processor goes down by one rung at a time: the next
//! two weeks say whether there is more.

pub mod change;
pub mod choice;
pub mod document;
pub mod ladder;
pub mod need;
pub mod report;

#[cfg(test)]
mod tests;

pub use document::Document;
pub use ladder::Size;
pub use need::{Need, Usage};
pub use report::{Analysis, Observed, analyse};
