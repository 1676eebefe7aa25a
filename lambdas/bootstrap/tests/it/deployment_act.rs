//! `deployment-act`.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use crate::deployment::{definition, payload, send, sent};
use crate::support::{World, call, with};
use deployment_act::Act;
use sandbox::{Fault, FaultKind};
use serde_json::{Value, json};

fn function(world: &World) -> Act {
    Act::new(world.services("deployment-act", []))
}

fn new() -> Value {
    json!({"kind": "task-set", "taskDefinition": definition("checkout", 62)})
}

async fn planned(world: &World) -> Value {
    let ask = with(payload("checkout", "plan", &new()), json!({"deploymentId": "release-1", "steps": [5, 25, 100]}));
    call(&function(world), &ask).await.expect("a plan")
}

fn act(plan: &Value, step: &Value) -> Value {
    let more = json!({"plan": plan, "step": step["step"], "weight": step["weight"], "known": {}});
    with(payload("checkout", "act", &new()), more)
}

fn step(plan: &Value, name: &str) -> Value {
    let all = [&plan["steps"], &plan["back"]].map(|steps| steps.as_array().expect("steps").clone()).concat();
    all.into_iter().find(|step| step["step"] == name).expect("the step")
}

/// Carries out the steps up to and with this one, and lets new tasks start.
async fn until(world: &World, plan: &Value, last: &str) {
    for step in plan["steps"].as_array().expect("steps") {
        call(&function(world), &act(plan, step)).await.expect("a report");
        if step["step"] == "create-green" {
            world.minutes(3);
        }
        if step["step"] == last {
            return;
        }
    }
}

#[tokio::test]
async fn a_plan_is_exactly_what_is_sent() {
    let world = World::start().await;
    let plan = planned(&world).await;
    assert_eq!(sent(&world), json!([]), "a plan changes nothing");
    assert_eq!((&plan["blueTaskSet"], &plan["productionTasks"]), (&json!(blue(&world)), &json!(4)));
    world.sandbox().clear_calls();
    until(&world, &plan, "resume").await;
    let calls: Vec<_> =
        plan["steps"].as_array().unwrap().iter().flat_map(|step| step["calls"].as_array().unwrap()).collect();
    assert_eq!(calls.len(), 9);
    let expected = json!(calls).to_string().replace("{greenTaskSet}", &primary(&world));
    assert_eq!(sent(&world), serde_json::from_str::<Value>(&expected).unwrap());
    world.minutes(3);
    let again = with(payload("checkout", "plan", &new()), json!({"deploymentId": "release-2"}));
    let error = call(&function(&world), &again).await.unwrap_err();
    assert_eq!(error.name(), "Ops.NotApplicable", "it runs already");
}

fn sets(world: &World) -> Vec<Value> {
    let state = world.sandbox().state();
    let services = state["services"].as_array().unwrap();
    let checkout = services.iter().find(|service| service["name"] == "checkout").unwrap();
    checkout["taskSets"].as_array().unwrap().clone()
}

fn primary(world: &World) -> String {
    let found = sets(world).into_iter().find(|set| set["status"] == "PRIMARY").unwrap();
    found["id"].as_str().unwrap().to_owned()
}

fn blue(world: &World) -> String {
    primary(world)
}

/// Each call is once lost on its way there, and once its answer on the way back.
#[tokio::test]
async fn a_step_that_was_cut_off_at_any_call_is_finished_and_not_repeated() {
    for applied in [false, true] {
        let world = World::start().await;
        let plan = planned(&world).await;
        for step in plan["steps"].as_array().unwrap() {
            let planned = step["calls"].as_array().unwrap();
            for planned in planned {
                world.sandbox().clear_calls();
                let service = planned["service"].as_str().unwrap().replace("elasticloadbalancing", "elbv2");
                let mut fault = Fault::new(&service, planned["operation"].as_str().unwrap(), FaultKind::Timeout);
                fault.applied = applied;
                fault.latency_ms = Some(50);
                world.sandbox().inject(fault).unwrap();
                let act = act(&plan, step);
                let error = call(&function(&world), &act).await.unwrap_err();
                assert_eq!(error.name(), "Ops.DependencyUnavailable", "{error}");
                let report = call(&function(&world), &act).await.unwrap();
                assert_eq!(report["performed"], u32::from(!applied), "{} {report}", step["step"]);
                assert_eq!(sent(&world).as_array().unwrap().len(), if applied { 1 } else { 2 });
                let report = call(&function(&world), &act).await.unwrap();
                assert_eq!((&report["performed"], &report["alreadyDone"]), (&json!(0), &json!(1)));
                if step["step"] == "create-green" {
                    assert!(report["known"]["greenTaskSet"].as_str().unwrap().starts_with("ecs-svc/"), "{report}");
                    world.minutes(3);
                }
            }
        }
    }
}

