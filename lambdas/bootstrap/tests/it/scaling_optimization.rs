//! `performance-analyzer` and `auto-scaling-optimizer`, with the fleet.

use crate::support::{FLEET, World, about, call, member, with};
use auto_scaling_optimizer::AutoScalingOptimizer;
use performance_analyzer::PerformanceAnalyzer;
use sandbox::FaultKind;
use serde_json::{Value, json};

/// One day, minutes.
const DAY: u64 = 1_440;

fn optimizer(world: &World) -> AutoScalingOptimizer {
    AutoScalingOptimizer::new(
        world.services("auto-scaling-optimizer", [("ECS_CLUSTER_NAME", "production"), ("ECS_SERVICE_NAME", "signup")]),
    )
}

fn analyzer(world: &World) -> PerformanceAnalyzer {
    PerformanceAnalyzer::new(
        world.services("performance-analyzer", [("ECS_CLUSTER_NAME", "production"), ("ECS_SERVICE_NAME", "signup")]),
    )
}

async fn proposed(world: &World, target: &str) -> Value {
    call(&optimizer(world), &about(target, "propose", json!({}))).await.expect("an answer")
}

/// A replay that passed.
fn replay() -> Value {
    json!({"verdict": "PASS", "reasons": ["less saturated"], "days": 14, "coverage": 0.99, "current": {}, "proposed": {},
        "savingPerMonth": -30.0, "busiestHour": 33, "evidence": []})
}

async fn planned(world: &World, target: &str) -> (Value, Value) {
    let proposal = proposed(world, target).await["proposal"].clone();
    let more = json!({"proposal": proposal, "replay": replay()});
    (call(&optimizer(world), &about(target, "plan", more)).await.expect("a plan"), proposal)
}

#[tokio::test]
async fn every_service_of_the_fleet_is_scored_and_the_short_ones_are_found_out() {
    let world = World::fleet().await;
    let mut scores = Vec::new();
    for name in FLEET {
        let analysis = call(&analyzer(&world), &about(name, "analyse", json!({}))).await.expect("an analysis");
        let score = analysis["score"].as_f64().unwrap_or_else(|| panic!("{name}: {analysis}"));
        assert!(analysis["coverage"].as_f64().unwrap() > 0.95, "{name}: {}", analysis["coverage"]);
        assert_eq!(analysis["forecast"]["hours"].as_array().map(Vec::len), Some(24), "{name}: {}", analysis["partial"]);
        scores.push((name, score));
    }
    let score = |name: &str| scores.iter().find(|(known, _)| *known == name).unwrap().1;
    assert!(score("catalog-api") < score("webhooks"), "{scores:?}");
    assert!(score("storefront") > 90.0, "{scores:?}");
}

#[tokio::test]
async fn each_service_gets_the_change_that_its_load_asks_for() {
    let world = World::fleet().await;
    let id = |answer: &Value| answer["proposal"]["id"].as_str().unwrap_or("none").to_owned();
    for (name, wanted) in [("signup", "raise-maximum"), ("catalog-api", "raise-maximum"), ("webhooks", "lower-minimum")]
    {
        let answer = proposed(&world, name).await;
        assert_eq!(id(&answer), wanted, "{name}: {}", answer["reasons"]);
    }
    let scheduled = call(&optimizer(&world), &json!({"source": "aws.events", "detail-type": "Scheduled Event"})).await;
    let scheduled = scheduled.expect("an answer about the service that the environment names");
    assert_eq!(scheduled["settings"]["maxCapacity"], 6, "{scheduled}");
    assert_eq!(scheduled["status"], "NONE", "without limits.maxTasks nothing is raised: {}", scheduled["reasons"]);
    assert!(world.changes().is_empty(), "proposing changes nothing");
}

