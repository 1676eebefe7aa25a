//! The same calls against the sandbox and against moto (a third-party emulator): the same parsed fields.
//!
//! Runs when `STEPWRIGHT_TEST_MOTO_URL` names a fresh moto server, e.g. `http://127.0.0.1:5000`.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace};
use aws_sdk_ecs::error::ProvideErrorMetadata;
use aws_sdk_ecs::types::{ContainerDefinition, NetworkMode};
use aws_types::SdkConfig;
use common::{sandbox, sdk, send};
use serde_json::{Value, json};

#[expect(clippy::disallowed_methods, reason = "the one place where this test reads its configuration")]
fn moto_url() -> Option<String> {
    std::env::var("STEPWRIGHT_TEST_MOTO_URL").ok().filter(|url| !url.is_empty())
}

#[tokio::test]
async fn the_sandbox_and_moto_are_parsed_alike() {
    let Some(moto) = moto_url() else {
        println!("SKIPPED: STEPWRIGHT_TEST_MOTO_URL is not set; start moto_server and name its URL there");
        return;
    };
    let sandbox = sandbox().await;
    prepare(&sdk(&moto)).await;
    let (ours, theirs) = (sandbox.url(), moto);
    let mut compared = 0;
    let mut differences = Vec::new();
    for (name, left, right) in [
        ("sns", sns(&sdk(&ours)).await, sns(&sdk(&theirs)).await),
        ("ecs", ecs(&sdk(&ours)).await, ecs(&sdk(&theirs)).await),
        ("autoscaling", autoscaling(&sdk(&ours)).await, autoscaling(&sdk(&theirs)).await),
        ("rds", rds(&sdk(&ours)).await, rds(&sdk(&theirs)).await),
        ("elasticache", elasticache(&sdk(&ours)).await, elasticache(&sdk(&theirs)).await),
        ("elbv2", elbv2(&sdk(&ours)).await, elbv2(&sdk(&theirs)).await),
        ("cloudwatch", cloudwatch(&ours).await, cloudwatch(&theirs).await),
        ("dynamodb", dynamodb(&ours).await, dynamodb(&theirs).await),
        ("dynamodb", dynamodb_failures(&ours).await, dynamodb_failures(&theirs).await),
        ("sqs", sqs(&ours).await, sqs(&theirs).await),
        ("ssm", ssm(&ours).await, ssm(&theirs).await),
    ] {
        for (field, value) in left.as_object().unwrap() {
            compared += 1;
            if Some(value) != right.get(field) {
                differences.push(format!("{name}: {field}: ours {value}, moto's {}", right[field]));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    println!("{compared} fields compared with moto");
    sandbox.shutdown().await;
}

/// Gives moto the cluster and the service that the sandbox begins with.
async fn prepare(moto: &SdkConfig) {
    let ecs = aws_sdk_ecs::Client::new(moto);
    ecs.create_cluster().cluster_name("production").send().await.unwrap();
    let container = ContainerDefinition::builder().name("api").image("api").memory(64).build();
    let definition = ecs.register_task_definition().family("api").network_mode(NetworkMode::Awsvpc);
    definition.container_definitions(container).send().await.unwrap();
    let service = ecs.create_service().cluster("production").service_name("api").task_definition("api");
    service.desired_count(4).send().await.unwrap();
}

async fn sns(config: &SdkConfig) -> Value {
    let client = aws_sdk_sns::Client::new(config);
    let topic = client.create_topic().name("cross-check").send().await.unwrap();
    let arn = topic.topic_arn().unwrap().to_owned();
    let published = client.publish().topic_arn(&arn).subject("s").message("m").send().await.unwrap();
    let gone = client.publish().topic_arn(format!("{arn}-gone")).message("m").send().await.unwrap_err();
    let long = client.publish().topic_arn(&arn).subject("x".repeat(101)).message("m").send().await.unwrap_err();
    let topics = client.list_topics().send().await.unwrap();
    json!({
        "arn": arn,
        "id length": published.message_id().unwrap().len(),
        "gone": gone.code(),
        "gone status": gone.raw_response().map(|raw| raw.status().as_u16()),
        "long": long.code(),
        "listed": topics.topics().iter().any(|topic| topic.topic_arn() == Some(&arn)),
    })
}

async fn ecs(config: &SdkConfig) -> Value {
    let client = aws_sdk_ecs::Client::new(config);
    let describe = client.describe_services().cluster("production").services("api").services("gone");
    let answer = describe.send().await.unwrap();
    let updated = client.update_service().cluster("production").service("api").desired_count(5).send().await.unwrap();
    let clusters = client.describe_clusters().clusters("production").clusters("gone").send().await.unwrap();
    let no_cluster = client.describe_services().cluster("gone").services("api").send().await.unwrap_err();
    let no_service = client.update_service().cluster("production").service("gone").send().await.unwrap_err();
    let definition = client.describe_task_definition().task_definition("api").send().await.unwrap();
    json!({
        "arn": answer.services()[0].service_arn(),
        "name": answer.services()[0].service_name(),
        "desired": answer.services()[0].desired_count(),
        "status": answer.services()[0].status(),
        "deployment": answer.services()[0].deployments()[0].status(),
        "deployments": answer.services()[0].deployments().len(),
        "failure": answer.failures()[0].reason(),
        "updated": updated.service().unwrap().desired_count(),
        "cluster": clusters.clusters()[0].cluster_arn(),
        "cluster failure": clusters.failures()[0].reason(),
        "no cluster": no_cluster.code(),
        "no service": no_service.code(),
        "family": definition.task_definition().unwrap().family(),
    })
}

async fn autoscaling(config: &SdkConfig) -> Value {
    let client = aws_sdk_applicationautoscaling::Client::new(config);
    let register = |minimum: i32| {
        let register = client.register_scalable_target().service_namespace(ServiceNamespace::Ecs);
        let register = register.resource_id("service/production/api").min_capacity(minimum).max_capacity(12);
        register.scalable_dimension(ScalableDimension::EcsServiceDesiredCount).send()
    };
    register(6).await.unwrap();
    let targets = client.describe_scalable_targets().service_namespace(ServiceNamespace::Ecs);
    let targets = targets.resource_ids("service/production/api").send().await.unwrap();
    let target = &targets.scalable_targets()[0];
    let gone = client.register_scalable_target().service_namespace(ServiceNamespace::Ecs);
    let gone = gone.resource_id("service/production/gone").min_capacity(1).max_capacity(2);
    let gone = gone.scalable_dimension(ScalableDimension::EcsServiceDesiredCount).send().await.unwrap_err();
    json!({
        "minimum": target.min_capacity(),
        "maximum": target.max_capacity(),
        "resource": target.resource_id(),
        "dimension": target.scalable_dimension().as_str(),
        "gone": gone.code(),
    })
}

async fn rds(config: &SdkConfig) -> Value {
    let client = aws_sdk_rds::Client::new(config);
    let gone = client.describe_db_instances().db_instance_identifier("gone").send().await.unwrap_err();
    let modify = client.modify_db_instance().db_instance_identifier("gone").db_instance_class("db.r6g.large");
    let modify = modify.send().await.unwrap_err();
    json!({
        "gone": gone.code(),
        "typed": gone.into_service_error().is_db_instance_not_found_fault(),
        "modify": modify.code(),
    })
}

async fn elasticache(config: &SdkConfig) -> Value {
    let client = aws_sdk_elasticache::Client::new(config);
    let gone = client.describe_replication_groups().replication_group_id("gone").send().await.unwrap_err();
    json!({
        "gone": gone.code(),
        "typed": gone.into_service_error().is_replication_group_not_found_fault(),
    })
}

async fn elbv2(config: &SdkConfig) -> Value {
    let client = aws_sdk_elasticloadbalancingv2::Client::new(config);
    let gone = client.describe_target_groups().names("gone").send().await.unwrap_err();
    let arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/gone/0123456789abcdef";
    let health = client.describe_target_health().target_group_arn(arn).send().await.unwrap_err();
    json!({ "gone": gone.code(), "health": health.code() })
}

/// CloudWatch in awsQuery: moto's server does not route the SDK's CBOR path.
async fn cloudwatch(url: &str) -> Value {
    let (from, at, to) = ("2026-01-01T11:49:00Z", "2026-01-01T11:50:00Z", "2026-01-01T11:52:00Z");
    for value in [1, 3] {
        let datum = format!(
            "Action=PutMetricData&Version=2010-08-01&Namespace=Cross&MetricData.member.1.MetricName=M\
             &MetricData.member.1.Value={value}&MetricData.member.1.Timestamp={at}"
        );
        assert_eq!(form_call(url, "monitoring", &datum).await.0, 200);
    }
    let read = format!(
        "Action=GetMetricStatistics&Version=2010-08-01&Namespace=Cross&MetricName=M&Period=60&StartTime={from}\
         &EndTime={to}&Statistics.member.1=Sum&Statistics.member.2=Average&Statistics.member.3=Maximum"
    );
    let (status, body) = form_call(url, "monitoring", &read).await;
    let number = |tag: &str| text(&body, tag).and_then(|text| text.parse::<f64>().ok());
    json!({
        "status": status,
        "points": body.matches("<Maximum>").count(),
        "sum": number("Sum"),
        "average": number("Average"),
        "maximum": number("Maximum"),
        "label": text(&body, "Label"),
    })
}

/// The text of the first element of that name.
fn text<'a>(xml: &'a str, tag: &str) -> Option<&'a str> {
    let rest = xml.split_once(&format!("<{tag}>"))?.1;
    rest.split_once(&format!("</{tag}>")).map(|(text, _)| text)
}

fn authorization(service: &str) -> String {
    let scope = format!("test/20260101/us-east-1/{service}/aws4_request");
    format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0")
}

async fn form_call(url: &str, service: &str, form: &str) -> (u16, String) {
    let authorization = authorization(service);
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("authorization", authorization.as_str())];
    let address = url.trim_start_matches("http://");
    let answer = send(address, "POST", "/", &headers, &form.replace(':', "%3A")).await.unwrap();
    (answer.status, answer.body)
}

