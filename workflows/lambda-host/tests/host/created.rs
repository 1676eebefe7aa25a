//! Functions that callers create: their life over Lambda's API, and what they see when they run.

use std::io::{Cursor, Write};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::StatusCode;
use lambda_host::{Config, Created, Function, LambdaHost};
use serde_json::{Value, json};
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

use crate::support::{Answer, Caller, Links, config, created, example, function, start, start_with};

const FUNCTIONS: &str = "/2015-03-31/functions";

/// A zip archive of these files, all of them executable.
fn package(files: &[(&str, &[u8])]) -> String {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for &(name, content) in files {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        zip.start_file(name, options.unix_permissions(0o755)).unwrap();
        zip.write_all(content).unwrap();
    }
    BASE64_STANDARD.encode(zip.finish().unwrap().into_inner())
}

/// The request that creates `name`.
fn creation(name: &str, runtime: &str, handler: &str, package: &str) -> Value {
    json!({
        "FunctionName": name,
        "Runtime": runtime,
        "Role": "arn:aws:iam::123456789012:role/service",
        "Handler": handler,
        "Code": {"ZipFile": package},
        "Timeout": 30,
        "MemorySize": 512,
    })
}

/// A function whose package is `examples/function.rs`.
fn custom(name: &str, handler: &str) -> Value {
    let binary = std::fs::read(example("function")).unwrap();
    creation(name, "provided.al2023", handler, &package(&[("bootstrap", &binary)]))
}

/// The same, answering what its package says.
fn constant(name: &str, answer: &str) -> Value {
    let binary = std::fs::read(example("function")).unwrap();
    let package = package(&[("bootstrap", &binary), ("answer.json", answer.as_bytes())]);
    creation(name, "provided.al2", "file", &package)
}

impl Caller {
    async fn create(&self, request: &Value) -> Answer {
        self.send("POST", FUNCTIONS, request.to_string(), &[]).await
    }

    async fn put(&self, path: &str, request: Value) -> Answer {
        self.send("PUT", &format!("{FUNCTIONS}/{path}"), request.to_string(), &[]).await
    }

    async fn delete(&self, name: &str) -> Answer {
        self.send("DELETE", &format!("{FUNCTIONS}/{name}"), "", &[]).await
    }
}

impl Answer {
    fn refusal(&self) -> (StatusCode, &str, String) {
        let name = self.header("x-amzn-errortype").unwrap_or_default();
        (self.status, name, self.json()["message"].as_str().unwrap_or_default().to_owned())
    }
}

/// Whether these programs are here and may install others; a test that needs more says so and ends.
#[expect(clippy::disallowed_methods, reason = "whoever runs the tests says whether they may install anything")]
fn has(programs: &[&str]) -> bool {
    if std::env::var("STEPWRIGHT_NO_INSTALL").is_ok_and(|value| !value.is_empty()) {
        println!("skipped: STEPWRIGHT_NO_INSTALL forbids to install a runtime client");
        return false;
    }
    let missing =
        programs.iter().find(|program| std::process::Command::new(program).arg("--version").output().is_err());
    if let Some(missing) = missing {
        println!("skipped: there is no {missing} on this machine");
    }
    missing.is_none()
}

