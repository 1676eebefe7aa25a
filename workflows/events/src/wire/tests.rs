use http::Request;
use serde_json::json;

use super::*;
use crate::bridge::tests::World;

const MACHINE: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:m";
const ROLE: &str = "arn:aws:iam::123456789012:role/r";

async fn send(world: &World, request: http::request::Builder, body: &str) -> (u16, Value, http::HeaderMap) {
    let (head, ()) = request.body(()).unwrap().into_parts();
    assert!(takes(&head), "{head:?}");
    let answer = answer(&world.bridge, head, Bytes::from(body.to_owned())).await;
    let (head, body) = answer.into_parts();
    (head.status.as_u16(), serde_json::from_slice(&body).unwrap(), head.headers)
}

async fn events(world: &World, operation: &str, body: Value) -> (u16, Value) {
    let request = Request::post("/").header("x-amz-target", format!("AWSEvents.{operation}"));
    let (status, answer, headers) = send(world, request, &body.to_string()).await;
    assert_eq!(headers["content-type"], "application/x-amz-json-1.1");
    (status, answer)
}

async fn done(world: &World, operation: &str, body: Value) -> Value {
    let (status, answer) = events(world, operation, body).await;
    assert_eq!(status, 200, "{operation}: {answer}");
    answer
}

async fn refused(world: &World, operation: &str, body: Value) -> String {
    let (status, answer) = events(world, operation, body).await;
    assert_eq!(status, 400, "{operation}: {answer}");
    format!("{}: {}", answer["__type"].as_str().unwrap(), answer["message"].as_str().unwrap())
}

#[tokio::test]
async fn rules_and_their_targets_are_made_shown_and_deleted() {
    let world = World::new().await;
    let put = json!({"Name": "r", "EventPattern": "{\"source\":[\"a\"]}", "Description": "d", "RoleArn": ROLE});
    let arn = "arn:aws:events:us-east-1:123456789012:rule/r";
    assert_eq!(done(&world, "PutRule", put).await, json!({"RuleArn": arn}));
    let target = json!({"Id": "1", "Arn": MACHINE, "RoleArn": ROLE, "Input": "{}"});
    let answer = done(&world, "PutTargets", json!({"Rule": "r", "Targets": [target]})).await;
    assert_eq!(answer, json!({"FailedEntryCount": 0, "FailedEntries": []}));
    assert_eq!(done(&world, "ListTargetsByRule", json!({"Rule": "r"})).await, json!({"Targets": [target]}));
    let named = done(&world, "ListRuleNamesByTarget", json!({"TargetArn": MACHINE})).await;
    assert_eq!(named, json!({"RuleNames": ["r"]}));
    done(&world, "DisableRule", json!({"Name": "r"})).await;
    let shown = done(&world, "DescribeRule", json!({"Name": "r"})).await;
    assert_eq!(
        shown,
        json!({"Name": "r", "Arn": arn, "EventPattern": "{\"source\":[\"a\"]}", "State": "DISABLED", "Description": "d",
            "RoleArn": ROLE, "EventBusName": "default", "CreatedBy": "123456789012"})
    );
    assert_eq!(done(&world, "ListRules", json!({"NamePrefix": "r"})).await["Rules"].as_array().unwrap().len(), 1);
    let refusal = refused(&world, "DeleteRule", json!({"Name": "r"})).await;
    assert_eq!(refusal, "ValidationException: Rule can't be deleted since it has targets.");
    let removed = done(&world, "RemoveTargets", json!({"Rule": "r", "Ids": ["1", "2"]})).await;
    assert_eq!(removed["FailedEntryCount"], 1);
    done(&world, "DeleteRule", json!({"Name": "r"})).await;
    let refusal = refused(&world, "DescribeRule", json!({"Name": "r"})).await;
    assert_eq!(refusal, "ResourceNotFoundException: Rule r does not exist on EventBus default.");
}

