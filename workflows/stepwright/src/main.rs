//! The stepwright binary: the embedded Step Functions engine, and the commands to work with it.
//!
//! Exit codes: 0 it went well; 1 what was asked for came out badly (an execution failed, a definition has errors, a
//! scenario ended otherwise, the server could not start); 2 the command line or a file it names cannot be used; 3 the server cannot be reached;
//! 4 the server refused the request; 5 a rule forbids it (an approval that has expired, a redrive beyond its limit).

mod client;
mod clock;
mod command;
mod definitions;
mod environment;
mod excerpt;
mod failure;
mod follow;
mod item;
mod placeholder;
mod screen;
mod stack;
mod timeline;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use command::approve::{self, Decision};
use command::{backup, history, list, redrive, restore, serve, start, stop, test, validate};
use failure::{Exit, Failure};
use screen::{Format, Screen};

/// An execution is many small pieces of short life, made on one thread and let go on another: a third of the server's
/// time was the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exit codes, as `--help` shows them.
const EXIT_CODES: &str = "Exit codes:
  0  it went well
  1  it came out badly: an execution failed, a definition has errors, a scenario ended otherwise, the server could not start
  2  the command line, or a file that it names, cannot be used
  3  the server cannot be reached
  4  the server refused the request
  5  a rule forbids it: an approval that has expired or was answered, a redrive beyond its limit";

/// An embedded AWS Step Functions engine, and the commands to work with it.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES)]
struct Line {
    #[command(subcommand)]
    command: Command,
    /// Output for people, or one JSON document for programs.
    #[arg(long, global = true, value_enum, default_value_t, env = "STEPWRIGHT_OUTPUT")]
    output: Format,
    /// No colours (any value).
    #[arg(long, global = true, env = "NO_COLOR", hide = true, num_args = 0..=1, default_missing_value = "1")]
    no_color: Option<String>,
    /// Columns of a line.
    #[arg(long, global = true, env = "COLUMNS", hide = true, default_value_t = 140)]
    width: usize,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Serve(Box<serve::Arguments>),
    Start(start::Arguments),
    List(list::Arguments),
    History(history::Arguments),
    Stop(stop::Arguments),
    /// Approves a request that a workflow waits on.
    Approve(approve::Arguments),
    /// Denies a request that a workflow waits on.
    Deny(approve::Arguments),
    Validate(validate::Arguments),
    Test(test::Arguments),
    Redrive(redrive::Arguments),
    Backup(backup::Arguments),
    Restore(restore::Arguments),
}

fn main() -> ExitCode {
    let line = Line::parse();
    let plain = line.no_color.as_deref().is_some_and(|value| !value.is_empty());
    let screen = Screen::standard(line.output, plain, line.width);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return fail(&screen, &Failure::new(Exit::Failed, format!("the runtime could not start: {error}")));
        }
    };
    let ended = runtime.block_on(run(&screen, line.command));
    // A definition that is still being read does not hold up the end.
    runtime.shutdown_timeout(Duration::from_secs(1));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => fail(&screen, &failure),
    }
}

async fn run(screen: &Screen, command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(arguments) => serve::run(screen, *arguments).await,
        Command::Start(arguments) => start::run(screen, &arguments).await,
        Command::List(arguments) => list::run(screen, &arguments).await,
        Command::History(arguments) => history::run(screen, &arguments).await,
        Command::Stop(arguments) => stop::run(screen, &arguments).await,
        Command::Approve(arguments) => approve::run(screen, &arguments, Decision::Approved).await,
        Command::Deny(arguments) => approve::run(screen, &arguments, Decision::Denied).await,
        Command::Validate(arguments) => validate::run(screen, &arguments),
        Command::Test(arguments) => test::run(screen, &arguments),
        Command::Redrive(arguments) => redrive::run(screen, &arguments).await,
        Command::Backup(arguments) => backup::run(screen, &arguments).await,
        Command::Restore(arguments) => restore::run(screen, &arguments),
    }
}

fn fail(screen: &Screen, failure: &Failure) -> ExitCode {
    eprintln!("{}", if screen.is_json() { failure.json() } else { failure.text() });
    ExitCode::from(failure.exit as u8)
}

#[cfg(test)]
mod tests;
