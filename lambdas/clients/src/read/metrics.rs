//! CloudWatch metrics.

use crate::failure;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat, ScanBy, StatusCode};
use aws_smithy_types::DateTime;
use operations::Error;
use operations::error::Kind;
use operations::metrics::{PERIOD_SECONDS, Query, Readings, Series};
use operations::time::Millis;

/// Reads the data of several metrics between two times, in one call per 100 metrics and page.
///
/// # Errors
/// As [`read_every`].
pub async fn read(
    client: &aws_sdk_cloudwatch::Client,
    queries: &[Query<'_>],
    from: Millis,
    until: Millis,
) -> Result<Readings, Error> {
    read_every(client, queries, PERIOD_SECONDS, from, until).await
}

/// The same for periods of so many seconds. Minutes are kept for 15 days, five minutes for 63.
///
/// # Errors
/// As [`failure::of_sdk`]; `Ops.DataUnavailable` when CloudWatch could not answer in full. A metric without data is an
/// empty series, no error.
pub async fn read_every(
    client: &aws_sdk_cloudwatch::Client,
    queries: &[Query<'_>],
    period_seconds: i32,
    from: Millis,
    until: Millis,
) -> Result<Readings, Error> {
    let mut readings = Readings::default();
    if queries.is_empty() {
        return Ok(readings);
    }
    let mut points: Vec<Vec<(Millis, f64)>> = vec![Vec::new(); queries.len()];
    let asked: Vec<_> = queries.iter().map(|query| data_query(query, period_seconds)).collect();
    let mut next = None;
    loop {
        let request = client
            .get_metric_data()
            .set_metric_data_queries(Some(asked.clone()))
            .start_time(DateTime::from_millis(from))
            .end_time(DateTime::from_millis(until))
            .scan_by(ScanBy::TimestampAscending)
            .set_next_token(next);
        let page = request.send().await.map_err(|error| failure::of_sdk("cloudwatch:GetMetricData", &error))?;
        next = page.next_token().map(str::to_owned);
        for result in page.metric_data_results() {
            complete(result, next.is_some())?;
            let Some(index) = queries.iter().position(|query| Some(query.id) == result.id()) else { continue };
            let pairs = result.timestamps().iter().zip(result.values());
            points[index].extend(pairs.filter_map(|(at, value)| Some((at.to_millis().ok()?, *value))));
        }
        if next.is_none() {
            break;
        }
    }
    for (query, points) in queries.iter().zip(points) {
        readings.insert(query.id, Series::new(points));
    }
    Ok(readings)
}

/// A result may say that it is not all there is: the rest is on the next page, or missing.
fn complete(result: &aws_sdk_cloudwatch::types::MetricDataResult, more: bool) -> Result<(), Error> {
    let problem = match result.status_code() {
        Some(StatusCode::PartialData) if !more => "only a part of the data",
        Some(StatusCode::InternalError) => "an internal error",
        Some(StatusCode::Forbidden) => "that it may not be read",
        _ => return Ok(()),
    };
    let id = result.id().unwrap_or_default();
    let message = format!("cloudwatch:GetMetricData answered {problem} for {id}: ask again");
    Err(Error::new(Kind::DataUnavailable, message))
}

fn data_query(query: &Query<'_>, period_seconds: i32) -> MetricDataQuery {
    let dimension = |(name, value): &(&str, String)| Dimension::builder().name(*name).value(value).build();
    let metric = Metric::builder()
        .namespace(query.namespace)
        .metric_name(query.name)
        .set_dimensions(Some(query.dimensions.iter().map(dimension).collect()))
        .build();
    let statistic = MetricStat::builder().metric(metric).period(period_seconds).stat(query.statistic).build();
    MetricDataQuery::builder().id(query.id).metric_stat(statistic).return_data(true).build()
}
