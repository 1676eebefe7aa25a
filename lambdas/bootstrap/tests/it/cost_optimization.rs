//! `cost-optimization-analyzer`, with the fleet.

use crate::support::{FLEET, World, about, call, member, with};
use cost_optimization_analyzer::CostOptimizationAnalyzer;
use sandbox::FaultKind;
use serde_json::{Value, json};

/// A day, milliseconds.
const DAY_MS: i64 = 86_400_000;

fn function(world: &World) -> CostOptimizationAnalyzer {
    CostOptimizationAnalyzer::new(
        world.services(
            "cost-optimization-analyzer",
            [("ECS_CLUSTER_NAME", "production"), ("ECS_SERVICE_NAME", "webhooks")],
        ),
    )
}

async fn analysis(function: &CostOptimizationAnalyzer, target: &str) -> Value {
    call(function, &about(target, "analyse", json!({}))).await.expect("an analysis")
}

async fn act(function: &CostOptimizationAnalyzer) -> Value {
    let proposal = analysis(function, "webhooks").await["proposal"].clone();
    let plan = call(function, &about("webhooks", "plan", json!({"proposal": proposal}))).await.expect("a plan");
    about("webhooks", "act", json!({"plan": plan, "proposal": proposal}))
}

fn sent(world: &World, operation: &str) -> Vec<Value> {
    let calls = world.changes().into_iter().filter(|call| call["operation"] == operation);
    calls.map(|call| call["parameters"].clone()).collect()
}

#[tokio::test]
async fn services_are_sized_by_what_they_used() {
    let world = World::fleet().await;
    let function = function(&world);
    for name in FLEET {
        let found = analysis(&function, name).await;
        assert_eq!(found["status"], "ANALYSED", "{name}: {found}");
        assert!(found["costPerMonth"].as_f64().unwrap() > 0.0);
    }
    let webhooks = call(&function, &json!({"source": "aws.events"})).await.unwrap();
    let proposed = &webhooks["proposal"]["proposed"];
    assert_eq!((&proposed["cpuUnits"], &proposed["memoryMib"]), (&json!(1024), &json!(2048)), "{webhooks}");
}

#[tokio::test]
async fn tasks_are_resized_once_with_everything_else_as_it_was_and_back() {
    let world = World::fleet().await;
    let function = function(&world);
    let act = act(&function).await;
    assert!(world.changes().is_empty(), "a plan changes nothing");
    let calls = act["plan"]["calls"].as_array().unwrap().len();
    let report = call(&function, &act).await.unwrap();
    assert_eq!(report["performed"], calls, "{report}");
    let registered = sent(&world, "RegisterTaskDefinition");
    assert_eq!(registered[0]["cpu"], json!("1024"));
    assert_eq!(registered[0]["containerDefinitions"][0]["portMappings"][0]["protocol"], json!("tcp"));
    assert_eq!(registered[0].get("revision"), None);
    let again = call(&function, &act).await.unwrap();
    assert_eq!((&again["performed"], &again["alreadyDone"]), (&json!(0), &json!(calls)), "{again}");
    world.minutes(60);
    let undo = with(act.clone(), json!({"operation": "undo"}));
    assert_eq!(call(&function, &undo).await.unwrap()["performed"], act["plan"]["undo"].as_array().unwrap().len());
    let update = sent(&world, "UpdateService").pop().unwrap();
    assert_eq!(update["taskDefinition"], act["plan"]["before"]["taskDefinition"]);
    world.minutes(60);
    assert_eq!(call(&function, &undo).await.unwrap()["performed"], 0);
}

#[tokio::test]
async fn an_interrupted_act_is_finished_without_a_second_revision() {
    let world = World::fleet().await;
    let function = function(&world);
    let act = act(&function).await;
    world.fault("ecs", "UpdateService", FaultKind::Throttle);
    assert_eq!(call(&function, &act).await.unwrap_err().name(), "Ops.Throttled");
    let report = call(&function, &act).await.unwrap();
    assert_eq!(sent(&world, "RegisterTaskDefinition").len(), 1, "{report}");
    assert_eq!(report["performed"], json!(1), "{report}");
}

#[tokio::test]
async fn a_plan_of_another_service_is_refused() {
    let world = World::fleet().await;
    let function = function(&world);
    let act = act(&function).await;
    let foreign = with(act, json!({"target": "reports", "entry": member("reports")}));
    let error = call(&function, &foreign).await.unwrap_err();
    assert_eq!(error.name(), "Ops.InvalidInput", "{error}");
    assert!(world.changes().is_empty());
}

#[tokio::test]
async fn a_change_is_measured_two_weeks_later() {
    let world = World::fleet().await;
    let function = function(&world);
    let act = act(&function).await;
    call(&function, &act).await.unwrap();
    let acted = world.now();
    world.minutes(14 * 1_440 + 60);
    let more = json!({"proposal": act["proposal"], "actedAt": acted as f64});
    let measured = call(&function, &about("webhooks", "measure", more)).await.unwrap();
    assert!(measured["ratio"].as_f64().unwrap() > 0.7, "{measured}");
}

async fn ask(world: &World, target: &str, parameters: Value) -> Value {
    let services = world.services("", []);
    let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)];
    let answer = services.http.post(&world.sandbox().url(), &headers, parameters.to_string()).await.expect("an answer");
    serde_json::from_str(&answer.body).expect("JSON")
}

#[tokio::test]
async fn the_account_is_explained_and_its_logs_are_kept_shorter() {
    let world = World::fleet().await;
    let function = function(&world);
    let mut services = Vec::new();
    for name in FLEET {
        services.push(analysis(&function, name).await);
    }
    let date = |ago: i64| operations::time::text(world.now() - ago * DAY_MS)[..10].to_owned();
    let question = json!({"TimePeriod": {"Start": date(60), "End": date(0)}, "Granularity": "DAILY",
        "Metrics": ["UnblendedCost"], "GroupBy": [{"Type": "DIMENSION", "Key": "SERVICE"}]});
    let costs = ask(&world, "AWSInsightsIndexService.GetCostAndUsage", question).await;
    let groups = ask(&world, "Logs_20140328.DescribeLogGroups", json!({})).await;
    let account =
        json!({"operation": "account", "costs": costs, "inventory": {"logGroups": groups}, "services": services});
    let found = call(&function, &account).await.unwrap();
    let gap = found["reconciliation"]["gapPercent"].as_f64().unwrap();
    assert!(gap.abs() < 10.0, "{}", found["reconciliation"]);
    assert_eq!(found["anomalies"][0]["service"], "AmazonCloudWatch", "{}", found["anomalies"]);
    let proposal = &found["proposals"][0];
    let target = proposal["current"]["target"].as_str().unwrap();
    let plan = call(&function, &about(target, "plan", json!({"proposal": proposal}))).await.unwrap();
    let act = about(target, "act", json!({"plan": plan}));
    assert_eq!(call(&function, &act).await.unwrap()["performed"], 1);
    assert_eq!(call(&function, &act).await.unwrap()["alreadyDone"], 1);
    let undo = with(act, json!({"operation": "undo"}));
    assert_eq!(call(&function, &undo).await.unwrap()["performed"], 1);
    assert_eq!(call(&function, &undo).await.unwrap()["performed"], 0);
}
