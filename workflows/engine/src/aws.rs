//! Calls to AWS's own APIs: signed with Signature Version 4, in JSON or in the older Query protocol, with parameters
//! and answers in the PascalCase of the SDK integrations.

mod credential;
mod ec2;
mod json;
mod query;
pub(crate) mod s3;
mod service;
mod transport;
mod xml;

use asl::Value;

pub use credential::Credentials;
pub(crate) use json::{capitalise, error as json_error, instant, uncapitalise};
pub(crate) use query::encode;
pub(crate) use service::{Protocol, Service};
pub(crate) use transport::{Answer, Call, Http, chain};

use crate::clock::Clock;

/// Where AWS's APIs are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// At this base URL, every service: a sandbox or an emulator.
    Url(String),
    /// At AWS itself.
    Aws,
}

/// What calls are signed with; `None` is what the environment says (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
/// `AWS_SESSION_TOKEN`), or `test` for an endpoint that is not AWS's.
#[derive(Clone, Debug, Default)]
pub struct Signers {
    /// Those to AWS, or to what stands for it.
    pub aws: Option<Credentials>,
    /// Those to a Lambda endpoint of its own.
    pub lambda: Option<Credentials>,
}

/// What a service answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The HTTP status, 200 to 299.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// AWS's id of the request; empty where the service gave none.
    pub request_id: String,
    /// The answer, names in PascalCase.
    pub body: Value,
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The service refused.
    #[error("{code}: {message}")]
    Service {
        /// The HTTP status.
        status: u16,
        /// The service's error code, such as `ConditionalCheckFailedException`.
        code: String,
        /// What the service says.
        message: String,
        /// AWS's id of the request; empty where the service gave none.
        request_id: String,
    },
    /// No answer came.
    #[error("{0}")]
    Transport(String),
    /// This engine does not speak the service's protocol.
    #[error("the service {0} is not supported: this engine speaks the JSON and Query protocols of {1}")]
    Unsupported(String, String),
}

/// A client for every service that speaks JSON or Query. Clones share connections.
#[derive(Clone, Debug)]
pub struct Client {
    http: Http,
}

impl Client {
    /// A client for `region`. Credentials come from the environment (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
    /// `AWS_SESSION_TOKEN`); an endpoint that is not AWS's does without.
    #[must_use]
    pub fn new(endpoint: Endpoint, region: &str, clock: Clock) -> Self {
        let credentials = Credentials::from_environment(&endpoint);
        Self::with_credentials(endpoint, region, clock, credentials)
    }

    /// A client for `region` that signs as `signers` say.
    #[must_use]
    pub(crate) fn with_signers(endpoint: Endpoint, region: &str, clock: Clock, signers: &Signers) -> Self {
        let credentials = signers.aws.clone().or_else(|| Credentials::from_environment(&endpoint));
        let http = Http::new(endpoint, region, clock, credentials);
        Self { http: http.signing_elsewhere(signers.lambda.clone()) }
    }

    /// A client for `region` with these credentials; `None` fails every call.
    #[must_use]
    pub fn with_credentials(endpoint: Endpoint, region: &str, clock: Clock, credentials: Option<Credentials>) -> Self {
        Self { http: Http::new(endpoint, region, clock, credentials) }
    }

    /// Calls `action` (as the API spells it, such as `DescribeServices`) of `service` (as SDK integrations name it,
    /// such as `ecs`) with PascalCase `parameters`.
    ///
    /// # Errors
    /// The service refused, no answer came, or its protocol is not supported.
    pub async fn call(&self, service: &str, action: &str, parameters: &Value) -> Result<Reply, CallError> {
        match Service::find(service) {
            Some(service) => self.call_service(service, action, parameters).await,
            None => Err(CallError::Unsupported(service.to_owned(), Service::names())),
        }
    }

    /// The same, but at the base URL `base` instead of the client's endpoint.
    ///
    /// # Errors
    /// The service refused, no answer came, or its protocol is not supported.
    pub async fn call_at(
        &self,
        base: &str,
        service: &str,
        action: &str,
        parameters: &Value,
    ) -> Result<Reply, CallError> {
        match Service::find(service) {
            Some(service) => self.exchange(service, action, parameters, Some(base.to_owned())).await,
            None => Err(CallError::Unsupported(service.to_owned(), Service::names())),
        }
    }

    pub(crate) async fn call_service(
        &self,
        service: &'static Service,
        action: &str,
        parameters: &Value,
    ) -> Result<Reply, CallError> {
        self.exchange(service, action, parameters, None).await
    }

    async fn exchange(
        &self,
        service: &'static Service,
        action: &str,
        parameters: &Value,
        base: Option<String>,
    ) -> Result<Reply, CallError> {
        let call = match &service.protocol {
            Protocol::Json { .. } => json::request(service, action, parameters),
            Protocol::Query { .. } => query::request(service, action, parameters),
            Protocol::Ec2 { version } => ec2::request(service, action, version, parameters),
        };
        let answer = self.http.send(Call { base, ..call }).await?;
        match &service.protocol {
            Protocol::Json { .. } => json::reply(service, answer),
            Protocol::Query { .. } => query::reply(action, &answer),
            Protocol::Ec2 { .. } => ec2::reply(&answer),
        }
    }

    /// The connections, for APIs of other protocols.
    pub(crate) const fn http(&self) -> &Http {
        &self.http
    }
}
