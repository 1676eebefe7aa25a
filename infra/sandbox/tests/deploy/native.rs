//! `search`: ECS's own blue/green deployments, with Lambda hooks and pauses.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_ecs::Client;
use aws_sdk_ecs::error::ProvideErrorMetadata;
use aws_sdk_ecs::types::{
    CanaryConfiguration, DeploymentConfiguration, DeploymentLifecycleHook, DeploymentLifecycleHookAction,
    DeploymentLifecycleHookStage, DeploymentLifecycleHookStatus, DeploymentLifecycleHookTargetType,
    DeploymentLifecycleHookTimeoutConfiguration, DeploymentStrategy, ServiceDeployment, ServiceDeploymentStatus,
};
use sandbox::Sandbox;
use serde_json::{Value, json};

use crate::common::{call, pass, sandbox, sdk};
use crate::stub::Stub;
use crate::{define, service_state};

fn client(sandbox: &Sandbox) -> Client {
    Client::new(&sdk(&sandbox.url()))
}

async fn update(client: &Client, definition: &str, configuration: Option<DeploymentConfiguration>) -> String {
    let update = client.update_service().cluster("production").service("search").task_definition(definition);
    let updated = update.set_deployment_configuration(configuration).send().await.unwrap();
    updated.service().unwrap().current_service_deployment().unwrap().to_owned()
}

async fn describe(client: &Client, arn: &str) -> ServiceDeployment {
    let described = client.describe_service_deployments().service_deployment_arns(arn).send().await.unwrap();
    described.service_deployments()[0].clone()
}

fn stage(deployment: &ServiceDeployment) -> Option<&str> {
    deployment.lifecycle_stage().map(|stage| stage.as_str())
}

/// Lets time pass, second by second, until the deployment is over.
async fn end(sandbox: &Sandbox, client: &Client, arn: &str) -> ServiceDeployment {
    for _ in 0..200 {
        let deployment = describe(client, arn).await;
        if deployment.finished_at().is_some() || deployment.stopped_at().is_some() {
            return deployment;
        }
        for _ in 0..20 {
            pass(sandbox, 1);
            sandbox.settled().await;
        }
    }
    panic!("the deployment does not end: {}", sandbox.state()["releases"]);
}

fn pause(
    stage: DeploymentLifecycleHookStage,
    minutes: i32,
    action: DeploymentLifecycleHookAction,
) -> DeploymentConfiguration {
    let timeout = DeploymentLifecycleHookTimeoutConfiguration::builder().timeout_in_minutes(minutes).action(action);
    let hook = DeploymentLifecycleHook::builder().target_type(DeploymentLifecycleHookTargetType::Pause);
    let hook = hook.lifecycle_stages(stage).timeout_configuration(timeout.build()).build();
    let configuration = DeploymentConfiguration::builder().strategy(DeploymentStrategy::BlueGreen);
    configuration.bake_time_in_minutes(1).lifecycle_hooks(hook).build()
}

