//! One request and its answer: where it goes, who signs it, how long it may take.

use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials as Key;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use http_body_util::BodyExt as _;
use tokio::io::AsyncWriteExt as _;

use super::{CallError, Credentials, Endpoint};
use crate::clock::Clock;

/// The longest that an API call may take, in real time.
pub(crate) const API_TIMEOUT: Duration = Duration::from_secs(70);

/// Services with one endpoint for all regions: the region that signatures for it name.
const GLOBAL: [(&str, &str); 1] = [("iam", "us-east-1")];

/// A request to make.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: http::Method,
    /// The name in AWS's host name.
    pub(crate) host: &'static str,
    /// The name in the signature.
    pub(crate) signing: &'static str,
    /// Path and query, from `/`.
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// Where it goes instead of the client's endpoint.
    pub(crate) base: Option<String>,
    /// Real time for the whole exchange.
    pub(crate) timeout: Duration,
}

/// What came back, whatever its status.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The first header of this name, which is in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// AWS's id of the request.
    pub(crate) fn request_id(&self) -> String {
        let id = self.header("x-amzn-requestid").or_else(|| self.header("x-amz-request-id"));
        id.unwrap_or_default().to_owned()
    }

    pub(crate) const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }
}

/// Connections, kept and shared.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    endpoint: Endpoint,
    region: Arc<str>,
    clock: Clock,
    credentials: Option<Credentials>,
    /// What signs calls that go somewhere else than to the endpoint; `None`: the same.
    elsewhere: Option<Credentials>,
    connector: Arc<Connector>,
}

impl Http {
    pub(crate) fn new(endpoint: Endpoint, region: &str, clock: Clock, credentials: Option<Credentials>) -> Self {
        let plain = matches!(&endpoint, Endpoint::Url(url) if url.starts_with("http://"));
        let connector = if plain {
            Connector::builder().build_http()
        } else {
            // Reading the system's root certificates takes tens of milliseconds: only who needs them pays.
            Connector::builder().tls_provider(Provider::Rustls(CryptoMode::Ring)).build()
        };
        let region = region.into();
        Self { endpoint, region, clock, credentials, elsewhere: None, connector: Arc::new(connector) }
    }

    /// The same, which signs calls that go somewhere else with `credentials`.
    pub(crate) fn signing_elsewhere(self, credentials: Option<Credentials>) -> Self {
        Self { elsewhere: credentials, ..self }
    }

    /// The region that requests are signed for.
    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// Real time, which signatures and tokens are on.
    pub(crate) fn now(&self) -> std::time::SystemTime {
        self.clock.real()
    }

    /// Makes the request.
    pub(crate) async fn send(&self, call: Call) -> Result<Answer, CallError> {
        let timeout = call.timeout;
        match tokio::time::timeout(timeout, self.exchange(call)).await {
            Ok(answer) => answer,
            Err(_) => Err(CallError::Transport(format!("no answer came within {} s", timeout.as_secs()))),
        }
    }

    /// Makes the request and writes the body of a good answer to `file`; the answer given has then none. The time
    /// limit is for each piece of it.
    pub(crate) async fn download(&self, call: Call, file: &mut tokio::fs::File) -> Result<Answer, CallError> {
        let limit = call.timeout;
        let silent = |_| CallError::Transport(format!("nothing came for {} s", limit.as_secs()));
        let (mut answer, mut body) = tokio::time::timeout(limit, self.begin(call)).await.map_err(silent)??;
        while let Some(frame) = tokio::time::timeout(limit, body.frame()).await.map_err(silent)? {
            let Ok(data) = frame.map_err(|error| transport(&*error))?.into_data() else { continue };
            if answer.is_success() {
                file.write_all(&data).await.map_err(|error| transport(&error))?;
            } else {
                answer.body.extend_from_slice(&data);
            }
        }
        file.flush().await.map_err(|error| transport(&error))?;
        Ok(answer)
    }

    async fn exchange(&self, call: Call) -> Result<Answer, CallError> {
        let (answer, body) = self.begin(call).await?;
        let body = body.collect().await.map_err(|error| transport(&*error))?;
        Ok(Answer { body: body.to_bytes().to_vec(), ..answer })
    }

