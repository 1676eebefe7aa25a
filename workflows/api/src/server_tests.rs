#[path = "http_task_tests.rs"]
mod http_task;
#[path = "server_tests/protection.rs"]
mod protection;

use std::net::Ipv4Addr;

use bytes::Bytes;
use engine::{Clock, Config, aws};
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use listener::{Key, Scope};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;
use crate::throttle::Bucket;

const ACCOUNT: &str = "123456789012";
const NOW: i64 = 1_700_000_000_000;

async fn engine(clock: Clock) -> Engine {
    engine_within(clock, execution::Limits::default()).await
}

fn config(clock: Clock, limits: execution::Limits) -> Config {
    Config {
        account: ACCOUNT.to_owned(),
        region: "us-east-1".to_owned(),
        data_dir: None,
        aws: aws::Endpoint::Url("http://127.0.0.1:9".to_owned()),
        lambda_endpoint: None,
        events_endpoint: None,
        clock,
        limits,
        names: engine::Names::default(),
        quotas: engine::Quotas::default(),
        signers: aws::Signers::default(),
    }
}

async fn engine_within(clock: Clock, limits: execution::Limits) -> Engine {
    Engine::open(config(clock, limits)).await.unwrap()
}

async fn server() -> Server {
    let options = Options::on((Ipv4Addr::LOCALHOST, 0).into());
    Server::start(engine(Clock::manual(NOW)).await, options).await.unwrap()
}

/// One connection of a client.
struct Connection {
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    async fn open(server: &Server) -> Self {
        let stream = TcpStream::connect(server.address()).await.unwrap();
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self { sender }
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> (u16, Json) {
        self.sender.ready().await.unwrap();
        let response = self.sender.send_request(request).await.unwrap();
        assert!(response.headers().contains_key("x-amzn-requestid"));
        assert!(response.headers().contains_key("content-length"), "an answer is whole, not in chunks");
        assert_eq!(response.headers()["content-type"], "application/x-amz-json-1.0");
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }

    async fn call(&mut self, operation: &str, body: Json) -> (u16, Json) {
        self.send(request(operation, body.to_string())).await
    }

    /// Calls, and expects success.
    async fn done(&mut self, operation: &str, body: Json) -> Json {
        let (status, answer) = self.call(operation, body).await;
        assert_eq!(status, 200, "{operation}: {answer}");
        answer
    }

    /// Calls, and expects a refusal: the exception's name and its message.
    async fn refused(&mut self, operation: &str, body: Json) -> (String, String) {
        let (status, answer) = self.call(operation, body).await;
        assert_eq!(status, 400, "{operation}: {answer}");
        let code = answer["__type"].as_str().unwrap().rsplit('#').next().unwrap().to_owned();
        (code, answer["message"].as_str().unwrap().to_owned())
    }

    async fn machine(&mut self, name: &str, definition: &Json) -> String {
        let role = format!("arn:aws:iam::{ACCOUNT}:role/r");
        let new = json!({ "name": name, "roleArn": role, "definition": definition.to_string() });
        self.done("CreateStateMachine", new).await["stateMachineArn"].as_str().unwrap().to_owned()
    }
}

fn request(operation: &str, body: String) -> Request<Full<Bytes>> {
    Request::post("/")
        .header("host", "localhost")
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", format!("AWSStepFunctions.{operation}"))
        .body(Full::new(Bytes::from(body)))
        .unwrap()
}

/// Answers what comes to `/other` with its own body.
#[derive(Debug)]
struct Echo;

impl crate::Neighbour for Echo {
    fn takes(&self, head: &http::request::Parts) -> bool {
        head.uri.path() == "/other"
    }

    fn answer(&self, _: http::request::Parts, body: Bytes) -> crate::Answering<'_> {
        let mut response = http::Response::new(body);
        response.headers_mut().insert("content-type", "application/x-amz-json-1.0".parse().unwrap());
        Box::pin(std::future::ready(response))
    }
}

