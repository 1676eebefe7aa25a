//! A level per period: is green's shifted?

use super::examine::{self, Effect, Examined, Outcome, ROUNDING};
use super::metric::{Direction, Latency};
use super::report::BaselineKind;
use super::text;
use crate::statistics::shift::Shift;
use crate::statistics::{dependence, trend};

/// What the data of a level say.
pub(super) fn examine(metric: &Latency, unit: &str) -> Examined {
    let kind = metric.baseline.kind();
    let (green, green_finite) = examine::finite(&metric.green);
    let blue_finite = examine::finite(&metric.baseline.periods()).1;
    let blue = examine::finite(&metric.baseline.series()).0;
    let (green_side, blue_side) = (examine::level_side(&green), examine::level_side(&blue));
    let unknown = || {
        if !(green_finite && blue_finite) {
            return Some("a value is no finite number".to_owned());
        }
        examine::gap(&green_side, "green", metric.min_points)
            .or_else(|| examine::gap(&blue_side, examine::whose(kind), metric.min_points))
    };
    let outcome = match (breach(metric, &green, unit), unknown()) {
        (Some(breach), _) => Outcome::Breach(breach),
        (None, Some(unknown)) => Outcome::Unknown(unknown),
        (None, None) => Outcome::Test(Box::new(LevelShift::new(metric, &green, &blue, unit))),
    };
    Examined { green: green_side, blue: Some(blue_side), baseline: Some(kind), outcome }
}

fn breach(metric: &Latency, green: &[Option<f64>], unit: &str) -> Option<String> {
    let limit = metric.limit?;
    let (side, beyond): (_, fn(f64, f64) -> bool) = match metric.direction {
        Direction::HigherIsWorse => ("above", |value, limit| value > limit),
        Direction::LowerIsWorse => ("below", |value, limit| value < limit),
    };
    let row = limit.row(green, |value| beyond(value, limit.value), |_| true)?;
    let last = row.last().copied().unwrap_or(limit.value);
    let (limit, last) = (text::quantity(limit.value, unit), text::quantity(last, unit));
    Some(format!("{side} its limit of {limit} for {} periods in a row, {last} in the last", row.len()))
}

/// A shift of the level.
struct LevelShift {
    shift: Shift,
    rho: f64,
    estimate: f64,
    /// The medians of both sides.
    medians: (f64, f64),
    direction: Direction,
    allowed: f64,
    critical: f64,
    unit: String,
    baseline: BaselineKind,
}

impl LevelShift {
    fn new(metric: &Latency, green: &[Option<f64>], blue: &[Option<f64>], unit: &str) -> Self {
        let rho = dependence::pooled(green, blue);
        let known = |series: &[Option<f64>]| series.iter().flatten().copied().collect::<Vec<_>>();
        let shift = Shift::new(known(green), known(blue), dependence::inflation(rho));
        let median = |series| trend::median(series).unwrap_or(0.0);
        Self {
            estimate: shift.estimate(),
            shift,
            rho,
            medians: (median(green), median(blue)),
            direction: metric.direction,
            allowed: metric.allowed,
            critical: metric.critical_shift,
            unit: unit.to_owned(),
            baseline: metric.baseline.kind(),
        }
    }

    /// Whether the level is worse by at least a part of the baseline's median. From 0 on everything is.
    fn worse_by(&self, part: f64) -> bool {
        let worse = match self.direction {
            Direction::HigherIsWorse => self.estimate,
            Direction::LowerIsWorse => -self.estimate,
        };
        worse > 0.0 && worse >= (part - ROUNDING) * self.medians.1.abs()
    }
}

impl Effect for LevelShift {
    fn p(&self) -> f64 {
        match self.direction {
            Direction::HigherIsWorse => self.shift.p_above(),
            Direction::LowerIsWorse => self.shift.p_below(),
        }
    }

    fn estimate(&self) -> f64 {
        self.estimate
    }

    fn relative(&self) -> Option<f64> {
        (self.medians.1 != 0.0).then(|| self.estimate / self.medians.1.abs())
    }

    fn interval(&self, alpha: f64) -> (f64, f64) {
        self.shift.interval(alpha)
    }

    fn rho(&self) -> Option<f64> {
        Some(self.rho)
    }

    fn exceeds(&self) -> bool {
        self.worse_by(self.allowed)
    }

    fn severe(&self) -> bool {
        self.worse_by(self.critical)
    }

    fn line(&self, alpha: f64, (low, high): (f64, f64)) -> String {
        let base = self.medians.1.abs();
        let change = |value: f64| {
            if base == 0.0 { text::signed(value, &self.unit) } else { text::signed(100.0 * value / base, "%") }
        };
        let allowed = match self.direction {
            Direction::HigherIsWorse => 100.0 * self.allowed,
            Direction::LowerIsWorse => -100.0 * self.allowed,
        };
        format!(
            "{} against {} of {}, shift {} ({}), allowed {}",
            text::quantity(self.medians.0, &self.unit),
            text::quantity(self.medians.1, &self.unit),
            examine::whose(self.baseline),
            change(self.estimate),
            text::interval(&change(low), &change(high), alpha),
            text::signed(allowed, "%")
        )
    }
}
