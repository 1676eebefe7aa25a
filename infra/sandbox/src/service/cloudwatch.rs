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
/// How many values one answer of GetMetricData may hold.
const MAXIMUM_DATAPOINTS: i64 = 100_800;
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

/// What a query of GetMetricData asks for.
enum Asked<'a> {
    Metric { series: Series, period_ms: i64, statistic: Statistic },
    Expression(&'a str),
}

/// A query of GetMetricData.
struct Query<'a> {
    id: &'a str,
    label: String,
    returned: bool,
    asked: Asked<'a>,
    /// Its values, where they are known already.
    points: Option<Points>,
}

impl Query<'_> {
    /// Values in the order of the answer.
    fn values(&self, world: &World, interval: (i64, i64), ascending: bool) -> Vec<(i64, f64)> {
        let mut values: Vec<(i64, f64)> = match (&self.points, &self.asked) {
            (Some(points), _) => points.iter().map(|(at, value)| (*at, *value)).collect(),
            (None, Asked::Metric { series, period_ms, statistic }) => {
                read(world, series, interval, *period_ms, *statistic)
            }
            (None, Asked::Expression(_)) => Vec::new(),
        };
        if !ascending {
            values.reverse();
        }
        values
    }
}

/// A statistic of a metric, oldest first.
fn read(world: &World, series: &Series, interval: (i64, i64), period_ms: i64, statistic: Statistic) -> Vec<(i64, f64)> {
    if let Some(values) = world.fleet_metric(series, interval, period_ms, statistic) {
        return values;
    }
    let data = world.metrics.read(series, interval.0, interval.1, period_ms);
    data.iter().map(|(at, datum)| (*at, datum.statistic(statistic))).collect()
}

fn get_metric_data(world: &World, input: &Input) -> Result<Node, Failure> {
    let queries = input.structures("MetricDataQueries")?;
    if queries.is_empty() || queries.len() > MAXIMUM_QUERIES {
        return Err(validation("The collection MetricDataQueries must have between 1 and 500 members."));
    }
    let interval = interval(input)?;
    let mut read: Vec<Query> = Vec::new();
    let mut smallest = i64::MAX;
    for query in &queries {
        let (query, period_ms) = read_query(query)?;
        if read.iter().any(|other: &Query| other.id == query.id) {
            return Err(validation(&format!(
                "The values for parameter id in MetricDataQueries are not unique: {}",
                query.id
            )));
        }
        smallest = smallest.min(period_ms);
        read.push(query);
    }
    // Expressions need everything; metrics alone are read only as far as the page goes.
    if read.iter().any(|query| matches!(query.asked, Asked::Expression(_))) {
        for query in read.iter_mut().filter(|query| matches!(query.asked, Asked::Metric { .. })) {
            query.points = Some(query.values(world, interval, true).into_iter().collect());
        }
        solve(&mut read, &periods(interval, smallest))?;
    }
    let ascending = match input.text("ScanBy")? {
        None | Some("TimestampDescending") => false,
        Some("TimestampAscending") => true,
        Some(_) => return Err(input.invalid("ScanBy must be TimestampAscending or TimestampDescending.")),
    };
    let most = input.integer("MaxDatapoints")?.unwrap_or(MAXIMUM_DATAPOINTS);
    if !(1..=MAXIMUM_DATAPOINTS).contains(&most) {
        return Err(validation("The parameter MaxDatapoints must be between 1 and 100800."));
    }
    let returned: Vec<&Query> = read.iter().filter(|query| query.returned).collect();
    page(&returned, from(input)?, usize::try_from(most).unwrap_or(1), |query| query.values(world, interval, ascending))
}

/// Where a page begins: the index of a query, and of the first of its values.
fn from(input: &Input) -> Result<(usize, usize), Failure> {
    let Some(token) = input.text("NextToken")? else { return Ok((0, 0)) };
    let parts = token.split_once('-').and_then(|(query, value)| Some((query.parse().ok()?, value.parse().ok()?)));
    parts.ok_or_else(|| {
        Failure::new("InvalidNextToken", "The next token specified is invalid.").with_query_code("InvalidNextToken")
    })
}

