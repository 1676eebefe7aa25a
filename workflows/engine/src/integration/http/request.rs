//! The request of an HTTP Task: what the definition says, with what the connection says over it.

use asl::Value;
use execution::Failure;
use http::Method;

use super::connection::Connection;
use super::{form, invalid, missing, runtime};
use crate::aws::encode;

/// What an HTTP Task may call with.
const METHODS: [Method; 7] =
    [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS, Method::HEAD];

/// A request, as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: Method,
    /// With the query.
    pub(super) url: String,
    /// In the order in which they are sent.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<String>,
}

impl Request {
    /// The request that a task's evaluated parameters ask for.
    ///
    /// # Errors
    /// `States.Runtime`, with the field.
    pub(super) fn of(parameters: &Value, connection: &Connection, region: &str) -> Result<Self, Failure> {
        let text = |field: &str| parameters.get(field).and_then(Value::as_str).ok_or_else(|| missing(field));
        let (endpoint, method) = (text("ApiEndpoint")?, text("Method")?);
        let method = METHODS
            .into_iter()
            .find(|known| known.as_str() == method)
            .ok_or_else(|| invalid("Method", "it must be GET, POST, PUT, DELETE, PATCH, OPTIONS or HEAD"))?;
        let mut headers = own_headers(parameters.get("Headers"))?;
        for (name, value) in &connection.headers {
            set(&mut headers, name, value);
        }
        set(&mut headers, "User-Agent", &format!("Amazon|StepFunctions|HttpInvoke|{region}"));
        set(&mut headers, "Range", "bytes=0-262144");
        let query = query(parameters.get("QueryParameters"), &connection.query)?;
        Ok(Self { method, url: with_query(endpoint, &query), headers, body: body(parameters, &connection.body)? })
    }

    /// `https` or `http`.
    pub(super) fn protocol(&self) -> &str {
        self.url.split(':').next().unwrap_or_default()
    }
}

/// Sets a header, in place of all of its name.
fn set(headers: &mut Vec<(String, String)>, name: &str, value: &str) {
    headers.retain(|(found, _)| !found.eq_ignore_ascii_case(name));
    headers.push((name.to_owned(), value.to_owned()));
}

fn own_headers(given: Option<&Value>) -> Result<Vec<(String, String)>, Failure> {
    let Some(given) = given.filter(|given| **given != Value::Null) else { return Ok(Vec::new()) };
    let members = given.as_object().ok_or_else(|| invalid("Headers", "it must be an object of texts by name"))?;
    let mut headers = Vec::new();
    for (name, value) in members {
        if asl::is_refused_header(name) {
            return Err(invalid("Headers", &format!("an HTTP Task may not set the header '{name}'")));
        }
        headers.extend(texts(value).map(|value| (name.to_string(), value)));
    }
    Ok(headers)
}

/// The values of a header or a query parameter: one, or those of an array; `null` has none.
fn texts(value: &Value) -> impl Iterator<Item = String> {
    let values = match value {
        Value::Array(items) => items.as_slice(),
        Value::Null => &[],
        one => std::slice::from_ref(one),
    };
    values.iter().map(form::scalar)
}

/// The query, encoded; a parameter of the connection takes the place of those of its name.
fn query(given: Option<&Value>, connection: &[(String, String)]) -> Result<String, Failure> {
    let mut parts = match given {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) => vec![(None, text.to_string())],
        Some(Value::Array(items)) => items.iter().flat_map(loose_pairs).collect(),
        Some(object @ Value::Object(_)) => loose_pairs(object),
        Some(_) => return Err(invalid("QueryParameters", "it must be an object, an array or a text")),
    };
    for (name, value) in connection {
        parts.retain(|(found, _)| found.as_ref() != Some(name));
        parts.push((Some(name.clone()), pair(name, value)));
    }
    Ok(parts.into_iter().map(|(_, part)| part).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("&"))
}

/// The parts of a query that an object names; what is no object is a part as it stands.
fn loose_pairs(value: &Value) -> Vec<(Option<String>, String)> {
    let Some(members) = value.as_object() else { return vec![(None, form::scalar(value))] };
    let pairs = members.iter().flat_map(|(name, value)| texts(value).map(move |value| (name, value)));
    pairs.map(|(name, value)| (Some(name.to_string()), pair(name, &value))).collect()
}

fn pair(name: &str, value: &str) -> String {
    format!("{}={}", encode(name), encode(value))
}

fn with_query(endpoint: &str, query: &str) -> String {
    let endpoint = endpoint.split('#').next().unwrap_or_default();
    match (query.is_empty(), endpoint.contains('?')) {
        (true, _) => endpoint.to_owned(),
        (false, true) => format!("{endpoint}&{query}"),
        (false, false) => format!("{endpoint}?{query}"),
    }
}

/// The body, merged first and encoded then.
fn body(parameters: &Value, connection: &[(String, String)]) -> Result<Option<String>, Failure> {
    let given = parameters.get("RequestBody").filter(|given| **given != Value::Null);
    let mut merged = match (given, connection.is_empty()) {
        (None, true) => return Ok(None),
        (None, false) => Value::object::<&str>([]),
        (Some(given), _) => given.clone(),
    };
    if !connection.is_empty() && merged.as_object().is_none() {
        let cause = "The RequestBody and the body parameters of the connection cannot be merged: the RequestBody must \
                     be an object where the connection has body parameters";
        return Err(runtime(cause));
    }
    for (name, value) in connection {
        merged.insert(name.as_str(), Value::from(value.as_str()));
    }
    let arrays = encoding(parameters.get("Transform"))?;
    Ok(Some(match (merged, arrays) {
        (Value::String(text), _) => text.to_string(),
        (merged, Some(arrays)) => form::encoded(&merged, arrays),
        (merged, None) => merged.to_string(),
    }))
}

/// How a body is encoded as a form, where it is.
fn encoding(transform: Option<&Value>) -> Result<Option<form::Arrays>, Failure> {
    let Some(transform) = transform else { return Ok(None) };
    match transform.get("RequestBodyEncoding").map(|encoding| encoding.as_str().unwrap_or_default()) {
        None | Some("NONE") => return Ok(None),
        Some("URL_ENCODED") => {}
        Some(_) => return Err(invalid("RequestBodyEncoding", "it must be NONE or URL_ENCODED")),
    }
    let options = transform.get("RequestEncodingOptions");
    let Some(format) = options.and_then(|options| options.get("ArrayFormat")) else {
        return Ok(Some(form::Arrays::Indices));
    };
    let arrays = form::Arrays::named(format.as_str().unwrap_or_default());
    arrays.map(Some).ok_or_else(|| invalid("ArrayFormat", "it must be INDICES, REPEAT, COMMAS or BRACKETS"))
}
