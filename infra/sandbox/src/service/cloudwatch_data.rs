//! CloudWatch: metric data of many queries, in pages.

use std::collections::BTreeMap;

use super::Failure;
use super::cloudwatch::{interval, period_ms, series, statistic, validation};
use super::expression::{self, Points};
use super::input::Input;
use crate::wire::Node;
use crate::world::metrics::{Series, Statistic};
use crate::world::{MINUTE_MS, World};

/// How many queries one call may hold.
const MAXIMUM_QUERIES: usize = 500;
/// How many values one answer may hold.
const MAXIMUM_DATAPOINTS: i64 = 100_800;

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
pub(super) fn read(
    world: &World,
    series: &Series,
    interval: (i64, i64),
    period_ms: i64,
    statistic: Statistic,
) -> Vec<(i64, f64)> {
    if let Some(values) = world.fleet_metric(series, interval, period_ms, statistic) {
        return values;
    }
    let data = world.metrics.read(series, interval.0, interval.1, period_ms);
    data.iter().map(|(at, datum)| (*at, datum.statistic(statistic))).collect()
}

/// GetMetricData.
pub(super) fn get_metric_data(world: &World, input: &Input) -> Result<Node, Failure> {
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
        ("Timestamps", Node::Times(points.iter().map(|(at, _)| *at).collect())),
        ("Values", Node::Doubles(points.iter().map(|(_, value)| *value).collect())),
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