#[tokio::test]
async fn a_change_is_made_once_and_taken_back_once() {
    let world = World::fleet().await;
    let (plan, proposal) = planned(&world, "signup").await;
    assert_eq!(plan["verify"]["observeSeconds"], 86_400, "more capacity is watched for a day");
    let act = about("signup", "act", json!({"plan": plan, "proposal": proposal}));
    world.fault("application-autoscaling", "RegisterScalableTarget", FaultKind::Throttle);
    assert_eq!(call(&optimizer(&world), &act).await.unwrap_err().name(), "Ops.Throttled");
    assert_eq!(call(&optimizer(&world), &act).await.unwrap()["performed"], 1);
    let again = call(&optimizer(&world), &act).await.unwrap();
    assert_eq!((&again["performed"], &again["alreadyDone"]), (&json!(0), &json!(1)));
    let sent = world.changes();
    let parameters: Vec<&Value> = plan["calls"].as_array().unwrap().iter().map(|call| &call["parameters"]).collect();
    assert_eq!(parameters, [&sent.last().unwrap()["parameters"]], "what was planned is what was sent");
    let undo = with(act, json!({"operation": "undo"}));
    assert_eq!(call(&optimizer(&world), &undo).await.unwrap()["performed"], 1);
    assert_eq!(call(&optimizer(&world), &undo).await.unwrap()["performed"], 0);
}

#[tokio::test]
async fn a_plan_that_does_not_fit_any_more_or_is_of_another_is_refused() {
    let world = World::fleet().await;
    let (plan, proposal) = planned(&world, "signup").await;
    let foreign = about("ingest", "act", json!({"plan": plan, "proposal": proposal}));
    assert_eq!(call(&optimizer(&world), &foreign).await.unwrap_err().name(), "Ops.InvalidInput");
    // A person is faster.
    let mut other = plan.clone();
    other["calls"][0]["parameters"]["MaxCapacity"] = json!(20);
    let by_hand = about("signup", "act", json!({"plan": other, "proposal": proposal}));
    call(&optimizer(&world), &by_hand).await.expect("it fits the state of before");
    let late = about("signup", "act", json!({"plan": plan, "proposal": proposal}));
    assert_eq!(call(&optimizer(&world), &late).await.unwrap_err().name(), "Ops.PreconditionFailed");
    let undo = with(late, json!({"operation": "undo"}));
    assert_eq!(call(&optimizer(&world), &undo).await.unwrap()["performed"], 0, "what a person has set stays");
}

#[tokio::test]
async fn nothing_is_proposed_during_a_deployment_or_behind_the_back_of_a_tool() {
    let world = World::fleet().await;
    let owned = with(about("signup", "propose", json!({})), json!({"entry": owned()}));
    let answer = call(&optimizer(&world), &owned).await.unwrap();
    assert_eq!(answer["status"], "REFUSED", "{answer}");
    assert!(answer["patch"].as_str().is_some_and(|patch| patch.contains("max_capacity")), "{answer}");
    let services = world.services("", []);
    let headers = [
        ("content-type", "application/x-amz-json-1.1"),
        ("x-amz-target", "AmazonEC2ContainerServiceV20141113.UpdateService"),
    ];
    let deploy = json!({"cluster": "production", "service": "signup", "forceNewDeployment": true});
    services.http.post(&world.sandbox().url(), &headers, deploy.to_string()).await.expect("a deployment");
    let answer = proposed(&world, "signup").await;
    assert_eq!(answer["status"], "REFUSED", "{answer}");
    world.minutes(DAY + 60);
    assert_eq!(proposed(&world, "signup").await["status"], "PROPOSED", "a day later its load is its own again");
}

fn owned() -> Value {
    let mut entry = member("signup");
    entry["optimization"]["managedBy"] = json!("terraform");
    entry
}

/// What `judge` says at the end of the observation of a change that did nothing by itself.
async fn judged(world: &World, target: &str, before: impl FnOnce(&World)) -> Value {
    let (plan, proposal) = planned(world, target).await;
    let acted = world.now();
    before(world);
    world.minutes(DAY + 5);
    let more = json!({"plan": plan, "proposal": proposal, "actedAt": acted, "observeUntil": acted + 86_400_000,
        "giveUpAt": acted + 8 * 86_400_000});
    call(&analyzer(world), &about(target, "judge", more)).await.expect("a verdict")
}

#[tokio::test]
async fn a_change_after_which_nothing_is_worse_stays_and_one_that_hurts_goes() {
    let kept = judged(&World::fleet().await, "webhooks", |_| ()).await;
    assert_eq!(kept["verdict"], "KEEP", "{kept}");
    let slow = judged(&World::fleet().await, "webhooks", |world| {
        world.sandbox().set_speed("webhooks", 0.3).expect("the service is known");
    })
    .await;
    assert_eq!(slow["verdict"], "REVERT", "{slow}");
}
