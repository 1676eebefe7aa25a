//! Accepting connections, and HTTP/1.1 on each.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::body::Arrival;
use crate::connections::{Connections, Seat};
use crate::tls::Tls;

/// Pause after a connection that could not be accepted, where nobody makes room.
const BREATH: Duration = Duration::from_millis(50);
/// The first byte of a TLS connection: a handshake record.
const HANDSHAKE: u8 = 22;
/// Bytes of a request's head: AWS's own front doors take about as much.
const HEAD_BYTES: usize = 64 << 10;

/// Who sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// The bounds of a listener's connections.
#[derive(Clone, Debug)]
pub struct Options {
    /// Connections at once. One more displaces the one that has been waiting for longest, or waits itself where all are
    /// being answered.
    pub connections: u32,
    /// How long a TLS handshake or a request's head may take, and how long a connection may be idle.
    pub head_time: Duration,
    /// How long a request's body may take.
    pub body_time: Duration,
    /// The certificate. With it, connections from other machines are encrypted; on this machine a plain one is served,
    /// too, since nobody can listen to it.
    pub tls: Option<Tls>,
}

impl Default for Options {
    /// 4,096 connections, 75 seconds for a head, 30 for a body, no TLS.
    fn default() -> Self {
        Self { connections: 4096, head_time: Duration::from_secs(75), body_time: Duration::from_secs(30), tls: None }
    }
}

/// Serves a listener until `stopping` turns true, or its sender is gone; then lets requests under way end. Dropping the
/// future drops every connection. `handler` reads bodies with [`receive`](crate::receive).
/// Who calls is among a request's extensions, a [`Peer`].
pub async fn serve<H, F, B>(listener: TcpListener, options: Options, mut stopping: watch::Receiver<bool>, handler: H)
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let connections = Connections::new(options.connections as usize);
    let options = Arc::new(options);
    let mut open = JoinSet::new();
    let ended = stopping.clone();
    let mut stop = pin!(stopped(&mut stopping));
    'serving: loop {
        // Kept while others end: it may have accepted a connection that waits for its place.
        let mut accepting = pin!(accept(&listener, &connections));
        let (stream, peer, seat) = loop {
            tokio::select! {
                biased;
                () = stop.as_mut() => break 'serving,
                Some(_) = open.join_next() => {}
                accepted = accepting.as_mut() => break accepted,
            }
        };
        let connection = Connection {
            seat: Arc::new(seat),
            options: Arc::clone(&options),
            stopping: ended.clone(),
            handler: handler.clone(),
        };
        open.spawn(connection.run(stream, peer));
    }
    drop(listener);
    while open.join_next().await.is_some() {}
}

async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone: a stop as well.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// The next connection, with its place. A connection that has been accepted is lost when this is dropped, which only a
/// stop does.
async fn accept(listener: &TcpListener, connections: &Arc<Connections>) -> (TcpStream, SocketAddr, Seat) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, connections.seat().await),
            Err(error) => {
                // Out of file descriptors, most likely: one that waits can spare its own.
                let room = connections.evict();
                tracing::warn!(%error, room, "a connection could not be accepted");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

/// One connection.
struct Connection<H> {
    seat: Arc<Seat>,
    options: Arc<Options>,
    stopping: watch::Receiver<bool>,
    handler: H,
}

impl<H, F, B> Connection<H>
where
    H: Fn(Request<Incoming>) -> F + Send + Sync,
    F: Future<Output = Response<B>> + Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    async fn run(self, stream: TcpStream, peer: SocketAddr) {
        // Answers are small and whole: waiting to fill a packet would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY was refused");
        }
        let seat = Arc::clone(&self.seat);
        tokio::select! {
            biased;
            () = seat.told() => tracing::debug!(%peer, "a connection makes room for another"),
            () = self.talk(stream, peer) => {}
        }
    }

    async fn talk(self, stream: TcpStream, peer: SocketAddr) {
        let Some(tls) = &self.options.tls else { return self.http(stream, peer).await };
        let encrypted = tokio::time::timeout(self.options.head_time, begins_encrypted(&stream)).await;
        match encrypted {
            Ok(Ok(true)) => match tokio::time::timeout(self.options.head_time, tls.acceptor().accept(stream)).await {
                Ok(Ok(stream)) => self.http(stream, peer).await,
                Ok(Err(error)) => tracing::debug!(%peer, %error, "a TLS handshake failed"),
                Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
            },
            Ok(Ok(false)) if is_here(&stream, peer) => self.http(stream, peer).await,
            Ok(Ok(false)) => refuse_plain(stream).await,
            Ok(Err(error)) => tracing::debug!(%peer, %error, "a connection ended before it began"),
            Err(_) => tracing::debug!(%peer, "a connection sent nothing"),
        }
    }

    async fn http(self, stream: impl AsyncRead + AsyncWrite + Unpin, peer: SocketAddr) {
        let service = service_fn(|mut request: Request<Incoming>| {
            self.seat.waiting();
            let arrival = Arrival { seat: Arc::clone(&self.seat), time: self.options.body_time };
            request.extensions_mut().insert(arrival);
            request.extensions_mut().insert(Peer(peer));
            let answer = (self.handler)(request);
            async {
                let answer = answer.await;
                self.seat.waiting();
                Ok::<_, Infallible>(answer)
            }
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(self.options.head_time).max_buf_size(HEAD_BYTES);
        let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
        let mut stopping = self.stopping.clone();
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
}

/// Whether the caller is on this machine: on loopback, or at the very address that it calls.
fn is_here(stream: &TcpStream, peer: SocketAddr) -> bool {
    let caller = peer.ip().to_canonical();
    caller.is_loopback() || stream.local_addr().is_ok_and(|own| own.ip().to_canonical() == caller)
}

/// Whether the first byte is that of a TLS handshake; it stays to be read.
async fn begins_encrypted(stream: &TcpStream) -> std::io::Result<bool> {
    let mut first = [0];
    match stream.peek(&mut first).await? {
        0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(first[0] == HANDSHAKE),
    }
}

/// Says to a plain client what it should have said.
async fn refuse_plain(mut stream: TcpStream) {
    let text = "This port is encrypted: use https://\n";
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
        text.len()
    );
    // It may have gone already.
    let _ = stream.write_all(answer.as_bytes()).await;
}

#[cfg(test)]
mod tests;
