//! Weeks of CloudWatch metrics, read in as few calls as its limits permit.

use crate::failure;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat, ScanBy, StatusCode};
use aws_smithy_types::DateTime;
use operations::Error;
use operations::history::{DAY_MS, History, RETENTION, period_for};
use operations::metrics::{Query, Series};
use operations::time::Millis;
use std::collections::BTreeMap;

/// The most data points that one call may ask for, by CloudWatch's documentation of `GetMetricData`.
const MOST_POINTS: i64 = 100_800;

/// The most queries of one call, by the same.
const MOST_QUERIES: usize = 500;

/// What CloudWatch answered, by query id, and what it could not say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Histories {
    by_id: BTreeMap<String, History>,
    none: History,
    /// What is missing and what that means, one text each; empty when all was answered.
    pub partial: Vec<String>,
}

impl Histories {
    /// Histories by id, for tests of what reads them.
    pub fn of(histories: impl IntoIterator<Item = (String, History)>) -> Self {
        Self { by_id: histories.into_iter().collect(), ..Self::default() }
    }

    /// The history of a query. A metric without data has one whose periods are all unknown; an id that was not asked for
    /// one without periods.
    pub fn get(&self, id: &str) -> &History {
        self.by_id.get(id).unwrap_or(&self.none)
    }
}

/// Reads several metrics between two times in periods of so many seconds (60 or more). Where data as old as `from`, seen
/// from `until`, are kept in longer periods only, those are read and `partial` says so; where none are kept so long, the
/// reading begins later. Ids must be unique.
///
/// # Errors
/// As [`failure::of_sdk`]. Data that CloudWatch cannot answer in full are no error: `partial` names them.
pub async fn read(
    client: &aws_sdk_cloudwatch::Client,
    queries: &[Query<'_>],
    period_seconds: u32,
    from: Millis,
    until: Millis,
) -> Result<Histories, Error> {
    let (span, mut partial) = Span::new(period_seconds, from, until);
    let mut by_id = BTreeMap::new();
    for some in queries.chunks(span.queries_per_call()) {
        let points = ask(client, some, &span, &mut partial).await?;
        for (query, points) in some.iter().zip(points) {
            let history = History::of(&Series::new(points), span.period, span.from, span.until);
            by_id.insert(query.id.to_owned(), history);
        }
    }
    Ok(Histories { by_id, none: History::default(), partial })
}

/// What is read: periods of so many seconds, between two times.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Span {
    period: u32,
    from: Millis,
    until: Millis,
}

impl Span {
    /// The span that CloudWatch has data for, and how it differs from what is wanted.
    fn new(wanted: u32, from: Millis, until: Millis) -> (Self, Vec<String>) {
        if let Some(period) = period_for(until - from, wanted) {
            let longer = format!(
                "data of {} days are kept in periods of {period} s, not {wanted} s: what is shorter cannot be seen",
                (until - from) / DAY_MS
            );
            return (Self { period, from, until }, if period > wanted { vec![longer] } else { Vec::new() });
        }
        let (longest, days) = RETENTION[RETENTION.len() - 1];
        let period = wanted.max(longest);
        let from = from.max(until - days * DAY_MS);
        (Self { period, from, until }, vec![format!("CloudWatch keeps data for {days} days: nothing older was read")])
    }

    /// How many queries one call may hold.
    fn queries_per_call(&self) -> usize {
        let period = i64::from(self.period) * 1_000;
        // A span that does not begin with a period touches one more.
        let points = ((self.until - self.from) / period + 2).max(1);
        usize::try_from(MOST_POINTS / points).unwrap_or(MOST_QUERIES).clamp(1, MOST_QUERIES)
    }
}