#[tokio::test]
async fn what_eventbridge_refuses_is_refused_in_its_words() {
    let world = World::new().await;
    for (operation, body, wanted) in [
        (
            "PutRule",
            json!({"Name": "r"}),
            "ValidationException: Parameter(s) EventPattern or ScheduleExpression must be specified.",
        ),
        (
            "PutRule",
            json!({"Name": "r", "EventPattern": "{\"source\":\"a\"}"}),
            "InvalidEventPatternException: Event pattern is not valid. Reason: \"source\" must be an object or an array",
        ),
        (
            "PutRule",
            json!({"Name": "r", "ScheduleExpression": "rate(1 hours)"}),
            "ValidationException: Parameter ScheduleExpression is not valid.",
        ),
        (
            "PutRule",
            json!({"Name": "a b", "ScheduleExpression": "rate(1 hour)"}),
            "ValidationException: 1 validation error detected: Value 'a b' at 'name' failed to satisfy constraint: Member \
             must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+",
        ),
        (
            "PutRule",
            json!({"Name": "r", "ScheduleExpression": "rate(1 hour)", "EventBusName": "x"}),
            "ResourceNotFoundException: Event bus x does not exist.",
        ),
        (
            "PutTargets",
            json!({"Rule": "x", "Targets": [{"Id": "1", "Arn": MACHINE}]}),
            "ResourceNotFoundException: Rule x does not exist on EventBus default.",
        ),
        (
            "DescribeRule",
            json!({}),
            "ValidationException: 1 validation error detected: Value null at 'name' failed to satisfy constraint: Member \
             must not be null",
        ),
        (
            "CreateEventBus",
            json!({"Name": "default"}),
            "ResourceAlreadyExistsException: Event bus default already exists.",
        ),
        (
            "PutEvents",
            json!({"Entries": []}),
            "ValidationException: 1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length between 1 and 10",
        ),
        (
            "PutPermission",
            json!({}),
            "UnknownOperationException: 'PutPermission' is no operation of EventBridge that this server has; look at the header X-Amz-Target",
        ),
    ] {
        assert_eq!(refused(&world, operation, body).await, wanted);
    }
}

#[tokio::test]
async fn each_entry_of_put_events_is_accepted_or_refused_by_itself() {
    let world = World::new().await;
    let entries = json!([
        {"Source": "s", "DetailType": "t", "Detail": "{}"},
        {"Source": "s", "DetailType": "t", "Detail": "[]"},
        {"Source": "s", "Detail": "{}"},
        {"Source": "aws.ec2", "DetailType": "t", "Detail": "{}"},
        {"Source": "s", "DetailType": "t", "Detail": "{}", "EventBusName": "gone"},
    ]);
    let answer = done(&world, "PutEvents", json!({"Entries": entries})).await;
    assert_eq!(answer["FailedEntryCount"], 4);
    let codes: Vec<&str> =
        answer["Entries"].as_array().unwrap().iter().map(|entry| entry["ErrorCode"].as_str().unwrap_or("-")).collect();
    assert_eq!(
        codes,
        ["-", "MalformedDetail", "InvalidArgument", "NotAuthorizedForSourceException", "InvalidArgument"]
    );
    assert_eq!(answer["Entries"][0]["EventId"].as_str().unwrap().len(), 36);
}

#[tokio::test]
async fn patterns_are_tried_out() {
    let world = World::new().await;
    let event = json!({"id": "1", "account": "1", "source": "a", "time": "t", "region": "r", "resources": [], "detail-type": "d"});
    for (pattern, wanted) in [("{\"source\":[\"a\"]}", true), ("{\"source\":[\"b\"]}", false)] {
        let request = json!({"EventPattern": pattern, "Event": event.to_string()});
        assert_eq!(done(&world, "TestEventPattern", request).await, json!({"Result": wanted}));
    }
    let refusal = refused(&world, "TestEventPattern", json!({"EventPattern": "{\"a\":[1]}", "Event": "{}"})).await;
    assert_eq!(refusal, "ValidationException: Parameter Event is not valid. Reason: id is missing.");
}

