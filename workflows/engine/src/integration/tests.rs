use execution::{FrameId, Stage, TaskId};

use super::*;
use crate::aws::{Credentials, Endpoint};
use crate::clock::Clock;
use crate::test_server::Server;

const EXECUTION: &str = "arn:aws:states:us-east-1:123456789012:execution:m:e";

fn world(url: &str) -> World {
    let credentials = Credentials::new("AKID", "secret", Some("session"));
    let endpoint = Endpoint::Url(url.to_owned());
    World {
        aws: Client::with_credentials(endpoint, "us-east-1", Clock::manual(0), Some(credentials)),
        lambda_endpoint: Some(url.to_owned()),
        events_endpoint: None,
        account: "123456789012".to_owned(),
        web: Web::new(true),
    }
}

async fn run(server: &Server, resource: &str, parameters: &str) -> Answer {
    let order = TaskOrder {
        task: TaskId { frame: FrameId(0), attempt: 1 },
        flavor: if resource.contains(":lambda:us") { Flavor::Lambda } else { Flavor::Service },
        state: "S".into(),
        resource: resource.into(),
        parameters: Value::parse(parameters).unwrap(),
        credentials: None,
        token: "t".into(),
        stage: Stage::Started,
    };
    perform(&world(&server.url), &Weak::new(), &EXECUTION.into(), &order).await
}

fn output(answer: Answer) -> Value {
    match answer {
        Answer::Done(output) => output,
        other => panic!("not done: {other:?}"),
    }
}

fn failure(answer: Answer) -> (String, String) {
    match answer {
        Answer::Failed(Failure { error: Some(error), cause: Some(cause) }) => (error.to_string(), cause.to_string()),
        other => panic!("not failed: {other:?}"),
    }
}

