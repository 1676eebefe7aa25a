//! A Step Functions with one activity, which hands out tasks and takes results, and a Secrets Manager with one secret.

use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// The service; results come out of `results` as (action, body).
pub(crate) struct StepFunctions {
    pub(crate) endpoint: String,
    tasks: Arc<Mutex<VecDeque<Value>>>,
    secret: Arc<Mutex<String>>,
    results: mpsc::UnboundedReceiver<(String, Value)>,
}

impl StepFunctions {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let tasks = Arc::new(Mutex::new(VecDeque::new()));
        let (sender, results) = mpsc::unbounded_channel();
        let secret = Arc::new(Mutex::new(String::new()));
        let (shared, known) = (Arc::clone(&tasks), Arc::clone(&secret));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tasks, secret) = (Arc::clone(&shared), Arc::clone(&known));
                tokio::spawn(serve(BufReader::new(stream), tasks, secret, sender.clone()));
            }
        });
        Self { endpoint, tasks, secret, results }
    }

    /// Puts a task there.
    pub(crate) fn task(&self, input: Value) {
        self.tasks.lock().unwrap().push_back(input);
    }

    /// Makes this the text of the secret.
    pub(crate) fn secret(&self, value: &Value) {
        *self.secret.lock().unwrap() = value.to_string();
    }

    /// The next result.
    pub(crate) async fn result(&mut self) -> (String, Value) {
        let limit = std::time::Duration::from_secs(60);
        tokio::time::timeout(limit, self.results.recv()).await.expect("a result").expect("the service runs")
    }
}

async fn serve(
    mut stream: BufReader<TcpStream>,
    tasks: Arc<Mutex<VecDeque<Value>>>,
    secret: Arc<Mutex<String>>,
    results: mpsc::UnboundedSender<(String, Value)>,
) -> Option<()> {
    loop {
        let (action, body) = request(&mut stream).await?;
        let answer = match action.as_str() {
            "GetActivityTask" => {
                // Held until there is a task; the worker that waits may be gone by then, and its task with it.
                let input = loop {
                    if let Some(input) = tasks.lock().unwrap().pop_front() {
                        break input;
                    }
                    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                };
                json!({"taskToken": "token", "input": input.to_string()})
            }
            "SendTaskHeartbeat" => json!({}),
            "GetSecretValue" => json!({"Name": "orders", "SecretString": *secret.lock().unwrap()}),
            _ => {
                results.send((action, body)).ok()?;
                json!({})
            }
        };
        let text = answer.to_string();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\n\r\n",
            text.len()
        );
        stream.get_mut().write_all(format!("{head}{text}").as_bytes()).await.ok()?;
    }
}

/// The action and the body of a request.
async fn request(stream: &mut BufReader<TcpStream>) -> Option<(String, Value)> {
    let (mut action, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "x-amz-target" => action = value.trim().rsplit('.').next()?.to_owned(),
            "content-length" => length = value.trim().parse().ok()?,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some((action, serde_json::from_slice(&body).unwrap_or(Value::Null)))
}
