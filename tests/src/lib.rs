//! End-to-end tests: real binaries, the AWS SDK as client.
//!
//! A test starts the processes that a user would start, on free loopback ports: the sandbox as the AWS account, the
//! server, the worker. Each is killed when its handle is dropped. The sandbox is a process of its own, so that killing
//! the server leaves the account as it was.

pub mod account;
pub mod client;
pub mod process;
pub mod stack;

pub use account::{Account, Callees};
pub use process::binary;
pub use stack::{Options, Stack};
