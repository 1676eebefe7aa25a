//! EventBridge beside the embedded engine: event buses with rules, the schedules of EventBridge Scheduler, and the
//! executions that they start.
//!
//! [`Bridge`] is the facade; it keeps what it has in the engine's store and answers the two services' requests. The only
//! part that knows their wire formats is [`wire`]. [`pattern`] and [`schedule`] are pure.

mod bridge;
mod event;
mod fault;
mod missed;
pub mod pattern;
mod record;
pub mod schedule;
mod stack;
mod target;
mod transform;
pub mod wire;

pub use bridge::{Bridge, Config, Raw};
pub use fault::Fault;
pub use missed::Missed;
pub use record::LoadError;
pub use stack::StackError;
