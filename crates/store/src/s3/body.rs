//! Bodies on the wire: outgoing ones are cut small, paced and watched; incoming ones may not stall.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use object_store::client::{HttpError, HttpErrorKind};
use tokio::time::{Instant, Sleep};

use super::pace::Pace;

/// Outgoing bytes are handed over in pieces of this size: what the pace and the watch go by.
const PIECE_BYTES: usize = 16 * 1024;

/// Nothing moved for too long.
#[derive(Debug, thiserror::Error)]
#[error("nothing moved for {} s", limit.as_secs())]
pub(super) struct Stalled {
    pub(super) limit: Duration,
}

impl Stalled {
    pub(super) fn error(limit: Duration) -> HttpError {
        HttpError::new(HttpErrorKind::Timeout, Self { limit })
    }
}

/// When something last moved, and whether all of an outgoing body has been handed over.
#[derive(Debug)]
pub(super) struct Progress {
    moved_at: Mutex<Instant>,
    sent: AtomicBool,
}

impl Progress {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { moved_at: Mutex::new(Instant::now()), sent: AtomicBool::new(false) })
    }

    fn moved(&self) {
        *self.moved_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn moved_at(&self) -> Instant {
        *self.moved_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when nothing has moved for `limit`, or, once the whole body has been handed over, for `limit` and
    /// `drain`: what the machine still holds in its own buffers takes its time on a slow line.
    pub(super) async fn stalled(&self, limit: Duration, drain: Duration) {
        loop {
            let more = if self.sent.load(Ordering::Relaxed) { drain } else { Duration::ZERO };
            let deadline = self.moved_at() + limit + more;
            if deadline <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(deadline).await;
        }
    }
}

/// An outgoing body.
pub(super) struct OutgoingBody {
    bytes: Bytes,
    pace: Option<Arc<Pace>>,
    progress: Arc<Progress>,
    wait: Option<Pin<Box<Sleep>>>,
}

impl OutgoingBody {
    pub(super) fn new(bytes: Bytes, pace: Option<Arc<Pace>>, progress: Arc<Progress>) -> Self {
        progress.sent.store(bytes.is_empty(), Ordering::Relaxed);
        Self { bytes, pace, progress, wait: None }
    }
}

impl Body for OutgoingBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        if this.bytes.is_empty() {
            return Poll::Ready(None);
        }
        let length = this.bytes.len().min(PIECE_BYTES);
        if let Some(pace) = &this.pace {
            let wait =
                this.wait.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(pace.reserve(length))));
            ready!(wait.as_mut().poll(context));
            this.wait = None;
        }
        this.progress.moved();
        let piece = this.bytes.split_to(length);
        this.progress.sent.store(this.bytes.is_empty(), Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.len() as u64)
    }
}

/// An incoming body that fails when nothing comes for `limit`.
pub(super) struct IncomingBody {
    inner: reqwest::Body,
    limit: Duration,
    deadline: Pin<Box<Sleep>>,
}

impl IncomingBody {
    pub(super) fn new(inner: reqwest::Body, limit: Duration) -> Self {
        Self { inner, limit, deadline: Box::pin(tokio::time::sleep(limit)) }
    }

    /// The next bytes; `None` at its end.
    pub(super) async fn piece(&mut self) -> Result<Option<Bytes>, HttpError> {
        loop {
            match std::future::poll_fn(|context| Pin::new(&mut *self).poll_frame(context)).await {
                None => return Ok(None),
                Some(frame) => {
                    if let Ok(bytes) = frame?.into_data() {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }
}

impl Body for IncomingBody {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let this = &mut *self;
        match Pin::new(&mut this.inner).poll_frame(context) {
            Poll::Ready(frame) => {
                let next = Instant::now() + this.limit;
                this.deadline.as_mut().reset(next);
                Poll::Ready(
                    frame.map(|frame| {
                        frame.map_err(|error| HttpError::new(HttpErrorKind::Interrupted, error))
                    }),
                )
            }
            Poll::Pending => {
                ready!(this.deadline.as_mut().poll(context));
                Poll::Ready(Some(Err(Stalled::error(this.limit))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
