//! Reading facts about targets from AWS, as the pure crate's snapshots want them.

pub mod balancer;
pub mod ecs;
pub mod history;
pub mod metrics;
pub mod stores;
pub mod task_sets;