#[tokio::test]
async fn a_function_is_created_described_listed_and_deleted() {
    let (host, caller) = start(vec![function("echo")]).await;
    let answer = caller.create(&custom("mine", "any.thing")).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    let created = answer.json();
    assert_eq!(created["FunctionArn"], "arn:aws:lambda:us-east-1:123456789012:function:mine");
    for (member, value) in [
        ("Runtime", json!("provided.al2023")),
        ("Handler", json!("any.thing")),
        ("Timeout", json!(30)),
        ("MemorySize", json!(512)),
        ("State", json!("Active")),
        ("LastUpdateStatus", json!("Successful")),
        ("PackageType", json!("Zip")),
        ("Version", json!("$LATEST")),
        ("EphemeralStorage", json!({"Size": 512})),
    ] {
        assert_eq!(created[member], value, "{member}");
    }
    assert_eq!(caller.get(&format!("{FUNCTIONS}/mine/configuration")).await, created);
    let whole = caller.get(&format!("{FUNCTIONS}/mine")).await;
    assert_eq!(whole["Configuration"], created);
    let location = whole["Code"]["Location"].as_str().unwrap().strip_prefix(&caller.url).unwrap().to_owned();
    let fetched = caller.send("GET", &location, "", &[]).await;
    assert_eq!(json!(fetched.body.len()), created["CodeSize"]);
    let listed = caller.get(&format!("{FUNCTIONS}/?MaxItems=1")).await;
    assert_eq!((&listed["Functions"][0]["FunctionName"], &listed["NextMarker"]), (&json!("echo"), &json!("echo")));
    let listed = caller.get(&format!("{FUNCTIONS}/?Marker=echo")).await;
    assert_eq!((&listed["Functions"], listed.get("NextMarker")), (&json!([created]), None));

    assert_eq!(caller.delete("mine").await.status, StatusCode::NO_CONTENT);
    let unknown = "Function not found: arn:aws:lambda:us-east-1:123456789012:function:mine";
    let name = "ResourceNotFoundException";
    assert_eq!(caller.delete("mine").await.refusal(), (StatusCode::NOT_FOUND, name, unknown.to_owned()));
    let invoked = caller.invoke("mine", "{}").await;
    assert_eq!(invoked.refusal(), (StatusCode::NOT_FOUND, name, format!("{unknown}:$LATEST")));
    host.shutdown().await;
}

