//! What a service had to do, minute by minute, whatever number of tasks did it.

use crate::error::{Error, Kind};
use crate::history::{HOURS_OF_WEEK, History, hour_of_week};

/// The period of everything that is replayed, in seconds: the alarms of target tracking look at minutes.
pub const MINUTE_SECONDS: u32 = 60;

/// Minutes of a day.
pub const MINUTES_OF_DAY: f64 = 1_440.0;

/// The demand of a service: how many tasks of one size it would keep at 100 % of their processors.
///
/// What a saturated service could not do is not in its history: there, demand is a lower bound.
#[derive(Debug, Clone, PartialEq)]
pub struct Demand {
    history: History,
    cpu_units: u32,
}

impl Demand {
    /// The demand behind an average utilisation (percent) of so many running tasks, each of `cpu_units`. Both histories
    /// are in minutes; a minute that one of them does not know is unknown.
    ///
    /// # Errors
    /// `Ops.DataUnavailable` when a history is in other periods.
    pub fn of_utilisation(utilisation: &History, running: &History, cpu_units: u32) -> Result<Self, Error> {
        let periods = [utilisation, running].map(History::period_seconds);
        if periods != [MINUTE_SECONDS; 2] {
            let message = format!("a replay needs periods of {MINUTE_SECONDS} s, not {periods:?}: read fewer days");
            return Err(Error::new(Kind::DataUnavailable, message));
        }
        let of = |(index, percent): (usize, &Option<f64>)| {
            let tasks = running.value_at(utilisation.at(index))?;
            Some((*percent)?.max(0.0) / 100.0 * tasks.max(0.0))
        };
        let values = utilisation.values().iter().enumerate().map(of).collect();
        let history = History::new(utilisation.start(), MINUTE_SECONDS, values);
        Ok(Self { history, cpu_units: cpu_units.max(1) })
    }

    /// The demand behind the processor units that all tasks together used in each minute (the sum of `CpuUtilized`),
    /// in tasks of `cpu_units`.
    pub fn of_units(used: &History, cpu_units: u32) -> Self {
        let cpu_units = cpu_units.max(1);
        Self { history: used.map(|units| units.max(0.0) / f64::from(cpu_units)), cpu_units }
    }

    /// The same work in tasks of another size.
    #[must_use]
    pub fn in_tasks_of(&self, cpu_units: u32) -> Self {
        let factor = f64::from(self.cpu_units) / f64::from(cpu_units.max(1));
        Self { history: self.history.map(|tasks| tasks * factor), cpu_units: cpu_units.max(1) }
    }

    /// Tasks at 100 %, minute by minute.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Processor units of the tasks it is counted in.
    pub fn cpu_units(&self) -> u32 {
        self.cpu_units
    }

    /// How many days of minutes are known.
    pub fn known_days(&self) -> f64 {
        self.history.values().iter().flatten().count() as f64 / MINUTES_OF_DAY
    }

    /// The hour of the week (0 to 167, UTC, Monday 0) with the highest mean; `None` without data.
    pub fn busiest_hour(&self) -> Option<usize> {
        let mut hours = [(0.0, 0_u32); HOURS_OF_WEEK];
        for (at, tasks) in self.history.known() {
            let (sum, count) = &mut hours[hour_of_week(at)];
            *sum += tasks;
            *count += 1;
        }
        let means = hours.iter().enumerate().filter(|(_, (_, count))| *count > 0);
        let means = means.map(|(hour, (sum, count))| (hour, sum / f64::from(*count)));
        means.max_by(|(_, one), (_, other)| one.total_cmp(other)).map(|(hour, _)| hour)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(values: &[Option<f64>]) -> History {
        History::new(0, 60, values.to_vec())
    }

    #[test]
    fn demand_is_what_all_tasks_did() {
        let utilisation = minutes(&[Some(50.0), Some(80.0), None, Some(40.0)]);
        let running = minutes(&[Some(4.0), None, Some(4.0), Some(5.0)]);
        let demand = Demand::of_utilisation(&utilisation, &running, 512).unwrap();
        assert_eq!(demand.history().values(), [Some(2.0), None, None, Some(2.0)]);
        assert_eq!(demand.in_tasks_of(1_024).history().values()[0], Some(1.0), "twice the size is half the tasks");
        let units = Demand::of_units(&minutes(&[Some(1_024.0)]), 512);
        assert_eq!(units.history().values(), [Some(2.0)]);
        let hours = History::new(0, 3_600, vec![Some(1.0)]);
        assert_eq!(Demand::of_utilisation(&hours, &running, 512).unwrap_err().kind(), Kind::DataUnavailable);
    }

    #[test]
    fn the_busiest_hour_is_that_of_the_highest_mean() {
        let mut values = vec![Some(1.0); 2 * 10_080];
        // Friday 02:00, twice; 1970 began on a Thursday.
        for minute in 26 * 60..27 * 60 {
            values[minute] = Some(3.0);
            values[minute + 10_080] = Some(2.5);
        }
        let demand = Demand::of_units(&minutes(&values), 1);
        assert_eq!(demand.busiest_hour(), Some(4 * 24 + 2));
        assert_eq!(Demand::of_units(&minutes(&[None]), 1).busiest_hour(), None);
    }
}
