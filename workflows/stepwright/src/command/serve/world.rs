//! What the engine works with: time, AWS or the sandbox, and the Lambda host.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use engine::{Clock, aws};
use lambda_host::LambdaHost;
use sandbox::Sandbox;

use super::protection::Protection;
use super::skipped::SkippedFile;
use super::{Arguments, AwsEndpoint, could_not_start};
use crate::environment;
use crate::failure::{Exit, Failure};
use crate::stack::{Function, Stack};

/// Invocations of one function at once.
const CONCURRENCY: usize = 16;
/// The port that a Redis listens on where nobody says otherwise.
const REDIS_PORT: u16 = 6379;

/// The engine's surroundings, running.
#[derive(Debug)]
pub(super) struct World {
    pub(super) clock: Clock,
    endpoint: AwsEndpoint,
    /// Who may call, and what our own parts sign with.
    pub(super) protection: Protection,
    pub(super) sandbox: Option<Sandbox>,
    pub(super) lambdas: Option<LambdaHost>,
    /// Where the other processes read what is skipped; `None` where nothing ever is.
    pub(super) skipped: Option<SkippedFile>,
}

impl World {
    /// Starts what `arguments` and `stack` ask for; functions are told that the API is at `api`.
    pub(super) async fn start(
        arguments: &Arguments,
        protection: Protection,
        stack: &Stack,
        api: SocketAddr,
    ) -> Result<Self, Failure> {
        let clock = clock(arguments)?;
        let skipped = skipped(arguments, &clock)?;
        let sandbox = match arguments.aws_endpoint {
            AwsEndpoint::Sandbox => Some(start_sandbox(arguments, &protection, &clock).await?),
            AwsEndpoint::Aws | AwsEndpoint::Url(_) => None,
        };
        let endpoint = arguments.aws_endpoint.clone();
        let mut world = Self { clock, endpoint, protection, sandbox, lambdas: None, skipped };
        if wants_lambdas(arguments, stack) {
            match start_lambdas(arguments, stack, &world, api).await {
                Ok(lambdas) => world.lambdas = Some(lambdas),
                Err(failure) => {
                    world.stop().await;
                    return Err(failure);
                }
            }
        }
        if let Some(sandbox) = &world.sandbox {
            let api = format!("http://{}", reachable(api));
            sandbox.connect(world.lambda_url(), Some(api.clone()));
            sandbox.forward_events(api);
        }
        Ok(world)
    }

    /// Where service integrations go.
    pub(super) fn aws(&self) -> aws::Endpoint {
        self.aws_url().map_or(aws::Endpoint::Aws, aws::Endpoint::Url)
    }

    /// The URL of the AWS endpoint; `None` for AWS itself.
    pub(super) fn aws_url(&self) -> Option<String> {
        match (&self.endpoint, &self.sandbox) {
            (AwsEndpoint::Url(url), _) => Some(url.clone()),
            (_, Some(sandbox)) => Some(sandbox.url()),
            _ => None,
        }
    }

    /// The URL of the sandbox, where one runs in this process.
    pub(super) fn sandbox_url(&self) -> Option<String> {
        self.sandbox.as_ref().map(Sandbox::url)
    }

    /// Base URL of the Lambda host's Invoke API.
    pub(super) fn lambda_url(&self) -> Option<String> {
        self.lambdas.as_ref().map(LambdaHost::url)
    }

    /// The file that tells what is skipped.
    pub(super) fn skipped_file(&self) -> Option<&Path> {
        self.skipped.as_ref().map(SkippedFile::path)
    }

    /// Whether functions and workers sign with their names: to the sandbox, unless it asks for a key that it knows.
    pub(super) fn tells_callers_apart(&self) -> bool {
        self.sandbox.is_some() && !self.protection.has_keys()
    }

    /// What workers get: the functions' common environment.
    pub(super) fn worker_environment(&self, arguments: &Arguments, api: SocketAddr) -> BTreeMap<String, String> {
        let mut variables = common_environment(arguments, self, api);
        variables.insert("AWS_REGION".to_owned(), arguments.region.clone());
        variables
    }

