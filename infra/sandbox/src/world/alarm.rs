//! CloudWatch alarms, evaluated each virtual minute.

use super::MINUTE_MS;
use super::metrics::{Metrics, Series, Statistic};

/// An alarm on one metric.
#[derive(Debug, Clone)]
pub(crate) struct Alarm {
    /// Name.
    pub(crate) name: String,
    /// What it is for.
    pub(crate) description: String,
    /// The metric.
    pub(crate) series: Series,
    /// The statistic's API name.
    pub(crate) statistic: &'static str,
    /// In alarm above this.
    pub(crate) threshold: f64,
    /// How many of the last minutes are looked at.
    pub(crate) minutes: i64,
    /// How many of them must be above the threshold.
    pub(crate) to_alarm: usize,
    /// OK, ALARM or INSUFFICIENT_DATA.
    pub(crate) state: &'static str,
    /// CloudWatch's sentence about it.
    pub(crate) reason: String,
    /// When the state last changed.
    pub(crate) updated_ms: i64,
}

impl Alarm {
    /// Looks at the minutes before `now_ms`, a full minute.
    pub(crate) fn evaluate(&mut self, metrics: &Metrics, now_ms: i64) {
        let Some(statistic) = Statistic::named(self.statistic) else { return };
        let data = metrics.read(&self.series, now_ms - self.minutes * MINUTE_MS, now_ms, MINUTE_MS);
        let values: Vec<f64> = data.iter().map(|(_, datum)| datum.statistic(statistic)).collect();
        let above = values.iter().filter(|value| **value > self.threshold).count();
        let state = match values.len() {
            0 => "INSUFFICIENT_DATA",
            _ if above >= self.to_alarm => "ALARM",
            _ => "OK",
        };
        if state != self.state {
            self.state = state;
            self.updated_ms = now_ms;
            self.reason = format!(
                "Threshold Crossed: {above} out of the last {} datapoints {values:?} were greater than the threshold ({}).",
                self.minutes, self.threshold
            );
        }
    }
}
