//! The three calls of S3 that distributed Maps make, path-style: any endpoint that speaks S3's REST will do.

use std::time::Duration;

use super::transport::{Answer, Call, Http};
use super::{CallError, encode, xml};

/// The longest that a call may take, or a piece of an object be awaited, in real time.
const TIMEOUT: Duration = Duration::from_secs(70);

/// An object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) version: Option<String>,
}

/// What a listing says of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) key: String,
    pub(crate) etag: String,
    /// As S3 writes it: RFC 3339.
    pub(crate) last_modified: String,
    pub(crate) size: u64,
    pub(crate) storage_class: String,
}

/// One page of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) objects: Vec<Listed>,
    /// What the next page is asked for with, where there is one.
    pub(crate) next: Option<String>,
}

/// What is to be listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) bucket: String,
    pub(crate) prefix: Option<String>,
    pub(crate) start_after: Option<String>,
}

/// Writes an object to `file`; answers its entity tag, which another content does not have.
///
/// # Errors
/// S3 refused, or no answer came.
pub(crate) async fn get(
    http: &Http,
    object: &Location,
    file: &mut tokio::fs::File,
) -> Result<Option<String>, CallError> {
    let version = object.version.as_ref().map(|version| format!("?versionId={}", encode(version)));
    let path = format!("{}{}", path(&object.bucket, &object.key), version.unwrap_or_default());
    let answer = http.download(call(http::Method::GET, path), file).await?;
    checked(&answer)?;
    Ok(answer.header("etag").map(str::to_owned))
}

/// Writes an object.
///
/// # Errors
/// S3 refused, or no answer came.
pub(crate) async fn put(http: &Http, bucket: &str, key: &str, body: Vec<u8>) -> Result<(), CallError> {
    let headers = vec![("content-type", "application/json".to_owned())];
    let call = Call { headers, body, ..call(http::Method::PUT, path(bucket, key)) };
    checked(&http.send(call).await?)
}

/// One page of a listing; the first one without a token.
///
/// # Errors
/// S3 refused, no answer came, or it is not a listing.
pub(crate) async fn list(http: &Http, query: &Query, token: Option<&str>) -> Result<Page, CallError> {
    let mut text = format!("/{}?list-type=2", encode(&query.bucket));
    let parts = [
        ("prefix", query.prefix.as_deref()),
        ("start-after", query.start_after.as_deref()),
        ("continuation-token", token),
    ];
    for (name, value) in parts {
        if let Some(value) = value {
            text.push_str(&format!("&{name}={}", encode(value)));
        }
    }
    let answer = http.send(call(http::Method::GET, text)).await?;
    checked(&answer)?;
    read_page(&String::from_utf8_lossy(&answer.body)).map_err(CallError::Transport)
}

fn read_page(text: &str) -> Result<Page, String> {
    let root = xml::parse(text).map_err(|error| format!("the listing is not XML: {error}"))?;
    let objects = root.children.iter().filter(|child| child.name == "Contents").map(|object| {
        let text = |name| object.child(name).map(|child| child.text.clone()).unwrap_or_default();
        Listed {
            key: text("Key"),
            etag: text("ETag"),
            last_modified: text("LastModified"),
            size: text("Size").parse().unwrap_or_default(),
            storage_class: text("StorageClass"),
        }
    });
    let next = root.child("NextContinuationToken").map(|token| token.text.clone()).filter(|token| !token.is_empty());
    Ok(Page { objects: objects.collect(), next })
}

fn call(method: http::Method, path: String) -> Call {
    let (headers, body) = (Vec::new(), Vec::new());
    Call { method, host: "s3", signing: "s3", path, headers, body, base: None, timeout: TIMEOUT }
}

/// `/bucket/key`; the slashes of a key stay.
fn path(bucket: &str, key: &str) -> String {
    let key = key.split('/').map(encode).collect::<Vec<_>>().join("/");
    format!("/{}/{key}", encode(bucket))
}

fn checked(answer: &Answer) -> Result<(), CallError> {
    if answer.is_success() {
        return Ok(());
    }
    let error = xml::parse(&String::from_utf8_lossy(&answer.body)).unwrap_or_default();
    let text = |name| error.child(name).map(|child| child.text.clone()).unwrap_or_default();
    let (mut code, mut message) = (text("Code"), text("Message"));
    if code.is_empty() {
        code = answer.status.to_string();
        message = format!("S3 answered with the status {code}");
    }
    Err(CallError::Service { status: answer.status, code, message, request_id: answer.request_id() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_tells_its_objects_and_the_next() {
        let text = r#"<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
            <IsTruncated>true</IsTruncated><Contents><Key>a&amp;b/c</Key><LastModified>2024-01-02T03:04:05.000Z</LastModified>
            <ETag>&quot;e&quot;</ETag><Size>7</Size><StorageClass>STANDARD</StorageClass></Contents>
            <NextContinuationToken>t</NextContinuationToken></ListBucketResult>"#;
        let page = read_page(text).unwrap();
        let object = &page.objects[0];
        assert_eq!((object.key.as_str(), object.etag.as_str(), object.size), ("a&b/c", "\"e\"", 7));
        assert_eq!(page.next.as_deref(), Some("t"));
    }

    #[test]
    fn keys_keep_their_slashes() {
        assert_eq!(path("b", "a b/ü.json"), "/b/a%20b/%C3%BC.json");
    }
}