#[tokio::test]
async fn lambda_hooks_are_called_at_their_stages_until_they_are_done() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let stub = Stub::start(move |_| {
        let first = counted.fetch_add(1, Ordering::SeqCst) == 0;
        let again = json!({"hookStatus": "IN_PROGRESS", "callBackDelay": 45, "hookDetails": {"execution": "e1"}});
        (200, if first { again } else { json!({"hookStatus": "SUCCEEDED"}) })
    });
    let stub = stub.await;
    let sandbox = sandbox().await;
    sandbox.connect(Some(stub.url.clone()), None);
    let client = client(&sandbox);
    let arn = update(&client, "search:34", None).await;
    assert!(arn.starts_with("arn:aws:ecs:us-east-1:123456789012:service-deployment/production/search/"));
    assert_eq!(describe(&client, &arn).await.status(), Some(&ServiceDeploymentStatus::Pending));
    let done = end(&sandbox, &client, &arn).await;
    assert_eq!(done.status(), Some(&ServiceDeploymentStatus::Successful));
    let seen = stub.seen();
    let stages: Vec<&str> = seen.iter().map(|call| call.body["lifecycleStage"].as_str().unwrap()).collect();
    let expected = [
        "PRE_SCALE_UP",
        "PRE_SCALE_UP",
        "POST_SCALE_UP",
        "POST_TEST_TRAFFIC_SHIFT",
        "PRE_PRODUCTION_TRAFFIC_SHIFT",
        "POST_PRODUCTION_TRAFFIC_SHIFT",
    ];
    assert_eq!(stages, expected);
    let (first, second) = (&seen[0], &seen[1]);
    assert_eq!(first.path, "/2015-03-31/functions/ecs-deployment-hook/invocations");
    assert!(first.head.contains("x-amz-invocation-type: requestresponse"));
    assert_eq!((&first.body["resourceArn"], &first.body["hookDetails"]), (&json!(arn), &Value::Null));
    assert_eq!(second.body["hookDetails"], json!({"execution": "e1"}));
    assert_eq!(first.body["executionId"], second.body["executionId"], "the same run calls again");
    let revision = first.body["executionDetails"]["targetServiceRevisionArn"].as_str().unwrap();
    assert_eq!(done.target_service_revision().unwrap().arn(), Some(revision));
    let revisions = client.describe_service_revisions().service_revision_arns(revision).send().await.unwrap();
    let revision = &revisions.service_revisions()[0];
    assert!(revision.task_definition().unwrap().ends_with("search:34"));
    assert!(revision.container_images()[0].image_digest().unwrap().starts_with("sha256:"));
    let group = revision.resolved_configuration().unwrap().load_balancers()[0].target_group_arn().unwrap();
    assert!(group.contains("search-green"));
    let listed = client.list_service_deployments().cluster("production").service("search").send().await.unwrap();
    assert_eq!(listed.service_deployments().len(), 1);
    let described = client.describe_services().cluster("production").services("search").send().await.unwrap();
    let service = &described.services()[0];
    assert_eq!((service.deployments().len(), service.running_count()), (1, 3));
    assert_eq!(service.deployments()[0].status(), Some("PRIMARY"));
    let advanced = service.load_balancers()[0].advanced_configuration().unwrap();
    assert!(advanced.alternate_target_group_arn().unwrap().contains("search-blue"), "the colours are exchanged");
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_canary_calls_at_every_step_and_a_refusal_brings_blue_back() {
    let stub = Stub::start(|call| {
        let weights = &call.body["executionDetails"]["productionTrafficWeights"];
        let heavy = weights.as_object().is_some_and(|weights| weights.values().next() == Some(&json!(100.0)));
        (200, json!({"hookStatus": if heavy { "FAILED" } else { "SUCCEEDED" }}))
    });
    let stub = stub.await;
    let sandbox = sandbox().await;
    sandbox.connect(Some(stub.url.clone()), None);
    let client = client(&sandbox);
    let canary = CanaryConfiguration::builder().canary_percent(12.5).canary_bake_time_in_minutes(3).build();
    let configuration = DeploymentConfiguration::builder().strategy(DeploymentStrategy::Canary);
    let arn = update(&client, "search:34", Some(configuration.canary_configuration(canary).build())).await;
    let done = end(&sandbox, &client, &arn).await;
    assert_eq!(done.status(), Some(&ServiceDeploymentStatus::RollbackSuccessful));
    assert!(done.rollback().unwrap().reason().unwrap().contains("PRE_PRODUCTION_TRAFFIC_SHIFT"));
    let steps: Vec<Value> = stub
        .seen()
        .iter()
        .filter(|call| call.body["lifecycleStage"] == "PRE_PRODUCTION_TRAFFIC_SHIFT")
        .map(|call| call.body["executionDetails"]["productionTrafficWeights"].clone())
        .collect();
    let first = |weights: &Value| weights.as_object().unwrap().values().next().unwrap().as_f64().unwrap();
    assert_eq!(steps.iter().map(first).collect::<Vec<_>>(), [12.5, 100.0]);
    let state = service_state(&sandbox, "search");
    assert_eq!((&state["running"], &state["taskSets"][0]["productionPercent"]), (&json!(3), &json!(100.0)));
    sandbox.shutdown().await;
}

async fn put_rule(sandbox: &Sandbox) {
    let detail = json!({"eventName": ["HOOK_AWAITING_ACTION"], "hookType": ["PAUSE"]});
    let pattern = json!({"source": ["aws.ecs"], "detail-type": ["ECS Hook State Change"], "detail": detail});
    let rule = json!({"Name": "pauses", "EventPattern": pattern.to_string()});
    assert_eq!(call(sandbox, "AWSEvents.PutRule", &rule).await.status, 200);
    let machine = "arn:aws:states:us-east-1:123456789012:stateMachine:deployment-validation";
    let targets =
        json!({"Rule": "pauses", "Targets": [{"Id": "gate", "Arn": machine, "RoleArn": "arn:aws:iam::1:role/x"}]});
    assert_eq!(call(sandbox, "AWSEvents.PutTargets", &targets).await.status, 200);
}

