//! The disk is full: what cannot be kept is refused with the reason, what was acknowledged is there when there is room.

use serde_json::{Value, json};

use crate::client::{Client, Refusal};
use crate::server::{Place, activity, execution, machine};

/// Bytes of each input: the journal fills up fast.
const INPUT: usize = 100_000;
/// More than fill the journal.
const STARTS: usize = 200;
/// The largest file that fits, in KiB: more than what a new directory needs, once its journal has been cut to size.
const ROOM: u32 = 4096;

async fn start(client: &Client, name: &str, padding: usize) -> Result<Value, Refusal> {
    let input = json!({"padding": "x".repeat(padding)}).to_string();
    let request = json!({"stateMachineArn": machine("work"), "name": name, "input": input});
    client.call("StartExecution", &request).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_and_loses_nothing() {
    let work = json!({"StartAt": "Work", "States": {"Work": {"Type": "Task", "Resource": activity(), "End": true}}});
    let place = Place::new(&[("work", work)], "http://127.0.0.1:1", &[]);
    let client = place.client();
    let mut server = place.start();
    server.listening().await;
    start(&client, "before", 1).await.expect("there is room");
    let request = json!({"activityArn": activity(), "workerName": "w"});
    let leased = client.call("GetActivityTask", &request).await.expect("a task");
    server.kill();
    drop(server);

    let mut server = place.start_with_files_up_to(ROOM);
    server.listening().await;
    let mut acknowledged = vec!["before".to_owned()];
    let mut refused = None;
    for number in 0..STARTS {
        let name = format!("e{number}");
        match start(&client, &name, INPUT).await {
            Ok(_) => acknowledged.push(name),
            Err(refusal) => {
                refused = Some(refusal);
                break;
            }
        }
    }
    let refused = refused.expect("200 inputs of 100 kB do not fit into 4 MiB");
    assert!(acknowledged.len() > 10, "{acknowledged:?}");
    let Refusal::Answer { status: 500, code, message } = &refused else { panic!("{refused}") };
    assert_eq!(code, "InternalFailure");
    assert!(message.contains("the store has failed") && message.contains("restart the server"), "{message}");
    // It goes on to tell what it knows, and acknowledges nothing more.
    check(&client, &acknowledged).await;
    let answer = json!({"taskToken": leased["taskToken"], "output": "1"});
    assert_eq!(
        client.call("SendTaskSuccess", &answer).await.map_err(|refused| refused.code().to_owned()).err(),
        Some("InternalFailure".to_owned())
    );
    assert!(start(&client, "small", 1).await.is_err(), "what followed would stand on something that is not there");
    server.kill();
    drop(server);

    let mut server = place.start();
    server.listening().await;
    check(&client, &acknowledged).await;
    start(&client, "after", 1).await.expect("there is room again");
    client.call("SendTaskSuccess", &answer).await.expect("the token is still good");
    let before = client.must("DescribeExecution", &json!({"executionArn": execution("work", "before")})).await;
    assert_eq!(before["status"], "SUCCEEDED");
}

/// Everything that was acknowledged is there.
async fn check(client: &Client, acknowledged: &[String]) {
    for name in acknowledged {
        let arn = execution("work", name);
        let described = client.must("DescribeExecution", &json!({"executionArn": arn})).await;
        assert_eq!(described["status"], "RUNNING", "{name}");
    }
}
