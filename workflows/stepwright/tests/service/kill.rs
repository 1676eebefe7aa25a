//! `kill -9` at points drawn from a seeded generator, hundreds of times where it is asked for, under load: what was
//! acknowledged is there, each execution ends once, none is stuck, and each history is the one that it would have been.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::draw::{Draw, setting};
use crate::load::{KINDS, Load};
use crate::server::{Place, Server, machine};
use crate::world::World;
use crate::{history, machines};

/// Callers at once.
const CALLERS: usize = 16;
/// Longest time that a server lives.
const LONGEST: Duration = Duration::from_millis(900);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_moment_the_server_dies_nothing_is_lost_or_done_twice_or_stuck() {
    let (rounds, seed) = (setting("STEPWRIGHT_KILL_ROUNDS", 10), setting("STEPWRIGHT_KILL_SEED", 1));
    let (world, endpoint, messages) = World::start().await;
    // Not faster: an EXPRESS execution ends after five minutes of this time, whether it is served or not.
    let place = Place::new(&machines::all(), &endpoint, &["--time-scale=10"]);
    let mut server = place.start();
    server.listening().await;
    let load = Load::new(place.client(), world.clone());
    load.create().await;
    let (mut helpers, mut callers) = (JoinSet::new(), JoinSet::new());
    load.help(&mut helpers, messages);
    load.learn().await;

    for _ in 0..CALLERS {
        callers.spawn(load.clone().drive());
    }
    let mut draw = Draw::new(seed);
    let mut kills = 0_u64;
    while kills < rounds {
        let short = draw.below(4) == 0;
        // Every fourth dies at once, in the middle of its recovery.
        let life = draw.duration(if short { LONGEST / 10 } else { LONGEST });
        if !short {
            // It listens before it serves, and serves when all is recovered.
            server.listening().await;
            drop(load.client.insist("ListStateMachines", &json!({})).await);
        }
        tokio::time::sleep(life).await;
        server = again(server, &place);
        kills += 1;
        while let Some(ended) = callers.try_join_next() {
            ended.unwrap_or_else(|error| panic!("seed {seed}, kill {kills}: {error}"));
        }
    }
    load.finish();
    while let Some(ended) = callers.join_next().await {
        ended.unwrap_or_else(|error| panic!("seed {seed}, after {kills} kills: {error}"));
    }
    // Once more: what is told now comes from the disk.
    let _server = again(server, &place);
    check(&load, &world, kills).await;
    helpers.shutdown().await;
}

fn again(mut server: Server, place: &Place) -> Server {
    server.kill();
    drop(server);
    place.start()
}

/// Compares what was acknowledged with what is there.
async fn check(load: &Load, world: &World, kills: u64) {
    let mut marks: BTreeMap<String, usize> = BTreeMap::new();
    let (mut listed, mut children) = (BTreeSet::new(), 0);
    for kind in KINDS {
        for item in executions(load, &json!({"stateMachineArn": machine(kind), "maxResults": 1000})).await {
            let arn = item["executionArn"].as_str().unwrap_or_default().to_owned();
            assert_ne!(item["status"], "RUNNING", "{arn} is stuck");
            let history = load.history(&arn).await;
            history::check(&arn, &history);
            for mark in history.iter().filter_map(history::mark) {
                *marks.entry(mark).or_default() += 1;
            }
            children += of_map_runs(load, &arn, kind).await;
            listed.insert(arn);
        }
    }
    let nested = executions(load, &json!({"stateMachineArn": machine("child"), "maxResults": 1000})).await;
    for child in &nested {
        let arn = child["executionArn"].as_str().unwrap_or_default();
        history::check(arn, &load.history(arn).await);
    }
    let ledger = load.ledger();
    assert_eq!(listed, ledger.started.keys().cloned().collect(), "exactly those that were started are there");
    let branches = listed.iter().filter(|arn| arn.contains(":branches:")).count();
    assert_eq!(nested.len(), branches * 2, "each attempt started its child once");
    for mark in &ledger.answers {
        assert_eq!(marks.get(mark), Some(&1), "{mark} was acknowledged: it must be there, once");
    }
    let lost: Vec<_> = ledger.fleeting.difference(&world.seen().noted).cloned().collect();
    assert!(lost.is_empty(), "EXPRESS executions that were acknowledged and did not come to their end: {lost:?}");
    println!(
        "{kills} kills: {} executions, {} nested, {children} of Map Runs, {} EXPRESS; {} answers, {} heartbeats, {} redrives, \
         {} stops, {} waits for EXPRESS ends acknowledged; {} events compared; 0 lost, 0 twice, 0 stuck",
        listed.len(),
        nested.len(),
        ledger.fleeting.len(),
        ledger.answers.len(),
        ledger.heartbeats,
        ledger.redriven,
        ledger.stopped,
        ledger.waited_for,
        ledger.events,
    );
}

async fn executions(load: &Load, request: &Value) -> Vec<Value> {
    load.client.all("ListExecutions", request.clone(), "executions").await
}

/// Checks the children of an execution's Map Runs; answers how many there are.
async fn of_map_runs(load: &Load, arn: &str, kind: &str) -> usize {
    let runs = load.client.all("ListMapRuns", json!({"executionArn": arn}), "mapRuns").await;
    assert_eq!(runs.len(), usize::from(kind == "spread"), "{arn}: Map Runs");
    let Some(run) = runs.first() else { return 0 };
    let children = executions(load, &json!({"mapRunArn": run["mapRunArn"], "maxResults": 1000})).await;
    assert_eq!(children.len(), 6, "{arn}: each item is one child");
    for child in &children {
        let arn = child["executionArn"].as_str().unwrap_or_default();
        assert_eq!(child["status"], "SUCCEEDED", "{arn}");
        history::check(arn, &load.history(arn).await);
    }
    children.len()
}
