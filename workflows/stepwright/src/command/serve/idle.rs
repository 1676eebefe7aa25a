//! `--skip-idle`: time in which nothing can happen is skipped.
//!
//! Time is skipped when two looks, a settle time apart, find every execution waiting for time alone, nothing between
//! them, no function running, and nothing that the sandbox sent unanswered. Requests that change something are kept out
//! from the second look until the clocks have moved: whatever comes in then finds the new time, everywhere.

use std::time::Duration;

use api::Gate;
use engine::{Engine, Idle};
use events::Bridge;
use sandbox::Sandbox;

use super::world::World;

/// Between two looks, real time: what has been answered just now has followed its answer by then.
const SETTLE: Duration = Duration::from_millis(5);
/// What passes sooner than this by itself, in real time, is not worth the disk.
const WORTH: Duration = Duration::from_millis(50);
/// The longest skip while the sandbox has something under way, virtual milliseconds.
const CAUTIOUS_MS: i64 = 60_000;

/// Skips idle time for as long as it is let run. When it no longer can, it says so, and time passes by itself.
pub(super) async fn skip(engine: &Engine, bridge: &Bridge, gate: &Gate, world: &World) {
    let mut before = None;
    loop {
        tokio::time::sleep(SETTLE).await;
        let Some(closed) = gate.try_close() else {
            before = None;
            continue;
        };
        let now = look(engine, bridge, world);
        match (now, before.take()) {
            (Some(now), Some(before)) if now == before => {
                if let Err(problem) = leap(engine, world, now).await {
                    tracing::error!(problem, "no more time is skipped");
                    drop(closed);
                    return std::future::pending().await;
                }
            }
            (now, _) => before = now,
        }
        drop(closed);
    }
}

/// Until when nothing happens, where nothing is under way.
fn look(engine: &Engine, bridge: &Bridge, world: &World) -> Option<Idle> {
    let idle = engine.idle()?;
    let idle = Idle { due: earlier(idle.due, bridge.idle()?), ..idle };
    let functions_rest = world.lambdas.as_ref().is_none_or(lambda_host::LambdaHost::is_idle);
    let sandbox_rests = world.sandbox.as_ref().is_none_or(Sandbox::is_settled);
    (functions_rest && sandbox_rests).then_some(idle)
}

/// When the sandbox next does something by itself that somebody may see, virtual milliseconds since 1970; `None`: never
/// before it is called.
fn next_event(sandbox: &Sandbox) -> Option<i64> {
    let under_way = (!sandbox.is_at_rest()).then(|| sandbox.now_ms().saturating_add(CAUTIOUS_MS));
    earlier(under_way, sandbox.next_event_ms())
}

fn earlier(one: Option<i64>, other: Option<i64>) -> Option<i64> {
    one.into_iter().chain(other).min()
}

/// Lets all clocks go to the next due time, or to what the sandbox does before. First what survives a crash, then what
/// others read, then the clocks: nobody ever saw a time that is not kept.
async fn leap(engine: &Engine, world: &World, idle: Idle) -> Result<(), String> {
    let clock = &engine.config().clock;
    let sandbox = world.sandbox.as_ref();
    // Where nobody waits, only what the sandbox will start by itself, such as a schedule, is worth going to.
    let event =
        if idle.due.is_some() { sandbox.and_then(next_event) } else { sandbox.and_then(Sandbox::next_event_ms) };
    let Some(to) = earlier(event, idle.due) else { return Ok(()) };
    let by = to.saturating_sub(clock.now());
    if clock.real_duration(by) < WORTH {
        return Ok(());
    }
    let skipped = clock.skipped().saturating_add(by);
    engine.record_skipped(skipped).await.map_err(|error| error.to_string())?;
    if let Some(file) = &world.skipped {
        file.write(skipped).map_err(|error| format!("{}: {error}", file.path().display()))?;
    }
    // The sandbox may be busy living through an hour.
    tokio::task::block_in_place(|| {
        if let Some(sandbox) = &world.sandbox {
            sandbox.skip(Duration::from_millis(by.unsigned_abs()));
        }
        clock.skip(by);
        // What it does by itself is seen before the next look; a world at rest catches up when it is asked.
        if let Some(sandbox) = world.sandbox.as_ref().filter(|_| event.is_some()) {
            sandbox.catch_up();
        }
    });
    tracing::info!(by, skipped, "skipped, in milliseconds");
    Ok(())
}
