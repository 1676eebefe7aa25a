//! What to ask: the catalogue's `deployment.smoke`, checked.

use super::comparison::MIN_PAIRS;
use super::expectation::Expectation;
use super::{MARKER, place};
use crate::error::{Error, Kind};
use crate::field::Object;
use serde_json::Value;
use std::collections::HashSet;
use std::time::Duration;

/// The name under which the version endpoint is reported.
const VERSION: &str = "version";
/// The most requests of a plan: with its report it must fit into the 256 KiB of a state's data.
const MAX_REQUESTS: usize = 50;
/// Headers that are the connection's, or ours.
const RESERVED: [&str; 6] = ["host", "content-length", "transfer-encoding", "connection", "upgrade", MARKER];

/// What to ask, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The requests, 1 to 50, each with a name of its own.
    pub requests: Vec<Request>,
    /// How often each is asked over a connection of its own, 1 to 20; 3 by default. All must pass.
    pub rounds: u32,
    /// How many requests are under way at once, 1 to 64; 8 by default.
    pub concurrency: u32,
    /// How many pairs of answers a comparison with blue takes, 7 to 200; 20 by default.
    pub pairs: u32,
    /// How long an answer may take from the name's resolution to the body's end, 50 ms to 60 s; 5 s by default.
    pub timeout: Duration,
    /// By how much green may be slower: more than 1, at most 100; 1.5 by default.
    pub max_slowdown: f64,
    /// Where a side says its version.
    pub version: Option<Version>,
}

/// Where a side says its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The path.
    pub path: String,
    /// The JSON pointer (RFC 6901) to the version in the answer; `/version` by default.
    pub pointer: String,
}

/// An HTTP method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// GET.
    Get,
    /// HEAD.
    Head,
    /// OPTIONS.
    Options,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
}

impl Method {
    const ALL: [Method; 7] =
        [Method::Get, Method::Head, Method::Options, Method::Post, Method::Put, Method::Patch, Method::Delete];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Options => "OPTIONS",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }

    /// Whether the method only reads (RFC 9110, section 9.2.1).
    pub fn is_safe(self) -> bool {
        matches!(self, Method::Get | Method::Head | Method::Options)
    }
}

/// A request.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Its name in the report.
    pub name: String,
    /// Its method.
    pub method: Method,
    /// Its path, with a query where it needs one.
    pub path: String,
    /// Its headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Option<String>,
    /// What the answer must be.
    pub expect: Expectation,
}

impl Request {
    /// The question for a side's version.
    pub(crate) fn of_version(path: &str) -> Self {
        Self {
            name: VERSION.to_owned(),
            method: Method::Get,
            path: path.to_owned(),
            headers: Vec::new(),
            body: None,
            expect: Expectation::default(),
        }
    }

    fn parse(item: &Object<'_>) -> Result<Self, Error> {
        known(item, &["name", "method", "path", "headers", "body", "expect"])?;
        let name = item.text("name")?;
        if name.chars().count() > 64 {
            return Err(item.error("name", "must have at most 64 characters"));
        }
        let method = method(item)?;
        let mut headers = headers(item)?;
        let body = match item.get("body") {
            Some(_) if method.is_safe() => {
                return Err(item.error("body", &format!("must be absent: a {} has none", method.name())));
            }
            Some(Value::String(text)) => Some(text.clone()),
            Some(value) => {
                if !headers.iter().any(|(name, _)| name == "content-type") {
                    headers.push(("content-type".to_owned(), "application/json".to_owned()));
                }
                Some(value.to_string())
            }
            None => None,
        };
        let expect = item.optional_object("expect")?.map(|expect| Expectation::parse(&expect)).transpose()?;
        Ok(Self {
            name: name.to_owned(),
            method,
            path: path(item, "path")?,
            headers,
            body,
            expect: expect.unwrap_or_default(),
        })
    }
}

impl Plan {
    /// Reads `deployment.smoke` of a catalogue entry; `label` is what messages call it.
    ///
    /// # Errors
    /// `Ops.ConfigInvalid` naming the field; so are fields that nobody knows, because a misspelt expectation would
    /// pass.
    pub fn parse(smoke: &Value, label: &str) -> Result<Self, Error> {
        let smoke = Object::of(smoke, label, Kind::ConfigInvalid)?;
        let fields =
            ["requests", "rounds", "concurrency", "pairs", "timeoutMs", "maxSlowdown", "versionPath", "versionPointer"];
        known(&smoke, &fields)?;
        let version = version(&smoke)?;
        let requests = requests(&smoke, version.is_some())?;
        Ok(Self {
            requests,
            rounds: within(&smoke, "rounds", 3, 1, 20)?,
            concurrency: within(&smoke, "concurrency", 8, 1, 64)?,
            pairs: within(&smoke, "pairs", 20, MIN_PAIRS, 200)?,
            timeout: Duration::from_millis(within(&smoke, "timeoutMs", 5_000, 50, 60_000)?.into()),
            max_slowdown: max_slowdown(&smoke)?,
            version,
        })
    }
}

