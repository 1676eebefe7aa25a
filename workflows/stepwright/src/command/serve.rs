//! `stepwright serve`: the engine with its API, the Lambda host and the sandbox, in one process.

mod events;
mod idle;
mod protection;
mod quotas;
mod ready;
mod skipped;
mod watch;
mod workers;
mod world;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use ::events::Bridge;
use api::{Listener, Server};
use engine::{Engine, Names};
use observability::Observability;
use tracing_subscriber::EnvFilter;

use crate::clock::ClockOptions;
use crate::definitions::{self, Deployed, Source, Watched};
use crate::failure::{Exit, Failure};
use crate::screen::Screen;
use crate::stack::{self, Stack};
use workers::Workers;
use world::World;

/// Serves the Step Functions API until SIGTERM or SIGINT.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Port of the Step Functions API; 0 takes any free one. The Lambda host is on the next, the sandbox on the one
    /// after.
    #[arg(long, default_value_t = 8083)]
    port: u16,
    /// Address to listen on. One that other machines reach needs --credentials: whoever may call may start and stop
    /// executions and, by creating functions, run any program.
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    listen: IpAddr,
    /// Where state is kept; without it, in memory, and gone when the server stops.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// A folder with definitions: each `NAME/definition.asl.json` under it becomes the state machine NAME
    /// [default: statemachines, where it is there].
    #[arg(long, value_name = "DIR")]
    definitions: Option<PathBuf>,
    /// The local stack: values of placeholders, Lambda functions, activities [default: infra/local/stack.json, where
    /// it is there].
    #[arg(long, value_name = "FILE")]
    stack: Option<PathBuf>,
    /// The account, twelve digits.
    #[arg(long, value_name = "ID", default_value = "123456789012", value_parser = account)]
    account: String,
    /// The region.
    #[arg(long, value_name = "REGION", default_value = "us-east-1")]
    region: String,
    /// Where service integrations go: `sandbox` (a simulated account in this process), `aws`, or a URL.
    #[arg(long, value_name = "sandbox|aws|URL", default_value = "sandbox")]
    aws_endpoint: AwsEndpoint,
    /// Everything random in the sandbox is drawn from this number.
    #[arg(long, value_name = "N", default_value_t = 1)]
    sandbox_seed: u64,
    /// What the sandbox simulates: `production` (seconds: incidents and releases) or `fleet` (weeks: six services under
    /// load, their scaling and their bill).
    #[arg(long, value_name = "production|fleet", default_value = "production", value_parser = profile)]
    sandbox_profile: sandbox::Profile,
    /// Port of the sandbox [default: two after --port].
    #[arg(long, value_name = "PORT")]
    sandbox_port: Option<u16>,
    /// First of the six ports on which the sandbox's load balancer answers real requests [default: three after
    /// --port].
    #[arg(long, value_name = "PORT")]
    traffic_port: Option<u16>,
    /// The Lambda Runtime API binary that serves every function of the stack [default: `bootstrap` beside this
    /// executable].
    #[arg(long, value_name = "FILE")]
    lambda_binary: Option<PathBuf>,
    /// Port of the Lambda host [default: the one after --port]. Besides the stack's functions it runs those that
    /// CreateFunction brings as zip packages: provided.* with a bootstrap, python3.x and nodejsN.x. With --aws-endpoint
    /// aws or a URL, and no functions in the stack, there is a host only where this option is given.
    #[arg(long, value_name = "PORT")]
    lambda_port: Option<u16>,
    /// Where AWS's runtime clients for Python and Node.js are installed when the first function asks for one
    /// (STEPWRIGHT_NO_INSTALL=1 forbids it) [default: stepwright/runtimes in the user's cache].
    #[arg(long, value_name = "DIR")]
    runtimes_dir: Option<PathBuf>,
    /// A variable in every function's environment; may be repeated. The stack's own win.
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    function_env: Vec<(String, String)>,
    /// Does not start the stack's activity workers.
    #[arg(long)]
    no_workers: bool,
    /// Skips the time in which nothing can happen: while every execution waits for time alone, the clocks of the engine,
    /// the sandbox, the functions and the workers go to the next due time at once. Only with the sandbox: real services
    /// do not skip.
    #[arg(long)]
    skip_idle: bool,
    /// A rule of EventBridge to make at the start, as PutRule has it, with its Targets: a JSON file such as those of
    /// infra/optimization; may be repeated. `${NAMEStateMachineArn}` and the stack's substitutions may stand in it.
    #[arg(long, value_name = "FILE")]
    rule: Vec<PathBuf>,
    /// A schedule of EventBridge Scheduler to make at the start, as CreateSchedule has it; may be repeated.
    #[arg(long, value_name = "FILE")]
    schedule: Vec<PathBuf>,
    /// What happens with times of schedules that came while no server was there. `run-once`: the latest of each runs, if
    /// it is no older than its target's MaximumEventAgeInSeconds (a day). `run-all`: all of that age. `skip`: none.
    /// Those that do not run are counted and reported.
    #[arg(long, value_name = "run-once|run-all|skip", value_enum, default_value_t)]
    missed_schedules: MissedSchedules,
    /// A quota of AWS that is not kept here; may be repeated. `payload`: 262,144 bytes in one input, output or result.
    /// `history`: 25,000 events in one execution. `names`: the signs that the name of a state machine, an execution or
    /// an activity may not have; `:`, `/` and control characters stay refused. For tests: AWS keeps them all.
    #[arg(long, value_name = "payload|history|names", value_enum)]
    without_limit: Vec<Quota>,
    /// A quota of the account that is not AWS's; may be repeated: how many state machines, activities, open executions
    /// and waiting workers of one activity (pollers) there may be.
    #[arg(long, value_name = "state-machines|activities|open-executions|pollers=N", value_parser = quotas::parse)]
    quota: Vec<quotas::Given>,
    #[command(flatten)]
    protection: protection::Options,
    #[command(flatten)]
    watch: watch::WatchArguments,
    #[command(flatten)]
    clock: ClockOptions,
}

