//! Temporary folders that are removed even when this program is interrupted.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::failure::{During, Failure};

static FOLDERS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A private folder, removed with what is in it when this is dropped.
#[derive(Debug)]
pub(crate) struct Scratch(tempfile::TempDir);

impl Scratch {
    /// Makes one.
    pub(crate) fn new() -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix("stepwright-").tempdir();
        let folder = folder.during(|| "no temporary folder can be made".to_owned())?;
        FOLDERS.lock().unwrap_or_else(PoisonError::into_inner).push(folder.path().to_path_buf());
        Ok(Self(folder))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Removes every folder that is still there.
pub(crate) fn remove_all() {
    for folder in std::mem::take(&mut *FOLDERS.lock().unwrap_or_else(PoisonError::into_inner)) {
        let _ = std::fs::remove_dir_all(folder);
    }
}
