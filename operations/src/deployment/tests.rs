use super::command::{Awsvpc, LoadBalancer, Network, Suspended, Template};
use super::plan::{Wanted, plan};
use super::*;
use crate::call::Call;
use crate::catalogue::{Entry, tests as samples};
use crate::error::{Error, Kind};
use crate::snapshot::Targets;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const NEW: &str = "arn:aws:ecs:us-east-1:123456789012:task-definition/checkout:62";
const WANTED: Wanted<'_> = Wanted { task_definition: NEW, deployment_id: "release-1", steps: &[5, 100] };
const BLUE: &str = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/checkout-blue/10";
const GREEN_GROUP: &str = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/checkout-green/11";

fn entry() -> Entry {
    samples::entry(samples::checkout())
}

fn own(entry: &Entry) -> Own<'_> {
    Own {
        cluster: "production",
        service: "checkout",
        resource_id: "service/production/checkout",
        deployment: entry.deployment().unwrap(),
    }
}

fn route(group: &str) -> Route {
    Route { weights: BTreeMap::from([(group.to_owned(), 100)]), ..Route::default() }
}

fn healthy(count: u32) -> Targets {
    Targets { healthy: count, ..Targets::default() }
}

fn observed() -> Observed {
    let template = Template {
        launch_type: Some("FARGATE".into()),
        network_configuration: Some(Network {
            awsvpc_configuration: Awsvpc {
                subnets: vec!["subnet-1".into()],
                security_groups: vec!["sg-1".into()],
                assign_public_ip: "DISABLED".into(),
            },
        }),
        load_balancers: vec![LoadBalancer {
            target_group_arn: BLUE.into(),
            container_name: "app".into(),
            container_port: 8080,
        }],
        ..Template::default()
    };
    let blue = TaskSet {
        id: "ecs-svc/1".into(),
        status: "PRIMARY".into(),
        external_id: Some("release-0".into()),
        task_definition: "arn:aws:ecs:us-east-1:123456789012:task-definition/checkout:61".into(),
        desired: 4,
        running: 4,
        created_at: None,
        scale: 100.0,
        template,
    };
    Observed {
        status: "ACTIVE".into(),
        desired: 4,
        task_sets: vec![blue],
        production: route(BLUE),
        test: route(BLUE),
        scaling: Some(Scaling::default()),
        targets: BTreeMap::from([(BLUE.into(), healthy(4)), (GREEN_GROUP.into(), Targets::default())]),
    }
}

/// What the calls do to the world.
fn send(world: &mut Observed, command: &Command, own: &Own<'_>) {
    match command {
        Command::Suspend(it) => world.scaling = Some(Scaling { suspended: it.suspended_state }),
        Command::Create(it) => {
            world.targets.insert(GREEN_GROUP.into(), healthy(world.desired));
            world.task_sets.push(TaskSet {
                id: "ecs-svc/2".into(),
                status: "ACTIVE".into(),
                external_id: Some(it.external_id.clone()),
                task_definition: it.task_definition.clone(),
                desired: world.desired,
                running: world.desired,
                created_at: None,
                scale: it.scale.value,
                template: it.template.clone(),
            });
        }
        Command::Forward(it) => {
            let route = if it.arn == own.production() { &mut world.production } else { &mut world.test };
            route.weights = it.weights.iter().cloned().collect();
        }
        Command::Scale(it) => {
            let set = world.task_sets.iter_mut().find(|set| set.id == it.task_set).unwrap();
            set.scale = it.scale.value;
            set.running = set.desired;
        }
        Command::Desire(it) => world.desired = it.desired_count,
        Command::Promote(it) => {
            for set in &mut world.task_sets {
                let chosen = set.id == it.primary_task_set;
                set.status = if chosen { "PRIMARY" } else { "ACTIVE" }.to_owned();
            }
        }
        Command::Delete(it) => world.task_sets.retain(|set| set.id != it.task_set),
    }
}

