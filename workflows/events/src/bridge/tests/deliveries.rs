//! Deliveries that are not accepted: tried again, or given up and kept.

use super::*;

const GONE: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:gone";
const QUEUE: &str = "arn:aws:sqs:us-east-1:123456789012:q";

fn undelivered(world: &World) -> Vec<(String, u32)> {
    let state = world.bridge.inner.state();
    state.undelivered.values().map(|lost| (lost.code.clone(), lost.delivery.tries)).collect()
}

#[tokio::test]
async fn what_no_later_try_mends_is_given_up_and_kept() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), Clock::manual(START));
    let world = World::open(Some(directory.path()), &clock, Config::default()).await;
    world.rule("r", json!({"EventPattern": {"source": ["s"]}}), json!({"Arn": GONE})).await;
    world.put("s", json!({})).await;
    world.settled().await;
    assert_eq!(undelivered(&world), [("StateMachineDoesNotExist".to_owned(), 1)]);
    drop(world);
    let world = World::open(Some(directory.path()), &clock, Config::default()).await;
    assert_eq!(undelivered(&world).len(), 1, "kept");
    world.put("s", json!({})).await;
    world.settled().await;
    assert_eq!(undelivered(&world).len(), 2, "beside the first");
}

#[tokio::test]
async fn a_target_that_does_not_answer_is_tried_again_as_the_policy_says() {
    let world = World::new().await;
    let policy = json!({"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 3600});
    world.rule("r", json!({"EventPattern": {"source": ["s"]}}), json!({"Arn": QUEUE, "RetryPolicy": policy})).await;
    world.put("s", json!({})).await;
    world.settled().await;
    assert_eq!(world.bridge.idle(), Some(Some(START + 1000)), "tried, and to be tried in a second");
    world.advance(1000).await;
    assert_eq!(world.bridge.idle(), Some(Some(START + 3000)), "then in two");
    assert!(undelivered(&world).is_empty());
    world.advance(2000).await;
    let lost = undelivered(&world);
    assert_eq!((lost.len(), lost[0].1), (1, 3));
    assert_eq!(world.bridge.idle(), Some(None));
}

#[tokio::test]
async fn age_ends_the_tries_too() {
    let world = World::new().await;
    let policy = json!({"MaximumEventAgeInSeconds": 60});
    world.rule("r", json!({"EventPattern": {"source": ["s"]}}), json!({"Arn": QUEUE, "RetryPolicy": policy})).await;
    world.put("s", json!({})).await;
    world.settled().await;
    while let Some(due) = world.bridge.idle().unwrap() {
        assert!(due <= START + MINUTE);
        world.advance(due - world.clock.now()).await;
    }
    assert_eq!(undelivered(&world).len(), 1);
}

#[tokio::test]
async fn a_path_to_nothing_and_an_input_that_is_not_json_are_told() {
    let world = World::new().await;
    let machine = world.machine("m", PASS).await;
    let rule = json!({"EventPattern": {"source": ["s"]}});
    world.rule("path", rule.clone(), json!({"Arn": machine, "InputPath": "$.detail.gone"})).await;
    world.rule("text", rule, json!({"Arn": machine, "InputTransformer": {"InputTemplate": "no JSON"}})).await;
    world.put("s", json!({})).await;
    world.settled().await;
    let codes: Vec<String> = undelivered(&world).into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes.len(), 2);
    assert!(codes.contains(&"INVALID_INPUT".to_owned()) && codes.contains(&"INVALID_JSON".to_owned()), "{codes:?}");
    assert!(world.executions(&machine).is_empty());
}
