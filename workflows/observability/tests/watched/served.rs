//! One server with everything on.

use std::collections::HashMap;
use std::path::Path;

use api::{Options, Server};
use asl::Value;
use engine::aws::{Client, Endpoint};
use engine::{Clock, Config, Engine};
use execution::Limits;
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client as Http;
use hyper_util::rt::TokioExecutor;
use observability::{Collector, Observability};
use serde_json::Value as Json;

use crate::stub::Stub;

const GROUP: &str = "/aws/vendedlogs/states/calls";
const UPSTREAM: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
const TRACE: &str = "5759e988bd862e3fe1be46a994272793";

/// Server, engine and who watches it.
struct Served {
    watching: Observability,
    engine: Engine,
    server: Server,
    client: Client,
}

fn config(stub: &Stub, data: Option<&Path>) -> Config {
    Config {
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
        data_dir: data.map(Path::to_path_buf),
        aws: Endpoint::Url(stub.url.clone()),
        lambda_endpoint: Some(stub.url.clone()),
        clock: Clock::system(),
        limits: Limits::default(),
        events_endpoint: None,
        names: engine::Names::default(),
        quotas: engine::Quotas::default(),
        signers: engine::aws::Signers::default(),
    }
}

impl Served {
    async fn start(stub: &Stub, logs: &Path, data: Option<&Path>) -> Self {
        let aws = || Endpoint::Url(stub.url.clone());
        let watching = Observability::start(observability::Config {
            region: "us-east-1".to_owned(),
            clock: Clock::system(),
            log_dir: Some(logs.to_path_buf()),
            cloudwatch_logs: Some(aws()),
            cloudwatch_metrics: Some((aws(), "Stepwright/States".to_owned())),
            collector: Some(Collector::new(&stub.url, "api-key=secret").unwrap()),
            metrics: Some("127.0.0.1:0".parse().unwrap()),
        })
        .await
        .unwrap();
        let engine = Engine::open_observed(config(stub, data), vec![watching.observer()]).await.unwrap();
        watching.attach(engine.clone());
        let server = Server::start(engine.clone(), Options::on("127.0.0.1:0".parse().unwrap())).await.unwrap();
        let endpoint = Endpoint::Url(format!("http://{}", server.address()));
        let client = Client::new(endpoint, "us-east-1", Clock::system());
        Self { watching, engine, server, client }
    }

    async fn call(&self, action: &str, parameters: &str) -> Value {
        let parameters = Value::parse(parameters).unwrap();
        self.client.call("sfn", action, &parameters).await.unwrap().body
    }

    /// A machine that logs everything and is traced; answers its ARN.
    async fn create(&self, name: &str, kind: &str, definition: &str) -> String {
        let definition = Value::from(definition);
        let created = self
            .call(
                "CreateStateMachine",
                &format!(
                    r#"{{"Name":"{name}","Type":"{kind}","RoleArn":"arn:aws:iam::123456789012:role/r",
                    "Definition":{definition},"TracingConfiguration":{{"Enabled":true}},
                    "LoggingConfiguration":{{"Level":"ALL","IncludeExecutionData":true,"Destinations":[
                    {{"CloudWatchLogsLogGroup":{{"LogGroupArn":
                    "arn:aws:logs:us-east-1:123456789012:log-group:{GROUP}:*"}}}}]}}}}"#
                ),
            )
            .await;
        created.get("StateMachineArn").and_then(Value::as_str).unwrap().to_owned()
    }

    async fn start_execution(&self, machine: &str, header: &str) -> String {
        let parameters = format!(r#"{{"StateMachineArn":"{machine}","Name":"e","TraceHeader":"{header}"}}"#);
        let started = self.call("StartExecution", &parameters).await;
        started.get("ExecutionArn").and_then(Value::as_str).unwrap().to_owned()
    }

    async fn metrics(&self) -> String {
        let address = self.watching.metrics_address().unwrap();
        let http = Http::builder(TokioExecutor::new()).build_http::<http_body_util::Empty<bytes::Bytes>>();
        let answer = http.get(format!("http://{address}/metrics").parse().unwrap()).await.unwrap();
        String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    /// Ends everything, once what waits is delivered.
    async fn stop(self) {
        self.server.stop().await;
        self.engine.shutdown().await;
        self.watching.stop().await;
    }
}

const CALLS: &str = r#"{"StartAt":"Call","States":{
    "Call":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f"},"Next":"Then"},
    "Then":{"Type":"Pass","End":true}}}"#;

