//! The time that a local stack has skipped: a file in which the server says how much.

use operations::Error;
use operations::error::Kind;
use operations::time::Millis;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};

/// Milliseconds skipped so far, as a file tells them.
#[derive(Debug)]
pub(crate) struct Skipped {
    file: PathBuf,
    /// The most that was read: time does not go back.
    latest: AtomicI64,
}

impl Skipped {
    /// What is skipped by the text of this file: a whole number of milliseconds, 0 or more.
    ///
    /// # Errors
    /// `Ops.ConfigInvalid` naming `OPS_TIME_SKIPPED_FILE` when there is no such file or no such text in it.
    pub(crate) fn in_file(file: &str) -> Result<Self, Error> {
        let read = read(Path::new(file)).map_err(|problem| {
            let text = format!("OPS_TIME_SKIPPED_FILE: {file}: {problem}; give the file that the server names");
            Error::new(Kind::ConfigInvalid, text)
        })?;
        Ok(Self { file: PathBuf::from(file), latest: AtomicI64::new(read) })
    }

    /// Milliseconds skipped by now. A file that cannot be read any more leaves the last value standing.
    pub(crate) fn now(&self) -> Millis {
        let read = read(&self.file).unwrap_or(0);
        self.latest.fetch_max(read, Ordering::Relaxed).max(read)
    }
}

fn read(file: &Path) -> Result<Millis, String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    let skipped = text.trim().parse().ok().filter(|skipped| *skipped >= 0);
    skipped.ok_or_else(|| "it does not hold a whole number of milliseconds".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Clock, Environment};

    fn clock(file: &Path) -> Result<Clock, Error> {
        Clock::of(&Environment::of([("OPS_TIME_SKIPPED_FILE", file.to_str().unwrap())]))
    }

    #[test]
    fn the_clock_follows_the_file_and_never_goes_back() {
        const DAY: Millis = 86_400_000;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("time-skipped");
        std::fs::write(&file, DAY.to_string()).unwrap();
        let (clock, real) = (clock(&file).unwrap(), Clock::default());
        let ahead = || clock.now() - real.now();
        assert!((DAY - 10_000..=DAY + 10_000).contains(&ahead()), "{}", ahead());
        std::fs::write(&file, format!("{}\n", 30 * DAY)).unwrap();
        assert!((30 * DAY - 10_000..=30 * DAY + 10_000).contains(&ahead()), "{}", ahead());
        for garbled in ["", "-5", "5"] {
            std::fs::write(&file, garbled).unwrap();
            assert!(ahead() >= 30 * DAY - 10_000, "{garbled:?}: {}", ahead());
        }
        std::fs::remove_file(&file).unwrap();
        assert!(ahead() >= 30 * DAY - 10_000);
    }

    #[test]
    fn a_missing_or_garbled_file_is_refused_at_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("time-skipped");
        let missing = clock(&file).unwrap_err();
        assert_eq!(missing.kind(), Kind::ConfigInvalid);
        assert!(missing.message().starts_with("OPS_TIME_SKIPPED_FILE: "), "{}", missing.message());
        for garbled in ["", "soon", "-1", "1.5"] {
            std::fs::write(&file, garbled).unwrap();
            assert!(clock(&file).is_err(), "{garbled:?}");
        }
    }
}
