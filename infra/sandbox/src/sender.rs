//! Sends what the world has to say to the outside, and reports the answers back: Lambda invocations, executions.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, HeaderValue};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use listener::Scope;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::server::Shared;
use crate::world::outbox::{Command, Reply};

/// How long an answer may take, real time; a Lambda function may run 15 minutes.
const PATIENCE: Duration = Duration::from_secs(900);

/// Where the outside is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Endpoints {
    /// Base URL of the Lambda Invoke API.
    pub(crate) lambda: Option<String>,
    /// Base URL of the Step Functions API.
    pub(crate) sfn: Option<String>,
    /// Base URL of the other bus.
    pub(crate) events: Option<String>,
}

/// What hands commands to the sender.
#[derive(Debug)]
pub(crate) struct Mailbox {
    queue: mpsc::UnboundedSender<(u64, Command)>,
    open: watch::Sender<usize>,
    endpoints: Mutex<Endpoints>,
}

/// The other end of a mailbox.
pub(crate) type Queue = mpsc::UnboundedReceiver<(u64, Command)>;

impl Mailbox {
    /// A mailbox and the queue that [`run`] empties.
    pub(crate) fn new(endpoints: Endpoints) -> (Self, Queue) {
        let (queue, received) = mpsc::unbounded_channel();
        (Self { queue, open: watch::Sender::new(0), endpoints: Mutex::new(endpoints) }, received)
    }

    /// Has commands sent.
    pub(crate) fn post(&self, commands: Vec<(u64, Command)>) {
        for command in commands {
            self.open.send_modify(|open| *open += 1);
            if self.queue.send(command).is_err() {
                self.open.send_modify(|open| *open -= 1);
            }
        }
    }

    /// Where the outside is from now on.
    pub(crate) fn set_endpoints(&self, endpoints: Endpoints) {
        *self.endpoints.lock().unwrap_or_else(PoisonError::into_inner) = endpoints;
    }

    /// Where the other bus is from now on.
    pub(crate) fn set_events(&self, events: String) {
        self.endpoints.lock().unwrap_or_else(PoisonError::into_inner).events = Some(events);
    }

    fn endpoints(&self) -> Endpoints {
        self.endpoints.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether everything posted so far has been answered.
    pub(crate) fn is_settled(&self) -> bool {
        *self.open.borrow() == 0
    }

    /// Waits until everything posted so far has been answered.
    pub(crate) async fn settled(&self) {
        let mut open = self.open.subscribe();
        // The other end of the watch lives as long as `self`: waiting cannot fail.
        let _count = open.wait_for(|open| *open == 0).await;
    }
}

/// Sends commands until the mailbox is gone or the server stops.
pub(crate) async fn run(shared: Arc<Shared>, mut queue: Queue, mut stopped: watch::Receiver<bool>) {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let mut sending = JoinSet::new();
    loop {
        tokio::select! {
            received = queue.recv() => {
                let Some((number, command)) = received else { return };
                sending.spawn(send(Arc::clone(&shared), client.clone(), number, command));
            }
            Some(_) = sending.join_next(), if !sending.is_empty() => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
    }
}

async fn send(shared: Arc<Shared>, client: Client<HttpConnector, Full<Bytes>>, number: u64, command: Command) {
    let answered = tokio::time::timeout(PATIENCE, perform(&shared, &client, command)).await;
    let reply = match answered {
        Ok(Ok(answer)) => Reply::Answer(answer),
        Ok(Err(problem)) => Reply::Failed(problem),
        Err(_) => Reply::Failed("no answer within 15 minutes".to_owned()),
    };
    if let Reply::Failed(problem) = &reply {
        tracing::warn!(%problem, "what the sandbox sent was not accepted");
    }
    shared.with_world(|world| world.report(number, reply));
    shared.mailbox.open.send_modify(|open| *open -= 1);
}

async fn perform(
    shared: &Shared,
    client: &Client<HttpConnector, Full<Bytes>>,
    command: Command,
) -> Result<Value, String> {
    let service = if matches!(command, Command::Invoke { .. }) { "lambda" } else { "states" };
    let mut request = request(&shared.mailbox.endpoints(), command)?;
    if let Some(access) = &shared.access {
        let host = request.uri().authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok());
        request.headers_mut().extend(host.map(|host| (HOST, host)));
        access.own.sign(&mut request, Scope { region: &shared.region, service: Some(service) });
    }
    let request = request.map(Full::new);
    let target = request.uri().to_string();
    let response = client.request(request).await.map_err(|error| format!("{target}: {error}"))?;
    let (head, body) = response.into_parts();
    let body = body.collect().await.map_err(|error| format!("{target}: {error}"))?.to_bytes();
    if !head.status.is_success() || head.headers.contains_key("x-amz-function-error") {
        let text = String::from_utf8_lossy(&body);
        let status = if head.status == StatusCode::OK { "function error".to_owned() } else { head.status.to_string() };
        return Err(format!("{target}: {status}: {text}"));
    }
    Ok(serde_json::from_slice(&body).unwrap_or(Value::Null))
}

fn request(endpoints: &Endpoints, command: Command) -> Result<Request<Bytes>, String> {
    let (uri, headers, body) = match command {
        Command::Invoke { function, payload, event } => {
            let base = endpoints.lambda.as_deref();
            let base = base.ok_or_else(|| format!("function {function}: the sandbox has no --lambda-endpoint"))?;
            let kind = if event { "Event" } else { "RequestResponse" };
            let uri = format!("{}/2015-03-31/functions/{function}/invocations", base.trim_end_matches('/'));
            (uri, [("content-type", "application/json"), ("x-amz-invocation-type", kind)], payload.to_string())
        }
        Command::Start { machine, input } => {
            let base = endpoints.sfn.as_deref();
            let base = base.ok_or_else(|| format!("{machine}: the sandbox has no --sfn-endpoint"))?;
            let body = json!({ "stateMachineArn": machine, "input": input.to_string() }).to_string();
            let target = ("x-amz-target", "AWSStepFunctions.StartExecution");
            (format!("{}/", base.trim_end_matches('/')), [("content-type", "application/x-amz-json-1.0"), target], body)
        }
        Command::Tell { event } => {
            let base = endpoints.events.as_deref().ok_or("the sandbox knows no other bus")?;
            let uri = format!("{}/_events/whole", base.trim_end_matches('/'));
            let from = ("user-agent", "stepwright-sandbox");
            (uri, [("content-type", "application/json"), from], event.to_string())
        }
    };
    let mut builder = Request::post(uri);
    for (name, value) in headers {
        builder = builder.header(name, value);
    }
    builder.body(Bytes::from(body)).map_err(|error| format!("the endpoint is not valid: {error}"))
}
