//! CloudWatch metrics.

use crate::failure;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat};
use aws_smithy_types::DateTime;
use operations::Error;
use operations::metrics::{PERIOD_SECONDS, Query, Readings, Series};
use operations::time::Millis;

/// Reads the data of several metrics between two times, in one call per 100 metrics and page.
///
/// # Errors
/// As [`failure::of_sdk`]. A metric without data is an empty series, no error.
pub async fn read(
    client: &aws_sdk_cloudwatch::Client,
    queries: &[Query],
    from: Millis,
    until: Millis,
) -> Result<Readings, Error> {
    let mut readings = Readings::default();
    if queries.is_empty() {
        return Ok(readings);
    }
    let mut points: Vec<Vec<(Millis, f64)>> = vec![Vec::new(); queries.len()];
    let asked: Vec<_> = queries.iter().map(data_query).collect();
    let mut next = None;
    loop {
        let request = client
            .get_metric_data()
            .set_metric_data_queries(Some(asked.clone()))
            .start_time(DateTime::from_millis(from))
            .end_time(DateTime::from_millis(until))
            .set_next_token(next);
        let page = request.send().await.map_err(|error| failure::of_sdk("cloudwatch:GetMetricData", &error))?;
        for result in page.metric_data_results() {
            let Some(index) = queries.iter().position(|query| Some(query.id) == result.id()) else { continue };
            let pairs = result.timestamps().iter().zip(result.values());
            points[index].extend(pairs.filter_map(|(at, value)| Some((at.to_millis().ok()?, *value))));
        }
        next = page.next_token().map(str::to_owned);
        if next.is_none() {
            break;
        }
    }
    for (query, points) in queries.iter().zip(points) {
        readings.insert(query.id, Series::new(points));
    }
    Ok(readings)
}

fn data_query(query: &Query) -> MetricDataQuery {
    let dimension = |(name, value): &(&str, String)| Dimension::builder().name(*name).value(value).build();
    let metric = Metric::builder()
        .namespace(query.namespace)
        .metric_name(query.name)
        .set_dimensions(Some(query.dimensions.iter().map(dimension).collect()))
        .build();
    let statistic = MetricStat::builder().metric(metric).period(PERIOD_SECONDS).stat(query.statistic).build();
    MetricDataQuery::builder().id(query.id).metric_stat(statistic).return_data(true).build()
}
