//! Activity worker `load-replayer`: replays the load of past days with the current and with proposed settings, and says
//! whether the proposed ones would have been better.
//!
//! Reading weeks of minutes and going through them takes longer than a function may; and whoever waits sees how far it
//! is. What is decided is in `operations::scaling::gate`.

mod request;

use crate::request::Request;
use clients::read::history;
use clients::{Clock, Environment};
use operations::Error;
use operations::history::DAY_MS;
use operations::price::{Prices, Rate};
use operations::proposal::Settings;
use operations::scaling::demand::Demand;
use operations::scaling::effectiveness::Record;
use operations::scaling::gate::{Replay, Run, Runs};
use operations::scaling::load::{self, Load};
use operations::scaling::simulator::Simulator;
use serde_json::Value;
use worker_kit::{Activity, Task};

/// Minutes of a day.
const DAY: usize = 1_440;

/// The activity.
#[derive(Debug, Clone)]
pub struct LoadReplayer {
    environment: Environment,
    clock: Clock,
    metrics: aws_sdk_cloudwatch::Client,
}

impl LoadReplayer {
    /// The activity with its client.
    pub fn new(aws: &aws_types::SdkConfig, environment: Environment, clock: Clock) -> Self {
        Self { environment, clock, metrics: aws_sdk_cloudwatch::Client::new(aws) }
    }

    async fn replay(&self, request: &Request, task: &Task) -> Result<Value, Error> {
        let service = request.entry.service()?;
        let cluster = self.environment.cluster(service)?;
        let until = load::whole_minute(request.at);
        let since = until - i64::from(request.days) * DAY_MS;
        let queries = load::queries(&cluster, &service.service);
        let histories = history::read(&self.metrics, &queries, 60, since, until).await?;
        task.beat();
        let load = Load::of(|id| histories.get(id));
        let own = self.environment.get("AWS_REGION").unwrap_or_default();
        let rate = Prices::built_in()?.at_most(&request.entry.arn, own)?;
        let mut replay = replay(request, &load, rate, task).await?;
        replay.reasons.extend(histories.partial);
        Ok(replay.to_json())
    }
}

/// Replays a load with both settings, a day at a time.
async fn replay(request: &Request, load: &Load, rate: Rate, task: &Task) -> Result<Replay, Error> {
    let (current, proposed) = (&request.current, &request.proposed);
    let demand = load.demand(current.cpu_units)?;
    let observed = load.record(&demand, current);
    let effectiveness = load.effectiveness(&observed, current, &[]);
    let lag = effectiveness.start_lag();
    let start = demand.history().start();
    let mut sides =
        [(current, Simulator::new(current, lag, start)?), (proposed, Simulator::new(proposed, lag, start)?)];
    let demands = [demand.in_tasks_of(current.cpu_units), demand.in_tasks_of(proposed.cpu_units)];
    for day in 0..demand.history().len().div_ceil(DAY) {
        for ((_, simulator), demand) in sides.iter_mut().zip(&demands) {
            advance(simulator, demand, day);
        }
        task.beat();
        tracing::info!(target = request.entry.catalog_id, day = day + 1, days = request.days, "replayed");
        // The heartbeat is sent while nothing is computed.
        tokio::task::yield_now().await;
    }
    let [current, proposed] = sides.map(|(settings, simulator)| (settings, simulator.finish()));
    let runs = Runs { current: run(&current, rate), proposed: run(&proposed, rate) };
    let stats = effectiveness.stats;
    Ok(Replay::of(&demand, &runs, request.capacity, &stats, request.at))
}

/// A simulation at the price of its tasks.
fn run<'a>((settings, record): &'a (&Settings, Record), rate: Rate) -> Run<'a> {
    let price_per_task_hour = rate.hour(settings.cpu_units, settings.memory_mib);
    Run { settings, record, price_per_task_hour }
}

/// Simulates one day.
fn advance(simulator: &mut Simulator, demand: &Demand, day: usize) {
    let history = demand.history();
    let minutes = day * DAY..((day + 1) * DAY).min(history.len());
    for minute in minutes {
        simulator.minute(history.at(minute), history.values()[minute]);
    }
}

impl Activity for LoadReplayer {
    async fn run(&self, input: Value, task: &Task) -> Result<Value, Error> {
        let request = Request::parse(&input, self.clock.now())?;
        self.replay(&request, task).await
    }
}

#[cfg(test)]
mod tests;