/// A call of a JSON service: (status, body).
async fn json_call(url: &str, service: &str, target: &str, parameters: Value) -> (u16, Value) {
    let authorization = authorization(service);
    let headers = [
        ("content-type", "application/x-amz-json-1.0"),
        ("x-amz-target", target),
        ("authorization", authorization.as_str()),
    ];
    let address = url.trim_start_matches("http://");
    let answer = send(address, "POST", "/", &headers, &parameters.to_string()).await.unwrap();
    (answer.status, serde_json::from_str(&answer.body).unwrap_or(Value::Null))
}

fn code(body: &Value) -> String {
    body["__type"].as_str().unwrap_or_default().rsplit('#').next().unwrap_or_default().to_owned()
}

/// Creates a table with the partition key `pk`.
async fn create_table(url: &str, name: &str) -> Value {
    let table = json!({
        "TableName": name, "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}]
    });
    json_call(url, "dynamodb", "DynamoDB_20120810.CreateTable", table).await.1
}

async fn dynamodb(url: &str) -> Value {
    let call = |operation: &str, parameters: Value| {
        let target = format!("DynamoDB_20120810.{operation}");
        async move { json_call(url, "dynamodb", &target, parameters).await }
    };
    let created = create_table(url, "cross").await;
    let item = json!({"pk": {"S": "a"}, "n": {"N": "1.5"}, "l": {"L": [{"N": "1"}, {"N": "2"}]}, "m": {"M": {"x": {"S": "y"}}}});
    let put = call("PutItem", json!({"TableName": "cross", "Item": item})).await.1;
    let update = call(
        "UpdateItem",
        json!({
            "TableName": "cross", "Key": {"pk": {"S": "a"}}, "ReturnValues": "ALL_NEW",
            "UpdateExpression": "SET n = n + :one, l[1] = :one, q = if_not_exists(q, :one), ll = list_append(l, l), m.z = :s REMOVE m.x ADD c :one, t :set",
            "ConditionExpression": "attribute_exists(pk) AND (n BETWEEN :one AND :two OR contains(l, :one)) AND size(l) = :two",
            "ExpressionAttributeValues": {":one": {"N": "1"}, ":two": {"N": "2"}, ":s": {"S": "s"}, ":set": {"SS": ["a"]}}
        }),
    )
    .await
    .1;
    let query = json!({
        "TableName": "cross", "KeyConditionExpression": "pk = :a", "ProjectionExpression": "n, l[0]",
        "ExpressionAttributeValues": {":a": {"S": "a"}}
    });
    let query = call("Query", query).await.1;
    json!({
        "arn": created["TableDescription"]["TableArn"],
        "schema": created["TableDescription"]["KeySchema"],
        "put": put,
        "update": update["Attributes"],
        "query": query["Items"],
        "count": query["Count"],
    })
}

