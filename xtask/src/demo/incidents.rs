//! The incidents: four stories on the way from an alarm to a service that is well again.

mod cache;
mod follow;
mod story;

use std::time::Duration;

use super::Options;
use super::stack::{Setting, Stack, Worker};
use crate::failure::Failure;
use crate::service::redis::Redis;

use cache::Cache;
use follow::{Follower, Told};
use story::{Stage, Story};

/// What the stories need beside the engine.
pub(super) fn setting(redis: Option<&Redis>) -> Setting {
    let mut setting =
        Setting { workers: vec![Worker::new("recovery-watcher")], environment: Vec::new(), arguments: Vec::new() };
    setting.workers[0].environment.push(("DB_INSTANCE_ID", "orders-db".to_owned()));
    if let Some(redis) = redis {
        let port = redis.port().to_string();
        setting.environment = vec![("REDIS_HOST", "127.0.0.1".to_owned()), ("REDIS_PORT", port)];
    }
    setting
}

/// Tells them all.
pub(super) fn tell(stack: &mut Stack, redis: Option<&Redis>, options: &Options) -> Result<(), Failure> {
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
        println!("{}  {}", story.prefix(), story.premise);
        (story.prepare)(stage)?;
    }
    println!();
    Follower::new(stack, stage, stories, Duration::from_secs(options.limit())).run()
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
