//! The operations of Lambda's API (2015-03-31) on functions themselves.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use listener::Unread;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::config::is_name;
use crate::functions::{Entry, Functions};
use crate::identity;
use crate::invoke::Body;
use crate::name;
use crate::package::LARGEST_PACKAGE;
use crate::refusal::{Refusal, put};
use crate::settings::{self, Change, Settings};
use crate::wire::{self, Answer};

const FUNCTIONS: &str = "/2015-03-31/functions";
/// Largest request, in bytes, as on AWS: 50 MB in base64, and a little.
pub(crate) const LARGEST_REQUEST: usize = 70_167_211;
/// Functions on one page of a list.
const PAGE: usize = 50;

/// What `CreateFunction` says besides the settings.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Creation {
    function_name: Option<String>,
    role: Option<String>,
    handler: Option<String>,
    runtime: Option<String>,
    package_type: Option<String>,
    architectures: Option<Vec<String>>,
    tags: BTreeMap<String, String>,
    publish: bool,
}

/// What `UpdateFunctionCode` says besides the code.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Recoding {
    dry_run: bool,
    publish: bool,
    revision_id: Option<String>,
}

/// Answers a request about functions.
pub(crate) async fn answer(functions: &Functions, request: Request<Body>) -> Result<Answer, Refusal> {
    let (path, query) = (request.uri().path().to_owned(), request.uri().query().unwrap_or_default().to_owned());
    let method = request.method().clone();
    let unknown = || {
        let text = format!(
            "{method} {path} is not served: this host knows CreateFunction, ListFunctions, GetFunction, \
             GetFunctionConfiguration, UpdateFunctionCode, UpdateFunctionConfiguration, DeleteFunction and Invoke"
        );
        Refusal::user(StatusCode::NOT_FOUND, "UnknownOperationException", text)
    };
    let rest = path.strip_prefix(FUNCTIONS).map(|rest| rest.trim_matches('/')).ok_or_else(unknown)?;
    let (name, part) = rest.split_once('/').unwrap_or((rest, ""));
    let done = match (&method, name, part) {
        (&Method::POST, "", "") => create(functions, request).await?,
        (&Method::GET, "", "") => list(functions, &query)?,
        (&Method::GET, name, "") => get(functions, &functions.find(name, &query)?),
        (&Method::GET, name, "configuration") => described(functions, StatusCode::OK, &functions.find(name, &query)?),
        (&Method::DELETE, name, "") => delete(functions, name, &query).await?,
        (&Method::PUT, name, "code") => recode(functions, name, request).await?,
        (&Method::PUT, name, "configuration") => reconfigure(functions, name, request).await?,
        _ => return Err(unknown()),
    };
    Ok(done)
}

/// The package of a created function: where `GetFunction` sends whoever wants it.
pub(crate) async fn package(functions: &Functions, name: &str) -> Result<Answer, Refusal> {
    let code = functions.find(name, "")?.code;
    let code = code.ok_or_else(|| Refusal::conflict(format!("The function {name} was not created from a package")))?;
    let package = tokio::fs::read(code.package()).await;
    let package = package.map_err(|error| Refusal::service(&format!("the package cannot be read: {error}")))?;
    let mut answer = wire::json(StatusCode::OK, package);
    answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/zip"));
    Ok(answer)
}

async fn create(functions: &Functions, request: Request<Body>) -> Result<Answer, Refusal> {
    let mut body = body(request, "CreateFunction").await?;
    settings::check_served(&body)?;
    // The package is large: it is taken out before the rest is read.
    let code = body.remove("Code").and_then(|code| if let Value::Object(code) = code { Some(code) } else { None });
    let creation: Creation = read(&body)?;
    let change: Change = read(&body)?;
    let name = creation.name(&functions.region, &functions.account)?;
    if creation.role.is_none() {
        return Err(Refusal::constraint("role", None, "not be null"));
    }
    check_package(creation.package_type.as_deref(), creation.publish)?;
    let code = code.ok_or_else(|| Refusal::constraint("code", None, "not be null"))?;
    let (Some(runtime), Some(_)) = (&creation.runtime, &creation.handler) else {
        let text = "Runtime and Handler are mandatory parameters for functions created with deployment packages.";
        return Err(Refusal::value(text));
    };
    let mut settings = Settings::new(&name, settings::served(runtime)?);
    change.apply(&mut settings)?;
    settings.tags = creation.tags;
    settings.architectures = architectures(creation.architectures, settings.architectures)?;
    let entry = functions.create(settings, zip(&code)?).await?;
    Ok(described(functions, StatusCode::CREATED, &entry))
}

