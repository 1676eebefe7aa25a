//! The HTTP server: one port for every service, faults first, then the world.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use listener::Scope;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::calls::{self, Call, Log};
use crate::clock::Clock;
use crate::fault::{self, Fault, Kind, Waiting};
use crate::sender::{Endpoints, Mailbox, Queue};
use crate::service::{self, Failure, Service};
use crate::wire::{self, Node, Request};
use crate::world::{LISTENERS, Place, World};
use crate::{Access, Config, Error, control};

/// The largest request body, bytes.
const MAXIMUM_BODY: usize = 8 * 1024 * 1024;
/// How often the world moves on by itself, real time: no request then waits for a long catch-up.
const HEARTBEAT: Duration = Duration::from_millis(250);
/// How often a long poll looks again, real time.
pub(crate) const POLL: Duration = Duration::from_millis(20);
/// How long after the last call the world may still show what the call did, virtual milliseconds: longer than any alarm
/// looks back.
const ECHO_MS: i64 = 600_000;

/// What the server and the library share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Virtual time.
    pub(crate) clock: Clock,
    /// Where the world's commands go.
    pub(crate) mailbox: Mailbox,
    /// Who may call, and as whom the sandbox calls.
    pub(crate) access: Option<Access>,
    pub(crate) region: String,
    state: Mutex<State>,
}

/// Everything that changes.
#[derive(Debug)]
pub(crate) struct State {
    /// The world.
    world: World,
    /// The call log.
    pub(crate) calls: Log,
    /// The faults waiting.
    pub(crate) faults: Waiting,
    /// When somebody last called or controlled it, virtual time.
    touched_ms: i64,
}

/// What became of a call.
struct Outcome {
    result: Result<Node, Failure>,
    request_id: String,
}

impl Shared {
    /// The seed world at the clock's now, and the queue of what it sends; `ports` are the listeners'.
    pub(crate) fn new(config: &Config, ports: [u16; LISTENERS]) -> (Self, Queue) {
        let clock = Clock::new(config.time, config.time_scale, config.time_origin_ms, config.time_skipped_ms);
        let place = Place {
            account: config.account.clone(),
            region: config.region.clone(),
            redis: (config.redis_host.clone(), config.redis_port),
            ports,
        };
        let world = World::new(config.seed, clock.now_ms(), place, config.profile, config.history_days);
        let state =
            State { world, calls: Log::new(config.observed.clone()), faults: Waiting::default(), touched_ms: i64::MIN };
        let endpoints =
            Endpoints { lambda: config.lambda_endpoint.clone(), sfn: config.sfn_endpoint.clone(), events: None };
        let (mailbox, queue) = Mailbox::new(endpoints);
        let (access, region) = (config.access.clone(), config.region.clone());
        (Self { clock, mailbox, access, region, state: Mutex::new(state) }, queue)
    }

    /// The state as it is, without letting time pass.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the world catch up with the clock, then works on it.
    pub(crate) fn with_world<T>(&self, work: impl FnOnce(&mut World) -> T) -> T {
        let mut state = self.state();
        state.world.advance(self.clock.now_ms());
        let result = work(&mut state.world);
        self.mailbox.post(state.world.outbox.take());
        result
    }

    /// When the world will next send something by itself, without letting time pass.
    pub(crate) fn next_event_ms(&self) -> Option<i64> {
        self.state().world.next_event_ms()
    }

    /// Notes that somebody calls or controls the sandbox now.
    pub(crate) fn touch(&self) {
        self.state().touched_ms = self.clock.now_ms();
    }

    /// Whether nothing is under way, by the world's state and the time since the last call.
    pub(crate) fn is_at_rest(&self) -> bool {
        let state = self.state();
        let echo_ms = if state.world.fleet.is_some() { 0 } else { ECHO_MS };
        self.clock.now_ms() >= state.touched_ms.saturating_add(echo_ms) && state.world.is_at_rest()
    }

    /// Moves the clock; a world at rest leaps to an hour before.
    pub(crate) fn skip(&self, by: Duration) {
        let at_rest = self.is_at_rest();
        let mut state = self.state();
        self.clock.skip(by);
        if at_rest {
            state.world.leap(self.clock.now_ms());
        }
    }

    /// Injects a fault after checking it.
    pub(crate) fn inject(&self, fault: Fault) -> Result<(), Error> {
        if let Some(problem) = fault.problem() {
            return Err(Error::Control(problem));
        }
        self.state().faults.add(fault);
        Ok(())
    }

    fn perform(&self, request: &Request) -> Outcome {
        self.with_world(|world| {
            let request_id = world.ids.uuid();
            Outcome { result: service::perform(world, request), request_id }
        })
    }