#[tokio::test]
async fn a_signed_json_call_goes_out_and_its_answer_comes_back() {
    let server = Server::constant(200, vec![("x-amzn-requestid", "r1")], r#"{"Item":{"pk":{"S":"x"}}}"#).await;
    let parameters = r#"{"TableName":"t","Key":{"pk":{"S":"x"}}}"#;
    let output = output(run(&server, "arn:aws:states:::dynamodb:getItem", parameters).await);
    assert_eq!(output.get("Item").unwrap().to_string(), r#"{"pk":{"S":"x"}}"#);
    assert_eq!(output.get("SdkHttpMetadata").unwrap().get("HttpStatusCode").unwrap().as_i64(), Some(200));
    assert_eq!(output.get("SdkResponseMetadata").unwrap().to_string(), r#"{"RequestId":"r1"}"#);
    let request = &server.received()[0];
    assert_eq!((request.path.as_str(), request.body.as_str()), ("/", parameters));
    assert_eq!(request.header("x-amz-target"), "DynamoDB_20120810.GetItem");
    assert_eq!(request.header("content-type"), "application/x-amz-json-1.0");
    assert_eq!(request.header("x-amz-security-token"), "session");
    let signature = request.header("authorization");
    assert!(signature.starts_with("AWS4-HMAC-SHA256 Credential=AKID/"), "{signature}");
    assert!(signature.contains("/us-east-1/dynamodb/aws4_request, SignedHeaders=content-type;host;"), "{signature}");
}

#[tokio::test]
async fn connections_are_used_again() {
    let server = Server::constant(200, vec![], "{}").await;
    let world = world(&server.url);
    for _ in 0..3 {
        sdk::perform(&world, "ssm", "getParameter", &Value::Null).await.unwrap();
    }
    assert_eq!(server.received().len(), 3);
}

#[tokio::test]
async fn a_failed_condition_has_each_integrations_name() {
    let body = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"The conditional request failed"}"#;
    let server = Server::constant(400, vec![("x-amzn-requestid", "r")], body).await;
    let (error, cause) = failure(run(&server, "arn:aws:states:::dynamodb:putItem", "{}").await);
    assert_eq!(error, "DynamoDB.ConditionalCheckFailedException");
    let expected = "The conditional request failed (Service: AmazonDynamoDBv2; Status Code: 400; \
                    Error Code: ConditionalCheckFailedException; Request ID: r; Proxy: null)";
    assert_eq!(cause, expected);
    let (error, cause) = failure(run(&server, "arn:aws:states:::aws-sdk:dynamodb:putItem", "{}").await);
    assert_eq!(error, "DynamoDb.ConditionalCheckFailedException");
    assert!(cause.ends_with("(Service: DynamoDb, Status Code: 400, Request ID: r) (SDK Attempt Count: 1)"), "{cause}");
}

#[tokio::test]
async fn nobody_there_is_a_client_exception() {
    let mut unreachable = Server::constant(200, vec![], "").await;
    unreachable.url = "http://127.0.0.1:1".to_owned();
    let (error, cause) = failure(run(&unreachable, "arn:aws:states:::sqs:sendMessage", "{}").await);
    assert_eq!(error, "SQS.SdkClientException");
    assert!(cause.to_lowercase().contains("refused"), "{cause}");
}

#[tokio::test]
async fn ecs_names_change_their_case_both_ways() {
    let server = Server::constant(200, vec![], r#"{"service":{"desiredCount":5}}"#).await;
    let resource = "arn:aws:states:::aws-sdk:ecs:updateService";
    let output = output(run(&server, resource, r#"{"Cluster":"c","Service":"s","DesiredCount":5}"#).await);
    assert_eq!(output.to_string(), r#"{"Service":{"DesiredCount":5}}"#);
    assert_eq!(server.received()[0].body, r#"{"cluster":"c","service":"s","desiredCount":5}"#);
}

#[tokio::test]
async fn rds_goes_as_a_form_and_comes_back_from_xml() {
    let body = "<DescribeDBInstancesResponse><DescribeDBInstancesResult><DBInstances><DBInstance>\
                <DBInstanceStatus>available</DBInstanceStatus></DBInstance></DBInstances></DescribeDBInstancesResult>\
                </DescribeDBInstancesResponse>";
    let server = Server::constant(200, vec![], body).await;
    let resource = "arn:aws:states:::aws-sdk:rds:describeDBInstances";
    let output = output(run(&server, resource, r#"{"DbInstanceIdentifier":"orders-db"}"#).await);
    assert_eq!(output.to_string(), r#"{"DbInstances":[{"DbInstanceStatus":"available"}]}"#);
    let expected = "Action=DescribeDBInstances&Version=2014-10-31&DBInstanceIdentifier=orders-db";
    assert_eq!(server.received()[0].body, expected);
}

#[tokio::test]
async fn ec2_speaks_its_own_dialect_and_has_one_exception() {
    let body = "<DescribeSubnetsResponse><requestId>r</requestId><subnetSet><item><subnetId>subnet-1</subnetId>\
                <availableIpAddressCount>123</availableIpAddressCount></item></subnetSet></DescribeSubnetsResponse>";
    let server = Server::constant(200, vec![], body).await;
    let resource = "arn:aws:states:::aws-sdk:ec2:describeSubnets";
    let output = output(run(&server, resource, r#"{"SubnetIds":["subnet-1"]}"#).await);
    assert_eq!(output.to_string(), r#"{"Subnets":[{"SubnetId":"subnet-1","AvailableIpAddressCount":123}]}"#);
    let request = &server.received()[0];
    assert_eq!(request.body, "Action=DescribeSubnets&Version=2016-11-15&SubnetId.1=subnet-1");
    assert!(request.header("authorization").contains("/us-east-1/ec2/aws4_request"));
    let body = "<Response><Errors><Error><Code>InvalidSubnetID.NotFound</Code><Message>no such subnet</Message>\
                </Error></Errors><RequestID>q</RequestID></Response>";
    let server = Server::constant(400, vec![], body).await;
    let (error, cause) = failure(run(&server, resource, "{}").await);
    assert_eq!(error, "Ec2.Ec2Exception");
    assert!(cause.starts_with("no such subnet (Service: Ec2, Status Code: 400, Request ID: q)"), "{cause}");
}

#[tokio::test]
async fn what_deployment_checks_ask_goes_out_and_comes_back_as_the_sdk_shows_it() {
    let cases = [
        (
            "ecr:batchGetImage",
            r#"{"RepositoryName":"orders","ImageIds":[{"ImageTag":"v2"}],"AcceptedMediaTypes":["a/b"]}"#,
            "AmazonEC2ContainerRegistry_V20150921.BatchGetImage",
            r#"{"repositoryName":"orders","imageIds":[{"imageTag":"v2"}],"acceptedMediaTypes":["a/b"]}"#,
            r#"{"images":[],"failures":[{"imageId":{"imageTag":"v2"},"failureCode":"ImageNotFound"}]}"#,
            r#"{"Images":[],"Failures":[{"ImageId":{"ImageTag":"v2"},"FailureCode":"ImageNotFound"}]}"#,
        ),
        (
            "cloudwatchlogs:describeLogGroups",
            r#"{"LogGroupNamePrefix":"/ecs/orders","Limit":1}"#,
            "Logs_20140328.DescribeLogGroups",
            r#"{"logGroupNamePrefix":"/ecs/orders","limit":1}"#,
            // Milliseconds, and a number in the SDK too.
            r#"{"logGroups":[{"logGroupName":"/ecs/orders","creationTime":1700000000250,"retentionInDays":30}]}"#,
            r#"{"LogGroups":[{"LogGroupName":"/ecs/orders","CreationTime":1700000000250,"RetentionInDays":30}]}"#,
        ),
        (
            "codedeploy:putLifecycleEventHookExecutionStatus",
            r#"{"DeploymentId":"d-1","LifecycleEventHookExecutionId":"h-1","Status":"Succeeded"}"#,
            "CodeDeploy_20141006.PutLifecycleEventHookExecutionStatus",
            r#"{"deploymentId":"d-1","lifecycleEventHookExecutionId":"h-1","status":"Succeeded"}"#,
            r#"{"lifecycleEventHookExecutionId":"h-1"}"#,
            r#"{"LifecycleEventHookExecutionId":"h-1"}"#,
        ),
        (
            "ecs:continueServiceDeployment",
            r#"{"ServiceDeploymentArn":"arn","HookId":"h","Action":"CONTINUE"}"#,
            "AmazonEC2ContainerServiceV20141113.ContinueServiceDeployment",
            r#"{"serviceDeploymentArn":"arn","hookId":"h","action":"CONTINUE"}"#,
            r#"{"serviceDeploymentArn":"arn"}"#,
            r#"{"ServiceDeploymentArn":"arn"}"#,
        ),
        (
            "ssm:getParameters",
            r#"{"Names":["/a","/b"],"WithDecryption":true}"#,
            "AmazonSSM.GetParameters",
            r#"{"Names":["/a","/b"],"WithDecryption":true}"#,
            r#"{"Parameters":[{"Name":"/a","Value":"x","LastModifiedDate":1700000000.25}],"InvalidParameters":["/b"]}"#,
            r#"{"Parameters":[{"Name":"/a","Value":"x","LastModifiedDate":"2023-11-14T22:13:20.250Z"}],"InvalidParameters":["/b"]}"#,
        ),
        (
            "secretsmanager:describeSecret",
            r#"{"SecretId":"ops/production/cache"}"#,
            "secretsmanager.DescribeSecret",
            r#"{"SecretId":"ops/production/cache"}"#,
            r#"{"Name":"n","RotationEnabled":true,"DeletedDate":1700000000,"VersionIdsToStages":{"v":["AWSCURRENT"]}}"#,
            r#"{"Name":"n","RotationEnabled":true,"DeletedDate":"2023-11-14T22:13:20Z","VersionIdsToStages":{"v":["AWSCURRENT"]}}"#,
        ),
    ];
    for (integration, parameters, target, body, answer, shown) in cases {
        let server = Server::constant(200, vec![], answer).await;
        let output = output(run(&server, &format!("arn:aws:states:::aws-sdk:{integration}"), parameters).await);
        assert_eq!(output.to_string(), shown, "{integration}");
        let request = &server.received()[0];
        assert_eq!((request.header("x-amz-target"), request.body.as_str()), (target, body));
        assert_eq!(request.header("content-type"), "application/x-amz-json-1.1");
    }
}

#[tokio::test]
async fn a_role_is_read_from_the_one_iam() {
    let body = "<GetRoleResponse><GetRoleResult><Role><RoleName>orders-task</RoleName>\
                <CreateDate>2026-01-01T00:00:00Z</CreateDate><MaxSessionDuration>3600</MaxSessionDuration><Tags/>\
                </Role></GetRoleResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></GetRoleResponse>";
    let server = Server::constant(200, vec![], body).await;
    let resource = "arn:aws:states:::aws-sdk:iam:getRole";
    let output = output(run(&server, resource, r#"{"RoleName":"orders-task"}"#).await);
    let shown = concat!(
        r#"{"Role":{"RoleName":"orders-task","CreateDate":"2026-01-01T00:00:00Z","MaxSessionDuration":3600,"#,
        r#""Tags":[]}}"#
    );
    assert_eq!(output.to_string(), shown);
    assert_eq!(server.received()[0].body, "Action=GetRole&Version=2010-05-08&RoleName=orders-task");
    let body = "<ErrorResponse><Error><Code>NoSuchEntity</Code><Message>no such role</Message></Error></ErrorResponse>";
    let server = Server::constant(404, vec![], body).await;
    assert_eq!(failure(run(&server, resource, "{}").await).0, "Iam.NoSuchEntityException");
}

#[tokio::test]
async fn bodies_that_are_no_text_go_as_json() {
    let server = Server::constant(200, vec![], r#"{"MessageId":"m"}"#).await;
    let parameters = r#"{"QueueUrl":"q","MessageBody":{"token":"t"}}"#;
    let answer = run(&server, "arn:aws:states:::sqs:sendMessage.waitForTaskToken", parameters).await;
    let Answer::Submitted(output) = answer else { panic!("{answer:?}") };
    assert_eq!(output.get("MessageId").unwrap().as_str(), Some("m"));
    assert_eq!(server.received()[0].body, r#"{"QueueUrl":"q","MessageBody":"{\"token\":\"t\"}"}"#);
    assert_eq!(server.received()[0].header("x-amz-target"), "AmazonSQS.SendMessage");
}

#[tokio::test]
async fn sns_publishes() {
    let body = "<PublishResponse><PublishResult><MessageId>m</MessageId></PublishResult><ResponseMetadata>\
                <RequestId>r</RequestId></ResponseMetadata></PublishResponse>";
    let server = Server::constant(200, vec![("content-type", "text/xml")], body).await;
    let output = output(run(&server, "arn:aws:states:::sns:publish", r#"{"TopicArn":"t","Message":{"a":1}}"#).await);
    assert_eq!(output.get("MessageId").unwrap().as_str(), Some("m"));
    assert_eq!(output.get("SdkResponseMetadata").unwrap().to_string(), r#"{"RequestId":"r"}"#);
    let names: Vec<_> = output.as_object().unwrap().keys().map(ToString::to_string).collect();
    assert_eq!(names, ["MessageId", "SdkHttpMetadata", "SdkResponseMetadata"]);
    assert!(server.received()[0].body.ends_with("&TopicArn=t&Message=%7B%22a%22%3A1%7D"));
}

#[tokio::test]
async fn an_event_that_the_bus_refuses_fails_the_task() {
    let body = r#"{"Entries":[{"ErrorCode":"MalformedDetail"}],"FailedEntryCount":1}"#;
    let server = Server::constant(200, vec![], body).await;
    let parameters = r#"{"Entries":[{"Detail":{"a":1},"DetailType":"d","Source":"s"}]}"#;
    let (error, cause) = failure(run(&server, "arn:aws:states:::events:putEvents", parameters).await);
    assert_eq!((error.as_str(), cause.as_str()), ("EventBridge.FailedEntry", body));
    let sent = Value::parse(&server.received()[0].body).unwrap();
    let entry = &sent.get("Entries").unwrap().as_array().unwrap()[0];
    assert_eq!(entry.get("Detail").unwrap().as_str(), Some(r#"{"a":1}"#));
    let machine = "arn:aws:states:us-east-1:123456789012:stateMachine:m";
    assert_eq!(entry.get("Resources").unwrap().to_string(), format!(r#"["{EXECUTION}","{machine}"]"#));
}

#[tokio::test]
async fn events_go_to_a_second_bus_once_the_account_has_those_for_its_default_bus() {
    let account = Server::constant(200, vec![], r#"{"FailedEntryCount":0,"Entries":[{"EventId":"account"}]}"#).await;
    let bus = Server::constant(200, vec![], r#"{"FailedEntryCount":0,"Entries":[{"EventId":"bus"}]}"#).await;
    let world = World { events_endpoint: Some(bus.url.clone()), ..world(&account.url) };
    let put = |entry: &str| Value::parse(&format!(r#"{{"Entries":[{entry}]}}"#)).unwrap();
    let entry = r#"{"Detail":{"a":1},"Source":"s","DetailType":"t"}"#;
    let answer = events::put_events(&world, EXECUTION, &put(entry)).await.unwrap();
    assert!(answer.to_string().contains("\"bus\""), "{answer}");
    assert_eq!((account.received().len(), bus.received().len()), (1, 1));
    assert_eq!(bus.received()[0].body, account.received()[0].body);
    let other = r#"{"Detail":{},"Source":"s","DetailType":"t","EventBusName":"orders"}"#;
    events::put_events(&world, EXECUTION, &put(other)).await.unwrap();
    assert_eq!((account.received().len(), bus.received().len()), (1, 2), "the account has no such bus");
    let refusing = Server::constant(400, vec![], r#"{"__type":"InternalException"}"#).await;
    let world = World { events_endpoint: Some(bus.url.clone()), ..self::world(&refusing.url) };
    assert!(events::put_events(&world, EXECUTION, &put(entry)).await.is_err());
    assert_eq!(bus.received().len(), 2, "what the account refuses goes nowhere");
}

const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";

#[tokio::test]
async fn a_function_is_invoked_by_its_own_arn_or_as_an_integration() {
    let headers = vec![("x-amz-executed-version", "$LATEST"), ("x-amzn-requestid", "r")];
    let server = Server::constant(200, headers, r#"{"ok":true}"#).await;
    assert_eq!(output(run(&server, FUNCTION, r#"{"a":1}"#).await).to_string(), r#"{"ok":true}"#);
    let parameters = format!(r#"{{"FunctionName":"{FUNCTION}:live","Payload":{{"b":2}},"InvocationType":"Event"}}"#);
    let output = output(run(&server, "arn:aws:states:::lambda:invoke", &parameters).await);
    let names: Vec<_> = output.as_object().unwrap().keys().map(ToString::to_string).collect();
    assert_eq!(names, ["ExecutedVersion", "Payload", "SdkHttpMetadata", "SdkResponseMetadata", "StatusCode"]);
    assert_eq!(output.get("Payload").unwrap().to_string(), r#"{"ok":true}"#);
    let received = server.received();
    assert_eq!(received[0].path, "/2015-03-31/functions/f/invocations");
    assert_eq!(received[0].body, r#"{"a":1}"#);
    assert_eq!(received[1].path, "/2015-03-31/functions/f/invocations?Qualifier=live");
    assert_eq!(received[1].body, r#"{"b":2}"#);
    assert_eq!(received[1].header("x-amz-invocation-type"), "Event");
    assert!(received[1].header("authorization").contains("/us-east-1/lambda/aws4_request"));
}

#[tokio::test]
async fn a_functions_error_is_its_type_and_its_payload() {
    let body = r#"{"errorMessage":"open","errorType":"Ops.CircuitOpen"}"#;
    let server = Server::constant(200, vec![("x-amz-function-error", "Unhandled")], body).await;
    assert_eq!(failure(run(&server, FUNCTION, "{}").await), ("Ops.CircuitOpen".to_owned(), body.to_owned()));
    let body = r#"{"errorMessage":"2026-01-01 Task timed out after 3.00 seconds"}"#;
    let server = Server::constant(200, vec![("x-amz-function-error", "Unhandled")], body).await;
    let (error, cause) = failure(run(&server, FUNCTION, "{}").await);
    assert_eq!(error, "Lambda.Unknown");
    assert!(cause.ends_with(body), "{cause}");
}

#[tokio::test]
async fn a_cause_keeps_the_runtimes_spaces_only_where_the_function_is_the_resource() {
    let body = r#"{"errorMessage": "no", "errorType": "ValueError", "stackTrace": ["a", "b"]}"#;
    let server = Server::constant(200, vec![("x-amz-function-error", "Unhandled")], body).await;
    assert_eq!(failure(run(&server, FUNCTION, "{}").await).1, body);
    let (error, cause) = failure(run(&server, "arn:aws:states:::lambda:invoke", r#"{"FunctionName":"f"}"#).await);
    assert_eq!(error, "ValueError");
    assert_eq!(cause, r#"{"errorMessage":"no","errorType":"ValueError","stackTrace":["a","b"]}"#);
}

#[tokio::test]
async fn lambdas_own_errors_have_its_names() {
    let cases = [
        (404, "ResourceNotFoundException", "Lambda.ResourceNotFoundException"),
        (429, "TooManyRequestsException", "Lambda.TooManyRequestsException"),
        (500, "ServiceException", "Lambda.ServiceException"),
        (403, "AccessDeniedException", "Lambda.AWSLambdaException"),
    ];
    for (status, code, expected) in cases {
        let headers = vec![("x-amzn-errortype", code), ("x-amzn-requestid", "r")];
        let server = Server::constant(status, headers, r#"{"Type":"User","Message":"no"}"#).await;
        let (error, cause) = failure(run(&server, FUNCTION, "{}").await);
        assert_eq!(error, expected);
        let text =
            format!("no (Service: AWSLambda; Status Code: {status}; Error Code: {code}; Request ID: r; Proxy: null)");
        assert_eq!(cause, text);
    }
}

#[tokio::test]
async fn what_is_not_supported_is_named() {
    let server = Server::constant(200, vec![], "{}").await;
    let (error, cause) = failure(run(&server, "arn:aws:states:::glue:startJobRun.sync", "{}").await);
    assert_eq!(error, "States.TaskFailed");
    assert!(cause.contains("arn:aws:states:::glue:startJobRun.sync"), "{cause}");
    let (error, cause) = failure(run(&server, "arn:aws:states:::aws-sdk:polly:synthesizeSpeech", "{}").await);
    assert_eq!(error, "States.TaskFailed");
    assert!(cause.contains("polly") && cause.contains("dynamodb"), "{cause}");
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn without_credentials_nothing_goes_out() {
    let server = Server::constant(200, vec![], "{}").await;
    let endpoint = Endpoint::Url(server.url.clone());
    let client = Client::with_credentials(endpoint, "us-east-1", Clock::manual(0), None);
    let error = client.call("ssm", "GetParameter", &Value::Null).await.unwrap_err();
    assert!(error.to_string().contains("AWS_ACCESS_KEY_ID"), "{error}");
    assert!(server.received().is_empty());
}
