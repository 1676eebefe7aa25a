//! `cargo xtask demo`: real incidents, handled by the real binaries on this machine, before your eyes.

mod cache;
mod control;
mod follow;
mod leftovers;
mod stack;
mod story;

use std::path::Path;
use std::time::Duration;

use clap::Args;

use crate::clock::{self, readable};
use crate::failure::Failure;
use crate::service::redis::Redis;
use crate::workspace;

use cache::Cache;
use follow::{Follower, Told};
use stack::Stack;
use story::{Stage, Story};

/// How the demo runs.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Virtual seconds per real second
    #[arg(long, default_value_t = 30)]
    time_scale: u32,
    /// Longest time the stories of one act may take, in real seconds
    #[arg(long, default_value_t = 180)]
    limit: u64,
}

/// Builds, starts, tells the stories, shows their timelines, stops.
pub(crate) fn run(root: &Path, options: &Options) -> Result<(), Failure> {
    let begin = clock::now();
    println!("▶ building the engine, the functions, the worker and the sandbox (the first build takes minutes)");
    let programs = workspace::build(root)?;
    println!("✓ built ({})", readable(begin.elapsed()));
    let redis = Redis::start()?;
    let mut stack = Stack::start(root, &programs, redis.as_ref(), options.time_scale)?;
    let told = tell(&mut stack, redis.as_ref(), options);
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

fn tell(stack: &mut Stack, redis: Option<&Redis>, options: &Options) -> Result<(), Failure> {
    println!("  time is accelerated: {} virtual seconds pass in each real one", options.time_scale);
    println!("  (waits, time-outs, retries and the sandbox's clock alike; durations below are virtual)");
    let cache = redis.map(Cache::of).transpose()?;
    if cache.is_none() {
        println!("! without clear_cache: there is no redis-server on this machine");
    }
    let stage = Stage { control: stack.control(), cache };
    let mut stories: Vec<Story> = story::all().into_iter().filter(|story| stage.can_tell(story)).collect();
    let mut told = Vec::new();
    while let Some(act) = stories.iter().map(|story| story.act).min() {
        let (now, later) = stories.into_iter().partition(|story| story.act == act);
        stories = later;
        told.extend(play(stack, &stage, now, options)?);
    }
    for Told { story, arn, .. } in &told {
        println!("\n── {} ──", story.tag);
        println!("{}", stack.timeline(arn)?.trim_end());
    }
    summarise(&told)
}

/// Plays the stories of one act to their ends.
fn play(stack: &mut Stack, stage: &Stage, stories: Vec<Story>, options: &Options) -> Result<Vec<Told>, Failure> {
    println!();
    for story in &stories {
        println!("{:<16}  {}", story.tag, story.premise);
        (story.prepare)(stage)?;
    }
    println!();
    Follower::new(stack, stage, stories, Duration::from_secs(options.limit)).run()
}

fn summarise(told: &[Told]) -> Result<(), Failure> {
    println!("\n── summary ──");
    let mut broken = Vec::new();
    for Told { story, symptom, ending, outcome, .. } in told {
        let (tag, took) = (story.tag, ending.took());
        match outcome {
            Ok(now) => println!("✓ {tag:<16}{symptom} → {now} ({took})"),
            Err(failure) => {
                println!("✗ {tag:<16}{failure}");
                broken.push(tag);
            }
        }
    }
    if broken.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("did not end as told: {}", broken.join(", "))))
}
