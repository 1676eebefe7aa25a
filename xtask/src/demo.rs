//! `cargo xtask demo`: real incidents, releases and optimisations, handled by the real binaries on this machine, before
//! your eyes.

mod control;
mod deployment;
mod ending;
mod incidents;
mod leftovers;
mod lines;
mod optimization;
mod stack;

use std::path::Path;

use clap::{Args, ValueEnum};

use crate::clock::{self, readable};
use crate::failure::Failure;
use crate::service::redis::Redis;
use crate::workspace;

use stack::{Setting, Stack};

/// How the demo runs.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// What is shown
    #[arg(value_enum, default_value_t = Subject::Incidents)]
    subject: Subject,
    /// Virtual seconds per real second [default: 30 for incidents, 60 for releases, 1 for optimisation, which skips]
    #[arg(long)]
    time_scale: Option<u32>,
    /// Longest time the stories of one act may take, in real seconds [default: 180, and 600 for optimisation]
    #[arg(long)]
    limit: Option<u64>,
}

impl Options {
    fn time_scale(&self) -> u32 {
        self.time_scale.unwrap_or(match self.subject {
            Subject::Incidents => 30,
            Subject::Deployment => 60,
            Subject::Optimization => 1,
        })
    }

    fn explain_time(&self) {
        if self.subject == Subject::Optimization {
            println!("  time in which nothing happens is skipped, for the engine, the workers and the sandbox alike");
            return;
        }
        println!("  time is accelerated: {} virtual seconds pass in each real one", self.time_scale());
        println!("  (waits, time-outs, retries and the sandbox's clock alike; durations below are virtual)");
    }

    fn limit(&self) -> u64 {
        self.limit.unwrap_or(match self.subject {
            Subject::Incidents | Subject::Deployment => 180,
            Subject::Optimization => 600,
        })
    }
}

/// What a demo shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Subject {
    /// Incidents that are diagnosed, acted on and verified
    Incidents,
    /// Releases that are judged at every stage, and rolled back where they are bad
    Deployment,
    /// A month in which six services are analysed, changed, watched and measured
    Optimization,
}

/// Builds, starts, tells the stories, shows their timelines, stops.
pub(crate) fn run(root: &Path, options: &Options) -> Result<(), Failure> {
    let begin = clock::now();
    println!("▶ building the engine, the functions, the workers and the sandbox (the first build takes minutes)");
    let programs = workspace::build(root)?;
    println!("✓ built ({})", readable(begin.elapsed()));
    let scene = Scene::set(root, options.subject)?;
    let mut stack = Stack::start(root, &programs, &scene.setting(), options.time_scale())?;
    options.explain_time();
    let told = scene.tell(root, &mut stack, options);
    if told.is_err() {
        stack.explain();
    }
    let started = stack.processes();
    stack.stop();
    drop(scene);
    let left = leftovers::after(&started);
    told.and(left)?;
    println!("✓ all stories ended as told, and nothing is left running ({} in all)", readable(begin.elapsed()));
    Ok(())
}

/// What the stories play on beside the stack.
enum Scene {
    Incidents(Option<Redis>),
    Deployment(deployment::Scene),
    Optimization,
}

impl Scene {
    fn set(root: &Path, subject: Subject) -> Result<Self, Failure> {
        Ok(match subject {
            Subject::Incidents => Self::Incidents(Redis::start()?),
            Subject::Deployment => Self::Deployment(deployment::Scene::new(root)?),
            Subject::Optimization => Self::Optimization,
        })
    }

    fn setting(&self) -> Setting {
        match self {
            Self::Incidents(redis) => incidents::setting(redis.as_ref()),
            Self::Deployment(scene) => scene.setting(),
            Self::Optimization => optimization::setting(),
        }
    }

    fn tell(&self, root: &Path, stack: &mut Stack, options: &Options) -> Result<(), Failure> {
        match self {
            Self::Incidents(redis) => incidents::tell(stack, redis.as_ref(), options),
            Self::Deployment(scene) => deployment::tell(root, stack, scene, options),
            Self::Optimization => optimization::tell(root, stack, options),
        }
    }
}