#[tokio::test]
async fn a_pause_starts_an_execution_and_waits_for_its_decision() {
    let stub = Stub::start(|_| (200, json!({"executionArn": "arn", "startDate": 1}))).await;
    let sandbox = sandbox().await;
    sandbox.connect(None, Some(stub.url.clone()));
    put_rule(&sandbox).await;
    let client = client(&sandbox);
    let at = DeploymentLifecycleHookStage::PostTestTrafficShift;
    let arn = update(&client, "search:34", Some(pause(at, 60, DeploymentLifecycleHookAction::Rollback))).await;
    pass(&sandbox, 300);
    sandbox.settled().await;
    assert_eq!(stub.seen().len(), 1);
    let start = stub.last();
    assert!(start.head.contains("x-amz-target: awsstepfunctions.startexecution"));
    let event: Value = serde_json::from_str(start.body["input"].as_str().unwrap()).unwrap();
    assert_eq!((&event["detail-type"], &event["resources"]), (&json!("ECS Hook State Change"), &json!([arn])));
    let paused = describe(&client, &arn).await;
    let hook = &paused.lifecycle_hook_details()[0];
    assert_eq!(event["detail"]["hookId"].as_str(), hook.hook_id());
    assert_eq!(hook.status(), Some(&DeploymentLifecycleHookStatus::AwaitingAction));
    assert_eq!(
        (stage(&paused), paused.status()),
        (Some("POST_TEST_TRAFFIC_SHIFT"), Some(&ServiceDeploymentStatus::InProgress))
    );
    let proceed = |action: DeploymentLifecycleHookAction| {
        let proceed = client.continue_service_deployment().service_deployment_arn(&arn).action(action);
        proceed.hook_id(hook.hook_id().unwrap()).send()
    };
    proceed(DeploymentLifecycleHookAction::Continue).await.unwrap();
    let again = proceed(DeploymentLifecycleHookAction::Rollback).await.unwrap_err();
    assert_eq!(again.code(), Some("InvalidParameterException"));
    assert_eq!(end(&sandbox, &client, &arn).await.status(), Some(&ServiceDeploymentStatus::Successful));
    let names: Vec<Value> =
        sandbox.state()["serviceEvents"].as_array().unwrap().iter().map(|e| e["detail"]["eventName"].clone()).collect();
    let expected =
        ["SERVICE_DEPLOYMENT_IN_PROGRESS", "HOOK_AWAITING_ACTION", "HOOK_SUCCEEDED", "SERVICE_DEPLOYMENT_COMPLETED"];
    assert_eq!(names, expected);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn pauses_roll_back_when_told_and_do_as_configured_when_nobody_comes() {
    for (told, action, status) in [
        (true, DeploymentLifecycleHookAction::Continue, ServiceDeploymentStatus::RollbackSuccessful),
        (false, DeploymentLifecycleHookAction::Rollback, ServiceDeploymentStatus::RollbackSuccessful),
        (false, DeploymentLifecycleHookAction::Continue, ServiceDeploymentStatus::Successful),
    ] {
        let sandbox = sandbox().await;
        let client = client(&sandbox);
        let at = DeploymentLifecycleHookStage::PostScaleUp;
        let arn = update(&client, "search:34", Some(pause(at, 10, action))).await;
        pass(&sandbox, 120);
        if told {
            let paused = describe(&client, &arn).await;
            let hook = paused.lifecycle_hook_details()[0].hook_id().unwrap();
            let back = client.continue_service_deployment().service_deployment_arn(&arn).hook_id(hook);
            back.action(DeploymentLifecycleHookAction::Rollback).send().await.unwrap();
        }
        let done = end(&sandbox, &client, &arn).await;
        assert_eq!(done.status(), Some(&status));
        let expected = if told { "FAILED" } else { "TIMED_OUT" };
        assert_eq!(done.lifecycle_hook_details()[0].status().unwrap().as_str(), expected);
        sandbox.shutdown().await;
    }
}

#[tokio::test]
async fn a_service_deployment_is_stopped_and_what_cannot_be_is_refused() {
    let sandbox = sandbox().await;
    let client = client(&sandbox);
    let at = DeploymentLifecycleHookStage::PostScaleUp;
    let bad = pause(DeploymentLifecycleHookStage::ProductionTrafficShift, 10, DeploymentLifecycleHookAction::Continue);
    let update_bad = client.update_service().cluster("production").service("search").deployment_configuration(bad);
    assert!(update_bad.send().await.unwrap_err().message().unwrap().contains("PRODUCTION_TRAFFIC_SHIFT"));
    let definition = define(&sandbox, "search", "bad-crash").await;
    let arn = update(&client, &definition, Some(pause(at, 10, DeploymentLifecycleHookAction::Continue))).await;
    pass(&sandbox, 900);
    assert_eq!(stage(&describe(&client, &arn).await), Some("SCALE_UP"), "its tasks crash");
    let second = client.update_service().cluster("production").service("search").task_definition("search:34").send();
    assert_eq!(second.await.unwrap_err().code(), Some("ClientException"));
    client.stop_service_deployment().service_deployment_arn(&arn).send().await.unwrap();
    assert_eq!(describe(&client, &arn).await.status(), Some(&ServiceDeploymentStatus::RollbackInProgress));
    let done = end(&sandbox, &client, &arn).await;
    assert_eq!(done.status(), Some(&ServiceDeploymentStatus::RollbackSuccessful));
    let again = client.stop_service_deployment().service_deployment_arn(&arn).send().await.unwrap_err();
    assert!(again.into_service_error().is_conflict_exception());
    let gone = client.stop_service_deployment().service_deployment_arn(format!("{arn}x")).send().await.unwrap_err();
    assert!(gone.into_service_error().is_service_deployment_not_found_exception());
    sandbox.shutdown().await;
}
