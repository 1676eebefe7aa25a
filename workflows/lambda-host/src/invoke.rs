//! The Invoke API (2015-03-31) and the host's own pages under `/_host/`.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, ORIGIN};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use listener::{Keys, Scope, Unread};
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::fault::Fault;
use crate::functions::Functions;
use crate::logs::{InvocationLog, Logs};
use crate::operation;
use crate::pool::{Figures, Place, Pool, Throttled};
use crate::refusal::{Refusal, put};
use crate::runtime_api::Invocation;
use crate::wire::{self, Answer};
use crate::{clock, identity};

/// Largest payload of a synchronous invocation, in bytes.
const LARGEST_REQUEST: usize = 6_291_456;
/// Largest payload of an asynchronous invocation, in bytes.
const LARGEST_EVENT: usize = 1_048_576;

/// Answers the callers of functions.
#[derive(Debug)]
pub(crate) struct Invoker {
    pub(crate) functions: Arc<Functions>,
    pub(crate) logs: Arc<Logs>,
    pub(crate) events: Arc<Semaphore>,
    /// Held by everything that runs on after its caller has gone; shutdown waits for its last holder.
    pub(crate) working: mpsc::Sender<()>,
    /// What requests must be signed with, where they must.
    pub(crate) keys: Option<Arc<Keys>>,
    pub(crate) region: String,
}

/// A request's body: on its way, or read because its signature had to be checked.
pub(crate) type Body = Either<Incoming, Full<Bytes>>;

/// How the caller wants to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    RequestResponse,
    Event,
    DryRun,
}

