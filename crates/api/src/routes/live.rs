//! What happens now, by Server-Sent Events.
//!
//! A stream reads the catalog's sequence of changes from where the client was: after a reconnect or a restart
//! nothing is missed and nothing doubled. A client that was away too long is told to load afresh. Where answers can't
//! stream ([`LiveMode::Poll`]), each request is answered with what there is since, and the browser comes again by itself.

use std::{collections::VecDeque, convert::Infallible, time::Duration};

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{
        IntoResponse, Response,
        sse::{Event as Message, KeepAlive, Sse},
    },
};
use camtrail_model::{CameraName, ChangeKind, ChangeSeq, EventId, Subject, metrics::LIVE_STREAMS};
use futures::{Stream, stream};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::{
    sync::{OwnedSemaphorePermit, watch},
    time::Instant,
};
use utoipa::{IntoParams, ToSchema};

use crate::{
    asked::Asked,
    dto::{Camera, Event},
    problem::Problem,
    routes::viewed,
    signed_in::{May, SignedIn, ToRead},
    state::{Api, LiveMode},
};

/// Between two signs of life; also how soon the stream of a session or token that ended does, and of a disabled user.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Changes read at once.
const BATCH: usize = 64;
/// [`LiveMode::Poll`]: a client comes again after so long.
const POLL_EVERY: Duration = Duration::from_secs(5);
/// [`LiveMode::Poll`]: and after so long where more is waiting than one answer holds.
const POLL_SOON: Duration = Duration::from_millis(200);
/// [`LiveMode::Poll`]: messages of one answer. With long links each is some 5 kB, and a function may answer 6 MB.
const POLL_MAX: usize = 4 * BATCH;

/// Where a stream goes on.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct LiveQuery {
    /// The same as the header, which counts first: for a browser that opens a new stream itself.
    #[param(example = 42)]
    last_event_id: Option<u64>,
}

/// The data of a `new`, `changed` or `removed` message.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LiveEvent {
    /// Which event.
    id: String,
    /// The event as it is now; null where it is gone.
    event: Option<Event>,
}

/// One message of the stream.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LiveMessage {
    /// What it is: `ready`, `new`, `changed`, `removed`, `camera` or `reset`.
    #[schema(example = "new")]
    event: Option<String>,
    /// Its place, for `Last-Event-ID`.
    #[schema(example = "4711")]
    id: Option<String>,
    /// JSON: a `LiveEvent` or a `Camera`.
    data: Option<String>,
    /// Milliseconds after which a browser comes again that lost the stream.
    retry: Option<u64>,
}

struct Live {
    api: Api,
    who: SignedIn,
    seq: ChangeSeq,
    ready: VecDeque<Message>,
    wake: watch::Receiver<u64>,
    /// When it is looked next whether the person may go on, whatever wakes the stream before.
    look_at: Instant,
    stop: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
    _counted: Counted,
}

/// One open stream, as long as it lives.
struct Counted;

impl Counted {
    fn new() -> Self {
        metrics::gauge!(LIVE_STREAMS).increment(1.0);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!(LIVE_STREAMS).decrement(1.0);
    }
}

/// Live updates.
///
/// `text/event-stream`: `ready` at the start; then `new`, `changed` and `removed` with a `LiveEvent`, `camera` with a
/// `Camera`, each with an id for `Last-Event-ID`; `reset` where changes between are no longer kept: load afresh. A server
/// that can't stream says `poll_ms` in `ready`, and ends each answer at once: come again after so many milliseconds.
#[utoipa::path(
    get, path = "/live", tag = "live", security(("session" = []), ("api_token" = ["read"])),
    params(
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last message seen."),
        LiveQuery
    ),
    responses(
        (status = 200, description = "The stream.", content_type = "text/event-stream", body = LiveMessage),
        (status = 400, description = "`Last-Event-ID` is not an id of ours.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many live streams.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn live(
    State(api): State<Api>,
    who: May<ToRead>,
    headers: HeaderMap,
    Asked(asked): Asked<LiveQuery>,
) -> Result<Response, Problem> {
    let permit = api.parts.live.clone().try_acquire_owned().map_err(|_| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too many live streams are open: try again later")
    })?;
    let wake = api.parts.catalog.watch();
    let last = headers.get("last-event-id").filter(|value| !value.is_empty());
    let seq = match last {
        None => match asked.last_event_id {
            Some(seq) if i64::try_from(seq).is_ok() => seq,
            Some(seq) => {
                return Err(Problem::bad_request(format!(
                    "last_event_id: found {seq}, expected the id of a message of this stream"
                )));
            }
            None => api.parts.catalog.latest_change().await?,
        },
        Some(value) => value.to_str().ok().and_then(|text| text.parse().ok()).ok_or_else(|| {
            Problem::bad_request(format!(
                "Last-Event-ID: found {value:?}, expected the id of a message of this stream"
            ))
        })?,
    };
    let mode = api.parts.config.live;
    let hello = match mode {
        LiveMode::Stream => json!({ "seq": seq }),
        LiveMode::Poll => json!({ "seq": seq, "poll_ms": POLL_EVERY.as_millis() as u64 }),
    };
    let hello = Message::default().event("ready").id(seq.to_string()).data(hello.to_string());
    let live = Live {
        who: who.0,
        seq,
        ready: VecDeque::from([hello]),
        wake,
        look_at: Instant::now() + HEARTBEAT,
        stop: api.parts.stop.clone(),
        api,
        _permit: permit,
        _counted: Counted::new(),
    };
    // Proxies that buffer would make it not live.
    let headers = [("x-accel-buffering", "no"), ("cache-control", "no-store")];
    if mode == LiveMode::Poll {
        let is_new = last.is_none();
        let messages = live.answer(is_new).await?.into_iter().map(Ok::<_, Infallible>);
        return Ok((headers, Sse::new(stream::iter(messages))).into_response());
    }
    let sse = Sse::new(live.messages()).keep_alive(KeepAlive::new().interval(HEARTBEAT));
    Ok((headers, sse).into_response())
}

