//! The API as a caller without an SDK speaks it: JSON over HTTP, on connections that are kept.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// How long a caller waits before it asks again.
pub(crate) const PAUSE: Duration = Duration::from_millis(15);

/// Longest time until an answer: polls are held for a minute.
const PATIENCE: Duration = Duration::from_secs(120);

/// A client of the server on a port; it outlives the server.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: Http<HttpConnector, Full<Bytes>>,
    url: String,
}

/// Why a call failed.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Nobody answered, or not to the end: what was asked for may have been done.
    Silence(String),
    /// The server's answer.
    Answer { status: u16, code: String, message: String },
}

impl Refusal {
    /// The exception's name; empty where nobody answered.
    pub(crate) fn code(&self) -> &str {
        match self {
            Self::Silence(_) => "",
            Self::Answer { code, .. } => code,
        }
    }

    /// The server is not there, or says that it cannot now.
    pub(crate) fn is_for_now(&self) -> bool {
        matches!(self, Self::Silence(_) | Self::Answer { status: 500.., .. })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silence(reason) => write!(f, "nobody answers: {reason}"),
            Self::Answer { status, code, message } => write!(f, "{status} {code}: {message}"),
        }
    }
}

impl Client {
    pub(crate) fn new(port: u16) -> Self {
        let http = Http::builder(TokioExecutor::new()).build_http();
        Self { http, url: format!("http://127.0.0.1:{port}/") }
    }

    /// Calls an operation once.
    ///
    /// # Panics
    /// No answer comes, and the connection stays: the server is stuck.
    pub(crate) async fn call(&self, operation: &str, request: &Value) -> Result<Value, Refusal> {
        let answer = tokio::time::timeout(PATIENCE, self.send(operation, request)).await;
        answer.unwrap_or_else(|_| panic!("no answer to {operation} {request} within {} s", PATIENCE.as_secs()))
    }

    async fn send(&self, operation: &str, request: &Value) -> Result<Value, Refusal> {
        let request = Request::post(&self.url)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("AWSStepFunctions.{operation}"))
            .body(Full::new(Bytes::from(request.to_string())))
            .expect("a good request");
        let silence = |error: &dyn fmt::Display| Refusal::Silence(error.to_string());
        let response = self.http.request(request).await.map_err(|error| silence(&error))?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.map_err(|error| silence(&error))?.to_bytes();
        let body: Value = serde_json::from_slice(&body).map_err(|error| silence(&error))?;
        if status == 200 {
            return Ok(body);
        }
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let code = text("__type").rsplit('#').next().unwrap_or_default().to_owned();
        Err(Refusal::Answer { status, code, message: text("message") })
    }

    /// Calls an operation until the server says something definite.
    pub(crate) async fn insist(&self, operation: &str, request: &Value) -> Result<Value, Refusal> {
        loop {
            match self.call(operation, request).await {
                Err(refused) if refused.is_for_now() => tokio::time::sleep(PAUSE).await,
                definite => return definite,
            }
        }
    }

    /// The same, where nothing but success is an answer.
    pub(crate) async fn must(&self, operation: &str, request: &Value) -> Value {
        self.insist(operation, request).await.unwrap_or_else(|refused| panic!("{operation} {request}: {refused}"))
    }

    /// All items under `key` of a listing.
    pub(crate) async fn all(&self, operation: &str, mut request: Value, key: &str) -> Vec<Value> {
        let mut items = Vec::new();
        loop {
            let mut page = self.must(operation, &request).await;
            items.extend(page[key].as_array_mut().map(std::mem::take).unwrap_or_default());
            match page["nextToken"].as_str() {
                Some(token) => request["nextToken"] = token.into(),
                None => return items,
            }
        }
    }
}