async fn dynamodb_failures(url: &str) -> Value {
    let call = |operation: &str, parameters: Value| {
        let target = format!("DynamoDB_20120810.{operation}");
        async move { json_call(url, "dynamodb", &target, parameters).await }
    };
    create_table(url, "failures").await;
    call("PutItem", json!({"TableName": "failures", "Item": {"pk": {"S": "a"}}})).await;
    let failed = call(
        "PutItem",
        json!({
            "TableName": "failures", "Item": {"pk": {"S": "a"}}, "ConditionExpression": "attribute_not_exists(pk)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD"
        }),
    )
    .await;
    let update_bad = |expression: &str| {
        let parameters = json!({
            "TableName": "failures", "Key": {"pk": {"S": "a"}}, "UpdateExpression": expression,
            "ExpressionAttributeValues": {":v": {"N": "1"}}
        });
        call("UpdateItem", parameters)
    };
    let (reserved, missing, overlap) = (
        update_bad("SET status = :v").await,
        update_bad("SET z = nothing + :v").await,
        update_bad("SET a = :v, a.b = :v").await,
    );
    let gone = call("GetItem", json!({"TableName": "gone", "Key": {"pk": {"S": "a"}}})).await;
    json!({
        "failed": [failed.0, code(&failed.1), failed.1["Item"]["pk"]],
        "reserved": [reserved.0, code(&reserved.1), reserved.1["message"]],
        "missing": [missing.0, code(&missing.1), missing.1["message"]],
        "overlap": [overlap.0, code(&overlap.1)],
        "gone": [gone.0, code(&gone.1), gone.1["message"]],
    })
}

