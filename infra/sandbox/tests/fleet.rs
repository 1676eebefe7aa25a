//! The fleet profile over the wire: scaling, metrics in pages, costs, prices, what stands around.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use std::collections::BTreeMap;

use aws_sdk_applicationautoscaling::types::{
    MetricType, PolicyType, PredefinedMetricSpecification, ScalableDimension, ScalableTargetAction, ServiceNamespace,
    TargetTrackingScalingPolicyConfiguration,
};
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat, StatusCode};
use aws_sdk_ecs::types::DeploymentRolloutState;
use common::{NOON_MS, call, control, pass, sdk};
use sandbox::{Config, Profile, Sandbox, Time};
use serde_json::{Value, json};

const DAY_MS: i64 = 86_400_000;
const SERVICES: [&str; 6] = ["storefront", "signup", "catalog-api", "ingest", "webhooks", "reports"];

async fn fleet(history_days: u32) -> Sandbox {
    let config = Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        time: Time::Manual { start_ms: NOON_MS },
        profile: Profile::Fleet,
        history_days: Some(history_days),
        ..Config::default()
    };
    Sandbox::start(config).await.unwrap()
}

fn query(id: &str, service: &str, period: i32) -> MetricDataQuery {
    let dimension = |name: &str, value: &str| Dimension::builder().name(name).value(value).build();
    let metric = Metric::builder().namespace("AWS/ECS").metric_name("CPUUtilization");
    let metric =
        metric.dimensions(dimension("ClusterName", "production")).dimensions(dimension("ServiceName", service));
    let stat = MetricStat::builder().metric(metric.build()).period(period).stat("Average").build();
    MetricDataQuery::builder().id(id).metric_stat(stat).build()
}

