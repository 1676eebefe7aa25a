//! The Step Functions API over HTTP (AWS JSON 1.0): the only place that knows the wire.
//!
//! [`Server`] answers the operations of the table in [`operation`]; [`history`] renders events as the API shows them
//! and serves whoever else prints a history.

mod backup;
mod fault;
mod fields;
mod gate;
pub mod history;
mod jackson;
mod neighbour;
pub mod operation;
mod page;
mod request;
mod server;
mod throttle;

pub use fault::Fault;
pub use gate::{Closed, Gate};
pub use neighbour::{Answering, Neighbour};
pub use server::{Listener, Options, Server, StartError};
pub use throttle::{Bucket, Throttle};