/// What happens with times of schedules that were missed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum MissedSchedules {
    #[default]
    RunOnce,
    RunAll,
    Skip,
}

/// A quota that may be lifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Quota {
    Payload,
    History,
    Names,
}

/// AWS's quotas, but for these.
fn limits(without: &[Quota]) -> execution::Limits {
    let mut limits = execution::Limits::default();
    for quota in without {
        match quota {
            Quota::Payload => limits.payload_bytes = usize::MAX,
            Quota::History => limits.history_events = u64::MAX,
            Quota::Names => {}
        }
    }
    limits
}

fn names(without: &[Quota]) -> Names {
    if without.contains(&Quota::Names) { Names::Any } else { Names::AsOnAws }
}

/// Where service integrations go.
#[derive(Clone, Debug, PartialEq, Eq)]
enum AwsEndpoint {
    Sandbox,
    Aws,
    Url(String),
}

impl FromStr for AwsEndpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "sandbox" => Ok(Self::Sandbox),
            "aws" => Ok(Self::Aws),
            url if url.starts_with("http://") || url.starts_with("https://") => Ok(Self::Url(url.to_owned())),
            _ => Err("give sandbox, aws, or a URL that begins with http:// or https://".to_owned()),
        }
    }
}

fn profile(name: &str) -> Result<sandbox::Profile, String> {
    sandbox::Profile::named(name).ok_or_else(|| "use production or fleet".to_owned())
}

fn account(text: &str) -> Result<String, String> {
    let twelve = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    twelve.then(|| text.to_owned()).ok_or_else(|| "give an account's twelve digits".to_owned())
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("give NAME=VALUE".to_owned()),
    }
}

impl Arguments {
    /// What clap cannot check.
    fn check(&self) -> Result<(), Failure> {
        if self.skip_idle && self.aws_endpoint != AwsEndpoint::Sandbox {
            let message = "--skip-idle: time can be skipped only in a simulated account in this process; real services, \
                           and those behind a URL, go on with their own time";
            return Err(Failure::usage(message).remedy("leave --skip-idle out, or say --aws-endpoint sandbox"));
        }
        Ok(())
    }

    /// The address of a part: its own port, or the one `after` the API's.
    fn part(&self, own: Option<u16>, after: u16) -> Result<SocketAddr, Failure> {
        let port = match own {
            Some(port) => port,
            None if self.port == 0 => 0,
            None => self.port.checked_add(after).ok_or_else(|| {
                Failure::usage(format!("--port: there is no port {after} after {}", self.port))
                    .remedy("choose a smaller one, or say --lambda-port, --sandbox-port and --traffic-port")
            })?,
        };
        Ok(SocketAddr::new(self.listen, port))
    }
}