    pub(super) async fn stop(self) {
        if let Some(lambdas) = self.lambdas {
            lambdas.shutdown().await;
        }
        if let Some(sandbox) = self.sandbox {
            sandbox.shutdown().await;
        }
    }
}

/// The clock of everything here: the data directory's own, where it has one.
fn clock(arguments: &Arguments) -> Result<Clock, Failure> {
    let wanted = arguments.clock.clock();
    match &arguments.data_dir {
        Some(directory) => engine::resumed_clock(directory, wanted).map_err(could_not_start),
        None => Ok(wanted),
    }
}

/// The file for what is skipped: with `--skip-idle`, and on a data directory on which time was skipped before.
fn skipped(arguments: &Arguments, clock: &Clock) -> Result<Option<SkippedFile>, Failure> {
    let before = clock.skipped();
    if before > 0 && arguments.aws_endpoint != AwsEndpoint::Sandbox {
        let message = format!(
            "--data-dir: its time has skipped {before} ms and is ahead of what real services, and those behind a URL, \
             go by"
        );
        return Err(could_not_start(message).remedy("open it with --aws-endpoint sandbox, or use another directory"));
    }
    (arguments.skip_idle || before > 0).then(|| SkippedFile::create(arguments.data_dir.as_deref(), before)).transpose()
}

async fn start_sandbox(arguments: &Arguments, protection: &Protection, clock: &Clock) -> Result<Sandbox, Failure> {
    let port = environment::variable("REDIS_PORT");
    let redis_port = port.map_or(Ok(REDIS_PORT), |port| {
        port.parse().map_err(|_| Failure::usage(format!("REDIS_PORT: '{port}' is no port")))
    })?;
    let config = sandbox::Config {
        listen: SocketAddr::new(
            protection.sandbox_address(arguments.listen),
            arguments.part(arguments.sandbox_port, 2)?.port(),
        ),
        seed: arguments.sandbox_seed,
        profile: arguments.sandbox_profile,
        history_days: None,
        time_scale: clock.scale(),
        time_origin_ms: Some(clock.origin()),
        time_skipped_ms: clock.skipped(),
        time: sandbox::Time::System,
        account: arguments.account.clone(),
        region: arguments.region.clone(),
        redis_host: environment::variable("REDIS_HOST").unwrap_or_else(|| "127.0.0.1".to_owned()),
        redis_port,
        traffic_port: arguments.part(arguments.traffic_port, 3)?.port(),
        // Known only when both run: see `World::start`.
        lambda_endpoint: None,
        sfn_endpoint: None,
        access: protection.sandbox(),
        observed: environment::variable("STEPWRIGHT_OBSERVED_CALLS").map(PathBuf::from),
    };
    Sandbox::start(config).await.map_err(could_not_start)
}

/// Whether functions run here: the stack's, and those that callers create. Without any of the stack's, functions of AWS,
/// or of what a URL leads to, stay where they are, unless the host is asked for by its port.
fn wants_lambdas(arguments: &Arguments, stack: &Stack) -> bool {
    !stack.functions.is_empty() || arguments.aws_endpoint == AwsEndpoint::Sandbox || arguments.lambda_port.is_some()
}

async fn start_lambdas(
    arguments: &Arguments,
    stack: &Stack,
    world: &World,
    api: SocketAddr,
) -> Result<LambdaHost, Failure> {
    let mut functions = Vec::new();
    if !stack.functions.is_empty() {
        let binary = binary(arguments)?;
        let sandboxed = world.tells_callers_apart();
        functions.extend(stack.functions.iter().map(|(name, function)| deployed(name, function, &binary, sandboxed)));
    }
    let common_environment = common_environment(arguments, world, api);
    let config = lambda_host::Config {
        listen: arguments.part(arguments.lambda_port, 1)?,
        connections: world.protection.connections(),
        keys: world.protection.keys(),
        region: arguments.region.clone(),
        account: arguments.account.clone(),
        functions,
        created: created(arguments, &common_environment),
        common_environment,
        limits: lambda_host::Limits::default(),
    };
    LambdaHost::start(config).await.map_err(could_not_start)
}

