//! The way to APIs that are not AWS's: unsigned requests, no redirects, one minute at most.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use http::Uri;
use http_body_util::BodyExt as _;

use super::request::Request;
use crate::aws::chain;

/// The longest that a request may take, in real time.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The longest body that is read at all, in bytes. The quota of a payload is far below, where it is not lifted.
const MOST_BYTES: usize = 16 << 20;

/// A token, and until when it is good, where that is known.
type Token = (String, Option<SystemTime>);

/// Connections to APIs, and the tokens for them.
pub(crate) struct Web {
    /// Whether `http` on the loopback interface may be called.
    loopback: bool,
    /// Reading the system's root certificates takes time: only who has HTTP Tasks pays.
    connector: OnceLock<Connector>,
    /// Access tokens by the digest of the secret that they are asked for with.
    tokens: Mutex<HashMap<[u8; 32], Token>>,
}

/// What an API has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) status: u16,
    /// Names in small letters.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Page {
    /// Whether the API does not accept who calls it.
    pub(super) fn wants_authorization(&self) -> bool {
        matches!(self.status, 401 | 407)
    }

    /// The media type of the body, without parameters.
    pub(super) fn content_type(&self) -> String {
        let header = self.headers.iter().find(|(name, _)| name == "content-type");
        let kind = header.and_then(|(_, value)| value.split(';').next()).unwrap_or_default();
        kind.trim().to_ascii_lowercase()
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum WebError {
    /// Nothing came, or not in time.
    Unanswered(String),
    /// More came than is read.
    TooLarge,
    /// It is no request.
    Unsendable(String),
}

impl Web {
    /// The way to APIs; `loopback`: also over `http` on the loopback interface.
    pub(crate) fn new(loopback: bool) -> Self {
        Self { loopback, connector: OnceLock::new(), tokens: Mutex::default() }
    }

    /// Whether a URL may be called; else what is wrong with it.
    pub(super) fn permits(&self, url: &str) -> Result<(), String> {
        let uri: Uri = url.parse().map_err(|error| format!("it must be a URL: {error}"))?;
        match (uri.scheme_str(), uri.host()) {
            (Some("https"), Some(_)) => Ok(()),
            (Some("http"), Some(host)) if self.loopback && is_loopback(host) => Ok(()),
            _ if self.loopback => {
                Err("it must begin with https://, or with http:// on the loopback interface".to_owned())
            }
            _ => Err("it must begin with https://".to_owned()),
        }
    }

    /// Makes a request.
    pub(super) async fn send(&self, request: &Request) -> Result<Page, WebError> {
        let sent = tokio::time::timeout(TIMEOUT, self.exchange(request)).await;
        let late = || WebError::Unanswered(format!("The request timed out after {} seconds", TIMEOUT.as_secs()));
        sent.unwrap_or_else(|_| Err(late()))
    }

    async fn exchange(&self, request: &Request) -> Result<Page, WebError> {
        let unanswered = |error: &dyn std::error::Error| WebError::Unanswered(chain(error));
        let connector = self
            .connector
            .get_or_init(|| Connector::builder().tls_provider(Provider::Rustls(CryptoMode::Ring)).build());
        let response = connector.call(on_the_wire(request)?).await.map_err(|error| unanswered(&error))?;
        let status = response.status().as_u16();
        let headers = response.headers().iter();
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        let (mut stream, mut body) = (response.into_body(), Vec::new());
        while let Some(frame) = stream.frame().await {
            let Ok(data) = frame.map_err(|error| unanswered(&*error))?.into_data() else { continue };
            if body.len() + data.len() > MOST_BYTES {
                return Err(WebError::TooLarge);
            }
            body.extend_from_slice(&data);
        }
        Ok(Page { status, headers, body })
    }

    /// The token for this secret, where there is one that is good now.
    pub(super) fn token(&self, secret: &[u8; 32], now: SystemTime) -> Option<String> {
        let tokens = self.tokens();
        let (token, until) = tokens.get(secret)?;
        until.is_none_or(|until| now < until).then(|| token.clone())
    }

    pub(super) fn keep_token(&self, secret: [u8; 32], token: String, until: Option<SystemTime>) {
        self.tokens().insert(secret, (token, until));
    }

    pub(super) fn forget_token(&self, secret: &[u8; 32]) {
        self.tokens().remove(secret);
    }

    fn tokens(&self) -> MutexGuard<'_, HashMap<[u8; 32], Token>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The request with what every HTTP client adds: the type of a body that says nothing of itself.
fn on_the_wire(request: &Request) -> Result<HttpRequest, WebError> {
    let mut built = http::Request::builder().method(request.method.clone()).uri(&request.url);
    for (name, value) in &request.headers {
        built = built.header(name, value);
    }
    let typed = request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    if request.body.is_some() && !typed {
        built = built.header("Content-Type", "application/json; charset=UTF-8");
    }
    let body = request.body.as_ref().map_or_else(SdkBody::empty, |body| SdkBody::from(body.as_str()));
    let built = built.body(body).map_err(|error| WebError::Unsendable(format!("It is no HTTP request: {error}")))?;
    HttpRequest::try_from(built).map_err(|error| WebError::Unsendable(format!("It is no HTTP request: {error}")))
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_stays_on_this_machine() {
        let (here, aws) = (Web::new(true), Web::new(false));
        for url in ["https://api.example.com/a?b=c", "http://127.0.0.1:1/", "http://localhost/", "http://[::1]:8/x"] {
            assert!(here.permits(url).is_ok(), "{url}");
        }
        for url in ["http://api.example.com/", "ftp://127.0.0.1/", "/relative", "https://", "no url"] {
            assert!(here.permits(url).is_err(), "{url}");
        }
        assert!(aws.permits("https://api.example.com/").is_ok());
        assert_eq!(aws.permits("http://127.0.0.1:1/").unwrap_err(), "it must begin with https://");
    }

    #[test]
    fn a_token_is_good_until_its_time() {
        let (web, now) = (Web::new(true), SystemTime::UNIX_EPOCH);
        let later = now + Duration::from_secs(1);
        web.keep_token([0; 32], "t".to_owned(), Some(later));
        assert_eq!((web.token(&[0; 32], now).as_deref(), web.token(&[0; 32], later)), (Some("t"), None));
        web.keep_token([0; 32], "u".to_owned(), None);
        assert_eq!(web.token(&[0; 32], later).as_deref(), Some("u"));
        web.forget_token(&[0; 32]);
        assert_eq!(web.token(&[0; 32], now), None);
    }
}
