//! CloudWatch.

use std::collections::BTreeMap;

use super::expression::{self, Points};
use super::input::Input;
use super::{Answer, Failure};
use crate::wire::Node;
use crate::world::alarm::Alarm;
use crate::world::metrics::{Datum, Series, Statistic};
use crate::world::{MINUTE_MS, World};

/// How many queries one call may hold.
const MAXIMUM_QUERIES: usize = 500;
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
fn validation(message: &str) -> Failure {
    Failure::new("ValidationError", message).with_query_code("ValidationError")
}

fn series(metric: &Input) -> Result<Series, Failure> {
    dimensions(metric, metric.required("Namespace")?, metric.required("MetricName")?)
}

fn dimensions(parent: &Input, namespace: &str, name: &str) -> Result<Series, Failure> {
    let mut dimensions = Vec::new();
    for dimension in parent.structures("Dimensions")? {
        dimensions.push((dimension.required("Name")?, dimension.required("Value")?));
    }
    Ok(Series::new(namespace, name, &dimensions))
}

fn interval(input: &Input) -> Result<(i64, i64), Failure> {
    let start_ms = input.instant("StartTime")?.ok_or_else(|| input.missing("StartTime"))?;
    let end_ms = input.instant("EndTime")?.ok_or_else(|| input.missing("EndTime"))?;
    if start_ms >= end_ms {
        return Err(validation("The parameter StartTime must be less than the parameter EndTime."));
    }
    Ok((start_ms, end_ms))
}

/// A period in milliseconds: whole minutes, as the sandbox publishes nothing finer.
fn period_ms(parent: &Input, default: Option<i64>) -> Result<i64, Failure> {
    let seconds = parent.integer("Period")?.or(default).ok_or_else(|| parent.missing("Period"))?;
    if seconds < 60 || seconds % 60 != 0 {
        return Err(
            parent.invalid("The parameter Period must be a multiple of 60 seconds; the sandbox has no finer data.")
        );
    }
    Ok(seconds * 1000)
}

fn statistic(parent: &Input, name: &str) -> Result<Statistic, Failure> {
    Statistic::named(name)
        .ok_or_else(|| parent.invalid(&format!("The value {name} for parameter Stat is not supported.")))
}

/// A query of GetMetricData.
struct Query<'a> {
    id: &'a str,
    label: String,
    returned: bool,
    points: Option<Points>,
    expression: Option<&'a str>,
}

fn get_metric_data(world: &World, input: &Input) -> Result<Node, Failure> {
    let queries = input.structures("MetricDataQueries")?;
    if queries.is_empty() || queries.len() > MAXIMUM_QUERIES {
        return Err(validation("The collection MetricDataQueries must have between 1 and 500 members."));
    }
    let interval = interval(input)?;
    let mut read = Vec::new();
    let mut smallest = i64::MAX;
    for query in &queries {
        let (query, period_ms) = read_query(world, query, interval)?;
        if read.iter().any(|other: &Query| other.id == query.id) {
            return Err(validation(&format!(
                "The values for parameter id in MetricDataQueries are not unique: {}",
                query.id
            )));
        }
        smallest = smallest.min(period_ms);
        read.push(query);
    }
    solve(&mut read, &periods(interval, smallest))?;
    let ascending = match input.text("ScanBy")? {
        None | Some("TimestampDescending") => false,
        Some("TimestampAscending") => true,
        Some(_) => return Err(input.invalid("ScanBy must be TimestampAscending or TimestampDescending.")),
    };
    let results = read.iter().filter(|query| query.returned).map(|query| result(query, ascending));
    Ok(Node::map([("MetricDataResults", Node::list(results)), ("Messages", Node::list([]))]))
}

fn periods((start_ms, end_ms): (i64, i64), period_ms: i64) -> Vec<i64> {
    let period_ms = if period_ms == i64::MAX { MINUTE_MS } else { period_ms };
    let first = start_ms - start_ms.rem_euclid(period_ms);
    (0..).map(|index| first + index * period_ms).take_while(|at| *at < end_ms).take(100_000).collect()
}

