//! `checkout`: task sets and listener rules in somebody else's hands.

use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace, SuspendedState};
use aws_sdk_ecs::error::ProvideErrorMetadata;
use aws_sdk_ecs::types::{LoadBalancer, Scale, ScaleUnit, StabilityStatus, TaskSet};
use aws_sdk_elasticloadbalancingv2::types::{Action, ActionTypeEnum, ForwardActionConfig, TargetGroupTuple};
use sandbox::Sandbox;

use crate::common::{pass, sandbox, sdk};
use crate::{balancer_arn, define, service_state};

const RULE: &str = "listener-rule/app/production/50dc6c495c0c9188/c0ffee10a1b2c301/d15ea5e0a1b2c301";
const LISTENER: &str = "listener/app/production/50dc6c495c0c9188/c0ffee10a1b2c301";
const TEST_LISTENER: &str = "listener/app/production/50dc6c495c0c9188/c0ffee10a1b2c302";
const BLUE: &str = "targetgroup/checkout-blue/8c1f0b6d2e9a4710";
const GREEN: &str = "targetgroup/checkout-green/8c1f0b6d2e9a4711";

fn ecs(sandbox: &Sandbox) -> aws_sdk_ecs::Client {
    aws_sdk_ecs::Client::new(&sdk(&sandbox.url()))
}

fn elbv2(sandbox: &Sandbox) -> aws_sdk_elasticloadbalancingv2::Client {
    aws_sdk_elasticloadbalancingv2::Client::new(&sdk(&sandbox.url()))
}

/// A forward action with so much weight on green.
fn forward(green: i32) -> Action {
    let group =
        |arn: &str, weight: i32| TargetGroupTuple::builder().target_group_arn(balancer_arn(arn)).weight(weight).build();
    let config =
        ForwardActionConfig::builder().target_groups(group(BLUE, 100 - green)).target_groups(group(GREEN, green));
    Action::builder().r#type(ActionTypeEnum::Forward).forward_config(config.build()).build()
}

async fn create(sandbox: &Sandbox, definition: &str, token: &str) -> TaskSet {
    let balancer = LoadBalancer::builder()
        .target_group_arn(balancer_arn(GREEN))
        .container_name("checkout")
        .container_port(8080)
        .build();
    let scale = Scale::builder().value(100.0).unit(ScaleUnit::Percent).build();
    let create = ecs(sandbox).create_task_set().cluster("production").service("checkout").task_definition(definition);
    let create = create.load_balancers(balancer).scale(scale).client_token(token).external_id("release-1");
    create.send().await.unwrap().task_set.unwrap()
}