/// Asks for all pages of one call; the points are in the order of the queries.
async fn ask(
    client: &aws_sdk_cloudwatch::Client,
    queries: &[Query<'_>],
    span: &Span,
    partial: &mut Vec<String>,
) -> Result<Vec<Vec<(Millis, f64)>>, Error> {
    let asked: Vec<_> = queries.iter().map(|query| data_query(query, span.period)).collect();
    let mut points = vec![Vec::new(); queries.len()];
    let mut next = None;
    loop {
        let request = client
            .get_metric_data()
            .set_metric_data_queries(Some(asked.clone()))
            .start_time(DateTime::from_millis(span.from))
            .end_time(DateTime::from_millis(span.until))
            .scan_by(ScanBy::TimestampAscending)
            .set_next_token(next);
        let page = request.send().await.map_err(|error| failure::of_sdk("cloudwatch:GetMetricData", &error))?;
        next = page.next_token().map(str::to_owned);
        for result in page.metric_data_results() {
            let Some(index) = queries.iter().position(|query| Some(query.id) == result.id()) else { continue };
            let pairs = result.timestamps().iter().zip(result.values());
            points[index].extend(pairs.filter_map(|(at, value)| Some((at.to_millis().ok()?, *value))));
            partial.extend(missing(result, &queries[index], next.is_some()));
        }
        if next.is_none() {
            return Ok(points);
        }
    }
}

/// What a result says is missing. The rest of a part may be on the next page.
fn missing(result: &MetricDataResult, query: &Query<'_>, more: bool) -> Option<String> {
    let problem = match result.status_code()? {
        StatusCode::PartialData if !more => "only a part of the data",
        StatusCode::InternalError => "an internal error",
        StatusCode::Forbidden => "that it may not be read",
        _ => return None,
    };
    Some(format!("CloudWatch answered {problem} for {}: its periods without data are unknown", query.reference()))
}

fn data_query(query: &Query<'_>, period_seconds: u32) -> MetricDataQuery {
    let dimension = |(name, value): &(&str, String)| Dimension::builder().name(*name).value(value).build();
    let metric = Metric::builder()
        .namespace(query.namespace)
        .metric_name(query.name)
        .set_dimensions(Some(query.dimensions.iter().map(dimension).collect()))
        .build();
    let period = i32::try_from(period_seconds).unwrap_or(i32::MAX);
    let statistic = MetricStat::builder().metric(metric).period(period).stat(query.statistic).build();
    MetricDataQuery::builder().id(query.id).metric_stat(statistic).return_data(true).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 1_796_024_700_000;

    #[test]
    fn no_call_asks_for_more_than_cloudwatch_answers() {
        for (period, days) in [(60, 14), (60, 15), (300, 63), (3_600, 455), (60, 1)] {
            let (span, partial) = Span::new(period, NOW - days * DAY_MS, NOW);
            assert!(partial.is_empty(), "{partial:?}");
            let queries = i64::try_from(span.queries_per_call()).unwrap();
            let points = days * DAY_MS / (i64::from(period) * 1_000) + 1;
            assert!(queries * points <= MOST_POINTS, "{period} s of {days} d: {queries} queries");
            assert!((1..=500).contains(&queries));
        }
        assert_eq!(Span::new(60, NOW - 14 * DAY_MS, NOW).0.queries_per_call(), 4);
        assert_eq!(Span::new(3_600, NOW - DAY_MS, NOW).0.queries_per_call(), 500);
    }

    #[test]
    fn old_data_are_read_in_the_periods_that_are_kept() {
        let (span, partial) = Span::new(60, NOW - 28 * DAY_MS, NOW);
        assert_eq!(span, Span { period: 300, from: NOW - 28 * DAY_MS, until: NOW });
        assert!(partial[0].starts_with("data of 28 days are kept in periods of 300 s, not 60 s"), "{partial:?}");
        let (span, partial) = Span::new(60, NOW - 500 * DAY_MS, NOW);
        assert_eq!(span, Span { period: 3_600, from: NOW - 455 * DAY_MS, until: NOW });
        assert_eq!(partial, ["CloudWatch keeps data for 455 days: nothing older was read"]);
    }

    #[test]
    fn what_was_not_answered_is_said_unless_it_is_on_the_next_page() {
        let query =
            Query { id: "cpu", namespace: "AWS/ECS", name: "CPUUtilization", dimensions: vec![], statistic: "Average" };
        let result = |status| MetricDataResult::builder().id("cpu").status_code(status).build();
        assert_eq!(missing(&result(StatusCode::Complete), &query, false), None);
        assert_eq!(missing(&result(StatusCode::PartialData), &query, true), None);
        let text = missing(&result(StatusCode::PartialData), &query, false).unwrap();
        assert!(text.contains("only a part of the data for AWS/ECS CPUUtilization Average"), "{text}");
        assert!(missing(&result(StatusCode::InternalError), &query, true).is_some());
    }

    #[test]
    fn an_id_that_was_not_asked_for_has_no_periods() {
        let histories = Histories::of([("cpu".to_owned(), History::new(0, 60, vec![Some(1.0)]))]);
        assert_eq!((histories.get("cpu").len(), histories.get("memory").len()), (1, 0));
    }
}
