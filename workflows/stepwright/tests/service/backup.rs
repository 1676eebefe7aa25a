//! A backup under load, and the directory that is made of it.

use std::process::{Command, Output};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::client::PAUSE;
use crate::load::{KINDS, Load};
use crate::server::{Place, machine};
use crate::world::World;
use crate::{history, machines};

fn stepwright(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stepwright")).args(arguments).output().expect("stepwright runs")
}

fn succeeds(arguments: &[&str]) -> Value {
    let output = stepwright(arguments);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&text).expect("one JSON document")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_before_a_backup_goes_on_from_it() {
    let (world, endpoint, messages) = World::start().await;
    let place = Place::new(&machines::all(), &endpoint, &["--time-scale=60"]);
    let mut server = place.start();
    server.listening().await;
    let load = Load::new(place.client(), world);
    load.create().await;
    let (mut helpers, mut callers) = (JoinSet::new(), JoinSet::new());
    load.help(&mut helpers, messages);
    for _ in 0..8 {
        callers.spawn(load.clone().drive());
    }
    while load.ledger().started.len() < 20 {
        tokio::time::sleep(PAUSE).await;
    }
    let before: Vec<String> = load.ledger().started.keys().cloned().collect();
    let file = place.path().join("backup").display().to_string();
    let url = format!("--endpoint-url=http://127.0.0.1:{}", place.port());
    let told = succeeds(&["backup", &file, &url, "--output=json"]);
    assert!(told["executions"].as_u64() >= Some(before.len() as u64), "{told}");
    load.finish();
    while let Some(ended) = callers.join_next().await {
        ended.expect("the load does not notice the backup");
    }
    let again = stepwright(&["backup", &file, &url]);
    assert_eq!(again.status.code(), Some(2), "a backup is not overwritten");
    server.kill();
    drop(server);

    // What is served now is what the backup knew.
    std::fs::remove_dir_all(place.data()).expect("the data directory goes");
    let data = place.data().display().to_string();
    let restored = succeeds(&["restore", &file, "--data-dir", &data, "--output=json"]);
    assert_eq!(restored["records"], told["records"]);
    assert_eq!(stepwright(&["restore", &file, "--data-dir", &data]).status.code(), Some(2), "it is not empty any more");
    let mut server = place.start();
    server.listening().await;
    let after: Vec<Value> = listed(&load).await;
    let is_there = |arn: &String| after.iter().any(|item| item["executionArn"] == **arn);
    assert!(before.iter().all(is_there), "an execution that was acknowledged before the backup is not in it");
    for item in &after {
        let arn = item["executionArn"].as_str().unwrap_or_default();
        end(&load, arn).await;
        history::check(arn, &load.history(arn).await);
    }
    helpers.shutdown().await;
    server.kill();
    let offline = place.path().join("offline").display().to_string();
    let told = succeeds(&["backup", &offline, "--data-dir", &data, "--output=json"]);
    assert!(told["executions"].as_u64() >= Some(after.len() as u64), "{told}");
}

async fn listed(load: &Load) -> Vec<Value> {
    let mut all = Vec::new();
    for kind in KINDS {
        let request = json!({"stateMachineArn": machine(kind), "maxResults": 1000});
        all.extend(load.client.all("ListExecutions", request, "executions").await);
    }
    all
}

/// Sees an execution to its end. Those that nobody looks after any more are stopped.
async fn end(load: &Load, arn: &str) {
    let request = json!({"executionArn": arn});
    for look in 0..2000 {
        if load.client.must("DescribeExecution", &request).await["status"] != "RUNNING" {
            return;
        }
        // Who waited for a message that was answered after the backup waits in vain, as does who waits to be stopped.
        if look == 200 {
            load.client.must("StopExecution", &request).await;
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("{arn} is stuck");
}