    /// Makes the request; the answer is there but for its body.
    async fn begin(&self, call: Call) -> Result<(Answer, SdkBody), CallError> {
        let request = self.signed(call)?;
        let request = HttpRequest::try_from(request).map_err(|error| transport(&error))?;
        let response = self.connector.call(request).await.map_err(|error| transport(&error))?;
        let status = response.status().as_u16();
        let headers = response.headers().iter();
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        Ok((Answer { status, headers, body: Vec::new() }, response.into_body()))
    }

    fn signed(&self, mut call: Call) -> Result<http::Request<SdkBody>, CallError> {
        let url = format!("{}{}", self.base(&call), call.path);
        let mut request = http::Request::builder().method(call.method.clone()).uri(&url);
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        let mut request = request.body(std::mem::take(&mut call.body)).map_err(|error| transport(&error))?;
        let host = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        let host = host.parse().map_err(|error| transport(&error))?;
        request.headers_mut().insert(http::header::HOST, host);
        self.sign(&mut request, &call)?;
        Ok(request.map(SdkBody::from))
    }

    fn sign(&self, request: &mut http::Request<Vec<u8>>, call: &Call) -> Result<(), CallError> {
        let elsewhere = self.elsewhere.as_ref().filter(|_| call.base.is_some());
        let Some(credentials) = elsewhere.or(self.credentials.as_ref()).cloned() else {
            let message = "Unable to load credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
            return Err(CallError::Transport(message.to_owned()));
        };
        let Credentials { access_key_id, secret_access_key, session_token } = credentials;
        let identity = Key::new(access_key_id, secret_access_key, session_token, None, "environment").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(global(call).unwrap_or(&self.region))
            .name(call.signing)
            .time(self.clock.real())
            .settings(settings(call))
            .build()
            .map_err(|error| transport(&error))?
            .into();
        let uri = request.uri().to_string();
        let headers = request.headers().iter();
        let headers = headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let body = SignableBody::Bytes(request.body());
        let signable =
            SignableRequest::new(request.method().as_str(), &uri, headers, body).map_err(|error| transport(&error))?;
        let (instructions, _signature) = sign(signable, &params).map_err(|error| transport(&error))?.into_parts();
        instructions.apply_to_request_http1x(request);
        Ok(())
    }

    fn base(&self, call: &Call) -> String {
        match (&call.base, &self.endpoint) {
            (Some(base), _) | (None, Endpoint::Url(base)) => base.trim_end_matches('/').to_owned(),
            (None, Endpoint::Aws) if global(call).is_some() => format!("https://{}.amazonaws.com", call.host),
            (None, Endpoint::Aws) => format!("https://{}.{}.amazonaws.com", call.host, self.region),
        }
    }
}

/// How a service wants its requests signed: S3 takes paths as they are, and wants the body's digest as a header.
fn settings(call: &Call) -> SigningSettings {
    let mut settings = SigningSettings::default();
    if call.signing == "s3" {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    settings
}

/// The region that signs for a service that is in none.
fn global(call: &Call) -> Option<&'static str> {
    GLOBAL.iter().find(|(host, _)| *host == call.host).map(|(_, region)| *region)
}

fn transport(error: &dyn std::error::Error) -> CallError {
    CallError::Transport(chain(error))
}

/// The whole chain of an error: what went wrong stands last.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::Service;

    #[test]
    fn a_global_service_has_one_host_and_one_region_to_sign_for() {
        let key = Credentials::new("AKID", "secret", None);
        let http = Http::new(Endpoint::Aws, "eu-west-1", Clock::manual(0), Some(key));
        let sent = |service| http.signed(Call::empty(Service::find(service).unwrap())).unwrap();
        let scope = |request: &http::Request<SdkBody>, scope: &str| {
            request.headers()[http::header::AUTHORIZATION].to_str().unwrap().contains(scope)
        };
        let (iam, ec2) = (sent("iam"), sent("ec2"));
        assert_eq!(iam.uri(), "https://iam.amazonaws.com/");
        assert!(scope(&iam, "/us-east-1/iam/"));
        assert_eq!(ec2.uri(), "https://ec2.eu-west-1.amazonaws.com/");
        assert!(scope(&ec2, "/eu-west-1/ec2/"));
    }
}
