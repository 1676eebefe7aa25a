//! The HTTP server: connections, their limits, and the end.

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use engine::Engine;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;

use crate::backup::{self, Answer};
use crate::gate::Gate;
use crate::operation::Context;
use crate::request;

/// How a server listens.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Where; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Connections at once; more wait in the listener's queue. Each worker that polls holds one.
    pub connections: u32,
    /// How long a request's head may take, and a connection idle.
    pub head_time: Duration,
    /// How long requests under way may take to finish when the server stops.
    pub drain_time: Duration,
}

impl Options {
    /// The defaults: 4,096 connections, 75 seconds for a head, 10 seconds to drain.
    #[must_use]
    pub const fn on(listen: SocketAddr) -> Self {
        Self { listen, connections: 4096, head_time: Duration::from_secs(75), drain_time: Duration::from_secs(10) }
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
        let (stopping, watching) = watch::channel(false);
        let connections = Arc::new(Semaphore::new(self.options.connections as usize));
        let requests = Arc::new(AtomicU64::new(0));
        let gate = Gate::default();
        let acceptor = Acceptor {
            listener: self.listener,
            connections: Arc::clone(&connections),
            context: Context { engine, stopping: watching, gate: gate.clone() },
            head_time: self.options.head_time,
            requests: Arc::clone(&requests),
        };
        let accepting = tokio::spawn(acceptor.run());
        Server { address: self.address, stopping, accepting, connections, requests, gate, options: self.options }
    }
}

/// The API's server. Dropping it is [`Server::stop`] without the waiting.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stopping: watch::Sender<bool>,
    accepting: JoinHandle<()>,
    connections: Arc<Semaphore>,
    /// Requests received so far.
    requests: Arc<AtomicU64>,
    gate: Gate,
    options: Options,
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
        let drained = async {
            let _ = self.accepting.await;
            self.connections.acquire_many(self.options.connections).await.map(drop)
        };
        if tokio::time::timeout(self.options.drain_time, drained).await.is_err() {
            tracing::warn!("requests were still under way when the server stopped");
        }
    }
}

/// Returns when the server stops.
pub(crate) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error means that the server's handle is gone: a stop as well.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

struct Acceptor {
    listener: TcpListener,
    connections: Arc<Semaphore>,
    context: Context,
    head_time: Duration,
    requests: Arc<AtomicU64>,
}

impl Acceptor {
    async fn run(self) {
        let mut stopping = self.context.stopping.clone();
        loop {
            tokio::select! {
                biased;
                () = stopped(&mut stopping) => return,
                accepted = self.accept() => match accepted {
                    Ok((stream, permit)) => self.spawn(stream, permit),
                    Err(error) => {
                        // Out of file descriptors, most likely: accepting at once again would spin.
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                },
            }
        }
    }

    async fn accept(&self) -> std::io::Result<(TcpStream, OwnedSemaphorePermit)> {
        let permit = Arc::clone(&self.connections).acquire_owned().await.map_err(std::io::Error::other)?;
        let (stream, _) = self.listener.accept().await?;
        Ok((stream, permit))
    }

    fn spawn(&self, stream: TcpStream, permit: OwnedSemaphorePermit) {
        // Answers are small and whole: waiting to fill a packet would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY was refused");
        }
        let context = self.context.clone();
        let requests = Arc::clone(&self.requests);
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(self.head_time);
        tokio::spawn(async move {
            serve(&http, stream, &context, &requests).await;
            drop(permit);
        });
    }
}

/// Serves one connection until its end; when the server stops, until its present request is answered.
async fn serve(http: &http1::Builder, stream: TcpStream, context: &Context, requests: &AtomicU64) {
    let peer = stream.peer_addr().ok();
    let service = service_fn(|request| async move {
        let number = requests.fetch_add(1, Ordering::Relaxed) + 1;
        let response = match backup::answer(&context.engine, peer, request) {
            ControlFlow::Continue(request) => request::answer(context, request, number).await.map(Answer::Whole),
            ControlFlow::Break(response) => response,
        };
        Ok::<_, std::convert::Infallible>(response)
    });
    let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service));
    let mut stopping = context.stopping.clone();
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut stopping) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
