//! What CloudWatch says of a service's load, and how it was met.

use super::demand::Demand;
use super::effectiveness::{Activity, Effectiveness, Record, start_minutes};
use crate::error::Error;
use crate::history::History;
use crate::metrics::Query;
use crate::proposal::Settings;
use crate::time::Millis;

/// The days of load that are read: what CloudWatch keeps in minutes, less a day to spare.
pub const DAYS: i64 = 14;

/// The queries, whose ids are `utilisation`, `samples`, `running` and `desired`.
pub fn queries(cluster: &str, service: &str) -> Vec<Query<'static>> {
    let query = |id, namespace, name, statistic| Query {
        id,
        namespace,
        name,
        dimensions: vec![("ClusterName", cluster.to_owned()), ("ServiceName", service.to_owned())],
        statistic,
    };
    vec![
        query("utilisation", "AWS/ECS", "CPUUtilization", "Average"),
        query("samples", "AWS/ECS", "CPUUtilization", "SampleCount"),
        query("running", "ECS/ContainerInsights", "RunningTaskCount", "Average"),
        query("desired", "ECS/ContainerInsights", "DesiredTaskCount", "Average"),
    ]
}

/// The beginning of the minute that contains a time: the last minute that is read is a whole one.
pub fn whole_minute(at: Millis) -> Millis {
    at.div_euclid(60_000) * 60_000
}

/// The load of a service in minutes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Load {
    /// Average utilisation of the processors, percent.
    pub utilisation: History,
    /// Running tasks.
    pub running: History,
    /// Wanted tasks; all unknown without Container Insights.
    pub desired: History,
}

impl Load {
    /// The load of the histories of [`queries`]. Without Container Insights the running tasks are the samples of the
    /// utilisation, of which each task makes one a minute.
    pub fn of<'a>(history: impl Fn(&str) -> &'a History) -> Self {
        let (utilisation, samples, running) = (history("utilisation"), history("samples"), history("running"));
        let tasks = |index: usize| {
            let at = utilisation.at(index);
            running.value_at(at).or_else(|| samples.value_at(at))
        };
        let tasks = (0..utilisation.len()).map(tasks).collect();
        Self {
            running: History::new(utilisation.start(), utilisation.period_seconds(), tasks),
            utilisation: utilisation.clone(),
            desired: history("desired").clone(),
        }
    }

    /// The demand, in tasks of this size.
    ///
    /// # Errors
    /// As [`Demand::of_utilisation`].
    pub fn demand(&self, cpu_units: u32) -> Result<Demand, Error> {
        Demand::of_utilisation(&self.utilisation, &self.running, cpu_units)
    }

    /// What the service did with these settings.
    pub fn record(&self, demand: &Demand, settings: &Settings) -> Record {
        Record::observed(&self.utilisation, &self.running, &self.desired, demand, settings.max_capacity)
    }

    /// How well it did.
    pub fn effectiveness(&self, record: &Record, settings: &Settings, activities: &[Activity]) -> Effectiveness {
        let start = start_minutes(&self.desired, &self.running);
        Effectiveness::of(record, settings.target, &start, activities)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_stand_in_for_the_running_tasks_that_are_not_known() {
        let history = |values: &[Option<f64>]| History::new(0, 60, values.to_vec());
        let utilisation = history(&[Some(50.0), Some(50.0), Some(50.0)]);
        let (samples, running) = (history(&[Some(3.0), Some(3.0), None]), history(&[Some(4.0), None, None]));
        let none = History::default();
        let load = Load::of(|id| match id {
            "utilisation" => &utilisation,
            "samples" => &samples,
            "running" => &running,
            _ => &none,
        });
        assert_eq!(load.running.values(), [Some(4.0), Some(3.0), None]);
        assert_eq!(load.demand(512).unwrap().history().values(), [Some(2.0), Some(1.5), None]);
        assert_eq!(queries("production", "api").len(), 4);
        assert_eq!(whole_minute(119_999), 60_000);
    }
}