    fn log(&self, caller: &str, request: &Request, status: u16, error: Option<String>, injected: bool) {
        let call = Call {
            at: self.clock.now_ms(),
            caller: caller.to_owned(),
            service: request.service.name().to_owned(),
            operation: request.operation.clone(),
            parameters: request.parameters.clone(),
            status,
            error,
            injected,
        };
        self.state().calls.add(call);
    }
}

/// Accepts connections until told to stop.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let mut heartbeat = tokio::time::interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let told = stopped.clone();
    let stop = async move { stopped.wait_for(|stopped| *stopped).await.is_ok() };
    tokio::pin!(stop);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    tokio::spawn(connection(stream, Arc::clone(&shared), told.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(POLL).await;
                }
            },
            _ = heartbeat.tick() => shared.with_world(|_| ()),
            _ = &mut stop => return,
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let service = service_fn(move |request| handle(Arc::clone(&shared), request));
    let mut builder = http1::Builder::new();
    let connection = builder.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        ended = connection => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended early");
            }
        }
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
}

/// The connection is to be dropped without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is dropped by an injected time-out")]
struct Dropped;

async fn handle(shared: Arc<Shared>, request: http::Request<Incoming>) -> Result<Response<Full<Bytes>>, Dropped> {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, MAXIMUM_BODY).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) => return Ok(control::refused(413, &format!("body: {error}; at most 8 MiB are read"))),
    };
    if let Some(access) = &shared.access {
        let scope = Scope { region: &shared.region, service: None };
        if let Err(refused) = access.keys.check(&parts, &body, scope) {
            return Ok(control::unsigned(&refused));
        }
    }
    if parts.method != http::Method::GET {
        shared.touch();
    }
    if parts.uri.path().starts_with(control::PREFIX) {
        return Ok(control::handle(&shared, &parts, &body));
    }
    match wire::recognise(&parts, &body) {
        Ok(request) => call(&shared, &calls::caller(&parts.headers), &request).await,
        Err(refusal) => Ok(*refusal),
    }
}

/// One AWS call: the fault that strikes it, or the world's answer.
async fn call(shared: &Shared, caller: &str, request: &Request) -> Result<Response<Full<Bytes>>, Dropped> {
    let struck = shared.state().faults.strike(request.service.name(), &request.operation, &request.parameters);
    let Some(fault) = struck else {
        let outcome = perform(shared, request).await;
        return Ok(respond(shared, caller, request, outcome, false));
    };
    let delay = shared.clock.real(fault.latency_ms.unwrap_or(fault::DEFAULT_LATENCY_MS));
    match fault.kind {
        Kind::Throttle | Kind::Error => {
            let request_id = shared.state().world.ids.uuid();
            let outcome = Outcome { result: Err(injected(&fault, request.service)), request_id };
            Ok(respond(shared, caller, request, outcome, true))
        }
        Kind::Latency => {
            let outcome = perform(shared, request).await;
            tokio::time::sleep(delay).await;
            Ok(respond(shared, caller, request, outcome, true))
        }
        Kind::Timeout => {
            if fault.applied {
                perform(shared, request).await;
            }
            shared.log(caller, request, 0, None, true);
            tokio::time::sleep(delay).await;
            Err(Dropped)
        }
    }
}

/// The failure that an injected throttle or error is.
fn injected(fault: &Fault, service: Service) -> Failure {
    let throttled = fault.kind == Kind::Throttle;
    let (code, status, message) = if throttled {
        (service.throttling_code(), 400, "Rate exceeded")
    } else {
        ("ServiceUnavailable", 503, "Service is unable to handle request.")
    };
    let code = fault.code.as_deref().unwrap_or(code);
    Failure::new(code, message).with_status(fault.status.unwrap_or(status))
}

/// The world's answer; a receive on an empty queue waits as long as it asked to.
async fn perform(shared: &Shared, request: &Request) -> Outcome {
    let outcome = shared.perform(request);
    let wait_ms = shared.with_world(|world| service::long_poll_ms(world, request));
    let Some(wait_ms) = wait_ms.filter(|_| service::is_empty_receive(&outcome.result)) else { return outcome };
    let looking = async {
        loop {
            tokio::time::sleep(POLL).await;
            let again = shared.perform(request);
            if !service::is_empty_receive(&again.result) {
                return again;
            }
        }
    };
    tokio::time::timeout(shared.clock.real(wait_ms), looking).await.unwrap_or(outcome)
}

fn respond(
    shared: &Shared,
    caller: &str,
    request: &Request,
    outcome: Outcome,
    injected: bool,
) -> Response<Full<Bytes>> {
    let Outcome { result, request_id } = outcome;
    let (response, error) = match result {
        Ok(node) => (wire::answer(request, &node, &request_id), None),
        Err(failure) => {
            let response = wire::error(request.protocol, Some(request.service), &failure, &request_id);
            (response, Some(failure.code))
        }
    };
    shared.log(caller, request, response.status().as_u16(), error, injected);
    response
}
