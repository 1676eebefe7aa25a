//! No engine: the least that a durable service of this API can do, as a yardstick for one.
//!
//! It parses requests, walks chains of states, keeps an event for every state entered and exited, and answers. With a
//! log, an execution's start and its end each wait until they are on disk; whoever waits shares the sync with others.

use std::collections::HashMap;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value as Json, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::failure::{During, Failure};

/// Locks that executions are spread over.
const SHARDS: usize = 64;

/// A line for the log, and who waits for it to be on disk.
type Line = (Vec<u8>, oneshot::Sender<()>);

/// The service.
#[derive(Debug)]
pub(crate) struct Skeleton {
    machines: Mutex<HashMap<String, Arc<Json>>>,
    executions: Vec<Mutex<HashMap<String, Record>>>,
    hasher: RandomState,
    log: Option<mpsc::Sender<Line>>,
    next: AtomicU64,
}

/// An execution.
#[derive(Debug, Default)]
struct Record {
    input: String,
    /// Its events and its output, once it has ended.
    end: Option<(Vec<Event>, String)>,
}

/// A state was entered or exited.
#[derive(Debug)]
struct Event {
    _kind: &'static str,
    _state: String,
    _data: Arc<Json>,
}

impl Skeleton {
    /// With its log in `log`; without one it keeps everything in memory only.
    pub(crate) fn new(log: Option<&Path>) -> Result<Self, Failure> {
        let log = match log {
            Some(path) => Some(writer(File::create(path).during(|| path.display().to_string())?)),
            None => None,
        };
        let executions = (0..SHARDS).map(|_| Mutex::default()).collect();
        let (machines, hasher, next) = (Mutex::default(), RandomState::new(), AtomicU64::new(0));
        Ok(Self { machines, executions, hasher, log, next })
    }