#[tokio::test]
async fn metric_data_come_in_pages_and_as_long_as_they_are_kept() {
    let sandbox = fleet(28).await;
    let client = aws_sdk_cloudwatch::Client::new(&sdk(&sandbox.url()));
    let queries: Vec<MetricDataQuery> =
        SERVICES.iter().enumerate().map(|(index, name)| query(&format!("q{index}"), name, 60)).collect();
    let (mut pages, mut next, mut points) = (0, None, BTreeMap::<String, Vec<i64>>::new());
    loop {
        let page = client
            .get_metric_data()
            .set_metric_data_queries(Some(queries.clone()))
            .start_time(DateTime::from_millis(NOON_MS - 28 * DAY_MS))
            .end_time(DateTime::from_millis(NOON_MS))
            .set_next_token(next)
            .send()
            .await
            .unwrap();
        pages += 1;
        let values: usize = page.metric_data_results().iter().map(|result| result.values().len()).sum();
        assert!(values <= 100_800);
        let partial = |code: Option<&StatusCode>| code == Some(&StatusCode::PartialData);
        assert_eq!(
            page.metric_data_results().iter().any(|result| partial(result.status_code())),
            page.next_token().is_some()
        );
        for result in page.metric_data_results() {
            let times = result.timestamps().iter().map(|at| at.to_millis().unwrap());
            points.entry(result.id().unwrap().to_owned()).or_default().extend(times);
        }
        next = page.next_token().map(str::to_owned);
        if next.is_none() {
            break;
        }
    }
    assert_eq!((pages, points.len()), (2, 6), "6 · 21,600 values are more than 100,800");
    for times in points.values() {
        assert!(times.len() == 15 * 1440 && times.windows(2).all(|pair| pair[0] - pair[1] == 60_000), "newest first");
    }
    let five = client
        .get_metric_data()
        .metric_data_queries(query("five", "reports", 300))
        .start_time(DateTime::from_millis(NOON_MS - 28 * DAY_MS))
        .end_time(DateTime::from_millis(NOON_MS))
        .send()
        .await
        .unwrap();
    assert_eq!(five.metric_data_results()[0].values().len(), 28 * 288);
    assert_eq!(five.metric_data_results()[0].status_code(), Some(&StatusCode::Complete));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn metrics_of_the_balancer_the_tasks_and_the_account() {
    let sandbox = fleet(2).await;
    let dimensions = |pairs: &[(&str, &str)]| -> Vec<Value> {
        pairs.iter().map(|(name, value)| json!({ "Name": name, "Value": value })).collect()
    };
    let read = async |namespace: &str, name: &str, statistic: &str, pairs: &[(&str, &str)]| -> Vec<f64> {
        let stat = json!({
            "Metric": { "Namespace": namespace, "MetricName": name, "Dimensions": dimensions(pairs) },
            "Period": 3600,
            "Stat": statistic,
        });
        let parameters = json!({
            "MetricDataQueries": [{ "Id": "q", "MetricStat": stat }],
            "StartTime": (NOON_MS - DAY_MS) / 1000,
            "EndTime": NOON_MS / 1000,
        });
        let answer = call(&sandbox, "GraniteServiceVersion20100801.GetMetricData", &parameters).await.json();
        serde_json::from_value(answer["MetricDataResults"][0]["Values"].clone()).unwrap()
    };
    let balancer = ("LoadBalancer", "app/production/50dc6c495c0c9188");
    let signup = [balancer, ("TargetGroup", "targetgroup/signup/a1f0c3d5e7091102")];
    let elb = "AWS/ApplicationELB";
    let (p50, p99) =
        (read(elb, "TargetResponseTime", "p50", &signup).await, read(elb, "TargetResponseTime", "p99", &signup).await);
    assert!(p50.len() == 24 && p50.iter().zip(&p99).all(|(half, most)| half < most));
    let requests = read(elb, "RequestCount", "Sum", &signup).await;
    assert!(requests.iter().all(|sum| (sum / 3600.0 / 526.0 - 1.0).abs() < 0.2), "{requests:?}");
    let all = read(elb, "RequestCount", "Sum", &[balancer]).await;
    assert!(all.iter().zip(&requests).all(|(all, own)| all > own));
    assert!(read(elb, "RequestCount", "Sum", &[("LoadBalancer", "app/legacy-api/9f1c2d3e4b5a6978")]).await.is_empty());
    let webhooks = [balancer, ("TargetGroup", "targetgroup/webhooks/a1f0c3d5e7091105")];
    assert!(read(elb, "RejectedConnectionCount", "Sum", &webhooks).await.is_empty(), "none is not zero");
    let service = [("ClusterName", "production"), ("ServiceName", "webhooks")];
    let insights = "ECS/ContainerInsights";
    assert_eq!(read(insights, "RunningTaskCount", "Average", &service).await, [6.0; 24]);
    assert_eq!(read(insights, "CpuReserved", "Sum", &service).await[0], 6.0 * 2048.0 * 60.0);
    let listed = json!({ "cluster": "production", "serviceName": "webhooks" });
    let tasks = call(&sandbox, "AmazonEC2ContainerServiceV20141113.ListTasks", &listed).await.json();
    let id = tasks["taskArns"][0].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let task = [service[0], service[1], ("TaskId", id.as_str())];
    let of_task = read(insights, "TaskCpuUtilization", "Average", &task).await;
    let of_service = read("AWS/ECS", "CPUUtilization", "Average", &service).await;
    assert!(of_task.len() == 24 && of_task.iter().zip(&of_service).all(|(task, all)| (task / all - 1.0).abs() < 0.04));
    let idle = [("DBInstanceIdentifier", "legacy-reports-db")];
    assert_eq!(read("AWS/RDS", "DatabaseConnections", "Maximum", &idle).await, [0.0; 24]);
    let nat = read("AWS/NATGateway", "BytesOutToDestination", "Sum", &[("NatGatewayId", "nat-0facade000000001")]).await;
    assert!(nat.iter().all(|bytes| *bytes > 1e9));
    sandbox.shutdown().await;
}

/// A policy's configuration that tracks CPU.
fn tracking(target: f64, in_cooldown: i32) -> TargetTrackingScalingPolicyConfiguration {
    let metric = PredefinedMetricSpecification::builder()
        .predefined_metric_type(MetricType::EcsServiceAverageCpuUtilization)
        .build()
        .unwrap();
    TargetTrackingScalingPolicyConfiguration::builder()
        .target_value(target)
        .predefined_metric_specification(metric)
        .scale_in_cooldown(in_cooldown)
        .build()
        .unwrap()
}

#[tokio::test]
async fn scaling_is_read_changed_and_explained() {
    let sandbox = fleet(2).await;
    let client = aws_sdk_applicationautoscaling::Client::new(&sdk(&sandbox.url()));
    let ecs = ServiceNamespace::Ecs;
    let targets = client.describe_scalable_targets().service_namespace(ecs.clone()).send().await.unwrap();
    assert_eq!(targets.scalable_targets().len(), 6);
    let resource = "service/production/signup";
    let activities =
        || client.describe_scaling_activities().service_namespace(ServiceNamespace::Ecs).resource_id(resource);
    let all = activities().include_not_scaled_activities(true).send().await.unwrap();
    let reason = &all.scaling_activities().iter().find_map(|each| each.not_scaled_reasons().first()).unwrap();
    assert_eq!((reason.code(), reason.max_capacity()), ("AlreadyAtMaxCapacity", Some(6)));
    assert!(
        activities().send().await.unwrap().scaling_activities().iter().all(|each| each.not_scaled_reasons().is_empty())
    );
    let put = client
        .put_scaling_policy()
        .policy_name("signup-cpu")
        .service_namespace(ecs.clone())
        .resource_id(resource)
        .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
        .policy_type(PolicyType::TargetTrackingScaling)
        .target_tracking_scaling_policy_configuration(tracking(55.0, 600))
        .send()
        .await
        .unwrap();
    assert_eq!(put.alarms().len(), 2);
    client
        .register_scalable_target()
        .service_namespace(ecs.clone())
        .resource_id(resource)
        .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
        .max_capacity(14)
        .send()
        .await
        .unwrap();
    pass(&sandbox, 3600);
    let newest = activities().max_results(1).send().await.unwrap();
    let activity = &newest.scaling_activities()[0];
    assert!(activity.description().starts_with("Setting desired count to "));
    assert!(activity.cause().contains("AlarmHigh") && activity.cause().ends_with("triggered policy signup-cpu"));
    let policies = client.describe_scaling_policies().service_namespace(ecs.clone()).resource_id(resource).send().await;
    let policies = policies.unwrap();
    let tracking = policies.scaling_policies()[0].target_tracking_scaling_policy_configuration().unwrap();
    assert_eq!(
        (tracking.target_value(), tracking.scale_in_cooldown(), tracking.scale_out_cooldown()),
        (55.0, Some(600), Some(300))
    );
    let tags =
        client.list_tags_for_resource().resource_arn(targets.scalable_targets()[1].scalable_target_arn().unwrap());
    assert_eq!(tags.send().await.unwrap().tags().unwrap()["service"], "signup");
    let gone = client.delete_scaling_policy().policy_name("x").service_namespace(ecs).resource_id(resource);
    let gone = gone.scalable_dimension(ScalableDimension::EcsServiceDesiredCount).send().await.unwrap_err();
    assert!(gone.into_service_error().is_object_not_found_exception());
    sandbox.shutdown().await;
}

#[tokio::test]
async fn scheduled_actions_are_put_described_and_deleted() {
    let sandbox = fleet(1).await;
    let client = aws_sdk_applicationautoscaling::Client::new(&sdk(&sandbox.url()));
    let resource = "service/production/reports";
    let put = |name: &str, schedule: &str, least: i32| {
        client
            .put_scheduled_action()
            .service_namespace(ServiceNamespace::Ecs)
            .resource_id(resource)
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .scheduled_action_name(name)
            .schedule(schedule)
            .scalable_target_action(ScalableTargetAction::builder().min_capacity(least).build())
            .send()
    };
    put("up", "cron(50 0 * * ? *)", 8).await.unwrap();
    put("down", "cron(40 2 ? * 1-7 *)", 2).await.unwrap();
    let describe =
        || client.describe_scheduled_actions().service_namespace(ServiceNamespace::Ecs).resource_id(resource);
    let actions = describe().send().await.unwrap();
    let names: Vec<&str> = actions.scheduled_actions().iter().map(|each| each.scheduled_action_name()).collect();
    assert_eq!(names, ["up", "down"]);
    pass(&sandbox, 12 * 3600 + 55 * 60);
    let service = |state: &Value| {
        state["services"].as_array().unwrap().iter().find(|each| each["name"] == "reports").cloned().unwrap()
    };
    let shown = service(&sandbox.state());
    assert_eq!((shown["desired"].as_i64(), shown["fleet"]["settings"]["minCapacity"].as_i64()), (Some(8), Some(8)));
    pass(&sandbox, 2 * 3600);
    let shown = service(&sandbox.state());
    assert_eq!(shown["fleet"]["settings"]["minCapacity"].as_i64(), Some(2));
    assert_eq!(shown["fleet"]["saturationMinutes"].as_i64(), Some(0));
    let delete = client.delete_scheduled_action().service_namespace(ServiceNamespace::Ecs).resource_id(resource);
    let delete = delete.scalable_dimension(ScalableDimension::EcsServiceDesiredCount).scheduled_action_name("up");
    delete.send().await.unwrap();
    assert_eq!(describe().send().await.unwrap().scheduled_actions().len(), 1);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_task_size_is_changed_by_a_rolling_deployment() {
    let sandbox = fleet(1).await;
    let ecs = aws_sdk_ecs::Client::new(&sdk(&sandbox.url()));
    let described = ecs.describe_task_definition().task_definition("webhooks").send().await.unwrap();
    let old = described.task_definition().unwrap();
    assert_eq!((old.cpu(), old.memory(), old.revision()), (Some("2048"), Some("8192"), 40));
    let register = |memory: &str| {
        ecs.register_task_definition()
            .family("webhooks")
            .set_container_definitions(old.container_definitions.clone())
            .set_requires_compatibilities(old.requires_compatibilities.clone())
            .cpu("1024")
            .memory(memory)
            .send()
    };
    assert!(register("1024").await.unwrap_err().into_service_error().is_client_exception());
    let registered = register("2048").await.unwrap();
    let arn = registered.task_definition().unwrap().task_definition_arn().unwrap().to_owned();
    assert!(arn.ends_with("webhooks:41"));
    let update = ecs.update_service().cluster("production").service("webhooks").task_definition(&arn);
    let updated = update.send().await.unwrap();
    assert_eq!(updated.service().unwrap().deployments()[0].rollout_state(), Some(&DeploymentRolloutState::InProgress));
    pass(&sandbox, 600);
    let described = ecs.describe_services().cluster("production").services("webhooks").send().await.unwrap();
    let service = &described.services()[0];
    assert_eq!(service.deployments()[0].rollout_state(), Some(&DeploymentRolloutState::Completed));
    assert_eq!((service.deployments().len(), service.running_count()), (1, 6));
    let tasks = ecs.list_tasks().cluster("production").service_name("webhooks").send().await.unwrap();
    let tasks = ecs.describe_tasks().cluster("production").set_tasks(tasks.task_arns).send().await.unwrap();
    assert!(tasks.tasks().iter().all(|task| (task.cpu(), task.memory()) == (Some("1024"), Some("2048"))));
    assert!(tasks.tasks().iter().all(|task| task.task_definition_arn() == Some(arn.as_str())));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn cost_explorer_and_the_price_list() {
    let sandbox = fleet(28).await;
    let ce = async |operation: &str, parameters: Value| {
        call(&sandbox, &format!("AWSInsightsIndexService.{operation}"), &parameters).await
    };
    let period = json!({ "Start": "2025-12-02", "End": "2026-01-02" });
    let grouped = |group: Value| json!({ "TimePeriod": period, "Granularity": "DAILY", "Metrics": ["UnblendedCost"], "GroupBy": [group] });
    let by_service = ce("GetCostAndUsage", grouped(json!({ "Type": "DIMENSION", "Key": "SERVICE" }))).await.json();
    let days = by_service["ResultsByTime"].as_array().unwrap();
    assert_eq!((days.len(), days[30]["TimePeriod"]["Start"].as_str()), (31, Some("2026-01-01")));
    assert_eq!((days[28]["Estimated"].as_bool(), days[29]["Estimated"].as_bool()), (Some(false), Some(true)));
    let usd = |group: &Value| -> f64 { group["Metrics"]["UnblendedCost"]["Amount"].as_str().unwrap().parse().unwrap() };
    let find = |day: &Value, key: &str| -> f64 {
        day["Groups"].as_array().unwrap().iter().find(|group| group["Keys"][0] == key).map(usd).unwrap()
    };
    let ecs = find(&days[20], "Amazon Elastic Container Service");
    let by_tag = ce("GetCostAndUsage", grouped(json!({ "Type": "TAG", "Key": "aws:ecs:serviceName" }))).await.json();
    let own = SERVICES.map(|name| find(&by_tag["ResultsByTime"][20], &format!("aws:ecs:serviceName${name}")));
    assert!((own.iter().sum::<f64>() - ecs).abs() < 1e-6 && ecs > 50.0, "{own:?}");
    let found = ce("GetAnomalies", json!({ "DateInterval": { "StartDate": "2025-12-20" } })).await.json();
    assert_eq!(found["Anomalies"][0]["RootCauses"][0]["Service"], "AmazonCloudWatch");
    assert_eq!(found["Anomalies"][0]["AnomalyStartDate"], "2025-12-26T00:00:00Z");
    let ahead = json!({ "TimePeriod": { "Start": "2026-01-01", "End": "2026-01-31" }, "Metric": "UNBLENDED_COST", "Granularity": "MONTHLY" });
    let ahead = ce("GetCostForecast", ahead).await.json();
    assert!(ahead["Total"]["Amount"].as_str().unwrap().parse::<f64>().unwrap() > 30.0 * ecs);
    let refused =
        ce("GetCostAndUsage", json!({ "TimePeriod": period, "Granularity": "HOURLY", "Metrics": ["UnblendedCost"] }))
            .await;
    assert!(refused.status == 400 && refused.body.contains("HOURLY"));
    assert!(ce("GetDimensionValues", json!({})).await.body.contains("GetDimensionValues of ce"));
    let filter = json!({ "Type": "TERM_MATCH", "Field": "cputype", "Value": "perCPU" });
    let parameters = json!({ "ServiceCode": "AmazonECS", "Filters": [filter] });
    let list = call(&sandbox, "AWSPriceListService.GetProducts", &parameters).await.json();
    let products = list["PriceList"].as_array().unwrap();
    let prices: Vec<String> = products
        .iter()
        .map(|text| serde_json::from_str::<Value>(text.as_str().unwrap()).unwrap())
        .map(|product| {
            let (_, offer) = product["terms"]["OnDemand"].as_object().unwrap().iter().next().unwrap();
            let (_, rate) = offer["priceDimensions"].as_object().unwrap().iter().next().unwrap();
            rate["pricePerUnit"]["USD"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(prices, ["0.0404800000", "0.0323800000"]);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn what_stands_around_is_described_and_logs_can_be_kept_shorter() {
    let sandbox = fleet(1).await;
    let config = sdk(&sandbox.url());
    let elb = aws_sdk_elasticloadbalancingv2::Client::new(&config);
    let balancers = elb.describe_load_balancers().send().await.unwrap();
    assert_eq!(balancers.load_balancers()[1].load_balancer_name(), Some("legacy-api"));
    let rds = aws_sdk_rds::Client::new(&config).describe_db_instances().send().await.unwrap();
    assert_eq!(rds.db_instances().len(), 2);
    let health = elb.describe_target_groups().names("storefront").send().await.unwrap();
    let arn = health.target_groups()[0].target_group_arn().unwrap();
    assert_eq!(
        elb.describe_target_health().target_group_arn(arn).send().await.unwrap().target_health_descriptions().len(),
        12
    );
    let logs = async |operation: &str, parameters: Value| {
        call(&sandbox, &format!("Logs_20140328.{operation}"), &parameters).await
    };
    let name = "/ecs/production/ingest";
    let of =
        async || logs("DescribeLogGroups", json!({ "logGroupNamePrefix": name })).await.json()["logGroups"][0].clone();
    assert!(of().await.get("retentionInDays").is_none() && of().await["storedBytes"].as_f64().unwrap() > 1e12);
    assert_eq!(logs("PutRetentionPolicy", json!({ "logGroupName": name, "retentionInDays": 31 })).await.status, 400);
    assert_eq!(logs("PutRetentionPolicy", json!({ "logGroupName": name, "retentionInDays": 30 })).await.status, 200);
    assert_eq!(
        (of().await["retentionInDays"].as_i64(), of().await["storedBytes"].as_f64().unwrap() < 4e11),
        (Some(30), true)
    );
    assert_eq!(logs("DeleteRetentionPolicy", json!({ "logGroupName": name })).await.status, 200);
    assert!(of().await.get("retentionInDays").is_none());
    let form = [("content-type", "application/x-www-form-urlencoded")];
    for (operation, wanted) in [
        ("DescribeAddresses", "<allocationId>eipalloc-0a11ce0000000003</allocationId><domain>vpc</domain></item>"),
        ("DescribeVolumes", "<status>available</status>"),
        ("DescribeNatGateways", "<natGatewayId>nat-0facade000000002</natGatewayId>"),
    ] {
        let body = format!("Action={operation}&Version=2016-11-15");
        let answer = common::http(&sandbox, "POST", "/", &form, &body).await.unwrap();
        assert!(answer.status == 200 && answer.body.contains(wanted), "{}", answer.body);
    }
    let ecr = async |operation: &str, parameters: Value| {
        call(&sandbox, &format!("AmazonEC2ContainerRegistry_V20150921.{operation}"), &parameters).await.json()
    };
    assert_eq!(ecr("DescribeRepositories", json!({})).await["repositories"].as_array().unwrap().len(), 6);
    let images = ecr("DescribeImages", json!({ "repositoryName": "ingest" })).await;
    let untagged = images["imageDetails"].as_array().unwrap().iter().filter(|image| image.get("imageTags").is_none());
    assert_eq!(untagged.count(), 40);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn control_moves_load_and_speed_and_the_profiles_do_not_mix() {
    let sandbox = fleet(1).await;
    assert_eq!(control(&sandbox, "POST", "load", &json!({ "service": "ingest", "factor": 2 })).await.status, 200);
    assert_eq!(control(&sandbox, "POST", "speed", &json!({ "service": "ingest", "factor": 0.5 })).await.status, 200);
    for (path, body, word) in [
        ("load", json!({ "service": "ingest", "requestsPerSecond": 5 }), "factor"),
        ("load", json!({ "service": "ingest" }), "requestsPerSecond"),
        ("load", json!({ "service": "api", "factor": 2 }), "service: 'api' is unknown"),
        ("speed", json!({ "service": "ingest", "factor": 99 }), "factor: give a number from 0.05 to 20"),
    ] {
        let answer = control(&sandbox, "POST", path, &body).await;
        assert!(answer.status == 400 && answer.body.contains(word), "{}", answer.body);
    }
    pass(&sandbox, 120);
    let state = sandbox.state();
    let ingest = state["services"].as_array().unwrap().iter().find(|each| each["name"] == "ingest").unwrap();
    assert_eq!(
        (ingest["fleet"]["loadFactor"].as_f64(), ingest["fleet"]["speedFactor"].as_f64()),
        (Some(2.0), Some(0.5))
    );
    assert!(ingest["fleet"]["taskHours"].as_f64().unwrap() > 0.0);
    let refused = call(&sandbox, "CodeDeploy_20141006.ListDeployments", &json!({})).await;
    assert!(refused.status == 400 && refused.body.contains("ListDeployments of codedeploy"));
    let rule = json!({ "Name": "night", "ScheduleExpression": "cron(0 3 * * ? *)" });
    assert_eq!(call(&sandbox, "AWSEvents.PutRule", &rule).await.status, 200);
    assert_eq!(sandbox.next_event_ms(), Some(NOON_MS + 15 * 3_600_000));
    let rules = call(&sandbox, "AWSEvents.ListRules", &json!({})).await.json();
    assert_eq!(rules["Rules"][0]["ScheduleExpression"], "cron(0 3 * * ? *)");
    let bad = json!({ "Name": "x", "ScheduleExpression": "rate(1 hours)" });
    assert!(call(&sandbox, "AWSEvents.PutRule", &bad).await.body.contains("ScheduleExpression is not valid"));
    sandbox.shutdown().await;
    let production = common::sandbox().await;
    assert_eq!(control(&production, "POST", "load", &json!({ "service": "api", "factor": 2 })).await.status, 400);
    assert_eq!(call(&production, "AWSInsightsIndexService.GetAnomalies", &json!({})).await.status, 400);
    assert_eq!(production.next_event_ms(), None);
    production.shutdown().await;
}
