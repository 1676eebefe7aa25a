//! How a service's autoscaling does, what to change about it, and what past load says about that change.
//!
//! One parameter is changed at a time, by the first rule that applies ([`decide`]), and only when a replay of real load
//! through a model of target tracking ([`simulator`]) says that it is no worse ([`gate`]). The model is a model: it is
//! made of what AWS documents of target tracking, and leaves out what AWS does not say.

pub mod change;
pub mod decide;
pub mod demand;
pub mod effectiveness;
pub mod gate;
pub mod load;
pub mod patch;
pub mod plan;
pub mod refusal;
pub mod schedule;
pub mod simulator;
pub mod spike;
pub mod world;

#[cfg(test)]
mod tests;
