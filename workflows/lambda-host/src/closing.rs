//! How every part of the host learns that it is being shut down.

use tokio::sync::watch;

/// One listener of the shutdown.
#[derive(Debug, Clone)]
pub(crate) struct Closing(watch::Receiver<bool>);

impl Closing {
    /// The two ends: send `true` to shut down; dropping the sender does the same.
    pub(crate) fn channel() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// The channel itself: it turns true.
    pub(crate) fn channel_end(&self) -> watch::Receiver<bool> {
        self.0.clone()
    }

    /// Returns when the shutdown has begun. Cancel safe.
    pub(crate) async fn begun(&mut self) {
        let _ = self.0.wait_for(|closing| *closing).await;
    }
}
