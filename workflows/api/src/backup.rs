//! `POST /_stepwright/backup`: everything that is kept, as one stream. No operation of AWS's: only from this machine, and
//! signed where requests must be.

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use engine::{BackupError, Engine};
use http::header::{CONTENT_TYPE, HeaderValue, ORIGIN};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use listener::{Keys, Scope};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::request::SIGNING_NAME;

/// Where it is asked for.
const PATH: &str = "/_stepwright/backup";
/// Pieces between the store and the connection: a slow caller slows the reading, and nothing piles up.
const PIECES: usize = 4;

/// The body of an answer: there as a whole, or coming piece by piece.
pub(crate) enum Answer {
    Whole(Full<Bytes>),
    Pieces(Receiver<Result<Bytes, BackupError>>),
}

impl Body for Answer {
    type Data = Bytes;
    type Error = BackupError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BackupError>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body).poll_frame(context).map_err(|never| match never {}),
            Self::Pieces(pieces) => pieces.poll_recv(context).map(|piece| Some(piece?.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(body) if body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Pieces(_) => SizeHint::default(),
        }
    }
}

/// Answers a request for a backup that comes from `peer`, signed with one of `keys`; hands back every other.
pub(crate) fn answer<B>(
    engine: &Engine,
    keys: Option<&Keys>,
    peer: Option<SocketAddr>,
    request: Request<B>,
) -> ControlFlow<Response<Answer>, Request<B>> {
    if request.uri().path() != PATH {
        return ControlFlow::Continue(request);
    }
    let refused = |status, message: &str| {
        let mut response = Response::new(Answer::Whole(Full::from(format!("{message}\n"))));
        *response.status_mut() = status;
        ControlFlow::Break(response)
    };
    if request.method() != Method::POST {
        return refused(StatusCode::METHOD_NOT_ALLOWED, "a backup is asked for with POST");
    }
    if !peer.is_some_and(|peer| peer.ip().to_canonical().is_loopback()) {
        return refused(StatusCode::FORBIDDEN, "a backup is given to callers on the server's own machine only");
    }
    let (head, _) = request.into_parts();
    let scope = Scope { region: &engine.config().region, service: Some(SIGNING_NAME) };
    if let Some(Err(unsigned)) = keys.map(|keys| keys.check(&head, b"", scope)) {
        return refused(StatusCode::FORBIDDEN, &unsigned.message);
    }
    if head.headers.contains_key(ORIGIN) {
        return refused(StatusCode::FORBIDDEN, "a backup is not given to web pages");
    }
    let (sender, pieces) = channel(PIECES);
    let engine = engine.clone();
    tokio::task::spawn_blocking(move || send(&engine, &sender));
    let mut response = Response::new(Answer::Pieces(pieces));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    ControlFlow::Break(response)
}

fn send(engine: &Engine, sender: &Sender<Result<Bytes, BackupError>>) {
    let sent = engine.backup(&mut |piece| sender.blocking_send(Ok(Bytes::from(piece))).map_err(|_| BackupError::Gone));
    match sent {
        Ok(contents) => tracing::info!(?contents, "backed up"),
        Err(error) => {
            tracing::error!(%error, "a backup has failed");
            // The stream breaks off without its end; nobody may be there to see it.
            let _ = sender.blocking_send(Err(error));
        }
    }
}
