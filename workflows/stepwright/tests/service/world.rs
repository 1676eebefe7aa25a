//! What the server calls: functions and a queue, in the test's own process, so that a kill does not touch them.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What the functions know and have seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct World(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Executions whose trouble has been mended.
    pub(crate) mended: BTreeSet<String>,
    /// Executions that have called `note`.
    pub(crate) noted: BTreeSet<String>,
    /// Invocations.
    pub(crate) calls: u64,
}

impl World {
    /// Starts to answer: the endpoint, and the messages sent to the queue.
    pub(crate) async fn start() -> (Self, String, UnboundedReceiver<Value>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, crate::server::free_port())).await;
        let listener = listener.expect("a free port can be listened on");
        let address = listener.local_addr().expect("it listens somewhere");
        let (world, (queue, messages)) = (Self::default(), unbounded_channel());
        tokio::spawn(world.clone().serve(listener, queue));
        (world, format!("http://{address}"), messages)
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(self, listener: TcpListener, queue: UnboundedSender<Value>) {
        while let Ok((stream, _)) = listener.accept().await {
            let (world, queue) = (self.clone(), queue.clone());
            tokio::spawn(async move {
                let service = service_fn(|request| world.answer(request, &queue));
                // A server that is killed leaves its connections.
                drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
            });
        }
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        queue: &UnboundedSender<Value>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let path = request.uri().path().to_owned();
        let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let function = path.strip_prefix("/2015-03-31/functions/").and_then(|rest| rest.split('/').next());
        let (failed, answer) = match function {
            Some(function) => self.invoke(function, &body),
            None => {
                let message = body["MessageBody"].as_str().unwrap_or_default();
                // Nobody listens any more when the test is over.
                drop(queue.send(serde_json::from_str(message).unwrap_or_default()));
                (false, json!({"MessageId": "m", "MD5OfMessageBody": "d"}))
            }
        };
        let mut response = Response::builder().header("content-type", "application/json");
        if failed {
            response = response.header("x-amz-function-error", "Unhandled");
        }
        Ok(response.body(Full::new(Bytes::from(answer.to_string()))).expect("a good answer"))
    }

    fn invoke(&self, function: &str, payload: &Value) -> (bool, Value) {
        let mut seen = self.seen();
        seen.calls += 1;
        let execution = payload["execution"].as_str().unwrap_or_default().to_owned();
        let error = |name: &str| (true, json!({"errorType": name, "errorMessage": "on purpose"}));
        match function {
            "flaky" if payload["attempt"].as_u64() < Some(2) => error("Flaky"),
            "trouble" if !seen.mended.contains(&execution) => error("Trouble"),
            "note" => {
                seen.noted.insert(execution);
                (false, json!("noted"))
            }
            _ => (false, json!(payload["n"].as_u64().unwrap_or_default() * 3)),
        }
    }
}
