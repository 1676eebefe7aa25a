#![doc = include_str!("performance/README.md")]

pub mod findings;
pub mod judgement;
mod load;
pub mod observed;
pub mod score;
pub mod starts;
pub mod trends;

pub use findings::{Finding, Recommendation, Rule, findings};
pub use observed::{Database, Latency, Limits, Observed, Release, Stop, TaskCpu, Weeks};
