//! The time that the server's world shows, for commands that compare with stored instants.

use clap::Args;
use engine::Clock;

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

    /// Now, in milliseconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        self.clock().now()
    }
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
}
