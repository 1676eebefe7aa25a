//! Bodies of requests, within bounds of size and time.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::Extensions;
use http_body_util::BodyExt as _;
use hyper::body::Body;

use crate::connections::Seat;

/// How much more than its limit is read of a body, before its connection is closed: most clients read no answer before
/// they have sent everything.
const DISCARDED: usize = 24;

/// What a request knows of its connection.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) seat: Arc<Seat>,
    /// How long the body may take.
    pub(crate) time: Duration,
}

/// Why a body was not read.
#[derive(Debug, PartialEq, Eq)]
pub enum Unread {
    /// It is longer than allowed.
    TooLong,
    /// It did not come within this time.
    Late(Duration),
    /// The connection broke, in these words.
    Broken(String),
}

/// Reads a body of at most `limit` bytes in the time that the listener gives it. With the extensions of a request that
/// [`serve`](crate::serve()) has received, its connection counts as being answered from then on.
///
/// # Errors
/// The body is too long, late, or broke off.
pub async fn receive<B>(extensions: &Extensions, body: B, limit: usize) -> Result<Bytes, Unread>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let arrival = extensions.get::<Arrival>();
    let time = arrival.map_or(Duration::MAX, |arrival| arrival.time);
    let read = match tokio::time::timeout(time, read(body, limit)).await {
        Ok(Ok(Some(body))) => Ok(body),
        Ok(Ok(None)) => Err(Unread::TooLong),
        Ok(Err(error)) => Err(Unread::Broken(error.to_string())),
        Err(_) => Err(Unread::Late(time)),
    };
    if let Some(arrival) = arrival
        && read.is_ok()
    {
        arrival.seat.busy();
    }
    read
}

/// The whole body; `None` where it is too long. What is too much is read and let go, up to a bound.
async fn read<B>(body: B, limit: usize) -> Result<Option<Bytes>, Box<dyn std::error::Error + Send + Sync>>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (mut body, mut kept, mut received) = (std::pin::pin!(body), BytesMut::new(), 0_usize);
    while let Some(frame) = body.frame().await {
        let Ok(mut data) = frame.map_err(Into::into)?.into_data() else { continue };
        received = received.saturating_add(data.remaining());
        if received > limit.saturating_mul(DISCARDED) {
            break;
        }
        if received > limit {
            kept = BytesMut::new();
        } else {
            kept.put(&mut data);
        }
    }
    Ok((received <= limit).then(|| kept.freeze()))
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit() {
        let body = |length: usize| Full::new(Bytes::from(vec![b'x'; length]));
        let extensions = Extensions::new();
        assert_eq!(receive(&extensions, body(10), 10).await.unwrap().len(), 10);
        assert_eq!(receive(&extensions, body(11), 10).await.unwrap_err(), Unread::TooLong);
        assert_eq!(receive(&extensions, body(10_000), 10).await.unwrap_err(), Unread::TooLong);
    }
}
