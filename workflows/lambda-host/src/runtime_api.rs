//! The Runtime API (2018-06-01) of one environment, on a loopback port of its own.
//!
//! Source: "Using the Lambda runtime API for custom runtimes", AWS Lambda developer guide.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use hyper::body::Incoming;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::closing::Closing;
use crate::fault::{Fault, LARGEST_RESPONSE};
use crate::logs::lock;
use crate::wire::{self, Answer, Unread};

const PREFIX: &str = "/2018-06-01/runtime/";

/// What the process is asked to do.
#[derive(Debug, Clone)]
pub(crate) struct Invocation {
    pub(crate) request_id: String,
    pub(crate) payload: Bytes,
    /// Milliseconds since 1970.
    pub(crate) deadline_ms: u64,
    pub(crate) function_arn: String,
    pub(crate) trace_id: String,
    /// Base64, as the caller sent it.
    pub(crate) client_context: Option<HeaderValue>,
}

/// What the process says.
#[derive(Debug)]
pub(crate) enum Signal {
    /// It wants an invocation: its initialisation is over, or the invocation before is.
    Next,
    /// It answered the invocation in progress.
    Answered(Result<Bytes, Fault>),
    /// It cannot initialise.
    InitFailed(Fault),
}

/// The endpoint of one environment. Dropping it closes every connection.
#[derive(Debug)]
pub(crate) struct RuntimeApi {
    addr: SocketAddr,
    invocations: mpsc::Sender<Invocation>,
    signals: mpsc::UnboundedReceiver<Signal>,
    server: JoinHandle<()>,
}

impl RuntimeApi {
    /// Listens on a free loopback port.
    pub(crate) async fn open(closing: Closing) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addr = listener.local_addr()?;
        let (invocations, pending) = mpsc::channel(1);
        let (said, signals) = mpsc::unbounded_channel();
        let exchange = Arc::new(Exchange { pending: pending.into(), current: Mutex::default(), said });
        let server = tokio::spawn(wire::serve(listener, closing, move |request| {
            let exchange = Arc::clone(&exchange);
            async move { exchange.answer(request).await }
        }));
        Ok(Self { addr, invocations, signals, server })
    }

    /// What the process gets as `AWS_LAMBDA_RUNTIME_API`.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Hands an invocation to the process; its next call of `next` gets it.
    pub(crate) fn give(&self, invocation: Invocation) {
        // There is room for one, and an environment serves one at a time.
        if self.invocations.try_send(invocation).is_err() {
            tracing::error!("an environment was given two invocations at once");
        }
    }

    /// The next thing the process says. Cancel safe.
    pub(crate) async fn signal(&mut self) -> Option<Signal> {
        self.signals.recv().await
    }

    /// What the process has already said.
    pub(crate) fn said(&mut self) -> Option<Signal> {
        self.signals.try_recv().ok()
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

struct Exchange {
    pending: tokio::sync::Mutex<mpsc::Receiver<Invocation>>,
    /// Request id of the invocation that the process has and has not answered.
    current: Mutex<Option<String>>,
    said: mpsc::UnboundedSender<Signal>,
}

impl Exchange {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let path = request.uri().path().to_owned();
        let Some(route) = path.strip_prefix(PREFIX) else {
            return refusal(StatusCode::NOT_FOUND, "NotFound", "use the paths under /2018-06-01/runtime/");
        };
        match (request.method(), route) {
            (&Method::GET, "invocation/next") => self.next().await,
            (&Method::POST, "init/error") => self.init_failed(request).await,
            (&Method::POST, route) => match route.strip_prefix("invocation/").and_then(|rest| rest.split_once('/')) {
                Some((request_id, "response")) => self.answered(request, request_id).await,
                Some((request_id, "error")) => self.failed(request, request_id).await,
                _ => refusal(StatusCode::NOT_FOUND, "NotFound", "no such operation"),
            },
            _ => refusal(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "no such operation"),
        }
    }

    async fn next(&self) -> Answer {
        if lock(&self.current).is_some() {
            let text = "the invocation in progress has no answer yet";
            return refusal(StatusCode::FORBIDDEN, "InvalidStateTransition", text);
        }
        let _ = self.said.send(Signal::Next);
        let Some(invocation) = self.pending.lock().await.recv().await else {
            return refusal(StatusCode::GONE, "EnvironmentStopped", "the environment is being stopped");
        };
        *lock(&self.current) = Some(invocation.request_id.clone());
        let mut answer = wire::json(StatusCode::OK, invocation.payload.clone());
        describe(&invocation, answer.headers_mut());
        answer
    }

    async fn answered(&self, request: Request<Incoming>, request_id: &str) -> Answer {
        let body = wire::read(request.into_body(), LARGEST_RESPONSE).await;
        if !self.finish(request_id) {
            return invalid_request_id();
        }
        let (result, answer) = match body {
            Ok(body) => (well_formed(body), accepted()),
            Err(Unread::TooLong) => {
                let text = format!("Exceeded maximum allowed payload size ({LARGEST_RESPONSE} bytes).");
                (Err(Fault::TooLarge), refusal(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &text))
            }
            Err(Unread::Broken) => (Err(Fault::Malformed("the response broke off".to_owned())), accepted()),
        };
        let _ = self.said.send(Signal::Answered(result));
        answer
    }

    async fn failed(&self, request: Request<Incoming>, request_id: &str) -> Answer {
        let fault = reported(request).await;
        if !self.finish(request_id) {
            return invalid_request_id();
        }
        let _ = self.said.send(Signal::Answered(Err(fault)));
        accepted()
    }

    async fn init_failed(&self, request: Request<Incoming>) -> Answer {
        let _ = self.said.send(Signal::InitFailed(reported(request).await));
        accepted()
    }

    /// Whether this is the invocation in progress, which then is no longer.
    fn finish(&self, request_id: &str) -> bool {
        lock(&self.current).take_if(|current| current == request_id).is_some()
    }
}