/// What holds for functions that callers create. Of the common environment they get what belongs to AWS, and what the
/// command line says: the rest is for this product's own.
fn created(arguments: &Arguments, common: &BTreeMap<String, String>) -> lambda_host::Created {
    let asked = |name: &String| arguments.function_env.iter().any(|(own, _)| own == name);
    let environment = common.iter().filter(|(name, _)| name.starts_with("AWS_") || *name == "HOME" || asked(name));
    lambda_host::Created {
        folder: arguments.data_dir.as_ref().map(|directory| directory.join("functions")),
        runtimes: arguments.runtimes_dir.clone().unwrap_or_else(|| environment::cache().join("runtimes")),
        install: environment::may_install(),
        environment: environment.map(|(name, value)| (name.clone(), value.clone())).collect(),
        max_concurrency: CONCURRENCY,
    }
}

fn deployed(name: &str, function: &Function, binary: &Path, sandboxed: bool) -> lambda_host::Function {
    let mut environment = function.environment.clone();
    if sandboxed {
        // By this the sandbox's call log tells the functions apart.
        environment.insert("AWS_ACCESS_KEY_ID".to_owned(), name.to_owned());
    }
    lambda_host::Function {
        name: name.to_owned(),
        binary: binary.to_owned(),
        timeout: Duration::from_secs(function.timeout_seconds),
        memory_mb: function.memory_mb,
        environment,
        // As on AWS, an invocation beyond what is reserved does not wait.
        max_concurrency: function.reserved_concurrency.map_or(CONCURRENCY, NonZeroUsize::get),
        queue: function.reserved_concurrency.map(|_| 0),
    }
}

/// The binary that serves the functions.
fn binary(arguments: &Arguments) -> Result<PathBuf, Failure> {
    if let Some(binary) = &arguments.lambda_binary {
        return Ok(binary.clone());
    }
    let beside = std::env::current_exe().ok().map(|this| this.with_file_name("bootstrap")).filter(|it| it.is_file());
    beside.ok_or_else(|| {
        Failure::new(
            Exit::Failed,
            "--lambda-binary: the stack has functions, and there is no `bootstrap` beside this executable",
        )
        .remedy("build it with `cargo build -p bootstrap`, or name it with --lambda-binary FILE")
    })
}

/// What every function gets: endpoints, credentials, time, and what the command line says.
fn common_environment(arguments: &Arguments, world: &World, api: SocketAddr) -> BTreeMap<String, String> {
    let mut variables = environment::for_functions(world.aws_url().is_none());
    let mut set = |name: &str, value: String| variables.insert(name.to_owned(), value);
    set("AWS_ENDPOINT_URL_SFN", format!("http://{}", reachable(api)));
    if let Some(url) = world.aws_url() {
        set("AWS_ENDPOINT_URL", url);
        let (id, secret) = world.protection.key_of_parts();
        set("AWS_ACCESS_KEY_ID", id);
        set("AWS_SECRET_ACCESS_KEY", secret);
    }
    set("OPS_TIME_SCALE", world.clock.scale().to_string());
    set("OPS_TIME_ORIGIN", world.clock.origin().to_string());
    if let Some(file) = world.skipped_file() {
        set("OPS_TIME_SKIPPED_FILE", file.display().to_string());
    }
    for (name, value) in &arguments.function_env {
        set(name, value.clone());
    }
    variables
}

/// An address that this machine can call: one that listens everywhere is called on loopback.
pub(super) fn reachable(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => ([127, 0, 0, 1], v4.port()).into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => (std::net::Ipv6Addr::LOCALHOST, v6.port()).into(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_listens_everywhere_is_called_on_loopback() {
        let at = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(at("0.0.0.0:80"), "127.0.0.1:80");
        assert_eq!(at("[::]:80"), "[::1]:80");
        assert_eq!(at("10.0.0.1:80"), "10.0.0.1:80");
    }
}