#[tokio::test]
async fn a_created_function_runs_with_its_own_environment_and_no_other() {
    let environment = [("AWS_ENDPOINT_URL".to_owned(), "http://here".to_owned())].into();
    let common_environment = [("OPS_TIME_SCALE".to_owned(), "1".to_owned())].into();
    let created = Created { environment, ..created() };
    let (host, caller) = start_with(Config { created, common_environment, ..config(vec![]) }).await;
    let mut request = custom("mine", "environment");
    request["Environment"] = json!({"Variables": {"TABLE": "t"}});
    assert_eq!(caller.create(&request).await.status, StatusCode::CREATED);
    let answer = caller.invoke("mine", "{}").await.json();
    let seen = answer.as_object().unwrap();
    for (name, value) in [
        ("_HANDLER", "environment"),
        ("AWS_LAMBDA_FUNCTION_NAME", "mine"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL", "http://here"),
        ("AWS_ENDPOINT_URL_LAMBDA", &caller.url),
        ("TABLE", "t"),
    ] {
        assert_eq!(seen[name], value, "{name}");
    }
    assert_eq!(seen["LAMBDA_TASK_ROOT"], seen["PWD"]);
    let others = |name: &&String| {
        !name.starts_with("AWS_")
            && !name.starts_with("LAMBDA_")
            && !["_HANDLER", "TABLE", "PATH", "PWD", "OLDPWD", "LANG", "TZ", "_", "_X_AMZN_TRACE_ID"]
                .contains(&name.as_str())
    };
    assert_eq!(seen.keys().filter(others).collect::<Vec<_>>(), Vec::<&String>::new());
    host.shutdown().await;
}

#[tokio::test]
async fn requests_are_refused_as_on_aws() {
    let (host, caller) = start(vec![function("echo")]).await;
    let good = || creation("mine", "provided.al2023", "h", &package(&[("bootstrap", b"#!/bin/sh\n")]));
    let with = |member: &str, value: Value| {
        let mut request = good();
        request[member] = value;
        request
    };
    let (bad, invalid) = (StatusCode::BAD_REQUEST, "InvalidParameterValueException");
    for (request, status, name, text) in [
        (with("FunctionName", json!("echo")), StatusCode::CONFLICT, "ResourceConflictException", "already exist: echo"),
        (with("FunctionName", json!("a b")), bad, "ValidationException", "Value 'a b' at 'functionName'"),
        (with("FunctionName", Value::Null), bad, "ValidationException", "Value null at 'functionName'"),
        (with("FunctionName", json!(1)), bad, "SerializationException", "expected a string"),
        (with("Role", Value::Null), bad, "ValidationException", "Value null at 'role'"),
        (with("Code", Value::Null), bad, "ValidationException", "Value null at 'code'"),
        (with("Handler", Value::Null), bad, invalid, "Runtime and Handler are mandatory"),
        (with("Runtime", json!("java21")), bad, invalid, "Value java21 at 'runtime'"),
        (with("Timeout", json!(901)), bad, "ValidationException", "less than or equal to 900"),
        (with("PackageType", json!("Image")), bad, invalid, "PackageType Image is not supported"),
        (with("Publish", json!(true)), bad, invalid, "Publish is not supported"),
        (with("Layers", json!(["arn:l"])), bad, invalid, "Layers is not supported"),
        (with("Architectures", json!(["mips"])), bad, "ValidationException", "at 'architectures'"),
        (with("Code", json!({"S3Bucket": "b", "S3Key": "k"})), bad, invalid, "S3Bucket, S3Key: this host"),
        (with("Code", json!({})), bad, invalid, "Please provide a source"),
        (with("Code", json!({"ZipFile": "%"})), bad, "SerializationException", "not base64"),
        (with("Code", json!({"ZipFile": "aGVsbG8="})), bad, invalid, "Could not unzip uploaded file."),
        (with("Code", json!({"ZipFile": package(&[])})), bad, invalid, "non-empty zip"),
        (with("Code", json!({"ZipFile": package(&[("../x", b"x")])})), bad, invalid, "leads out of the package"),
    ] {
        let answer = caller.create(&request).await;
        let (seen, error, message) = answer.refusal();
        assert_eq!((seen, error), (status, name), "{message}");
        assert!(message.contains(text), "{text:?}: {message}");
    }
    let answer = caller.send("POST", FUNCTIONS, "{", &[]).await;
    assert_eq!(answer.refusal().1, "InvalidRequestContentException");
    let answer = caller.put("echo/configuration", json!({"Timeout": 5})).await;
    assert_eq!(answer.refusal().1, "ResourceConflictException");
    assert_eq!(caller.get(&format!("{FUNCTIONS}/")).await["Functions"].as_array().unwrap().len(), 1);
    host.shutdown().await;
}

#[tokio::test]
async fn settings_and_code_are_changed() {
    let (host, caller) = start(vec![]).await;
    let first = caller.create(&constant("mine", "1")).await.json();
    assert_eq!(caller.invoke("mine", "{}").await.body, "1");
    let stale = json!({"Timeout": 5, "RevisionId": "other"});
    assert_eq!(caller.put("mine/configuration", stale).await.status, StatusCode::PRECONDITION_FAILED);
    let change = json!({"Timeout": 5, "Description": "d", "RevisionId": first["RevisionId"]});
    let changed = caller.put("mine/configuration", change).await.json();
    assert_eq!(
        (&changed["Timeout"], &changed["Description"], &changed["MemorySize"]),
        (&json!(5), &json!("d"), &json!(512))
    );
    assert_ne!(changed["RevisionId"], first["RevisionId"]);
    assert_eq!(changed["CodeSha256"], first["CodeSha256"]);

    let zip = constant("mine", "2")["Code"]["ZipFile"].clone();
    let tried = caller.put("mine/code", json!({"ZipFile": zip, "DryRun": true})).await.json();
    assert_ne!(tried["CodeSha256"], first["CodeSha256"]);
    assert_eq!(caller.invoke("mine", "{}").await.body, "1");
    let recoded = caller.put("mine/code", json!({"ZipFile": zip})).await.json();
    assert_eq!((&recoded["CodeSha256"], &recoded["Timeout"]), (&tried["CodeSha256"], &json!(5)));
    assert_eq!(caller.invoke("mine", "{}").await.body, "2");
    host.shutdown().await;
}

#[tokio::test]
async fn what_runs_goes_on_with_the_code_it_has() {
    let links = Links::open().await;
    let (host, caller) = start(vec![]).await;
    assert_eq!(caller.create(&custom("mine", "echo")).await.status, StatusCode::CREATED);
    let call = {
        let (caller, event) = (caller.clone(), links.event(true));
        tokio::spawn(async move { caller.invoke("mine", event).await })
    };
    let mut running = links.accept().await;
    assert_eq!(caller.delete("mine").await.status, StatusCode::NO_CONTENT);
    running.release().await;
    assert_eq!(call.await.unwrap().status, StatusCode::OK);
    // Nobody will invoke it again: its process is not kept.
    running.gone().await;
    host.shutdown().await;
}

#[tokio::test]
async fn functions_are_there_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let created = Created { folder: Some(folder.path().join("functions")), ..created() };
    let begin = || async { start_with(Config { created: created.clone(), ..config(vec![]) }).await };
    let (host, caller) = begin().await;
    caller.create(&constant("mine", "1")).await;
    caller.create(&constant("gone", "2")).await;
    caller.delete("gone").await;
    let kept = caller.get(&format!("{FUNCTIONS}/")).await;
    // Without shutting down first, as when it is killed.
    drop(host);
    let restarted = loop {
        // The one before lets go of the folder when its last task has ended.
        match LambdaHost::start(Config { created: created.clone(), ..config(vec![]) }).await {
            Ok(host) => break host,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    let caller = Caller { url: restarted.url() };
    assert_eq!(caller.get(&format!("{FUNCTIONS}/")).await, kept);
    assert_eq!(caller.invoke("mine", "{}").await.body, "1");
    restarted.shutdown().await;
}

#[tokio::test]
async fn a_package_without_bootstrap_is_told_in_the_words_of_aws() {
    let (host, caller) = start(vec![]).await;
    caller.create(&creation("mine", "provided.al2023", "h", &package(&[("other", b"x")]))).await;
    let (name, message) = caller.invoke("mine", "{}").await.function_error();
    assert_eq!(name, "Runtime.InvalidEntrypoint");
    assert!(message.contains("Couldn't find valid bootstrap(s): ["), "{message}");
    host.shutdown().await;
}

/// What a Python and a Node.js function answer: their event and what they know of themselves.
const PYTHON: &[u8] = br#"
import os, boto3
def handler(event, context):
    print("printed")
    if "fail" in event:
        raise ValueError(event["fail"])
    if "exit" in event:
        os._exit(3)
    return {"event": event, "name": context.function_name, "root": os.environ["LAMBDA_TASK_ROOT"], "in": os.getcwd()}
"#;
const NODE: &[u8] = br#"
exports.handler = async (event, context) => {
    console.log("printed");
    if (event.fail) throw new RangeError(event.fail);
    return {event, name: context.functionName, root: process.env.LAMBDA_TASK_ROOT, in: process.cwd()};
};
"#;

#[tokio::test]
async fn python_runs_in_awss_own_client() {
    if !has(&["python3"]) {
        return;
    }
    let (host, caller) = start(vec![]).await;
    let request = creation("mine", "python3.12", "app.handler", &package(&[("app.py", PYTHON)]));
    assert_eq!(caller.create(&request).await.status, StatusCode::CREATED);
    let answer = caller.invoke_with("mine", r#"{"a": [1, "ü"]}"#, &[("x-amz-log-type", "Tail")]).await;
    let result = answer.json();
    assert_eq!((&result["event"], &result["name"]), (&json!({"a": [1, "ü"]}), &json!("mine")), "{answer:?}");
    assert_eq!(result["root"], result["in"]);
    assert!(answer.tail().contains("INIT_START Runtime Version: python:3."), "{}", answer.tail());
    assert!(answer.tail().contains("\nprinted\n"), "{}", answer.tail());
    assert_eq!(caller.get(&format!("{FUNCTIONS}/mine/configuration")).await["State"], "Active");

    let failed = caller.invoke("mine", r#"{"fail": "not today"}"#).await;
    assert_eq!(failed.function_error(), ("ValueError".to_owned(), "not today".to_owned()));
    let document = failed.json();
    assert_eq!(document["requestId"], failed.request_id());
    let root = result["root"].as_str().unwrap();
    let place = format!("  File \"{root}/app.py\", line 6, in handler\n    raise ValueError(event[\"fail\"])\n");
    assert_eq!(document["stackTrace"], json!([place]));

    let (name, message) = caller.invoke("mine", r#"{"exit": 1}"#).await.function_error();
    assert_eq!(
        (name.as_str(), message.as_str()),
        ("Runtime.ExitError", "RequestId: ID Error: Runtime exited with error: exit status 3")
    );
    caller.create(&creation("lost", "python3.12", "nowhere.handler", &package(&[("app.py", PYTHON)]))).await;
    let (name, message) = caller.invoke("lost", "{}").await.function_error();
    assert_eq!(name, "Runtime.ImportModuleError");
    assert_eq!(message, "Unable to import module 'nowhere': No module named 'nowhere'");
    host.shutdown().await;
}

#[tokio::test]
async fn node_runs_in_awss_own_client() {
    if !has(&["node", "npm", "g++", "make", "python3"]) {
        return;
    }
    let (host, caller) = start(vec![]).await;
    let request = creation("mine", "nodejs20.x", "index.handler", &package(&[("index.js", NODE)]));
    assert_eq!(caller.create(&request).await.status, StatusCode::CREATED);
    let answer = caller.invoke_with("mine", r#"{"a": [1, "ü"]}"#, &[("x-amz-log-type", "Tail")]).await;
    let result = answer.json();
    assert_eq!((&result["event"], &result["name"]), (&json!({"a": [1, "ü"]}), &json!("mine")), "{answer:?}");
    assert_eq!(result["root"], result["in"]);
    assert!(answer.tail().contains("printed"), "{}", answer.tail());
    let failed = caller.invoke("mine", r#"{"fail": "not today"}"#).await;
    assert_eq!(failed.function_error(), ("RangeError".to_owned(), "not today".to_owned()));
    assert!(failed.json()["trace"][0].as_str().unwrap().starts_with("RangeError: not today"), "{failed:?}");
    host.shutdown().await;
}

#[tokio::test]
async fn a_runtime_that_cannot_be_installed_is_told_with_its_remedy() {
    let empty = tempfile::tempdir().unwrap();
    let created = Created { runtimes: empty.path().to_owned(), install: false, ..created() };
    let (host, caller) = start_with(Config { created, ..config(vec![]) }).await;
    let request = creation("mine", "python3.12", "app.handler", &package(&[("app.py", PYTHON)]));
    assert_eq!(caller.create(&request).await.json()["State"], "Pending");
    let (name, message) = caller.invoke("mine", "{}").await.function_error();
    assert_eq!(name, "Runtime.InvalidEntrypoint");
    assert!(message.contains("The runtime python3.12 cannot be prepared on this machine: "), "{message}");
    let told = caller.get(&format!("{FUNCTIONS}/mine/configuration")).await;
    assert_eq!(told["State"], "Failed");
    assert!(message.ends_with(told["StateReason"].as_str().unwrap()), "{told}");
    host.shutdown().await;
}

#[tokio::test]
async fn the_configuration_wins_over_what_was_created_under_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let created = Created { folder: Some(folder.path().to_owned()), ..created() };
    let with = |functions: Vec<Function>| Config { created: created.clone(), ..config(functions) };
    let (host, caller) = start_with(with(vec![])).await;
    caller.create(&constant("echo", "1")).await;
    host.shutdown().await;
    drop(host);
    let (host, caller) = start_with(with(vec![function("echo")])).await;
    assert_eq!(caller.invoke("echo", "2").await.json()["event"], 2);
    host.shutdown().await;
}
