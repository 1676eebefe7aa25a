//! How Lambdas and workers reach the world, in one place: environment, clock, HTTP, AWS, Redis, secrets.
//!
//! Both kinds of process read the same facts about targets and name failures the same way; what differs between
//! them, the Lambda Runtime API and the activity loop, is in their kits.

pub mod aws;
pub mod clock;
pub mod environment;
pub mod failure;
pub mod http;
pub mod logging;
pub mod read;
pub mod redis;
pub mod secret;
mod skipped;

pub use clock::Clock;
pub use environment::Environment;
