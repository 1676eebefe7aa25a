//! The HTTP server: where it listens, what it lets in, and its end.

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use engine::Engine;
use http::Request;
use hyper::body::Incoming;
use listener::{Keys, Peer};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use crate::backup::{self, Answer};
use crate::gate::Gate;
use crate::neighbour::Neighbour;
use crate::operation::{Context, DEFINITIONS};
use crate::request;
use crate::throttle::{Buckets, Throttle};

/// How a server listens.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Bounds of connections, and TLS. Each worker that polls holds a connection.
    pub connections: listener::Options,
    /// How long requests under way may take to finish when the server stops.
    pub drain_time: Duration,
    /// What requests must be signed with; `None` takes any request, but those that a web page makes.
    pub keys: Option<Arc<Keys>>,
    /// How many requests of each operation are answered.
    pub throttle: Throttle,
}

impl Options {
    /// The defaults: 4,096 connections, 10 seconds to drain; no TLS, no signatures, no throttle.
    #[must_use]
    pub fn on(listen: SocketAddr) -> Self {
        Self {
            listen,
            connections: listener::Options::default(),
            drain_time: Duration::from_secs(10),
            keys: None,
            throttle: Throttle::none(),
        }
    }
}

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}; choose another --port, or end what uses this one")]
pub struct StartError {
    address: SocketAddr,
    source: std::io::Error,
}

/// An address that is listened on, before anybody is served: callers may be told of it, and will wait.
#[derive(Debug)]
pub struct Listener {
    listener: TcpListener,
    address: SocketAddr,
    options: Options,
}

impl Listener {
    /// Listens.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn bind(options: Options) -> Result<Self, StartError> {
        let refused = |source| StartError { address: options.listen, source };
        let listener = TcpListener::bind(options.listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        Ok(Self { listener, address, options })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves `engine`'s operations.
    #[must_use]
    pub fn serve(self, engine: Engine) -> Server {
        self.serve_with(engine, Vec::new())
    }

    /// Serves `engine`'s operations, and those of other APIs.
    #[must_use]
    pub fn serve_with(self, engine: Engine, neighbours: Vec<Arc<dyn Neighbour>>) -> Server {
        let Options { connections, drain_time, keys, throttle, .. } = self.options;
        let (stopping, watching) = watch::channel(false);
        let requests = Arc::new(AtomicU64::new(0));
        let gate = Gate::default();
        let definitions = Arc::new(Semaphore::new(DEFINITIONS));
        let buckets = Arc::new(Buckets::new(throttle));
        let context = Context {
            engine,
            stopping: watching.clone(),
            gate: gate.clone(),
            keys,
            buckets,
            definitions,
            neighbours: neighbours.into(),
        };
        let counted = Arc::clone(&requests);
        let handler = move |request: Request<Incoming>| {
            let context = context.clone();
            let number = counted.fetch_add(1, Ordering::Relaxed) + 1;
            async move {
                let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
                match backup::answer(&context.engine, context.keys.as_deref(), peer, request) {
                    ControlFlow::Continue(request) => {
                        request::answer(&context, request, number).await.map(Answer::Whole)
                    }
                    ControlFlow::Break(response) => response,
                }
            }
        };
        let serving = tokio::spawn(listener::serve(self.listener, connections, watching, handler));
        Server { address: self.address, stopping, serving, requests, gate, drain_time }
    }
}

/// The API's server. Dropping it is [`Server::stop`] without the waiting.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stopping: watch::Sender<bool>,
    serving: JoinHandle<()>,
    /// Requests received so far.
    requests: Arc<AtomicU64>,
    gate: Gate,
    drain_time: Duration,
}

impl Server {
    /// Listens and serves `engine`'s operations.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn start(engine: Engine, options: Options) -> Result<Self, StartError> {
        Ok(Listener::bind(options).await?.serve(engine))
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The gate before requests that change something.
    #[must_use]
    pub fn gate(&self) -> Gate {
        self.gate.clone()
    }

    /// Stops accepting, lets requests under way finish within the drain time (held polls answer at once), then closes.
    pub async fn stop(self) {
        self.stopping.send_replace(true);
        tracing::debug!(requests = self.requests.load(Ordering::Relaxed), "the server stops");
        let mut serving = self.serving;
        if tokio::time::timeout(self.drain_time, &mut serving).await.is_err() {
            serving.abort();
            tracing::warn!("requests were still under way when the server stopped");
        }
    }
}

/// Returns when the server stops.
pub(crate) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error means that the server's handle is gone: a stop as well.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
