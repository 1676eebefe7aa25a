//! Executions against a small deterministic world.

mod history;
mod map_run;
mod redrive;
mod replay;
mod trial;
mod world;