pub(crate) async fn run(screen: &Screen, arguments: Arguments) -> Result<(), Failure> {
    log();
    arguments.check()?;
    let protection = arguments.protection.read(arguments.listen, &arguments.region, &arguments.aws_endpoint)?;
    let stack = stack::read(arguments.stack.as_deref())?;
    let sources = definitions::find(arguments.definitions.as_deref())?;
    let prepared = Prepared {
        definitions: resolve(&arguments, &stack, &sources)?,
        events: events::read(&arguments, &stack, &sources)?,
    };
    // Listening comes first: functions are told where the API is, and callers wait rather than being refused.
    let address = SocketAddr::new(arguments.listen, arguments.port);
    let listener = Listener::bind(protection.api(address)).await.map_err(could_not_start)?;
    let world = World::start(&arguments, protection, &stack, listener.address()).await?;
    let watching = match watch::start(&arguments, &world).await {
        Ok(watching) => watching,
        Err(failure) => {
            world.stop().await;
            return Err(failure);
        }
    };
    match open(&arguments, &world, &stack, prepared, (listener.address(), watching.as_ref())).await {
        Ok((engine, bridge, deployed)) => {
            let metrics = watching.as_ref().and_then(Observability::metrics_address);
            let server = listener.serve_with(engine.clone(), vec![events::neighbour(&bridge)]);
            let workers = start_workers(&arguments, &world, &stack, server.address());
            let beside = ready::Beside { workers: workers.as_ref(), metrics };
            ready::announce(screen, &arguments, &world, server.address(), &stack, &deployed, beside);
            let gate = server.gate();
            tokio::select! {
                () = wait_for_signal() => {}
                () = idle::skip(&engine, &bridge, &gate, &world), if arguments.skip_idle => {}
            }
            stop(screen, server, (&engine, &bridge), (world, workers, watching)).await;
            Ok(())
        }
        Err(failure) => {
            world.stop().await;
            Err(failure)
        }
    }
}

fn start_workers(arguments: &Arguments, world: &World, stack: &Stack, api: SocketAddr) -> Option<Workers> {
    if arguments.no_workers || stack.workers.is_empty() {
        return None;
    }
    let folder = std::env::current_exe().ok().and_then(|this| this.parent().map(PathBuf::from)).unwrap_or_default();
    Some(Workers::start(stack, &folder, &world.worker_environment(arguments, api), world.tells_callers_apart()))
}

fn log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    // A second subscriber is refused, which only a test could meet.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}

fn could_not_start(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Failed, error.to_string())
}

/// What is read before anything starts.
struct Prepared {
    definitions: Vec<(Source, String)>,
    events: Vec<events::Loaded>,
}

/// Every definition without its placeholders.
fn resolve(arguments: &Arguments, stack: &Stack, sources: &[Source]) -> Result<Vec<(Source, String)>, Failure> {
    let placeholders = definitions::placeholders(&arguments.account, &arguments.region, stack, sources);
    sources.iter().map(|source| Ok((source.clone(), definitions::resolved(source, &placeholders)?))).collect()
}

/// Opens the engine and gives it the stack's activities and the folder's state machines, then what starts them.
async fn open(
    arguments: &Arguments,
    world: &World,
    stack: &Stack,
    prepared: Prepared,
    (api, watching): (SocketAddr, Option<&Observability>),
) -> Result<(Engine, Arc<Bridge>, Vec<Deployed>), Failure> {
    let config = engine::Config {
        account: arguments.account.clone(),
        region: arguments.region.clone(),
        data_dir: arguments.data_dir.clone(),
        aws: world.aws(),
        lambda_endpoint: world.lambda_url(),
        // Events for a simulated account go to the bus here too; AWS, and what a URL leads to, has its own.
        events_endpoint: world.sandbox_url().map(|_| format!("http://{}", world::reachable(api))),
        clock: world.clock.clone(),
        limits: limits(&arguments.without_limit),
        names: names(&arguments.without_limit),
        quotas: quotas::of(&arguments.quota),
        signers: world.protection.signers(&arguments.aws_endpoint),
    };
    let observers = watching.map(Observability::observer).into_iter().collect();
    let engine = Engine::open_observed(config, observers).await.map_err(could_not_start)?;
    if let Some(watching) = watching {
        watching.attach(engine.clone());
    }
    let opened = async {
        let deployed = equip(&engine, stack, prepared.definitions, arguments.watch.watched()).await?;
        let bridge = events::open(&engine, arguments, &prepared.events).await?;
        Ok((bridge, deployed))
    };
    match opened.await {
        Ok((bridge, deployed)) => Ok((engine, bridge, deployed)),
        Err(failure) => {
            engine.shutdown().await;
            Err(failure)
        }
    }
}