impl Invoker {
    /// Answers one request.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Answer {
        // A page that a browser shows must not run programs here, and browsers say where a request comes from.
        if request.headers().contains_key(ORIGIN) {
            let text = "requests of web pages are not answered; call the host from a program, without an Origin header";
            return Refusal::user(StatusCode::FORBIDDEN, "AccessDeniedException", text).answer();
        }
        let request = match self.authenticated(request).await {
            Ok(request) => request,
            Err(refusal) => return refusal.answer(),
        };
        let path = request.uri().path().to_owned();
        if let Some(page) = path.strip_prefix("/_host/") {
            return self.page(request.method(), page).await;
        }
        let function = path.strip_prefix("/2015-03-31/functions/").and_then(|rest| rest.strip_suffix("/invocations"));
        let answer = match (request.method(), function) {
            (&Method::POST, Some(function)) => self.invoke(request, function).await,
            _ => operation::answer(&self.functions, request).await,
        };
        answer.unwrap_or_else(Refusal::answer)
    }

    /// The request, where its signature is good or none is wanted.
    async fn authenticated(&self, request: Request<Incoming>) -> Result<Request<Body>, Refusal> {
        let Some(keys) = &self.keys else { return Ok(request.map(Either::Left)) };
        let (head, body) = request.into_parts();
        let is_invocation = head.uri.path().ends_with("/invocations");
        let limit = if is_invocation { LARGEST_REQUEST } else { operation::LARGEST_REQUEST };
        let body = listener::receive(&head.extensions, body, limit).await.map_err(|unread| match unread {
            Unread::TooLong => {
                let text = format!("Request must be smaller than {limit} bytes");
                Refusal::user(StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException", text)
            }
            other => Refusal::unread(&other),
        })?;
        let scope = Scope { region: &self.region, service: Some("lambda") };
        keys.check(&head, &body, scope)
            .map_err(|refused| Refusal::user(StatusCode::FORBIDDEN, refused.code, refused.message))?;
        Ok(Request::from_parts(head, Either::Right(Full::new(body))))
    }

    async fn invoke(&self, request: Request<Body>, function: &str) -> Result<Answer, Refusal> {
        let query = request.uri().query().unwrap_or_default();
        let pool = &self.functions.invoked(function, query)?.pool;
        let kind = Kind::of(request.headers())?;
        if kind == Kind::DryRun {
            return Ok(wire::json(StatusCode::NO_CONTENT, ""));
        }
        let wants_tail = request.headers().get("x-amz-log-type").is_some_and(|value| value == "Tail");
        let closes = request.headers().contains_key(CONNECTION);
        let invocation = self.read(request, kind, pool).await?;
        match kind {
            Kind::Event => self.accept(pool, invocation),
            _ => {
                let mut answer = self.run(pool, invocation, wants_tail).await?;
                // As AWS's front door says it, unless the caller wants it otherwise.
                if !closes {
                    put(answer.headers_mut(), "connection", "keep-alive");
                }
                Ok(answer)
            }
        }
    }

    async fn read(&self, request: Request<Body>, kind: Kind, pool: &Pool) -> Result<Invocation, Refusal> {
        let headers = request.headers();
        let given = headers.get("x-amzn-trace-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let trace_id = given.unwrap_or_else(|| identity::trace_id(clock::epoch_ms()));
        let client_context = headers.get("x-amz-client-context").cloned();
        let payload = payload(request, kind).await?;
        Ok(Invocation {
            request_id: identity::request_id(),
            payload,
            deadline_ms: 0,
            function_arn: pool.arn().to_owned(),
            trace_id,
            client_context,
        })
    }

    async fn run(&self, pool: &Arc<Pool>, invocation: Invocation, wants_tail: bool) -> Result<Answer, Refusal> {
        let place = pool.place().await?;
        let request_id = invocation.request_id.clone();
        let trace_id = invocation.trace_id.clone();
        let log = self.logs.open(pool.function().name.as_str().into(), &request_id);
        // A caller that hangs up does not end the invocation.
        let work = work(Arc::clone(pool), place, invocation, Arc::clone(&log), self.working.clone());
        let result = tokio::spawn(work).await.unwrap_or(Err(Fault::HostStopped));
        let mut answer = match &result {
            Ok(payload) => wire::json(StatusCode::OK, payload.clone()),
            Err(Fault::HostStopped) => return Err(Refusal::service("the Lambda host is being shut down")),
            Err(fault) => failed(fault, &request_id),
        };
        put(answer.headers_mut(), "x-amz-executed-version", "$LATEST");
        put(answer.headers_mut(), "x-amzn-remapped-content-length", "0");
        put(answer.headers_mut(), "x-amzn-requestid", &request_id);
        put(answer.headers_mut(), "x-amzn-trace-id", &trace_id);
        if wants_tail {
            put(answer.headers_mut(), "x-amz-log-result", &BASE64_STANDARD.encode(log.tail()));
        }
        Ok(answer)
    }

    /// Takes an event. Unlike AWS the host does not run it again when the function fails; its log says that it failed.
    fn accept(&self, pool: &Arc<Pool>, invocation: Invocation) -> Result<Answer, Refusal> {
        let outstanding = Arc::clone(&self.events).try_acquire_owned().map_err(|_full| Throttled)?;
        let request_id = invocation.request_id.clone();
        let log = self.logs.open(pool.function().name.as_str().into(), &request_id);
        tokio::spawn(event(Arc::clone(pool), invocation, log, self.working.clone(), outstanding));
        let mut answer = wire::json(StatusCode::ACCEPTED, "");
        put(answer.headers_mut(), "x-amzn-requestid", &request_id);
        Ok(answer)
    }

    async fn page(&self, method: &Method, page: &str) -> Answer {
        if method != Method::GET {
            return Refusal::user(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "use GET".to_owned()).answer();
        }
        if page == "functions" {
            let figures: Vec<Figures> = self.functions.pools().iter().map(|pool| pool.figures()).collect();
            return wire::json(StatusCode::OK, json!(figures).to_string());
        }
        if let Some(function) = page.strip_prefix("functions/").and_then(|rest| rest.strip_suffix("/code")) {
            return operation::package(&self.functions, function).await.unwrap_or_else(Refusal::answer);
        }
        let request_id = page.strip_prefix("invocations/").and_then(|rest| rest.strip_suffix("/logs"));
        match request_id.and_then(|request_id| self.logs.of(request_id)) {
            Some(log) => wire::json(StatusCode::OK, log_page(&log)),
            None => {
                let text = "no such page or invocation: GET /_host/functions, /_host/functions/NAME/code or \
                            /_host/invocations/REQUEST-ID/logs; only the latest invocations are kept";
                Refusal::user(StatusCode::NOT_FOUND, "ResourceNotFoundException", text.to_owned()).answer()
            }
        }
    }
}

async fn work(
    pool: Arc<Pool>,
    place: Place,
    invocation: Invocation,
    log: Arc<InvocationLog>,
    _working: mpsc::Sender<()>,
) -> Result<Bytes, Fault> {
    pool.invoke(place, invocation, &log).await
}

async fn event(
    pool: Arc<Pool>,
    invocation: Invocation,
    log: Arc<InvocationLog>,
    working: mpsc::Sender<()>,
    _outstanding: OwnedSemaphorePermit,
) {
    let request_id = invocation.request_id.clone();
    if let Ok(place) = pool.patiently().await
        && let Err(fault) = work(Arc::clone(&pool), place, invocation, log, working).await
    {
        let payload = String::from_utf8_lossy(&fault.payload(&request_id)).into_owned();
        tracing::warn!(function = %pool.function().name, %request_id, %payload, "an asynchronous invocation failed");
    }
}

fn log_page(log: &InvocationLog) -> String {
    let (lines, dropped) = log.lines();
    json!({"requestId": log.request_id, "function": *log.function, "droppedLines": dropped, "lines": lines}).to_string()
}

/// The payload; none is `{}`, as on AWS.
async fn payload(request: Request<Body>, kind: Kind) -> Result<Bytes, Refusal> {
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let (limit, name) = match kind {
        Kind::Event => (LARGEST_EVENT, "Event"),
        _ => (LARGEST_REQUEST, "RequestResponse"),
    };
    let (head, body) = request.into_parts();
    let body = match listener::receive(&head.extensions, body, limit).await {
        Ok(body) if body.is_empty() => return Ok(Bytes::from_static(b"{}")),
        Ok(body) => body,
        Err(Unread::TooLong) => {
            let bytes = announced.map_or_else(|| format!("more than {limit}"), |bytes: u64| bytes.to_string());
            let text =
                format!("{bytes} byte payload is too large for the {name} invocation type (limit {limit} bytes)");
            return Err(Refusal::user(StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException", text));
        }
        Err(other) => return Err(Refusal::unread(&other)),
    };
    match serde_json::from_slice::<serde::de::IgnoredAny>(&body) {
        Ok(_) => Ok(body),
        Err(error) => Err(Refusal::content(&error.to_string())),
    }
}

fn failed(fault: &Fault, request_id: &str) -> Answer {
    let mut answer = wire::json(StatusCode::OK, fault.payload(request_id));
    put(answer.headers_mut(), "x-amz-function-error", "Unhandled");
    answer
}

impl Kind {
    fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        match headers.get("x-amz-invocation-type").map(|value| value.to_str().unwrap_or_default()) {
            None | Some("RequestResponse") => Ok(Self::RequestResponse),
            Some("Event") => Ok(Self::Event),
            Some("DryRun") => Ok(Self::DryRun),
            Some(other) => {
                let text = format!("X-Amz-Invocation-Type: {other:?}; use RequestResponse, Event or DryRun");
                Err(Refusal::user(StatusCode::BAD_REQUEST, "InvalidParameterValueException", text))
            }
        }
    }
}
