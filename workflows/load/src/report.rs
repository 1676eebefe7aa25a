//! What was measured, as one JSON document.

use serde_json::{Value as Json, json};

use crate::clock;
use crate::drive::Drive;

/// Figures and series, in the order in which they were taken.
#[derive(Debug, Default)]
pub(crate) struct Report {
    figures: Vec<Json>,
    points: Vec<Json>,
    notes: Vec<String>,
}

impl Report {
    /// A figure, named as `w1.rate.16`, of a subject: `memory`, `durable`, `skeleton-memory`, `skeleton-durable`,
    /// `machine`.
    pub(crate) fn figure(&mut self, subject: &str, name: &str, value: f64) {
        eprintln!("{subject:17} {name:20} {value:12.4}");
        self.figures.push(json!({"subject": subject, "name": name, "value": value}));
    }

    /// The figures of a drive: `NAME.rate.SUFFIX` (a second) and latencies (ms).
    pub(crate) fn drive(&mut self, subject: &str, name: &str, suffix: &str, drive: &Drive) {
        self.figure(subject, &format!("{name}.rate.{suffix}"), drive.rate());
        let quantiles = [("p50", 0.5), ("p99", 0.99), ("min", 0.0)];
        for (quantile, share) in quantiles {
            if let Some(millis) = drive.sample.quantile(share) {
                self.figure(subject, &format!("{name}.{quantile}.{suffix}"), millis);
            }
        }
    }

    /// A point of a growth series at `x`, with its values.
    pub(crate) fn point(&mut self, series: &str, subject: &str, x: usize, mut values: Json) {
        eprintln!("{subject:17} {series:12} {x:9} {values}");
        values["series"] = json!(series);
        values["subject"] = json!(subject);
        values["x"] = json!(x);
        self.points.push(values);
    }

    /// Something to know about these figures.
    pub(crate) fn note(&mut self, text: String) {
        eprintln!("{text}");
        self.notes.push(text);
    }

    /// The value of a figure.
    #[cfg(test)]
    pub(crate) fn value(&self, subject: &str, name: &str) -> Option<f64> {
        self.figures.iter().find(|figure| figure["subject"] == subject && figure["name"] == name)?["value"].as_f64()
    }

    /// How many points a series has.
    #[cfg(test)]
    pub(crate) fn points(&self, series: &str) -> usize {
        self.points.iter().filter(|point| point["series"] == series).count()
    }

    /// The whole document.
    pub(crate) fn document(&self, machine: &Json) -> Json {
        json!({
            "date": clock::today(),
            "machine": machine,
            "figures": self.figures,
            "points": self.points,
            "notes": self.notes,
        })
    }
}
