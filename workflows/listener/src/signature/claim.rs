//! What a request says of its signature.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use http::header::{AUTHORIZATION, HOST};
use http::request::Parts;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use super::{Refused, SKEW, Scope};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const DATE: &str = "x-amz-date";
const TOKEN: &str = "x-amz-security-token";
/// The longest that a presigned request may be good for.
const WEEK: u64 = 604_800;

/// Where the signature stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the header `Authorization`.
    Header,
    /// In the query.
    Query {
        /// How long it is good for.
        expires: Duration,
    },
}

/// What is claimed.
#[derive(Debug)]
pub(super) struct Claim<'a> {
    pub(super) place: Place,
    pub(super) key_id: &'a str,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    /// The day of the credential scope.
    day: &'a str,
    terminator: &'a str,
    pub(super) time: SystemTime,
    /// The same as it was written.
    written: Cow<'a, str>,
    pub(super) token: Option<Cow<'a, str>>,
    headers: Vec<Cow<'a, str>>,
    pub(super) signature: Cow<'a, str>,
}

/// Whether a parameter of the query belongs to the signature.
pub(super) fn is_of_signature(name: &str) -> bool {
    ["Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature", "Security-Token"]
        .iter()
        .any(|own| name.strip_prefix("X-Amz-") == Some(own))
}

impl<'a> Claim<'a> {
    /// Reads it.
    pub(super) fn read(head: &'a Parts) -> Result<Self, Refused> {
        if let Some(value) = head.headers.get(AUTHORIZATION) {
            let value = value.to_str().map_err(|_| Refused::incomplete("Authorization header is no ASCII text."))?;
            return Self::of_header(head, value);
        }
        match head.uri.query() {
            Some(query) if query.contains("X-Amz-Signature=") || query.contains("X-Amz-Algorithm=") => {
                Self::of_query(query)
            }
            _ => {
                let message = "Missing Authentication Token".to_owned();
                Err(Refused { code: "MissingAuthenticationTokenException", message })
            }
        }
    }

    fn of_header(head: &'a Parts, value: &'a str) -> Result<Self, Refused> {
        let (algorithm, rest) = value.trim().split_once(' ').unwrap_or((value.trim(), ""));
        if algorithm != ALGORITHM {
            return Err(Refused::incomplete(format!("Unsupported AWS 'algorithm': '{algorithm}'. ")));
        }
        let parts = || rest.split(',').filter_map(|part| part.trim().split_once('='));
        let part = |name: &str| parts().find(|(found, _)| *found == name).map(|(_, value)| value);
        let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
        let (credential, signed, signature) = (part("Credential"), part("SignedHeaders"), part("Signature"));
        let (Some(credential), Some(signed), Some(signature), Some(written)) =
            (credential, signed, signature, header(DATE))
        else {
            return Err(incomplete(credential, signature, signed, header(DATE), value));
        };
        let stamp = Stamp { written: Cow::Borrowed(written), signature: Cow::Borrowed(signature) };
        let headers = signed.split(';').map(Cow::Borrowed).collect();
        Self::of(Place::Header, credential, stamp, headers, header(TOKEN).map(Cow::Borrowed))
    }