impl Creation {
    /// The function's name, however it is written.
    fn name(&self, region: &str, account: &str) -> Result<String, Refusal> {
        let text = self.function_name.as_deref();
        let text = text.ok_or_else(|| Refusal::constraint("functionName", None, "not be null"))?;
        let name = name::resolve(text, "", region, account).ok().filter(|name| is_name(&name.function));
        let pattern = "satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}(-gov)?-[a-z]+-\\d{1}\
                       :)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?, and have length less \
                       than or equal to 64";
        name.map(|name| name.function).ok_or_else(|| Refusal::constraint("functionName", Some(text), pattern))
    }
}

fn check_package(package_type: Option<&str>, publish: bool) -> Result<(), Refusal> {
    match package_type {
        None | Some("Zip") => {}
        Some(other) => {
            return Err(Refusal::value(format!(
                "PackageType {other} is not supported by this host: give a zip package"
            )));
        }
    }
    if publish {
        return Err(Refusal::value(
            "Publish is not supported by this host: functions have the version $LATEST and no other; leave it out",
        ));
    }
    Ok(())
}

fn architectures(asked: Option<Vec<String>>, otherwise: Vec<String>) -> Result<Vec<String>, Refusal> {
    match asked {
        None => Ok(otherwise),
        Some(asked) if matches!(asked.as_slice(), [one] if one == "x86_64" || one == "arm64") => Ok(asked),
        Some(asked) => {
            let constraint = "satisfy enum value set: [x86_64, arm64], and be one";
            Err(Refusal::constraint("architectures", Some(&asked.join(", ")), constraint))
        }
    }
}

