//! The time that the server's world shows, for commands that compare with stored instants.

use std::path::{Path, PathBuf};

use clap::Args;
use engine::Clock;

use crate::failure::Failure;

/// How the server's time runs; the same as it was started with.
#[derive(Clone, Debug, Args)]
pub(crate) struct ClockOptions {
    /// Virtual seconds per real second.
    #[arg(long, value_name = "N", env = "OPS_TIME_SCALE", default_value_t = 1.0, value_parser = scale)]
    pub(crate) time_scale: f64,
    /// The instant at which virtual and real time agree, in milliseconds since 1970; now where it is not given.
    #[arg(long, value_name = "MS", env = "OPS_TIME_ORIGIN")]
    pub(crate) time_origin: Option<i64>,
}

impl ClockOptions {
    /// The clock.
    pub(crate) fn clock(&self) -> Clock {
        self.time_origin
            .map_or_else(|| Clock::starting_now(self.time_scale), |origin| Clock::scaled(origin, self.time_scale))
    }
}

/// How the server's time runs, for whoever only reads it.
#[derive(Clone, Debug, Args)]
pub(crate) struct ReaderOptions {
    #[command(flatten)]
    clock: ClockOptions,
    /// The file in which a server with --skip-idle says how many milliseconds it has skipped: `timeSkippedFile` of its
    /// ready line.
    #[arg(long, value_name = "FILE", env = "OPS_TIME_SKIPPED_FILE")]
    time_skipped_file: Option<PathBuf>,
}

impl ReaderOptions {
    /// Now, in milliseconds since 1970.
    pub(crate) fn now(&self) -> Result<i64, Failure> {
        let skipped = self.time_skipped_file.as_deref().map(skipped_in).transpose()?;
        Ok(self.clock.clock().having_skipped(skipped.unwrap_or(0)).now())
    }
}

fn skipped_in(file: &Path) -> Result<i64, Failure> {
    let unusable = |problem: String| {
        Failure::usage(format!("--time-skipped-file: {}: {problem}", file.display()))
            .remedy("give the file that the server names: timeSkippedFile of its ready line")
    };
    let text = std::fs::read_to_string(file).map_err(|error| unusable(error.to_string()))?;
    let skipped = text.trim().parse().ok().filter(|skipped| *skipped >= 0);
    skipped.ok_or_else(|| unusable("it does not hold a whole number of milliseconds".to_owned()))
}

fn scale(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(scale) if scale.is_finite() && scale > 0.0 => Ok(scale),
        _ => Err("give a number above 0: virtual seconds per real second".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_positive_scale_is_taken() {
        assert_eq!(scale("60"), Ok(60.0));
        for text in ["0", "-1", "NaN", "inf", "fast"] {
            assert!(scale(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_the_server_has_skipped_is_read_from_its_file() {
        const DAY: i64 = 86_400_000;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("time-skipped");
        let options = ReaderOptions {
            clock: ClockOptions { time_scale: 1.0, time_origin: None },
            time_skipped_file: Some(file.clone()),
        };
        let missing = options.now().unwrap_err();
        assert!(missing.message.starts_with("--time-skipped-file: "), "{}", missing.message);
        std::fs::write(&file, DAY.to_string()).unwrap();
        assert!(options.now().unwrap() >= Clock::system().now() + DAY - 10_000);
        std::fs::write(&file, "-1").unwrap();
        assert!(options.now().is_err());
    }
}