impl Live {
    fn messages(self) -> impl Stream<Item = Result<Message, Infallible>> {
        stream::unfold(self, |mut live| async move {
            let message = live.next().await?;
            Some((Ok(message), live))
        })
    }

    /// All that is to be told now. Who comes again isn't greeted: a greeting makes pages load afresh.
    async fn answer(mut self, is_new: bool) -> Result<Vec<Message>, Problem> {
        if !is_new {
            self.ready.clear();
        }
        let mut messages = vec![Message::default().retry(POLL_EVERY)];
        loop {
            let before = self.seq;
            self.fill().await.ok_or_else(|| {
                Problem::unavailable("the catalog can't tell what changed, or the session ended: come again")
            })?;
            messages.extend(self.ready.drain(..));
            if self.seq == before {
                // A mark alone: the browser keeps it, and tells nobody.
                messages.push(Message::default().id(self.seq.to_string()));
                break;
            }
            if messages.len() > POLL_MAX {
                messages[0] = Message::default().retry(POLL_SOON);
                break;
            }
        }
        Ok(messages)
    }

    /// The next message; `None` ends the stream, and the client comes back with its last id.
    async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Some(message);
            }
            self.wake.mark_unchanged();
            let before = self.seq;
            self.fill().await?;
            if self.seq != before {
                continue;
            }
            let heartbeat = tokio::select! {
                changed = self.wake.changed() => {
                    changed.ok()?;
                    false
                }
                // Another process (a command) may have written, too.
                () = tokio::time::sleep_until(self.look_at) => true,
                _ = self.stop.wait_for(|stop| *stop) => return None,
            };
            if heartbeat {
                self.look_at = Instant::now() + HEARTBEAT;
                self.still_signed_in().await?;
            }
        }
    }

    async fn fill(&mut self) -> Option<()> {
        let changes = match self.api.parts.catalog.changes(self.seq, BATCH).await {
            Ok(changes) => changes,
            Err(error) => {
                tracing::warn!(%error, "a live stream ends: the catalog can't answer");
                return None;
            }
        };
        if changes.gap {
            self.seq = self.api.parts.catalog.latest_change().await.ok()?;
            let reset = Message::default().event("reset").id(self.seq.to_string()).data("{}");
            self.ready.push_back(reset);
            return Some(());
        }
        // Signed out means at once, not at the next heartbeat.
        let mut changes = changes;
        if !changes.items.is_empty() {
            self.still_signed_in().await?;
            changes.items.retain(|change| self.who.sees(camera_of(&change.subject)));
        }
        let records: Vec<_> = changes
            .items
            .iter()
            .filter_map(|change| match &change.subject {
                Subject::Event { record, .. } => record.as_deref().cloned(),
                Subject::Camera(_) => None,
            })
            .collect();
        // In the changes' order: each of them that has a record takes the next one.
        let mut events = viewed::events(&self.api, &self.who.user.name, &records).await.into_iter();
        for change in changes.items {
            self.seq = change.seq;
            let message = match &change.subject {
                Subject::Event { kind, id, record } => {
                    event_message(*kind, id, record.as_ref().and_then(|_| events.next()))?
                }
                Subject::Camera(camera) => self.camera(camera).await?,
            };
            self.ready.push_back(message.id(change.seq.to_string()));
        }
        // Places that say nothing are behind us, too, or a client would meet them again for ever.
        self.seq = self.seq.max(changes.upto);
        Some(())
    }

    async fn camera(&self, name: &CameraName) -> Option<Message> {
        let cameras = self.api.parts.catalog.cameras().await.ok()?;
        let camera = cameras.iter().find(|camera| camera.name == *name)?;
        Message::default().event("camera").json_data(Camera::new(&self.api, camera)).ok()
    }

    /// Whose session or token ended, or who was disabled, is told nothing more; who may see other cameras now is told
    /// of those.
    async fn still_signed_in(&mut self) -> Option<()> {
        self.who.user = self.who.again(&self.api).await.ok()??;
        Some(())
    }
}

fn camera_of(subject: &Subject) -> &CameraName {
    match subject {
        Subject::Event { id, .. } => &id.camera,
        Subject::Camera(name) => name,
    }
}

fn event_message(kind: ChangeKind, id: &EventId, event: Option<Event>) -> Option<Message> {
    let name = match (kind, &event) {
        (_, None) => "removed",
        (ChangeKind::New, _) => "new",
        _ => "changed",
    };
    Message::default().event(name).json_data(LiveEvent { id: id.to_string(), event }).ok()
}
