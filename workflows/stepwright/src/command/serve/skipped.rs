//! The file in which other processes read how much time is skipped: functions, workers, `stepwright approve`.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::failure::{Exit, Failure};

/// Its name in the data directory.
const NAME: &str = "time-skipped";

/// The file: milliseconds as decimal text. It is replaced as a whole, so that nobody reads half of it.
#[derive(Debug)]
pub(super) struct SkippedFile {
    path: PathBuf,
    /// Where state is in memory, the file's folder; it goes with the server.
    _folder: Option<TempDir>,
}

impl SkippedFile {
    /// Creates it in `data_dir`, or in a temporary folder, with what is skipped so far.
    pub(super) fn create(data_dir: Option<&Path>, skipped: i64) -> Result<Self, Failure> {
        let (folder, temporary) = match data_dir {
            Some(folder) => (folder.to_owned(), None),
            None => {
                let folder = tempfile::Builder::new().prefix("stepwright-").tempdir();
                let folder = folder.map_err(|error| unwritable(&std::env::temp_dir(), &error))?;
                (folder.path().to_owned(), Some(folder))
            }
        };
        // Functions and workers may run in another directory.
        let folder = std::path::absolute(&folder).map_err(|error| unwritable(&folder, &error))?;
        let file = Self { path: folder.join(NAME), _folder: temporary };
        file.write(skipped).map_err(|error| unwritable(&file.path, &error))?;
        Ok(file)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Says how much is skipped from now on, in milliseconds.
    pub(super) fn write(&self, skipped: i64) -> std::io::Result<()> {
        let next = self.path.with_extension("next");
        std::fs::write(&next, skipped.to_string())?;
        std::fs::rename(&next, &self.path)
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("--skip-idle: {} cannot be written: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_in_the_data_directory_or_goes_with_the_server() {
        let folder = tempfile::tempdir().unwrap();
        let file = SkippedFile::create(Some(folder.path()), 5).unwrap();
        assert_eq!(file.path(), folder.path().join("time-skipped"));
        assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "5");
        file.write(86_400_000).unwrap();
        assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "86400000");
        let temporary = SkippedFile::create(None, 0).unwrap();
        let path = temporary.path().to_owned();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "0");
        drop(temporary);
        assert!(!path.exists());
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let failure = SkippedFile::create(Some(Path::new("/nowhere")), 0).unwrap_err();
        assert!(
            failure.message.starts_with("--skip-idle: /nowhere/time-skipped cannot be written"),
            "{}",
            failure.message
        );
    }
}
