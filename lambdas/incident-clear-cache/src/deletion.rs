//! Deleting the keys with a prefix, in slices.

use crate::Performed;
use clients::failure;
use lambda_kit::Invocation;
use operations::Error;
use operations::call::Call;
use operations::catalogue::Cache;
use operations::error::Kind;
use operations::plan::invalidation::{self, SCAN_COUNT, Sample};
use redis::aio::MultiplexedConnection;
use redis::{Cmd, FromRedisValue, Pipeline};
use serde_json::json;
use std::time::Duration;

/// How many keys a sample looks at.
const SAMPLE: u64 = 1_000;
/// For how many of the matching keys a sample asks the time to live.
const SAMPLE_TTL: usize = 100;
/// How much of its time an invocation leaves for its answer.
const RESERVE: Duration = Duration::from_secs(2);

/// Looks at up to 1,000 keys: how many have the prefix, and how long they live.
pub(crate) async fn sample(redis: &mut MultiplexedConnection, prefix: &str) -> Result<Sample, Error> {
    let mut sample = Sample { keys: ask(redis, &redis::cmd("DBSIZE"), "DBSIZE").await?, ..Sample::default() };
    let mut matching = Vec::new();
    let mut cursor = 0u64;
    loop {
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor).arg("COUNT").arg(SCAN_COUNT);
        let (next, keys): (u64, Vec<Vec<u8>>) = ask(redis, &scan, "SCAN").await?;
        sample.sampled += keys.len() as u64;
        matching.extend(keys.into_iter().filter(|key| key.starts_with(prefix.as_bytes())));
        cursor = next;
        if cursor == 0 || sample.sampled >= SAMPLE {
            break;
        }
    }
    if cursor == 0 {
        // Every key was seen; the count may have moved meanwhile.
        sample.keys = sample.sampled;
    }
    sample.matching = matching.len() as u64;
    matching.truncate(SAMPLE_TTL);
    lifetimes(redis, &matching, &mut sample).await?;
    Ok(sample)
}

async fn lifetimes(redis: &mut MultiplexedConnection, keys: &[Vec<u8>], sample: &mut Sample) -> Result<(), Error> {
    if keys.is_empty() {
        return Ok(());
    }
    let mut pipeline = Pipeline::new();
    for key in keys {
        pipeline.cmd("TTL").arg(key);
    }
    let times: Vec<i64> = pipeline.query_async(redis).await.map_err(|error| failure::of_redis("TTL", &error))?;
    for time in times {
        match time {
            // -1: it never expires; -2: it is gone.
            -1 => sample.without_ttl += 1,
            ..0 => {}
            time => {
                sample.shortest_ttl = Some(sample.shortest_ttl.map_or(time, |shortest| shortest.min(time)));
                sample.longest_ttl = Some(sample.longest_ttl.map_or(time, |longest| longest.max(time)));
            }
        }
    }
    Ok(())
}

/// The step, checked.
pub(crate) struct Step {
    prefix: String,
    count: u32,
    most: u64,
    pace: u64,
}

impl Step {
    /// Reads the plan's call; a protected prefix is refused here again.
    pub(crate) fn of(call: &Call, cache: &Cache) -> Result<Self, Error> {
        let parameters = call.parameters("plan.calls[0]", &["prefix", "count", "maxKeys", "keysPerSecond"])?;
        let prefix = parameters.text("prefix")?.to_owned();
        if cache.protects(&prefix) {
            let message = format!("prefix {prefix:?} reaches protected keys: choose a longer or another prefix");
            return Err(Error::new(Kind::ActionNotAllowed, message));
        }
        let number = |name: &str| match parameters.optional_count(name)? {
            Some(number) if number > 0 => Ok(number),
            _ => Err(parameters.error(name, "must be at least 1: plan again")),
        };
        Ok(Self {
            prefix,
            count: number("count")?,
            most: u64::from(number("maxKeys")?),
            pace: u64::from(number("keysPerSecond")?),
        })
    }

    /// Deletes slice by slice, no faster than the plan's pace.
    ///
    /// When the time is nearly up it fails with `Ops.ResourceBusy`: what is deleted stays deleted, and the
    /// definition's retry goes on with the rest.
    pub(crate) async fn take(
        &self,
        redis: &mut MultiplexedConnection,
        invocation: Invocation,
    ) -> Result<Performed, Error> {
        let pattern = invalidation::pattern(&self.prefix);
        let mut cursor = 0u64;
        let mut deleted = 0u64;
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(self.count);
            let (next, keys): (u64, Vec<Vec<u8>>) = ask(redis, &scan, "SCAN").await?;
            deleted += self.unlink(redis, &keys, deleted).await?;
            cursor = next;
            if cursor == 0 {
                return Ok(Performed { after: json!({"deleted": deleted}), sent: deleted > 0 });
            }
            let pause = Duration::from_secs_f64(keys.len() as f64 / self.pace as f64);
            if invocation.left() < RESERVE + pause {
                let message = format!("{deleted} keys with prefix {:?} are deleted, more remain: go on", self.prefix);
                return Err(Error::new(Kind::ResourceBusy, message));
            }
            rest(pause).await;
        }
    }

    async fn unlink(&self, redis: &mut MultiplexedConnection, keys: &[Vec<u8>], deleted: u64) -> Result<u64, Error> {
        if keys.is_empty() {
            return Ok(0);
        }
        if deleted + keys.len() as u64 > self.most {
            let message =
                format!("{deleted} keys are deleted and more remain than the limit of {}: stopped", self.most);
            return Err(Error::new(Kind::BlastRadiusExceeded, message));
        }
        let mut unlink = redis::cmd("UNLINK");
        unlink.arg(keys);
        ask(redis, &unlink, "UNLINK").await
    }
}

async fn ask<T: FromRedisValue>(redis: &mut MultiplexedConnection, command: &Cmd, name: &str) -> Result<T, Error> {
    command.query_async(redis).await.map_err(|error| failure::of_redis(name, &error))
}

async fn rest(pause: Duration) {
    if !pause.is_zero() {
        clients::Clock::default().sleep(pause).await;
    }
}
