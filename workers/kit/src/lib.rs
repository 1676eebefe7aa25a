//! What every activity worker shares: it polls for tasks, sends heartbeats while they run, reports how they went,
//! and hands them back when it is asked to end.

mod conversation;
pub mod process;
pub mod worker;

use clients::Environment;

pub use worker::{Activity, Config, Place, Task, Worker};

/// Completes when the process is asked to end: SIGTERM, SIGINT, or, where `WORKER_ENDS_WITH_STDIN` is set, the end of
/// its standard input, which a local stack holds open for as long as it lives.
pub async fn asked_to_end(environment: &Environment) {
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
    let tied = environment.get("WORKER_ENDS_WITH_STDIN").is_some();
    tokio::select! {
        () = wait(SignalKind::terminate()) => {}
        () = wait(SignalKind::interrupt()) => {}
        () = end_of_input(), if tied => {}
    }
}

/// Completes when standard input ends. A thread of its own reads it: nothing else can wait for a pipe of any kind.
async fn end_of_input() {
    let (ended, end) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // However it ends, it has ended.
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = ended.send(());
    });
    let _ = end.await;
}