/// Carries out a step as the function does; it dies before its `until`th call.
fn act(world: &mut Observed, plan: &Plan, step: &Step, own: &Own<'_>, until: usize) -> Result<Vec<Call>, Error> {
    let seen = world.clone();
    let green = plan.green(&seen, &Known::default());
    let mut sent = Vec::new();
    for (command, call) in plan.commands(step, green.as_deref(), own)? {
        if let Need::Send(_) = need(step.step, &command, &seen, own)? {
            if sent.len() == until {
                break;
            }
            send(world, &command, own);
            sent.push(call);
        }
    }
    Ok(sent)
}

fn planned(observed: &Observed) -> Plan {
    plan(&WANTED, observed, &own(&entry())).unwrap()
}

#[test]
fn the_whole_release_is_written_down() {
    let plan = planned(&observed());
    insta::assert_json_snapshot!("plan", plan);
    let read = Plan::of_payload(&json!({"plan": plan})).unwrap();
    assert_eq!(read, plan);
}

#[test]
fn forward_everything_is_sent_once_and_in_the_plans_order() {
    let entry = entry();
    let own = own(&entry);
    let mut world = observed();
    let plan = planned(&world);
    let mut sent = Vec::new();
    for step in &plan.steps {
        sent.extend(act(&mut world, &plan, step, &own, usize::MAX).unwrap());
        assert_eq!(act(&mut world, &plan, step, &own, usize::MAX).unwrap(), [], "{:?} again", step.step);
    }
    let text = json!(plan.steps.iter().flat_map(|step| &step.calls).collect::<Vec<_>>()).to_string();
    assert_eq!(json!(sent).to_string(), text.replace(GREEN, "ecs-svc/2"));
    assert_eq!(world.primary().unwrap().task_definition, NEW);
    assert_eq!(world.production.used(), BTreeMap::from([(GREEN_GROUP, 100)]));
    assert_eq!(world.scaling, Some(Scaling::default()));
    assert_eq!(world.task_sets.len(), 1);
}

#[test]
fn a_release_that_is_there_or_not_possible_is_refused_by_name() {
    let entry = entry();
    let refused = |change: &dyn Fn(&mut Observed)| {
        let mut observed = observed();
        change(&mut observed);
        plan(&WANTED, &observed, &own(&entry)).unwrap_err().kind()
    };
    assert_eq!(refused(&|world| world.status = "DRAINING".into()), Kind::PreconditionFailed);
    assert_eq!(refused(&|world| world.task_sets.clear()), Kind::PreconditionFailed);
    assert_eq!(refused(&|world| world.task_sets[0].task_definition = NEW.into()), Kind::NotApplicable);
    assert_eq!(refused(&|world| world.task_sets[0].running = 3), Kind::PreconditionFailed);
    assert_eq!(refused(&|world| world.production.other_actions = true), Kind::PreconditionFailed);
    assert_eq!(refused(&|world| world.task_sets[0].template.load_balancers.clear()), Kind::ConfigInvalid);
    let astray = |world: &mut Observed| world.production = route(GREEN_GROUP);
    assert_eq!(refused(&astray), Kind::PreconditionFailed, "traffic goes past the primary task set");
    let other = |world: &mut Observed| {
        let second = TaskSet { id: "ecs-svc/9".into(), status: "ACTIVE".into(), ..world.task_sets[0].clone() };
        world.task_sets.push(second);
    };
    assert_eq!(refused(&other), Kind::DeploymentInProgress);
}

#[test]
fn a_plan_made_again_after_the_task_set_was_created_is_the_same() {
    let entry = entry();
    let own = own(&entry);
    let mut world = observed();
    let before = planned(&world);
    act(&mut world, &before, before.step(StepName::CreateGreen, None).unwrap(), &own, usize::MAX).unwrap();
    assert_eq!(planned(&world), before);
}

