//! The AWS wire protocols: which service and operation a request is for, its parameters, and the form of the answer.
//!
//! AWS JSON 1.0 and 1.1 are told by `X-Amz-Target`, Smithy RPC v2 CBOR by its path, awsQuery by the form's `Action`
//! and the credential scope (or the form's `Version` when the request is not signed).

mod cbor;
mod form;
pub(crate) mod node;
mod xml;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, request::Parts};
use http_body_util::Full;
use serde_json::{Map, Value, json};

use crate::service::{Failure, Service};
pub(crate) use node::Node;

/// How a request was written, and how its answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// AWS JSON, with the content type of the request.
    Json(&'static str),
    /// A form, answered in XML.
    Query,
    /// Smithy RPC v2 CBOR.
    Cbor,
}

/// A recognised call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    /// The service.
    pub(crate) service: Service,
    /// The operation's API name; it may be one that the sandbox refuses.
    pub(crate) operation: String,
    /// The protocol.
    pub(crate) protocol: Protocol,
    /// The parameters as JSON.
    pub(crate) parameters: Value,
}

const JSON_1_0: &str = "application/x-amz-json-1.0";
const JSON_1_1: &str = "application/x-amz-json-1.1";

/// Recognises a call; the error is the answer for one that is none.
pub(crate) fn recognise(parts: &Parts, body: &Bytes) -> Result<Request, Box<Response<Full<Bytes>>>> {
    let content_type = header(&parts.headers, "content-type");
    let protocol = if content_type.starts_with(JSON_1_1) { Protocol::Json(JSON_1_1) } else { Protocol::Json(JSON_1_0) };
    let refuse = |protocol, failure: &Failure| Box::new(refusal(protocol, failure));
    if !header(&parts.headers, "content-encoding").is_empty() {
        let message = "the sandbox reads only bodies without content-encoding; disable request compression";
        return Err(refuse(protocol, &Failure::new("SerializationException", message)));
    }
    let path = parts.uri.path();
    if let Some(rest) = path.strip_prefix("/service/") {
        return rpc(rest, body).map_err(|failure| refuse(Protocol::Cbor, &failure));
    }
    let target = header(&parts.headers, "x-amz-target");
    if !target.is_empty() {
        return target_json(target, protocol, body).map_err(|failure| refuse(protocol, &failure));
    }
    if content_type.starts_with("application/x-www-form-urlencoded") {
        return query(&parts.headers, body).map_err(|failure| refuse(Protocol::Query, &failure));
    }
    let message = format!("{} {path} is no AWS call that the sandbox knows; see its README", parts.method);
    Err(refuse(protocol, &Failure::new("UnknownOperationException", &message)))
}

fn rpc(path: &str, body: &[u8]) -> Result<Request, Failure> {
    let unknown = || Failure::new("UnknownOperationException", &format!("the sandbox does not know /service/{path}"));
    let (name, operation) = path.split_once("/operation/").ok_or_else(unknown)?;
    let service = Service::of_target(name).ok_or_else(unknown)?;
    let parameters = cbor::read(body).map_err(|problem| Failure::new("SerializationException", &problem))?;
    Ok(Request { service, operation: operation.to_owned(), protocol: Protocol::Cbor, parameters })
}

fn target_json(target: &str, protocol: Protocol, body: &[u8]) -> Result<Request, Failure> {
    let unknown = || {
        let message = format!("the sandbox does not know {target}; it is no emulator, see its README");
        Failure::new("UnknownOperationException", &message)
    };
    let (name, operation) = target.split_once('.').ok_or_else(unknown)?;
    let service = Service::of_target(name).ok_or_else(unknown)?;
    let parameters = if body.is_empty() {
        Value::Object(Map::new())
    } else {
        let problem = |error| Failure::new("SerializationException", &format!("the body is not valid JSON: {error}"));
        serde_json::from_slice(body).map_err(problem)?
    };
    if !parameters.is_object() {
        return Err(Failure::new("SerializationException", "the body must be a JSON object"));
    }
    Ok(Request { service, operation: operation.to_owned(), protocol, parameters })
}