#[tokio::test]
async fn listings_go_on_page_by_page() {
    let world = World::new().await;
    for name in ["a", "b", "c"] {
        done(&world, "PutRule", json!({"Name": name, "ScheduleExpression": "rate(1 hour)"})).await;
    }
    let first = done(&world, "ListRules", json!({"Limit": 2})).await;
    assert_eq!(first["Rules"].as_array().unwrap().len(), 2);
    let last = done(&world, "ListRules", json!({"Limit": 2, "NextToken": first["NextToken"]})).await;
    assert_eq!((last["Rules"][0]["Name"].as_str(), last.get("NextToken")), (Some("c"), None));
    done(&world, "CreateEventBus", json!({"Name": "orders"})).await;
    let buses = done(&world, "ListEventBuses", json!({})).await;
    let names: Vec<&str> =
        buses["EventBuses"].as_array().unwrap().iter().filter_map(|bus| bus["Name"].as_str()).collect();
    assert_eq!(names, ["default", "orders"]);
    done(&world, "DeleteEventBus", json!({"Name": "orders"})).await;
    assert!(refused(&world, "DescribeEventBus", json!({"Name": "orders"})).await.starts_with("ResourceNotFound"));
}

async fn scheduler(world: &World, method: &str, path: &str, body: Value) -> (u16, Value, String) {
    let (status, answer, headers) = send(world, Request::builder().method(method).uri(path), &body.to_string()).await;
    (status, answer, headers.get("x-amzn-errortype").map(|kind| kind.to_str().unwrap().to_owned()).unwrap_or_default())
}

fn schedule() -> Value {
    json!({
        "ScheduleExpression": "cron(0 3 ? * MON *)", "ScheduleExpressionTimezone": "Asia/Tokyo",
        "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15}, "StartDate": 1_767_225_600,
        "Target": {"Arn": MACHINE, "RoleArn": ROLE, "Input": "{}"}
    })
}

#[tokio::test]
async fn schedules_are_made_shown_changed_and_deleted() {
    let world = World::new().await;
    let arn = "arn:aws:scheduler:us-east-1:123456789012:schedule/default/s";
    let made = scheduler(&world, "POST", "/schedules/s", schedule()).await;
    assert_eq!((made.0, &made.1), (200, &json!({"ScheduleArn": arn})));
    let (status, message, kind) = scheduler(&world, "POST", "/schedules/s", schedule()).await;
    assert_eq!((status, kind.as_str()), (409, "ConflictException"), "{message}");
    let shown = scheduler(&world, "GET", "/schedules/s?groupName=default", json!({})).await.1;
    for (name, value) in schedule().as_object().unwrap() {
        assert!(&shown[name] == value || shown[name].as_f64() == value.as_f64(), "{name}: {shown}");
    }
    assert_eq!((&shown["State"], &shown["GroupName"]), (&json!("ENABLED"), &json!("default")));
    let mut changed = schedule();
    changed["State"] = "DISABLED".into();
    changed["FlexibleTimeWindow"] = json!({"Mode": "OFF"});
    assert_eq!(scheduler(&world, "PUT", "/schedules/s", changed).await.0, 200);
    let listed = scheduler(&world, "GET", "/schedules?State=DISABLED&NamePrefix=s&MaxResults=5", json!({})).await.1;
    assert_eq!(listed["Schedules"][0]["Target"], json!({"Arn": MACHINE}));
    assert_eq!(listed["Schedules"].as_array().unwrap().len(), 1);
    assert_eq!(scheduler(&world, "DELETE", "/schedules/s", json!({})).await.0, 200);
    let (status, answer, kind) = scheduler(&world, "GET", "/schedules/s", json!({})).await;
    assert_eq!((status, kind.as_str()), (404, "ResourceNotFoundException"));
    assert_eq!(answer, json!({"Message": "Schedule s does not exist."}));
}

#[tokio::test]
async fn groups_hold_schedules_and_take_them_along() {
    let world = World::new().await;
    assert_eq!(scheduler(&world, "POST", "/schedule-groups/g", json!({})).await.0, 200);
    let mut own = schedule();
    own["GroupName"] = "g".into();
    assert_eq!(scheduler(&world, "POST", "/schedules/s", own).await.0, 200);
    let groups = scheduler(&world, "GET", "/schedule-groups", json!({})).await.1;
    assert_eq!(groups["ScheduleGroups"].as_array().unwrap().len(), 2);
    assert_eq!(scheduler(&world, "DELETE", "/schedule-groups/g", json!({})).await.0, 200);
    assert_eq!(scheduler(&world, "GET", "/schedules/s?groupName=g", json!({})).await.0, 404);
    let listed = scheduler(&world, "GET", "/schedules", json!({})).await.1;
    assert_eq!(listed, json!({"Schedules": []}));
}