async fn sqs(url: &str) -> Value {
    let call = |operation: &str, parameters: Value| {
        let target = format!("AmazonSQS.{operation}");
        async move { json_call(url, "sqs", &target, parameters).await }
    };
    let queue = call("CreateQueue", json!({"QueueName": "cross"})).await.1["QueueUrl"].clone();
    let attributes = json!({
        "kind": {"DataType": "String", "StringValue": "ä"}, "n": {"DataType": "Number", "StringValue": "1"},
        "bin": {"DataType": "Binary", "BinaryValue": "AAE="}
    });
    let sent =
        call("SendMessage", json!({"QueueUrl": queue, "MessageBody": "body ü", "MessageAttributes": attributes}))
            .await
            .1;
    let received =
        call("ReceiveMessage", json!({"QueueUrl": queue, "MessageAttributeNames": ["All"], "AttributeNames": ["All"]}))
            .await
            .1;
    let message = &received["Messages"][0];
    let hidden = call("ReceiveMessage", json!({"QueueUrl": queue})).await.1;
    let gone = call("GetQueueUrl", json!({"QueueName": "gone"})).await;
    json!({
        "url ends": queue.as_str().unwrap().ends_with("/123456789012/cross"),
        "md5": sent["MD5OfMessageBody"],
        "attributes md5": sent["MD5OfMessageAttributes"],
        "body": message["Body"],
        "body md5": message["MD5OfBody"],
        "count": message["Attributes"]["ApproximateReceiveCount"],
        "attribute": message["MessageAttributes"]["kind"]["StringValue"],
        "hidden": hidden.get("Messages").and_then(Value::as_array).map_or(0, Vec::len),
        "gone": [gone.0, code(&gone.1)],
    })
}

async fn ssm(url: &str) -> Value {
    let call = |operation: &str, parameters: Value| {
        let target = format!("AmazonSSM.{operation}");
        async move { json_call(url, "ssm", &target, parameters).await }
    };
    let put = call("PutParameter", json!({"Name": "/cross/a/b", "Value": "1", "Type": "String"})).await.1;
    let again = call("PutParameter", json!({"Name": "/cross/a/b", "Value": "2", "Type": "String"})).await;
    let over = call("PutParameter", json!({"Name": "/cross/a/b", "Value": "2", "Overwrite": true})).await.1;
    let get = call("GetParameter", json!({"Name": "/cross/a/b"})).await.1;
    let many = call("GetParameters", json!({"Names": ["/cross/a/b", "/none"]})).await.1;
    let shallow = call("GetParametersByPath", json!({"Path": "/cross"})).await.1;
    let deep = call("GetParametersByPath", json!({"Path": "/cross", "Recursive": true})).await.1;
    let gone = call("GetParameter", json!({"Name": "/none"})).await;
    json!({
        "version": put["Version"],
        "again": [again.0, code(&again.1)],
        "over": over["Version"],
        "value": get["Parameter"]["Value"],
        "arn": get["Parameter"]["ARN"],
        "type": get["Parameter"]["Type"],
        "invalid": many["InvalidParameters"],
        "shallow": shallow["Parameters"].as_array().map(Vec::len),
        "deep": deep["Parameters"].as_array().map(Vec::len),
        "gone": [gone.0, code(&gone.1)],
    })
}