async fn equip(
    engine: &Engine,
    stack: &Stack,
    definitions: Vec<(Source, String)>,
    watched: Watched,
) -> Result<Vec<Deployed>, Failure> {
    for activity in &stack.activities {
        engine
            .create_activity(activity, Vec::new())
            .await
            .map_err(|error| could_not_start(format!("--stack: activities: {activity}: {error}")))?;
    }
    let mut deployed = Vec::new();
    for (source, definition) in definitions {
        deployed.push(definitions::deploy(engine, &source, definition, watched).await?);
    }
    Ok(deployed)
}

/// Returns at SIGTERM or SIGINT.
async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::warn!("signals cannot be received; the server ends when it is killed");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Workers first, while they can still report; then callers, the engine, and what it works with.
async fn stop(
    screen: &Screen,
    server: Server,
    (engine, bridge): (&Engine, &Bridge),
    (world, workers, watching): (World, Option<Workers>, Option<Observability>),
) {
    if !screen.is_json() {
        screen.line("stopping");
    }
    if let Some(workers) = workers {
        workers.stop().await;
    }
    server.stop().await;
    bridge.shutdown().await;
    engine.shutdown().await;
    // While there is still an account to send to.
    if let Some(watching) = watching {
        watching.stop().await;
    }
    world.stop().await;
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn arguments(line: &[&str]) -> Arguments {
        Line::parse_from(["serve"].iter().chain(line)).arguments
    }

    #[test]
    fn quotas_are_aws_s_unless_they_are_lifted() {
        let given = |line: &[&str]| limits(&arguments(line).without_limit);
        assert_eq!((given(&[]).payload_bytes, given(&[]).history_events), (262_144, 25_000));
        let lifted = given(&["--without-limit", "payload"]);
        assert_eq!((lifted.payload_bytes, lifted.history_events), (usize::MAX, 25_000));
        let both = given(&["--without-limit", "payload", "--without-limit", "history"]);
        assert_eq!(both.history_events, u64::MAX);
        let named = |line: &[&str]| names(&arguments(line).without_limit);
        assert_eq!((named(&[]), named(&["--without-limit", "names"])), (Names::AsOnAws, Names::Any));
    }

    #[test]
    fn missed_times_run_once_unless_told_otherwise() {
        assert_eq!(arguments(&[]).missed_schedules, MissedSchedules::RunOnce);
        assert_eq!(arguments(&["--missed-schedules", "skip"]).missed_schedules, MissedSchedules::Skip);
    }

    #[test]
    fn parts_follow_the_apis_port() {
        let port = |line: &[&str], own| arguments(line).part(own, 2).unwrap().port();
        assert_eq!(port(&[], None), 8085);
        assert_eq!(port(&["--port", "0"], None), 0);
        assert_eq!(port(&["--port", "9000"], Some(1234)), 1234);
        let failure = arguments(&["--port", "65535"]).part(None, 1).unwrap_err();
        assert!(failure.message.starts_with("--port: "), "{}", failure.message);
    }

    #[test]
    fn the_defaults_stay_on_this_machine() {
        let defaults = arguments(&[]);
        assert!(defaults.listen.is_loopback());
        assert_eq!(defaults.aws_endpoint, AwsEndpoint::Sandbox);
        assert_eq!(defaults.account, "123456789012");
    }

    #[test]
    fn time_is_skipped_only_in_the_sandbox() {
        assert!(arguments(&["--skip-idle"]).check().is_ok());
        for endpoint in ["aws", "http://127.0.0.1:4566"] {
            let failure = arguments(&["--skip-idle", "--aws-endpoint", endpoint]).check().unwrap_err();
            assert!(failure.message.starts_with("--skip-idle: "), "{}", failure.message);
            assert!(arguments(&["--aws-endpoint", endpoint]).check().is_ok());
        }
    }

    #[test]
    fn variables_are_split_at_the_first_sign() {
        assert_eq!(arguments(&["--function-env", "A=b=c"]).function_env, [("A".to_owned(), "b=c".to_owned())]);
        assert!(variable("=x").is_err() && variable("x").is_err());
    }

    #[test]
    fn every_definition_is_resolved_before_anything_starts() {
        let source = Source { name: "m".into(), file: "f".into(), text: "\"${MStateMachineArn} ${Gone}\"".into() };
        let failure = resolve(&arguments(&[]), &Stack::default(), &[source]).unwrap_err();
        assert!(failure.message.contains("${Gone}"), "{}", failure.message);
    }
}
