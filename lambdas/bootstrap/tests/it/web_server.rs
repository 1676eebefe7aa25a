//! A webhook: a small HTTP server that answers from a list and keeps what it was sent.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request: its first line, its head, and its body.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// A server.
#[derive(Debug, Clone)]
pub(crate) struct WebServer {
    pub(crate) url: String,
    received: Arc<Mutex<Vec<Request>>>,
    news: Arc<tokio::sync::Notify>,
}

impl WebServer {
    /// Starts a server with one answer (status, headers and body) per request; the last one repeats.
    pub(crate) async fn start(answers: &[(u16, &str, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Vec::new()));
        let news = Arc::new(tokio::sync::Notify::new());
        let render = |(status, headers, body): &(u16, &str, &str)| {
            let length = body.len();
            format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}")
        };
        let answers: Arc<Mutex<VecDeque<String>>> = Arc::new(Mutex::new(answers.iter().map(render).collect()));
        let server = Self { url, received: Arc::clone(&received), news: Arc::clone(&news) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&received), Arc::clone(&answers), Arc::clone(&news)));
            }
        });
        server
    }

    pub(crate) fn received(&self) -> Vec<Request> {
        self.received.lock().unwrap().clone()
    }

    /// Waits for a request that the choice picks.
    pub(crate) async fn until(&self, choice: impl Fn(&Request) -> bool) -> Request {
        let found = async {
            loop {
                let news = self.news.notified();
                if let Some(request) = self.received().into_iter().find(|request| choice(request)) {
                    return request;
                }
                news.await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(20), found).await.expect("the request never came")
    }
}

async fn serve(
    mut stream: TcpStream,
    received: Arc<Mutex<Vec<Request>>>,
    answers: Arc<Mutex<VecDeque<String>>>,
    news: Arc<tokio::sync::Notify>,
) {
    let Some(request) = read(&mut stream).await else { return };
    received.lock().unwrap().push(request);
    news.notify_waiters();
    let answer = {
        let mut answers = answers.lock().unwrap();
        if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }
    };
    match answer {
        Some(answer) => {
            let _ = stream.write_all(answer.as_bytes()).await;
        }
        // Nothing to say: the connection is held.
        None => std::future::pending().await,
    }
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            if body.len() >= length.unwrap_or(0) {
                let line = text.lines().next().unwrap_or_default().to_owned();
                return Some(Request { line, head, body: body.to_owned() });
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
