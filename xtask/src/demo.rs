//! `cargo xtask demo`: real incidents and releases, handled by the real binaries on this machine, before your eyes.

mod control;
mod ending;
mod incidents;
mod leftovers;
mod lines;
mod stack;

use std::path::Path;

use clap::{Args, ValueEnum};

use crate::clock::{self, readable};
use crate::failure::Failure;
use crate::service::redis::Redis;
use crate::workspace;

use stack::Stack;

/// How the demo runs.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// What is shown
    #[arg(value_enum, default_value_t = Subject::Incidents)]
    subject: Subject,
    /// Virtual seconds per real second
    #[arg(long, default_value_t = 30)]
    time_scale: u32,
    /// Longest time the stories of one act may take, in real seconds
    #[arg(long, default_value_t = 180)]
    limit: u64,
}

/// What a demo shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Subject {
    /// Incidents that are diagnosed, acted on and verified
    Incidents,
}

/// Builds, starts, tells the stories, shows their timelines, stops.
pub(crate) fn run(root: &Path, options: &Options) -> Result<(), Failure> {
    let begin = clock::now();
    println!("▶ building the engine, the functions, the workers and the sandbox (the first build takes minutes)");
    let programs = workspace::build(root)?;
    println!("✓ built ({})", readable(begin.elapsed()));
    let redis = Redis::start()?;
    let setting = incidents::setting(redis.as_ref());
    let mut stack = Stack::start(root, &programs, &setting, options.time_scale)?;
    println!("  time is accelerated: {} virtual seconds pass in each real one", options.time_scale);
    println!("  (waits, time-outs, retries and the sandbox's clock alike; durations below are virtual)");
    let told = incidents::tell(&mut stack, redis.as_ref(), options);
    if told.is_err() {
        stack.explain();
    }
    let started = stack.processes();
    stack.stop();
    drop(redis);
    let left = leftovers::after(&started);
    told.and(left)?;
    println!("✓ all stories ended as told, and nothing is left running ({} in all)", readable(begin.elapsed()));
    Ok(())
}
