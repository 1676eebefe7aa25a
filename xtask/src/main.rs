//! Development commands: `cargo xtask demo | test | asl fmt | policies | prices | shapes | conformance | bench | infra`.
//! There is no shell script beside them.

mod bench;
mod clock;
mod conformance;
mod definitions;
mod demo;
mod failure;
mod infra;
mod json;
mod policies;
mod prices;
mod process;
mod scratch;
mod service;
mod settings;
mod shapes;
mod signals;
mod steps;
mod suite;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Failure;

/// Development commands of Stepwright.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch real incidents being handled on this machine, on accelerated time
    Demo(demo::Options),
    /// Check formatting and lints, then run every test with what it needs
    Test(suite::Options),
    /// Work on the state machines' definitions
    #[command(subcommand)]
    Asl(Asl),
    /// Make every Retry of our definitions equal to its policy in statemachines/policies.json
    Policies {
        /// Change nothing; fail when something would change
        #[arg(long)]
        check: bool,
    },
    /// Rewrite the prices of Fargate from the AWS Price List (needs AWS credentials)
    Prices,
    /// Rewrite what AWS's services answer, from the API models in botocore
    Shapes {
        /// Change nothing; fail when something would change
        #[arg(long)]
        check: bool,
    },
    /// Replay executions recorded on AWS, and write the score into workflows/CONFORMANCE.md
    Conformance(conformance::Options),
    /// Measure the service, and write workflows/PERFORMANCE.md with its plots
    Bench(bench::Options),
    /// Prove what can be proved about infra/aws without an AWS account
    #[command(subcommand)]
    Infra(infra::Command),
}

#[derive(Debug, Subcommand)]
enum Asl {
    /// Format the definitions under statemachines/
    Fmt {
        /// Change nothing; fail when something would change
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    signals::watch();
    let result = run(Arguments::parse().command);
    process::stop_all();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    let root = workspace::root();
    match command {
        Command::Demo(options) => demo::run(&root, &options),
        Command::Test(options) => suite::run(&root, &options),
        Command::Asl(Asl::Fmt { check }) => say(definitions::format(&root, check)?),
        Command::Policies { check } => say(policies::apply(&root, check)?),
        Command::Prices => prices::refresh(&root),
        Command::Shapes { check } => say(shapes::apply(&root, check)?),
        Command::Conformance(options) => conformance::run(&root, &options),
        Command::Bench(options) => bench::run(&root, &options),
        Command::Infra(command) => infra::run(&root, &command),
    }
}

fn say(line: String) -> Result<(), Failure> {
    println!("{line}");
    Ok(())
}
