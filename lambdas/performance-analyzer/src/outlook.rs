//! What the next day asks for: the forecast of hourly requests, and the tasks that they need.

use operations::error::Kind;
use operations::forecast::{Forecast, Request, forecast};
use operations::history::HOUR_MS;
use operations::performance::Observed;
use operations::time::Millis;

/// The utilisation at which a task of the plan works, percent.
const AT_PERCENT: f64 = 70.0;
/// How long a deployment is felt in the load of its hour: such hours are not learned from.
const TOUCHED_MS: Millis = HOUR_MS;

/// The forecast; the reason where there is none.
pub(crate) fn outlook(observed: &Observed) -> Result<Forecast, String> {
    let per_task = requests_of_a_task(observed).ok_or("requests, tasks or CPU are not known")?;
    let touched: Vec<_> = observed.deployments.iter().map(|release| (release.at, release.at + TOUCHED_MS)).collect();
    let request = Request { touched: &touched, ..Request::new(&observed.weeks.requests, per_task) };
    forecast(&request).map_err(|error| match error.kind() {
        Kind::InsufficientSamples => error.message().to_owned(),
        kind => format!("{kind}: {error}"),
    })
}

/// How many requests a task answers in an hour at [`AT_PERCENT`] CPU, by what all of them answered in the last two weeks.
fn requests_of_a_task(observed: &Observed) -> Option<f64> {
    let hours = f64::from(observed.cpu.period_seconds()) / 3_600.0;
    let (mut requests, mut task_hours) = (0.0, 0.0);
    for (at, cpu, running) in observed.cpu.pairs(&observed.running) {
        if let Some(count) = observed.requests.value_at(at) {
            requests += count;
            task_hours += running * cpu / AT_PERCENT * hours;
        }
    }
    let each = requests / task_hours;
    (each.is_finite() && each > 0.0).then_some(each)
}

#[cfg(test)]
mod tests {
    use super::*;
    use operations::history::{DAY_MS, History};

    /// Two weeks of five minutes, and four weeks of hours, with more by day than by night.
    fn observed(weeks: i64) -> Observed {
        let rate = |at: Millis| if (8..20).contains(&(at.rem_euclid(DAY_MS) / HOUR_MS)) { 60_000.0 } else { 20_000.0 };
        let series = |period: u32, days: i64, of: &dyn Fn(Millis) -> f64| {
            let count = days * DAY_MS / (i64::from(period) * 1_000);
            let start = -days * DAY_MS;
            let values = (0..count).map(|index| Some(of(start + index * i64::from(period) * 1_000)));
            History::new(start, period, values.collect())
        };
        let mut observed = Observed {
            cpu: series(300, 14, &|at| rate(at) / 60_000.0 * 70.0),
            running: series(300, 14, &|_| 4.0),
            requests: series(300, 14, &|at| rate(at) / 12.0),
            ..Observed::default()
        };
        observed.weeks.requests = series(3_600, 7 * weeks, &rate);
        observed
    }

    #[test]
    fn the_next_day_is_told_in_tasks() {
        let each = requests_of_a_task(&observed(4)).unwrap();
        assert!((each - 15_000.0).abs() < 1e-6, "{each}");
        let outlook = outlook(&observed(4)).unwrap();
        assert_eq!(outlook.hours.len(), 24);
        let most = outlook.hours.iter().map(|hour| hour.tasks).max();
        assert_eq!(most, Some(4), "what ran by day at 70 %");
    }

    #[test]
    fn without_figures_there_is_a_reason_instead() {
        assert_eq!(outlook(&Observed::default()).unwrap_err(), "requests, tasks or CPU are not known");
        let short = outlook(&observed(1)).unwrap();
        assert!(short.hours.is_empty() && short.reasons[0].contains("InsufficientSamples"), "{:?}", short.reasons);
    }
}
