//! Errors among requests: is green's share larger?

use super::examine::{self, Effect, Examined, Outcome, ROUNDING};
use super::metric::{Ratio, Requests};
use super::proportion::{self, Share};
use super::report::{BaselineKind, Side};
use super::text;
use crate::statistics::normal;

/// What the data of a ratio say.
pub(super) fn examine(metric: &Ratio) -> Examined {
    let kind = metric.baseline.kind();
    let periods = metric.baseline.periods();
    let (green, blue) = (pool(metric.green.iter().flatten()), pool(periods.iter().flatten()));
    let (green_side, blue_side) = (side(&metric.green, green), side(&periods, blue));
    let outcome = match (breach(metric), unknown(metric, &periods, &green_side, &blue_side)) {
        (Some(breach), _) => Outcome::Breach(breach),
        (None, Some(unknown)) => Outcome::Unknown(unknown),
        (None, None) => Outcome::Test(Box::new(Difference { green, blue, metric: metric.into(), baseline: kind })),
    };
    Examined { green: green_side, blue: Some(blue_side), baseline: Some(kind), outcome }
}

fn pool<'a>(periods: impl IntoIterator<Item = &'a Requests>) -> Share {
    periods.into_iter().fold(Share::default(), |sum, period| Share {
        errors: sum.errors.saturating_add(period.errors),
        total: sum.total.saturating_add(period.total),
    })
}

fn side(periods: &[Option<Requests>], share: Share) -> Side {
    Side {
        points: periods.iter().flatten().count(),
        expected: periods.len(),
        level: (share.total > 0).then(|| 100.0 * share.value()),
        events: Some(share.errors),
        exposure: Some(share.total as f64),
    }
}

fn unknown(metric: &Ratio, blue: &[Option<Requests>], green_side: &Side, blue_side: &Side) -> Option<String> {
    if metric.green.iter().chain(blue).flatten().any(|period| period.errors > period.total) {
        return Some("a period has more errors than requests".to_owned());
    }
    let other = examine::whose(metric.baseline.kind());
    let few = |side: &Side, whose: &str| {
        let total = side.exposure.unwrap_or(0.0);
        let least = metric.min_requests.max(1);
        (total < least as f64).then(|| format!("only {total} requests of {whose}, at least {least} are needed"))
    };
    examine::gap(green_side, "green", 0)
        .or_else(|| examine::gap(blue_side, other, 0))
        .or_else(|| few(green_side, "green"))
        .or_else(|| few(blue_side, other))
}

fn breach(metric: &Ratio) -> Option<String> {
    let limit = metric.limit?;
    let beyond = |period: Requests| period.errors as f64 > limit.value * period.total as f64;
    let enough = |row: &[Requests]| pool(row).total >= limit.min_requests;
    let row = limit.row(&metric.green, beyond, enough)?;
    let share = pool(&row);
    Some(format!(
        "above its limit of {} for {} periods in a row: {} of {} requests, {}",
        text::quantity(100.0 * limit.value, "%"),
        row.len(),
        share.errors,
        share.total,
        text::quantity(100.0 * share.value(), "%")
    ))
}

/// The thresholds of a ratio.
struct Thresholds {
    floor: f64,
    factor: f64,
}

impl From<&Ratio> for Thresholds {
    fn from(metric: &Ratio) -> Self {
        Self { floor: metric.floor, factor: metric.factor }
    }
}

/// A difference of two shares.
struct Difference {
    green: Share,
    blue: Share,
    metric: Thresholds,
    baseline: BaselineKind,
}

impl Effect for Difference {
    fn p(&self) -> f64 {
        proportion::p_larger(self.green, self.blue)
    }

    fn estimate(&self) -> f64 {
        100.0 * (self.green.value() - self.blue.value())
    }

    fn relative(&self) -> Option<f64> {
        (self.blue.errors > 0).then(|| self.green.value() / self.blue.value() - 1.0)
    }

    fn interval(&self, alpha: f64) -> (f64, f64) {
        let (low, high) = proportion::newcombe(self.green, self.blue, normal::quantile(alpha));
        // With few errors the conditional test allows 0 where Newcombe's interval does not.
        let low = if self.p() < alpha { low } else { low.min(0.0) };
        (100.0 * low, 100.0 * high)
    }

    fn exceeds(&self) -> bool {
        let (green, blue) = (self.green.value(), self.blue.value());
        green > blue
            && green - blue >= self.metric.floor * (1.0 - ROUNDING)
            && green >= self.metric.factor * blue * (1.0 - ROUNDING)
    }

    fn line(&self, alpha: f64, (low, high): (f64, f64)) -> String {
        let points = |value: f64| text::signed(value, "points");
        format!(
            "{} of {} requests against {} of {} of {}, {} ({}), allowed {} or {}×",
            text::quantity(100.0 * self.green.value(), "%"),
            self.green.total,
            text::quantity(100.0 * self.blue.value(), "%"),
            self.blue.total,
            examine::whose(self.baseline),
            points(self.estimate()),
            text::interval(&points(low), &points(high), alpha),
            points(100.0 * self.metric.floor),
            text::number(self.metric.factor)
        )
    }
}
