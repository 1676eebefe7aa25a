//! `GET /metrics` on a port of its own.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::Metrics;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Connections at once.
const CONNECTIONS: usize = 16;
/// How long a request's head may take.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// The page, served.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Page {
    /// Serves the page at `listen`.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub(crate) async fn start(listen: SocketAddr, metrics: Arc<Metrics>) -> std::io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        Ok(Self { address, serving: tokio::spawn(accept(listener, metrics)) })
    }

    /// Closes the port.
    pub(crate) fn stop(&self) {
        self.serving.abort();
    }
}

async fn accept(listener: TcpListener, metrics: Arc<Metrics>) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // The semaphore is never closed.
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: accepting at once again would spin.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let metrics = Arc::clone(&metrics);
        tokio::spawn(async move {
            serve(stream, &metrics).await;
            drop(permit);
        });
    }
}

async fn serve(stream: TcpStream, metrics: &Metrics) {
    let service = service_fn(|request| async move { Ok::<_, Infallible>(answer(&request, metrics)) });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME);
    if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "a connection to the metrics ended early");
    }
}

fn answer(request: &Request<Incoming>, metrics: &Metrics) -> Response<Full<Bytes>> {
    let (status, kind, body) = match (request.method(), request.uri().path(), metrics.page()) {
        (&Method::GET, "/metrics", Ok(page)) => (StatusCode::OK, OPEN_METRICS, page),
        (&Method::GET, "/metrics", Err(error)) => {
            (StatusCode::INTERNAL_SERVER_ERROR, "text/plain", format!("the metrics cannot be written: {error}\n"))
        }
        _ => (StatusCode::NOT_FOUND, "text/plain", "there is only GET /metrics\n".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
