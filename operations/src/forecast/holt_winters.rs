//! Additive Holt-Winters with a damped trend (Gardner and McKenzie 1985) and a season of a week.
//!
//! The twelve pairs of rates of a small grid run side by side, an hour at a time; the one with the smallest sum of
//! squared one-hour errors so far forecasts. So a refit every day costs no more than one pass over the hours.

use super::HORIZON;
use super::method::Forecaster;
use super::training::{Past, mean};
use crate::history::HOURS_OF_WEEK;

/// How fast the level follows.
const LEVEL: [f64; 3] = [0.05, 0.2, 0.4];
/// How fast the trend follows.
const TREND: [f64; 2] = [0.0, 0.02];
/// How fast the season follows.
const SEASON: [f64; 2] = [0.1, 0.3];
/// What is left of the trend after an hour.
const DAMPING: f64 = 0.98;

/// All models of the grid, and the hours that they have learned.
#[derive(Debug, Default)]
pub(super) struct HoltWinters {
    models: Vec<Model>,
    learned: usize,
}

#[derive(Debug)]
struct Model {
    rates: (f64, f64, f64),
    level: f64,
    trend: f64,
    season: Vec<f64>,
    squares: f64,
}

impl Forecaster for HoltWinters {
    fn learn(&mut self, past: Past<'_>) {
        if self.models.is_empty() && past.values.len() >= HOURS_OF_WEEK {
            let week = &past.values[..HOURS_OF_WEEK];
            let rates = LEVEL.iter().flat_map(|level| TREND.iter().map(move |trend| (*level, *trend)));
            let rates = rates.flat_map(|(level, trend)| SEASON.iter().map(move |season| (level, trend, *season)));
            self.models = rates.map(|rates| Model::new(rates, week)).collect();
            self.learned = HOURS_OF_WEEK;
        }
        for hour in self.learned..past.values.len() {
            let value = past.known[hour].then(|| past.values[hour]);
            self.models.iter_mut().for_each(|model| model.learn(hour, value));
        }
        self.learned = self.learned.max(past.values.len());
    }

    fn ahead(&self, past: Past<'_>) -> [f64; HORIZON] {
        let best = self.models.iter().min_by(|left, right| left.squares.total_cmp(&right.squares));
        best.map_or([0.0; HORIZON], |model| model.ahead(past.values.len()))
    }
}

impl Model {
    /// A model that knows the first week.
    fn new(rates: (f64, f64, f64), week: &[f64]) -> Self {
        let level = mean(week);
        Self { rates, level, trend: 0.0, season: week.iter().map(|value| value - level).collect(), squares: 0.0 }
    }

    /// Learns an hour. One that is unknown moves the trend on and teaches nothing.
    fn learn(&mut self, hour: usize, value: Option<f64>) {
        let season = &mut self.season[hour % HOURS_OF_WEEK];
        let expected = self.level + DAMPING * self.trend;
        let Some(value) = value else {
            (self.level, self.trend) = (expected, DAMPING * self.trend);
            return;
        };
        let (level_rate, trend_rate, season_rate) = self.rates;
        self.squares += (value - expected - *season).powi(2);
        let level = level_rate * (value - *season) + (1.0 - level_rate) * expected;
        self.trend = trend_rate * (level - self.level) + (1.0 - trend_rate) * DAMPING * self.trend;
        self.level = level;
        *season = season_rate * (value - level) + (1.0 - season_rate) * *season;
    }

    fn ahead(&self, hours: usize) -> [f64; HORIZON] {
        let (mut level, mut trend) = (self.level, self.trend);
        std::array::from_fn(|hour| {
            trend *= DAMPING;
            level += trend;
            (level + self.season[(hours + hour) % HOURS_OF_WEEK]).max(0.0)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ahead(values: &[f64], known: &[bool], steps: &[usize]) -> [f64; HORIZON] {
        let mut model = HoltWinters::default();
        for step in steps {
            model.learn(Past { values: &values[..*step], known: &known[..*step] });
        }
        model.ahead(Past { values, known })
    }

    fn pattern(hours: usize, value: impl Fn(usize) -> f64) -> Vec<f64> {
        (0..hours).map(value).collect()
    }

    #[test]
    fn a_pattern_that_repeats_is_learned() {
        let values = pattern(500, |hour| (hour % HOURS_OF_WEEK) as f64);
        let ahead = ahead(&values, &[true; 500], &[500]);
        for (hour, value) in ahead.into_iter().enumerate() {
            assert!((value - ((500 + hour) % HOURS_OF_WEEK) as f64).abs() < 1e-6, "{hour}: {value}");
        }
    }

    #[test]
    fn it_learns_the_same_all_at_once_or_day_by_day() {
        let values = pattern(600, |hour| (hour * 7919 % 101) as f64);
        let steps: Vec<usize> = (0..=25).map(|day| day * 24).collect();
        assert_eq!(ahead(&values, &[true; 600], &[600]), ahead(&values, &[true; 600], &steps));
    }

    #[test]
    fn an_unknown_hour_teaches_nothing() {
        let mut values = pattern(500, |hour| 100.0 + (hour % 24) as f64);
        let mut known = [true; 500];
        for hour in 470..490 {
            (values[hour], known[hour]) = (900.0, false);
        }
        let ahead = ahead(&values, &known, &[500]);
        assert!(ahead.iter().all(|value| (99.0..125.0).contains(value)), "{ahead:?}");
    }

    #[test]
    fn no_load_is_below_none() {
        let values = pattern(500, |hour| if hour < 400 { 50.0 + 50.0 * (hour % 2) as f64 } else { 0.0 });
        assert!(ahead(&values, &[true; 500], &[500]).iter().all(|value| *value >= 0.0));
    }
}
