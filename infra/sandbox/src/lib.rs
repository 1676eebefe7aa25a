//! A simulated AWS account with an ECS application in it, for trying and testing automation.
//!
//! One process holds a deterministic model of a small production system ([`Sandbox`]), served over the AWS wire
//! protocols of the operations that operations automation calls. It is not an AWS emulator: what is not modelled is
//! refused by name. See the folder's README for the model's formulas and the control endpoints.

mod calls;
mod clock;
mod control;
mod fault;
mod sender;
mod server;
mod service;
mod visitors;
mod wire;
mod world;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use listener::{Key, Keys};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use calls::Call;
pub use clock::Source as Time;
pub use fault::{Fault, Kind as FaultKind};
pub use world::{Behaviour, Outcome as RolloutOutcome, Profile};

/// The longest history, days.
const MAXIMUM_HISTORY_DAYS: u32 = 400;

/// How a sandbox is started.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where to listen; port 0 takes any free port.
    pub listen: SocketAddr,
    /// Everything random in the world is drawn from this number.
    pub seed: u64,
    /// Virtual seconds per real second; must be positive and finite.
    pub time_scale: f64,
    /// The instant at which virtual and real time agree, milliseconds since the Unix epoch; `None`: the start.
    pub time_origin_ms: Option<i64>,
    /// Virtual milliseconds that have been skipped before the start, see [`Sandbox::skip`].
    pub time_skipped_ms: i64,
    /// The system clock, or one that tests move.
    pub time: Time,
    /// Which account is simulated.
    pub profile: Profile,
    /// Days of history behind the start, at most 400; `None`: as much as the profile has, an hour or 28 days.
    pub history_days: Option<u32>,
    /// The twelve digits of the simulated account.
    pub account: String,
    /// The simulated region, e.g. `us-east-1`.
    pub region: String,
    /// Host of the Redis that the catalogue's `cache` item points to.
    pub redis_host: String,
    /// Port of that Redis.
    pub redis_port: u16,
    /// The first of the six ports on which the load balancer's listeners answer; 0 takes any free ones.
    pub traffic_port: u16,
    /// Base URL of the Lambda Invoke API that deployment hooks are called at; `None`: every call fails.
    pub lambda_endpoint: Option<String>,
    /// Base URL of the Step Functions API that rules start executions at; `None`: events are only kept.
    pub sfn_endpoint: Option<String>,
    /// Who may call; `None`: anybody, with any credentials.
    pub access: Option<Access>,
    /// A file to which a line `caller service operation` is appended for each call of a kind not seen before; callers are
    /// told apart by their access key ids.
    pub observed: Option<PathBuf>,
}

/// Who may call a sandbox, and as whom it calls.
#[derive(Debug, Clone, PartialEq)]
pub struct Access {
    /// What requests must be signed with, those to the control endpoints too.
    pub keys: Arc<Keys>,
    /// What the sandbox signs its own requests with.
    pub own: Key,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8085)),
            seed: 1,
            time_scale: 1.0,
            time_origin_ms: None,
            time_skipped_ms: 0,
            time: Time::System,
            profile: Profile::Production,
            history_days: None,
            account: "123456789012".to_owned(),
            region: "us-east-1".to_owned(),
            redis_host: "127.0.0.1".to_owned(),
            redis_port: 6379,
            traffic_port: 0,
            lambda_endpoint: None,
            sfn_endpoint: None,
            access: None,
            observed: None,
        }
    }
}

impl Config {
    fn problem(&self) -> Option<&'static str> {
        if !(self.time_scale.is_finite() && self.time_scale > 0.0) {
            return Some("time_scale: give a positive number of virtual seconds per real second");
        }
        if self.account.len() != 12 || !self.account.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some("account: give the twelve digits of an AWS account");
        }
        if self.traffic_port > u16::MAX - world::LISTENERS as u16 {
            return Some("traffic_port: give a port with five more behind it, or 0 for any free ones");
        }
        if self.history_days.is_some_and(|days| days > MAXIMUM_HISTORY_DAYS) {
            return Some("history_days: give at most 400 days");
        }
        self.region.is_empty().then_some("region: give an AWS region, e.g. us-east-1")
    }
}

