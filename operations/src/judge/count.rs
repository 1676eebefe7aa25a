//! Events per exposure: is green's rate larger?

use super::examine::{self, Effect, Examined, Outcome, ROUNDING};
use super::metric::{Count, Direction, Events};
use super::rate::{self, Rate};
use super::report::{BaselineKind, Side};
use super::text;

/// What the data of a count say.
pub(super) fn examine(metric: &Count) -> Examined {
    let kind = metric.baseline.kind();
    let periods = metric.baseline.periods();
    let (green, blue) = (pool(&metric.green), pool(&periods));
    let (green_side, blue_side) = (side(&metric.green, green), side(&periods, blue));
    let outcome = match unknown(metric, &periods, &green_side, &blue_side) {
        Some(unknown) => Outcome::Unknown(unknown),
        None => Outcome::Test(Box::new(RateRatio {
            green,
            blue,
            direction: metric.direction,
            allowed: metric.allowed,
            baseline: kind,
        })),
    };
    Examined { green: green_side, blue: Some(blue_side), baseline: Some(kind), outcome }
}

fn pool(periods: &[Option<Events>]) -> Rate {
    periods.iter().flatten().fold(Rate::default(), |sum, period| Rate {
        events: sum.events.saturating_add(period.events),
        exposure: sum.exposure + period.exposure,
    })
}

fn side(periods: &[Option<Events>], rate: Rate) -> Side {
    Side {
        points: periods.iter().flatten().count(),
        expected: periods.len(),
        level: (rate.exposure > 0.0).then(|| rate.value()),
        events: Some(rate.events),
        exposure: rate.exposure.is_finite().then_some(rate.exposure),
    }
}

fn unknown(metric: &Count, blue: &[Option<Events>], green_side: &Side, blue_side: &Side) -> Option<String> {
    let bad = |period: &Events| !period.exposure.is_finite() || period.exposure < 0.0;
    if metric.green.iter().chain(blue).flatten().any(bad) {
        return Some("an exposure is no finite number from 0 on".to_owned());
    }
    let other = examine::whose(metric.baseline.kind());
    let idle = |side: &Side, whose: &str| side.level.is_none().then(|| format!("{whose} had no exposure"));
    examine::gap(green_side, "green", 0)
        .or_else(|| examine::gap(blue_side, other, 0))
        .or_else(|| idle(green_side, "green"))
        .or_else(|| idle(blue_side, other))
}

/// A ratio of two rates.
struct RateRatio {
    green: Rate,
    blue: Rate,
    direction: Direction,
    allowed: f64,
    baseline: BaselineKind,
}

impl RateRatio {
    /// The factor of the baseline's rate from which the metric fails.
    fn bound(&self) -> f64 {
        match self.direction {
            Direction::HigherIsWorse => 1.0 + self.allowed,
            Direction::LowerIsWorse => 1.0 - self.allowed,
        }
    }
}

impl Effect for RateRatio {
    fn p(&self) -> f64 {
        match self.direction {
            Direction::HigherIsWorse => rate::p_larger(self.green, self.blue),
            Direction::LowerIsWorse => rate::p_larger(self.blue, self.green),
        }
    }

    fn estimate(&self) -> f64 {
        self.green.value() / self.blue.value()
    }

    fn relative(&self) -> Option<f64> {
        (self.blue.events > 0).then(|| self.estimate() - 1.0)
    }

    fn interval(&self, alpha: f64) -> (f64, f64) {
        rate::interval(self.green, self.blue, alpha)
    }

    fn exceeds(&self) -> bool {
        let (green, bound) = (self.green.value(), self.bound() * self.blue.value());
        match self.direction {
            Direction::HigherIsWorse => green >= bound * (1.0 - ROUNDING),
            Direction::LowerIsWorse => green <= bound * (1.0 + ROUNDING),
        }
    }

    fn line(&self, alpha: f64, (low, high): (f64, f64)) -> String {
        let times = |value: f64| format!("{}×", text::number(value));
        format!(
            "{} in {} against {} in {} of {}, {} ({}), allowed {}",
            self.green.events,
            text::number(self.green.exposure),
            self.blue.events,
            text::number(self.blue.exposure),
            examine::whose(self.baseline),
            times(self.estimate()),
            text::interval(&times(low), &times(high), alpha),
            times(self.bound())
        )
    }
}
