//! `cargo xtask test`: what a developer runs before a commit, and CI after it.

use std::path::Path;
use std::process::Stdio;

use clap::Args;

use crate::failure::Failure;
use crate::service::botocore::Botocore;
use crate::service::moto::{self, Moto};
use crate::service::postgres::{self, Postgres};
use crate::service::redis::{self, Redis};
use crate::steps::Steps;
use crate::{definitions, infra, policies, process, settings, workspace};

/// The package of the tests with real processes.
const END_TO_END: &str = "end-to-end";

/// What to leave out.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Leave out the end-to-end tests and the services they need
    #[arg(long)]
    fast: bool,
}

/// Checks and tests everything. Every step runs, also after one that failed, unless it needs what failed.
pub(crate) fn run(root: &Path, options: &Options) -> Result<(), Failure> {
    let mut steps = Steps::new();
    check(root, &mut steps);
    infra::check(root, &mut steps);
    let mut services = if options.fast { Services::default() } else { Services::start(root, &mut steps) };
    if options.fast {
        steps.note("without the end-to-end tests (--fast)");
    }
    let programs = if options.fast { None } else { steps.run("programs", || workspace::build(root)) };
    if let Some(stepwright) = programs.as_ref().and_then(|programs| programs.get("stepwright")) {
        walk(root, stepwright, &mut steps);
    }
    if options.fast || programs.is_some() {
        steps.run("doc tests", || {
            process::run(process::cargo(root, &["test", "--workspace", "--doc", "--quiet"]), "cargo test --doc")
        });
        steps.run("tests", || tests(root, options, &services));
    }
    services.stop();
    steps.finish()
}

fn check(root: &Path, steps: &mut Steps) {
    steps.run("formatting", || process::run(process::cargo(root, &["fmt", "--all", "--check"]), "cargo fmt --check"));
    steps.run("definitions", || definitions::format(root, true).map(print));
    steps.run("retry policies", || policies::apply(root, true).map(print));
    steps.run("lints", || {
        let arguments = ["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"];
        process::run(process::cargo(root, &arguments), "cargo clippy")
    });
}

/// Every operation of the API, walked by a client that nobody here wrote.
fn walk(root: &Path, stepwright: &Path, steps: &mut Steps) {
    let botocore = steps.run("botocore", || Botocore::install(root, &workspace::target(root)?.join("botocore")));
    match botocore.flatten() {
        Some(botocore) => {
            if let Some(Some(left_out)) = steps.run("the API walked by botocore", || botocore.walk(stepwright)) {
                steps.note(left_out);
            }
        }
        None => steps.note(
            "the API was not walked by botocore: it is not in target/botocore, and installing it needs python3 and no \
             STEPWRIGHT_NO_INSTALL",
        ),
    }
}

fn print(line: String) {
    println!("  {line}");
}

fn tests(root: &Path, options: &Options, services: &Services) -> Result<(), Failure> {
    let nextest = has_nextest(root);
    let mut arguments = if nextest { vec!["nextest", "run"] } else { vec!["test"] };
    arguments.push("--workspace");
    if options.fast {
        arguments.extend(["--exclude", END_TO_END]);
    }
    if nextest && settings::in_ci() {
        arguments.extend(["--profile", "ci"]);
    }
    if !nextest {
        // Doc tests are a step of their own.
        arguments.extend(["--all-targets", "--no-fail-fast"]);
    }
    let name = format!("cargo {}", arguments.join(" "));
    println!("  {name}");
    let mut command = process::cargo(root, &arguments);
    command.envs(services.variables());
    process::run(command, &name)
}

fn has_nextest(root: &Path) -> bool {
    let mut command = process::cargo(root, &["nextest", "--version"]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// The services that tests run against.
#[derive(Debug, Default)]
struct Services {
    redis: Option<Redis>,
    postgres: Option<Postgres>,
    moto: Option<Moto>,
}

impl Services {
    /// Starts what is there or can be installed; what is not is noted, and its tests say that they did not run.
    fn start(root: &Path, steps: &mut Steps) -> Self {
        let redis = steps.run("Redis", start_redis).flatten();
        if redis.is_none() {
            steps.note(
                "without Redis: redis-server is not installed, and installing it needs root, apt-get and no \
                 STEPWRIGHT_NO_INSTALL; install it yourself and run this again",
            );
        }
        let postgres = steps.run("PostgreSQL", start_postgres).flatten();
        if postgres.is_none() {
            steps.note(
                "without PostgreSQL: it is not installed, and installing it needs root, apt-get and no \
                 STEPWRIGHT_NO_INSTALL; install it yourself and run this again",
            );
        }
        let moto = steps.run("moto", || start_moto(root)).flatten();
        if moto.is_none() {
            steps.note(
                "without moto: it is not in target/venv, and installing it needs python3 and no STEPWRIGHT_NO_INSTALL",
            );
        }
        Self { redis, postgres, moto }
    }

    /// What the tests read.
    fn variables(&self) -> Vec<(&'static str, String)> {
        let redis = self.redis.as_ref().map(|redis| ("STEPWRIGHT_TEST_REDIS_URL", redis.url()));
        let postgres = self.postgres.as_ref().map(|postgres| ("STEPWRIGHT_TEST_POSTGRES_URL", postgres.url()));
        let moto = self.moto.as_ref().map(|moto| ("STEPWRIGHT_TEST_MOTO_URL", moto.url()));
        redis.into_iter().chain(postgres).chain(moto).collect()
    }

    fn stop(&mut self) {
        self.redis.iter_mut().for_each(Redis::stop);
        self.postgres.iter_mut().for_each(Postgres::stop);
        self.moto.iter_mut().for_each(Moto::stop);
    }
}

fn start_redis() -> Result<Option<Redis>, Failure> {
    match Redis::start()? {
        Some(redis) => Ok(Some(redis)),
        None if redis::install()? => Redis::start(),
        None => Ok(None),
    }
}

fn start_postgres() -> Result<Option<Postgres>, Failure> {
    match Postgres::start()? {
        Some(postgres) => Ok(Some(postgres)),
        None if postgres::install()? => Postgres::start(),
        None => Ok(None),
    }
}

fn start_moto(root: &Path) -> Result<Option<Moto>, Failure> {
    let venv = workspace::target(root)?.join("venv");
    if moto::install(&venv)? { Moto::start(&venv).map(Some) } else { Ok(None) }
}
