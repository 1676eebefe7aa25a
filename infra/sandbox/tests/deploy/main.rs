//! Deployments from outside: the real AWS SDK crates, a stub for what the sandbox calls, real requests to listeners.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod account;
mod codedeploy;
#[path = "../common/mod.rs"]
mod common;
mod native;
mod stub;
mod task_sets;
mod visits;

use serde_json::{Value, json};

/// The ARN of something of the load balancer.
fn balancer_arn(resource: &str) -> String {
    format!("arn:aws:elasticloadbalancing:us-east-1:123456789012:{resource}")
}

/// Registers a copy of a service's newest task definition with another image tag; its ARN.
async fn define(sandbox: &sandbox::Sandbox, service: &str, tag: &str) -> String {
    let target = |operation: &str| format!("AmazonEC2ContainerServiceV20141113.{operation}");
    let described = json!({ "taskDefinition": service });
    let described = common::call(sandbox, &target("DescribeTaskDefinition"), &described).await.json();
    let mut document = described["taskDefinition"].clone();
    for answered in ["taskDefinitionArn", "revision", "status", "registeredAt"] {
        document.as_object_mut().unwrap().remove(answered);
    }
    let image = format!("123456789012.dkr.ecr.us-east-1.amazonaws.com/{service}:{tag}");
    document["containerDefinitions"][0]["image"] = json!(image);
    let registered = common::call(sandbox, &target("RegisterTaskDefinition"), &document).await;
    assert_eq!(registered.status, 200, "{}", registered.body);
    registered.json()["taskDefinition"]["taskDefinitionArn"].as_str().unwrap().to_owned()
}

/// What `GET /_sandbox/state` says of a service.
fn service_state(sandbox: &sandbox::Sandbox, name: &str) -> Value {
    let state = sandbox.state();
    state["services"].as_array().unwrap().iter().find(|service| service["name"] == name).unwrap().clone()
}

/// Has CodeDeploy deploy a task definition of `orders`, without hooks and all at once.
async fn codedeploy_call(sandbox: &sandbox::Sandbox, definition: &str) {
    let balancer = json!({ "ContainerName": "orders", "ContainerPort": 8080 });
    let properties = json!({ "TaskDefinition": definition, "LoadBalancerInfo": balancer });
    let service = json!({ "TargetService": { "Type": "AWS::ECS::Service", "Properties": properties } });
    let content = json!({ "version": 0.0, "Resources": [service] }).to_string();
    let revision = json!({ "revisionType": "AppSpecContent", "appSpecContent": { "content": content } });
    let create = json!({ "applicationName": "orders", "deploymentGroupName": "orders", "revision": revision });
    let created = common::call(sandbox, "CodeDeploy_20141006.CreateDeployment", &create).await;
    assert_eq!(created.status, 200, "{}", created.body);
}
