//! Services that are deployed, in the sandbox: their catalogue entries, and what else takes part in a deployment.

use crate::support::{World, services_at};
use clients::Clock;
use serde_json::{Value, json};

const BALANCER: &str = "arn:aws:elasticloadbalancing:us-east-1:123456789012";
const NAME: &str = "app/production/50dc6c495c0c9188";

/// The ARN of a revision of a service's task definition.
pub(crate) fn definition(family: &str, revision: u32) -> String {
    format!("arn:aws:ecs:us-east-1:123456789012:task-definition/{family}:{revision}")
}

/// The catalogue entry of `checkout`, `orders` or `search`.
pub(crate) fn entry(service: &str) -> Value {
    let (controller, blue, green, listener, rule) = match service {
        "checkout" => ("EXTERNAL", "8c1f0b6d2e9a4710", "8c1f0b6d2e9a4711", 1, Some("d15ea5e0a1b2c301")),
        "orders" => ("CODE_DEPLOY", "5d27e4a90b3c6820", "5d27e4a90b3c6821", 3, None),
        _ => ("ECS", "3e90c7b1d5f28430", "3e90c7b1d5f28431", 5, Some("d15ea5e0a1b2c305")),
    };
    let at = |number: u32| format!("c0ffee10a1b2c30{number}");
    let mut deployment = json!({
        "productionListenerArn": format!("{BALANCER}:listener/{NAME}/{}", at(listener)),
        "testListenerArn": format!("{BALANCER}:listener/{NAME}/{}", at(listener + 1)),
        "blueTargetGroupArn": format!("{BALANCER}:targetgroup/{service}-blue/{blue}"),
        "greenTargetGroupArn": format!("{BALANCER}:targetgroup/{service}-green/{green}"),
        "application": service, "deploymentGroup": service});
    if let Some(rule) = rule {
        let rule = format!("{BALANCER}:listener-rule/{NAME}/{}/{rule}", at(listener));
        deployment["productionRuleArn"] = json!(rule);
    }
    json!({"catalogId": service, "kind": "ecs-service", "cluster": "production", "service": service,
        "arn": format!("arn:aws:ecs:us-east-1:123456789012:service/production/{service}"),
        "controller": controller, "tier": 1, "env": "production", "loadBalancer": NAME,
        "slo": {"latencyP95Ms": 300, "errorRatePercent": 1}, "deployment": deployment})
}

/// A payload about a deployment.
pub(crate) fn payload(service: &str, operation: &str, deployment: &Value) -> Value {
    json!({"operation": operation, "target": service, "entry": entry(service), "cluster": "production",
        "service": service, "deployment": deployment})
}

/// Sends a call that no function sends, as a person or a pipeline would.
pub(crate) async fn send(world: &World, target: &'static str, parameters: Value) -> Value {
    let services = services_at("", &world.sandbox().url(), [], Clock::default());
    let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)];
    let answer = services.http.post(&world.sandbox().url(), &headers, parameters.to_string()).await.expect("an answer");
    assert_eq!(answer.status, 200, "{target}: {}", answer.body);
    serde_json::from_str(&answer.body).unwrap_or_default()
}

/// A new revision of a service's task definition with another tag of its image.
pub(crate) async fn define(world: &World, service: &str, tag: &str) -> String {
    let described = json!({"taskDefinition": service});
    let described = send(world, "AmazonEC2ContainerServiceV20141113.DescribeTaskDefinition", described).await;
    let mut document = described["taskDefinition"].clone();
    for answered in ["taskDefinitionArn", "revision", "status", "registeredAt"] {
        document.as_object_mut().expect("an object").remove(answered);
    }
    let image = format!("123456789012.dkr.ecr.us-east-1.amazonaws.com/{service}:{tag}");
    document["containerDefinitions"][0]["image"] = json!(image);
    let defined = send(world, "AmazonEC2ContainerServiceV20141113.RegisterTaskDefinition", document).await;
    defined["taskDefinition"]["taskDefinitionArn"].as_str().expect("an ARN").to_owned()
}

