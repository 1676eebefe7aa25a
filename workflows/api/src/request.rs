//! One HTTP request: its head and body are checked, its operation is answered, its answer is written.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, ORIGIN};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Body;
use listener::{Scope, Unread};
use serde_json::Value as Json;

use crate::fault::Fault;
use crate::neighbour::Neighbour;
use crate::operation::{self, Context};

/// Bytes of a request's body: AWS's 1 MiB and a margin for the escapes in a definition of that size.
const BODY_BYTES: usize = (1 << 20) + (1 << 18);
/// The service's name in signatures.
pub(crate) const SIGNING_NAME: &str = "states";
const WIRE: &str = "application/x-amz-json-1.0";
const TARGET: &str = "x-amz-target";
const TRACE: &str = "x-amzn-trace-id";
/// The operations that continue a trace.
const STARTS: [&str; 2] = ["StartExecution", "StartSyncExecution"];

/// Answers `request`, which is the server's `number`th.
pub(crate) async fn answer<B>(context: &Context, request: Request<B>, number: u64) -> Response<Full<Bytes>>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (head, body) = request.into_parts();
    if let Some(neighbour) = context.neighbours.iter().find(|neighbour| neighbour.takes(&head)) {
        return neighbour_answer(context, &**neighbour, head, body, number).await;
    }
    let (name, result) = match target(&head) {
        Ok(name) => {
            let result = match received(&head, body).await {
                Ok(body) => operate(context, &name, &head, &body).await,
                Err(fault) => Err(fault),
            };
            (name, result)
        }
        Err(fault) => (String::new(), Err(fault)),
    };
    let (status, body) = match &result {
        Ok(answer) => (StatusCode::OK, answer.to_string()),
        Err(fault) => (status(fault), fault.body().to_string()),
    };
    match &result {
        Ok(_) => tracing::debug!(number, operation = name, "answered"),
        Err(fault) => tracing::debug!(number, operation = name, code = &*fault.code, fault.message, "refused"),
    }
    respond(status, body, number)
}

/// Lets another API answer.
async fn neighbour_answer<B>(
    context: &Context,
    neighbour: &dyn Neighbour,
    head: Parts,
    body: B,
    number: u64,
) -> Response<Full<Bytes>>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let received = received(&head, body).await;
    let permitted = received.and_then(|body| authenticate(context, &head, &body, None).map(|()| body));
    let mut response = match permitted {
        Ok(body) => {
            let _passage = context.gate.enter().await;
            neighbour.answer(head, body).await.map(Full::new)
        }
        Err(fault) => {
            let mut refusal = Response::new(Full::new(Bytes::from(fault.body().to_string())));
            *refusal.status_mut() = status(&fault);
            refusal
        }
    };
    tracing::debug!(number, status = response.status().as_u16(), ?neighbour, "answered");
    identify(&mut response, number);
    response
}

fn status(fault: &Fault) -> StatusCode {
    StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The operation that the head asks for.
fn target(head: &Parts) -> Result<String, Fault> {
    if head.method != Method::POST {
        let message = format!("the method must be POST, not {}; operations are POSTed to /", head.method);
        return Err(Fault { status: 405, ..Fault::caller("UnknownOperationException", message) });
    }
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let Some(target) = header(TARGET) else {
        let message = "the header X-Amz-Target is missing; it must be AWSStepFunctions.<operation>";
        return Err(Fault::caller("UnknownOperationException", message));
    };
    let Some(name) = target.strip_prefix("AWSStepFunctions.") else {
        let message = format!("the header X-Amz-Target must be AWSStepFunctions.<operation>, not '{target}'");
        return Err(Fault::caller("UnknownOperationException", message));
    };
    let kind = header(CONTENT_TYPE.as_str()).and_then(|kind| kind.split(';').next()).map(str::trim);
    if kind != Some(WIRE) {
        let message = format!("the header Content-Type must be {WIRE}, not '{}'", kind.unwrap_or_default());
        return Err(Fault { status: 415, ..Fault::shape(message) });
    }
    Ok(name.to_owned())
}

/// The X-Ray header, where the request has one that the API takes.
fn trace(head: &Parts) -> Option<&str> {
    let header = head.headers.get(TRACE)?.to_str().ok()?;
    (header.len() <= 256).then_some(header)
}

async fn operate(context: &Context, name: &str, head: &Parts, body: &[u8]) -> Result<Json, Fault> {
    authenticate(context, head, body, Some(SIGNING_NAME))?;
    let mut body: Json = if body.is_empty() {
        Json::Object(serde_json::Map::new())
    } else {
        serde_json::from_slice(body).map_err(|error| Fault::shape(format!("the body is not JSON: {error}")))?
    };
    // As on AWS, the request's header goes before the member of its body.
    if let (Some(trace), true, Some(members)) = (trace(head), STARTS.contains(&name), body.as_object_mut()) {
        members.insert("traceHeader".to_owned(), trace.into());
    }
    operation::answer(context, name, body).await
}

/// Who may ask: where there are keys, who signs with one of them; else every program, but no web page. Browsers say
/// where a request comes from, and a page must not start workflows here because a person looks at it.
fn authenticate(context: &Context, head: &Parts, body: &[u8], service: Option<&str>) -> Result<(), Fault> {
    let Some(keys) = &context.keys else {
        return if head.headers.contains_key(ORIGIN) {
            let message =
                "requests of web pages are not answered; call the API from a program, without an Origin header";
            Err(Fault::caller("AccessDeniedException", message))
        } else {
            Ok(())
        };
    };
    let scope = Scope { region: &context.engine.config().region, service };
    keys.check(head, body, scope).map_err(|refused| Fault::caller(refused.code, refused.message))
}

async fn received<B>(head: &Parts, body: B) -> Result<Bytes, Fault>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    listener::receive(&head.extensions, body, BODY_BYTES).await.map_err(|unread| match unread {
        Unread::TooLong => {
            let message = format!("the body is larger than the {BODY_BYTES} bytes a request may have");
            Fault { status: 413, ..Fault::shape(message) }
        }
        Unread::Late(time) => {
            let message = format!("the body did not come within {} seconds", time.as_secs());
            Fault { status: 408, ..Fault::shape(message) }
        }
        Unread::Broken(problem) => Fault::shape(format!("the body did not come whole: {problem}")),
    })
}

fn respond(status: StatusCode, body: String, number: u64) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(WIRE));
    identify(&mut response, number);
    response
}

fn identify(response: &mut Response<Full<Bytes>>, number: u64) {
    if let Ok(id) = HeaderValue::from_str(&format!("00000000-0000-4000-8000-{number:012x}")) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
}
