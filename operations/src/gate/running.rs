//! Green runs, stays up, and is the image that was approved.

use super::facts::{Facts, SideFacts, Task};
use super::reference::{Answer, ReferenceKind};
use super::{Check, Outcome, manifest, stop};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// How many of green's tasks may stop by themselves before it counts as a crash loop.
const CRASH_LOOP: usize = 2;

pub(super) fn new_tasks(facts: &Facts) -> Vec<Check> {
    vec![count(facts), stays_up(facts), containers(facts), green_targets(facts), digest(facts)]
}

/// As many run as are wanted.
pub(super) fn count(facts: &Facts) -> Check {
    const NAME: &str = "green-running";
    let Some(green) = &facts.green else {
        return Check::new(NAME, Outcome::Wait, "the new revision has no tasks yet", Value::Null);
    };
    let (desired, running) = (green.side.desired, green.side.running);
    let evidence = json!({"desired": desired, "running": running, "rolloutFailed": green.rollout_failed});
    let text = format!("{running} of {desired} tasks run");
    let outcome = if green.rollout_failed {
        Outcome::Fail
    } else if desired > 0 && running == desired {
        Outcome::Pass
    } else {
        Outcome::Wait
    };
    Check::new(NAME, outcome, text, evidence)
}

/// No task of green has stopped by itself. One may have had bad luck, and the time it takes to be replaced tells; two
/// are a crash loop, which no waiting helps.
fn stays_up(facts: &Facts) -> Check {
    const NAME: &str = "green-stays-up";
    let Some(green) = &facts.green else {
        return Check::new(NAME, Outcome::Wait, "the new revision has no tasks yet", Value::Null);
    };
    let stops: Vec<_> = green.tasks.iter().filter(|task| task.stopped() && stop::classify(task).counts()).collect();
    let reasons: BTreeSet<_> = stops.iter().map(|task| reason(task)).collect();
    let reasons: Vec<_> = reasons.into_iter().collect();
    let evidence = json!({"restarts": stops.len(), "reasons": reasons});
    if green.rollout_failed {
        return Check::new(NAME, Outcome::Fail, format!("ECS gave it up: {}", reasons.join("; ")), evidence);
    }
    match stops.len() {
        0 => Check::new(NAME, Outcome::Pass, "no task has stopped since the start", evidence),
        count if count < CRASH_LOOP => {
            Check::new(NAME, Outcome::Wait, format!("a task stopped: {}", reasons.join("; ")), evidence)
        }
        count => Check::new(
            NAME,
            Outcome::Fail,
            format!("crash loop: {count} tasks stopped: {}", reasons.join("; ")),
            evidence,
        ),
    }
}

fn reason(task: &Task) -> String {
    let exit = task.containers.iter().find_map(|container| {
        let code = container.exit_code.filter(|code| *code != 0)?;
        Some(format!("{} exited with {code}", container.name))
    });
    let why = task.stopped_reason.as_deref().or(task.stop_code.as_deref()).unwrap_or("no reason given");
    exit.map_or_else(|| why.to_owned(), |exit| format!("{why} ({exit})"))
}

/// No container with a health check of its own says `UNHEALTHY`.
fn containers(facts: &Facts) -> Check {
    const NAME: &str = "containers-healthy";
    let Some(green) = &facts.green else {
        return Check::new(NAME, Outcome::Wait, "the new revision has no tasks yet", Value::Null);
    };
    let asked: BTreeSet<_> = facts
        .task_definition
        .iter()
        .flat_map(|definition| &definition.containers)
        .filter(|container| container.health_check)
        .map(|container| container.name.as_str())
        .collect();
    let living = green.tasks.iter().filter(|task| !task.stopped());
    let checked = living.flat_map(|task| &task.containers).filter(|container| asked.contains(container.name.as_str()));
    let health: Vec<_> = checked.map(|container| container.health.as_str()).collect();
    let count = |state: &str| health.iter().filter(|health| **health == state).count();
    let (healthy, unhealthy) = (count("HEALTHY"), count("UNHEALTHY"));
    let evidence = json!({"healthy": healthy, "unhealthy": unhealthy, "unknown": health.len() - healthy - unhealthy});
    if asked.is_empty() {
        return Check::new(NAME, Outcome::Pass, "no container has a health check of its own", evidence);
    }
    // The first checks of a container take their time; one that stays unhealthy is replaced, which is a stop.
    let outcome = if healthy == health.len() && healthy > 0 { Outcome::Pass } else { Outcome::Wait };
    Check::new(NAME, outcome, format!("{healthy} of {} containers are HEALTHY", health.len()), evidence)
}

