//! Executions against a small deterministic world.

mod history;
mod redrive;
mod replay;
mod trial;
mod world;
