//! OTLP over HTTP, in its JSON form.
//!
//! The few shapes that a span needs are written here: OpenTelemetry's crates bring eighteen others along, and build ids
//! by chance where ours must not.

use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use backon::{ExponentialBuilder, Retryable as _};
use http_body_util::BodyExt as _;
use serde::Serialize;
use serde_json::Value as Json;

use super::span::Span;
use crate::trouble::Trouble;

/// Spans in one request.
const BATCH: usize = 512;
/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(10);
const ERROR: u8 = 2;

/// Where traces go.
#[derive(Debug)]
pub struct Collector {
    url: String,
    headers: Vec<(String, String)>,
    connector: Connector,
    trouble: Trouble,
}

/// Why a collector cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CollectorError {
    /// Its URL is not one.
    #[error("'{0}' is no URL of a collector: give one such as http://127.0.0.1:4318")]
    Url(String),
    /// A header cannot be read.
    #[error("'{0}' is no header: give NAME=VALUE, several of them separated by commas")]
    Header(String),
}

impl Collector {
    /// The collector at the base URL `endpoint`, such as `http://127.0.0.1:4318`, which gets `headers`
    /// (`NAME=VALUE,...`) with every request.
    ///
    /// # Errors
    /// `endpoint` is not an HTTP URL, or a header has no name.
    pub fn new(endpoint: &str, headers: &str) -> Result<Self, CollectorError> {
        let wrong = || CollectorError::Url(endpoint.to_owned());
        let base = endpoint.trim_end_matches('/');
        let url = if base.ends_with("/v1/traces") { base.to_owned() } else { format!("{base}/v1/traces") };
        let uri: http::Uri = url.parse().map_err(|_| wrong())?;
        let connector = match uri.scheme_str() {
            Some("http") => Connector::builder().build_http(),
            Some("https") => Connector::builder().tls_provider(Provider::Rustls(CryptoMode::Ring)).build(),
            _ => return Err(wrong()),
        };
        Ok(Self { url, headers: read_headers(headers)?, connector, trouble: Trouble::default() })
    }

    /// Sends spans; answers how many were lost.
    pub(crate) async fn send(&mut self, spans: &[Span]) -> usize {
        let mut lost = 0;
        for batch in spans.chunks(BATCH) {
            let body = serde_json::to_vec(&Request::of(batch)).unwrap_or_default();
            lost += match self.deliver(&body).await {
                Ok(rejected) => {
                    self.trouble.worked("otlp");
                    rejected.min(batch.len())
                }
                Err(failed) => {
                    self.trouble.failed("otlp", &failed.message);
                    batch.len()
                }
            };
        }
        lost
    }

    async fn deliver(&self, body: &[u8]) -> Result<usize, Failed> {
        let pauses = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(100))
            .with_max_delay(Duration::from_secs(3))
            .with_max_times(4)
            .with_jitter();
        (|| self.post(body)).retry(pauses).when(|failed| failed.may_pass).await
    }

    /// Makes one request; answers how many spans the collector says it did not take.
    async fn post(&self, body: &[u8]) -> Result<usize, Failed> {
        let mut request = http::Request::post(&self.url).header(http::header::CONTENT_TYPE, "application/json");
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.body(SdkBody::from(body)).map_err(|error| Failed::for_good(&error))?;
        let request = HttpRequest::try_from(request).map_err(|error| Failed::for_good(&error))?;
        let exchange = async {
            let response = self.connector.call(request).await.map_err(|error| error.to_string())?;
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.map_err(|error| error.to_string())?;
            Ok::<_, String>((status, body.to_bytes()))
        };
        match tokio::time::timeout(TIMEOUT, exchange).await {
            Ok(Ok((200..=299, answer))) => Ok(rejected(&answer)),
            Ok(Ok((status, _))) => {
                let may_pass = matches!(status, 429 | 502..=504);
                Err(Failed { message: format!("the collector answers with status {status}"), may_pass })
            }
            Ok(Err(message)) => Err(Failed { message, may_pass: true }),
            Err(_) => Err(Failed { message: "the collector does not answer".to_owned(), may_pass: true }),
        }
    }
}

struct Failed {
    message: String,
    /// Another try may help.
    may_pass: bool,
}

impl Failed {
    fn for_good(error: &dyn std::error::Error) -> Self {
        Self { message: error.to_string(), may_pass: false }
    }
}

fn read_headers(headers: &str) -> Result<Vec<(String, String)>, CollectorError> {
    let pairs = headers.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let wrong = || CollectorError::Header(pair.to_owned());
            let (name, value) = pair.split_once('=').ok_or_else(wrong)?;
            http::HeaderName::try_from(name.trim()).map_err(|_| wrong())?;
            http::HeaderValue::try_from(value.trim()).map_err(|_| wrong())?;
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        })
        .collect()
}

