//! Values of the language: JSONPath, payload templates, intrinsics, choice rules, JSONata, variables.
//!
//! Everything here is a function of its arguments: time and randomness come in through [`Scope`].

mod cache;
mod check;
mod choice;
mod depth;
mod failure;
mod intrinsic;
mod java;
pub mod jsonata;
pub mod jsonpath;
mod payload;
mod random;
mod references;
mod scope;

pub use check::check;
pub use choice::{condition, condition_for};
pub use depth::bounded;
pub use failure::Failure;
pub use payload::payload_template;
pub use references::variable_references;
pub use scope::{ContextObject, Scope};
