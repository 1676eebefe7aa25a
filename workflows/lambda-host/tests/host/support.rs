//! A host, a client for it, and links to the processes it runs.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use lambda_host::{Config, Created, Function, LambdaHost, Limits};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// An example of this package: cargo builds them beside the tests.
pub(crate) fn example(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let folder = tests.parent().and_then(|deps| deps.parent()).unwrap().join("examples");
    let path = folder.join(name);
    assert!(path.is_file(), "{} is missing: run `cargo build -p lambda-host --examples`", path.display());
    path
}

pub(crate) fn function(name: &str) -> Function {
    Function {
        name: name.to_owned(),
        binary: example("function"),
        timeout: Duration::from_secs(30),
        memory_mb: 256,
        environment: BTreeMap::new(),
        max_concurrency: 10,
        queue: None,
    }
}

pub(crate) fn config(functions: Vec<Function>) -> Config {
    Config {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        connections: listener::Options::default(),
        keys: None,
        region: "us-east-1".into(),
        account: "123456789012".into(),
        functions,
        common_environment: BTreeMap::new(),
        created: created(),
        limits: Limits::default(),
    }
}

/// Runtime clients are installed where cargo keeps what tests make, once for all runs.
pub(crate) fn created() -> Created {
    Created {
        folder: None,
        runtimes: PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("runtimes"),
        install: true,
        environment: BTreeMap::new(),
        max_concurrency: 10,
    }
}

pub(crate) async fn start(functions: Vec<Function>) -> (LambdaHost, Caller) {
    start_with(config(functions)).await
}

pub(crate) async fn start_with(config: Config) -> (LambdaHost, Caller) {
    let host = LambdaHost::start(config).await.unwrap();
    let caller = Caller { url: host.url() };
    (host, caller)
}

/// Calls functions.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) url: String,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Caller {
    pub(crate) async fn invoke(&self, function: &str, payload: impl Into<Bytes>) -> Answer {
        self.invoke_with(function, payload, &[]).await
    }

    pub(crate) async fn invoke_with(
        &self,
        function: &str,
        payload: impl Into<Bytes>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let path = format!("/2015-03-31/functions/{function}/invocations");
        self.send("POST", &path, payload, headers).await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.send("GET", path, "", &[]).await.json()
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        body: impl Into<Bytes>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let client = Client::builder(TokioExecutor::new()).build_http();
        let answer = client.request(request.body(Full::new(body.into())).unwrap()).await.unwrap();
        let (parts, body) = answer.into_parts();
        Answer { status: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes() }
    }

    /// The lines logged for an invocation.
    pub(crate) async fn log(&self, request_id: &str) -> Vec<String> {
        let page = self.get(&format!("/_host/invocations/{request_id}/logs")).await;
        let lines = page["lines"].as_array().unwrap_or_else(|| panic!("{page}"));
        lines.iter().map(|line| line["text"].as_str().unwrap().to_owned()).collect()
    }

    /// The figures of the only function.
    pub(crate) async fn figures(&self) -> Value {
        self.get("/_host/functions").await[0].clone()
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn request_id(&self) -> &str {
        self.header("x-amzn-requestid").unwrap()
    }

    pub(crate) fn tail(&self) -> String {
        let bytes = BASE64_STANDARD.decode(self.header("x-amz-log-result").unwrap()).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    /// The name and the message of a function's error.
    pub(crate) fn function_error(&self) -> (String, String) {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        assert_eq!(self.header("x-amz-function-error"), Some("Unhandled"), "{self:?}");
        let document = self.json();
        let text = |name: &str| document[name].as_str().unwrap_or_else(|| panic!("{document}")).to_owned();
        (text("errorType"), text("errorMessage").replace(self.request_id(), "ID"))
    }
}

/// Where functions connect to, so that a test knows when they run and when they are gone.
pub(crate) struct Links {
    listener: TcpListener,
}

/// A connection to a process of a function, as old as the process.
pub(crate) struct Link {
    stream: BufReader<TcpStream>,
    pub(crate) pid: u64,
}

impl Links {
    pub(crate) async fn open() -> Self {
        Self { listener: TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap() }
    }

    /// An event that makes the function connect, and wait to be released if `wait`.
    pub(crate) fn event(&self, wait: bool) -> String {
        json!({"link": self.listener.local_addr().unwrap().to_string(), "wait": wait}).to_string()
    }

    pub(crate) async fn accept(&self) -> Link {
        let mut stream = BufReader::new(self.listener.accept().await.unwrap().0);
        let mut pid = String::new();
        stream.read_line(&mut pid).await.unwrap();
        Link { stream, pid: pid.trim().parse().unwrap() }
    }
}

impl Link {
    /// Lets the function go on.
    pub(crate) async fn release(&mut self) {
        self.stream.write_all(b"!").await.unwrap();
    }

    /// Returns when the process is gone.
    pub(crate) async fn gone(mut self) {
        // A killed process may reset the connection: that is an end, too.
        let _ = self.stream.read_to_end(&mut Vec::new()).await;
    }
}
