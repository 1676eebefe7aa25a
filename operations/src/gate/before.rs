//! Before anything changes: is there a way back, and does everything exist that the new revision names?

use super::facts::{Facts, Found, Kept};
use super::problems::Problems;
use super::reference::{Answer, ReferenceKind, Resolved, field, list};
use super::{Check, Outcome, fargate, manifest, quota, scan};
use crate::catalogue::Deployment;
use serde_json::{Value, json};

pub(super) fn checks(deployment: &Deployment, facts: &Facts) -> Vec<Check> {
    let mut checks = vec![
        no_other_deployment(facts),
        old_side_healthy(facts),
        images(facts),
        architecture(facts),
        scan::image_scan(deployment, facts),
        exist("secrets-resolvable", &[ReferenceKind::Secret, ReferenceKind::Parameter], facts),
        exist("roles-exist", &[ReferenceKind::Role], facts),
        size(facts),
        quota::fargate_quota(facts),
        addresses(facts),
        exist("log-groups-exist", &[ReferenceKind::LogGroup], facts),
        groups(deployment, facts),
        health_check_path(deployment, facts),
        test_listener(facts),
    ];
    if deployment.code_deploy.is_some() {
        checks.push(blue_stays(deployment, facts));
    }
    checks
}

/// A missing service is no exception of `DescribeServices`, so it must be looked for in the answer.
pub(super) fn service_active(facts: &Facts) -> Check {
    const NAME: &str = "service-active";
    match &facts.service {
        None => Check::unread(NAME, "the service"),
        Some(Found::Missing(reason)) => {
            let text = format!("the service does not exist ({reason}): correct the catalogue entry");
            Check::new(NAME, Outcome::Fail, text, json!({"failures": [reason]}))
        }
        Some(Found::Service { status }) if status == "ACTIVE" => {
            Check::new(NAME, Outcome::Pass, "the service is ACTIVE", json!({"status": status}))
        }
        Some(Found::Service { status }) => {
            Check::new(NAME, Outcome::Fail, format!("the service is {status}, not ACTIVE"), json!({"status": status}))
        }
    }
}

fn no_other_deployment(facts: &Facts) -> Check {
    const NAME: &str = "no-other-deployment";
    let Some(others) = &facts.others else { return Check::unread(NAME, "which deployments run") };
    if others.is_empty() {
        return Check::new(NAME, Outcome::Pass, "no other deployment runs", json!([]));
    }
    // Another deployment ends by itself, and then this one may begin.
    Check::new(NAME, Outcome::Wait, format!("{} runs: wait for it or stop it", others.join(", ")), json!(others))
}

fn old_side_healthy(facts: &Facts) -> Check {
    const NAME: &str = "old-side-healthy";
    let Some(blue) = &facts.blue else { return Check::unread(NAME, "the old revision") };
    let (desired, running) = (blue.side.desired, blue.side.running);
    let Some(targets) = blue.targets else { return Check::unread(NAME, "the health of the old revision's targets") };
    let evidence = json!({"desired": desired, "running": running, "healthy": targets.healthy,
        "unhealthy": targets.unhealthy});
    let text = format!("{running} of {desired} tasks run, {} targets are healthy", targets.healthy);
    if running == 0 || targets.healthy == 0 {
        return Check::new(NAME, Outcome::Fail, format!("{text}: a rollback would have nowhere to go"), evidence);
    }
    let settled = running >= desired && targets.healthy >= desired && targets.unhealthy == 0;
    Check::new(NAME, if settled { Outcome::Pass } else { Outcome::Wait }, text, evidence)
}

fn images(facts: &Facts) -> Check {
    const NAME: &str = "image-found";
    let Some(definition) = &facts.task_definition else { return Check::unread(NAME, "the new task definition") };
    let mut problems = Problems::default();
    let mut digests = Vec::new();
    for container in &definition.containers {
        let image = &container.image;
        let asked = facts.references.iter().any(|reference| &reference.name == image);
        match answer(facts, ReferenceKind::Image, image) {
            // Another registry cannot be asked; a digest at least says exactly which image it is.
            None if !asked && image.contains("@sha256:") => digests.push(json!({"image": image, "pinned": true})),
            None if !asked => problems.unknown(format!("{image} is in a registry that is not asked: name its digest")),
            None => problems.unknown(format!("{image} was not looked up")),
            Some(Answer::Missing(why)) => problems.fail(format!("{image} does not exist ({why})")),
            Some(Answer::Unknown(why)) => problems.unknown(format!("{image} could not be looked up: {why}")),
            Some(Answer::Found(answer)) => match manifest::digest(answer) {
                Some(digest) => digests.push(json!({"image": image, "digest": digest})),
                None => problems.unknown(format!("{image} has no digest in ECR's answer")),
            },
        }
    }
    problems.check(NAME, format!("{} images are in their registry", definition.containers.len()), json!(digests))
}