#[test]
fn what_serves_is_not_deleted() {
    let entry = entry();
    let own = own(&entry);
    let mut world = observed();
    let plan = planned(&world);
    let mut go = |name, weight| act(&mut world, &plan, plan.step(name, weight).unwrap(), &own, usize::MAX);
    go(StepName::CreateGreen, None).unwrap();
    assert_eq!(go(StepName::Retire, None).unwrap_err().kind(), Kind::PreconditionFailed, "blue is primary");
    go(StepName::Promote, None).unwrap();
    let error = go(StepName::Retire, None).unwrap_err();
    assert!(error.message().contains("has production traffic (weight 100)"), "{error}");
    go(StepName::Shift, Some(5)).unwrap();
    assert_eq!(go(StepName::RetireGreen, None).unwrap_err().kind(), Kind::PreconditionFailed);
}

#[test]
fn a_way_back_from_nothing_finds_nothing_to_do() {
    let entry = entry();
    let own = own(&entry);
    let mut world = observed();
    let plan = planned(&world);
    for step in &plan.back {
        assert_eq!(act(&mut world, &plan, step, &own, usize::MAX).unwrap(), [], "{:?}", step.step);
    }
    assert_eq!(world, observed());
    let promote = plan.step(StepName::Promote, None).unwrap();
    let error = act(&mut world, &plan, promote, &own, usize::MAX).unwrap_err();
    assert_eq!(error.kind(), Kind::PreconditionFailed, "{error}");
}

#[test]
fn a_plan_that_was_tampered_with_is_refused() {
    let entry = entry();
    let own = own(&entry);
    let plan = planned(&observed());
    let refused = |name: StepName, weight: Option<u32>, pointer: &str, value: Value| {
        let mut step = plan.step(name, weight).unwrap().clone();
        let mut parameters = step.calls[0].parameters.clone();
        *parameters.pointer_mut(pointer).unwrap() = value;
        step.calls[0].parameters = parameters;
        let error = plan.commands(&step, Some("ecs-svc/2"), &own).unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidInput);
        error.message().to_owned()
    };
    let message = refused(StepName::Retire, None, "/service", json!("billing"));
    assert!(message.contains("must be of service checkout in cluster production"), "{message}");
    let message = refused(StepName::Retire, None, "/taskSet", json!("ecs-svc/2"));
    assert!(message.contains("which this step does not send"), "{message}");
    refused(StepName::Freeze, None, "/ResourceId", json!("service/production/billing"));
    refused(StepName::Freeze, None, "/SuspendedState/DynamicScalingInSuspended", json!(false));
    refused(StepName::Shift, Some(5), "/RuleArn", json!("arn:aws:x:listener-rule/other"));
    let group = "/Actions/0/ForwardConfig/TargetGroups/1/TargetGroupArn";
    refused(StepName::Shift, Some(5), group, json!("arn:aws:x:targetgroup/other/1"));
    let mut step = plan.step(StepName::CreateGreen, None).unwrap().clone();
    step.calls[0].parameters["enableExecuteCommand"] = json!(true);
    let error = plan.commands(&step, None, &own).unwrap_err();
    assert!(error.message().contains("may not carry"), "{error}");
    step.calls[0] = Call::new("ecs", "DeleteService", json!({"service": "checkout"}));
    assert_eq!(plan.commands(&step, None, &own).unwrap_err().kind(), Kind::InvalidInput);
}

#[test]
fn floats_of_expressions_are_the_same_calls() {
    let entry = entry();
    let plan = planned(&observed());
    let mut step = plan.step(StepName::CreateGreen, None).unwrap().clone();
    step.calls[0].parameters["scale"]["value"] = json!(100.0);
    assert!(plan.commands(&step, None, &own(&entry)).is_ok());
}

#[test]
fn a_group_without_a_healthy_target_gets_no_traffic() {
    let entry = entry();
    let own = own(&entry);
    let mut world = observed();
    let plan = planned(&world);
    let shift = plan.step(StepName::Shift, Some(5)).unwrap();
    let (Command::Forward(forward), _) = plan.commands(shift, None, &own).unwrap().remove(0) else { panic!() };
    let error = need::serving(&forward, &world).unwrap_err();
    assert_eq!(error.kind(), Kind::UnhealthyTarget);
    assert!(error.message().contains(GREEN_GROUP), "{error}");
    world.targets.insert(GREEN_GROUP.into(), healthy(1));
    need::serving(&forward, &world).unwrap();
}

