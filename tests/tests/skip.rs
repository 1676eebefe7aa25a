//! `serve --skip-idle`: what waits for a month runs in seconds, with the month in its history; while anybody has something
//! to do, time is real; and after `kill -9` it goes on from where it was.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use aws_sdk_sfn::Client;
use aws_sdk_sfn::types::{ExecutionStatus, HistoryEvent};
use end_to_end::client::{request, step_functions};
use end_to_end::process::{Process, binary, free_port, root};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

const ASSESS: &str = "arn:aws:lambda:us-east-1:123456789012:function:incident-assess";
const ACTIVITY: &str = "arn:aws:states:us-east-1:123456789012:activity:skip-worker";
const DAY: f64 = 86_400.0;

/// A server with its own sandbox, on real time but for what it skips.
struct Server {
    process: Process,
    client: Client,
    ports: [u16; 3],
    folder: TempDir,
}

impl Server {
    async fn start(machines: &[(&str, Value)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, definition) in machines {
            let machine = folder.path().join("machines").join(name);
            std::fs::create_dir_all(&machine).expect("a folder can be made");
            std::fs::write(machine.join("definition.asl.json"), definition.to_string()).expect("a file can be written");
        }
        let stack = json!({"functions": {"incident-assess": {"environment": {"DB_INSTANCE_ID": "orders-db"}}},
            "activities": ["skip-worker"]});
        std::fs::write(folder.path().join("stack.json"), stack.to_string()).expect("a file can be written");
        let ports = [free_port(), free_port(), free_port()];
        let process = serve(folder.path(), ports).await;
        Self { process, client: step_functions(ports[0]), ports, folder }
    }

    async fn crash_and_restart(&mut self) {
        self.process.kill();
        self.process = serve(self.folder.path(), self.ports).await;
    }

    async fn begin(&self, machine: &str) -> String {
        let arn = format!("arn:aws:states:us-east-1:123456789012:stateMachine:{machine}");
        let started = self.client.start_execution().state_machine_arn(arn).send().await;
        started.unwrap_or_else(|error| panic!("{error:?}")).execution_arn().to_owned()
    }