/// The headers of `next`.
fn describe(invocation: &Invocation, headers: &mut HeaderMap) {
    let mut put = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    put("lambda-runtime-aws-request-id", &invocation.request_id);
    put("lambda-runtime-deadline-ms", &invocation.deadline_ms.to_string());
    put("lambda-runtime-invoked-function-arn", &invocation.function_arn);
    put("lambda-runtime-trace-id", &invocation.trace_id);
    if let Some(context) = &invocation.client_context {
        headers.insert("lambda-runtime-client-context", context.clone());
    }
}

fn well_formed(body: Bytes) -> Result<Bytes, Fault> {
    match serde_json::from_slice::<serde::de::IgnoredAny>(&body) {
        Ok(_) => Ok(body),
        Err(error) => Err(Fault::Malformed(format!("the response is not JSON: {error}"))),
    }
}

/// The error document, or one made of what the process did send.
async fn reported(request: Request<Incoming>) -> Fault {
    let header = request.headers().get("lambda-runtime-function-error-type");
    let error_type = header.and_then(|value| value.to_str().ok()).unwrap_or("Runtime.Unknown").to_owned();
    match wire::read(request.into_body(), LARGEST_RESPONSE).await {
        Ok(body) if serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_ok() => Fault::Reported(body),
        Ok(body) => {
            let document = json!({"errorType": error_type, "errorMessage": String::from_utf8_lossy(&body)});
            Fault::Reported(document.to_string().into())
        }
        Err(Unread::TooLong) => Fault::TooLarge,
        Err(Unread::Broken) => Fault::Reported(json!({"errorType": error_type, "errorMessage": ""}).to_string().into()),
    }
}

fn accepted() -> Answer {
    wire::json(StatusCode::ACCEPTED, r#"{"status":"OK"}"#)
}

fn invalid_request_id() -> Answer {
    refusal(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID")
}

fn refusal(status: StatusCode, error_type: &str, message: &str) -> Answer {
    wire::json(status, json!({"errorMessage": message, "errorType": error_type}).to_string())
}
