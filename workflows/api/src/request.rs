//! One HTTP request: its head and body are checked, its operation is answered, its answer is written.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Body;
use serde_json::Value as Json;

use crate::fault::Fault;
use crate::neighbour::Neighbour;
use crate::operation::{self, Context};

/// Bytes of a request's body: AWS's 1 MiB and a margin for the escapes in a definition of that size.
const BODY_BYTES: usize = (1 << 20) + (1 << 18);
/// Bytes that are read of a body that is too large, before its connection is closed.
const DISCARDED_BYTES: usize = 32 << 20;
/// How long a body may take to come.
const BODY_TIME: Duration = Duration::from_secs(30);
const WIRE: &str = "application/x-amz-json-1.0";
const TARGET: &str = "x-amz-target";

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
    let request = Request::from_parts(head, body);
    let (name, result) = match target(&request) {
        Ok(name) => {
            let result = operate(context, &name, request.into_body()).await;
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
    let _passage = context.gate.enter().await;
    let mut response = match receive(body).await {
        Ok(body) => neighbour.answer(head, body).await.map(Full::new),
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
fn target<B>(request: &Request<B>) -> Result<String, Fault> {
    if request.method() != Method::POST {
        let message = format!("the method must be POST, not {}; operations are POSTed to /", request.method());
        return Err(Fault { status: 405, ..Fault::caller("UnknownOperationException", message) });
    }
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
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

async fn operate<B>(context: &Context, name: &str, body: B) -> Result<Json, Fault>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let _passage = context.gate.pass(name).await;
    let body = receive(body).await?;
    let body: Json = if body.is_empty() {
        Json::Object(serde_json::Map::new())
    } else {
        serde_json::from_slice(&body).map_err(|error| Fault::shape(format!("the body is not JSON: {error}")))?
    };
    operation::answer(context, name, &body).await
}

async fn receive<B>(body: B) -> Result<Bytes, Fault>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    match tokio::time::timeout(BODY_TIME, read(body)).await {
        Ok(Ok(Some(body))) => Ok(body),
        Ok(Ok(None)) => {
            let message = format!("the body is larger than the {BODY_BYTES} bytes a request may have");
            Err(Fault { status: 413, ..Fault::shape(message) })
        }
        Ok(Err(error)) => Err(Fault::shape(format!("the body did not come whole: {error}"))),
        Err(_) => {
            let message = format!("the body did not come within {} seconds", BODY_TIME.as_secs());
            Err(Fault { status: 408, ..Fault::shape(message) })
        }
    }
}

/// The whole body; `None` where it is too large. Most clients read no answer before they have sent everything: so what
/// is too much is read and let go, up to a bound.
async fn read<B>(body: B) -> Result<Option<Bytes>, Box<dyn std::error::Error + Send + Sync>>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (mut body, mut kept, mut received) = (std::pin::pin!(body), BytesMut::new(), 0_usize);
    while let Some(frame) = body.frame().await {
        let Ok(mut data) = frame.map_err(Into::into)?.into_data() else { continue };
        received = received.saturating_add(data.remaining());
        if received > DISCARDED_BYTES {
            break;
        }
        if received > BODY_BYTES {
            kept = BytesMut::new();
        } else {
            kept.put(&mut data);
        }
    }
    Ok((received <= BODY_BYTES).then(|| kept.freeze()))
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