    /// Status and output of an execution, once it has ended.
    async fn ended(&self, arn: &str) -> (ExecutionStatus, Value) {
        for _ in 0..1200 {
            if let Ok(answer) = self.client.describe_execution().execution_arn(arn).send().await
                && *answer.status() != ExecutionStatus::Running
            {
                let output = answer.output().map(|output| serde_json::from_str(output).expect("output is JSON"));
                return (answer.status().clone(), output.unwrap_or_else(|| json!(answer.error())));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{arn} does not end:\n{:#?}", self.history(arn).await);
    }

    async fn history(&self, arn: &str) -> Vec<HistoryEvent> {
        let events = self.client.get_execution_history().execution_arn(arn).max_results(1000).send().await;
        events.unwrap_or_else(|error| panic!("{error:?}")).events().to_vec()
    }

    /// When an execution entered a state, seconds since 1970.
    async fn entered(&self, arn: &str, state: &str) -> Option<f64> {
        let named = |event: &HistoryEvent| event.state_entered_event_details().is_some_and(|at| at.name() == state);
        self.history(arn).await.iter().find(|event| named(event)).map(|event| event.timestamp().as_secs_f64())
    }

    async fn has_entered(&self, arn: &str, state: &str) -> f64 {
        for _ in 0..1200 {
            if let Some(at) = self.entered(arn, state).await {
                return at;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{arn} does not enter {state}:\n{:#?}", self.history(arn).await);
    }

    /// The account's time, seconds since 1970.
    async fn now(&self) -> f64 {
        let (_, state) = request("GET", self.ports[2], "/_sandbox/state", &[], &Value::Null).await;
        state["now"].as_f64().expect("the account has a clock") / 1000.0
    }

    /// Milliseconds skipped so far, as the server tells others.
    fn skipped(&self) -> f64 {
        let text = std::fs::read_to_string(self.folder.path().join("data/time-skipped")).expect("the server keeps it");
        text.parse::<f64>().expect("a number") / 1000.0
    }
}

async fn serve(folder: &Path, [port, lambda, sandbox]: [u16; 3]) -> Process {
    let arguments = [
        "serve".to_owned(),
        "--skip-idle".to_owned(),
        "--output=json".to_owned(),
        "--no-workers".to_owned(),
        format!("--port={port}"),
        format!("--lambda-port={lambda}"),
        format!("--sandbox-port={sandbox}"),
        "--traffic-port=0".to_owned(),
        format!("--data-dir={}", folder.join("data").display()),
        format!("--definitions={}", folder.join("machines").display()),
        format!("--stack={}", folder.join("stack.json").display()),
        format!("--lambda-binary={}", binary("bootstrap").display()),
    ];
    let mut process = Process::start("stepwright", &arguments, &[("RUST_LOG", "stepwright=info".to_owned())], folder);
    process.listening(port).await;
    // The API's port is open before everything behind it is.
    process.listening(sandbox).await;
    process
}

/// Asks a function for the state of the database; the times at which it looked are in its evidence.
fn look(next: &str) -> Value {
    let entry = json!({"catalogId": "database", "kind": "rds", "dbInstanceId": "orders-db", "tier": 0, "env": "production",
        "arn": "arn:aws:rds:us-east-1:123456789012:db:orders-db", "allowedActions": ["scale_up"],
        "approvals": {"scale_up": "approval"}, "slo": {"cpuPercent": 80}});
    json!({"Type": "Task", "Resource": ASSESS, "Next": next,
        "Arguments": {"action": "scale_up", "target": "database", "incidentId": "incident-1", "priority": "high",
            "operation": "diagnose", "entry": entry},
        "Output": {"looked": "{% $append($states.input.looked, [$toMillis($states.result.evidence[0].at) / 1000]) %}"}})
}

fn machine(start: &str, states: Value) -> Value {
    json!({"QueryLanguage": "JSONata", "StartAt": start, "States": states})
}

fn close(time: f64, expected: f64) -> bool {
    // A slow machine and the restarts take their time; two minutes are little to a day.
    (expected - 1.0..expected + 120.0).contains(&time)
}

#[tokio::test]
async fn a_month_passes_in_seconds_and_every_process_agrees_on_it() {
    let month = machine(
        "Wait",
        json!({
        "Wait": {"Type": "Wait", "Seconds": 2_592_000, "Next": "Look"},
        "Look": look("Wait again"),
        "Wait again": {"Type": "Wait", "Seconds": 1_209_600, "Next": "Look again"},
        "Look again": look("Done"),
        "Done": {"Type": "Succeed"}}),
    );
    let server = Server::start(&[("month", month)]).await;
    let begin = Instant::now();
    let arn = server.begin("month").await;
    let (status, output) = server.ended(&arn).await;
    let took = begin.elapsed();
    assert_eq!(status, ExecutionStatus::Succeeded, "{output}");
    assert!(took < Duration::from_secs(60), "{took:?}");
    let start = server.entered(&arn, "Wait").await.expect("it began");
    for (state, days) in [("Look", 30.0), ("Wait again", 30.0), ("Look again", 44.0), ("Done", 44.0)] {
        let at = server.entered(&arn, state).await.expect("it went through all states") - start;
        assert!(close(at, days * DAY), "{state}: {at} s, {days} days expected");
    }
    let looked: Vec<f64> = output["looked"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
    assert_eq!(looked.len(), 2, "{output}");
    assert!(close(looked[0] - start, 30.0 * DAY) && close(looked[1] - start, 44.0 * DAY), "the function: {looked:?}");
    assert!(close(server.now().await - start, 44.0 * DAY), "the account");
    assert!(server.skipped() > 43.9 * DAY && server.skipped() < 44.1 * DAY, "{}", server.skipped());
}

#[tokio::test]
async fn time_is_real_while_a_worker_has_a_task() {
    let work = machine(
        "Wait",
        json!({
        "Wait": {"Type": "Wait", "Seconds": 864_000, "Next": "Work"},
        "Work": {"Type": "Task", "Resource": ACTIVITY, "HeartbeatSeconds": 3600, "TimeoutSeconds": 7200, "Next": "Rest"},
        "Rest": {"Type": "Wait", "Seconds": 864_000, "Next": "Hang"},
        "Hang": {"Type": "Task", "Resource": ACTIVITY, "HeartbeatSeconds": 2, "End": true}}),
    );
    let wait = machine("Wait", json!({"Wait": {"Type": "Wait", "Seconds": 8_640_000, "End": true}}));
    let server = Server::start(&[("work", work), ("wait", wait)]).await;
    // Another execution that waits does not let the time go.
    server.begin("wait").await;
    let arn = server.begin("work").await;
    let poll = || async {
        let task = server.client.get_activity_task().activity_arn(ACTIVITY).send().await;
        task.unwrap_or_else(|error| panic!("{error:?}")).task_token().expect("there is a task").to_owned()
    };
    let token = poll().await;
    let (begin, account) = (Instant::now(), server.now().await);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    server.client.send_task_heartbeat().task_token(&token).send().await.unwrap_or_else(|error| panic!("{error:?}"));
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let (real, passed) = (begin.elapsed().as_secs_f64(), server.now().await - account);
    assert!(passed <= real + 2.0, "{passed} s passed in {real} s");
    let done = server.client.send_task_success().task_token(&token).output("{}").send().await;
    done.unwrap_or_else(|error| panic!("{error:?}"));
    // Ten days later there is another task, whose heartbeat is missed in real time.
    poll().await;
    let begin = Instant::now();
    let (status, error) = server.ended(&arn).await;
    assert_eq!((status, error), (ExecutionStatus::Failed, json!("States.Timeout")));
    assert!(begin.elapsed() > Duration::from_millis(1500), "{:?}", begin.elapsed());
    let (work, rest) = (server.entered(&arn, "Work").await.unwrap(), server.entered(&arn, "Rest").await.unwrap());
    assert!((2.5..60.0).contains(&(rest - work)), "the work took {} s", rest - work);
    assert!(close(server.entered(&arn, "Hang").await.unwrap() - rest, 10.0 * DAY));
}

#[tokio::test]
async fn after_a_crash_time_goes_on_and_never_back() {
    const DAYS: usize = 100;
    let days: Value = (1..=DAYS)
        .map(|day| {
            let next = if day == DAYS { "Done".to_owned() } else { format!("Day {}", day + 1) };
            (format!("Day {day}"), json!({"Type": "Wait", "Seconds": 86_400, "Next": next}))
        })
        .chain([("Done".to_owned(), json!({"Type": "Succeed"}))])
        .collect::<serde_json::Map<String, Value>>()
        .into();
    let mut server = Server::start(&[("days", machine("Day 1", days))]).await;
    let arn = server.begin("days").await;
    let start = server.has_entered(&arn, "Day 1").await;
    for day in ["Day 5", "Day 20", "Day 50"] {
        let entered = server.has_entered(&arn, day).await;
        let before = server.skipped();
        server.crash_and_restart().await;
        // The account's world goes by whole seconds.
        assert!(server.now().await >= entered - 1.0, "{day}: the account went back");
        assert!(server.skipped() >= before, "{day}: {} s skipped, {before} s before", server.skipped());
    }
    let (status, output) = server.ended(&arn).await;
    assert_eq!(status, ExecutionStatus::Succeeded, "{output}");
    let history = server.history(&arn).await;
    let times: Vec<f64> = history.iter().map(|event| event.timestamp().as_secs_f64()).collect();
    assert!(times.windows(2).all(|pair| pair[0] <= pair[1]), "an event before its predecessor");
    let entered: Vec<f64> = history
        .iter()
        .filter(|event| event.state_entered_event_details().is_some())
        .map(|event| event.timestamp().as_secs_f64())
        .collect();
    assert_eq!(entered.len(), DAYS + 1, "every day once");
    assert!(entered.windows(2).all(|pair| close(pair[1] - pair[0], DAY)), "every day a day long");
    assert!(close(entered[DAYS] - start, DAYS as f64 * DAY));
}

#[test]
fn real_services_do_not_skip() {
    let output = Command::new(binary("stepwright"))
        .args(["serve", "--skip-idle", "--port", "0", "--aws-endpoint", "aws"])
        .current_dir(root())
        .output()
        .expect("stepwright runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("--skip-idle: "), "{text}");
}
