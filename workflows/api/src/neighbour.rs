//! Another API at the same address: one endpoint serves all, and none knows the wire of another.

use std::pin::Pin;

use bytes::Bytes;
use http::Response;
use http::request::Parts;

/// An answer on its way.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Response<Bytes>> + Send + 'a>>;

/// Another API. Its requests have the server's limits, and all of them pass the server's gate: none may take long.
pub trait Neighbour: std::fmt::Debug + Send + Sync {
    /// Whether a request is for this API, by its head.
    fn takes(&self, head: &Parts) -> bool;

    /// Answers a request with its whole body.
    fn answer(&self, head: Parts, body: Bytes) -> Answering<'_>;
}
