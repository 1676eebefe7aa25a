//! Pure decision logic shared by Lambdas and workers.
//!
//! Nothing here reads a clock, an environment variable, a socket or a random source: every function takes what
//! it needs as arguments and answers with a value. Lambdas and workers gather the facts, ask this crate what to
//! do, and do it.

pub mod answer;
pub mod call;
pub mod catalogue;
pub mod cost;
pub mod deployment;
pub mod diagnosis;
pub mod error;
pub mod field;
pub mod forecast;
pub mod gate;
pub mod history;
pub mod incident;
pub mod judge;
pub mod message;
pub mod metrics;
pub mod migration;
pub mod performance;
pub mod plan;
pub mod policy;
pub mod price;
pub mod probe;
pub mod proposal;
pub mod scaling;
pub mod sizing;
pub mod snapshot;
mod statistics;
pub mod symptom;
pub mod time;
pub mod verify;

pub use error::Error;