fn architecture(facts: &Facts) -> Check {
    const NAME: &str = "image-architecture";
    let Some(definition) = &facts.task_definition else { return Check::unread(NAME, "the new task definition") };
    let wanted = manifest::architecture(&definition.architecture);
    let mut problems = Problems::default();
    let mut silent = Vec::new();
    for container in &definition.containers {
        let Some(Answer::Found(answer)) = answer(facts, ReferenceKind::Image, &container.image) else {
            silent.push(container.image.as_str());
            continue;
        };
        let platforms = manifest::platforms(answer);
        // A manifest of one platform does not say which it is.
        if platforms.is_empty() {
            silent.push(&container.image);
        } else if !platforms.iter().any(|(architecture, _)| architecture == wanted) {
            let have: Vec<_> = platforms.iter().map(|(architecture, _)| architecture.as_str()).collect();
            problems.fail(format!("{} is built for {}, the tasks need {wanted}", container.image, have.join(", ")));
        }
    }
    let passes = match silent.as_slice() {
        [] => format!("every image is built for {wanted}"),
        silent => {
            format!("no image is known to be for another processor than {wanted}; unknown of {}", silent.join(", "))
        }
    };
    problems.check(NAME, passes, json!({"wanted": wanted, "silent": silent}))
}

/// Whether all references of these kinds exist.
fn exist(name: &'static str, kinds: &[ReferenceKind], facts: &Facts) -> Check {
    if facts.task_definition.is_none() {
        return Check::unread(name, "the new task definition");
    }
    let wanted: Vec<_> = facts.references.iter().filter(|reference| kinds.contains(&reference.kind)).collect();
    let mut problems = Problems::default();
    for reference in &wanted {
        let what = format!("{} {}", reference.kind.name(), reference.name);
        match answer(facts, reference.kind, &reference.name) {
            Some(Answer::Found(_)) => {}
            Some(Answer::Missing(why)) => problems.fail(format!("{what} does not exist ({why})")),
            Some(Answer::Unknown(why)) => problems.unknown(format!("{what} could not be looked up: {why}")),
            None => problems.unknown(format!("{what} was not looked up")),
        }
    }
    let names: Vec<_> = wanted.iter().map(|reference| reference.name.as_str()).collect();
    let passes = if names.is_empty() { "none is named".to_owned() } else { format!("{} exist", names.len()) };
    problems.check(name, passes, json!(names))
}

fn size(facts: &Facts) -> Check {
    const NAME: &str = "fargate-size";
    let Some(definition) = &facts.task_definition else { return Check::unread(NAME, "the new task definition") };
    let evidence = json!({"cpu": definition.cpu, "memory": definition.memory});
    if !definition.fargate {
        return Check::new(NAME, Outcome::Pass, "the tasks do not run on Fargate", evidence);
    }
    let (Some(cpu), Some(memory)) = (definition.cpu, definition.memory) else {
        return Check::new(NAME, Outcome::Fail, "Fargate needs the task's cpu and memory: set both", evidence);
    };
    if fargate::valid(cpu, memory) {
        return Check::new(NAME, Outcome::Pass, format!("Fargate has {cpu} CPU units with {memory} MiB"), evidence);
    }
    let fitting: Vec<_> = fargate::sizes().into_iter().filter(|(units, _)| *units == cpu).collect();
    let remedy = match (fitting.first(), fitting.last()) {
        (Some((_, least)), Some((_, most))) => format!("with {cpu} it has {least} to {most} MiB in steps"),
        _ => "use 256, 512, 1024, 2048, 4096, 8192 or 16384 CPU units".to_owned(),
    };
    let text = format!("Fargate has no size of {cpu} CPU units and {memory} MiB: {remedy}");
    Check::new(NAME, Outcome::Fail, text, evidence)
}