#[tokio::test]
async fn what_scheduler_refuses_is_named() {
    let world = World::new().await;
    for (member, value, wanted) in [
        ("ScheduleExpression", json!("cron(0 3 * * MON *)"), "Invalid Schedule Expression cron(0 3 * * MON *)."),
        ("ScheduleExpressionTimezone", json!("Mars/Olympus"), "Invalid ScheduleExpressionTimezone Mars/Olympus."),
        ("FlexibleTimeWindow", json!({"Mode": "FLEXIBLE"}), "MaximumWindowInMinutes must be provided"),
        ("FlexibleTimeWindow", json!(null), "Value null at 'flexibleTimeWindow' failed"),
        ("Target", json!({"Arn": MACHINE}), "Value null at 'roleArn' failed"),
        ("State", json!("ON"), "Member must satisfy enum value set: [ENABLED, DISABLED]"),
        ("EndDate", json!(1_000_000_000), "The EndDate you specify must be later than the StartDate."),
        ("GroupName", json!("gone"), "Schedule group gone does not exist."),
    ] {
        let mut request = schedule();
        request[member] = value;
        let (status, answer, _) = scheduler(&world, "POST", "/schedules/s", request).await;
        let message = answer["Message"].as_str().unwrap();
        assert!(status >= 400 && message.contains(wanted), "{member}: {message}");
    }
}

#[tokio::test]
async fn raw_events_come_in_and_what_is_due_is_shown() {
    let world = World::new().await;
    let machine = world.machine("m", r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#).await;
    world
        .rule(
            "r",
            json!({"EventPattern": {"source": ["alertmanager"], "detail-type": ["Alert firing"]}}),
            json!({"Arn": machine}),
        )
        .await;
    world.schedule("s", "at(2026-01-01T01:00:00)", &machine, json!({})).await;
    let path = "/_events?source=alertmanager&detail-type=Alert+firing&id=7";
    let (status, answer, _) = send(&world, Request::post(path), "{\"alert\":1}").await;
    assert_eq!((status, answer["EventId"].as_str().unwrap().len()), (200, 36));
    world.settled().await;
    assert_eq!(world.inputs(&machine)[0]["detail"], json!({"alert": 1}));
    let whole = json!({"id": "e", "source": "aws.ecs", "detail-type": "ECS Hook State Change", "detail": {"a": 1},
        "time": "2026-01-01T00:00:01Z", "resources": ["arn:r"]});
    for _ in 0..2 {
        let pattern = json!({"EventPattern": {"source": ["aws.ecs"], "resources": ["arn:r"]}});
        world.rule("whole", pattern, json!({"Arn": machine})).await;
        assert_eq!(send(&world, Request::post("/_events/whole"), &whole.to_string()).await.0, 200);
        world.settled().await;
        assert_eq!(world.inputs(&machine).len(), 2, "the same event is one");
    }
    let (_, due, _) = send(&world, Request::get("/_events/schedules"), "").await;
    assert_eq!(due["schedules"][0]["next"], "2026-01-01T01:00:00Z");
    let (_, lost, _) = send(&world, Request::get("/_events/undelivered"), "").await;
    assert_eq!(lost, json!({"undelivered": [], "count": 0}));
    for (path, body, wanted) in [
        ("/_events", "{}", "source is missing"),
        ("/_events?source=aws.ec2", "{}", "AWS's own"),
        ("/_events?source=a", "[]", "no JSON object"),
        ("/_events?source=a", "x", "not JSON"),
        ("/_events?source=a&bus=gone", "{}", "Event bus gone does not exist."),
    ] {
        let (status, answer, _) = send(&world, Request::post(path), body).await;
        assert!(status >= 400 && answer["message"].as_str().unwrap().contains(wanted), "{path}: {answer}");
    }
}

#[test]
fn requests_of_others_are_left_alone() {
    let head = |request: http::request::Builder| request.body(()).unwrap().into_parts().0;
    assert!(!takes(&head(Request::post("/").header("x-amz-target", "AWSStepFunctions.ListActivities"))));
    assert!(!takes(&head(Request::post("/"))));
    assert!(!takes(&head(Request::get("/schedulesque"))));
    assert!(takes(&head(Request::get("/schedules?x=y"))));
}
