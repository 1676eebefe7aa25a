//! Holds requests against AWS's Signature Version 4: in the header `Authorization`, or in the query (presigned).
//!
//! What the request claims to be signed with, over what and when is read from it; AWS's own signer then signs the same,
//! and the two signatures are compared in constant time. The answers to what fails are AWS's.

mod claim;

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4;
use http::request::Parts;
use subtle::ConstantTimeEq as _;

use crate::clock;
use crate::key::{Key, Keys};
use claim::{Claim, Place};

/// How far the signer's clock may be from ours.
const SKEW: Duration = Duration::from_secs(300);

/// What signatures must be for.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The region.
    pub region: &'a str,
    /// The service's signing name; `None` takes any.
    pub service: Option<&'a str>,
}

/// Why a request is refused, as AWS says it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refused {
    /// The exception's name.
    pub code: &'static str,
    /// What a person reads.
    pub message: String,
}

impl Refused {
    fn invalid(message: impl Into<String>) -> Self {
        Self { code: "InvalidSignatureException", message: message.into() }
    }

    fn incomplete(message: impl Into<String>) -> Self {
        Self { code: "IncompleteSignatureException", message: message.into() }
    }

    fn mismatch() -> Self {
        Self::invalid(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
             Key and signing method. Consult the service documentation for details.",
        )
    }

    fn unrecognized() -> Self {
        let message = "The security token included in the request is invalid.".to_owned();
        Self { code: "UnrecognizedClientException", message }
    }
}

impl Keys {
    /// Checks that a request is signed with one of these keys, for `scope`, now, and as it came.
    ///
    /// # Errors
    /// It is not: `MissingAuthenticationTokenException`, `IncompleteSignatureException`, `UnrecognizedClientException`
    /// or `InvalidSignatureException`.
    pub fn check(&self, head: &Parts, body: &[u8], scope: Scope<'_>) -> Result<(), Refused> {
        self.check_at(head, body, scope, clock::now())
    }

    fn check_at(&self, head: &Parts, body: &[u8], scope: Scope<'_>, now: SystemTime) -> Result<(), Refused> {
        let claim = Claim::read(head)?;
        claim.check_scope(scope)?;
        claim.check_time(now)?;
        claim.check_headers(head)?;
        let key = self.find(claim.key_id).ok_or_else(Refused::unrecognized)?;
        if !same(claim.token.as_deref().unwrap_or_default(), key.session_token.as_deref().unwrap_or_default()) {
            return Err(Refused::unrecognized());
        }
        let expected = expected(head, body, &claim, key).ok_or_else(Refused::mismatch)?;
        if same(&expected, &claim.signature) { Ok(()) } else { Err(Refused::mismatch()) }
    }
}

fn same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

/// The signature that the key's owner would have made; `None` where nobody can sign such a request.
fn expected(head: &Parts, body: &[u8], claim: &Claim<'_>, key: &Key) -> Option<String> {
    // In a header, the token is a header as others are; in a query, the signer wants to place it.
    let token = match claim.place {
        Place::Header => None,
        Place::Query { .. } => claim.token.as_deref().map(str::to_owned),
    };
    let identity = Credentials::new(&*key.access_key_id, &*key.secret_access_key, token, None, "listener").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(claim.region)
        .name(claim.service)
        .time(claim.time)
        .settings(settings(claim))
        .build()
        .ok()?
        .into();
    let signed: Option<Vec<(&str, &str)>> = claim.signed(head).collect();
    let uri = unsigned_uri(head, claim);
    let request =
        SignableRequest::new(head.method.as_str(), uri, signed?.into_iter(), SignableBody::Bytes(body)).ok()?;
    Some(sign(request, &params).ok()?.into_parts().1)
}

/// How the service has its requests signed: S3 takes paths as they are.
fn settings(claim: &Claim<'_>) -> SigningSettings {
    let mut settings = SigningSettings::default();
    // Whatever the request says is signed is signed.
    settings.excluded_headers = None;
    if claim.service == "s3" {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    if let Place::Query { expires } = claim.place {
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(expires);
    }
    settings
}

/// The request's target without what the signature adds to it.
fn unsigned_uri<'a>(head: &'a Parts, claim: &Claim<'_>) -> Cow<'a, str> {
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    let (Place::Query { .. }, Some((path, query))) = (&claim.place, target.split_once('?')) else {
        return Cow::Borrowed(target);
    };
    let own = query.split('&').filter(|pair| !claim::is_of_signature(pair.split('=').next().unwrap_or_default()));
    let own = own.collect::<Vec<_>>().join("&");
    if own.is_empty() { Cow::Borrowed(path) } else { Cow::Owned(format!("{path}?{own}")) }
}

impl Key {
    /// Signs `request`, which must have its header `Host`, for `scope`, whose service must be given; the request is
    /// left as it is where nobody could sign it.
    pub fn sign<B: AsRef<[u8]>>(&self, request: &mut http::Request<B>, scope: Scope<'_>) {
        let token = self.session_token.clone();
        let identity = Credentials::new(&*self.access_key_id, &*self.secret_access_key, token, None, "listener").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(scope.region)
            .name(scope.service.unwrap_or_default())
            .time(clock::now())
            .settings(SigningSettings::default())
            .build();
        let Ok(params) = params.map(Into::into) else { return };
        let headers = request.headers().iter();
        let headers = headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let uri = request.uri().to_string();
        let body = SignableBody::Bytes(request.body().as_ref());
        let signed = SignableRequest::new(request.method().as_str(), uri, headers, body);
        if let Ok(signed) = signed.and_then(|signable| sign(signable, &params)) {
            signed.into_parts().0.apply_to_request_http1x(request);
        }
    }
}

#[cfg(test)]
mod tests;
