//! `orders`: blue/green by CodeDeploy, with hooks that somebody answers.

use aws_sdk_codedeploy::Client;
use aws_sdk_codedeploy::error::ProvideErrorMetadata;
use aws_sdk_codedeploy::types::{
    AppSpecContent, DeploymentCreator, DeploymentStatus, DeploymentWaitType, EcsTarget, ErrorCode,
    LifecycleEventStatus, RevisionLocation, RevisionLocationType, StopStatus,
};
use sandbox::Sandbox;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::common::{call, pass, sandbox, sdk};
use crate::stub::Stub;
use crate::{define, service_state};

fn client(sandbox: &Sandbox) -> Client {
    Client::new(&sdk(&sandbox.url()))
}

fn appspec(definition: &str, hooks: &[(&str, &str)]) -> String {
    let hooks: Vec<Value> = hooks.iter().map(|(event, function)| json!({ *event: function })).collect();
    let balancer = json!({ "ContainerName": "orders", "ContainerPort": 8080 });
    let properties = json!({ "TaskDefinition": definition, "LoadBalancerInfo": balancer });
    let resource = json!({ "TargetService": { "Type": "AWS::ECS::Service", "Properties": properties } });
    json!({ "version": 0.0, "Resources": [resource], "Hooks": hooks }).to_string()
}

fn revision(content: &str, sha256: &str) -> RevisionLocation {
    let content = AppSpecContent::builder().content(content).sha256(sha256).build();
    RevisionLocation::builder().revision_type(RevisionLocationType::AppSpecContent).app_spec_content(content).build()
}

async fn deploy(client: &Client, definition: &str, hooks: &[(&str, &str)], config: &str) -> String {
    let content = appspec(definition, hooks);
    let digest = hex::encode(Sha256::digest(&content));
    let create = client.create_deployment().application_name("orders").deployment_group_name("orders");
    let create = create.revision(revision(&content, &digest)).deployment_config_name(config);
    create.send().await.unwrap().deployment_id.unwrap()
}

async fn target(client: &Client, id: &str) -> EcsTarget {
    let ids = client.list_deployment_targets().deployment_id(id).send().await.unwrap();
    let targets = client.batch_get_deployment_targets().deployment_id(id).set_target_ids(ids.target_ids);
    targets.send().await.unwrap().deployment_targets()[0].ecs_target.clone().unwrap()
}

fn in_progress(target: &EcsTarget) -> Option<String> {
    let events = target.lifecycle_events().iter();
    let mut open = events.filter(|event| event.status() == Some(&LifecycleEventStatus::InProgress));
    open.next().and_then(|event| event.lifecycle_event_name().map(str::to_owned))
}

/// Lets time pass, second by second, until the stub has got so many invocations.
async fn until(sandbox: &Sandbox, stub: &Stub, invocations: usize) {
    for _ in 0..3_000 {
        if stub.seen().len() >= invocations {
            return;
        }
        pass(sandbox, 1);
        sandbox.settled().await;
    }
    panic!("{} invocations; {}", stub.seen().len(), sandbox.state()["releases"]);
}

async fn report(client: &Client, stub: &Stub, status: LifecycleEventStatus) {
    let event = stub.last().body;
    let put = client.put_lifecycle_event_hook_execution_status().status(status);
    let put = put.deployment_id(event["DeploymentId"].as_str().unwrap());
    let hook = event["LifecycleEventHookExecutionId"].as_str().unwrap();
    let answer = put.lifecycle_event_hook_execution_id(hook).send().await.unwrap();
    assert_eq!(answer.lifecycle_event_hook_execution_id(), Some(hook));
}

const HOOKS: [(&str, &str); 3] = [
    ("BeforeInstall", "validate-before-install"),
    ("AfterAllowTestTraffic", "arn:aws:lambda:us-east-1:123456789012:function:validate-test-traffic"),
    ("AfterAllowTraffic", "validate-production"),
];