/// So many values from the beginning of a page on; what does not fit is on the next.
fn page(
    queries: &[&Query],
    (first, offset): (usize, usize),
    most: usize,
    values: impl Fn(&Query) -> Vec<(i64, f64)>,
) -> Result<Node, Failure> {
    let (mut results, mut left, mut next) = (Vec::new(), most, None);
    for (index, query) in queries.iter().enumerate().skip(first) {
        if next.is_some() {
            results.push(result(query, &[], false));
            continue;
        }
        let all = values(query);
        let from = if index == first { offset.min(all.len()) } else { 0 };
        let to = all.len().min(from + left);
        results.push(result(query, &all[from..to], to == all.len()));
        left -= to - from;
        if to < all.len() {
            next = Some(format!("{index}-{to}"));
        } else if left == 0 && index + 1 < queries.len() {
            next = Some(format!("{}-0", index + 1));
        }
    }
    Ok(Node::map([
        ("MetricDataResults", Node::list(results)),
        ("NextToken", next.into()),
        ("Messages", Node::list([])),
    ]))
}

fn result(query: &Query, points: &[(i64, f64)], complete: bool) -> Node {
    Node::map([
        ("Id", query.id.into()),
        ("Label", query.label.as_str().into()),
        ("Timestamps", Node::list(points.iter().map(|(at, _)| Node::Time(*at)))),
        ("Values", Node::list(points.iter().map(|(_, value)| Node::Double(*value)))),
        ("StatusCode", if complete { "Complete" } else { "PartialData" }.into()),
    ])
}

fn periods((start_ms, end_ms): (i64, i64), period_ms: i64) -> Vec<i64> {
    let period_ms = if period_ms == i64::MAX { MINUTE_MS } else { period_ms };
    let first = start_ms - start_ms.rem_euclid(period_ms);
    (0..).map(|index| first + index * period_ms).take_while(|at| *at < end_ms).take(100_000).collect()
}

fn read_query<'a>(query: &Input<'a>) -> Result<(Query<'a>, i64), Failure> {
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
        let asked = Asked::Expression(expression);
        return Ok((Query { id, label, returned, points: None, asked }, i64::MAX));
    };
    let metric = stat.structure("Metric").ok_or_else(|| stat.missing("Metric"))?;
    let series = series(&metric)?;
    let period_ms = period_ms(&stat, None)?;
    let statistic = statistic(&stat, stat.required("Stat")?)?;
    let label = label.unwrap_or(&series.name).to_owned();
    let asked = Asked::Metric { series, period_ms, statistic };
    Ok((Query { id, label, returned, points: None, asked }, period_ms))
}

/// Evaluates the expressions, whatever their order; one that needs itself is refused.
fn solve(queries: &mut [Query], periods: &[i64]) -> Result<(), Failure> {
    let text = |query: &Query| match query.asked {
        Asked::Expression(text) => text.to_owned(),
        Asked::Metric { .. } => String::new(),
    };
    let known = |queries: &[Query]| -> BTreeMap<String, Points> {
        queries.iter().filter_map(|query| Some((query.id.to_owned(), query.points.clone()?))).collect()
    };
    loop {
        let before = known(queries);
        let mut solved = false;
        for query in queries.iter_mut().filter(|query| query.points.is_none()) {
            query.points = expression::evaluate(&text(query), &before, periods).ok();
            solved |= query.points.is_some();
        }
        if queries.iter().all(|query| query.points.is_some()) {
            return Ok(());
        }
        if !solved {
            break;
        }
    }
    let known = known(queries);
    let Some(query) = queries.iter().find(|query| query.points.is_none()) else { return Ok(()) };
    let problem = expression::evaluate(&text(query), &known, periods).err().unwrap_or_default();
    Err(validation(&format!("Error in expression '{}': {problem}", query.id)))
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