/// The log events that CloudWatch Logs has got, in order.
fn put(stub: &Stub) -> Vec<Json> {
    let requests = stub.received(|received| received.header("x-amz-target") == "Logs_20140328.PutLogEvents");
    let events = requests.iter().flat_map(|request| request.json()["logEvents"].as_array().unwrap().clone());
    events.map(|event| serde_json::from_str(event["message"].as_str().unwrap()).unwrap()).collect()
}

fn lines(folder: &Path) -> Vec<Json> {
    let text = std::fs::read_to_string(folder.join("+aws+vendedlogs+states+calls.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The spans that the collector has got, by name.
fn spans(stub: &Stub) -> HashMap<String, Json> {
    let requests = stub.received(|received| received.path == "/v1/traces");
    assert!(requests.iter().all(|request| request.header("api-key") == "secret"));
    let all = requests
        .iter()
        .flat_map(|request| request.json()["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone());
    all.map(|span| (span["name"].as_str().unwrap().to_owned(), span)).collect()
}

#[tokio::test]
async fn an_execution_is_logged_counted_and_traced() {
    let (stub, logs) = (Stub::start().await, tempfile::tempdir().unwrap());
    let served = Served::start(&stub, logs.path(), None).await;
    let machine = served.create("calls", "STANDARD", CALLS).await;
    let arn = served.start_execution(&machine, UPSTREAM).await;
    served.engine.ended(&arn).await.unwrap();

    let page = served.metrics().await;
    for line in [
        r#"aws_states_executions_started_total{state_machine="calls"} 1"#,
        r#"aws_states_executions_succeeded_total{state_machine="calls"} 1"#,
        r#"aws_states_service_integrations_succeeded_total{resource="arn:aws:states:::lambda:invoke"} 1"#,
        r#"aws_states_consumed_capacity_total{service_metric="StateTransition"} 2"#,
        "aws_states_open_execution_count 0",
        "stepwright_timers 0",
    ] {
        assert!(page.lines().any(|found| found == line), "{line} is not in\n{page}");
    }
    assert!(
        page.contains("stepwright_commit_duration_seconds_count") && page.contains("process_resident_memory_bytes")
    );
    served.stop().await;

    let types: Vec<_> = lines(logs.path()).iter().map(|line| line["type"].as_str().unwrap().to_owned()).collect();
    let expected = [
        "ExecutionStarted",
        "TaskStateEntered",
        "TaskScheduled",
        "TaskStarted",
        "TaskSucceeded",
        "TaskStateExited",
        "PassStateEntered",
        "PassStateExited",
        "ExecutionSucceeded",
    ];
    assert_eq!(types, expected);
    assert_eq!(put(&stub), lines(logs.path()), "both places tell the same");
    traced(&stub);
    let metrics = stub.received(|received| received.body.contains("Action=PutMetricData"));
    assert!(metrics[0].body.contains("Namespace=Stepwright%2FStates"), "{}", metrics[0].body);
    assert!(metrics[0].body.contains("ServiceIntegrationRunTime") && metrics[0].body.contains("ExecutionsSucceeded"));
}

/// The trace goes from upstream through the execution to the function.
fn traced(stub: &Stub) {
    let spans = spans(stub);
    let (root, state, task) = (&spans["calls"], &spans["Call"], &spans["lambda:invoke"]);
    assert!(spans.values().all(|span| span["traceId"] == TRACE), "{spans:?}");
    assert_eq!(root["parentSpanId"], "53995c3f42cd8ad8");
    assert_eq!((&state["parentSpanId"], &task["parentSpanId"]), (&root["spanId"], &state["spanId"]));
    let invoked = stub.received(|received| received.path.starts_with("/2015-03-31/functions/f/"));
    let header = format!(
        "Root=1-5759e988-bd862e3fe1be46a994272793;Parent={};Sampled=1",
        task["spanId"].as_str().unwrap_or_default()
    );
    assert_eq!(invoked[0].header("x-amzn-trace-id"), header);
}

#[tokio::test]
async fn an_express_execution_is_seen_in_the_logs_alone() {
    let (stub, logs) = (Stub::start().await, tempfile::tempdir().unwrap());
    let served = Served::start(&stub, logs.path(), None).await;
    let machine =
        served.create("calls", "EXPRESS", r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#).await;
    let ended = served.call("StartSyncExecution", &format!(r#"{{"StateMachineArn":"{machine}"}}"#)).await;
    let arn = ended.get("ExecutionArn").and_then(Value::as_str).unwrap().to_owned();
    assert!(served.engine.history(&arn).is_err(), "no history is kept");
    let page = served.metrics().await;
    assert!(page.contains(r#"aws_states_express_execution_billed_duration_seconds_count{state_machine="calls"} 1"#));
    served.stop().await;
    let lines = lines(logs.path());
    assert_eq!(lines.len(), 4);
    assert!(lines.iter().all(|line| line["execution_arn"] == *arn && line["redrive_count"] == "0"), "{lines:?}");
}

#[tokio::test]
async fn a_trace_goes_through_a_restart_and_into_children() {
    let (stub, folder) = (Stub::start().await, tempfile::tempdir().unwrap());
    let (logs, data) = (folder.path().join("logs"), folder.path().join("data"));
    let served = Served::start(&stub, &logs, Some(&data)).await;
    let child =
        served.create("child", "STANDARD", r#"{"StartAt":"C","States":{"C":{"Type":"Pass","End":true}}}"#).await;
    served.call("CreateActivity", r#"{"Name":"a"}"#).await;
    let activity = "arn:aws:states:us-east-1:123456789012:activity:a";
    let parent = format!(
        r#"{{"StartAt":"Ask","States":{{"Ask":{{"Type":"Task","Resource":"{activity}","Next":"Child"}},
        "Child":{{"Type":"Task","Resource":"arn:aws:states:::states:startExecution.sync:2",
        "Parameters":{{"StateMachineArn":"{child}"}},"End":true}}}}}}"#
    );
    let machine = served.create("calls", "STANDARD", &parent).await;
    let arn = served.start_execution(&machine, UPSTREAM).await;
    let task = served.call("GetActivityTask", &format!(r#"{{"ActivityArn":"{activity}"}}"#)).await;
    let token = task.get("TaskToken").and_then(Value::as_str).unwrap().to_owned();
    served.stop().await;
    assert!(spans(&stub).is_empty(), "nothing has ended");

    let served = Served::start(&stub, &logs, Some(&data)).await;
    served.call("SendTaskSuccess", &format!(r#"{{"TaskToken":"{token}","Output":"{{}}"}}"#)).await;
    served.engine.ended(&arn).await.unwrap();
    served.stop().await;
    let spans = spans(&stub);
    let parent_of = |name: &str| spans[name]["parentSpanId"].as_str().unwrap_or_default().to_owned();
    let id_of = |name: &str| spans[name]["spanId"].as_str().unwrap_or_default().to_owned();
    assert!(spans.values().all(|span| span["traceId"] == TRACE), "{spans:?}");
    assert_eq!((parent_of("Ask"), parent_of("Child")), (id_of("calls"), id_of("calls")));
    assert_eq!(parent_of("child"), id_of("states:startExecution.sync:2"));
    assert_eq!(parent_of("C"), id_of("child"));
}