/// Refuses fields that are not among these.
pub(crate) fn known(object: &Object<'_>, fields: &[&str]) -> Result<(), Error> {
    match object.names().find(|name| !fields.contains(name)) {
        Some(name) => Err(object.error(name, &format!("is no field here: the fields are {}", fields.join(", ")))),
        None => Ok(()),
    }
}

fn within(smoke: &Object<'_>, name: &str, default: u32, least: u32, most: u32) -> Result<u32, Error> {
    let number = smoke.optional_count(name)?.unwrap_or(default);
    if (least..=most).contains(&number) {
        Ok(number)
    } else {
        Err(smoke.error(name, &format!("must be between {least} and {most}")))
    }
}

fn max_slowdown(smoke: &Object<'_>) -> Result<f64, Error> {
    let ratio = smoke.optional_number("maxSlowdown")?.unwrap_or(1.5);
    if ratio > 1.0 && ratio <= 100.0 {
        Ok(ratio)
    } else {
        Err(smoke.error("maxSlowdown", "must be more than 1 and at most 100: 1.5 lets green take half as long again"))
    }
}

fn requests(smoke: &Object<'_>, has_version: bool) -> Result<Vec<Request>, Error> {
    let items = smoke.list("requests")?;
    if items.is_empty() {
        return Err(smoke.error("requests", "is missing or empty: add a request, or nothing is tested"));
    }
    if items.len() > MAX_REQUESTS {
        return Err(smoke.error("requests", &format!("must have at most {MAX_REQUESTS} requests")));
    }
    let mut names: HashSet<String> = HashSet::new();
    if has_version {
        names.insert(VERSION.to_owned());
    }
    let parse = |(index, item): (usize, &Value)| {
        let item = Object::of(item, &smoke.label(&format!("requests[{index}]")), Kind::ConfigInvalid)?;
        let request = Request::parse(&item)?;
        if names.insert(request.name.clone()) {
            Ok(request)
        } else {
            Err(item.error("name", &format!("is {:?} a second time: choose another", request.name)))
        }
    };
    items.iter().enumerate().map(parse).collect()
}

fn version(smoke: &Object<'_>) -> Result<Option<Version>, Error> {
    let pointer = smoke.optional_text("versionPointer")?;
    if smoke.get("versionPath").is_none() {
        return match pointer {
            Some(_) => Err(smoke.error("versionPath", "is missing: versionPointer needs it")),
            None => Ok(None),
        };
    }
    let pointer = pointer.unwrap_or("/version");
    if !pointer.starts_with('/') {
        return Err(smoke.error("versionPointer", "must be a JSON pointer: it begins with /"));
    }
    Ok(Some(Version { path: path(smoke, "versionPath")?, pointer: pointer.to_owned() }))
}

fn method(item: &Object<'_>) -> Result<Method, Error> {
    let name = item.optional_text("method")?.unwrap_or("GET");
    Method::ALL.into_iter().find(|method| method.name() == name).ok_or_else(|| {
        let names = Method::ALL.map(Method::name).join(", ");
        item.error("method", &format!("must be one of {names}, not {name:?}"))
    })
}

fn path(item: &Object<'_>, name: &str) -> Result<String, Error> {
    let path = item.text(name)?;
    place::check_path(path).map_err(|problem| item.error(name, &problem))?;
    Ok(path.to_owned())
}

fn headers(item: &Object<'_>) -> Result<Vec<(String, String)>, Error> {
    let Some(headers) = item.optional_object("headers")? else { return Ok(Vec::new()) };
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let read = |name: &str| {
        let value = headers.text(name)?;
        let lower = name.to_ascii_lowercase();
        if name.is_empty() || !name.bytes().all(token) {
            Err(headers.error(name, "is no name of a header"))
        } else if RESERVED.contains(&lower.as_str()) {
            Err(headers.error(name, "is set by the tester: leave it out"))
        } else if !value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
            Err(headers.error(name, "must have only visible ASCII characters and spaces"))
        } else {
            Ok((lower, value.to_owned()))
        }
    };
    headers.names().map(read).collect()
}