/// What can go wrong in starting or steering a sandbox.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A field of [`Config`] is out of its range.
    #[error("the sandbox's configuration is not valid: {0}")]
    Config(&'static str),
    /// The listening socket could not be opened.
    #[error("cannot listen on {address}: {source}; choose another address, or port 0 for any free one")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A control request names something that is not there, or a value out of range.
    #[error("{0}")]
    Control(String),
}

/// A running sandbox: the world, and a server on one port.
#[derive(Debug)]
pub struct Sandbox {
    shared: Arc<server::Shared>,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

impl Sandbox {
    /// Builds the world, with its history, and serves it.
    ///
    /// # Errors
    /// [`Error::Config`] for a value out of range, [`Error::Listen`] when the address cannot be bound.
    pub async fn start(config: Config) -> Result<Self, Error> {
        if let Some(problem) = config.problem() {
            return Err(Error::Config(problem));
        }
        let address = config.listen;
        let fail = |source| Error::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(fail)?;
        let address = listener.local_addr().map_err(fail)?;
        let visitors = visitors::open(address.ip(), config.traffic_port).await?;
        let mut ports = [0; world::LISTENERS];
        for (port, listener) in ports.iter_mut().zip(&visitors) {
            *port = listener.local_addr().map_err(fail)?.port();
        }
        let (shared, queue) = server::Shared::new(&config, ports);
        let shared = Arc::new(shared);
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(sender::run(Arc::clone(&shared), queue, stopped.clone()));
        for (index, listener) in visitors.into_iter().enumerate() {
            tokio::spawn(visitors::serve(listener, index, Arc::clone(&shared), stopped.clone()));
        }
        let serving = tokio::spawn(server::serve(listener, Arc::clone(&shared), stopped));
        Ok(Self { shared, address, stop, serving })
    }

    /// Where Lambda functions are invoked and executions started from now on, as base URLs.
    pub fn connect(&self, lambda: Option<String>, sfn: Option<String>) {
        self.shared.mailbox.set_endpoints(sender::Endpoints { lambda, sfn, events: None });
    }

    /// Has the events of AWS services put on another bus too: `POST /_events/whole` below this base URL.
    pub fn forward_events(&self, to: String) {
        self.shared.mailbox.set_events(to);
        self.shared.with_world(|world| world.bus.forwards = true);
    }

    /// Waits until everything that the sandbox has sent to the outside has been answered.
    pub async fn settled(&self) {
        self.shared.mailbox.settled().await;
    }

    /// The ports of the load balancer's listeners, as `GET /_sandbox/listeners` shows them.
    #[must_use]
    pub fn listeners(&self) -> Value {
        self.shared.with_world(|world| world.listeners_view())
    }

    /// Decides how a release behaves by its image (`orders:v2`), in the tasks that run it too; returns the image as
    /// task definitions name it.
    ///
    /// # Errors
    /// [`Error::Control`] for an unknown repository, a tag that is none, or an amount out of the behaviour's range.
    pub fn release(&self, image: &str, behaviour: Behaviour, amount: Option<f64>) -> Result<String, Error> {
        self.shared.with_world(|world| world.set_release(image, behaviour, amount)).map_err(Error::Control)
    }

    /// The address it listens on, with the port actually taken.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// The endpoint URL for an AWS client, e.g. `http://127.0.0.1:8085`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops listening, drops the open connections and waits for the server to end.
    pub async fn shutdown(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.serving.await {
            tracing::warn!(%error, "the sandbox's server ended badly");
        }
    }

    /// Virtual now, milliseconds since the Unix epoch.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.shared.clock.now_ms()
    }

    /// Moves a manual clock, and the world with it.
    ///
    /// # Errors
    /// [`Error::Control`] when the sandbox runs on the system clock.
    pub fn advance(&self, by: Duration) -> Result<(), Error> {
        if !self.shared.clock.advance(by) {
            return Err(Error::Control("time: only a sandbox with Time::Manual can be advanced".to_owned()));
        }
        self.shared.with_world(|_| ());
        Ok(())
    }

    /// Skips virtual time: the clock moves at once, the world when it is next asked, or by [`Sandbox::catch_up`]. A
    /// world that is at rest ([`Sandbox::is_at_rest`]) lives only through the last hour of what is skipped: before that
    /// its metrics have a gap.
    pub fn skip(&self, by: Duration) {
        self.shared.skip(by);
    }

