//! What stands around a deployment: images, roles, log groups, subnets, secrets, rules.

use serde_json::{Value, json};

use crate::common::{call, http, pass, sandbox};

#[tokio::test]
async fn images_are_found_by_tag_and_digest() {
    let sandbox = sandbox().await;
    let target = |operation: &str| format!("AmazonEC2ContainerRegistry_V20150921.{operation}");
    let ids = json!([{"imageTag": "orders-87"}, {"imageTag": "gone"}]);
    let images = json!({"repositoryName": "orders", "imageIds": ids});
    let images = call(&sandbox, &target("BatchGetImage"), &images).await.json();
    let digest = images["images"][0]["imageId"]["imageDigest"].clone();
    assert!(digest.as_str().unwrap().starts_with("sha256:"));
    assert_eq!(images["failures"][0]["failureCode"], "ImageNotFound");
    let manifest: Value = serde_json::from_str(images["images"][0]["imageManifest"].as_str().unwrap()).unwrap();
    assert_eq!(manifest["manifests"][0]["platform"]["architecture"], "arm64");
    let described = json!({"repositoryName": "orders", "imageIds": [{"imageDigest": digest}]});
    let described = call(&sandbox, &target("DescribeImages"), &described).await.json();
    assert_eq!(described["imageDetails"][0]["imageTags"], json!(["orders-87"]));
    let all = call(&sandbox, &target("DescribeImages"), &json!({"repositoryName": "orders"})).await.json();
    assert_eq!(all["imageDetails"].as_array().unwrap().len(), 9, "three releases and six bad ones");
    assert_eq!(described["imageDetails"][0]["imageScanStatus"]["status"], "COMPLETE");
    let found = json!({"repositoryName": "orders", "imageIds": [{"imageTag": "bad-findings"}]});
    let found = call(&sandbox, &target("DescribeImages"), &found).await.json();
    let counts = &found["imageDetails"][0]["imageScanFindingsSummary"]["findingSeverityCounts"];
    assert_eq!(counts, &json!({"CRITICAL": 1, "HIGH": 2}));
    let gone = call(&sandbox, &target("BatchGetImage"), &json!({"repositoryName": "web", "imageIds": []})).await;
    assert!(gone.body.contains("com.amazonaws.ecr#RepositoryNotFoundException"));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn roles_and_subnets_are_read_in_xml() {
    let sandbox = sandbox().await;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let post = |body: &'static str| http(&sandbox, "POST", "/", &form, body);
    let role = post("Action=GetRole&Version=2010-05-08&RoleName=orders-execution").await.unwrap();
    assert!(role.body.contains("<Arn>arn:aws:iam::123456789012:role/orders-execution</Arn>"), "{}", role.body);
    let gone = post("Action=GetRole&Version=2010-05-08&RoleName=gone").await.unwrap();
    assert!(gone.status == 404 && gone.body.contains("<Code>NoSuchEntity</Code>"));
    let subnets = post("Action=DescribeSubnets&Version=2016-11-15&SubnetId.1=subnet-0a1b2c3d4e5f60001").await.unwrap();
    assert!(subnets.body.starts_with("<DescribeSubnetsResponse") && !subnets.body.contains("Result>"));
    assert!(subnets.body.contains("<subnetSet><item><subnetId>subnet-0a1b2c3d4e5f60001</subnetId>"));
    let free = subnets.body.split("<availableIpAddressCount>").nth(1).unwrap().split('<').next().unwrap();
    assert!((200..251).contains(&free.parse::<i32>().unwrap()), "{free} addresses");
    let gone = post("Action=DescribeSubnets&Version=2016-11-15&SubnetId.1=subnet-x").await.unwrap();
    assert!(gone.body.contains("<Errors><Error><Code>InvalidSubnetID.NotFound</Code>"), "{}", gone.body);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn logs_tell_why_a_release_crashes() {
    let sandbox = sandbox().await;
    let groups = json!({"logGroupNamePrefix": "/ecs/production/o"});
    let groups = call(&sandbox, "Logs_20140328.DescribeLogGroups", &groups).await.json();
    assert_eq!(groups["logGroups"][0]["logGroupName"], "/ecs/production/orders");
    sandbox.release("orders:orders-88", sandbox::Behaviour::CrashLoop, None).unwrap();
    crate::codedeploy_call(&sandbox, "orders:88").await;
    pass(&sandbox, 120);
    let filter =
        |pattern: &str| json!({"logGroupName": "/ecs/production/orders", "filterPattern": pattern, "limit": 2});
    let fatal = call(&sandbox, "Logs_20140328.FilterLogEvents", &filter("?FATAL ?panic")).await.json();
    assert_eq!(fatal["events"].as_array().unwrap().len(), 2);
    assert!(fatal["nextToken"].is_string());
    assert!(fatal["events"][0]["logStreamName"].as_str().unwrap().starts_with("orders/orders/"));
    let started = call(&sandbox, "Logs_20140328.FilterLogEvents", &filter("\"version=orders-88\" INFO")).await.json();
    assert_eq!(started["events"].as_array().unwrap().len(), 2);
    let gone = call(&sandbox, "Logs_20140328.FilterLogEvents", &json!({"logGroupName": "/gone"})).await;
    assert!(gone.body.contains("ResourceNotFoundException"));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn the_quota_of_vcpus_is_told_beside_their_use() {
    let sandbox = sandbox().await;
    let target = "ServiceQuotasV20190624.GetServiceQuota";
    let asked = json!({"ServiceCode": "fargate", "QuotaCode": "L-3032A538"});
    let quota = call(&sandbox, target, &asked).await.json()["Quota"].clone();
    assert_eq!((&quota["Value"], &quota["Adjustable"]), (&json!(512.0), &json!(true)), "{quota}");
    let metric = quota["UsageMetric"].clone();
    let used = async || {
        let dimensions = metric["MetricDimensions"].as_object().unwrap();
        let dimensions: Vec<Value> =
            dimensions.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
        let named = json!({"Namespace": metric["MetricNamespace"], "MetricName": metric["MetricName"],
            "Dimensions": dimensions});
        let stat = json!({"Metric": named, "Period": 60, "Stat": metric["MetricStatisticRecommendation"]});
        let now = sandbox.now_ms() / 1000;
        let query = json!({"MetricDataQueries": [{"Id": "use", "MetricStat": stat}], "StartTime": now - 900,
            "EndTime": now, "ScanBy": "TimestampDescending"});
        let answer = call(&sandbox, "GraniteServiceVersion20100801.GetMetricData", &query).await.json();
        answer["MetricDataResults"][0]["Values"][0].as_f64().unwrap()
    };
    assert_eq!(used().await, 18.0, "a vCPU for each of 4 + 3 + 4 + 4 + 3 tasks");
    crate::codedeploy_call(&sandbox, "orders:88").await;
    pass(&sandbox, 180);
    assert_eq!(used().await, 22.0, "green beside blue");
    let answer = crate::common::control(&sandbox, "POST", "quota", &json!({"vcpu": 20.5})).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(call(&sandbox, target, &asked).await.json()["Quota"]["Value"], 20.5);
    let wrong = crate::common::control(&sandbox, "POST", "quota", &json!({"vcpu": -1})).await;
    assert!(wrong.status == 400 && wrong.body.contains("vcpu: give a number from 0"), "{}", wrong.body);
    let other = json!({"ServiceCode": "fargate", "QuotaCode": "L-36FBB829"});
    assert!(call(&sandbox, target, &other).await.body.contains("servicequotas#NoSuchResourceException"));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_snapshot_is_created_once_and_takes_its_time() {
    let sandbox = sandbox().await;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let post = async |body: &str| {
        let body = format!("{body}&Version=2014-10-31");
        http(&sandbox, "POST", "/", &form, &body).await.unwrap()
    };
    let create = "Action=CreateDBSnapshot&DBInstanceIdentifier=orders-db&DBSnapshotIdentifier=Before-7";
    let describe = "Action=DescribeDBSnapshots&DBInstanceIdentifier=orders-db&DBSnapshotIdentifier=before-7";
    assert!(post(describe).await.body.contains("<Code>DBSnapshotNotFound</Code>"));
    assert!(post(create).await.body.contains("<DBSnapshotIdentifier>before-7</DBSnapshotIdentifier>"));
    assert!(post(create).await.body.contains("<Code>DBSnapshotAlreadyExists</Code>"));
    pass(&sandbox, 60);
    let half = post(describe).await.body;
    assert!(half.contains("<Status>creating</Status>") && half.contains("<PercentProgress>50</PercentProgress>"));
    pass(&sandbox, 61);
    assert!(post(describe).await.body.contains("<Status>available</Status>"));
    let other = post("Action=DescribeDBSnapshots&DBInstanceIdentifier=web-db").await;
    assert!(other.status == 200 && !other.body.contains("before-7"), "{}", other.body);
    let wrong = post("Action=CreateDBSnapshot&DBInstanceIdentifier=orders-db&DBSnapshotIdentifier=a--b").await;
    assert!(wrong.body.contains("<Code>InvalidParameterValue</Code>"), "{}", wrong.body);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn references_of_a_task_definition_can_be_resolved() {
    let sandbox = sandbox().await;
    let definition = json!({"taskDefinition": "orders:87"});
    let definition =
        call(&sandbox, "AmazonEC2ContainerServiceV20141113.DescribeTaskDefinition", &definition).await.json();
    let secrets = &definition["taskDefinition"]["containerDefinitions"][0]["secrets"];
    let secret = call(&sandbox, "secretsmanager.DescribeSecret", &json!({"SecretId": secrets[0]["valueFrom"]})).await;
    assert_eq!(secret.json()["Name"], "production/orders/database");
    let names = json!({"Names": [secrets[1]["valueFrom"], "/production/orders/gone"]});
    let parameters = call(&sandbox, "AmazonSSM.GetParameters", &names).await.json();
    assert_eq!(parameters["Parameters"][0]["Name"], "/production/orders/feature-flags");
    assert_eq!(parameters["InvalidParameters"], json!(["/production/orders/gone"]));
    let gone = call(&sandbox, "secretsmanager.DescribeSecret", &json!({"SecretId": "gone"})).await;
    assert!(gone.body.contains("ResourceNotFoundException"));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn rules_come_and_go_and_events_without_an_endpoint_are_only_kept() {
    let sandbox = sandbox().await;
    let pattern = json!({"source": ["ops"]}).to_string();
    let put = |pattern: &str| json!({"Name": "mine", "EventPattern": pattern});
    let answer = call(&sandbox, "AWSEvents.PutRule", &put(&pattern)).await.json();
    assert_eq!(answer["RuleArn"], "arn:aws:events:us-east-1:123456789012:rule/mine");
    let bad = call(&sandbox, "AWSEvents.PutRule", &put("{\"source\": \"ops\"}")).await;
    assert!(bad.body.contains("InvalidEventPatternException"));
    let target = |arn: &str| json!({"Rule": "mine", "Targets": [{"Id": "1", "Arn": arn}]});
    let queue = call(&sandbox, "AWSEvents.PutTargets", &target("arn:aws:sqs:us-east-1:1:q")).await;
    assert!(queue.status == 400 && queue.body.contains("state machines"));
    let machine = target("arn:aws:states:us-east-1:1:stateMachine:m");
    assert_eq!(call(&sandbox, "AWSEvents.PutTargets", &machine).await.json()["FailedEntryCount"], 0);
    let entry = json!({"Entries": [{"Source": "ops", "DetailType": "done", "Detail": "{}"}]});
    call(&sandbox, "AWSEvents.PutEvents", &entry).await;
    sandbox.settled().await;
    let undelivered = sandbox.state()["undelivered"][0].as_str().unwrap().to_owned();
    assert!(undelivered.contains("--sfn-endpoint"), "{undelivered}");
    let delete = json!({"Name": "mine"});
    assert!(call(&sandbox, "AWSEvents.DeleteRule", &delete).await.body.contains("has targets"));
    call(&sandbox, "AWSEvents.RemoveTargets", &json!({"Rule": "mine", "Ids": ["1"]})).await;
    assert_eq!(call(&sandbox, "AWSEvents.DeleteRule", &delete).await.status, 200);
    assert_eq!(call(&sandbox, "AWSEvents.ListRules", &json!({})).await.json()["Rules"], json!([]));
    sandbox.shutdown().await;
}
