//! What forecasters learn from: one value per hour, with those that were unknown filled in and marked.

use super::Request;
use crate::error::{Error, Kind};
use crate::history::{HOUR_MS, HOURS_OF_WEEK};
use crate::time::Millis;

/// The hours whose gaps may be filled from later ones: two weeks, before the first test.
pub(super) const HEAD: usize = 2 * HOURS_OF_WEEK;
/// The most load per hour; sums of squares over years of it are still finite.
pub(super) const MOST_LOAD: f64 = 1e15;
/// The mean load below which there is none; ratios of what is above are still finite.
pub(super) const LEAST_LOAD: f64 = 1e-15;

/// Load per hour, oldest first, without holes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Training {
    /// The end of the last hour: what is forecast begins here.
    pub(super) end: Millis,
    /// The hours that were known, but touched by a deployment or an incident.
    pub(super) masked: usize,
    values: Vec<f64>,
    known: Vec<bool>,
}

/// The hours before some time: all that a forecaster may know then.
#[derive(Debug, Clone, Copy)]
pub(super) struct Past<'a> {
    /// Load per hour, oldest first.
    pub(super) values: &'a [f64],
    /// Whether it was measured, not filled in.
    pub(super) known: &'a [bool],
}

impl Training {
    /// The hours of a request from the first that is known.
    ///
    /// # Errors
    /// `Ops.InvalidInput` when the periods are no hours or a value is out of range.
    pub(super) fn new(request: &Request<'_>) -> Result<Self, Error> {
        let load = request.load;
        let invalid = |message: String| Err(Error::new(Kind::InvalidInput, message));
        if load.period_ms() != HOUR_MS {
            let seconds = load.period_seconds();
            return invalid(format!("load must have periods of 3600 s, not {seconds}: fold it into hours first"));
        }
        if let Some((at, value)) = load.known().find(|(_, value)| !(0.0..=MOST_LOAD).contains(value)) {
            return invalid(format!("load must be from 0 to {MOST_LOAD:e}, not {value} (at {at})"));
        }
        let untouched = load.without(&whole_hours(request.touched, load.start()));
        let count = |values: &[Option<f64>]| values.iter().flatten().count();
        let masked = count(load.values()) - count(untouched.values());
        let first = untouched.values().iter().position(Option::is_some).unwrap_or(load.len());
        let values = &untouched.values()[first..];
        let known = values.iter().map(Option::is_some).collect();
        Ok(Self { end: load.end(), masked, values: filled(values), known })
    }

    /// How many hours there are.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// How many of them are filled in, those that were masked included.
    pub(super) fn filled(&self) -> usize {
        self.known.iter().filter(|known| !**known).count()
    }

    /// The hours before the hour with this index.
    pub(super) fn before(&self, origin: usize) -> Past<'_> {
        Past { values: &self.values[..origin], known: &self.known[..origin] }
    }

    /// What was measured in an hour.
    pub(super) fn actual(&self, hour: usize) -> Option<f64> {
        self.known[hour].then(|| self.values[hour])
    }

    /// The share of the hours from `first` on that was measured, 0 to 1; 0 for none.
    pub(super) fn coverage(&self, first: usize) -> f64 {
        let hours = &self.known[first.min(self.len())..];
        hours.iter().filter(|known| **known).count() as f64 / hours.len().max(1) as f64
    }

    /// The mean of the hours, 0 for none.
    pub(super) fn mean(&self) -> f64 {
        mean(&self.values)
    }
}

impl Past<'_> {
    /// The mean of the last week of it.
    pub(super) fn recent_mean(&self) -> f64 {
        mean(&self.values[self.values.len().saturating_sub(HOURS_OF_WEEK)..])
    }
}

/// The mean; 0 for nothing.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Windows that begin with the hour in which they begin: half an hour of a deployment touches the whole.
fn whole_hours(windows: &[(Millis, Millis)], start: Millis) -> Vec<(Millis, Millis)> {
    let hour = |at: Millis| at - (at - start).rem_euclid(HOUR_MS);
    windows.iter().map(|(from, until)| (hour(*from), *until)).collect()
}

/// The values with those that are unknown taken from the same hour a week before. In the first two weeks, which have no
/// week before, from the week after, else from the day before or after, else from the hour before. No value is taken
/// from after the first two weeks, so that a test never learns from what it is tested on. The first must be known.
fn filled(values: &[Option<f64>]) -> Vec<f64> {
    let mut head = values[..values.len().min(HEAD)].to_vec();
    for step in [HOURS_OF_WEEK, 24, 1] {
        for hour in step..head.len() {
            head[hour] = head[hour].or(head[hour - step]);
        }
        for hour in (0..head.len().saturating_sub(step)).rev() {
            head[hour] = head[hour].or(head[hour + step]);
        }
    }
    let mut filled: Vec<f64> = head.into_iter().flatten().collect();
    for value in &values[filled.len()..] {
        filled.push(value.unwrap_or(filled[filled.len() - HOURS_OF_WEEK]));
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::History;

    fn training(values: Vec<Option<f64>>, touched: &[(Millis, Millis)]) -> Training {
        let load = History::new(0, 3_600, values);
        Training::new(&Request { touched, ..Request::new(&load, 1.0) }).unwrap()
    }

    fn counted(hours: usize) -> Vec<Option<f64>> {
        (0..hours).map(|hour| Some(hour as f64)).collect()
    }

    #[test]
    fn a_gap_is_filled_from_the_week_before() {
        let mut values = counted(4 * HOURS_OF_WEEK);
        for hour in [5, 400, 400 + HOURS_OF_WEEK] {
            values[hour] = None;
        }
        let training = training(values, &[]);
        let past = training.before(training.len());
        assert_eq!((past.values[5], past.values[400], past.values[568]), (173.0, 232.0, 232.0));
        assert_eq!((training.actual(400), training.actual(401)), (None, Some(401.0)));
        assert_eq!((training.filled(), training.masked), (3, 0));
    }

    #[test]
    fn an_hour_that_two_weeks_do_not_know_is_filled_from_the_day_before() {
        let mut values = counted(3 * HOURS_OF_WEEK);
        (values[30], values[30 + HOURS_OF_WEEK]) = (None, None);
        assert_eq!(training(values, &[]).before(31).values[30], 6.0, "not from the third week, which is a test");
    }

    #[test]
    fn what_is_unknown_at_first_is_left_away() {
        let training = training([vec![None; 7], counted(3)].concat(), &[]);
        assert_eq!((training.len(), training.filled(), training.end), (3, 0, 10 * HOUR_MS));
        assert_eq!(self::training(vec![None; 7], &[]).len(), 0);
    }

    #[test]
    fn a_window_masks_every_hour_that_it_touches() {
        let training = training(counted(30), &[(28 * HOUR_MS - 60_000, 28 * HOUR_MS + 60_000)]);
        assert_eq!((training.masked, training.filled()), (2, 2));
        assert_eq!(training.before(30).values[27..30], [3.0, 4.0, 29.0]);
        assert!((training.coverage(26) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn what_is_no_load_is_refused() {
        let refused = |load: History| Training::new(&Request::new(&load, 1.0)).unwrap_err().message().to_owned();
        assert!(refused(History::new(0, 60, counted(5))).starts_with("load must have periods of 3600 s, not 60"));
        assert!(refused(History::new(0, 3_600, vec![Some(-1.0)])).contains("not -1 (at 0)"));
    }
}
