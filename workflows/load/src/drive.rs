//! Clients that each wait for one operation before they begin the next.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::clock;
use crate::failure::{During, Failure};
use crate::sample::Sample;

/// When to stop: whichever comes first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Until {
    pub(crate) time: Duration,
    pub(crate) operations: usize,
}

impl Until {
    /// Exactly so many, however long they take.
    pub(crate) const fn operations(operations: usize) -> Self {
        Self { time: Duration::MAX, operations }
    }

    /// As many as there is time for.
    pub(crate) const fn time(time: Duration) -> Self {
        Self { time, operations: usize::MAX }
    }
}

/// What came out.
#[derive(Debug)]
pub(crate) struct Drive {
    pub(crate) took: Duration,
    /// One per operation.
    pub(crate) sample: Sample,
}

impl Drive {
    /// Operations per second.
    pub(crate) fn rate(&self) -> f64 {
        self.sample.len() as f64 / self.took.as_secs_f64()
    }
}

/// Runs `operation`, which gets its number, from `clients` clients at once. The first failure ends it: a server that
/// fails some of its calls is not a fast one.
pub(crate) async fn closed<F, O>(clients: usize, until: Until, operation: F) -> Result<Drive, Failure>
where
    F: Fn(usize) -> O + Send + Sync + 'static,
    O: Future<Output = Result<(), Failure>> + Send + 'static,
{
    let (operation, next, begin) = (Arc::new(operation), Arc::new(AtomicUsize::new(0)), clock::now());
    let mut running = JoinSet::new();
    for _ in 0..clients {
        let (operation, next) = (Arc::clone(&operation), Arc::clone(&next));
        running.spawn(async move {
            let mut millis = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= until.operations || begin.elapsed() >= until.time {
                    return Ok::<_, Failure>(millis);
                }
                let one = clock::now();
                operation(number).await?;
                millis.push(one.millis());
            }
        });
    }
    let mut millis = Vec::new();
    while let Some(client) = running.join_next().await {
        millis.extend(client.during(|| "a client".to_owned())??);
    }
    Ok(Drive { took: begin.elapsed(), sample: Sample::new(millis) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_operation_runs_once() {
        let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
        let note = Arc::clone(&seen);
        let operation = move |number| {
            note.lock().unwrap().push(number);
            std::future::ready(Ok(()))
        };
        let drive = closed(3, Until::operations(10), operation).await.unwrap();
        assert_eq!(drive.sample.len(), 10);
        seen.lock().unwrap().sort_unstable();
        assert_eq!(*seen.lock().unwrap(), (0..10).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_failure_ends_it() {
        let operation = |number| std::future::ready(if number == 5 { Err(Failure::new("wrong")) } else { Ok(()) });
        assert_eq!(closed(2, Until::operations(100), operation).await.unwrap_err(), Failure::new("wrong"));
    }
}