#[tokio::test]
async fn a_release_by_task_sets_from_creation_to_retirement() {
    let sandbox = sandbox().await;
    let (ecs, elbv2) = (ecs(&sandbox), elbv2(&sandbox));
    let described = ecs.describe_services().cluster("production").services("checkout").send().await.unwrap();
    let service = &described.services()[0];
    assert_eq!(service.deployment_controller().unwrap().r#type().as_str(), "EXTERNAL");
    assert!(service.deployments().is_empty() && service.task_definition().is_none());
    let blue = service.task_sets()[0].clone();
    assert_eq!((blue.status(), blue.computed_desired_count()), (Some("PRIMARY"), 4));
    assert_eq!(blue.load_balancers()[0].target_group_arn(), Some(balancer_arn(BLUE).as_str()));

    let created = create(&sandbox, "checkout:62", "token-1").await;
    assert_eq!((created.status(), created.external_id()), (Some("ACTIVE"), Some("release-1")));
    assert_eq!(created.stability_status(), Some(&StabilityStatus::Stabilizing));
    let id = created.id().unwrap();
    assert_eq!(create(&sandbox, "checkout:62", "token-1").await.id(), Some(id), "the token makes it idempotent");
    pass(&sandbox, 120);
    let sets = ecs.describe_task_sets().cluster("production").service("checkout").task_sets(id).task_sets("gone");
    let sets = sets.send().await.unwrap();
    assert_eq!(sets.failures()[0].reason(), Some("MISSING"));
    assert_eq!(sets.task_sets()[0].stability_status(), Some(&StabilityStatus::SteadyState));
    assert_eq!((sets.task_sets()[0].running_count(), sets.task_sets()[0].pending_count()), (4, 0));
    let tasks = ecs.list_tasks().cluster("production").service_name("checkout").started_by(id).send().await.unwrap();
    assert_eq!(tasks.task_arns().len(), 4);
    let health = elbv2.describe_target_health().target_group_arn(balancer_arn(GREEN)).send().await.unwrap();
    assert_eq!(health.target_health_descriptions().len(), 4);

    let test = elbv2.modify_listener().listener_arn(balancer_arn(TEST_LISTENER)).default_actions(forward(100));
    test.send().await.unwrap();
    let shifted = elbv2.modify_rule().rule_arn(balancer_arn(RULE)).actions(forward(25)).send().await.unwrap();
    assert_eq!(shifted.rules()[0].priority(), Some("10"));
    let rules = elbv2.describe_rules().listener_arn(balancer_arn(LISTENER)).send().await.unwrap();
    assert_eq!((rules.rules().len(), rules.rules()[1].is_default()), (2, Some(true)));
    let groups = rules.rules()[0].actions()[0].forward_config().unwrap().target_groups();
    assert_eq!(groups.iter().map(|group| group.weight()).collect::<Vec<_>>(), [Some(75), Some(25)]);
    assert_eq!(service_state(&sandbox, "checkout")["taskSets"][1]["productionPercent"], 25.0);

    let promote = ecs.update_service_primary_task_set().cluster("production").service("checkout").primary_task_set(id);
    assert_eq!(promote.send().await.unwrap().task_set().unwrap().status(), Some("PRIMARY"));
    elbv2.modify_rule().rule_arn(balancer_arn(RULE)).actions(forward(100)).send().await.unwrap();
    let delete = || {
        let set = blue.task_set_arn().unwrap();
        ecs.delete_task_set().cluster("production").service("checkout").task_set(set)
    };
    assert!(delete().send().await.unwrap_err().message().unwrap().contains("scaled to 0"));
    let down = Scale::builder().value(0.0).unit(ScaleUnit::Percent).build();
    let down = ecs.update_task_set().cluster("production").service("checkout").task_set(blue.id().unwrap()).scale(down);
    assert_eq!(down.send().await.unwrap().task_set().unwrap().computed_desired_count(), 0);
    assert_eq!(delete().send().await.unwrap().task_set().unwrap().status(), Some("DRAINING"));
    pass(&sandbox, 60);
    let state = service_state(&sandbox, "checkout");
    assert_eq!((state["taskSets"].as_array().unwrap().len(), &state["running"]), (1, &serde_json::json!(4)));
    assert!(delete().send().await.unwrap_err().into_service_error().is_task_set_not_found_exception());
    sandbox.shutdown().await;
}

#[tokio::test]
async fn what_task_sets_and_their_services_refuse() {
    let sandbox = sandbox().await;
    let ecs = ecs(&sandbox);
    let update = |service: &str| ecs.update_service().cluster("production").service(service);
    let external = update("checkout").task_definition("checkout:62").send().await.unwrap_err();
    assert_eq!(external.code(), Some("InvalidParameterException"));
    assert!(external.message().unwrap().contains("EXTERNAL deployment controller"));
    for refused in [update("orders").task_definition("orders:88"), update("orders").force_new_deployment(true)] {
        let refused = refused.send().await.unwrap_err();
        assert!(refused.message().unwrap().contains("Use AWS CodeDeploy to trigger a new deployment"));
    }
    let counted = update("orders").desired_count(5).send().await.unwrap();
    assert_eq!(counted.service().unwrap().desired_count(), 5);
    pass(&sandbox, 60);
    assert_eq!(service_state(&sandbox, "orders")["running"], 5, "the desired count may be changed");
    let primary = ecs.describe_task_sets().cluster("production").service("checkout").send().await.unwrap();
    let primary = primary.task_sets()[0].id().unwrap().to_owned();
    let delete = ecs.delete_task_set().cluster("production").service("checkout").task_set(primary).force(true);
    assert!(delete.send().await.unwrap_err().message().unwrap().contains("primary"));
    let foreign = ecs.create_task_set().cluster("production").service("orders").task_definition("orders:88");
    assert!(foreign.send().await.unwrap_err().message().unwrap().contains("EXTERNAL"));
    let native = ecs.describe_task_sets().cluster("production").service("search").send().await.unwrap_err();
    assert_eq!(native.code(), Some("InvalidParameterException"));
    let elbv2 = elbv2(&sandbox);
    let gone = elbv2.modify_rule().rule_arn(balancer_arn("listener-rule/x")).actions(forward(5)).send().await;
    assert!(gone.unwrap_err().into_service_error().is_rule_not_found_exception());
    let gone = elbv2.describe_listeners().listener_arns(balancer_arn("listener/x")).send().await.unwrap_err();
    assert!(gone.into_service_error().is_listener_not_found_exception());
    let heavy = elbv2.modify_rule().rule_arn(balancer_arn(RULE)).actions(forward(-900)).send().await.unwrap_err();
    assert!(heavy.message().unwrap().contains("between 0 and 999"));
    let all =
        elbv2.describe_listeners().load_balancer_arn(balancer_arn("loadbalancer/app/production/50dc6c495c0c9188"));
    assert_eq!(all.send().await.unwrap().listeners().len(), 6);
    let groups = elbv2.describe_target_groups().names("checkout-green").names("api").send().await.unwrap();
    assert_eq!(groups.target_groups().len(), 2);
    let balancers = elbv2.describe_load_balancers().names("production").send().await.unwrap();
    assert_eq!(balancers.load_balancers()[0].availability_zones().len(), 3);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_frozen_scalable_target_keeps_blue_and_growth_reaches_every_set() {
    let sandbox = sandbox().await;
    let scaling = aws_sdk_applicationautoscaling::Client::new(&sdk(&sandbox.url()));
    let frozen = SuspendedState::builder().dynamic_scaling_in_suspended(true).build();
    let register = scaling.register_scalable_target().service_namespace(ServiceNamespace::Ecs);
    let register = register.resource_id("service/production/checkout").min_capacity(6).suspended_state(frozen);
    register.scalable_dimension(ScalableDimension::EcsServiceDesiredCount).send().await.unwrap();
    let targets = scaling.describe_scalable_targets().service_namespace(ServiceNamespace::Ecs);
    let targets = targets.resource_ids("service/production/checkout").send().await.unwrap();
    let target = &targets.scalable_targets()[0];
    assert_eq!((target.min_capacity(), target.max_capacity()), (6, 12));
    let state = target.suspended_state().unwrap();
    let suspended = (state.dynamic_scaling_in_suspended(), state.dynamic_scaling_out_suspended());
    assert_eq!(suspended, (Some(true), Some(false)), "a member that is left out stays");
    create(&sandbox, "checkout:62", "t").await;
    pass(&sandbox, 120);
    let state = service_state(&sandbox, "checkout");
    assert_eq!((&state["taskSets"][0]["healthy"], &state["taskSets"][1]["healthy"]), (&6.into(), &6.into()));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn task_definitions_are_registered_with_the_next_revision() {
    let sandbox = sandbox().await;
    let arn = define(&sandbox, "checkout", "bad-crash").await;
    assert!(arn.ends_with("task-definition/checkout:63"), "{arn}");
    let ecs = ecs(&sandbox);
    let described = ecs.describe_task_definition().task_definition(&arn).send().await.unwrap();
    let definition = described.task_definition().unwrap();
    let container = &definition.container_definitions()[0];
    assert!(container.image().unwrap().ends_with("/checkout:bad-crash"));
    assert_eq!((container.secrets().len(), definition.cpu(), definition.memory()), (2, Some("1024"), Some("2048")));
    assert!(container.log_configuration().unwrap().options().unwrap()["awslogs-group"].ends_with("/checkout"));
    let platform = definition.runtime_platform().unwrap().cpu_architecture().unwrap();
    assert_eq!(platform.as_str(), "ARM64");
    let id = create(&sandbox, &arn, "t").await.id().unwrap().to_owned();
    pass(&sandbox, 300);
    let set = ecs.describe_task_sets().cluster("production").service("checkout").task_sets(id).send().await.unwrap();
    assert_eq!(set.task_sets()[0].stability_status(), Some(&StabilityStatus::Stabilizing), "its tasks crash");
    let no_containers = ecs.register_task_definition().family("checkout").set_container_definitions(Some(vec![]));
    assert_eq!(no_containers.send().await.unwrap_err().code(), Some("ClientException"));
    sandbox.shutdown().await;
}