#[test]
fn what_was_suspended_before_stays_suspended() {
    let mut world = observed();
    let out = Suspended { dynamic_scaling_out_suspended: true, ..Suspended::default() };
    world.scaling = Some(Scaling { suspended: out });
    let plan = planned(&world);
    let state = |name| plan.step(name, None).unwrap().calls[0].parameters["SuspendedState"].clone();
    assert_eq!(state(StepName::Freeze)["DynamicScalingOutSuspended"], true);
    assert_eq!(state(StepName::Resume)["DynamicScalingOutSuspended"], true);
    assert_eq!(state(StepName::Resume)["DynamicScalingInSuspended"], false);
    world.scaling = None;
    let plan = planned(&world);
    assert!(plan.step(StepName::Freeze, None).unwrap().calls.is_empty());
}

#[test]
fn only_what_freeze_has_set_is_taken_back() {
    let entry = entry();
    let own = own(&entry);
    let plan = planned(&observed());
    let resume = plan.step(StepName::Resume, None).unwrap();
    let (command, _) = plan.commands(resume, None, &own).unwrap().remove(0);
    let found = |scaling: Option<Suspended>| {
        let world = Observed { scaling: scaling.map(|suspended| Scaling { suspended }), ..observed() };
        need(StepName::Resume, &command, &world, &own).unwrap()
    };
    let frozen = Suspended::default().frozen();
    assert_eq!(found(None), Need::Done(Value::Null), "autoscaling was removed meanwhile");
    assert_eq!(found(Some(Suspended::default())), Need::Done(json!(Suspended::default())));
    assert_eq!(found(Some(frozen)), Need::Send(json!(frozen)));
    for other in [
        Suspended { dynamic_scaling_out_suspended: true, ..Suspended::default() },
        Suspended { scheduled_scaling_suspended: true, ..frozen },
    ] {
        let Need::Left(before, reason) = found(Some(other)) else { panic!("{other:?} is a person's") };
        assert_eq!(before, json!(other));
        assert!(reason.contains("somebody has changed"), "{reason}");
    }
}

proptest! {
    /// Stopped at any call of any step of the way forward, repeated or not, and then sent back, killed anywhere there
    /// too: blue has the traffic, is primary, and green is gone; no call is sent whose effect is there.
    #[test]
    fn the_way_back_works_from_everywhere(
        stop in 0usize..7, kills in proptest::collection::vec(0usize..3, 24), scaled_in: bool
    ) {
        let entry = entry();
        let own = own(&entry);
        let mut world = observed();
        let plan = planned(&world);
        let mut kills = kills.into_iter();
        // Everything up to the retirement of blue; behind that there is no way back.
        let forward = plan.steps.iter().take_while(|step| step.step != StepName::Retire);
        for step in forward.take(stop) {
            let _ = act(&mut world, &plan, step, &own, kills.next().unwrap_or(9));
            let _ = act(&mut world, &plan, step, &own, kills.next().unwrap_or(9));
        }
        if scaled_in {
            world.desired = 2;
            world.task_sets[0].scale = 50.0;
        }
        for step in &plan.back {
            let first = act(&mut world, &plan, step, &own, kills.next().unwrap_or(9)).unwrap();
            let rest = act(&mut world, &plan, step, &own, usize::MAX).unwrap();
            prop_assert!(first.len() + rest.len() <= step.calls.len());
            prop_assert!(rest.iter().all(|call| !first.contains(call)), "sent twice");
            prop_assert_eq!(act(&mut world, &plan, step, &own, usize::MAX).unwrap(), []);
        }
        let before = observed();
        prop_assert_eq!(world.production.used(), before.production.used());
        prop_assert_eq!(world.test.used(), before.test.used());
        prop_assert_eq!(world.task_sets, before.task_sets);
        prop_assert_eq!(world.scaling, before.scaling);
        prop_assert_eq!(world.desired, 4);
    }
}
