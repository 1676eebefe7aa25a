//! The real AWS SDK crates against the sandbox: every structure that an operation returns is parsed.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace};
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    Dimension, Metric, MetricDataQuery, MetricDatum, MetricStat, StandardUnit, StateValue, Statistic,
};
use aws_sdk_ecs::error::ProvideErrorMetadata;
use aws_sdk_ecs::types::{DeploymentRolloutState, DesiredStatus, HealthStatus, LaunchType};
use aws_sdk_elasticloadbalancingv2::types::TargetHealthStateEnum;
use aws_sdk_rds::types::SourceType;
use common::{NOON_MS, control, pass, sandbox, sdk};

fn api_dimensions() -> Vec<Dimension> {
    vec![
        Dimension::builder().name("ServiceName").value("api").build(),
        Dimension::builder().name("ClusterName").value("production").build(),
    ]
}

fn balancer_dimensions() -> Vec<Dimension> {
    vec![
        Dimension::builder().name("LoadBalancer").value("app/production/50dc6c495c0c9188").build(),
        Dimension::builder().name("TargetGroup").value("targetgroup/api/6d0ecf831eec9f09").build(),
    ]
}

#[tokio::test]
async fn ecs_services_are_described_and_a_missing_one_is_a_failure() {
    let sandbox = sandbox().await;
    let ecs = aws_sdk_ecs::Client::new(&sdk(&sandbox.url()));
    let answer = ecs.describe_services().cluster("production").services("api").services("gone").send().await.unwrap();
    assert_eq!(answer.failures().len(), 1);
    assert_eq!(answer.failures()[0].reason(), Some("MISSING"));
    assert_eq!(answer.failures()[0].arn(), Some("arn:aws:ecs:us-east-1:123456789012:service/production/gone"));
    let service = &answer.services()[0];
    assert_eq!(service.service_name(), Some("api"));
    assert_eq!((service.desired_count(), service.running_count(), service.pending_count()), (4, 4, 0));
    assert_eq!(service.status(), Some("ACTIVE"));
    assert_eq!(service.launch_type(), Some(&LaunchType::Fargate));
    assert_eq!(service.load_balancers()[0].container_port(), Some(8080));
    let configuration = service.deployment_configuration().unwrap();
    assert_eq!((configuration.minimum_healthy_percent(), configuration.maximum_percent()), (Some(100), Some(200)));
    assert!(configuration.deployment_circuit_breaker().unwrap().rollback());
    let deployment = &service.deployments()[0];
    assert_eq!(deployment.rollout_state(), Some(&DeploymentRolloutState::Completed));
    assert_eq!(deployment.status(), Some("PRIMARY"));
    assert!(deployment.created_at().unwrap().to_millis().unwrap() < NOON_MS);
    assert_eq!(deployment.task_definition(), service.task_definition());
    let error = ecs.describe_services().cluster("staging").services("api").send().await.unwrap_err();
    assert!(error.into_service_error().is_cluster_not_found_exception());
    sandbox.shutdown().await;
}

