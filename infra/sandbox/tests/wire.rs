//! The JSON services over raw HTTP: DynamoDB, SQS, SSM, EventBridge, Secrets Manager; and requests that are none.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use common::{at_scale, call, http, pass, sandbox};
use sandbox::Sandbox;
use serde_json::{Value, json};

async fn dynamodb(sandbox: &Sandbox, operation: &str, parameters: Value) -> Value {
    let answer = call(sandbox, &format!("DynamoDB_20120810.{operation}"), &parameters).await;
    assert_eq!(answer.status, 200, "{operation}: {}", answer.body);
    answer.json()
}

async fn refused(sandbox: &Sandbox, target: &str, parameters: Value) -> (u16, Value) {
    let answer = call(sandbox, target, &parameters).await;
    assert!(answer.status >= 400, "{target}: {}", answer.body);
    (answer.status, answer.json())
}

#[tokio::test]
async fn dynamodb_conditional_writes() {
    let sandbox = sandbox().await;
    let lease = |owner: &str, now: &str| {
        json!({
            "TableName": "ops-state",
            "Key": {"pk": {"S": "lease#x"}},
            "UpdateExpression": "SET #owner = :owner, fence = if_not_exists(fence, :zero) + :one, expires = :expires",
            "ConditionExpression": "attribute_not_exists(pk) OR expires < :now OR #owner = :owner",
            "ExpressionAttributeNames": {"#owner": "owner"},
            "ExpressionAttributeValues": {
                ":owner": {"S": owner}, ":zero": {"N": "0"}, ":one": {"N": "1"},
                ":expires": {"N": "2000"}, ":now": {"N": now}
            },
            "ReturnValues": "ALL_NEW",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD"
        })
    };
    let first = dynamodb(&sandbox, "UpdateItem", lease("a", "1000")).await;
    assert_eq!(first["Attributes"]["fence"], json!({"N": "1"}));
    let (status, failure) = refused(&sandbox, "DynamoDB_20120810.UpdateItem", lease("b", "1000")).await;
    assert_eq!(status, 400);
    assert_eq!(failure["__type"], "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException");
    assert_eq!(failure["message"], "The conditional request failed");
    assert_eq!(failure["Item"]["owner"], json!({"S": "a"}), "the item is in the failure when asked for");
    let stolen = dynamodb(&sandbox, "UpdateItem", lease("b", "2001")).await;
    assert_eq!(stolen["Attributes"]["fence"], json!({"N": "2"}));
    let put = json!({
        "TableName": "ops-state", "Item": {"pk": {"S": "lease#x"}}, "ConditionExpression": "attribute_not_exists(pk)"
    });
    let (_, failure) = refused(&sandbox, "DynamoDB_20120810.PutItem", put).await;
    assert!(failure.get("Item").is_none());
    let delete = json!({"TableName": "ops-state", "Key": {"pk": {"S": "lease#x"}}, "ReturnValues": "ALL_OLD"});
    assert_eq!(dynamodb(&sandbox, "DeleteItem", delete.clone()).await["Attributes"]["fence"], json!({"N": "2"}));
    assert_eq!(dynamodb(&sandbox, "DeleteItem", delete).await, json!({}));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn dynamodb_return_values_and_projection() {
    let sandbox = sandbox().await;
    let item = json!({"pk": {"S": "a"}, "n": {"N": "1"}, "doc": {"M": {"x": {"S": "1"}, "y": {"S": "2"}}}});
    dynamodb(&sandbox, "PutItem", json!({"TableName": "ops-state", "Item": item})).await;
    for (returns, expected) in [
        ("NONE", json!({})),
        ("UPDATED_OLD", json!({"Attributes": {"n": {"N": "2"}, "doc": {"M": {"x": {"S": "1"}}}}})),
        ("UPDATED_NEW", json!({"Attributes": {"n": {"N": "4"}, "doc": {"M": {"x": {"S": "1"}}}}})),
    ] {
        let update = json!({
            "TableName": "ops-state", "Key": {"pk": {"S": "a"}},
            "UpdateExpression": "ADD n :one SET doc.x = doc.x",
            "ExpressionAttributeValues": {":one": {"N": "1"}}, "ReturnValues": returns
        });
        assert_eq!(dynamodb(&sandbox, "UpdateItem", update).await, expected, "{returns}");
    }
    let get = json!({
        "TableName": "ops-state", "Key": {"pk": {"S": "a"}}, "ConsistentRead": true,
        "ProjectionExpression": "doc.y, n", "ReturnConsumedCapacity": "TOTAL"
    });
    assert_eq!(
        dynamodb(&sandbox, "GetItem", get).await,
        json!({
            "Item": {"doc": {"M": {"y": {"S": "2"}}}, "n": {"N": "4"}},
            "ConsumedCapacity": {"TableName": "ops-state", "CapacityUnits": 1.0}
        })
    );
    sandbox.shutdown().await;
}

#[tokio::test]
async fn dynamodb_tables_query_and_scan() {
    let sandbox = sandbox().await;
    let created = dynamodb(
        &sandbox,
        "CreateTable",
        json!({
            "TableName": "runs", "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            "AttributeDefinitions": [
                {"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "N"}
            ]
        }),
    )
    .await;
    assert_eq!(created["TableDescription"]["TableStatus"], "CREATING");
    for number in 1..=20 {
        let item = json!({"pk": {"S": "a"}, "sk": {"N": number.to_string()}, "even": {"BOOL": number % 2 == 0}});
        dynamodb(&sandbox, "PutItem", json!({"TableName": "runs", "Item": item})).await;
    }
    let described = dynamodb(&sandbox, "DescribeTable", json!({"TableName": "runs"})).await;
    assert_eq!((&described["Table"]["TableStatus"], &described["Table"]["ItemCount"]), (&json!("ACTIVE"), &json!(20)));
    let mut query = json!({
        "TableName": "runs", "KeyConditionExpression": "pk = :a AND sk BETWEEN :low AND :high",
        "FilterExpression": "even = :yes", "ScanIndexForward": false, "Limit": 4,
        "ExpressionAttributeValues": {
            ":a": {"S": "a"}, ":low": {"N": "5"}, ":high": {"N": "12"}, ":yes": {"BOOL": true}
        }
    });
    let mut seen = Vec::new();
    loop {
        let page = dynamodb(&sandbox, "Query", query.clone()).await;
        seen.extend(page["Items"].as_array().unwrap().iter().map(|item| item["sk"]["N"].as_str().unwrap().to_owned()));
        match page.get("LastEvaluatedKey") {
            Some(key) => query["ExclusiveStartKey"] = key.clone(),
            None => break,
        }
    }
    assert_eq!(seen, ["12", "10", "8", "6"], "in numeric order, newest first");
    let count = dynamodb(&sandbox, "Scan", json!({"TableName": "runs", "Select": "COUNT"})).await;
    assert_eq!(count, json!({"Count": 20, "ScannedCount": 20}));
    let catalogue = dynamodb(&sandbox, "Scan", json!({"TableName": "ops-catalog"})).await;
    assert_eq!(catalogue["Count"], 7);
    sandbox.shutdown().await;
}

/// Each (operation, parameters, code, part of the message) must be refused so.
async fn all_refused(cases: Vec<(&str, Value, &str, &str)>) {
    let sandbox = sandbox().await;
    for (operation, parameters, code, message) in cases {
        let (status, failure) = refused(&sandbox, &format!("DynamoDB_20120810.{operation}"), parameters).await;
        assert_eq!(status, 400);
        assert!(failure["__type"].as_str().unwrap().ends_with(&format!("#{code}")), "{operation}: {failure}");
        assert!(failure["message"].as_str().unwrap().contains(message), "{operation}: {failure}");
    }
    sandbox.shutdown().await;
}

#[tokio::test]
async fn dynamodb_refuses_bad_keys_and_items() {
    let key = json!({"pk": {"S": "a"}});
    all_refused(vec![
        ("GetItem", json!({"TableName": "none", "Key": key}), "ResourceNotFoundException", "resource not found"),
        ("GetItem", json!({"TableName": "ops-state", "Key": {"id": {"S": "a"}}}), "ValidationException", "key element"),
        ("GetItem", json!({"TableName": "ops-state", "Key": {"pk": {"N": "1"}}}), "ValidationException", "key element"),
        ("GetItem", json!({"TableName": "ops-state"}), "ValidationException", "Key"),
        (
            "PutItem",
            json!({"TableName": "ops-state", "Item": {"a": {"S": ""}}}),
            "ValidationException",
            "Missing the key pk",
        ),
        (
            "PutItem",
            json!({"TableName": "ops-state", "Item": {"pk": {"S": ""}}}),
            "ValidationException",
            "empty string",
        ),
        (
            "PutItem",
            json!({"TableName": "ops-state", "Item": {"pk": {"S": "a"}, "b": {"S": "x".repeat(420_000)}}}),
            "ValidationException",
            "Item size",
        ),
    ])
    .await;
}

#[tokio::test]
async fn dynamodb_refuses_bad_updates_and_queries() {
    let key = json!({"pk": {"S": "a"}});
    all_refused(vec![
        (
            "UpdateItem",
            json!({"TableName": "ops-state", "Key": key, "UpdateExpression": "SET pk = :v",
                   "ExpressionAttributeValues": {":v": {"S": "b"}}}),
            "ValidationException",
            "Cannot update attribute pk",
        ),
        (
            "UpdateItem",
            json!({"TableName": "ops-state", "Key": key, "UpdateExpression": "SET status = :v",
                   "ExpressionAttributeValues": {":v": {"S": "b"}}}),
            "ValidationException",
            "reserved keyword: status",
        ),
        (
            "UpdateItem",
            json!({"TableName": "ops-state", "Key": key, "AttributeUpdates": {}}),
            "ValidationException",
            "AttributeUpdates",
        ),
        (
            "Query",
            json!({"TableName": "ops-state", "KeyConditionExpression": "pk > :v",
                   "ExpressionAttributeValues": {":v": {"S": "b"}}}),
            "ValidationException",
            "not supported",
        ),
        ("Query", json!({"TableName": "ops-state", "IndexName": "x"}), "ValidationException", "specified index: x"),
        ("TransactWriteItems", json!({}), "UnknownOperationException", "TransactWriteItems of dynamodb"),
    ])
    .await;
}

#[tokio::test]
async fn sqs_messages_hide_come_back_and_are_deleted() {
    let sandbox = sandbox().await;
    let url = call(&sandbox, "AmazonSQS.GetQueueUrl", &json!({"QueueName": "ops-dead-letters"})).await.json();
    let url = url["QueueUrl"].as_str().unwrap().to_owned();
    assert_eq!(url, "https://sqs.us-east-1.amazonaws.com/123456789012/ops-dead-letters");
    let attributes = json!({"kind": {"DataType": "String", "StringValue": "test"}});
    let send = json!({"QueueUrl": url, "MessageBody": "hello", "MessageAttributes": attributes});
    let sent = call(&sandbox, "AmazonSQS.SendMessage", &send).await.json();
    assert_eq!(sent["MD5OfMessageBody"], "5d41402abc4b2a76b9719d911017c592");
    assert!(sent["MD5OfMessageAttributes"].is_string());
    let receive = json!({"QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 60});
    let received = call(&sandbox, "AmazonSQS.ReceiveMessage", &receive).await.json();
    let message = &received["Messages"][0];
    assert_eq!((&message["Body"], &message["MessageId"]), (&json!("hello"), &sent["MessageId"]));
    assert_eq!(message["Attributes"]["ApproximateReceiveCount"], "1");
    assert_eq!(call(&sandbox, "AmazonSQS.ReceiveMessage", &receive).await.json(), json!({}), "hidden");
    let counts = json!({"QueueUrl": url, "AttributeNames": ["All"]});
    let counts = call(&sandbox, "AmazonSQS.GetQueueAttributes", &counts).await.json();
    assert_eq!(counts["Attributes"]["ApproximateNumberOfMessagesNotVisible"], "1");
    assert_eq!(counts["Attributes"]["MessageRetentionPeriod"], "1209600");
    pass(&sandbox, 61);
    let again = call(&sandbox, "AmazonSQS.ReceiveMessage", &receive).await.json();
    let delete = json!({"QueueUrl": url, "ReceiptHandle": again["Messages"][0]["ReceiptHandle"]});
    assert_eq!(call(&sandbox, "AmazonSQS.DeleteMessage", &delete).await.status, 200);
    pass(&sandbox, 61);
    let poll = json!({"QueueUrl": url, "WaitTimeSeconds": 20});
    assert_eq!(call(&sandbox, "AmazonSQS.ReceiveMessage", &poll).await.json(), json!({}), "a long poll ends empty");
    let gone = json!({"QueueName": "gone"});
    let answer = call(&sandbox, "AmazonSQS.GetQueueUrl", &gone).await;
    assert_eq!(answer.json()["__type"], "com.amazonaws.sqs#QueueDoesNotExist");
    assert!(answer.head.contains("x-amzn-query-error: aws.simplequeueservice.nonexistentqueue;sender"));
    let created = call(&sandbox, "AmazonSQS.CreateQueue", &json!({"QueueName": "extra"})).await.json();
    assert!(created["QueueUrl"].as_str().unwrap().ends_with("/123456789012/extra"));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_long_poll_sees_a_message_that_comes_while_it_waits() {
    let sandbox = at_scale(1.0).await;
    let url = "https://sqs.us-east-1.amazonaws.com/123456789012/ops-dead-letters";
    let poll = json!({"QueueUrl": url, "WaitTimeSeconds": 20});
    let send = json!({"QueueUrl": url, "MessageBody": "late"});
    let (polled, sent) =
        tokio::join!(call(&sandbox, "AmazonSQS.ReceiveMessage", &poll), call(&sandbox, "AmazonSQS.SendMessage", &send));
    assert_eq!(sent.status, 200);
    assert_eq!(polled.json()["Messages"][0]["Body"], "late");
    sandbox.shutdown().await;
}

#[tokio::test]
async fn parameters_have_versions_and_paths() {
    let sandbox = sandbox().await;
    let put = |name: &str, value: &str, overwrite: bool| json!({"Name": name, "Value": value, "Type": "String", "Overwrite": overwrite});
    let (_, failure) =
        refused(&sandbox, "AmazonSSM.PutParameter", put("/ops/production/automation", "off", false)).await;
    assert_eq!(failure["__type"], "com.amazonaws.ssm#ParameterAlreadyExists");
    let put_again = call(&sandbox, "AmazonSSM.PutParameter", &put("/ops/production/automation", "off", true)).await;
    assert_eq!(put_again.json()["Version"], 2);
    call(&sandbox, "AmazonSSM.PutParameter", &put("/ops/production/deep/er", "x", false)).await;
    let get = call(&sandbox, "AmazonSSM.GetParameter", &json!({"Name": "/ops/production/automation:2"})).await.json();
    assert_eq!(get["Parameter"]["Value"], "off");
    assert_eq!(get["Parameter"]["ARN"], "arn:aws:ssm:us-east-1:123456789012:parameter/ops/production/automation");
    let many = json!({"Names": ["/ops/production/automation", "/none"]});
    let many = call(&sandbox, "AmazonSSM.GetParameters", &many).await.json();
    assert_eq!((many["Parameters"].as_array().map(Vec::len), &many["InvalidParameters"]), (Some(1), &json!(["/none"])));
    for (recursive, expected) in [(false, 1), (true, 2)] {
        let by_path = json!({"Path": "/ops/production", "Recursive": recursive});
        let found = call(&sandbox, "AmazonSSM.GetParametersByPath", &by_path).await.json();
        assert_eq!(found["Parameters"].as_array().map(Vec::len), Some(expected));
    }
    let (_, failure) = refused(&sandbox, "AmazonSSM.GetParameter", json!({"Name": "/none"})).await;
    assert_eq!(failure["__type"], "com.amazonaws.ssm#ParameterNotFound");
    sandbox.shutdown().await;
}

#[tokio::test]
async fn events_and_secrets() {
    let sandbox = sandbox().await;
    let good = json!({"Source": "ops", "DetailType": "done", "Detail": "{\"a\":1}"});
    let bad = json!({"Source": "ops", "DetailType": "done", "Detail": "nothing"});
    let put = call(&sandbox, "AWSEvents.PutEvents", &json!({"Entries": [good, bad]})).await.json();
    assert_eq!(put["FailedEntryCount"], 1);
    assert!(put["Entries"][0]["EventId"].is_string());
    assert_eq!(put["Entries"][1]["ErrorCode"], "MalformedDetail");
    assert_eq!(sandbox.state()["events"], json!([good]));
    let secret = json!({"SecretId": "ops/production/cache"});
    let secret = call(&sandbox, "secretsmanager.GetSecretValue", &secret).await.json();
    assert_eq!(secret["SecretString"], "{\"password\":\"\"}");
    let (_, failure) = refused(&sandbox, "secretsmanager.GetSecretValue", json!({"SecretId": "x"})).await;
    assert_eq!(failure["__type"], "com.amazonaws.secretsmanager#ResourceNotFoundException");
    sandbox.shutdown().await;
}

#[tokio::test]
async fn the_query_protocol_without_a_signature_and_cloudwatch_in_xml() {
    let sandbox = sandbox().await;
    let form = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
    let body = "Action=DescribeAlarms&Version=2010-08-01&AlarmNames.member.1=api-cpu";
    let alarms = http(&sandbox, "POST", "/", &form, body).await.unwrap();
    assert_eq!(alarms.status, 200);
    assert!(alarms.body.contains("<AlarmName>api-cpu</AlarmName>") && !alarms.body.contains("api-5xx"));
    let body = "Action=GetMetricStatistics&Version=2010-08-01&Namespace=AWS%2FECS&MetricName=CPUUtilization\
                &Dimensions.member.1.Name=ClusterName&Dimensions.member.1.Value=production\
                &Dimensions.member.2.Name=ServiceName&Dimensions.member.2.Value=api&Statistics.member.1=Average\
                &Period=60&StartTime=2026-01-01T11%3A50%3A00Z&EndTime=2026-01-01T12%3A00%3A00Z";
    let statistics = http(&sandbox, "POST", "/", &form, body).await.unwrap();
    assert_eq!(statistics.body.matches("<Average>").count(), 10, "{}", statistics.body);
    let nothing = http(&sandbox, "POST", "/", &form, "Version=2010-08-01").await.unwrap();
    assert!(nothing.status == 400 && nothing.body.contains("<Code>MissingAction</Code>"));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn requests_that_are_no_calls_are_refused() {
    let sandbox = sandbox().await;
    let json_header = ("content-type", "application/x-amz-json-1.1");
    for (path, headers, body, expected) in [
        ("/2015-03-31/functions/f/invocations", vec![], "{}", "is no AWS call that the sandbox knows"),
        ("/", vec![json_header, ("x-amz-target", "AWSStepFunctions.StartExecution")], "{}", "StartExecution"),
        ("/", vec![json_header, ("x-amz-target", "AmazonSSM.GetParameter")], "{", "not valid JSON"),
        ("/", vec![json_header, ("x-amz-target", "AmazonSSM.GetParameter")], "[]", "must be a JSON object"),
        ("/", vec![json_header, ("x-amz-target", "nonsense")], "{}", "nonsense"),
        ("/", vec![json_header, ("content-encoding", "gzip")], "{}", "content-encoding"),
        ("/service/Other/operation/X", vec![], "", "Other"),
        ("/service/GraniteServiceVersion20100801/operation/GetMetricData", vec![], "zzz", "CBOR"),
    ] {
        let answer = http(&sandbox, "POST", path, &headers, body).await.unwrap();
        assert_eq!(answer.status, 400, "{path}");
        assert!(answer.body.contains(expected), "{path}: {}", answer.body);
    }
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_bad_configuration_is_refused_by_field() {
    for config in [
        sandbox::Config { time_scale: 0.0, ..sandbox::Config::default() },
        sandbox::Config { account: "1".to_owned(), ..sandbox::Config::default() },
    ] {
        assert!(matches!(Sandbox::start(config).await, Err(sandbox::Error::Config(_))));
    }
    let first = sandbox().await;
    let second = Sandbox::start(sandbox::Config { listen: first.addr(), ..sandbox::Config::default() }).await;
    assert!(second.is_err_and(|error| error.to_string().contains("port 0")));
    first.shutdown().await;
}
