//! CloudWatch.

use std::collections::BTreeMap;

use super::cloudwatch_data::{get_metric_data, read};
use super::input::Input;
use super::{Answer, Failure};
use crate::wire::Node;
use crate::world::World;
use crate::world::alarm::Alarm;
use crate::world::metrics::{Datum, Series, Statistic};

/// How many metrics one call may publish.
const MAXIMUM_DATA: usize = 1000;
/// How many points GetMetricStatistics may return.
const MAXIMUM_POINTS: i64 = 1440;

/// Performs an operation.
pub(super) fn perform(world: &mut World, operation: &str, input: &Input) -> Answer {
    Some(match operation {
        "GetMetricData" => get_metric_data(world, input),
        "GetMetricStatistics" => get_metric_statistics(world, input),
        "PutMetricData" => put_metric_data(world, input),
        "DescribeAlarms" => describe_alarms(world, input),
        _ => return None,
    })
}

/// CloudWatch's error for parameters that contradict each other.
pub(super) fn validation(message: &str) -> Failure {
    Failure::new("ValidationError", message).with_query_code("ValidationError")
}

/// The metric that a structure names.
pub(super) fn series(metric: &Input) -> Result<Series, Failure> {
    dimensions(metric, metric.required("Namespace")?, metric.required("MetricName")?)
}

fn dimensions(parent: &Input, namespace: &str, name: &str) -> Result<Series, Failure> {
    let mut dimensions = Vec::new();
    for dimension in parent.structures("Dimensions")? {
        dimensions.push((dimension.required("Name")?, dimension.required("Value")?));
    }
    Ok(Series::new(namespace, name, &dimensions))
}

/// From when, and to before when.
pub(super) fn interval(input: &Input) -> Result<(i64, i64), Failure> {
    let start_ms = input.instant("StartTime")?.ok_or_else(|| input.missing("StartTime"))?;
    let end_ms = input.instant("EndTime")?.ok_or_else(|| input.missing("EndTime"))?;
    if start_ms >= end_ms {
        return Err(validation("The parameter StartTime must be less than the parameter EndTime."));
    }
    Ok((start_ms, end_ms))
}

/// A period in milliseconds: whole minutes, as the sandbox publishes nothing finer.
pub(super) fn period_ms(parent: &Input, default: Option<i64>) -> Result<i64, Failure> {
    let seconds = parent.integer("Period")?.or(default).ok_or_else(|| parent.missing("Period"))?;
    if seconds < 60 || seconds % 60 != 0 {
        return Err(
            parent.invalid("The parameter Period must be a multiple of 60 seconds; the sandbox has no finer data.")
        );
    }
    Ok(seconds * 1000)
}

/// The statistic of that name.
pub(super) fn statistic(parent: &Input, name: &str) -> Result<Statistic, Failure> {
    Statistic::named(name)
        .ok_or_else(|| parent.invalid(&format!("The value {name} for parameter Stat is not supported.")))
}

fn unit(metric: &str) -> &'static str {
    match metric {
        "CPUUtilization" | "MemoryUtilization" | "EngineCPUUtilization" | "DatabaseMemoryUsagePercentage" => "Percent",
        "TargetResponseTime" | "ReadLatency" | "WriteLatency" => "Seconds",
        "FreeableMemory" | "FreeStorageSpace" => "Bytes",
        "ReadIOPS" | "WriteIOPS" => "Count/Second",
        _ => "Count",
    }
}