#[tokio::test]
async fn the_way_back_restores_capacity_before_traffic() {
    let world = World::start().await;
    let plan = planned(&world).await;
    until(&world, &plan, "promote").await;
    let half = json!({"cluster": "production", "service": "checkout", "taskSet": plan["blueTaskSet"],
        "scale": {"value": 50, "unit": "PERCENT"}});
    send(&world, "AmazonEC2ContainerServiceV20141113.UpdateTaskSet", half).await;
    world.minutes(2);
    let restore = act(&plan, &step(&plan, "restore-capacity"));
    let error = call(&function(&world), &restore).await.unwrap_err();
    assert_eq!(error.name(), "Ops.ResourceBusy", "{error}");
    assert!(error.message().starts_with("2 of the old revision's 4 tasks run"), "{error}");
    world.minutes(3);
    let report = call(&function(&world), &restore).await.unwrap();
    assert_eq!((&report["performed"], &report["alreadyDone"]), (&json!(0), &json!(2)));
    let report = call(&function(&world), &act(&plan, &step(&plan, "shift-back"))).await.unwrap();
    assert_eq!((&report["performed"], &report["warnings"]), (&json!(2), &json!([])));
    for name in ["retire-green", "resume"] {
        call(&function(&world), &act(&plan, &step(&plan, name))).await.unwrap();
    }
    world.minutes(3);
    assert_eq!((primary(&world), sets(&world).len()), (plan["blueTaskSet"].as_str().unwrap().to_owned(), 1));
}

#[tokio::test]
async fn going_back_to_an_unhealthy_revision_is_said() {
    let world = World::start().await;
    let plan = planned(&world).await;
    until(&world, &plan, "shift").await;
    // The oldest tasks are the old revision's.
    world.sandbox().hang("checkout", 2).unwrap();
    world.minutes(2);
    let report = call(&function(&world), &act(&plan, &step(&plan, "shift-back"))).await.unwrap();
    let warning = report["warnings"][0].as_str().unwrap();
    assert!(warning.starts_with("the old revision is not healthy itself: 2 of 4 targets are"), "{warning}");
    assert_eq!(report["performed"], 1, "the traffic goes back all the same");
}

#[tokio::test]
async fn traffic_goes_back_to_whoever_answers_and_without_autoscaling() {
    let world = World::start().await;
    let plan = planned(&world).await;
    until(&world, &plan, "promote").await;
    let back = act(&plan, &step(&plan, "shift-back"));
    let mut down = Fault::new("application-autoscaling", "*", FaultKind::Error);
    down.count = 1_000;
    world.sandbox().inject(down).unwrap();
    let error = call(&function(&world), &act(&plan, &step(&plan, "resume"))).await.unwrap_err();
    assert_eq!(error.name(), "Ops.DependencyUnavailable", "{error}");
    let size = async |percent: u32| {
        let scale = json!({"cluster": "production", "service": "checkout", "taskSet": plan["blueTaskSet"],
            "scale": {"value": percent, "unit": "PERCENT"}});
        send(&world, "AmazonEC2ContainerServiceV20141113.UpdateTaskSet", scale).await;
        world.minutes(3);
    };
    size(0).await;
    let error = call(&function(&world), &back).await.unwrap_err();
    assert_eq!(error.name(), "Ops.ResourceBusy", "{error}");
    size(25).await;
    let report = call(&function(&world), &back).await.unwrap();
    assert_eq!(report["performed"], 2, "{report}");
    let warning = report["warnings"][0].as_str().unwrap();
    assert!(warning.contains("1 of 4 targets are"), "{warning}");
}

#[tokio::test]
async fn what_a_person_has_suspended_meanwhile_is_left_alone() {
    let world = World::start().await;
    let plan = planned(&world).await;
    until(&world, &plan, "freeze").await;
    let person = json!({"ServiceNamespace": "ecs", "ResourceId": "service/production/checkout",
        "ScalableDimension": "ecs:service:DesiredCount", "SuspendedState": {"DynamicScalingInSuspended": true,
        "DynamicScalingOutSuspended": true, "ScheduledScalingSuspended": true}});
    send(&world, "AnyScaleFrontendService.RegisterScalableTarget", person).await;
    world.sandbox().clear_calls();
    let report = call(&function(&world), &act(&plan, &step(&plan, "resume"))).await.unwrap();
    assert_eq!((&report["performed"], &report["alreadyDone"]), (&json!(0), &json!(1)));
    let warning = report["warnings"][0].as_str().unwrap();
    assert!(warning.contains("somebody has changed what autoscaling"), "{warning}");
    assert_eq!(sent(&world), json!([]));
}

#[tokio::test]
async fn traffic_goes_nowhere_where_nobody_answers() {
    let world = World::start().await;
    let plan = planned(&world).await;
    let shift = act(&plan, &step(&plan, "shift"));
    let error = call(&function(&world), &shift).await.unwrap_err();
    assert_eq!(error.name(), "Ops.UnhealthyTarget", "{error}");
    let error = call(&function(&world), &act(&plan, &step(&plan, "promote"))).await.unwrap_err();
    assert_eq!(error.name(), "Ops.PreconditionFailed", "{error}");
}

#[tokio::test]
async fn what_is_not_its_own_is_refused() {
    let world = World::start().await;
    let plan = planned(&world).await;
    let mut foreign = plan.clone();
    foreign["steps"][7]["calls"][0]["parameters"]["service"] = json!("orders");
    let error = call(&function(&world), &act(&foreign, &step(&foreign, "retire"))).await.unwrap_err();
    assert_eq!(error.name(), "Ops.InvalidInput", "{error}");
    let ask = with(payload("orders", "plan", &new()), json!({"deploymentId": "release-1"}));
    assert_eq!(call(&function(&world), &ask).await.unwrap_err().name(), "Ops.NotApplicable");
    let mut other = act(&plan, &json!({"step": "shift", "weight": 50}));
    let error = call(&function(&world), &other).await.unwrap_err();
    assert!(error.message().contains("no step \"shift\" with weight 50"), "{error}");
    other["operation"] = json!("undo");
    assert_eq!(call(&function(&world), &other).await.unwrap_err().name(), "Ops.InvalidInput");
    assert_eq!(sent(&world), json!([]));
}
