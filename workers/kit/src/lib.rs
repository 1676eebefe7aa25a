//! What every activity worker shares: it polls for tasks, sends heartbeats while they run, reports how they went,
//! and hands them back when it is asked to end.

mod conversation;
pub mod worker;

pub use worker::{Activity, Config, Place, Task, Worker};

/// Completes when the process is asked to end: SIGTERM or SIGINT.
pub async fn asked_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    let wait = async |kind: SignalKind| match signal(kind) {
        Ok(mut signals) => {
            signals.recv().await;
        }
        Err(error) => {
            tracing::error!(%error, "a signal cannot be waited for: the worker ends only when it is killed");
            std::future::pending().await
        }
    };
    tokio::select! {
        () = wait(SignalKind::terminate()) => {}
        () = wait(SignalKind::interrupt()) => {}
    }
}
