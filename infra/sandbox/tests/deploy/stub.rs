//! A stand-in for the Lambda Invoke API and the Step Functions API: it answers as told and remembers what it got.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request that the stub got: path, headers in lower case, body.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) head: String,
    pub(crate) body: Value,
}

type Answer = Arc<dyn Fn(&Seen) -> (u16, Value) + Send + Sync>;

/// The stub; it ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct Stub {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Stub {
    /// Listens, and answers each request with the status and body that `answer` gives.
    pub(crate) async fn start(answer: impl Fn(&Seen) -> (u16, Value) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stub = Self { url, seen: Arc::default() };
        let (seen, answer): (_, Answer) = (Arc::clone(&stub.seen), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&seen), Arc::clone(&answer)));
            }
        });
        stub
    }

    /// Everything it got so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// What it got last.
    pub(crate) fn last(&self) -> Seen {
        self.seen().last().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, seen: Arc<Mutex<Vec<Seen>>>, answer: Answer) {
    let mut bytes = Vec::new();
    let (head, length) = loop {
        let mut buffer = [0; 4096];
        let Ok(count) = stream.read(&mut buffer).await else { return };
        if count == 0 {
            return;
        }
        bytes.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let head = head.to_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
        let length: usize = length.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        if body.len() >= length {
            break (head, length);
        }
    };
    let body = &bytes[bytes.len() - length..];
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let request = Seen { path, head, body: serde_json::from_slice(body).unwrap_or_default() };
    let (status, body) = answer(&request);
    seen.lock().unwrap().push(request);
    let body = body.to_string();
    let text = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    let _written = stream.write_all(text.as_bytes()).await;
}
