//! A side: a small HTTP server that does what the test wants.

use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

/// What a server does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// A status, and a body.
    Answer(u16, String),
    /// An answer after so long.
    Slow(Duration, String),
    /// A redirect to a URL.
    Redirect(String),
    /// A body that is longer than it should be.
    Huge,
    /// A body of which a byte comes now and then, without end.
    Dribble,
    /// An end in the middle of the body.
    Cut,
    /// Bytes that are no HTTP.
    Garbage,
    /// Nothing, ever.
    Silence,
}

/// A server.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) url: String,
    received: Arc<Mutex<Vec<String>>>,
    left: Arc<Notify>,
}

impl Server {
    /// Starts a server; `behave` is given a request's first line and how many came before it.
    pub(crate) async fn start(behave: impl Fn(&str, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen(None, behave).await
    }

    /// Starts a server behind TLS; its URL names `localhost`.
    pub(crate) async fn secure(
        acceptor: TlsAcceptor,
        behave: impl Fn(&str, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::listen(Some(acceptor), behave).await
    }

    async fn listen(tls: Option<TlsAcceptor>, behave: impl Fn(&str, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = if tls.is_some() { format!("https://localhost:{port}") } else { format!("http://127.0.0.1:{port}") };
        let server = Self { url, received: Arc::default(), left: Arc::default() };
        let (own, behave) = (server.clone(), Arc::new(behave));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (own, behave, tls) = (own.clone(), Arc::clone(&behave), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => own.serve(stream, &*behave).await,
                        // A client that does not trust us goes away.
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                own.serve(stream, &*behave).await;
                            }
                        }
                    }
                });
            }
        });
        server
    }

    /// A URL at which nobody listens.
    pub(crate) async fn nobody() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    }

    /// The heads of the requests, one connection each.
    pub(crate) fn received(&self) -> Vec<String> {
        self.received.lock().unwrap().clone()
    }

    /// Waits until a client that was kept waiting has gone.
    pub(crate) async fn left(&self) {
        tokio::time::timeout(Duration::from_secs(20), self.left.notified()).await.expect("the client stays");
    }

    async fn serve(
        &self,
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
        behave: &(dyn Fn(&str, usize) -> Reply + Sync),
    ) {
        let Some(request) = read(&mut stream).await else { return };
        let line = request.lines().next().unwrap_or_default().to_owned();
        let before = {
            let mut received = self.received.lock().unwrap();
            received.push(request);
            received.len() - 1
        };
        // A client that has gone does not hear the answer.
        let _ = answer(&mut stream, behave(&line, before)).await;
        // Nothing more is said, and nothing more is heard until the client goes.
        let _ = stream.read(&mut [0]).await;
        self.left.notify_one();
    }
}

async fn answer(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), reply: Reply) -> std::io::Result<()> {
    let head = |status: u16, more: &str, length: usize| {
        format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{more}\r\n")
    };
    let whole = |status: u16, body: &str| format!("{}{body}", head(status, "", body.len()));
    match reply {
        Reply::Answer(status, body) => stream.write_all(whole(status, &body).as_bytes()).await,
        Reply::Slow(delay, body) => {
            tokio::time::sleep(delay).await;
            stream.write_all(whole(200, &body).as_bytes()).await
        }
        Reply::Redirect(url) => stream.write_all(head(302, &format!("location: {url}\r\n"), 0).as_bytes()).await,
        Reply::Huge => {
            stream.write_all(head(200, "", 3 << 20).as_bytes()).await?;
            stream.write_all(&vec![b'x'; 3 << 20]).await
        }
        Reply::Dribble => {
            stream.write_all(head(200, "", 1 << 20).as_bytes()).await?;
            loop {
                stream.write_all(b"x").await?;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        Reply::Cut => {
            stream.write_all(head(200, "", 100).as_bytes()).await?;
            stream.shutdown().await
        }
        Reply::Garbage => {
            stream.write_all(b"220 mail.example ESMTP\r\n\r\n").await?;
            stream.shutdown().await
        }
        Reply::Silence => Ok(()),
    }
}

/// The head and the body of a request, the head in lower case.
async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return Some(format!("{head}\r\n\r\n{body}"));
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
