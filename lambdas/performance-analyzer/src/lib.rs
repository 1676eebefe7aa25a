//! `performance-analyzer`: what is wrong with a service's performance, how good is it, where does it develop; and was a
//! change that was applied good? It reads, and changes nothing.

mod judge;
mod observe;
mod outlook;
mod queries;
mod request;
mod tasks;

use clients::read::history;
use lambda_kit::metric::{self, Subject};
use lambda_kit::{Function, Invocation, Services};
use observe::Read;
use operations::Error;
use operations::error::Kind;
use operations::history::{DAY_MS, WEEK_MS};
use operations::performance::score::{Score, score};
use operations::performance::{Finding, Observed, findings, trends};
use operations::snapshot::Evidence;
use operations::time::Millis;
use queries::Queries;
use request::Request;
use serde_json::{Value, json};

/// How far back most is read, and in which periods (seconds).
const PERIODS: (Millis, u32) = (14 * DAY_MS, 300);
/// The same for starts.
const STARTS: (Millis, u32) = (WEEK_MS, 60);
/// The same for trends.
const WEEKS: (Millis, u32) = (28 * DAY_MS, 3_600);
/// The same for tasks one by one: there are many, and five minutes show which of them do more than their share.
const TASKS: (Millis, u32) = (DAY_MS, 300);
/// The most tasks that are looked at one by one.
const MOST_TASKS: usize = 50;

/// The function.
#[derive(Debug, Clone)]
pub struct PerformanceAnalyzer {
    services: Services,
    ecs: aws_sdk_ecs::Client,
    metrics: aws_sdk_cloudwatch::Client,
}

impl PerformanceAnalyzer {
    /// The function with its clients.
    pub fn new(services: Services) -> Self {
        Self {
            ecs: aws_sdk_ecs::Client::new(&services.aws),
            metrics: aws_sdk_cloudwatch::Client::new(&services.aws),
            services,
        }
    }

    fn request(&self, payload: &Value) -> Result<Request, Error> {
        Request::parse(payload, &self.services.environment, self.services.clock.now())
    }

    async fn analyse(&self, payload: &Value) -> Result<Value, Error> {
        let request = self.request(payload)?;
        let queries = Queries::of(&request);
        let mut known = tasks::read(&self.ecs, &request.cluster, &request.service).await?;
        let left_out = known.tasks.len().saturating_sub(MOST_TASKS);
        known.tasks.truncate(MOST_TASKS);
        let read = self.read(&request, &queries, &known.tasks).await?;
        let (observed, mut partial) = observe::observed(&request, &queries, &read, known);
        if left_out > 0 {
            partial.push(format!("{left_out} tasks more than {MOST_TASKS} run: imbalance is judged without them"));
        }
        let (found, scored) = (findings(&observed), score(&observed));
        emit(&request, &found, &scored);
        Ok(answer(&request, &observed, &found, &scored, partial))
    }

    /// Reads all metrics at once.
    async fn read(&self, request: &Request, queries: &Queries, tasks: &[String]) -> Result<Read, Error> {
        let names = observe::task_ids(tasks.len());
        let (periods, starts, weeks, tasks) =
            (queries.periods(), queries.starts(), queries.weeks(), queries.tasks(&names, tasks));
        let one = |asked, (back, period): (Millis, u32)| {
            let until = latest(request.at, period);
            history::read(&self.metrics, asked, period, until - back, until)
        };
        let (periods, starts, weeks, tasks) =
            tokio::try_join!(one(&periods, PERIODS), one(&starts, STARTS), one(&weeks, WEEKS), one(&tasks, TASKS),)?;
        Ok(Read { periods, starts, weeks, tasks })
    }
}

/// The end of the newest whole period that CloudWatch does not fill any more: its latest minute is left out.
pub(crate) fn latest(at: Millis, period_seconds: u32) -> Millis {
    let period = i64::from(period_seconds) * 1_000;
    (at - 60_000).div_euclid(period) * period
}

