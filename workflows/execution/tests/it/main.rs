//! Executions against a small deterministic world.

mod history;
mod replay;
mod world;
