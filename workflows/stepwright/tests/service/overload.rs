//! More than it does at once: executions that are parked, polls that are held, starts at the same moment. Figures by
//! `STEPWRIGHT_PARKED=100000 STEPWRIGHT_POLLS=1000 STEPWRIGHT_STARTS=10000 cargo test --release -p stepwright --test
//! service overload -- --nocapture`.

use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::client::Client;
use crate::draw::setting;
use crate::server::{Place, Server, activity, machine};

/// Callers that start what is to be parked.
const CALLERS: u64 = 64;
/// What a server may take, in KiB, beside what is parked.
const BESIDE: u64 = 96 * 1024;
/// The most that a parked execution takes in memory, in bytes: itself, and what of it the store has not yet written to
/// tables.
const PARKED: u64 = 6 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_parked_is_small_and_comes_back_and_nobody_who_waits_is_sent_away() {
    let (parked, polls) = (setting("STEPWRIGHT_PARKED", 1500), setting("STEPWRIGHT_POLLS", 200));
    let starts = setting("STEPWRIGHT_STARTS", 1000);
    let waits = json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 864_000, "End": true}}});
    let works = json!({"StartAt": "W", "States": {"W": {"Type": "Task", "Resource": activity(), "End": true}}});
    let place = Place::new(&[("waits", waits), ("works", works)], "http://127.0.0.1:1", &[]);
    let mut server = place.start();
    server.listening().await;
    let client = place.client();
    list(&client, "waits").await;
    let empty = resident(&server);
    many(&client, "waits", "p", parked, CALLERS).await;
    report("parked", parked, empty, resident(&server), &place.data());

    let held = JoinSet::from_iter((0..polls).map(|_| poll(client.clone())));
    many(&client, "waits", "s", starts, starts).await;
    many(&client, "works", "w", polls, CALLERS).await;
    let tokens: std::collections::BTreeSet<_> = held.join_all().await.into_iter().collect();
    assert_eq!(tokens.len() as u64, polls, "each poll gets a task of its own");
    report("parked, and polled", parked + starts, empty, resident(&server), &place.data());

    server.kill();
    drop(server);
    let begin = now();
    let mut server = place.start();
    server.listening().await;
    client.must("ListStateMachines", &json!({})).await;
    println!("back after {:.2} s", begin.elapsed().as_secs_f64());
    let there = list(&client, "waits").await;
    assert!(there.iter().all(|item| item["status"] == "RUNNING"));
    assert_eq!(there.len() as u64, parked + starts, "all are there again");
    let after = resident(&server);
    report("recovered", parked + starts, empty, after, &place.data());
    assert!(after < empty + BESIDE + (parked + starts + polls) * PARKED / 1024, "{after} KiB resident");
}

/// Starts `count` executions, `at_once` at the same time; each must be acknowledged.
async fn many(client: &Client, kind: &'static str, prefix: &'static str, count: u64, at_once: u64) {
    let callers = (0..at_once).map(|caller| {
        let client = client.clone();
        async move {
            for number in (caller..count).step_by(usize::try_from(at_once).expect("few enough")) {
                let name = format!("{prefix}-{number:06}");
                let input = json!({"order": number, "customer": format!("c-{number:06}")}).to_string();
                let request = json!({"stateMachineArn": machine(kind), "name": name, "input": input});
                client.call("StartExecution", &request).await.unwrap_or_else(|refused| panic!("{name}: {refused}"));
            }
        }
    });
    JoinSet::from_iter(callers).join_all().await;
}

async fn poll(client: Client) -> String {
    let request = json!({"activityArn": activity(), "workerName": "w"});
    loop {
        let task = client.call("GetActivityTask", &request).await.unwrap_or_else(|refused| panic!("{refused}"));
        if let Some(token) = task["taskToken"].as_str() {
            return token.to_owned();
        }
    }
}

async fn list(client: &Client, kind: &str) -> Vec<Value> {
    client.all("ListExecutions", json!({"stateMachineArn": machine(kind), "maxResults": 1000}), "executions").await
}

/// KiB of memory that a server's process has.
fn resident(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().expect("the kernel tells")
}

fn report(what: &str, count: u64, before: u64, after: u64, data: &Path) {
    let (memory, disk) = (after.saturating_sub(before) * 1024 / count, tables(&data.join("store/keyspaces")) / count);
    println!("{count} {what}: {after} KiB resident, {memory} bytes each; in tables {disk} bytes each");
}

/// Bytes of the files under a folder.
fn tables(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(about) if about.is_dir() => tables(&entry.path()),
        Ok(about) => about.len(),
        Err(_) => 0,
    };
    entries.map(size).sum()
}

#[expect(clippy::disallowed_methods, reason = "a figure that is printed, and decides nothing")]
fn now() -> Instant {
    Instant::now()
}
