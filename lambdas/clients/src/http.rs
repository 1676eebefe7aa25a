//! One HTTP client for everything: AWS clients and webhooks share its connections and its TLS.
//!
//! TLS is rustls with ring: the usual aws-lc spends tens of milliseconds on entropy at the first connection of a
//! process, which a cold start would pay.

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use operations::Error;
use operations::error::Kind;
use std::time::Duration;

/// The longest answer of a webhook that is read, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// The client.
#[derive(Debug, Clone)]
pub struct Http {
    connector: SharedHttpConnector,
}

/// An answer to [`Http::post`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body as text, cut at 64 KiB; bytes that are not UTF-8 are replaced.
    pub body: String,
}

impl Http {
    /// A client that waits at most `connect` for a connection and `read` for the beginning of an answer.
    pub fn new(connect: Duration, read: Duration) -> Self {
        let settings = HttpConnectorSettings::builder().connect_timeout(connect).read_timeout(read).build();
        let connector =
            Connector::builder().tls_provider(Provider::Rustls(CryptoMode::Ring)).connector_settings(settings).build();
        Self { connector: SharedHttpConnector::new(connector) }
    }

    /// A client over any connector; tests put their answers behind one.
    pub fn over(connector: impl HttpConnector + 'static) -> Self {
        Self { connector: SharedHttpConnector::new(connector) }
    }

    /// The client as AWS clients take it.
    pub fn shared(&self) -> SharedHttpClient {
        let connector = self.connector.clone();
        http_client_fn(move |_, _| connector.clone())
    }

    /// Posts a body.
    ///
    /// # Errors
    /// `Ops.ConfigInvalid` for a URL that is none (the message does not repeat it: webhooks carry their secret in
    /// it), `Ops.DependencyTimeout` and `Ops.DependencyUnavailable` when there is no answer. Any HTTP status is an
    /// answer.
    pub async fn post(&self, url: &str, headers: &[(&'static str, &str)], body: String) -> Result<Answer, Error> {
        let mut request = HttpRequest::new(SdkBody::from(body));
        let bad = || Error::new(Kind::ConfigInvalid, "the URL is not valid: it must begin with https:// or http://");
        if !(url.starts_with("https://") || url.starts_with("http://")) {
            return Err(bad());
        }
        request.set_method("POST").map_err(|_| bad())?;
        request.set_uri(url.to_owned()).map_err(|_| bad())?;
        for (name, value) in headers {
            request.headers_mut().try_insert(*name, (*value).to_owned()).map_err(|_| bad())?;
        }
        let answer = self.connector.call(request).await.map_err(|error| no_answer(&error))?;
        let status = answer.status().as_u16();
        let mut body = ByteStream::new(answer.into_body());
        let mut bytes = Vec::new();
        while bytes.len() < MAX_ANSWER {
            match body.next().await {
                Some(Ok(chunk)) => bytes.extend_from_slice(&chunk),
                // A body that breaks off still came with a status.
                Some(Err(_)) | None => break,
            }
        }
        bytes.truncate(MAX_ANSWER);
        Ok(Answer { status, body: String::from_utf8_lossy(&bytes).into_owned() })
    }
}

fn no_answer(error: &aws_smithy_runtime_api::client::result::ConnectorError) -> Error {
    let (kind, what) = if error.is_timeout() {
        (Kind::DependencyTimeout, "no answer in time")
    } else if error.is_user() {
        (Kind::ConfigInvalid, "the request is not valid")
    } else {
        (Kind::DependencyUnavailable, "no connection")
    };
    Error::new(kind, what)
}
