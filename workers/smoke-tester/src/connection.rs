//! One request over a connection of its own, with how long its parts took.

use crate::tls::Tls;
use bytes::Bytes;
use clients::clock::left_until;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONNECTION, HOST, LOCATION, USER_AGENT};
use hyper_util::rt::TokioIo;
use operations::probe::{Answer, Exchange, MARKER, Place, Request, Timing, certificate, place};
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// The longest body that is read, in bytes.
const MAX_BODY: usize = 1024 * 1024;

/// Makes a request over a new connection, in at most `timeout`.
///
/// # Errors
/// Why there is no answer, in a few words: it is a finding about the endpoint, not about this worker.
pub(crate) async fn exchange(
    tls: &Tls,
    place: &Place,
    request: &Request,
    marker: &str,
    timeout: Duration,
) -> Result<Exchange, String> {
    let mut stage = "resolving its name";
    match tokio::time::timeout(timeout, steps(tls, place, request, marker, &mut stage)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(format!("no answer within {} ms: {stage} took too long", timeout.as_millis())),
    }
}

/// The steps of an exchange; `stage` says which one is under way.
async fn steps(
    tls: &Tls,
    place: &Place,
    request: &Request,
    marker: &str,
    stage: &mut &'static str,
) -> Result<Exchange, String> {
    let message = message(place, request, marker)?;
    let begun = Instant::now();
    let addresses = resolve(place).await?;
    let resolved = Instant::now();
    *stage = "connecting";
    let stream = connect(&addresses).await?;
    let connected = Instant::now();
    let mut timing =
        Timing { dns_ms: between(begun, resolved), connect_ms: between(resolved, connected), ..Timing::default() };
    if !place.tls {
        let (answer, first, end) = converse(stream, message, stage).await?;
        (timing.first_byte_ms, timing.total_ms) = (between(connected, first), between(begun, end));
        return Ok(Exchange { answer, timing, validity: None });
    }
    *stage = "the TLS handshake";
    let name = ServerName::try_from(place.host.clone()).map_err(|_| "its host is no name for TLS".to_owned())?;
    let stream = tls.0.connect(name, stream).await.map_err(|problem| format!("the TLS handshake failed: {problem}"))?;
    let shaken = Instant::now();
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let end_of_validity = chain.first().and_then(|own| certificate::not_after(own));
    // Certificates expire in real time.
    let validity = end_of_validity.map(|end| left_until(u64::try_from(end).unwrap_or(0)));
    let (answer, first, end) = converse(stream, message, stage).await?;
    timing.tls_ms = Some(between(connected, shaken));
    (timing.first_byte_ms, timing.total_ms) = (between(shaken, first), between(begun, end));
    Ok(Exchange { answer, timing, validity: Some(validity) })
}

/// In milliseconds, to the microsecond.
fn between(begin: Instant, end: Instant) -> f64 {
    end.saturating_duration_since(begin).as_secs_f64() * 1000.0
}

fn message(place: &Place, request: &Request, marker: &str) -> Result<hyper::Request<Full<Bytes>>, String> {
    let mut builder = hyper::Request::builder()
        .method(request.method.name())
        .uri(place.target(&request.path))
        .header(HOST, place.authority())
        .header(CONNECTION, "close")
        .header(MARKER, marker);
    let own = |name: &str| request.headers.iter().any(|(other, _)| other == name);
    for (name, value) in [(ACCEPT, "*/*"), (USER_AGENT, "stepwright-smoke")] {
        if !own(name.as_str()) {
            builder = builder.header(name, value);
        }
    }
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    let body = Full::new(Bytes::from(request.body.clone().unwrap_or_default()));
    builder.body(body).map_err(|problem| format!("it is no valid request: {problem}"))
}

/// The addresses of a place that may be asked.
async fn resolve(place: &Place) -> Result<Vec<SocketAddr>, String> {
    let found = tokio::net::lookup_host((place.host.as_str(), place.port)).await;
    let found = found.map_err(|problem| format!("its name cannot be resolved: {problem}"))?;
    let mut allowed = Vec::new();
    let mut refused = None;
    for address in found {
        match place::refused(address.ip()) {
            Some(what) => refused = Some(format!("its name resolves to {}, {what}, which is not asked", address.ip())),
            None => allowed.push(address),
        }
    }
    match refused {
        Some(refused) if allowed.is_empty() => Err(refused),
        _ => Ok(allowed),
    }
}

/// Connects to the first address that takes the connection.
async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, String> {
    let mut problem = "its name has no address".to_owned();
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true).map_err(|problem| format!("the connection broke: {problem}"))?;
                return Ok(stream);
            }
            Err(error) => problem = format!("no connection to port {}: {error}", address.port()),
        }
    }
    Err(problem)
}

/// Sends the request and reads the answer; also when its head and its end came.
async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    message: hyper::Request<Full<Bytes>>,
    stage: &mut &'static str,
) -> Result<(Answer, Instant, Instant), String> {
    let broken = |problem: hyper::Error| format!("the connection broke: {problem}");
    *stage = "the answer";
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let talk = async {
        let answer = sender.send_request(message).await.map_err(broken)?;
        let first = Instant::now();
        *stage = "the answer's body";
        let (head, body) = answer.into_parts();
        let location = head.headers.get(LOCATION).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let body = read(body).await?;
        Ok((Answer { status: head.status.as_u16(), location, body }, first, Instant::now()))
    };
    // The connection is driven here and not by a task of its own: dropping this future ends it. How the connection
    // ends says nothing that the answer does not.
    let drive = async {
        let _ = connection.await;
        std::future::pending().await
    };
    tokio::select! {
        answer = talk => answer,
        () = drive => Err("the connection broke".to_owned()),
    }
}

async fn read(mut body: Incoming) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|problem| format!("the answer's body broke off: {problem}"))?;
        if let Some(data) = frame.data_ref() {
            if bytes.len() + data.len() > MAX_BODY {
                return Err(format!("the answer's body is longer than {MAX_BODY} bytes"));
            }
            bytes.extend_from_slice(data);
        }
    }
    Ok(bytes)
}
