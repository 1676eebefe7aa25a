//! `serve` with its rules and schedules, as a process: what starts executions, and what `kill -9` leaves of it.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use engine::{Clock, aws};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

const ACCOUNT: &str = "123456789012";

/// A server that dies with its handle.
struct Server {
    child: Child,
    port: u16,
    folder: TempDir,
    options: Vec<String>,
}

fn machine(name: &str) -> String {
    format!("arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:{name}")
}

/// A loopback port below those that connections get by themselves; no two tests of a process look at the same.
fn free_port() -> u16 {
    static LOOKED: AtomicU16 = AtomicU16::new(0);
    let begin = u16::try_from(std::process::id() % 9000).unwrap_or_default();
    let mut ports = (0..9000).map(|_| 10_000 + (begin + LOOKED.fetch_add(1, Ordering::Relaxed) % 9000) % 9000);
    ports.find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()).expect("a loopback port is free")
}

impl Server {
    fn start(definitions: &[(&str, Json)], stack: &Json, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, definition) in definitions {
            let machine = folder.path().join("machines").join(name);
            std::fs::create_dir_all(&machine).expect("a folder can be made");
            std::fs::write(machine.join("definition.asl.json"), definition.to_string()).expect("a file can be written");
        }
        std::fs::write(folder.path().join("stack.json"), stack.to_string()).expect("a file can be written");
        let options: Vec<String> = options.iter().map(ToString::to_string).collect();
        let port = free_port();
        Self { child: serve(folder.path(), port, &options), port, folder, options }
    }

    fn kill_and_restart(&mut self) {
        self.child.kill().expect("a child of ours can be killed");
        self.child.wait().expect("a killed child ends");
        self.child = serve(self.folder.path(), self.port, &self.options);
    }

    async fn call(&self, service: &str, action: &str, request: Json) -> Json {
        let url = aws::Endpoint::Url(format!("http://127.0.0.1:{}", self.port));
        let credentials = aws::Credentials::new("test", "test", None);
        let client = aws::Client::with_credentials(url, "us-east-1", Clock::system(), Some(credentials));
        match client.call(service, action, &asl::Value::from(&request)).await {
            Ok(reply) => Json::from(&reply.body),
            Err(error) => panic!("{action}: {error}"),
        }
    }

    async fn events(&self, action: &str, request: Json) -> Json {
        self.call("eventbridge", action, request).await
    }

    /// Names and statuses of a machine's executions, once `enough` of them are there.
    async fn executions(&self, name: &str, enough: impl Fn(&[(String, String)]) -> bool) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for _ in 0..1200 {
            let request = json!({"StateMachineArn": machine(name), "MaxResults": 1000});
            let answer = self.call("sfn", "ListExecutions", request).await;
            let text = |execution: &Json, member: &str| execution[member].as_str().expect("a text").to_owned();
            let executions = answer["Executions"].as_array().expect("a list");
            found = executions.iter().map(|each| (text(each, "Name"), text(each, "Status"))).collect();
            if enough(&found) {
                found.sort();
                return found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{name}: {found:?}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(folder: &Path, port: u16, options: &[String]) -> Child {
    let path = |name: &str| folder.join(name).display().to_string();
    let mut child = Command::new(env!("CARGO_BIN_EXE_stepwright"))
        .args(["serve", "--output=json", "--no-workers", "--lambda-port=0", "--sandbox-port=0", "--traffic-port=0"])
        .arg(format!("--port={port}"))
        .args(["--data-dir", &path("data"), "--definitions", &path("machines"), "--stack", &path("stack.json")])
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("the binary starts");
    for _ in 0..1200 {
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return child;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let _ = child.kill();
    let _ = child.wait();
    panic!("nobody listens on {port}");
}

fn state(state: &Json) -> Json {
    json!({"StartAt": "S", "States": {"S": state}})
}

fn pass() -> Json {
    state(&json!({"Type": "Pass", "End": true}))
}

#[tokio::test]
async fn failures_events_of_tasks_and_events_from_outside_start_executions() {
    let put = json!({"Type": "Task", "Resource": "arn:aws:states:::events:putEvents", "End": true, "Parameters":
        {"Entries": [{"Source": "shop", "DetailType": "Order", "Detail": {"id.$": "$$.Execution.Name"}}]}});
    let fail = json!({"Type": "Fail", "Error": "Broken"});
    let definitions = [
        ("announcing", state(&put)),
        ("failing", state(&fail)),
        ("ordered", pass()),
        ("failed", pass()),
        ("alerted", pass()),
    ];
    let rules = json!([
        {"Name": "ordered", "EventPattern": {"source": ["shop"]}, "Target": {"Arn": "${OrderedStateMachineArn}", "InputPath": "$.detail"}},
        {"Name": "failed", "EventPattern": {"source": ["aws.states"], "detail": {"status": ["FAILED"]}},
            "Target": {"Arn": "${FailedStateMachineArn}"}},
    ]);
    let server = Server::start(&definitions, &json!({"rules": rules}), &[]);
    server.call("sfn", "StartExecution", json!({"StateMachineArn": machine("announcing"), "Name": "a"})).await;
    server.call("sfn", "StartExecution", json!({"StateMachineArn": machine("failing"), "Name": "f"})).await;
    let pattern = json!({"source": ["alertmanager"]}).to_string();
    server.events("PutRule", json!({"Name": "alerted", "EventPattern": pattern})).await;
    let targets = json!([{"Id": "1", "Arn": machine("alerted")}]);
    server.events("PutTargets", json!({"Rule": "alerted", "Targets": targets})).await;
    let entries = json!([{"Source": "alertmanager", "DetailType": "Alert", "Detail": "{}"}]);
    let answer = server.events("PutEvents", json!({"Entries": entries})).await;
    assert_eq!(answer["FailedEntryCount"], 0, "{answer}");
    for name in ["ordered", "failed", "alerted"] {
        let one = |all: &[(String, String)]| all.len() == 1 && all[0].1 == "SUCCEEDED";
        server.executions(name, one).await;
    }
}

/// The minutes, since 1970, of the times in the names of a schedule's executions.
fn minutes(executions: &[(String, String)]) -> Vec<i64> {
    let minute = |(name, _): &(String, String)| {
        let time = name.strip_prefix("every-minute-").and_then(|rest| rest.split('-').next()).expect("a time");
        let digits: Vec<i64> = time.bytes().filter(u8::is_ascii_digit).map(|digit| i64::from(digit - b'0')).collect();
        let number = |from: usize, to: usize| digits[from..to].iter().fold(0, |number, digit| number * 10 + digit);
        let date = time::Date::from_calendar_date(
            i32::try_from(number(0, 4)).unwrap_or_default(),
            time::Month::try_from(u8::try_from(number(4, 6)).unwrap_or_default()).expect("a month"),
            u8::try_from(number(6, 8)).unwrap_or_default(),
        );
        i64::from(date.expect("a date").to_julian_day()) * 1440 + number(8, 10) * 60 + number(10, 12)
    };
    executions.iter().map(minute).collect()
}

#[tokio::test]
async fn every_scheduled_time_starts_exactly_one_execution_whatever_is_killed() {
    let schedule = json!({"Name": "every-minute", "ScheduleExpression": "cron(* * * * ? *)",
        "Target": {"Arn": "${TickStateMachineArn}", "Input": "{}"}});
    let stack = json!({"schedules": [schedule]});
    // A minute passes in 0.2 seconds; what a restart of some seconds misses is still on time.
    let mut server = Server::start(&[("tick", pass())], &stack, &["--time-scale=300"]);
    for more in [5, 10, 15] {
        server.executions("tick", |all| all.len() > more).await;
        server.kill_and_restart();
    }
    let mut all = minutes(&server.executions("tick", |all| all.len() > 30).await);
    // The latest may still be on their way, side by side.
    all.truncate(20);
    let first = all[0];
    let wanted: Vec<i64> = (first..).take(all.len()).collect();
    assert_eq!(all, wanted, "each minute once, and none left out");
}