/// Each task on Fargate takes an address of its subnet.
fn addresses(facts: &Facts) -> Check {
    const NAME: &str = "subnet-addresses";
    let Some(needed) = facts.blue.as_ref().map(|blue| u64::from(blue.side.desired)) else {
        return Check::unread(NAME, "how many tasks are needed");
    };
    let subnets: Vec<_> = facts.references.iter().filter(|reference| reference.kind == ReferenceKind::Subnet).collect();
    if subnets.is_empty() {
        return Check::new(NAME, Outcome::Pass, "the tasks have no addresses of their own", Value::Null);
    }
    let mut problems = Problems::default();
    let mut free = 0;
    for subnet in subnets {
        match answer(facts, subnet.kind, &subnet.name) {
            Some(Answer::Found(answer)) => match available(answer) {
                Some(addresses) => free += addresses,
                None => problems.unknown(format!("{} does not say how many addresses are free", subnet.name)),
            },
            Some(Answer::Missing(why)) => problems.fail(format!("{} does not exist ({why})", subnet.name)),
            Some(Answer::Unknown(why)) => problems.unknown(format!("{} could not be looked up: {why}", subnet.name)),
            None => problems.unknown(format!("{} was not looked up", subnet.name)),
        }
    }
    let text = format!("{free} addresses are free, {needed} new tasks need one each");
    if problems.none() && free < needed {
        problems.fail(text.clone());
    }
    problems.check(NAME, text, json!({"free": free, "needed": needed}))
}

fn available(answer: &Value) -> Option<u64> {
    field(list(answer, "Subnets")?.first()?, "AvailableIpAddressCount")?.as_u64()
}

fn groups(deployment: &Deployment, facts: &Facts) -> Check {
    const NAME: &str = "target-groups-exist";
    let Some(groups) = &facts.groups else { return Check::unread(NAME, "the target groups") };
    let mut problems = Problems::default();
    for group in [&deployment.blue_target_group_arn, &deployment.green_target_group_arn] {
        if !groups.contains_key(group) {
            problems.fail(format!("{group} does not exist: correct the catalogue entry"));
        }
    }
    problems.check(NAME, "both target groups exist".to_owned(), json!(groups.keys().collect::<Vec<_>>()))
}

fn health_check_path(deployment: &Deployment, facts: &Facts) -> Check {
    const NAME: &str = "health-check-path";
    let Some(groups) = &facts.groups else { return Check::unread(NAME, "the target groups") };
    let mut problems = Problems::default();
    let mut paths = Vec::new();
    for group in [&deployment.blue_target_group_arn, &deployment.green_target_group_arn] {
        match groups.get(group).map(|group| group.health_check_path.as_deref()) {
            Some(Some(path)) => paths.push(path),
            Some(None) => problems.fail(format!("{group} asks no path: an open port is not a healthy service")),
            None => problems.unknown(format!("{group} could not be read")),
        }
    }
    problems.check(NAME, format!("health is asked at {}", paths.join(" and ")), json!(paths))
}

fn test_listener(facts: &Facts) -> Check {
    const NAME: &str = "test-listener-exists";
    match &facts.test {
        None => Check::unread(NAME, "the test listener"),
        Some(None) => Check::new(
            NAME,
            Outcome::Fail,
            "the test listener does not exist: correct the catalogue entry",
            Value::Null,
        ),
        Some(Some(traffic)) => Check::new(NAME, Outcome::Pass, "the test listener exists", json!(traffic.weights)),
    }
}

/// The way back lasts for as long as green is judged.
fn blue_stays(deployment: &Deployment, facts: &Facts) -> Check {
    const NAME: &str = "blue-stays";
    let bake = deployment.bake_seconds;
    let seconds = match facts.blue_kept {
        None => return Check::unread(NAME, "for how long CodeDeploy keeps the old revision"),
        Some(Kept::Forever) => {
            return Check::new(NAME, Outcome::Pass, "CodeDeploy keeps the old revision", json!({"bakeSeconds": bake}));
        }
        Some(Kept::Seconds(seconds)) => seconds,
    };
    let evidence = json!({"keptSeconds": seconds, "bakeSeconds": bake});
    let text = format!("the old revision is kept for {seconds} s, the new one is judged for {bake} s");
    if seconds > bake {
        return Check::new(NAME, Outcome::Pass, text, evidence);
    }
    let minutes = bake / 60 + 1;
    let remedy = format!("set the deployment group's terminationWaitTimeInMinutes to {minutes} or more");
    Check::new(NAME, Outcome::Fail, format!("{text}: {remedy}"), evidence)
}

fn answer<'a>(facts: &'a Facts, kind: ReferenceKind, name: &str) -> Option<&'a Answer> {
    let same = |resolved: &&Resolved| resolved.kind == kind && resolved.name == name;
    facts.resolved.iter().find(same).map(|resolved| &resolved.answer)
}