fn read_query<'a>(world: &World, query: &Input<'a>, interval: (i64, i64)) -> Result<(Query<'a>, i64), Failure> {
    let id = query.required("Id")?;
    let valid = id.starts_with(|first: char| first.is_ascii_lowercase())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !valid {
        return Err(validation(&format!(
            "The value {id} for parameter MetricDataQueries.member.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$."
        )));
    }
    let returned = query.boolean("ReturnData", true)?;
    let label = query.text("Label")?;
    let (Some(stat), None) = (query.structure("MetricStat"), query.text("Expression")?) else {
        let expression = query.text("Expression")?.filter(|_| query.structure("MetricStat").is_none());
        let expression = expression.ok_or_else(|| validation("Each query has either MetricStat or Expression."))?;
        let label = label.unwrap_or(id).to_owned();
        return Ok((Query { id, label, returned, points: None, expression: Some(expression) }, i64::MAX));
    };
    let metric = stat.structure("Metric").ok_or_else(|| stat.missing("Metric"))?;
    let series = series(&metric)?;
    let period_ms = period_ms(&stat, None)?;
    let statistic = statistic(&stat, stat.required("Stat")?)?;
    let data = world.metrics.read(&series, interval.0, interval.1, period_ms);
    let points = data.iter().map(|(at, datum)| (*at, datum.statistic(statistic))).collect();
    let label = label.unwrap_or(&series.name).to_owned();
    Ok((Query { id, label, returned, points: Some(points), expression: None }, period_ms))
}

/// Evaluates the expressions, whatever their order; one that needs itself is refused.
fn solve(queries: &mut [Query], periods: &[i64]) -> Result<(), Failure> {
    for _ in 0..queries.len() {
        let known: BTreeMap<String, Points> =
            queries.iter().filter_map(|query| Some((query.id.to_owned(), query.points.clone()?))).collect();
        let unsolved = |query: &&mut Query| query.points.is_none();
        for query in queries.iter_mut().filter(unsolved) {
            query.points = expression::evaluate(query.expression.unwrap_or_default(), &known, periods).ok();
        }
    }
    let known = queries.iter().filter_map(|query| Some((query.id.to_owned(), query.points.clone()?))).collect();
    match queries.iter().find(|query| query.points.is_none()) {
        None => Ok(()),
        Some(query) => {
            let problem = expression::evaluate(query.expression.unwrap_or_default(), &known, periods).err();
            let problem = problem.unwrap_or_default();
            Err(validation(&format!("Error in expression '{}': {problem}", query.id)))
        }
    }
}

fn result(query: &Query, ascending: bool) -> Node {
    let mut points: Vec<(i64, f64)> = query.points.iter().flatten().map(|(at, value)| (*at, *value)).collect();
    if !ascending {
        points.reverse();
    }
    Node::map([
        ("Id", query.id.into()),
        ("Label", query.label.as_str().into()),
        ("Timestamps", Node::list(points.iter().map(|(at, _)| Node::Time(*at)))),
        ("Values", Node::list(points.iter().map(|(_, value)| Node::Double(*value)))),
        ("StatusCode", "Complete".into()),
    ])
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
    let data = world.metrics.read(&series, start_ms, end_ms, period_ms);
    let mut points = Vec::new();
    for (at, datum) in &data {
        let mut members = vec![("Timestamp", Node::Time(*at)), ("Unit", unit(&series.name).into())];
        for name in ["SampleCount", "Average", "Sum", "Minimum", "Maximum"] {
            if plain.contains(&name) {
                members.push((name, datum.statistic(statistic(input, name)?).into()));
            }
        }
        if !extended.is_empty() {
            members.push(("ExtendedStatistics", extended_statistics(input, &extended, datum)?));
        }
        points.push(Node::Map(members));
    }
    Ok(Node::map([("Label", series.name.as_str().into()), ("Datapoints", Node::list(points))]))
}

/// Percentiles by name. The names come from the request, so the tree holds those that AWS's consoles offer.
fn extended_statistics(input: &Input, names: &[&str], datum: &Datum) -> Result<Node, Failure> {
    const OFFERED: [&str; 9] = ["p10", "p50", "p75", "p90", "p95", "p99", "p99.5", "p99.9", "p100"];
    let mut members = Vec::new();
    for name in names {
        let offered = OFFERED.iter().find(|offered| *offered == name);
        let offered = offered
            .ok_or_else(|| input.invalid(&format!("The sandbox offers {} here, not {name}.", OFFERED.join(", "))))?;
        members.push((*offered, datum.statistic(statistic(input, name)?).into()));
    }
    Ok(Node::Map(members))
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