fn query(headers: &HeaderMap, body: &[u8]) -> Result<Request, Failure> {
    let malformed = |problem: &str| Failure::new("MalformedQueryString", problem);
    let text = std::str::from_utf8(body).map_err(|_| malformed("the form is not UTF-8"))?;
    let pairs = form::read(text).map_err(|problem| malformed(&problem))?;
    let field = |wanted: &str| pairs.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
    let operation = field("Action").ok_or_else(|| Failure::new("MissingAction", "the form has no Action"))?;
    let version = field("Version").unwrap_or_default();
    // Credential=<key>/<date>/<region>/<service>/aws4_request
    let scope = header(headers, "authorization").split("Credential=").nth(1).and_then(|rest| rest.split('/').nth(3));
    let service = scope.and_then(Service::named).or_else(|| Service::of_version(&version));
    let unknown = || Failure::new("InvalidAction", &format!("the sandbox does not know the service of {operation}"));
    let service = service.filter(|service| service.namespace().is_some()).ok_or_else(unknown)?;
    Ok(Request { service, operation, protocol: Protocol::Query, parameters: form::nest(pairs) })
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The answer to a call that is for no known service.
fn refusal(protocol: Protocol, failure: &Failure) -> Response<Full<Bytes>> {
    error(protocol, None, failure, "00000000-0000-4000-8000-000000000000")
}

/// A successful answer.
pub(crate) fn answer(request: &Request, node: &Node, request_id: &str) -> Response<Full<Bytes>> {
    let (content_type, body) = match request.protocol {
        Protocol::Json(content_type) => (content_type, node.to_json().to_string().into_bytes()),
        Protocol::Cbor => ("application/cbor", cbor::write(node)),
        Protocol::Query => {
            let namespace = request.service.namespace().unwrap_or_default();
            let write = if request.service == Service::Ec2 { xml::ec2_answer } else { xml::answer };
            ("text/xml", write(namespace, &request.operation, node, request_id).into_bytes())
        }
    };
    response(200, content_type, body, request_id, &[])
}

/// An error in the form that the service's SDK parses.
pub(crate) fn error(
    protocol: Protocol,
    service: Option<Service>,
    failure: &Failure,
    request_id: &str,
) -> Response<Full<Bytes>> {
    let namespace = service.map_or("com.amazon.coral.service", Service::shape_namespace);
    let shape = format!("{namespace}#{}", failure.code);
    let sender = if failure.status < 500 { "Sender" } else { "Receiver" };
    let mut headers = Vec::new();
    if let Some(code) = &failure.query_code {
        headers.push(("x-amzn-query-error", format!("{code};{sender}")));
    }
    let (content_type, body) = match protocol {
        Protocol::Json(content_type) => {
            let mut body = json!({ "__type": shape, "message": failure.message });
            for (name, value) in &failure.members {
                body[*name] = value.clone();
            }
            headers.push(("x-amzn-errortype", failure.code.clone()));
            (content_type, body.to_string().into_bytes())
        }
        Protocol::Cbor => {
            let node = Node::map([("__type", shape.into()), ("message", failure.message.as_str().into())]);
            ("application/cbor", cbor::write(&node))
        }
        Protocol::Query => {
            let namespace = service.and_then(Service::namespace).unwrap_or_default();
            let code = failure.query_code.as_deref().unwrap_or(&failure.code);
            let body = if service == Some(Service::Ec2) {
                xml::ec2_error(code, &failure.message, request_id)
            } else {
                xml::error(namespace, sender == "Sender", code, &failure.message, request_id)
            };
            ("text/xml", body.into_bytes())
        }
    };
    response(failure.status, content_type, body, request_id, &headers)
}

fn response(
    status: u16,
    content_type: &str,
    body: Vec<u8>,
    request_id: &str,
    headers: &[(&str, String)],
) -> Response<Full<Bytes>> {
    let mut builder = Response::builder()
        .status(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .header("content-type", content_type)
        .header("x-amzn-requestid", request_id);
    if content_type == "application/cbor" {
        builder = builder.header("smithy-protocol", "rpc-v2-cbor");
    }
    for (name, value) in headers {
        builder = builder.header(*name, value);
    }
    builder.body(Full::new(Bytes::from(body))).unwrap_or_default()
}
