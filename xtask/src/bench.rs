//! `cargo xtask bench`: how fast, how small and how linear the service is, and the page that says so,
//! `workflows/PERFORMANCE.md`, with its plots.

mod figures;
mod page;
mod plot;
mod target;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use clap::Args;

use crate::failure::{During, Failure};
use crate::{process, workspace};
use figures::Figures;

/// The page, and the folder of its plots.
const PAGE: &str = "workflows/PERFORMANCE.md";
const PLOTS: &str = "workflows/performance";

/// What is measured.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Less of everything: a look, not what is published
    #[arg(long)]
    quick: bool,
    /// The port of the servers that are measured; 0 takes any free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Measures this stepwright instead of building one
    #[arg(long, value_name = "FILE")]
    service: Option<PathBuf>,
    /// Writes what was measured to this file too, as JSON
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Makes the page of a file that `--output` wrote; nothing is measured
    #[arg(long, value_name = "FILE", conflicts_with_all = ["quick", "service", "output"])]
    from: Option<PathBuf>,
    /// w1 to w7, executions, history, workers [default: all]. The page keeps only what is measured in one run.
    #[arg(value_name = "WORKLOAD")]
    workloads: Vec<String>,
}

/// Measures, or reads what was measured, and writes the page.
pub(crate) fn run(root: &Path, options: &Options) -> Result<(), Failure> {
    let measured = match &options.from {
        Some(file) => std::fs::read(file).during(|| format!("--from: {}", file.display()))?,
        None => measure(root, options)?,
    };
    if let Some(file) = &options.output {
        std::fs::write(file, &measured).during(|| format!("--output: {}", file.display()))?;
    }
    publish(root, &Figures::read(&measured)?)
}

fn measure(root: &Path, options: &Options) -> Result<Vec<u8>, Failure> {
    let target = workspace::target(root)?;
    let mut build = process::cargo(root, &["build", "--release", "--package", "load"]);
    if options.service.is_none() {
        build.args(["--package", "stepwright"]);
    }
    process::run(build, "cargo build")?;
    let release = target.join("release");
    let service = options.service.clone().unwrap_or_else(|| release.join("stepwright"));
    let mut load = std::process::Command::new(release.join("load"));
    // The disk that is measured is the one that is built on.
    load.args(["run", "--port", &options.port.to_string(), "--folder"]).arg(&target).arg("--service").arg(service);
    if options.quick {
        load.arg("--quick");
    }
    load.args(&options.workloads).stdout(Stdio::piped());
    process::output(load, "load")
}

fn publish(root: &Path, figures: &Figures) -> Result<(), Failure> {
    let folder = root.join(PLOTS);
    std::fs::create_dir_all(&folder).during(|| folder.display().to_string())?;
    for plot in plot::PLOTS {
        plot::draw(plot, figures, &folder.join(format!("{}.svg", plot.file)))?;
    }
    let path = root.join(PAGE);
    let old = std::fs::read_to_string(&path).during(|| path.display().to_string())?;
    let new = page::with(&old, figures)?;
    std::fs::write(&path, new).during(|| path.display().to_string())?;
    println!("{}", page::table(figures));
    println!("{PAGE} and the plots in {PLOTS} are written.");
    Ok(())
}