fn get_metric_statistics(world: &World, input: &Input) -> Result<Node, Failure> {
    let series = series(input)?;
    let (start_ms, end_ms) = interval(input)?;
    let period_ms = period_ms(input, None)?;
    if (end_ms - start_ms) / period_ms > MAXIMUM_POINTS {
        let message = format!(
            "You have requested up to {} datapoints, which exceeds the limit of 1,440.",
            (end_ms - start_ms) / period_ms
        );
        return Err(Failure::new("InvalidParameterCombinationException", &message)
            .with_query_code("InvalidParameterCombination"));
    }
    let (plain, extended) = (input.texts("Statistics")?, input.texts("ExtendedStatistics")?);
    if plain.is_empty() && extended.is_empty() {
        return Err(input.missing("Statistics or ExtendedStatistics"));
    }
    let mut columns = Vec::new();
    for name in ["SampleCount", "Average", "Sum", "Minimum", "Maximum"] {
        if plain.contains(&name) {
            columns.push((name, statistic(input, name)?));
        }
    }
    let plain = columns.len();
    for name in extended {
        columns.push((offered(input, name)?, statistic(input, name)?));
    }
    let mut rows: BTreeMap<i64, Vec<(&'static str, f64)>> = BTreeMap::new();
    for (name, statistic) in &columns {
        for (at, value) in read(world, &series, (start_ms, end_ms), period_ms, *statistic) {
            rows.entry(at).or_default().push((name, value));
        }
    }
    let points = rows.into_iter().map(|(at, values)| {
        let mut members = vec![("Timestamp", Node::Time(at)), ("Unit", unit(&series.name).into())];
        let mut values = values.into_iter().map(|(name, value)| (name, Node::from(value)));
        members.extend(values.by_ref().take(plain));
        let extended: Vec<(&'static str, Node)> = values.collect();
        if !extended.is_empty() {
            members.push(("ExtendedStatistics", Node::Map(extended)));
        }
        Node::Map(members)
    });
    Ok(Node::map([("Label", series.name.as_str().into()), ("Datapoints", Node::list(points))]))
}

/// A percentile by name. The names come from the request, so the tree holds those that AWS's consoles offer.
fn offered(input: &Input, name: &str) -> Result<&'static str, Failure> {
    const OFFERED: [&str; 9] = ["p10", "p50", "p75", "p90", "p95", "p99", "p99.5", "p99.9", "p100"];
    let offered = OFFERED.into_iter().find(|offered| *offered == name);
    offered.ok_or_else(|| input.invalid(&format!("The sandbox offers {} here, not {name}.", OFFERED.join(", "))))
}

fn put_metric_data(world: &mut World, input: &Input) -> Result<Node, Failure> {
    let namespace = input.required("Namespace")?;
    if namespace.starts_with("AWS/") {
        return Err(input.invalid("The value AWS/ for parameter Namespace is invalid."));
    }
    let data = input.structures("MetricData")?;
    if data.is_empty() || data.len() > MAXIMUM_DATA {
        return Err(input.invalid("The collection MetricData must have between 1 and 1000 members."));
    }
    let mut published = Vec::new();
    for metric in &data {
        let series = dimensions(metric, namespace, metric.required("MetricName")?)?;
        let at_ms = metric.instant("Timestamp")?.unwrap_or(world.now_ms);
        published.push((series, at_ms, datum(metric)?));
    }
    for (series, at_ms, datum) in published {
        world.metrics.publish(series, at_ms, &datum);
    }
    Ok(Node::empty())
}

fn datum(metric: &Input) -> Result<Datum, Failure> {
    let mut datum = Datum::default();
    if let Some(summary) = metric.structure("StatisticValues") {
        let field = |name: &str| summary.number(name).and_then(|value| value.ok_or_else(|| summary.missing(name)));
        return Ok(Datum::summary(field("SampleCount")?, field("Sum")?, field("Minimum")?, field("Maximum")?));
    }
    let (values, counts) = (metric.numbers("Values")?, metric.numbers("Counts")?);
    if !counts.is_empty() && counts.len() != values.len() {
        return Err(metric.invalid("The parameters Values and Counts must have the same length."));
    }
    for (index, value) in values.iter().enumerate() {
        datum.add(*value, counts.get(index).copied().unwrap_or(1.0));
    }
    if let Some(value) = metric.number("Value")? {
        datum.add(value, 1.0);
    }
    if datum.count == 0.0 {
        return Err(metric.missing("MetricData.member.Value"));
    }
    Ok(datum)
}

fn describe_alarms(world: &World, input: &Input) -> Result<Node, Failure> {
    input.only(&[
        "AlarmNames",
        "AlarmNamePrefix",
        "AlarmTypes",
        "StateValue",
        "ActionPrefix",
        "MaxRecords",
        "NextToken",
    ])?;
    let (names, prefix) = (input.texts("AlarmNames")?, input.text("AlarmNamePrefix")?);
    let (state, types) = (input.text("StateValue")?, input.texts("AlarmTypes")?);
    let wanted = |alarm: &&Alarm| {
        (names.is_empty() || names.contains(&alarm.name.as_str()))
            && prefix.is_none_or(|prefix| alarm.name.starts_with(prefix))
            && state.is_none_or(|state| state == alarm.state)
            && (types.is_empty() || types.contains(&"MetricAlarm"))
    };
    let alarms = world.alarms.iter().filter(wanted).map(|alarm| alarm_view(world, alarm));
    Ok(Node::map([("CompositeAlarms", Node::list([])), ("MetricAlarms", Node::list(alarms))]))
}

fn alarm_view(world: &World, alarm: &Alarm) -> Node {
    let percentile = alarm.statistic.starts_with('p');
    let dimensions = alarm.series.dimensions.iter();
    let dimensions =
        dimensions.map(|(name, value)| Node::map([("Name", name.as_str().into()), ("Value", value.as_str().into())]));
    Node::map([
        ("AlarmName", alarm.name.as_str().into()),
        ("AlarmArn", world.place.arn("cloudwatch", &format!("alarm:{}", alarm.name)).into()),
        ("AlarmDescription", alarm.description.as_str().into()),
        ("ActionsEnabled", true.into()),
        ("OKActions", Node::list([])),
        ("AlarmActions", Node::list([world.place.arn("sns", "ops-notifications").into()])),
        ("InsufficientDataActions", Node::list([])),
        ("StateValue", alarm.state.into()),
        ("StateReason", alarm.reason.as_str().into()),
        ("StateUpdatedTimestamp", Node::Time(alarm.updated_ms)),
        ("StateTransitionedTimestamp", Node::Time(alarm.updated_ms)),
        ("MetricName", alarm.series.name.as_str().into()),
        ("Namespace", alarm.series.namespace.as_str().into()),
        ("Statistic", if percentile { Node::Absent } else { alarm.statistic.into() }),
        ("ExtendedStatistic", if percentile { alarm.statistic.into() } else { Node::Absent }),
        ("Dimensions", Node::list(dimensions)),
        ("Period", 60_i64.into()),
        ("EvaluationPeriods", alarm.minutes.into()),
        ("DatapointsToAlarm", alarm.to_alarm.into()),
        ("Threshold", alarm.threshold.into()),
        ("ComparisonOperator", "GreaterThanThreshold".into()),
        ("TreatMissingData", "missing".into()),
    ])
}