#[tokio::test]
async fn a_deployment_lives_through_its_hooks_to_the_end() {
    let stub = Stub::start(|_| (202, json!(null))).await;
    let sandbox = sandbox().await;
    sandbox.connect(Some(stub.url.clone()), None);
    let client = client(&sandbox);
    let id = deploy(&client, "orders:88", &HOOKS, "CodeDeployDefault.ECSAllAtOnce").await;
    until(&sandbox, &stub, 1).await;
    let invocation = stub.last();
    assert_eq!(invocation.path, "/2015-03-31/functions/validate-before-install/invocations");
    assert!(invocation.head.contains("x-amz-invocation-type: event"));
    assert_eq!(invocation.body["DeploymentId"], json!(id));
    let before = target(&client, &id).await;
    assert_eq!((in_progress(&before).as_deref(), before.task_sets_info().len()), (Some("BeforeInstall"), 1));
    report(&client, &stub, LifecycleEventStatus::Succeeded).await;
    until(&sandbox, &stub, 2).await;
    assert_eq!(stub.last().path, "/2015-03-31/functions/validate-test-traffic/invocations");
    let ready = target(&client, &id).await;
    let labels: Vec<_> = ready.task_sets_info().iter().map(|set| set.task_set_label().unwrap().as_str()).collect();
    assert_eq!((labels, in_progress(&ready).as_deref()), (vec!["Blue", "Green"], Some("AfterAllowTestTraffic")));
    assert_eq!(ready.task_sets_info()[1].running_count(), 4);
    assert_eq!(service_state(&sandbox, "orders")["taskSets"][1]["testPercent"], 100.0);
    report(&client, &stub, LifecycleEventStatus::Succeeded).await;
    until(&sandbox, &stub, 3).await;
    assert_eq!(target(&client, &id).await.task_sets_info()[1].traffic_weight(), 100.0);
    report(&client, &stub, LifecycleEventStatus::Succeeded).await;
    pass(&sandbox, 5);
    let info = client.get_deployment().deployment_id(&id).send().await.unwrap().deployment_info.unwrap();
    assert_eq!(info.status(), Some(&DeploymentStatus::InProgress));
    assert!(info.instance_termination_wait_time_started(), "blue is kept");
    let end = client.continue_deployment().deployment_id(&id).deployment_wait_type(DeploymentWaitType::TerminationWait);
    end.send().await.unwrap();
    pass(&sandbox, 60);
    let info = client.get_deployment().deployment_id(&id).send().await.unwrap().deployment_info.unwrap();
    assert_eq!((info.status(), info.creator()), (Some(&DeploymentStatus::Succeeded), Some(&DeploymentCreator::User)));
    assert!(info.complete_time() > info.create_time());
    let events = target(&client, &id).await;
    assert!(events.lifecycle_events().iter().all(|event| event.status() == Some(&LifecycleEventStatus::Succeeded)));
    assert_eq!(events.lifecycle_events().len(), 8);
    let group = client.get_deployment_group().application_name("orders").deployment_group_name("orders");
    let group = group.send().await.unwrap().deployment_group_info.unwrap();
    assert_eq!(group.last_successful_deployment().unwrap().deployment_id(), Some(id.as_str()));
    let pair = &group.load_balancer_info().unwrap().target_group_pair_info_list()[0];
    assert_eq!((pair.target_groups().len(), pair.test_traffic_route().unwrap().listener_arns().len()), (2, 1));
    let kinds: Vec<Value> =
        sandbox.state()["serviceEvents"].as_array().unwrap().iter().map(|e| e["detail"]["state"].clone()).collect();
    assert_eq!(kinds, ["START", "SUCCESS"]);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_failed_hook_rolls_back_and_says_so_everywhere() {
    let stub = Stub::start(|_| (202, json!(null))).await;
    let sandbox = sandbox().await;
    sandbox.connect(Some(stub.url.clone()), None);
    let client = client(&sandbox);
    let bad = define(&sandbox, "orders", "bad-latency").await;
    let id = deploy(&client, &bad, &HOOKS[2..], "CodeDeployDefault.ECSCanary10Percent5Minutes").await;
    until(&sandbox, &stub, 1).await;
    report(&client, &stub, LifecycleEventStatus::Failed).await;
    pass(&sandbox, 60);
    let info = client.get_deployment().deployment_id(&id).send().await.unwrap().deployment_info.unwrap();
    assert_eq!(info.status(), Some(&DeploymentStatus::Failed));
    assert_eq!(info.error_information().unwrap().code(), Some(&ErrorCode::HookExecutionFailure));
    let back = info.rollback_info().unwrap().rollback_deployment_id().unwrap();
    let back = client.get_deployment().deployment_id(back).send().await.unwrap().deployment_info.unwrap();
    assert_eq!(back.creator(), Some(&DeploymentCreator::CodeDeployRollback));
    assert_eq!(back.status(), Some(&DeploymentStatus::Succeeded));
    let failed = target(&client, &id).await;
    let last = failed.lifecycle_events().last().unwrap();
    assert_eq!(last.status(), Some(&LifecycleEventStatus::Failed));
    assert!(last.diagnostics().unwrap().message().unwrap().contains("reported the status Failed"));
    let state = service_state(&sandbox, "orders");
    assert_eq!((state["taskSets"].as_array().unwrap().len(), &state["running"]), (1, &json!(4)));
    assert_eq!(state["taskSets"][0]["productionPercent"], 100.0);
    let listed = client.list_deployments().application_name("orders").deployment_group_name("orders");
    let listed = listed.include_only_statuses(DeploymentStatus::Failed).send().await.unwrap();
    assert_eq!(listed.deployments(), [id]);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_function_that_is_not_there_fails_its_hook() {
    let stub = Stub::start(|_| (404, json!({"Type": "User", "Message": "Function not found"}))).await;
    let sandbox = sandbox().await;
    sandbox.connect(Some(stub.url.clone()), None);
    let client = client(&sandbox);
    let id = deploy(&client, "orders:88", &HOOKS, "CodeDeployDefault.ECSAllAtOnce").await;
    until(&sandbox, &stub, 1).await;
    pass(&sandbox, 5);
    let info = client.get_deployment().deployment_id(&id).send().await.unwrap().deployment_info.unwrap();
    let error = info.error_information().unwrap();
    assert!(error.message().unwrap().contains("could not be invoked") && error.message().unwrap().contains("404"));
    assert!(info.rollback_info().is_none(), "nothing was installed");
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_deployment_is_stopped_with_the_way_back() {
    let sandbox = sandbox().await;
    let client = client(&sandbox);
    let id = deploy(&client, "orders:88", &[], "CodeDeployDefault.ECSLinear10PercentEvery3Minutes").await;
    pass(&sandbox, 400);
    let percent = service_state(&sandbox, "orders")["taskSets"][1]["productionPercent"].as_f64().unwrap();
    assert!((10.0..90.0).contains(&percent), "{percent} % on green");
    let second = client.create_deployment().application_name("orders").deployment_group_name("orders");
    let second = second.revision(revision(&appspec("orders:88", &[]), &"0".repeat(64))).send().await.unwrap_err();
    assert!(second.into_service_error().is_invalid_revision_exception(), "the digest is wrong");
    let content = appspec("orders:88", &[]);
    let digest = hex::encode(Sha256::digest(&content));
    let second = client.create_deployment().application_name("orders").deployment_group_name("orders");
    let second = second.revision(revision(&content, &digest)).send().await.unwrap_err();
    assert!(second.into_service_error().is_deployment_limit_exceeded_exception());
    let stopped = client.stop_deployment().deployment_id(&id).auto_rollback_enabled(true).send().await.unwrap();
    assert_eq!(stopped.status(), Some(&StopStatus::Succeeded));
    assert_eq!(service_state(&sandbox, "orders")["taskSets"][0]["productionPercent"], 100.0);
    pass(&sandbox, 60);
    let info = client.get_deployment().deployment_id(&id).send().await.unwrap().deployment_info.unwrap();
    assert_eq!(info.status(), Some(&DeploymentStatus::Stopped));
    let again = client.stop_deployment().deployment_id(&id).send().await.unwrap_err();
    assert!(again.into_service_error().is_deployment_already_completed_exception());
    sandbox.shutdown().await;
}

#[tokio::test]
async fn what_codedeploy_refuses() {
    let sandbox = sandbox().await;
    let client = client(&sandbox);
    let gone = client.get_deployment().deployment_id("d-GONE").send().await.unwrap_err();
    assert!(gone.into_service_error().is_deployment_does_not_exist_exception());
    let application = client.create_deployment().application_name("web").deployment_group_name("orders");
    assert!(application.send().await.unwrap_err().into_service_error().is_application_does_not_exist_exception());
    let put = client.put_lifecycle_event_hook_execution_status().deployment_id("d-GONE");
    assert!(put.send().await.unwrap_err().into_service_error().is_deployment_does_not_exist_exception());
    let id = deploy(&client, "orders:88", &[], "CodeDeployDefault.ECSAllAtOnce").await;
    let put = json!({"deploymentId": id, "lifecycleEventHookExecutionId": "x", "status": "Skipped"});
    let put = call(&sandbox, "CodeDeploy_20141006.PutLifecycleEventHookExecutionStatus", &put).await;
    assert!(put.body.contains("InvalidLifecycleEventHookExecutionStatusException"), "{}", put.body);
    let put = client.put_lifecycle_event_hook_execution_status().deployment_id(&id);
    let put = put.lifecycle_event_hook_execution_id("x").status(LifecycleEventStatus::Failed).send().await;
    assert_eq!(put.unwrap_err().code(), Some("InvalidLifecycleEventHookExecutionIdException"));
    let ready = client.continue_deployment().deployment_id(&id).send().await.unwrap_err();
    assert!(ready.into_service_error().is_deployment_is_not_in_ready_state_exception());
    let create = client.create_deployment().application_name("orders").deployment_group_name("orders");
    let create = create.revision(revision(&appspec("orders:1", &[]), "")).send().await.unwrap_err();
    assert_eq!(create.code(), Some("InvalidRevisionException"));
    sandbox.shutdown().await;
}
