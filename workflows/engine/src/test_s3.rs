//! A tiny S3 for tests: one bucket, `b`, path-style, pages of two objects.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use crate::test_server::{Received, Reply, Server};

/// The bucket; it ends with the test's runtime.
pub(crate) struct Bucket {
    server: Server,
    objects: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Bucket {
    pub(crate) async fn start() -> Self {
        let objects: Arc<Mutex<BTreeMap<String, String>>> = Arc::default();
        let held = Arc::clone(&objects);
        let server = Server::start(move |request| {
            let reply = answer(&mut held.lock().unwrap(), &request);
            async move { reply }
        })
        .await;
        Self { server, objects }
    }

    pub(crate) fn url(&self) -> String {
        self.server.url.clone()
    }

    pub(crate) fn put(&self, key: &str, text: &str) {
        self.objects.lock().unwrap().insert(key.to_owned(), text.to_owned());
    }

    pub(crate) fn get(&self, key: &str) -> String {
        let objects = self.objects.lock().unwrap();
        objects.get(key).unwrap_or_else(|| panic!("no {key} among {:?}", objects.keys())).clone()
    }
}

fn answer(objects: &mut BTreeMap<String, String>, request: &Received) -> Reply {
    assert!(request.header("authorization").contains("/s3/aws4_request"), "not signed for S3");
    assert_eq!(request.header("x-amz-content-sha256").len(), 64);
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let Some(key) = path.strip_prefix("/b") else { return error(404, "NoSuchBucket") };
    let key = key.trim_start_matches('/');
    match request.method.as_str() {
        "PUT" => {
            objects.insert(key.to_owned(), request.body.clone());
            (200, vec![], String::new())
        }
        "GET" if query.starts_with("list-type=2") => (200, vec![], list(objects, query)),
        "GET" => match objects.get(key) {
            // Every content of another length has another tag.
            Some(text) if text.len() % 2 == 0 => (200, vec![("etag", "\"even\"")], text.clone()),
            Some(text) => (200, vec![("etag", "\"odd\"")], text.clone()),
            None => error(404, "NoSuchKey"),
        },
        method => panic!("unexpected {method}"),
    }
}

fn list(objects: &BTreeMap<String, String>, query: &str) -> String {
    let parameter = |name: &str| {
        let found = query.split('&').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name));
        found.map(|(_, value)| value.replace("%2F", "/")).unwrap_or_default()
    };
    let (prefix, token) = (parameter("prefix"), parameter("continuation-token"));
    let wanted: Vec<_> = objects.iter().filter(|(key, _)| key.starts_with(&prefix) && **key > token).collect();
    let mut text = "<ListBucketResult>".to_owned();
    for (key, body) in wanted.iter().take(2) {
        let size = body.len();
        let _ = write!(
            text,
            "<Contents><Key>{key}</Key><LastModified>2024-01-02T03:04:05.000Z</LastModified><ETag>&quot;e&quot;</ETag>\
             <Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        );
    }
    if wanted.len() > 2 {
        let _ = write!(text, "<NextContinuationToken>{}</NextContinuationToken>", wanted[1].0);
    }
    text + "</ListBucketResult>"
}

fn error(status: u16, code: &str) -> Reply {
    (
        status,
        vec![],
        format!("<Error><Code>{code}</Code><Message>The specified thing does not exist.</Message></Error>"),
    )
}
