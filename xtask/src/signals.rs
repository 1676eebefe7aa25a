//! Ctrl-C and its kin: stop what was started, then end.

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

/// Listens for SIGINT, SIGTERM and SIGHUP from now on.
pub(crate) fn watch() {
    std::thread::spawn(|| {
        let Ok(runtime) = Builder::new_current_thread().enable_io().build() else {
            eprintln!("warning: Ctrl-C will not stop what is started");
            return;
        };
        let number = runtime.block_on(first());
        eprintln!("\nstopping what was started");
        crate::process::stop_all();
        std::process::exit(128 + number);
    });
}

/// The number of the first signal.
async fn first() -> i32 {
    let streams = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()), signal(SignalKind::hangup()));
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) = streams else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => SignalKind::interrupt().as_raw_value(),
        _ = terminate.recv() => SignalKind::terminate().as_raw_value(),
        _ = hangup.recv() => SignalKind::hangup().as_raw_value(),
    }
}
