//! The load of a fleet service: what people and machines ask of it, minute by minute.
//!
//! A load is a function of the seed, the service and the minute alone, so that weeks of it do not depend on how often
//! time was moved.

use crate::world::MINUTE_MS;
use crate::world::generator::Generator;

const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// The standard deviation of the noise's logarithm.
const NOISE: f64 = 0.05;

/// What a load does beside the day and the week.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Shape {
    /// Nothing.
    Steady,
    /// It grows by so many requests per second a day; the base is that of the sandbox's start.
    Trend(f64),
    /// It is multiplied since so many days before the sandbox's start.
    Shift {
        /// Days before the start.
        days: f64,
        /// The factor.
        factor: f64,
    },
    /// It is multiplied in the first minutes of every so many.
    Bursts {
        /// Minutes from one burst to the next.
        every: i64,
        /// Minutes that one lasts.
        minutes: i64,
        /// The factor.
        factor: f64,
    },
    /// It is multiplied every night: up within ten minutes, down within ten.
    Nightly {
        /// Minute of the day (UTC) at which it begins.
        from: i64,
        /// Minutes that it lasts.
        minutes: i64,
        /// The factor.
        factor: f64,
    },
}

/// A service's load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Load {
    /// Requests per second on an average weekday.
    pub(crate) base: f64,
    /// How far the day swings around it, 0 to 1.
    pub(crate) swing: f64,
    /// The hour (UTC) at which the day peaks.
    pub(crate) peak_hour: f64,
    /// The share of a weekday's load on Saturdays and Sundays.
    pub(crate) weekend: f64,
    /// What it does beside.
    pub(crate) shape: Shape,
}

impl Load {
    /// Requests per second in the minute that begins at `at_ms`, without noise; `anchor_ms` is the sandbox's start.
    pub(crate) fn expected(&self, at_ms: i64, anchor_ms: i64) -> f64 {
        let hour = at_ms.rem_euclid(DAY_MS) as f64 / 3_600_000.0;
        let day = 1.0 + self.swing * ((hour - self.peak_hour) / 24.0 * std::f64::consts::TAU).cos();
        // 1970-01-01 was a Thursday; Sunday is 0.
        let weekday = (at_ms.div_euclid(DAY_MS) + 4).rem_euclid(7);
        let week = if matches!(weekday, 0 | 6) { self.weekend } else { 1.0 };
        let days = (at_ms - anchor_ms) as f64 / DAY_MS as f64;
        let (base, factor) = match self.shape {
            Shape::Steady => (self.base, 1.0),
            Shape::Trend(per_day) => ((self.base + per_day * days).max(self.base * 0.05), 1.0),
            Shape::Shift { days: before, factor } => (self.base, if days < -before { 1.0 } else { factor }),
            Shape::Bursts { every, minutes, factor } => {
                let minute = at_ms.div_euclid(MINUTE_MS).rem_euclid(every);
                (self.base, if minute < minutes { factor } else { 1.0 })
            }
            Shape::Nightly { from, minutes, factor } => {
                let minute = (at_ms.rem_euclid(DAY_MS) / MINUTE_MS - from).rem_euclid(1440);
                let height = ((minute + 1) as f64 / 10.0).min((minutes - minute) as f64 / 10.0).clamp(0.0, 1.0);
                (self.base, 1.0 + (factor - 1.0) * height)
            }
        };
        base * day * week * factor
    }

    /// The same with the minute's noise, drawn from the service's key.
    pub(crate) fn rate(&self, at_ms: i64, anchor_ms: i64, key: u64) -> f64 {
        self.expected(at_ms, anchor_ms) * (NOISE * normal(key, at_ms) - NOISE * NOISE / 2.0).exp()
    }
}

/// A generator of one minute's own.
pub(crate) fn minute(key: u64, at_ms: i64) -> Generator {
    let minute = at_ms.div_euclid(MINUTE_MS).unsigned_abs();
    Generator::new(key ^ minute.wrapping_mul(0xD134_2543_DE82_EF95))
}