#[tokio::test]
async fn ecs_restart_replaces_every_task() {
    let sandbox = sandbox().await;
    let ecs = aws_sdk_ecs::Client::new(&sdk(&sandbox.url()));
    let tasks = |status: DesiredStatus| {
        ecs.list_tasks().cluster("production").service_name("api").desired_status(status).send()
    };
    let before = tasks(DesiredStatus::Running).await.unwrap();
    assert_eq!(before.task_arns().len(), 4);
    let updated =
        ecs.update_service().cluster("production").service("api").force_new_deployment(true).send().await.unwrap();
    let deployments = updated.service().unwrap().deployments();
    assert_eq!(deployments.iter().filter_map(|each| each.status()).collect::<Vec<_>>(), ["PRIMARY", "ACTIVE"]);
    assert_eq!(deployments[0].rollout_state(), Some(&DeploymentRolloutState::InProgress));
    pass(&sandbox, 240);
    let described = ecs.describe_services().cluster("production").services("api").send().await.unwrap();
    let service = &described.services()[0];
    assert_eq!(service.deployments().len(), 1);
    assert_eq!(service.deployments()[0].rollout_state(), Some(&DeploymentRolloutState::Completed));
    assert!(service.events()[0].message().unwrap().contains("steady state"));
    let after = tasks(DesiredStatus::Running).await.unwrap();
    assert!(after.task_arns().len() == 4 && after.task_arns().iter().all(|arn| !before.task_arns().contains(arn)));
    let running = ecs.describe_tasks().cluster("production").set_tasks(after.task_arns).send().await.unwrap();
    let task = &running.tasks()[0];
    assert_eq!((task.last_status(), task.health_status()), (Some("RUNNING"), Some(&HealthStatus::Healthy)));
    assert_eq!(task.started_by(), service.deployments()[0].id());
    assert!(task.containers()[0].network_interfaces()[0].private_ipv4_address().unwrap().starts_with("10.0."));
    assert!(task.started_at() > task.created_at());
    let stopped = tasks(DesiredStatus::Stopped).await.unwrap();
    let stopped = ecs.describe_tasks().cluster("production").set_tasks(stopped.task_arns).send().await.unwrap();
    assert_eq!(stopped.tasks().len(), 4);
    let task = &stopped.tasks()[0];
    assert_eq!(task.stop_code().map(|code| code.as_str()), Some("ServiceSchedulerInitiated"));
    assert!(task.stopped_reason().unwrap().starts_with("Scaling activity initiated by (deployment ecs-svc/"));
    assert_eq!(task.containers()[0].exit_code(), Some(0));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn ecs_other_reads_and_stop_task() {
    let sandbox = sandbox().await;
    let ecs = aws_sdk_ecs::Client::new(&sdk(&sandbox.url()));
    let services = ecs.list_services().cluster("production").max_results(1).send().await.unwrap();
    assert_eq!(services.service_arns(), ["arn:aws:ecs:us-east-1:123456789012:service/production/api"]);
    let more = ecs.list_services().cluster("production").set_next_token(services.next_token).send().await.unwrap();
    let names = ["auth-service", "checkout", "orders", "search"];
    let arns = names.map(|name| format!("arn:aws:ecs:us-east-1:123456789012:service/production/{name}"));
    assert_eq!(more.service_arns(), arns);
    assert_eq!(more.next_token(), None);
    let clusters = ecs.describe_clusters().clusters("production").clusters("x").send().await.unwrap();
    assert_eq!(clusters.clusters()[0].running_tasks_count(), 18);
    assert_eq!(clusters.failures().len(), 1);
    let definition = ecs.describe_task_definition().task_definition("api:141").send().await.unwrap();
    let definition = definition.task_definition().unwrap();
    assert_eq!((definition.family(), definition.revision()), (Some("api"), 141));
    assert!(definition.container_definitions()[0].image().unwrap().ends_with("api-141"));
    let error = ecs.describe_task_definition().task_definition("web").send().await.unwrap_err();
    assert_eq!(error.code(), Some("ClientException"));
    let tasks = ecs.list_tasks().cluster("production").service_name("api").send().await.unwrap();
    let stopped = ecs.stop_task().cluster("production").task(&tasks.task_arns()[0]).reason("try").send().await.unwrap();
    assert_eq!(stopped.task().unwrap().desired_status(), Some("STOPPED"));
    pass(&sandbox, 120);
    let tasks = ecs.list_tasks().cluster("production").service_name("api").send().await.unwrap();
    assert_eq!(tasks.task_arns().len(), 4, "the scheduler starts another");
    let error = ecs.list_tasks().cluster("production").service_name("gone").send().await.unwrap_err();
    assert!(error.into_service_error().is_service_not_found_exception());
    sandbox.shutdown().await;
}

#[tokio::test]
async fn unmodelled_operations_are_refused_by_name() {
    let sandbox = sandbox().await;
    let config = sdk(&sandbox.url());
    let ecs = aws_sdk_ecs::Client::new(&config).delete_service().cluster("production").service("api").send().await;
    let error = ecs.unwrap_err();
    assert_eq!(error.code(), Some("UnknownOperationException"));
    assert!(error.message().unwrap().contains("DeleteService of ecs"));
    let rds = aws_sdk_rds::Client::new(&config).describe_db_clusters().send().await.unwrap_err();
    assert_eq!(rds.code(), Some("InvalidAction"));
    assert!(rds.message().unwrap().contains("DescribeDBClusters of rds"));
    let metrics = aws_sdk_cloudwatch::Client::new(&config).list_metrics().send().await.unwrap_err();
    assert_eq!(metrics.code(), Some("UnknownOperationException"));
    let ignored = aws_sdk_ecs::Client::new(&config);
    let ignored =
        ignored.update_service().cluster("production").service("api").enable_execute_command(true).send().await;
    assert!(ignored.unwrap_err().message().unwrap().contains("enableExecuteCommand"));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn cloudwatch_metric_data_over_cbor_with_percentiles_and_math() {
    let sandbox = sandbox().await;
    let client = aws_sdk_cloudwatch::Client::new(&sdk(&sandbox.url()));
    let stat = |name: &str, stat: &str| {
        let metric = Metric::builder().namespace("AWS/ApplicationELB").metric_name(name);
        let metric = metric.set_dimensions(Some(balancer_dimensions())).build();
        MetricStat::builder().metric(metric).period(300).stat(stat).build()
    };
    let query = |id: &str, stat: MetricStat| MetricDataQuery::builder().id(id).metric_stat(stat).build();
    let expression = "FILL(errors, 0) / requests * 100";
    let answer = client
        .get_metric_data()
        .start_time(DateTime::from_millis(NOON_MS - 900_000))
        .end_time(DateTime::from_millis(NOON_MS))
        .metric_data_queries(query("p95", stat("TargetResponseTime", "p95")))
        .metric_data_queries(query("p50", stat("TargetResponseTime", "p50")))
        .metric_data_queries(query("requests", stat("RequestCount", "Sum")))
        .metric_data_queries(query("errors", stat("HTTPCode_Target_5XX_Count", "Sum")))
        .metric_data_queries(MetricDataQuery::builder().id("rate").expression(expression).label("error rate").build())
        .send()
        .await
        .unwrap();
    let values = |id: &str| {
        let result = answer.metric_data_results().iter().find(|result| result.id() == Some(id)).unwrap();
        assert_eq!(result.timestamps().len(), 3);
        assert!(result.timestamps()[0] > result.timestamps()[1], "newest first");
        assert_eq!(result.status_code().map(|code| code.as_str()), Some("Complete"));
        result.values().to_vec()
    };
    assert!(values("p95").iter().all(|value| (0.1..0.25).contains(value)));
    assert!(values("p95")[0] > values("p50")[0]);
    assert!(values("requests").iter().all(|value| (value / 300.0 - 240.0).abs() < 12.0));
    assert!(values("rate").iter().all(|value| *value < 0.1));
    let bad = MetricDataQuery::builder().id("bad").expression("RATE(x)").build();
    let error = client
        .get_metric_data()
        .start_time(DateTime::from_millis(NOON_MS - 900_000))
        .end_time(DateTime::from_millis(NOON_MS))
        .metric_data_queries(bad)
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some("ValidationError"));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn cloudwatch_statistics_published_data_and_alarms() {
    let sandbox = sandbox().await;
    let client = aws_sdk_cloudwatch::Client::new(&sdk(&sandbox.url()));
    let statistics = client
        .get_metric_statistics()
        .namespace("AWS/ECS")
        .metric_name("CPUUtilization")
        .set_dimensions(Some(api_dimensions()))
        .start_time(DateTime::from_millis(NOON_MS - 600_000))
        .end_time(DateTime::from_millis(NOON_MS))
        .period(60)
        .statistics(Statistic::Average)
        .statistics(Statistic::Maximum)
        .extended_statistics("p90")
        .send()
        .await
        .unwrap();
    assert_eq!(statistics.datapoints().len(), 10);
    let point = &statistics.datapoints()[0];
    assert!(point.maximum() > point.average() && point.average() > Some(20.0));
    assert!(point.extended_statistics().unwrap().contains_key("p90"));
    assert_eq!(point.unit(), Some(&StandardUnit::Percent));
    let datum = MetricDatum::builder().metric_name("Restarts").value(2.0).unit(StandardUnit::Count).build();
    client.put_metric_data().namespace("OpsAutomation").metric_data(datum).send().await.unwrap();
    let read = client
        .get_metric_statistics()
        .namespace("OpsAutomation")
        .metric_name("Restarts")
        .start_time(DateTime::from_millis(NOON_MS - 60_000))
        .end_time(DateTime::from_millis(NOON_MS + 60_000))
        .period(60)
        .statistics(Statistic::Sum)
        .send()
        .await
        .unwrap();
    assert_eq!(read.datapoints()[0].sum(), Some(2.0));
    sandbox.set_load("api", 900.0).unwrap();
    pass(&sandbox, 240);
    let alarms =
        client.describe_alarms().state_value(StateValue::Alarm).alarm_name_prefix("api-").send().await.unwrap();
    let names: Vec<_> = alarms.metric_alarms().iter().filter_map(|alarm| alarm.alarm_name()).collect();
    assert_eq!(names, ["api-latency-p95", "api-5xx", "api-cpu"]);
    let alarm = &alarms.metric_alarms()[0];
    assert_eq!((alarm.threshold(), alarm.extended_statistic()), (Some(0.4), Some("p95")));
    assert_eq!((alarm.dimensions().len(), alarm.period()), (2, Some(60)));
    let missing = client.get_metric_statistics().namespace("AWS/ECS").metric_name("X").send().await.unwrap_err();
    assert!(missing.into_service_error().is_missing_required_parameter_exception());
    sandbox.shutdown().await;
}

#[tokio::test]
async fn target_health_follows_the_tasks() {
    let sandbox = sandbox().await;
    let client = aws_sdk_elasticloadbalancingv2::Client::new(&sdk(&sandbox.url()));
    let groups = client.describe_target_groups().names("auth-service").send().await.unwrap();
    let group = &groups.target_groups()[0];
    assert_eq!((group.target_group_name(), group.port()), (Some("auth-service"), Some(8080)));
    assert_eq!((group.healthy_threshold_count(), group.matcher().unwrap().http_code()), (Some(2), Some("200")));
    assert_eq!(group.load_balancer_arns().len(), 1);
    let arn = group.target_group_arn().unwrap();
    sandbox.hang("auth-service", 2).unwrap();
    pass(&sandbox, 60);
    let health = client.describe_target_health().target_group_arn(arn).send().await.unwrap();
    let states: Vec<_> = health.target_health_descriptions().iter().map(|each| each.target_health().unwrap()).collect();
    let unhealthy: Vec<_> =
        states.iter().filter(|each| each.state() == Some(&TargetHealthStateEnum::Unhealthy)).collect();
    assert_eq!((states.len(), unhealthy.len()), (3, 2));
    assert_eq!(unhealthy[0].reason().map(|reason| reason.as_str()), Some("Target.Timeout"));
    let target = health.target_health_descriptions()[0].target().unwrap();
    assert_eq!((target.port(), target.id().unwrap().starts_with("10.0.")), (Some(8080), true));
    let gone = client.describe_target_groups().names("gone").send().await.unwrap_err();
    assert!(gone.into_service_error().is_target_group_not_found_exception());
    let gone = arn.replace("auth-service", "gone");
    let gone = client.describe_target_health().target_group_arn(gone).send().await.unwrap_err();
    assert!(gone.into_service_error().is_target_group_not_found_exception());
    sandbox.shutdown().await;
}

#[tokio::test]
async fn raising_minimum_capacity_scales_out() {
    let sandbox = sandbox().await;
    let config = sdk(&sandbox.url());
    let client = aws_sdk_applicationautoscaling::Client::new(&config);
    let describe = || client.describe_scalable_targets().service_namespace(ServiceNamespace::Ecs).send();
    let targets = describe().await.unwrap();
    let target = &targets.scalable_targets()[0];
    assert_eq!((target.min_capacity(), target.max_capacity()), (4, 12));
    assert_eq!(target.resource_id(), "service/production/api");
    assert_eq!(target.suspended_state().unwrap().dynamic_scaling_out_suspended(), Some(true));
    let registered = client
        .register_scalable_target()
        .service_namespace(ServiceNamespace::Ecs)
        .resource_id("service/production/api")
        .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
        .min_capacity(8)
        .send()
        .await
        .unwrap();
    assert_eq!(registered.scalable_target_arn(), target.scalable_target_arn());
    assert_eq!(describe().await.unwrap().scalable_targets()[0].min_capacity(), 8);
    pass(&sandbox, 120);
    let ecs = aws_sdk_ecs::Client::new(&config);
    let described = ecs.describe_services().cluster("production").services("api").send().await.unwrap();
    assert_eq!((described.services()[0].desired_count(), described.services()[0].running_count()), (8, 8));
    let policies = client.describe_scaling_policies().service_namespace(ServiceNamespace::Ecs).send().await.unwrap();
    let policy = &policies.scaling_policies()[0];
    let tracking = policy.target_tracking_scaling_policy_configuration().unwrap();
    assert_eq!((policy.policy_name(), tracking.target_value()), ("api-cpu", 60.0));
    let error = client
        .register_scalable_target()
        .service_namespace(ServiceNamespace::Ecs)
        .resource_id("service/production/api")
        .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
        .min_capacity(20)
        .max_capacity(10)
        .send()
        .await
        .unwrap_err();
    assert!(error.into_service_error().is_validation_exception());
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_database_class_change_shows_modifying_and_events() {
    let sandbox = sandbox().await;
    let client = aws_sdk_rds::Client::new(&sdk(&sandbox.url()));
    let describe = || client.describe_db_instances().db_instance_identifier("orders-db").send();
    let answer = describe().await.unwrap();
    let database = &answer.db_instances()[0];
    assert_eq!(database.db_instance_class(), Some("db.r6g.large"));
    assert_eq!((database.db_instance_status(), database.multi_az()), (Some("available"), Some(true)));
    assert_eq!(database.endpoint().unwrap().port(), Some(5432));
    assert_eq!(database.db_instance_arn(), Some("arn:aws:rds:us-east-1:123456789012:db:orders-db"));
    assert!(database.instance_create_time().unwrap().to_millis().unwrap() < NOON_MS);
    let options = client.describe_orderable_db_instance_options().engine("postgres").engine_version("16.4");
    let options = options.send().await.unwrap();
    let classes: Vec<_> =
        options.orderable_db_instance_options().iter().filter_map(|option| option.db_instance_class()).collect();
    assert!(classes.contains(&"db.r6g.xlarge"));
    assert_eq!(options.orderable_db_instance_options()[0].availability_zones().len(), 3);
    let modify = |class: &str| {
        client.modify_db_instance().db_instance_identifier("orders-db").db_instance_class(class).apply_immediately(true)
    };
    let modified = modify("db.r6g.xlarge").send().await.unwrap();
    let pending = modified.db_instance().unwrap().pending_modified_values().unwrap();
    assert_eq!(pending.db_instance_class(), Some("db.r6g.xlarge"));
    pass(&sandbox, 30);
    assert_eq!(describe().await.unwrap().db_instances()[0].db_instance_status(), Some("modifying"));
    let busy = modify("db.r6g.2xlarge").send().await.unwrap_err();
    assert!(busy.into_service_error().is_invalid_db_instance_state_fault());
    pass(&sandbox, 600);
    let answer = describe().await.unwrap();
    assert_eq!(answer.db_instances()[0].db_instance_class(), Some("db.r6g.xlarge"));
    assert_eq!(answer.db_instances()[0].db_instance_status(), Some("available"));
    let events = client.describe_events().source_identifier("orders-db").source_type(SourceType::DbInstance);
    let events = events.duration(60).send().await.unwrap();
    assert_eq!(events.events().len(), 4);
    assert_eq!(events.events()[1].event_categories(), ["failover"]);
    let snapshot = client.create_db_snapshot().db_instance_identifier("orders-db").db_snapshot_identifier("before");
    let snapshot = snapshot.send().await.unwrap();
    assert_eq!(snapshot.db_snapshot().unwrap().status(), Some("creating"));
    let gone = client.describe_db_instances().db_instance_identifier("gone").send().await.unwrap_err();
    assert!(gone.into_service_error().is_db_instance_not_found_fault());
    let bad = modify("db.r5.large").send().await.unwrap_err();
    assert_eq!(bad.code(), Some("InvalidDBInstanceState"), "a snapshot is being taken");
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_cache_changes_node_type_and_replicas() {
    let sandbox = sandbox().await;
    let client = aws_sdk_elasticache::Client::new(&sdk(&sandbox.url()));
    let describe = || client.describe_replication_groups().replication_group_id("catalog-cache").send();
    let answer = describe().await.unwrap();
    let group = &answer.replication_groups()[0];
    assert_eq!((group.status(), group.cache_node_type()), (Some("available"), Some("cache.r7g.large")));
    assert_eq!(group.member_clusters(), ["catalog-cache-001", "catalog-cache-002"]);
    let shard = &group.node_groups()[0];
    assert_eq!(shard.primary_endpoint().unwrap().port(), Some(6379));
    assert_eq!(shard.node_group_members()[1].current_role(), Some("replica"));
    let allowed = client.list_allowed_node_type_modifications().replication_group_id("catalog-cache");
    let allowed = allowed.send().await.unwrap();
    assert!(allowed.scale_up_modifications().contains(&"cache.r7g.xlarge".to_owned()));
    let modify = client.modify_replication_group().replication_group_id("catalog-cache").apply_immediately(true);
    let modified = modify.cache_node_type("cache.r7g.xlarge").send().await.unwrap();
    assert_eq!(modified.replication_group().unwrap().status(), Some("modifying"));
    let increase = || {
        let increase = client.increase_replica_count().replication_group_id("catalog-cache");
        increase.new_replica_count(2).apply_immediately(true).send()
    };
    let busy = increase().await.unwrap_err();
    assert!(busy.into_service_error().is_invalid_replication_group_state_fault());
    pass(&sandbox, 300);
    assert_eq!(describe().await.unwrap().replication_groups()[0].cache_node_type(), Some("cache.r7g.xlarge"));
    increase().await.unwrap();
    pass(&sandbox, 300);
    assert_eq!(describe().await.unwrap().replication_groups()[0].member_clusters().len(), 3);
    let gone = client.describe_replication_groups().replication_group_id("gone").send().await.unwrap_err();
    assert!(gone.into_service_error().is_replication_group_not_found_fault());
    sandbox.shutdown().await;
}

#[tokio::test]
async fn topics_keep_what_is_published() {
    let sandbox = sandbox().await;
    let client = aws_sdk_sns::Client::new(&sdk(&sandbox.url()));
    let topic = client.create_topic().name("extra").send().await.unwrap();
    assert_eq!(topic.topic_arn(), Some("arn:aws:sns:us-east-1:123456789012:extra"));
    let topics = client.list_topics().send().await.unwrap();
    assert_eq!(topics.topics().len(), 2);
    let arn = "arn:aws:sns:us-east-1:123456789012:ops-notifications";
    let text = "zwei\nZeilen & <mehr>, 50 % + ü";
    let published = client.publish().topic_arn(arn).subject("SEV2 api").message(text).send().await.unwrap();
    let state = sandbox.state();
    let topics = state["topics"].as_array().unwrap();
    let kept = &topics.iter().find(|topic| topic["name"] == "ops-notifications").unwrap()["published"][0];
    assert_eq!((kept["message"].as_str(), kept["subject"].as_str()), (Some(text), Some("SEV2 api")));
    assert_eq!(kept["messageId"].as_str(), published.message_id());
    let told = |path: String| {
        let sandbox = &sandbox;
        async move { control(sandbox, "GET", &path, &serde_json::Value::Null).await }
    };
    let all = told("messages".to_owned()).await.json();
    assert_eq!((&all["messages"], &all["now"]), (&serde_json::json!([kept]), &state["now"]));
    let at = kept["at"].as_i64().unwrap();
    assert_eq!(told(format!("messages?from={at}")).await.json()["messages"], all["messages"]);
    assert_eq!(told(format!("messages?from={}", at + 1)).await.json()["messages"], serde_json::json!([]));
    let refused = told("messages?since=1".to_owned()).await;
    assert_eq!(refused.status, 400);
    assert!(refused.body.contains("since=1: give from=MS"), "{}", refused.body);
    let long = client.publish().topic_arn(arn).subject("x".repeat(100)).message("m").send().await.unwrap_err();
    assert!(long.into_service_error().is_invalid_parameter_exception());
    let gone = client.publish().topic_arn(format!("{arn}x")).message("m").send().await.unwrap_err();
    assert!(gone.into_service_error().is_not_found_exception());
    sandbox.shutdown().await;
}