#[tokio::test]
async fn requests_of_a_neighbour_are_handed_on_and_wait_at_the_gate() {
    let listener = Listener::bind(Options::on((Ipv4Addr::LOCALHOST, 0).into())).await.unwrap();
    let server = listener.serve_with(engine(Clock::manual(NOW)).await, vec![Arc::new(Echo)]);
    let mut client = Connection::open(&server).await;
    let other = || Request::put("/other").body(Full::new(Bytes::from("{\"a\":1}"))).unwrap();
    assert_eq!(client.send(other()).await, (200, json!({ "a": 1 })));
    client.done("ListStateMachines", json!({})).await;
    let closed = server.gate().try_close().unwrap();
    let waiting = tokio::spawn(async move { client.send(other()).await });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    drop(closed);
    assert_eq!(waiting.await.unwrap().0, 200);
}

fn pass() -> Json {
    json!({ "StartAt": "P", "States": { "P": { "Type": "Pass", "Result": { "done": true }, "End": true } } })
}

#[tokio::test]
async fn an_execution_from_creation_to_its_history_over_one_connection() {
    let server = server().await;
    let mut client = Connection::open(&server).await;
    let machine = client.machine("m", &pass()).await;
    let start = json!({ "stateMachineArn": machine, "name": "e", "input": "{\"a\":1}" });
    let started = client.done("StartExecution", start).await;
    assert_eq!(started["startDate"], 1_700_000_000.0);
    let arn = started["executionArn"].as_str().unwrap().to_owned();
    server_settled(&mut client, &arn).await;

    let execution = client.done("DescribeExecution", json!({ "executionArn": arn })).await;
    assert_eq!((&execution["status"], &execution["output"]), (&json!("SUCCEEDED"), &json!(r#"{"done":true}"#)));
    let listed =
        client.done("ListExecutions", json!({ "stateMachineArn": machine, "statusFilter": "SUCCEEDED" })).await;
    assert_eq!(listed["executions"][0]["executionArn"], arn);

    let mut types = Vec::new();
    let mut ask = json!({ "executionArn": arn, "maxResults": 3 });
    loop {
        let page = client.done("GetExecutionHistory", ask.clone()).await;
        types.extend(page["events"].as_array().unwrap().iter().map(|event| event["type"].clone()));
        let Some(token) = page.get("nextToken") else { break };
        ask["nextToken"] = token.clone();
    }
    assert_eq!(types, ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]);
    let reversed = json!({ "executionArn": arn, "reverseOrder": true, "maxResults": 1 });
    assert_eq!(client.done("GetExecutionHistory", reversed).await["events"][0]["id"], 4);
    server.stop().await;
}

#[tokio::test]
async fn a_map_run_is_described_listed_and_updated() {
    let server = server().await;
    let mut client = Connection::open(&server).await;
    let definition = json!({ "StartAt": "M", "States": { "M": { "Type": "Map", "Label": "l", "End": true,
        "ToleratedFailurePercentage": 5, "ItemProcessor": {
            "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" },
            "StartAt": "P", "States": { "P": { "Type": "Pass", "End": true } } } } } });
    let machine = client.machine("m", &definition).await;
    let start = json!({ "stateMachineArn": machine, "name": "e", "input": "[1,2,3]" });
    let arn = client.done("StartExecution", start).await["executionArn"].as_str().unwrap().to_owned();
    server_settled(&mut client, &arn).await;

    let runs = client.done("ListMapRuns", json!({ "executionArn": arn })).await;
    let run = runs["mapRuns"][0]["mapRunArn"].as_str().unwrap().to_owned();
    assert_eq!(runs["mapRuns"][0]["stateMachineArn"], format!("{machine}/l"));
    let described = client.done("DescribeMapRun", json!({ "mapRunArn": run })).await;
    assert_eq!((&described["status"], &described["executionArn"]), (&json!("SUCCEEDED"), &json!(arn)));
    assert_eq!((&described["itemCounts"]["total"], &described["executionCounts"]["succeeded"]), (&json!(3), &json!(3)));
    assert_eq!(described["toleratedFailurePercentage"], 5.0);
    let children = client.done("ListExecutions", json!({ "mapRunArn": run, "maxResults": 2 })).await;
    assert!(children["nextToken"].is_string());
    let child = &children["executions"][0];
    assert_eq!((&child["mapRunArn"], &child["itemCount"]), (&json!(run), &json!(1)));
    let child = client.done("DescribeExecution", json!({ "executionArn": child["executionArn"] })).await;
    assert_eq!(child["mapRunArn"], run);
    let history = client.done("GetExecutionHistory", json!({ "executionArn": arn })).await;
    assert_eq!(history["events"][2]["mapStateStartedEventDetails"]["length"], 3);
    assert_eq!(history["events"][3]["mapRunStartedEventDetails"]["mapRunArn"], run);

    let refused = client.refused("UpdateMapRun", json!({ "mapRunArn": run, "maxConcurrency": 1 })).await;
    assert_eq!(refused.0, "ValidationException");
    let bad = json!({ "mapRunArn": run, "maxConcurrency": -1, "toleratedFailurePercentage": 101 });
    let (code, message) = client.refused("UpdateMapRun", bad).await;
    assert_eq!(code, "ValidationException");
    assert!(message.starts_with("2 validation errors detected: Value '-1' at 'maxConcurrency' failed"), "{message}");
    let (code, _) = client.refused("DescribeMapRun", json!({ "mapRunArn": arn })).await;
    assert_eq!(code, "InvalidArn");
    let (code, _) = client.refused("DescribeMapRun", json!({ "mapRunArn": format!("{run}x") })).await;
    assert_eq!(code, "ResourceNotFound");
    let both = json!({ "mapRunArn": run, "stateMachineArn": machine });
    assert_eq!(client.refused("ListExecutions", both).await.0, "ValidationException");
    server.stop().await;
}

/// Pass states need no time: this only lets the engine's tasks run.
async fn server_settled(client: &mut Connection, arn: &str) {
    for _ in 0..1000 {
        if client.done("DescribeExecution", json!({ "executionArn": arn })).await["status"] != "RUNNING" {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("{arn} does not end");
}

#[tokio::test]
async fn a_machine_with_a_version_an_alias_and_tags() {
    let server = server().await;
    let mut client = Connection::open(&server).await;
    let mut new = json!({ "name": "m", "roleArn": format!("arn:aws:iam::{ACCOUNT}:role/r") });
    new["definition"] = pass().to_string().into();
    new["publish"] = true.into();
    new["versionDescription"] = "first".into();
    new["tags"] = json!([{ "key": "team", "value": "a" }]);
    let created = client.done("CreateStateMachine", new).await;
    let (machine, version) = (&created["stateMachineArn"], &created["stateMachineVersionArn"]);
    let tags = client.done("ListTagsForResource", json!({ "resourceArn": machine })).await;
    assert_eq!(tags, json!({ "tags": [{ "key": "team", "value": "a" }] }));
    let described = client.done("DescribeStateMachine", json!({ "stateMachineArn": version })).await;
    assert_eq!((&described["stateMachineArn"], &described["description"]), (version, &json!("first")));

    let routes = json!([{ "stateMachineVersionArn": version, "weight": 100 }]);
    let alias = json!({ "name": "PROD", "routingConfiguration": routes });
    let alias = client.done("CreateStateMachineAlias", alias).await["stateMachineAliasArn"].clone();
    let listed = client.done("ListStateMachineAliases", json!({ "stateMachineArn": version })).await;
    assert_eq!(listed["stateMachineAliases"][0]["stateMachineAliasArn"], alias);
    let described = client.done("DescribeStateMachineAlias", json!({ "stateMachineAliasArn": alias })).await;
    assert_eq!((&described["name"], &described["routingConfiguration"]), (&json!("PROD"), &routes));

    let started = client.done("StartExecution", json!({ "stateMachineArn": alias })).await;
    let execution = json!({ "executionArn": started["executionArn"] });
    let described = client.done("DescribeExecution", execution.clone()).await;
    assert_eq!((&described["stateMachineAliasArn"], &described["stateMachineVersionArn"]), (&alias, version));
    let history = client.done("GetExecutionHistory", execution.clone()).await;
    let details = &history["events"][0]["executionStartedEventDetails"];
    assert_eq!((&details["stateMachineAliasArn"], &details["stateMachineVersionArn"]), (&alias, version));
    let was = client.done("DescribeStateMachineForExecution", execution).await;
    assert_eq!(&was["stateMachineArn"], machine);

    let (code, _) = client.refused("DeleteStateMachineVersion", json!({ "stateMachineVersionArn": version })).await;
    assert_eq!(code, "ConflictException");
    client.done("DeleteStateMachineAlias", json!({ "stateMachineAliasArn": alias })).await;
    client.done("DeleteStateMachineVersion", json!({ "stateMachineVersionArn": version })).await;
    let listed = client.done("ListStateMachineVersions", json!({ "stateMachineArn": machine })).await;
    assert_eq!(listed, json!({ "stateMachineVersions": [] }));
    server.stop().await;
}

#[tokio::test]
async fn refusals_carry_the_exception_and_name_the_field() {
    let server = server().await;
    let mut client = Connection::open(&server).await;
    let gone = format!("arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:gone");
    for (operation, body, code, message) in [
        ("DescribeStateMachine", json!({ "stateMachineArn": gone }), "StateMachineDoesNotExist", "gone'"),
        ("ListExecutions", json!({ "stateMachineArn": "x" }), "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: x'"),
        ("ListExecutions", json!({}), "ValidationException", "Either stateMachineArn or mapRunArn"),
        ("ListStateMachines", json!({ "maxResults": 1001 }), "ValidationException", "Value '1001' at 'maxResults'"),
        ("ListActivities", json!({ "nextToken": "zzz" }), "InvalidToken", "Invalid Token: 'Invalid token'"),
        ("StartExecution", json!({}), "ValidationException", "Value null at 'stateMachineArn'"),
        ("StartExecution", json!({ "stateMachineArn": 5 }), "SerializationException", "'stateMachineArn' must be"),
        ("CreateActivity", json!({ "name": "a b" }), "InvalidName", "Invalid Name: 'a b'"),
        ("SendTaskSuccess", json!({ "taskToken": "t", "output": "{" }), "InvalidOutput", "Unexpected end-of-input"),
        ("SendTaskHeartbeat", json!({ "taskToken": "t" }), "InvalidToken", "Invalid"),
        ("TestState", json!({}), "ValidationException", "Value null at 'definition'"),
        ("Fly", json!({}), "UnknownOperationException", "'Fly'"),
    ] {
        let (refused, told) = client.refused(operation, body).await;
        assert_eq!(refused, code, "{operation}: {told}");
        assert!(told.contains(message), "{operation}: {told}");
    }
    server.stop().await;
}

#[tokio::test]
async fn heads_and_bodies_that_are_none_are_refused_and_the_server_lives_on() {
    let server = server().await;
    let base = || Request::post("/").header("host", "localhost");
    let wire = "application/x-amz-json-1.0";
    let target = "AWSStepFunctions.ListActivities";
    for (request, status, message) in [
        (Request::get("/").header("host", "x").body(String::new()), 405, "must be POST"),
        (base().header("content-type", wire).body("{}".into()), 400, "X-Amz-Target is missing"),
        (base().header("x-amz-target", "S3.Get").body("{}".into()), 400, "not 'S3.Get'"),
        (base().header("x-amz-target", target).body("{}".into()), 415, "Content-Type"),
        (base().header("x-amz-target", target).header("content-type", wire).body("{".into()), 400, "not JSON"),
        (base().header("x-amz-target", target).header("content-type", wire).body("[]".into()), 400, "JSON object"),
    ] {
        let mut client = Connection::open(&server).await;
        let (got, answer) = client.send(request.unwrap().map(|body| Full::new(Bytes::from(body)))).await;
        assert_eq!(got, status, "{answer}");
        assert!(answer["message"].as_str().unwrap().contains(message), "{answer}");
    }
    let mut client = Connection::open(&server).await;
    let (status, answer) = client.send(request("ListActivities", " ".repeat(2_000_000))).await;
    assert_eq!(status, 413, "{answer}");
    let mut client = Connection::open(&server).await;
    assert_eq!(client.done("ListActivities", json!({})).await, json!({ "activities": [] }));
    server.stop().await;
}

#[tokio::test]
async fn a_worker_gets_its_task_and_answers_it() {
    let server = server().await;
    let mut client = Connection::open(&server).await;
    let activity = client.done("CreateActivity", json!({ "name": "a" })).await["activityArn"].clone();
    let definition =
        json!({ "StartAt": "T", "States": { "T": { "Type": "Task", "Resource": activity, "End": true } } });
    let machine = client.machine("m", &definition).await;
    let started = client.done("StartExecution", json!({ "stateMachineArn": machine, "input": "[1]" })).await;
    let poll = json!({ "activityArn": activity, "workerName": "w" });
    let task = client.done("GetActivityTask", poll).await;
    assert_eq!(task["input"], "[1]");
    let token = task["taskToken"].as_str().unwrap().to_owned();
    client.done("SendTaskHeartbeat", json!({ "taskToken": token })).await;
    client.done("SendTaskSuccess", json!({ "taskToken": token, "output": "\"well\"" })).await;
    let arn = started["executionArn"].as_str().unwrap();
    server_settled(&mut client, arn).await;
    let execution = client.done("DescribeExecution", json!({ "executionArn": arn })).await;
    assert_eq!(execution["output"], "\"well\"");
    server.stop().await;
}

#[tokio::test]
async fn a_held_poll_is_answered_when_the_server_stops() {
    let server = server().await;
    let mut client = Connection::open(&server).await;
    let activity = client.done("CreateActivity", json!({ "name": "a" })).await["activityArn"].clone();
    let poll = tokio::spawn(async move { client.done("GetActivityTask", json!({ "activityArn": activity })).await });
    while server.requests.load(Ordering::Relaxed) < 2 {
        tokio::task::yield_now().await;
    }
    let address = server.address();
    server.stop().await;
    assert_eq!(poll.await.unwrap(), json!({}));
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

fn within(connections: listener::Options) -> Options {
    Options { connections, ..Options::on((Ipv4Addr::LOCALHOST, 0).into()) }
}

#[tokio::test]
async fn a_connection_beyond_the_bound_takes_the_place_of_an_idle_one() {
    let options = within(listener::Options { connections: 1, ..listener::Options::default() });
    let server = Server::start(engine(Clock::manual(NOW)).await, options).await.unwrap();
    let mut first = Connection::open(&server).await;
    first.done("ListActivities", json!({})).await;
    let mut second = Connection::open(&server).await;
    assert_eq!(second.done("ListActivities", json!({})).await, json!({ "activities": [] }));
    assert!(first.sender.ready().await.is_err(), "the first has gone");
    server.stop().await;
}

#[tokio::test]
async fn an_address_in_use_is_told_with_a_remedy() {
    let server = server().await;
    let error = Listener::bind(Options::on(server.address())).await.unwrap_err().to_string();
    assert!(error.contains(&server.address().to_string()) && error.contains("--port"), "{error}");
    server.stop().await;
}

#[tokio::test]
async fn hostile_bodies_are_refused_by_name_on_a_connection_that_goes_on() {
    let server = server().await;
    let mut client = Connection::open(&server).await;
    let machine = json!({ "StartAt": "P", "States": { "P": { "Type": "Pass", "End": true } } });
    let machine = client.machine("m", &machine).await;
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let raw = |body: Vec<u8>| request("ListActivities", String::new()).map(|_| Full::new(Bytes::from(body)));
    for (body, status, message) in [
        (deep.clone().into_bytes(), 400, "recursion limit exceeded"),
        (b"{\"name\":\"\xff\xfe\"}".to_vec(), 400, "the body is not JSON"),
        (b"\x00\x01\x02".to_vec(), 400, "the body is not JSON"),
        (vec![b' '; 10_000_000], 413, "the body is larger than the"),
    ] {
        let (got, answer) = client.send(raw(body)).await;
        assert_eq!(got, status, "{answer}");
        assert!(answer["message"].as_str().unwrap().contains(message), "{answer}");
    }
    for (body, code) in [
        (json!({ "stateMachineArn": machine, "input": deep }), "InvalidExecutionInput"),
        (json!({ "stateMachineArn": machine, "input": "x".repeat(300_000) }), "ValidationException"),
        (json!({ "stateMachineArn": machine, "name": "n".repeat(100_000) }), "ValidationException"),
        (json!({ "stateMachineArn": machine, "input": "\"\\ud800\"" }), "InvalidExecutionInput"),
    ] {
        assert_eq!(client.refused("StartExecution", body).await.0, code);
    }
    client.done("StartExecution", json!({ "stateMachineArn": machine })).await;
    server.stop().await;
}

#[tokio::test]
async fn idle_and_slow_connections_harm_nobody_and_are_closed_in_time() {
    let head_time = Duration::from_millis(500);
    let options = within(listener::Options { head_time, ..listener::Options::default() });
    let server = Server::start(engine(Clock::manual(NOW)).await, options).await.unwrap();
    let mut others = Vec::new();
    for number in 0..200 {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        if number % 2 == 0 {
            stream.write_all(b"POST / HTTP/1.1\r\nHost:").await.unwrap();
        }
        others.push(stream);
    }
    let mut garbage = TcpStream::connect(server.address()).await.unwrap();
    garbage.write_all(b"\x16\x03\x01\x00\xff\r\n\r\n").await.unwrap();
    let mut client = Connection::open(&server).await;
    assert_eq!(client.done("ListActivities", json!({})).await, json!({ "activities": [] }));
    others.push(garbage);
    for mut stream in others {
        let mut told = Vec::new();
        // Whatever the server said before, it closes.
        let _ = stream.read_to_end(&mut told).await;
        assert!(told.is_empty() || told.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&told));
    }
    server.stop().await;
}

#[tokio::test]
async fn an_execution_that_failed_is_redriven() {
    let server = server().await;
    let mut client = Connection::open(&server).await;
    let fail = json!({ "StartAt": "F", "States": { "F": { "Type": "Fail", "Error": "E" } } });
    let machine = client.machine("m", &fail).await;
    let started = client.done("StartExecution", json!({ "stateMachineArn": machine })).await;
    let arn = started["executionArn"].as_str().unwrap().to_owned();
    server_settled(&mut client, &arn).await;
    let listed = |filter: &str| json!({ "stateMachineArn": machine, "redriveFilter": filter });
    let count = |page: Json| page["executions"].as_array().unwrap().len();
    assert_eq!(count(client.done("ListExecutions", listed("REDRIVEN")).await), 0);
    assert_eq!(count(client.done("ListExecutions", listed("NOT_REDRIVEN")).await), 1);

    let ask = json!({ "executionArn": arn, "clientToken": "t" });
    let redriven = client.done("RedriveExecution", ask.clone()).await;
    assert_eq!(redriven, json!({ "redriveDate": 1_700_000_000.0 }));
    assert_eq!(client.done("RedriveExecution", ask).await, redriven, "the same token");
    server_settled(&mut client, &arn).await;
    let execution = client.done("DescribeExecution", json!({ "executionArn": arn })).await;
    assert_eq!((&execution["redriveCount"], &execution["redriveDate"]), (&json!(1), &json!(1_700_000_000.0)));
    assert_eq!((&execution["status"], &execution["redriveStatus"]), (&json!("FAILED"), &json!("REDRIVABLE")));
    assert_eq!(count(client.done("ListExecutions", listed("REDRIVEN")).await), 1);
    assert_eq!(count(client.done("ListExecutions", listed("NOT_REDRIVEN")).await), 0);
    let history = client.done("GetExecutionHistory", json!({ "executionArn": arn })).await;
    let events = history["events"].as_array().unwrap();
    let types: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(
        types,
        ["ExecutionStarted", "FailStateEntered", "ExecutionFailed", "ExecutionRedriven", "ExecutionFailed"]
    );
    assert_eq!(events[3]["executionRedrivenEventDetails"], json!({ "redriveCount": 1 }));

    let machine = client.machine("good", &pass()).await;
    let started = client.done("StartExecution", json!({ "stateMachineArn": machine })).await;
    let arn = started["executionArn"].as_str().unwrap().to_owned();
    server_settled(&mut client, &arn).await;
    let refused = client.refused("RedriveExecution", json!({ "executionArn": arn })).await;
    let reason = "Execution is SUCCEEDED and cannot be redriven";
    assert_eq!(refused, ("ExecutionNotRedrivable".to_owned(), reason.to_owned()));
    let (code, message) = client.refused("RedriveExecution", json!({ "clientToken": "" })).await;
    assert_eq!(code, "ValidationException");
    assert!(message.contains("'executionArn'") && message.contains("'clientToken'"), "{message}");
}

#[tokio::test]
async fn a_state_is_tried_and_what_it_hands_through_keeps_its_spaces() {
    let server = server().await;
    let mut client = Connection::open(&server).await;
    let state = json!({ "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "InputPath": "$.a",
        "ResultPath": null, "OutputPath": "$.a", "Next": "N",
        "Retry": [{ "ErrorEquals": ["E"], "IntervalSeconds": 2 }] })
    .to_string();
    let tried = |mock: Json| {
        json!({ "definition": state, "input": r#"{"a": [1, 2]}"#, "inspectionLevel": "DEBUG", "mock": mock,
            "stateConfiguration": { "retrierRetryCount": 1 } })
    };
    let answer = client.done("TestState", tried(json!({ "result": r#"{ "Payload" : {} }"# }))).await;
    assert_eq!((&answer["status"], &answer["output"]), (&json!("SUCCEEDED"), &json!("[1, 2]")));
    assert_eq!(answer["nextState"], "N");
    let seen = json!({ "input": r#"{"a": [1, 2]}"#, "afterInputPath": "[1, 2]", "afterParameters": "[1, 2]",
        "result": r#"{ "Payload" : {} }"#, "afterResultSelector": r#"{ "Payload" : {} }"#,
        "afterResultPath": r#"{"a": [1, 2]}"# });
    assert_eq!(answer["inspectionData"], seen);
    let answer = client.done("TestState", tried(json!({ "errorOutput": { "error": "E", "cause": "c" } }))).await;
    let status = [&answer["status"], &answer["error"], &answer["cause"]];
    assert_eq!(status, [&json!("RETRIABLE"), &json!("E"), &json!("c")]);
    let details = json!({ "retryIndex": 0, "retryBackoffIntervalSeconds": 4 });
    assert_eq!(answer["inspectionData"]["errorDetails"], details);
    assert!(answer.get("output").is_none() && answer.get("nextState").is_none());

    for (mock, wanted) in [
        (json!({ "result": "{" }), "Mocked result must be valid JSON"),
        (json!({ "errorOutput": {} }), "Value null at 'mock.errorOutput.error' failed to satisfy constraint"),
        (json!({ "result": "{}", "fieldValidationMode": "LAX" }), "Value 'LAX' at 'mock.fieldValidationMode' failed"),
    ] {
        let (code, message) = client.refused("TestState", tried(mock)).await;
        assert_eq!(code, "ValidationException");
        assert!(message.contains(wanted), "{message}");
    }
}

#[tokio::test]
async fn the_trace_header_of_the_request_goes_before_that_of_its_body() {
    let server = server().await;
    let mut client = Connection::open(&server).await;
    let machine = client.machine("m", &pass()).await;
    for (name, header, expected) in [("a", None, "body"), ("b", Some("header"), "header")] {
        let body = json!({ "stateMachineArn": machine, "name": name, "traceHeader": "body" });
        let mut request = request("StartExecution", body.to_string());
        if let Some(header) = header {
            request.headers_mut().insert("x-amzn-trace-id", header.parse().unwrap());
        }
        let (_, started) = client.send(request).await;
        let described = client.done("DescribeExecution", json!({ "executionArn": started["executionArn"] })).await;
        assert_eq!(described["traceHeader"], expected);
    }
}

#[tokio::test]
async fn a_synchronous_execution_answers_its_end_and_its_bill() {
    let server = server().await;
    let mut client = Connection::open(&server).await;
    let role = format!("arn:aws:iam::{ACCOUNT}:role/r");
    let new = json!({ "name": "x", "roleArn": role, "definition": pass().to_string(), "type": "EXPRESS" });
    let machine = client.done("CreateStateMachine", new).await["stateMachineArn"].clone();
    let start = json!({ "stateMachineArn": machine, "name": "e", "input": "{}", "traceHeader": "t" });
    let mut answer = client.done("StartSyncExecution", start).await;
    let arn = answer["executionArn"].take();
    assert!(arn.as_str().unwrap().contains(":express:x:e:"), "{arn}");
    let wanted = json!({
        "executionArn": null, "stateMachineArn": machine, "name": "e", "status": "SUCCEEDED", "traceHeader": "t",
        "startDate": 1_700_000_000.0, "stopDate": 1_700_000_000.0,
        "input": "{}", "inputDetails": { "included": true },
        "output": r#"{"done":true}"#, "outputDetails": { "included": true },
        "billingDetails": { "billedMemoryUsedInMB": 64, "billedDurationInMilliseconds": 100 },
    });
    assert_eq!(answer, wanted);
    let (code, _) = client.refused("GetExecutionHistory", json!({ "executionArn": arn })).await;
    assert_eq!(code, "InvalidArn");
    let standard = client.machine("s", &pass()).await;
    let (code, _) = client.refused("StartSyncExecution", json!({ "stateMachineArn": standard })).await;
    assert_eq!(code, "StateMachineTypeNotSupported");
}

#[tokio::test]
async fn payloads_are_as_long_as_the_engine_takes_them() {
    let input = json!({ "text": "x".repeat(300_000) }).to_string();
    for (payload_bytes, wanted) in [(262_144, 400), (usize::MAX, 200)] {
        let limits = execution::Limits { payload_bytes, ..execution::Limits::default() };
        let options = Options::on((Ipv4Addr::LOCALHOST, 0).into());
        let server = Server::start(engine_within(Clock::manual(NOW), limits).await, options).await.unwrap();
        let mut connection = Connection::open(&server).await;
        let definition = json!({ "StartAt": "P", "States": { "P": { "Type": "Pass", "End": true } } }).to_string();
        let machine = json!({ "name": "m", "definition": definition, "roleArn": "arn:aws:iam::123456789012:role/r" });
        let (_, made) = connection.call("CreateStateMachine", machine).await;
        let start = json!({ "stateMachineArn": made["stateMachineArn"], "input": input });
        let (status, answer) = connection.call("StartExecution", start).await;
        assert_eq!(status, wanted, "{answer}");
        server.stop().await;
    }
}
