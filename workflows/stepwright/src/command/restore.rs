//! `stepwright restore`: a data directory from a backup.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use engine::BackupError;

use super::backup::tell;
use crate::failure::{Exit, Failure};
use crate::screen::Screen;

/// Makes a data directory of a backup, for `stepwright serve --data-dir DIR`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The backup.
    file: PathBuf,
    /// The data directory to make; it must be empty, or not be there.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
}

pub(crate) fn run(screen: &Screen, arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { file, data_dir } = arguments;
    let unreadable = |error: std::io::Error| {
        Failure::usage(format!("FILE: {}: {error}", file.display())).remedy("give a file of `stepwright backup`")
    };
    // Checked first as a whole: what is damaged does not leave half a directory.
    let check = engine::verify_backup(&mut BufReader::new(File::open(file).map_err(unreadable)?));
    check.map_err(|error| failed("FILE", &error))?;
    let mut backup = BufReader::new(File::open(file).map_err(unreadable)?);
    let contents = engine::restore_backup(&mut backup, data_dir).map_err(|error| failed("--data-dir", &error))?;
    tell(screen, "restored", &contents, data_dir);
    Ok(())
}

fn failed(option: &str, error: &BackupError) -> Failure {
    let exit = if matches!(error, BackupError::NotEmpty(_)) { Exit::Usage } else { Exit::Failed };
    Failure::new(exit, format!("{option}: {error}"))
}