/// A standard normal number of a minute: Box and Muller's transform.
fn normal(key: u64, at_ms: i64) -> f64 {
    let mut generator = minute(key, at_ms);
    let radius = (-2.0 * (1.0 - generator.unit()).ln()).sqrt();
    radius * (std::f64::consts::TAU * generator.unit()).cos()
}

/// What the noise of a service is drawn from: FNV-1a of its name, mixed with the seed.
pub(crate) fn key(seed: u64, name: &str) -> u64 {
    let hash = name
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3));
    Generator::new(seed ^ hash).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-01T12:00:00Z, a Thursday.
    const NOON_MS: i64 = 1_767_268_800_000;

    fn load(shape: Shape) -> Load {
        Load { base: 100.0, swing: 0.0, peak_hour: 14.0, weekend: 1.0, shape }
    }

    fn at(load: &Load, minutes: i64) -> f64 {
        load.expected(NOON_MS + minutes * MINUTE_MS, NOON_MS)
    }

    #[test]
    fn days_swing_and_weekends_are_quiet() {
        let load = Load { swing: 0.5, weekend: 0.6, ..load(Shape::Steady) };
        assert!((at(&load, 120) - 150.0).abs() < 1e-9, "14:00 is the peak");
        assert!((at(&load, 120 + 720) - 50.0).abs() < 1e-9, "02:00 is the valley");
        assert!((at(&load, 120 + 2 * 1440) - 90.0).abs() < 1e-9, "Saturday");
        assert!((at(&load, 120 + 4 * 1440) - 150.0).abs() < 1e-9, "Monday");
    }

    #[test]
    fn a_trend_grows_and_a_shift_stays() {
        let trend = load(Shape::Trend(2.0));
        assert!((at(&trend, -28 * 1440) - 44.0).abs() < 1e-9 && (at(&trend, 14 * 1440) - 128.0).abs() < 1e-9);
        assert!((at(&trend, -365 * 1440) - 5.0).abs() < 1e-9, "it never was less than nothing");
        let shift = load(Shape::Shift { days: 9.0, factor: 1.8 });
        assert_eq!((at(&shift, -9 * 1440 - 1), at(&shift, -9 * 1440)), (100.0, 180.0));
    }

    #[test]
    fn bursts_and_nights_come_back() {
        let bursts = load(Shape::Bursts { every: 45, minutes: 8, factor: 1.7 });
        let high = (0..450).filter(|minute| at(&bursts, *minute) > 150.0).count();
        assert_eq!(high, 80, "8 minutes of every 45");
        let night = load(Shape::Nightly { from: 60, minutes: 90, factor: 8.0 });
        let one_o_clock = 13 * 60;
        assert_eq!((at(&night, one_o_clock - 1), at(&night, one_o_clock + 45)), (100.0, 800.0));
        assert!((at(&night, one_o_clock + 4) - 450.0).abs() < 1e-9, "half way up after five minutes");
        assert_eq!(at(&night, one_o_clock + 90), 100.0);
    }

    #[test]
    fn noise_is_five_percent_around_the_expected_and_the_same_every_time() {
        let load = load(Shape::Steady);
        let rates: Vec<f64> = (0..20_000).map(|m| load.rate(NOON_MS + m * MINUTE_MS, NOON_MS, key(1, "a"))).collect();
        let mean = rates.iter().sum::<f64>() / 20_000.0;
        let logs: Vec<f64> = rates.iter().map(|rate| (rate / 100.0).ln()).collect();
        let variance = logs.iter().map(|log| log * log).sum::<f64>() / 20_000.0;
        assert!((mean - 100.0).abs() < 0.15 && (variance.sqrt() - 0.05).abs() < 0.002, "{mean} {variance}");
        assert_eq!(rates[77], load.rate(NOON_MS + 77 * MINUTE_MS, NOON_MS, key(1, "a")));
        assert_ne!(rates[77], load.rate(NOON_MS + 77 * MINUTE_MS, NOON_MS, key(1, "b")));
        assert_ne!(rates[77], load.rate(NOON_MS + 77 * MINUTE_MS, NOON_MS, key(2, "a")));
    }
}