/// The package in a request.
fn zip(code: &Map<String, Value>) -> Result<Vec<u8>, Refusal> {
    let Some(text) = code.get("ZipFile").and_then(Value::as_str) else {
        let elsewhere = ["S3Bucket", "S3Key", "ImageUri", "SourceKMSKeyArn"].into_iter();
        let named = elsewhere.filter(|member| code.contains_key(*member)).collect::<Vec<_>>().join(", ");
        let text = if named.is_empty() {
            "Please provide a source for function code.".to_owned()
        } else {
            format!("{named}: this host does not fetch code from elsewhere; send the package itself, as ZipFile")
        };
        return Err(Refusal::value(text));
    };
    let package = BASE64_STANDARD.decode(text).map_err(|error| {
        let text = format!("Code.ZipFile is not base64: {error}");
        Refusal::user(StatusCode::BAD_REQUEST, "SerializationException", text)
    })?;
    if package.len() > LARGEST_PACKAGE {
        let text = format!("The package has {} bytes, and {LARGEST_PACKAGE} are taken at most", package.len());
        return Err(Refusal::user(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLargeException", text));
    }
    Ok(package)
}

fn get(functions: &Functions, entry: &Entry) -> Answer {
    let mut document = json!({ "Configuration": configuration(functions, entry) });
    if entry.code.is_some() {
        let location = format!("{}/_host/functions/{}/code", functions.url, entry.settings.name);
        document["Code"] = json!({"RepositoryType": "Host", "Location": location});
    }
    if !entry.settings.tags.is_empty() {
        document["Tags"] = json!(entry.settings.tags);
    }
    told(StatusCode::OK, &document)
}

fn list(functions: &Functions, query: &str) -> Result<Answer, Refusal> {
    let marker = parameter(query, "Marker").unwrap_or_default();
    let most = match parameter(query, "MaxItems") {
        None => PAGE,
        Some(text) => match text.parse() {
            Ok(most @ 1..=10_000) => PAGE.min(most),
            _ => return Err(Refusal::constraint("maxItems", Some(&text), "be between 1 and 10000")),
        },
    };
    // A marker is the name of the last function on the page before.
    let after = functions.all().into_iter().filter(|entry| entry.settings.name > marker);
    let mut page: Vec<Entry> = after.take(most + 1).collect();
    let more = page.len() > most;
    page.truncate(most);
    let next = page.last().filter(|_| more).map(|entry| entry.settings.name.clone());
    let page: Vec<Value> = page.iter().map(|entry| configuration(functions, entry)).collect();
    let mut document = json!({ "Functions": page });
    if let Some(next) = next {
        document["NextMarker"] = json!(next);
    }
    Ok(told(StatusCode::OK, &document))
}

async fn delete(functions: &Functions, name: &str, query: &str) -> Result<Answer, Refusal> {
    let entry = functions.find(name, query)?;
    let qualified = name::resolve(name, query, &functions.region, &functions.account)?.qualifier.is_some();
    if qualified {
        return Err(Refusal::value("$LATEST version cannot be deleted without deleting the function."));
    }
    functions.delete(&entry.settings.name).await?;
    let mut answer = wire::json(StatusCode::NO_CONTENT, "");
    put(answer.headers_mut(), "x-amzn-requestid", &identity::request_id());
    Ok(answer)
}

async fn recode(functions: &Functions, name: &str, request: Request<Body>) -> Result<Answer, Refusal> {
    let name = functions.find(name, "")?.settings.name.clone();
    let mut body = body(request, "UpdateFunctionCode").await?;
    let package = zip(&body);
    body.remove("ZipFile");
    let recoding: Recoding = read(&body)?;
    check_package(None, recoding.publish)?;
    let package = package?;
    let check = |current: &Settings| settings::check_revision(recoding.revision_id.as_deref(), &current.revision);
    let entry = functions.recode(&name, package, recoding.dry_run, check).await?;
    Ok(described(functions, StatusCode::OK, &entry))
}

async fn reconfigure(functions: &Functions, name: &str, request: Request<Body>) -> Result<Answer, Refusal> {
    let name = functions.find(name, "")?.settings.name.clone();
    let body = body(request, "UpdateFunctionConfiguration").await?;
    settings::check_served(&body)?;
    let change: Change = read(&body)?;
    let entry = functions.reconfigure(&name, |settings| change.apply(settings)).await?;
    Ok(described(functions, StatusCode::OK, &entry))
}

fn configuration(functions: &Functions, entry: &Entry) -> Value {
    entry.settings.describe(entry.pool.arn(), &functions.state(entry))
}

fn described(functions: &Functions, status: StatusCode, entry: &Entry) -> Answer {
    told(status, &configuration(functions, entry))
}

fn told(status: StatusCode, document: &Value) -> Answer {
    let mut answer = wire::json(status, document.to_string());
    put(answer.headers_mut(), "x-amzn-requestid", &identity::request_id());
    answer
}

/// A parameter of the query.
fn parameter(query: &str, name: &str) -> Option<String> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(key, _)| *key == name)?;
    Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
}

async fn body(request: Request<Body>, operation: &str) -> Result<Map<String, Value>, Refusal> {
    let (head, body) = request.into_parts();
    let body: Bytes = match listener::receive(&head.extensions, body, LARGEST_REQUEST).await {
        Ok(body) => body,
        Err(Unread::TooLong) => {
            let text = format!("Request must be smaller than {LARGEST_REQUEST} bytes for the {operation} operation");
            return Err(Refusal::user(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLargeException", text));
        }
        Err(other) => return Err(Refusal::unread(&other)),
    };
    serde_json::from_slice(&body).map_err(|error| Refusal::content(&error.to_string()))
}

fn read<T: DeserializeOwned>(body: &Map<String, Value>) -> Result<T, Refusal> {
    T::deserialize(Value::Object(body.clone()))
        .map_err(|error| Refusal::user(StatusCode::BAD_REQUEST, "SerializationException", error.to_string()))
}
