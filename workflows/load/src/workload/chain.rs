//! W1 and W2: ten Pass states, asked for or waited for.

use serde_json::json;

use super::one;
use crate::bench::{Bench, checked};
use crate::client::output;
use crate::definition;
use crate::drive::{Drive, Until, closed};
use crate::failure::Failure;

const STATES: usize = 10;
/// Before anything is counted: connections, caches.
const WARM: usize = 20;

/// W1.
pub(super) async fn polled(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let machine = bench.client.create("chain", &definition::chain(STATES), false).await?;
    let input = json!({"n": 1});
    bench.run(&machine, &input, 1, Until::operations(WARM), one).await?;
    for clients in bench.size.clients.clone() {
        let before = bench.process.cpu()?;
        let drive = bench.run(&machine, &input, clients, Until::time(bench.size.time), one).await?;
        note(bench, "w1", clients, &drive, before)?;
    }
    Ok(())
}

/// W2.
pub(super) async fn synchronous(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let machine = bench.client.create("chain-express", &definition::chain(STATES), true).await?;
    for (clients, warm) in [(1, true)].into_iter().chain(bench.size.clients.iter().map(|clients| (*clients, false))) {
        let client = bench.client.clone();
        let body = json!({"stateMachineArn": machine, "input": json!({"n": 1}).to_string()});
        let operation = move |_| {
            let (client, body) = (client.clone(), body.clone());
            async move { checked(&output(&client.call("StartSyncExecution", &body).await?)?, one) }
        };
        let before = bench.process.cpu()?;
        let until = if warm { Until::operations(WARM) } else { Until::time(bench.size.time) };
        let drive = closed(clients, until, operation).await?;
        if !warm {
            note(bench, "w2", clients, &drive, before)?;
        }
    }
    Ok(())
}

/// Rates, latencies, and the server's processor time per execution in microseconds.
fn note(bench: &mut Bench<'_>, name: &str, clients: usize, drive: &Drive, before: f64) -> Result<(), Failure> {
    bench.drive(name, &clients.to_string(), drive);
    let used = bench.process.cpu()? - before;
    bench.figure(&format!("{name}.cpu.{clients}"), used * 1e6 / drive.sample.len() as f64);
    Ok(())
}
