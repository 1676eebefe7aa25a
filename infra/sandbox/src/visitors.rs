//! The data plane: the listeners of the load balancer as real ports that answer real requests.
//!
//! An answer takes as long as the model says in real milliseconds, whatever the time scale: who probes a release
//! measures a real connection.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::Error;
use crate::server::{self, Shared};
use crate::world::LISTENERS;

/// The longest an answer takes, real time.
const LONGEST: Duration = Duration::from_secs(30);

/// Opens the ports of all listeners, from `base` on; 0: any free ones.
pub(crate) async fn open(host: IpAddr, base: u16) -> Result<Vec<TcpListener>, Error> {
    let mut listeners = Vec::with_capacity(LISTENERS);
    for index in 0..LISTENERS as u16 {
        let port = if base == 0 { 0 } else { base.saturating_add(index) };
        let address = SocketAddr::new(host, port);
        let listener = TcpListener::bind(address).await.map_err(|source| Error::Listen { address, source })?;
        listeners.push(listener);
    }
    Ok(listeners)
}

/// Answers the requests of the listener of that index until told to stop.
pub(crate) async fn serve(
    listener: TcpListener,
    index: usize,
    shared: Arc<Shared>,
    mut stopped: watch::Receiver<bool>,
) {
    let told = stopped.clone();
    let stop = async move { stopped.wait_for(|stopped| *stopped).await.is_ok() };
    tokio::pin!(stop);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    tokio::spawn(connection(stream, index, Arc::clone(&shared), told.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(server::POLL).await;
                }
            },
            _ = &mut stop => return,
        }
    }
}

async fn connection(stream: TcpStream, index: usize, shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let service = service_fn(move |request| answer(Arc::clone(&shared), index, request));
    let mut builder = http1::Builder::new();
    let connection = builder.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        ended = connection => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended early");
            }
        }
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
}

async fn answer(
    shared: Arc<Shared>,
    index: usize,
    request: http::Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    // The body does not matter, but it has to be read for the connection to go on.
    let _read = body.collect().await;
    let authorised = parts.headers.contains_key("authorization");
    let answer = shared.with_world(|world| world.visit(index, parts.uri.path(), authorised));
    tokio::time::sleep(Duration::from_secs_f64(answer.latency_ms / 1000.0).min(LONGEST)).await;
    let response = Response::builder()
        .status(StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(answer.body.to_string())));
    Ok(response.unwrap_or_default())
}