    /// Lets the world catch up with the clock; takes as long as that takes.
    pub fn catch_up(&self) {
        self.shared.with_world(|_| ());
    }

    /// Whether nothing is under way in the world, nobody has called it for ten virtual minutes, and everything that it
    /// has sent to the outside has been answered: it will do nothing that anybody sees before somebody calls it.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        self.is_settled() && self.shared.is_at_rest()
    }

    /// Whether everything that the sandbox has sent to the outside has been answered.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.shared.mailbox.is_settled()
    }

    /// Injects a fault behind those already waiting.
    ///
    /// # Errors
    /// [`Error::Control`] naming the field that is wrong.
    pub fn inject(&self, fault: Fault) -> Result<(), Error> {
        self.shared.inject(fault)
    }

    /// Removes every fault still waiting.
    pub fn clear_faults(&self) {
        self.shared.state().faults.clear();
    }

    /// Every AWS call so far, oldest first.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.shared.state().calls.all()
    }

    /// Forgets the calls so far.
    pub fn clear_calls(&self) {
        self.shared.state().calls.clear();
    }

    /// Sets the load of an ECS service (`api`), or the extra load on `database` or `cache`.
    ///
    /// # Errors
    /// [`Error::Control`] for an unknown name or a rate that is negative or not finite.
    pub fn set_load(&self, name: &str, requests_per_second: f64) -> Result<(), Error> {
        self.shared.with_world(|world| world.set_load(name, requests_per_second)).map_err(Error::Control)
    }

    /// Multiplies the load of a fleet service from now on, 0 to 100.
    ///
    /// # Errors
    /// [`Error::Control`] for an unknown name, a factor out of range, or the production profile.
    pub fn set_load_factor(&self, service: &str, factor: f64) -> Result<(), Error> {
        self.shared.with_world(|world| world.set_factor(service, factor)).map_err(Error::Control)
    }

    /// Makes the tasks of a fleet service so many times as fast from now on, 0.05 to 20: 0.5 is half as fast, a
    /// regression that no deployment explains.
    ///
    /// # Errors
    /// [`Error::Control`] for an unknown name, a factor out of range, or the production profile.
    pub fn set_speed(&self, service: &str, factor: f64) -> Result<(), Error> {
        self.shared.with_world(|world| world.set_speed(service, factor)).map_err(Error::Control)
    }

    /// When the sandbox will next send something to the outside by itself, as far as it is known now, milliseconds since
    /// the epoch; `None` when nothing is scheduled or under way. It lets no time pass and costs little.
    #[must_use]
    pub fn next_event_ms(&self) -> Option<i64> {
        self.shared.next_event_ms()
    }

    /// Hangs up to `tasks` running tasks of a service, oldest first; returns how many hang now.
    ///
    /// # Errors
    /// [`Error::Control`] for an unknown service.
    pub fn hang(&self, service: &str, tasks: usize) -> Result<usize, Error> {
        self.shared.with_world(|world| world.hang(service, tasks, false)).map_err(Error::Control)
    }

    /// Kills up to `tasks` running tasks of a service (out of memory), oldest first; returns how many died.
    ///
    /// # Errors
    /// [`Error::Control`] for an unknown service.
    pub fn kill(&self, service: &str, tasks: usize) -> Result<usize, Error> {
        self.shared.with_world(|world| world.kill(service, tasks)).map_err(Error::Control)
    }

    /// Decides how the tasks of a service's next deployments fare.
    ///
    /// # Errors
    /// [`Error::Control`] for an unknown service.
    pub fn set_rollout(&self, service: &str, outcome: RolloutOutcome) -> Result<(), Error> {
        self.shared.with_world(|world| world.set_rollout(service, outcome)).map_err(Error::Control)
    }

    /// Sets the account's quota of Fargate vCPUs on demand. It is told, not enforced.
    ///
    /// # Errors
    /// [`Error::Control`] for a number that is negative or beyond a million.
    pub fn set_quota(&self, vcpu: f64) -> Result<(), Error> {
        self.shared.with_world(|world| world.set_quota(vcpu)).map_err(Error::Control)
    }

    /// The world as `GET /_sandbox/state` shows it.
    #[must_use]
    pub fn state(&self) -> Value {
        self.shared.with_world(|world| world.state())
    }
}