    /// Answers connections until the process ends.
    pub(crate) async fn serve(self: Arc<Self>, listener: TcpListener) -> Result<(), Failure> {
        loop {
            let (stream, _) = listener.accept().await.during(|| "accept".to_owned())?;
            stream.set_nodelay(true).during(|| "TCP_NODELAY".to_owned())?;
            tokio::spawn(Arc::clone(&self).connection(stream));
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream) {
        let service = service_fn(move |request| Arc::clone(&self).answer(request));
        // A client that goes away is no failure of the service.
        let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    }

    async fn answer(
        self: Arc<Self>,
        request: http::Request<Incoming>,
    ) -> Result<http::Response<Full<Bytes>>, hyper::Error> {
        let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
        let action = target.and_then(|target| target.split_once('.')).map(|(_, action)| action.to_owned());
        let body = request.into_body().collect().await?.to_bytes();
        let body = serde_json::from_slice(&body).unwrap_or_default();
        let answer = self.act(&action.unwrap_or_default(), body).await;
        let failed = answer.is_none();
        let answer = answer.unwrap_or_else(|| json!({"__type": "ValidationException"}));
        let mut answer = http::Response::new(Full::new(Bytes::from(answer.to_string())));
        if failed {
            *answer.status_mut() = http::StatusCode::BAD_REQUEST;
        }
        Ok(answer)
    }

    async fn act(self: Arc<Self>, action: &str, body: Json) -> Option<Json> {
        match action {
            "Echo" => Some(body),
            "CreateStateMachine" => self.create(&body),
            "StartExecution" => self.start(&body).await,
            "StartSyncExecution" => self.run(&body).await,
            "DescribeExecution" => self.describe(&body),
            _ => None,
        }
    }

    fn create(&self, body: &Json) -> Option<Json> {
        let arn = format!("arn:aws:states:us-east-1:123456789012:stateMachine:{}", body["name"].as_str()?);
        let definition = serde_json::from_str(body["definition"].as_str()?).ok()?;
        lock(&self.machines).insert(arn.clone(), Arc::new(definition));
        Some(json!({"stateMachineArn": arn}))
    }

    /// The machine, the execution's ARN and its input.
    fn request(&self, body: &Json) -> Option<(Arc<Json>, String, String)> {
        let machine = body["stateMachineArn"].as_str()?;
        let definition = Arc::clone(lock(&self.machines).get(machine)?);
        let arn = format!("{machine}:{}", self.next.fetch_add(1, Ordering::Relaxed));
        Some((definition, arn, body["input"].as_str().unwrap_or("{}").to_owned()))
    }

    async fn start(self: Arc<Self>, body: &Json) -> Option<Json> {
        let (definition, arn, input) = self.request(body)?;
        self.durable(&json!({"type": "ExecutionStarted", "arn": arn, "input": input})).await;
        lock(self.shard(&arn)).insert(arn.clone(), Record { input: input.clone(), end: None });
        let answer = json!({"executionArn": arn});
        tokio::spawn(async move {
            let Some(end) = walk(&definition, &input) else { return };
            self.durable(&json!({"type": "ExecutionSucceeded", "arn": arn, "output": end.1})).await;
            lock(self.shard(&arn)).entry(arn).or_default().end = Some(end);
        });
        Some(answer)
    }

    async fn run(&self, body: &Json) -> Option<Json> {
        let (definition, arn, input) = self.request(body)?;
        self.durable(&json!({"type": "ExecutionStarted", "arn": arn, "input": input})).await;
        let (_, output) = walk(&definition, &input)?;
        self.durable(&json!({"type": "ExecutionSucceeded", "arn": arn, "output": output})).await;
        Some(json!({"executionArn": arn, "status": "SUCCEEDED", "input": input, "output": output}))
    }

    fn describe(&self, body: &Json) -> Option<Json> {
        let arn = body["executionArn"].as_str()?;
        let shard = lock(self.shard(arn));
        let record = shard.get(arn)?;
        Some(match &record.end {
            Some((_, output)) => {
                json!({"executionArn": arn, "status": "SUCCEEDED", "input": record.input, "output": output})
            }
            None => json!({"executionArn": arn, "status": "RUNNING", "input": record.input}),
        })
    }

    fn shard(&self, arn: &str) -> &Mutex<HashMap<String, Record>> {
        &self.executions[self.hasher.hash_one(arn) as usize % SHARDS]
    }

    /// Waits until the line is on disk, where there is a log.
    async fn durable(&self, line: &Json) {
        if let Some(log) = &self.log {
            let (written, wait) = oneshot::channel();
            let mut bytes = line.to_string().into_bytes();
            bytes.push(b'\n');
            if log.send((bytes, written)).is_ok() {
                // Where the writer has failed, the client's checks see that nothing ends.
                let _ = wait.await;
            }
        }
    }
}

/// A thread that writes what has come together and syncs it at once.
fn writer(mut file: File) -> mpsc::Sender<Line> {
    let (sender, lines) = mpsc::channel::<Line>();
    std::thread::spawn(move || {
        while let Ok((mut bytes, first)) = lines.recv() {
            let mut waiting = vec![first];
            while let Ok((more, next)) = lines.try_recv() {
                bytes.extend_from_slice(&more);
                waiting.push(next);
            }
            if file.write_all(&bytes).and_then(|()| file.sync_data()).is_err() {
                return;
            }
            for waiting in waiting {
                let _ = waiting.send(());
            }
        }
    });
    sender
}

/// Every state hands its input on; the events, and the output as text.
fn walk(definition: &Json, input: &str) -> Option<(Vec<Event>, String)> {
    let data: Arc<Json> = Arc::new(serde_json::from_str(input).ok()?);
    let (mut events, mut next) = (Vec::new(), definition["StartAt"].as_str());
    while let Some(name) = next {
        for kind in ["StateEntered", "StateExited"] {
            events.push(Event { _kind: kind, _state: name.to_owned(), _data: Arc::clone(&data) });
        }
        next = definition["States"].get(name)?["Next"].as_str();
    }
    Some((events, data.to_string()))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
