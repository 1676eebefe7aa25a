//! Where things are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::failure::{During, Failure};
use crate::process;

/// The programs that the demo and the end-to-end tests run, and the packages they come from.
const PROGRAMS: &[&str] =
    &["stepwright", "bootstrap", "load-replayer", "recovery-watcher", "smoke-tester", "migration-runner", "sandbox"];

/// The repository.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// The folder that cargo builds into.
pub(crate) fn target(root: &Path) -> Result<PathBuf, Failure> {
    let mut metadata = process::cargo(root, &["metadata", "--no-deps", "--format-version", "1"]);
    let output = metadata.output().during(|| "cargo metadata".to_owned())?;
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).during(|| "what cargo metadata prints".to_owned())?;
    let folder = metadata["target_directory"].as_str();
    folder.map(PathBuf::from).ok_or_else(|| Failure::new("cargo metadata names no target directory"))
}

/// Builds the programs and says where each is. Cargo's own progress goes to the terminal.
pub(crate) fn build(root: &Path) -> Result<BTreeMap<String, PathBuf>, Failure> {
    let mut build = process::cargo(root, &["build", "--message-format", "json-render-diagnostics"]);
    for program in PROGRAMS {
        build.args(["--package", program]);
    }
    build.arg("--bins").stdout(Stdio::piped());
    let output = process::output(build, "cargo build")?;
    let messages = serde_json::Deserializer::from_slice(&output).into_iter::<serde_json::Value>();
    let programs: BTreeMap<String, PathBuf> = messages
        .filter_map(Result::ok)
        .filter_map(|message| {
            let name = message["target"]["name"].as_str()?.to_owned();
            Some((name, PathBuf::from(message["executable"].as_str()?)))
        })
        .collect();
    match PROGRAMS.iter().find(|program| !programs.contains_key(**program)) {
        Some(missing) => Err(Failure::new(format!("cargo build made no program {missing}: is it still a binary?"))),
        None => Ok(programs),
    }
}