fn answer(
    request: &Request,
    observed: &Observed,
    findings: &[Finding],
    scored: &Score,
    mut partial: Vec<String>,
) -> Value {
    let outlook = outlook::outlook(observed);
    partial.extend(outlook.as_ref().err().map(|reason| format!("no forecast: {reason}")));
    json!({
        "target": request.entry.catalog_id,
        "at": request.at,
        "summary": summary(&request.service, findings, scored),
        "score": scored.score,
        "penalties": scored.penalties,
        "coverage": scored.coverage,
        "findings": findings,
        "trends": trends::trends(observed),
        "forecast": outlook.ok(),
        "partial": partial,
        "evidence": evidence(observed),
    })
}

/// One line a person reads.
fn summary(service: &str, findings: &[Finding], scored: &Score) -> String {
    let score = match scored.score {
        Some(score) => format!("score {score} of 100"),
        None => format!("no score: only {} % of the data are known", (100.0 * scored.coverage).round()),
    };
    let names: Vec<&str> = findings.iter().map(|finding| finding.rule.name()).collect();
    let found = if names.is_empty() { "nothing found".to_owned() } else { names.join(", ") };
    format!("{service}: {score}; {found}")
}

/// The figures that describe the two weeks.
fn evidence(observed: &Observed) -> Vec<Evidence> {
    let figures = [
        ("AWS/ECS CPUUtilization, p95 of 14 days, %", observed.cpu.percentile(95.0)),
        ("AWS/ECS MemoryUtilization Maximum, p95 of 14 days, %", observed.memory.percentile(95.0)),
        ("AWS/ApplicationELB TargetResponseTime p50, median of 14 days, ms", observed.latency.p50.percentile(50.0)),
        ("AWS/ApplicationELB TargetResponseTime p95, p95 of 14 days, ms", observed.latency.p95.percentile(95.0)),
        ("AWS/ApplicationELB TargetResponseTime p99, p95 of 14 days, ms", observed.latency.p99.percentile(95.0)),
        ("AWS/ApplicationELB 5XX of RequestCount, %", observed.error_percent()),
        ("ECS/ContainerInsights RunningTaskCount, mean", observed.running.mean()),
    ];
    let known = figures.into_iter().filter_map(|(name, value)| Some((name, value?)));
    known.map(|(name, value)| Evidence::metric(name, value, observed.at)).collect()
}

fn emit(request: &Request, findings: &[Finding], scored: &Score) {
    let environment = request.entry.environment.as_str();
    let subject = Subject { environment, workflow: "optimization", target: &request.entry.catalog_id };
    let mut measures = vec![("FindingsOpen", "Count", findings.len() as f64)];
    measures.extend(scored.score.map(|score| ("PerformanceScore", "None", score)));
    metric::emit(request.at, subject, &measures);
}

impl Function for PerformanceAnalyzer {
    async fn call(&self, event: Value, _: Invocation) -> Result<Value, Error> {
        match event.get("operation").filter(|operation| !operation.is_null()) {
            None => self.analyse(&event).await,
            Some(operation) if operation == "analyse" => self.analyse(&event).await,
            Some(operation) if operation == "judge" => self.judge(&event).await,
            Some(_) => Err(Error::new(Kind::InvalidInput, "operation must be one of analyse, judge")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_minute_is_left_out() {
        assert_eq!(latest(600_000, 300), 300_000);
        assert_eq!(latest(660_000, 300), 600_000);
        assert_eq!(latest(659_999, 60), 540_000);
    }

    #[test]
    fn without_data_there_is_no_score_and_the_summary_says_so() {
        let observed = Observed::default();
        let (found, scored) = (findings(&observed), score(&observed));
        assert_eq!(summary("api", &found, &scored), "api: no score: only 0 % of the data are known; nothing found");
        assert!(evidence(&observed).is_empty());
    }
}