/// Spans that a collector says it did not take.
fn rejected(answer: &[u8]) -> usize {
    let answer: Json = serde_json::from_slice(answer).unwrap_or_default();
    let rejected = &answer["partialSuccess"]["rejectedSpans"];
    let number = rejected.as_u64().or_else(|| rejected.as_str()?.parse().ok());
    number.and_then(|number| usize::try_from(number).ok()).unwrap_or(0)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    resource_spans: [ResourceSpans<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans<'a> {
    resource: Resource<'a>,
    scope_spans: [ScopeSpans<'a>; 1],
}

#[derive(Serialize)]
struct Resource<'a> {
    attributes: Vec<Attribute<'a>>,
}

#[derive(Serialize)]
struct ScopeSpans<'a> {
    scope: Scope,
    spans: Vec<WireSpan<'a>>,
}

#[derive(Serialize)]
struct Scope {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireSpan<'a> {
    trace_id: String,
    span_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<String>,
    name: &'a str,
    kind: u8,
    /// 64-bit numbers are texts in protobuf's JSON.
    start_time_unix_nano: String,
    end_time_unix_nano: String,
    attributes: Vec<Attribute<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status<'a>>,
}

#[derive(Serialize)]
struct Attribute<'a> {
    key: &'a str,
    value: Text<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Text<'a> {
    string_value: &'a str,
}

#[derive(Serialize)]
struct Status<'a> {
    code: u8,
    message: &'a str,
}

impl<'a> Request<'a> {
    fn of(spans: &'a [Span]) -> Self {
        let scope = Scope { name: "stepwright", version: env!("CARGO_PKG_VERSION") };
        let attributes = vec![attribute("service.name", "stepwright")];
        let spans = spans.iter().map(WireSpan::of).collect();
        let resource_spans =
            [ResourceSpans { resource: Resource { attributes }, scope_spans: [ScopeSpans { scope, spans }] }];
        Self { resource_spans }
    }
}

impl<'a> WireSpan<'a> {
    fn of(span: &'a Span) -> Self {
        let nanos = |millis: i64| format!("{}000000", millis.max(0));
        Self {
            trace_id: format!("{:032x}", span.trace),
            span_id: format!("{:016x}", span.id),
            parent_span_id: span.parent.map(|parent| format!("{parent:016x}")),
            name: &span.name,
            kind: span.kind as u8,
            start_time_unix_nano: nanos(span.begin),
            end_time_unix_nano: nanos(span.end),
            attributes: span.attributes.iter().map(|(key, value)| attribute(key, value)).collect(),
            status: span.error.as_deref().map(|message| Status { code: ERROR, message }),
        }
    }
}

const fn attribute<'a>(key: &'a str, value: &'a str) -> Attribute<'a> {
    Attribute { key, value: Text { string_value: value } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::span::Kind;

    #[test]
    fn a_span_is_written_in_protobuf_s_json() {
        let span = Span {
            trace: 0xabc,
            id: 5,
            parent: Some(7),
            name: "Call".to_owned(),
            kind: Kind::Internal,
            begin: 1_700_000_000_000,
            end: 1_700_000_000_250,
            attributes: vec![("stepwright.state.type", "Task".to_owned())],
            error: Some("E".to_owned()),
        };
        let text = serde_json::to_string(&Request::of(&[span])).unwrap();
        let expected = concat!(
            r#""spans":[{"traceId":"00000000000000000000000000000abc","spanId":"0000000000000005","#,
            r#""parentSpanId":"0000000000000007","name":"Call","kind":1,"#,
            r#""startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000000250000000","#,
            r#""attributes":[{"key":"stepwright.state.type","value":{"stringValue":"Task"}}],"#,
            r#""status":{"code":2,"message":"E"}}]"#
        );
        assert!(text.contains(expected), "{text}");
        assert!(text.starts_with(r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name""#), "{text}");
    }

    #[test]
    fn endpoints_and_headers_are_checked_before_anything_runs() {
        let url = |endpoint| Collector::new(endpoint, "").map(|collector| collector.url);
        assert_eq!(url("http://127.0.0.1:4318/").unwrap(), "http://127.0.0.1:4318/v1/traces");
        assert_eq!(url("http://c/v1/traces").unwrap(), "http://c/v1/traces");
        assert!(url("127.0.0.1:4318").is_err() && url("grpc://c").is_err());
        let headers = read_headers("api-key=a=b, x=y").unwrap();
        assert_eq!(headers, [("api-key".to_owned(), "a=b".to_owned()), ("x".to_owned(), "y".to_owned())]);
        assert_eq!(read_headers("a b=c"), Err(CollectorError::Header("a b=c".to_owned())));
    }

    #[test]
    fn what_a_collector_rejects_is_counted() {
        assert_eq!(rejected(b"{}"), 0);
        assert_eq!(rejected(br#"{"partialSuccess":{"rejectedSpans":"3"}}"#), 3);
    }
}