/// All of green's targets are healthy, and there are as many as tasks.
pub(super) fn green_targets(facts: &Facts) -> Check {
    const NAME: &str = "targets-healthy";
    match &facts.green {
        None => Check::new(NAME, Outcome::Wait, "the new revision has no tasks yet", Value::Null),
        Some(green) => healthy_targets(NAME, green),
    }
}

pub(super) fn healthy_targets(name: &'static str, side: &SideFacts) -> Check {
    let Some(targets) = side.targets else { return Check::unread(name, "the health of its targets") };
    let wanted = side.side.desired;
    let evidence = json!({"wanted": wanted, "healthy": targets.healthy, "unhealthy": targets.unhealthy,
        "other": targets.other});
    let text = format!("{} of {wanted} targets are healthy, {} unhealthy", targets.healthy, targets.unhealthy);
    let settled = wanted > 0 && targets.healthy >= wanted && targets.unhealthy == 0;
    Check::new(name, if settled { Outcome::Pass } else { Outcome::Wait }, text, evidence)
}

/// What runs is what was looked up in the registry: a tag may have been moved since.
fn digest(facts: &Facts) -> Check {
    const NAME: &str = "image-digest";
    let Some(green) = &facts.green else {
        return Check::new(NAME, Outcome::Wait, "the new revision has no tasks yet", Value::Null);
    };
    let mut unknown = BTreeSet::new();
    let mut wrong = BTreeSet::new();
    let mut running = BTreeSet::new();
    let living = green.tasks.iter().filter(|task| !task.stopped());
    for container in living.flat_map(|task| &task.containers) {
        let expected = expected(facts, &container.image);
        match &container.digest {
            _ if expected.is_empty() => {
                unknown.insert(format!("the digest of {} was not looked up", container.image));
            }
            // Not pulled yet.
            None => {}
            Some(digest) if expected.contains(digest) => {
                running.insert(digest.clone());
            }
            Some(digest) => {
                wrong.insert(format!("{} runs as {digest}, expected {}", container.image, expected.join(" or ")));
            }
        }
    }
    let evidence = json!({"running": running});
    let joined = |texts: BTreeSet<String>| texts.into_iter().collect::<Vec<_>>().join("; ");
    if !wrong.is_empty() {
        return Check::new(NAME, Outcome::Fail, joined(wrong), evidence);
    }
    if !unknown.is_empty() {
        return Check::new(NAME, Outcome::Unknown, joined(unknown), evidence);
    }
    if running.is_empty() {
        return Check::new(NAME, Outcome::Wait, "no container has been started from its image yet", evidence);
    }
    Check::new(NAME, Outcome::Pass, "what runs is what was looked up", evidence)
}

/// The digests as which an image may run: its own, and those of the platforms that its index lists.
fn expected(facts: &Facts, image: &str) -> Vec<String> {
    if let Some((_, digest)) = image.split_once('@') {
        return vec![digest.to_owned()];
    }
    let same = facts.resolved.iter().find(|resolved| resolved.kind == ReferenceKind::Image && resolved.name == image);
    let Some(Answer::Found(answer)) = same.map(|resolved| &resolved.answer) else { return Vec::new() };
    let platforms = manifest::platforms(answer).into_iter().map(|(_, digest)| digest);
    manifest::digest(answer).into_iter().chain(platforms).collect()
}