    fn of_query(query: &'a str) -> Result<Self, Refused> {
        let parameter = |name: &str| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            let mut found = pairs.filter(|(found, _)| found.strip_prefix("X-Amz-") == Some(name));
            found.next().map(|(_, value)| value)
        };
        if parameter("Algorithm") != Some(ALGORITHM) {
            return Err(Refused::incomplete(format!("X-Amz-Algorithm must be {ALGORITHM}.")));
        }
        let wanted = |name: &str| {
            parameter(name)
                .ok_or_else(|| Refused::incomplete(format!("AWS query-string parameters must include 'X-Amz-{name}'.")))
        };
        let expires = wanted("Expires")?.parse().ok().filter(|seconds| (1..=WEEK).contains(seconds));
        let expires = expires.ok_or_else(|| {
            Refused::incomplete(format!("X-Amz-Expires must be a number of seconds from 1 to {WEEK}."))
        })?;
        let place = Place::Query { expires: Duration::from_secs(expires) };
        let headers = decoded(wanted("SignedHeaders")?).split(';').map(|name| Cow::Owned(name.to_owned())).collect();
        let stamp = Stamp { written: decoded(wanted("Date")?), signature: decoded(wanted("Signature")?) };
        Self::of(place, wanted("Credential")?, stamp, headers, parameter("Security-Token").map(decoded))
    }

    fn of(
        place: Place,
        credential: &'a str,
        stamp: Stamp<'a>,
        headers: Vec<Cow<'a, str>>,
        token: Option<Cow<'a, str>>,
    ) -> Result<Self, Refused> {
        // A key id is of letters and digits: only the slashes may be escaped.
        let parts: Vec<&str> =
            credential.split("%2F").flat_map(|part| part.split("%2f")).flat_map(|part| part.split('/')).collect();
        let [key_id, day, region, service, terminator] = parts[..] else {
            return Err(Refused::incomplete(
                "Credential must have exactly 5 slash-delimited elements, e.g. \
                 keyid/date/region/service/aws4_request",
            ));
        };
        let Stamp { written, signature } = stamp;
        let time = instant(&written).ok_or_else(|| {
            Refused::incomplete(format!(
                "Date must be in ISO-8601 'basic format'. Got '{written}'. See http://en.wikipedia.org/wiki/ISO_8601"
            ))
        })?;
        Ok(Self { place, key_id, region, service, day, terminator, time, written, token, headers, signature })
    }

    /// Checks what the signature is for.
    pub(super) fn check_scope(&self, scope: Scope<'_>) -> Result<(), Refused> {
        if self.terminator != "aws4_request" {
            let message = format!(
                "Credential should be scoped with a valid terminator: 'aws4_request', not '{}'. ",
                self.terminator
            );
            return Err(Refused::invalid(message));
        }
        if self.region != scope.region {
            let message = format!("Credential should be scoped to a valid region, not '{}'. ", self.region);
            return Err(Refused::invalid(message));
        }
        match scope.service {
            Some(service) if service != self.service => {
                Err(Refused::invalid(format!("Credential should be scoped to correct service: '{service}'. ")))
            }
            _ => Ok(()),
        }
    }

    /// Checks when it was made.
    pub(super) fn check_time(&self, now: SystemTime) -> Result<(), Refused> {
        let on = self.written.get(..8).unwrap_or_default();
        if on != self.day {
            return Err(Refused::invalid(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{on}', \
                 from '{}'.",
                self.day, self.written
            )));
        }
        if self.time > now + SKEW {
            let message = format!(
                "Signature not yet current: {} is still later than {} ({} + 5 min.)",
                self.written,
                written(now + SKEW),
                written(now)
            );
            return Err(Refused::invalid(message));
        }
        match self.place {
            Place::Header if self.time + SKEW < now => Err(Refused::invalid(format!(
                "Signature expired: {} is now earlier than {} ({} - 5 min.)",
                self.written,
                written(now - SKEW),
                written(now)
            ))),
            Place::Query { expires } if self.time + expires < now => Err(Refused::invalid(format!(
                "Signature expired: {} is now earlier than {}",
                written(self.time + expires),
                written(now)
            ))),
            _ => Ok(()),
        }
    }

    /// Checks that what decides what the request does is signed: the host, and every header of AWS's.
    pub(super) fn check_headers(&self, head: &Parts) -> Result<(), Refused> {
        let unsigned = |name: &str| !self.headers.iter().any(|signed| signed == name);
        if unsigned(HOST.as_str()) || !head.headers.contains_key(HOST) {
            return Err(Refused::invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."));
        }
        let mut named = head.headers.keys().map(http::HeaderName::as_str).filter(|name| name.starts_with("x-amz-"));
        match named.find(|name| unsigned(name) && *name != "x-amz-user-agent") {
            Some(name) => Err(Refused::invalid(format!("'{name}' must be a 'SignedHeader' in the AWS Authorization."))),
            None => Ok(()),
        }
    }

    /// The headers that are signed, but for the date, which the signer places; an item is `None` where a value is no
    /// text.
    pub(super) fn signed<'b>(&'b self, head: &'b Parts) -> impl Iterator<Item = Option<(&'b str, &'b str)>> {
        let placed = move |name: &str| self.place == Place::Header && name == DATE;
        let names = self.headers.iter().map(|name| &**name).filter(move |name| !placed(name));
        names.flat_map(move |name| {
            let values = head.headers.get_all(name).iter();
            values.map(move |value| Some((name, std::str::from_utf8(value.as_bytes()).ok()?)))
        })
    }
}

/// When, and with what result.
struct Stamp<'a> {
    written: Cow<'a, str>,
    signature: Cow<'a, str>,
}

/// AWS names everything that is missing.
fn incomplete(
    credential: Option<&str>,
    signature: Option<&str>,
    signed: Option<&str>,
    date: Option<&str>,
    value: &str,
) -> Refused {
    let mut message = String::new();
    for (name, found) in [("Credential", credential), ("Signature", signature), ("SignedHeaders", signed)] {
        if found.is_none() {
            message.push_str(&format!("Authorization header requires '{name}' parameter. "));
        }
    }
    if date.is_none() {
        message.push_str("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ");
    }
    let shown: String = value.chars().take(256).collect();
    Refused::incomplete(format!("{message}Authorization={shown}"))
}

/// A value of a query without its escapes; as it is where they are none.
fn decoded(value: &str) -> Cow<'_, str> {
    if !value.contains('%') {
        return Cow::Borrowed(value);
    }
    let (mut bytes, mut rest) = (Vec::with_capacity(value.len()), value.as_bytes());
    while let [first, tail @ ..] = rest {
        let escaped = (*first == b'%').then(|| tail.get(..2)).flatten();
        let escaped = escaped.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8(bytes).map_or(Cow::Borrowed(value), Cow::Owned)
}

fn instant(text: &str) -> Option<SystemTime> {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    Some(PrimitiveDateTime::parse(text, format).ok()?.assume_utc().into())
}

fn written(time: SystemTime) -> String {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    OffsetDateTime::from(time).format(format).unwrap_or_default()
}
