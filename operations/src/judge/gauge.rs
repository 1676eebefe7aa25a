//! A use of something finite: is it over its limit, or on its way there?

use super::examine::{self, Effect, Examined, Outcome};
use super::metric::{Direction, Gauge, Leak};
use super::text;
use crate::statistics::trend::{self, Trend};

/// The least part of the first half's slope that the second half of a leak has.
const STEADY: f64 = 0.5;

/// What the data of a gauge say.
pub(super) fn examine(metric: &Gauge, unit: &str) -> Examined {
    let (green, all_finite) = examine::finite(&metric.green);
    let side = examine::level_side(&green);
    let outcome = if let Some(breach) = breach(metric, &green, unit) {
        Outcome::Breach(breach)
    } else if !all_finite {
        Outcome::Unknown("a value is no finite number".to_owned())
    } else if let Some(gap) = examine::gap(&side, "green", metric.min_points) {
        Outcome::Unknown(gap)
    } else {
        let within = || {
            let level = text::quantity(side.level.unwrap_or(0.0), unit);
            Outcome::Within(format!("{level}, its limit is {}", text::quantity(metric.limit.value, unit)))
        };
        Rise::new(metric, &green, unit).map_or_else(within, |rise| Outcome::Test(Box::new(rise)))
    };
    Examined { green: side, blue: None, baseline: None, outcome }
}

fn breach(metric: &Gauge, green: &[Option<f64>], unit: &str) -> Option<String> {
    let limit = metric.limit;
    let (beyond, word) = match metric.direction {
        Direction::HigherIsWorse => (f64::gt as fn(&f64, &f64) -> bool, "above"),
        Direction::LowerIsWorse => (f64::lt as fn(&f64, &f64) -> bool, "below"),
    };
    let row = limit.row(green, |value| beyond(&value, &limit.value), |_| true)?;
    let last = text::quantity(row.last().copied().unwrap_or(limit.value), unit);
    let limit = text::quantity(limit.value, unit);
    Some(format!("{word} its limit of {limit} for {} periods in a row, {last} in the last", row.len()))
}

/// A use that may be rising.
struct Rise {
    trend: Trend,
    /// The slopes of the window's first and second half, in the unit per hour. A warm-up slows down, a leak does not.
    early: f64,
    late: f64,
    /// The level at the end.
    level: f64,
    limit: f64,
    leak: Leak,
    unit: String,
}

impl Rise {
    /// `None` where no leak is looked for.
    fn new(metric: &Gauge, green: &[Option<f64>], unit: &str) -> Option<Self> {
        let leak = metric.leak?;
        let hours = f64::from(metric.period_seconds) / 3600.0;
        let trend = Trend::new(green, hours)?;
        let (first, second) = green.split_at(green.len() / 2);
        let (early, late) = (Trend::new(first, hours)?.slope(), Trend::new(second, hours)?.slope());
        let level = trend::median(&green[green.len() - green.len().div_ceil(4)..]).or_else(|| trend::median(green))?;
        Some(Self { trend, early, late, level, limit: metric.limit.value, leak, unit: unit.to_owned() })
    }

    /// The slope that is no leak yet, in the unit per hour.
    fn allowed(&self) -> f64 {
        self.leak.percent_per_hour / 100.0 * self.limit
    }

    /// In how many hours the limit is reached; infinite when the use does not rise any more.
    fn hours_left(&self) -> f64 {
        if self.late > 0.0 { ((self.limit - self.level) / self.late).max(0.0) } else { f64::INFINITY }
    }
}

impl Effect for Rise {
    fn p(&self) -> f64 {
        self.trend.p_above(self.allowed())
    }

    fn estimate(&self) -> f64 {
        self.trend.slope()
    }

    fn relative(&self) -> Option<f64> {
        Some(self.trend.slope() / self.limit)
    }

    fn interval(&self, alpha: f64) -> (f64, f64) {
        self.trend.interval(alpha)
    }

    fn rho(&self) -> Option<f64> {
        Some(self.trend.rho)
    }

    fn exceeds(&self) -> bool {
        let steady = self.late >= STEADY * self.early;
        steady && self.late > self.allowed() && self.hours_left() < self.leak.within_hours
    }

    /// It takes hours to the limit, and half a warm-up looks like a leak.
    fn early(&self) -> bool {
        false
    }

    fn line(&self, alpha: f64, (low, high): (f64, f64)) -> String {
        let slope = |value: f64| text::signed(value, &format!("{}/h", self.unit));
        let left = self.hours_left();
        let reach =
            if left.is_finite() { format!("reached in {} h", text::number(left)) } else { "not in reach".to_owned() };
        format!(
            "{}, {} ({}), its limit of {} {reach}, allowed {} or {} h",
            text::quantity(self.level, &self.unit),
            slope(self.trend.slope()),
            text::interval(&slope(low), &slope(high), alpha),
            text::quantity(self.limit, &self.unit),
            slope(self.allowed()),
            text::number(self.leak.within_hours)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::HardLimit;

    fn exceeds(value: impl Fn(f64) -> f64) -> bool {
        let series: Vec<_> = (0..60).map(|minute| Some(value(f64::from(minute)))).collect();
        let gauge = Gauge::new(series.clone(), 60, HardLimit::new(90.0));
        Rise::new(&Gauge { leak: Some(Leak::default()), ..gauge }, &series, "%").unwrap().exceeds()
    }

    #[test]
    fn a_rise_that_slows_down_is_no_leak() {
        assert!(exceeds(|minute| 60.0 + minute / 6.0), "10 an hour, 20 to go");
        assert!(!exceeds(|minute| 60.0 + minute / 24.0), "2.5 an hour, 27 to go");
        assert!(!exceeds(|minute| 60.0 + minute / 60.0), "no more than is allowed");
        // 13 an hour in the second half, 59 in the first.
        assert!(!exceeds(|minute| 70.0 - 20.0 * (-minute / 20.0).exp()));
    }
}
