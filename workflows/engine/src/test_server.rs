//! A tiny HTTP server for tests: notes every request and answers what the test says.

use std::sync::{Arc, Mutex};

use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Received {
    /// The first header of this name.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Status, headers and body of an answer.
pub(crate) type Reply = (u16, Vec<(&'static str, &'static str)>, String);

/// The server; it ends with the test's runtime.
pub(crate) struct Server {
    pub(crate) url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Server {
    /// Serves on a free port of the loopback interface.
    pub(crate) async fn start<F, A>(answer: F) -> Self
    where
        F: Fn(Received) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Reply> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        let noted = Arc::clone(&received);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (noted, answer) = (Arc::clone(&noted), answer.clone());
                let service = service_fn(move |request| serve(request, Arc::clone(&noted), answer.clone()));
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self { url, received }
    }

    /// A server that always answers the same.
    pub(crate) async fn constant(status: u16, headers: Vec<(&'static str, &'static str)>, body: &'static str) -> Self {
        Self::start(move |_| {
            let headers = headers.clone();
            async move { (status, headers, body.to_owned()) }
        })
        .await
    }

    /// What has come so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

async fn serve<F, A>(
    request: Request<Incoming>,
    noted: Arc<Mutex<Vec<Received>>>,
    answer: F,
) -> Result<Response<Full<Bytes>>, hyper::Error>
where
    F: Fn(Received) -> A,
    A: Future<Output = Reply>,
{
    let (parts, body) = request.into_parts();
    let body = String::from_utf8(body.collect().await?.to_bytes().to_vec()).unwrap();
    let received =
        Received { method: parts.method.to_string(), path: parts.uri.to_string(), headers: parts.headers, body };
    noted.lock().unwrap().push(received.clone());
    let (status, headers, body) = answer(received).await;
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    Ok(response.body(Full::from(body)).unwrap())
}
