//! What a change has saved.

use crate::CostOptimizationAnalyzer;
use crate::request::{self, Request};
use clients::read::history::{self, Histories};
use operations::Error;
use operations::cost::realised::{self, Realised, Time};
use operations::cost::retention;
use operations::error::Kind;
use operations::history::{DAY_MS, HOUR_MS};
use operations::metrics::Query;
use operations::price::Prices;
use operations::proposal::{Kind as Change, Proposal};
use operations::snapshot::Evidence;
use operations::time::Millis;
use serde_json::{Value, json};

/// How long the time before and the time after are, at most.
const TIME_MS: Millis = 14 * DAY_MS;
/// The least time after a change that says anything.
const LEAST_MS: Millis = DAY_MS;
/// The time in which a change takes effect, which is looked at in neither.
const CHANGE_MS: Millis = HOUR_MS;
/// The periods of metrics, in seconds: four weeks are not kept in shorter ones.
const PERIOD: u32 = 300;
/// Bytes of a GB.
const GB: f64 = 1_073_741_824.0;

impl CostOptimizationAnalyzer {
    /// Measures what a change has saved since it was made.
    pub(crate) async fn measure(&self, payload: &Value, request: &Request) -> Result<Value, Error> {
        let proposal = Proposal::of_payload(payload)?;
        let acted = request::time_of(payload, "actedAt")?;
        let acted =
            acted.ok_or_else(|| Error::new(Kind::InvalidInput, "actedAt is missing: pass the time of the change"))?;
        if request.at - acted < LEAST_MS {
            let message = "the change was made less than a day ago: measure it after two weeks";
            return Err(Error::new(Kind::InsufficientSamples, message));
        }
        let (realised, evidence, partial) = match proposal.kind {
            Change::Retention => self.measure_retention(&proposal, request).await?,
            _ => self.measure_tasks(&proposal, request, acted).await?,
        };
        let mut answer = json!(realised);
        answer["evidence"] = json!(evidence);
        answer["partial"] = json!(partial);
        Ok(answer)
    }

    async fn measure_tasks(
        &self,
        proposal: &Proposal,
        request: &Request,
        acted: Millis,
    ) -> Result<(Realised, Vec<Evidence>, Vec<String>), Error> {
        let service = self.service(request).await?;
        let architecture = self.document(&service.world.task_definition).await?.architecture()?;
        let prices = Prices::built_in()?;
        let rate = prices.fargate(&request.region, architecture)?;
        let until = request.at.min(acted + CHANGE_MS + TIME_MS);
        let read = history::read(&self.metrics, &queries(request)?, PERIOD, acted - TIME_MS, until).await?;
        let (before, after) = (time(&read, acted - TIME_MS, acted), time(&read, acted + CHANGE_MS, until));
        let realised = realised::measure(proposal, &before, &after, &rate)?;
        let mean = |time: &Time| time.running.mean().unwrap_or(0.0);
        let evidence = vec![
            Evidence::metric("running tasks before the change, mean", mean(&before), acted),
            Evidence::metric("running tasks since, mean", mean(&after), request.at),
            Evidence::api("operations price data", json!(prices.provenance()), request.at),
        ];
        let mut partial = read.partial.clone();
        partial.extend(prices.notices(request.at));
        Ok((realised, evidence, partial))
    }

    /// What a retention has saved: what is stored less, at the price of storage.
    async fn measure_retention(
        &self,
        proposal: &Proposal,
        request: &Request,
    ) -> Result<(Realised, Vec<Evidence>, Vec<String>), Error> {
        let (group, _) = retention::state("proposal.current", &proposal.current)?;
        let before = proposal.current["storedBytes"].as_f64();
        let before = before.ok_or_else(|| {
            Error::new(Kind::InvalidInput, "proposal.current.storedBytes is missing: pass the proposal unchanged")
        })?;
        let prices = Prices::built_in()?;
        let other = prices.other(&request.region).ok_or_else(|| {
            let message = format!("no price of stored logs in {} is known: add it to prices.json", request.region);
            Error::new(Kind::ConfigInvalid, message)
        })?;
        let now = self.group(&group).await?.stored;
        let saved = (before - now) / GB * other.log_gb_month;
        let reasons = vec![format!("{group} held {:.1} GB and holds {:.1} GB", before / GB, now / GB)];
        let evidence = vec![Evidence::api("logs:DescribeLogGroups storedBytes", json!(now), request.at)];
        Ok((Realised::of(proposal.saving_per_month, saved, reasons), evidence, prices.notices(request.at)))
    }
}

fn queries(request: &Request) -> Result<[Query<'static>; 3], Error> {
    let own = [("ClusterName", request.cluster.clone()), ("ServiceName", request.service()?.service.clone())];
    let query = |id, namespace, name, statistic| Query { id, namespace, name, dimensions: own.to_vec(), statistic };
    Ok([
        query("cpu", "AWS/ECS", "CPUUtilization", "Average"),
        query("running", "ECS/ContainerInsights", "RunningTaskCount", "Average"),
        query("samples", "AWS/ECS", "CPUUtilization", "SampleCount"),
    ])
}

/// A part of the time; without Container Insights as many tasks ran as sent samples.
fn time(read: &Histories, from: Millis, until: Millis) -> Time {
    let running = read.get("running").between(from, until);
    let samples = read.get("samples");
    let minutes = f64::from(samples.period_seconds()) / 60.0;
    let counted = || samples.between(from, until).map(|samples| samples / minutes);
    let running = if running.coverage() > 0.0 { running } else { counted() };
    Time { cpu_mean: read.get("cpu").between(from, until), running }
}