/// The references of an `identify` as the state machine looks them up; images and the quota really, as their digests
/// and its value matter.
pub(crate) async fn resolved(world: &World, identified: &Value) -> Value {
    let mut all = Vec::new();
    for reference in identified["references"].as_array().expect("references") {
        let facts = match reference["kind"].as_str().expect("a kind") {
            "image" => {
                let tag = &reference["imageIds"][0]["ImageTag"];
                let asked = json!({"registryId": reference["registryId"],
                    "repositoryName": reference["repositoryName"], "imageIds": [{"imageTag": tag}]});
                send(world, "AmazonEC2ContainerRegistry_V20150921.BatchGetImage", asked).await
            }
            "parameter" => json!({"InvalidParameters": []}),
            "log-group" => json!({"LogGroups": [{"LogGroupName": reference["name"]}]}),
            "subnet" => json!({"Subnets": [{"AvailableIpAddressCount": 200}]}),
            "quota" => {
                let asked = json!({"ServiceCode": "fargate", "QuotaCode": reference["name"]});
                send(world, "ServiceQuotasV20190624.GetServiceQuota", asked).await
            }
            _ => json!({}),
        };
        all.push(json!({"kind": reference["kind"], "name": reference["name"], "found": true, "facts": facts}));
    }
    json!(all)
}

/// What the state machine reads anew for each look: scans, the vCPUs in use, and the lines of panics since green was
/// created.
pub(crate) async fn observed(world: &World, identified: &Value) -> Value {
    let (mut logs, mut scans, mut usage) = (Vec::new(), Vec::new(), Vec::new());
    for reference in identified["references"].as_array().expect("references") {
        let name = &reference["name"];
        if reference["kind"] == "log-group" {
            let asked = json!({"logGroupName": name, "startTime": identified["green"]["createdAt"],
                "filterPattern": "?panic ?PANIC ?fatal ?FATAL", "limit": 20});
            let facts = send(world, "Logs_20140328.FilterLogEvents", asked).await;
            logs.push(json!({"name": name, "found": true, "facts": facts}));
        } else if reference["kind"] == "image" {
            let tag = &reference["imageIds"][0]["ImageTag"];
            let asked = json!({"repositoryName": reference["repositoryName"], "imageIds": [{"imageTag": tag}]});
            let facts = send(world, "AmazonEC2ContainerRegistry_V20150921.DescribeImages", asked).await;
            scans.push(json!({"name": name, "found": true, "facts": facts}));
        } else if reference["kind"] == "quota" {
            usage.push(json!({"name": name, "found": true, "facts": used(world).await}));
        }
    }
    json!({"logs": logs, "scans": scans, "usage": usage})
}

/// CloudWatch's answer about the account's vCPUs on Fargate.
async fn used(world: &World) -> Value {
    let dimension = |name: &str, value: &str| json!({"Name": name, "Value": value});
    let dimensions = [
        dimension("Service", "Fargate"),
        dimension("Type", "Resource"),
        dimension("Resource", "vCPU"),
        dimension("Class", "Standard/OnDemand"),
    ];
    let metric = json!({"Namespace": "AWS/Usage", "MetricName": "ResourceCount", "Dimensions": dimensions});
    let now = world.now() / 1000;
    let asked = json!({"StartTime": now - 900, "EndTime": now, "ScanBy": "TimestampDescending", "MetricDataQueries":
        [{"Id": "use", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Maximum"}}]});
    send(world, "GraniteServiceVersion20100801.GetMetricData", asked).await
}

/// The calls that changed something, as a plan lists them.
pub(crate) fn sent(world: &World) -> Value {
    let changing = ["Create", "Update", "Register", "Modify", "Delete"];
    let calls = world.sandbox().calls();
    let changes = calls.iter().filter(|call| changing.iter().any(|verb| call.operation.starts_with(verb)));
    let listed = changes.map(|call| {
        let service = if call.service == "elbv2" { "elasticloadbalancing" } else { &call.service };
        json!({"service": service, "operation": call.operation, "parameters": typed(&call.parameters)})
    });
    json!(listed.collect::<Vec<_>>())
}

/// The query protocol of load balancers writes numbers as texts.
fn typed(value: &Value) -> Value {
    match value {
        Value::String(text) => text.parse::<u32>().map_or_else(|_| value.clone(), |number| json!(number)),
        Value::Number(number) => number
            .as_f64()
            .filter(|number| number.fract() == 0.0)
            .map_or_else(|| value.clone(), |number| json!(number as i64)),
        Value::Array(items) => items.iter().map(typed).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), typed(value))).collect(),
        _ => value.clone(),
    }
}
