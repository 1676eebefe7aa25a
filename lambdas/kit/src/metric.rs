//! Metrics of the suite itself, in CloudWatch's embedded metric format: one log line from which CloudWatch makes metrics.

use operations::time::Millis;
use serde_json::{Map, Value, json};

/// The namespace of all metrics of the suite.
const NAMESPACE: &str = "OpsAutomation";

/// What metrics are about: their dimensions, in the sets `[Environment, Workflow]` and `[Environment, Workflow, Target]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject<'a> {
    /// The environment, for example `production`.
    pub environment: &'a str,
    /// The workflow, for example `optimization`.
    pub workflow: &'a str,
    /// The catalogue id of the target.
    pub target: &'a str,
}

/// One value: its name, CloudWatch's unit (`None` for a bare number) and the value.
pub type Measure = (&'static str, &'static str, f64);

/// Writes measures taken at a time to the log; without any, nothing. Values that are not finite are left out.
pub fn emit(at: Millis, subject: Subject<'_>, measures: &[Measure]) {
    if let Some(line) = line(at, subject, measures) {
        println!("{line}");
    }
}

/// The line, in the embedded metric format; `None` without a finite value.
pub fn line(at: Millis, subject: Subject<'_>, measures: &[Measure]) -> Option<String> {
    let finite: Vec<&Measure> = measures.iter().filter(|(_, _, value)| value.is_finite()).collect();
    if finite.is_empty() {
        return None;
    }
    let metrics: Vec<Value> = finite.iter().map(|(name, unit, _)| json!({"Name": name, "Unit": unit})).collect();
    let dimensions = json!([["Environment", "Workflow"], ["Environment", "Workflow", "Target"]]);
    let mut fields = Map::new();
    let directive = json!([{"Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": metrics}]);
    fields.insert("_aws".to_owned(), json!({"Timestamp": at, "CloudWatchMetrics": directive}));
    fields.insert("Environment".to_owned(), json!(subject.environment));
    fields.insert("Workflow".to_owned(), json!(subject.workflow));
    fields.insert("Target".to_owned(), json!(subject.target));
    fields.extend(finite.into_iter().map(|(name, _, value)| ((*name).to_owned(), json!(value))));
    Some(Value::Object(fields).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBJECT: Subject<'_> = Subject { environment: "production", workflow: "optimization", target: "api" };

    #[test]
    fn every_metric_that_is_declared_has_its_value_and_every_dimension_its_field() {
        let measures = [("PerformanceScore", "None", 93.5), ("FindingsOpen", "Count", 2.0), ("Bad", "None", f64::NAN)];
        let line: Value = serde_json::from_str(&line(1_795_996_800_000, SUBJECT, &measures).unwrap()).unwrap();
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(
            (&directive["Namespace"], &line["_aws"]["Timestamp"]),
            (&json!("OpsAutomation"), &json!(1_795_996_800_000_i64))
        );
        let declared = directive["Metrics"].as_array().unwrap();
        assert_eq!(declared.len(), 2);
        assert!(declared.iter().all(|metric| line[metric["Name"].as_str().unwrap()].is_number()));
        for name in directive["Dimensions"].as_array().unwrap().iter().flat_map(|set| set.as_array().unwrap()) {
            assert!(line[name.as_str().unwrap()].is_string(), "{name}");
        }
    }

    #[test]
    fn nothing_measured_is_no_line() {
        assert_eq!(line(0, SUBJECT, &[]), None);
        assert_eq!(line(0, SUBJECT, &[("PerformanceScore", "None", f64::INFINITY)]), None);
    }
}
