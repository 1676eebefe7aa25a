//! Load on the Step Functions API: `load run --service PATH` measures `stepwright serve`, in memory and on disk, beside
//! a skeleton and the machine's own floors, and prints what it measured as JSON. `cargo xtask bench` makes a page of it.

mod bench;
mod client;
mod clock;
mod definition;
mod drive;
mod failure;
mod growth;
mod machine;
mod process;
mod report;
mod sample;
mod skeleton;
#[cfg(test)]
mod tests;
mod workload;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use serde_json::json;

use bench::{Bench, Place, Programs, Size};
use client::Client;
use drive::{Until, closed};
use failure::{During, Failure};
use process::{Process, Server};
use report::Report;
use skeleton::Skeleton;
use workload::Workload;

/// Writes of the disk's floor.
const SYNCS: usize = 200;
const ALL: [Workload; 10] = [
    Workload::W1,
    Workload::W2,
    Workload::W3,
    Workload::W4,
    Workload::W5,
    Workload::W6,
    Workload::W7,
    Workload::Executions,
    Workload::History,
    Workload::Workers,
];

/// Load on the Step Functions API.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measures a service, and prints JSON
    Run(Run),
    /// Serves the skeleton: the least that such a service can do
    Skeleton {
        /// Its port; 0 takes any free one
        #[arg(long, default_value_t = 0)]
        port: u16,
        /// Where it writes what must be durable; without it, nowhere
        #[arg(long, value_name = "FILE")]
        log: Option<PathBuf>,
    },
}

#[derive(Debug, clap::Args)]
struct Run {
    /// The stepwright binary
    #[arg(long, value_name = "FILE")]
    service: PathBuf,
    /// A folder on the disk to measure; what is written there is removed
    #[arg(long, value_name = "DIR")]
    folder: PathBuf,
    /// The servers' port; 0 takes any free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Less of everything
    #[arg(long)]
    quick: bool,
    /// Which [default: all]
    #[arg(value_name = "WORKLOAD")]
    workloads: Vec<Workload>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Run(run) => measure(run).await,
        Command::Skeleton { port, log } => serve(port, log).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(port: u16, log: Option<PathBuf>) -> Result<(), Failure> {
    let skeleton = Arc::new(Skeleton::new(log.as_deref())?);
    let address = (Ipv4Addr::LOCALHOST, port);
    let listener = tokio::net::TcpListener::bind(address).await.during(|| format!("port {port}"))?;
    let address = listener.local_addr().during(|| format!("port {port}"))?;
    println!("{}", json!({"stepFunctions": format!("http://{address}")}));
    skeleton.serve(listener).await
}

async fn measure(run: Run) -> Result<(), Failure> {
    if !run.service.is_file() {
        return Err(Failure::new(format!("--service: {} is no file: build it first", run.service.display())));
    }
    let folder = tempfile::tempdir_in(&run.folder).during(|| format!("--folder: {}", run.folder.display()))?;
    let programs = Programs {
        service: std::path::absolute(&run.service).during(|| "--service".to_owned())?,
        load: std::env::current_exe().during(|| "this program".to_owned())?,
        folder: folder.path().to_owned(),
        port: run.port,
    };
    let size = if run.quick { Size::quick() } else { Size::full() };
    let workloads = if run.workloads.is_empty() { ALL.to_vec() } else { run.workloads };
    let mut report = Report::default();
    let mut machine = machine::describe();
    machine["quick"] = json!(run.quick);
    floors(&programs, &size, &mut report).await?;
    for place in [Place::Memory, Place::Durable] {
        for workload in &workloads {
            one(*workload, place, &programs, &size, &mut report).await?;
        }
    }
    machine["load-after"] = json!(machine::load());
    println!("{:#}", report.document(&machine));
    Ok(())
}

/// An answer of HTTP and JSON that does nothing, and one sync of the disk.
async fn floors(programs: &Programs, size: &Size, report: &mut Report) -> Result<(), Failure> {
    let syncs = machine::syncs(&programs.folder, SYNCS)?;
    for (name, share) in [("sync.p50", 0.5), ("sync.p99", 0.99), ("sync.min", 0.0)] {
        if let Some(millis) = syncs.quantile(share) {
            report.figure("machine", name, millis);
        }
    }
    let server = programs.skeleton(Place::Memory)?;
    let process = Process(server.pid());
    for clients in &size.clients {
        let client = Client::new(&server.address);
        let operation = move |_| {
            let client = client.clone();
            async move { client.call("Echo", &json!({"input": "{\"n\":1}"})).await.map(drop) }
        };
        let before = process.cpu()?;
        let drive = closed(*clients, Until::time(size.time), operation).await?;
        report.drive("machine", "echo", &clients.to_string(), &drive);
        let used = process.cpu()? - before;
        report.figure("machine", &format!("echo.cpu.{clients}"), used * 1e6 / drive.sample.len() as f64);
    }
    Ok(())
}

/// One workload on a fresh service; W1 and W2 on a fresh skeleton before it.
async fn one(
    workload: Workload,
    place: Place,
    programs: &Programs,
    size: &Size,
    report: &mut Report,
) -> Result<(), Failure> {
    if matches!(workload, Workload::W1 | Workload::W2) {
        let server = programs.skeleton(place)?;
        workload::run(workload, &mut bench(&server, place.skeleton(), size, report)).await?;
    }
    let data = programs.data()?;
    let data = (place == Place::Durable).then(|| data.path());
    if workload == Workload::W7 {
        workload::idle(programs, data, place.subject(), size, report).await?;
    }
    match (workload, place) {
        (Workload::W7, Place::Durable) => workload::recovered(programs, size, report).await,
        (Workload::Executions, Place::Durable) => growth::on_disk(programs, size, report).await,
        _ => {
            let server = programs.service(data)?;
            workload::run(workload, &mut bench(&server, place.subject(), size, report)).await
        }
    }
}

fn bench<'a>(server: &Server, subject: &'static str, size: &'a Size, report: &'a mut Report) -> Bench<'a> {
    let (client, process) = (Client::new(&server.address), Process(server.pid()));
    Bench { client, process, subject, size, report }
}
