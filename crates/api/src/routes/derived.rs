//! What is made of an event when somebody asks: an H.264 copy, a preview.
//!
//! Owns how a wish is asked for and what a client is told of it. Promises: an answer at once; the same call again tells
//! where it stands; live streams say `changed` when it is there. Refuses: to wait.

use std::time::Duration;

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use camtrail_derive::{Asked, MakeError, Product};
use camtrail_model::{
    CaptureKind,
    ports::{ArrivalError, StoreError},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    dto::Event,
    problem::Problem,
    routes::{events::visible, viewed},
    signed_in::{May, SignedIn, ToRead},
    state::Api,
};

/// When asking again is worth it, for clients without live updates.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("5");
/// How long a full queue stays full, as a guess.
const FULL_FOR: Duration = Duration::from_secs(29);

/// It is being made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Making {
    /// Whether it waits or is being made now.
    state: MakingState,
    /// How many others are made before it.
    #[schema(example = 2)]
    ahead: usize,
}

/// Where a wish stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum MakingState {
    Queued,
    Running,
}

impl Making {
    fn answer(state: MakingState, ahead: usize) -> Response {
        let headers = [(header::RETRY_AFTER, ASK_AGAIN)];
        (StatusCode::ACCEPTED, headers, Json(Self { state, ahead })).into_response()
    }
}

impl From<MakeError> for Problem {
    fn from(error: MakeError) -> Self {
        match error {
            MakeError::Store(StoreError::Refused(why)) => {
                tracing::error!(why, "the store refused what a person asked to be made");
                let detail = "the store doesn't allow this server to do that; the server's log says why";
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
            }
            MakeError::Store(error) => error.into(),
            MakeError::Arrival(ArrivalError::Retry(why)) => {
                tracing::error!(why, "the catalog doesn't show yet what was made");
                Self::unavailable("it is made, and the list can't show it now: try again")
            }
            error => {
                tracing::error!(%error, "what a person asked for can't be made");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "it failed; the server's log says why")
            }
        }
    }
}

/// Ask for an H.264 copy.
///
/// For browsers that can't play an event's `video_codec`. Answers at once: with the event where `h264_url` is there or none
/// is needed, else where the copy stands. It is made one at a time, within about the clip's length; live updates say
/// `changed` when it is there, and the same call again tells where it stands. A viewer may ask.
#[utoipa::path(
    post, path = "/events/{id}/playable", operation_id = "ask_for_h264", tag = "events", security(("session" = []), ("api_token" = ["read"])),
    params(("id" = String, Path, description = "An event's id.")),
    responses(
        (status = 200, description = "The copy is there, or the event plays everywhere as it is.", body = Event),
        (status = 202, description = "It is being made, or waits.", body = Making),
        (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such event (any more).", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "It can't be made of this event, and why.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "You have as many wishes waiting as you may.", body = Problem, content_type = "application/problem+json"),
        (status = 501, description = "Nothing is made here: there is no ffmpeg.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The queue is full, or it failed a moment ago: try again after `Retry-After`.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn playable(
    State(api): State<Api>,
    who: May<ToRead>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    ask(&api, &who, &id, Product::H264).await
}

/// Ask for a preview.
///
/// Pictures of a whole clip in one file. Answers as asking for an H.264 copy does; seconds later it is there.
#[utoipa::path(
    post, path = "/events/{id}/preview", operation_id = "ask_for_preview", tag = "events", security(("session" = []), ("api_token" = ["read"])),
    params(("id" = String, Path, description = "An event's id.")),
    responses(
        (status = 200, description = "The preview is there.", body = Event),
        (status = 202, description = "It is being made, or waits.", body = Making),
        (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such event (any more).", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "It can't be made of this event (a still), and why.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "You have as many wishes waiting as you may.", body = Problem, content_type = "application/problem+json"),
        (status = 501, description = "Nothing is made here: there is no ffmpeg.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The queue is full, or it failed a moment ago: try again after `Retry-After`.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn preview(
    State(api): State<Api>,
    who: May<ToRead>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    ask(&api, &who, &id, Product::Preview).await
}

async fn ask(api: &Api, who: &SignedIn, id: &str, product: Product) -> Result<Response, Problem> {
    let missing = || Problem::not_found("event");
    let record = visible(api, who, id).await?;
    let id = record.id();
    let name = product.name();
    if product == Product::Preview && id.kind == CaptureKind::Snap {
        return Err(impossible(name, "a still is its own preview"));
    }
    if !product.is_lacking(&record) {
        return Ok(viewed::event(api, &who.user.name, record).await?.into_response());
    }
    let Some(derive) = &api.parts.derive else {
        return Err(not_here(
            name,
            "this server has no ffmpeg; `camtrail backfill` on a machine that has makes them",
        ));
    };
    if let Some(problem) = derive.problem() {
        return Err(not_here(name, &problem));
    }
    match derive.ask(&record.object_key, product, &who.user.name).await? {
        Asked::There => {
            let record = api.parts.catalog.event(&id).await?.ok_or_else(missing)?;
            Ok(viewed::event(api, &who.user.name, record).await?.into_response())
        }
        Asked::Queued(ahead) => Ok(Making::answer(MakingState::Queued, ahead)),
        Asked::Running => Ok(Making::answer(MakingState::Running, 0)),
        Asked::Impossible(why) => Err(impossible(name, &why)),
        Asked::Gone => Err(missing()),
        Asked::TooMany => Err(Problem::too_many("wishes of yours wait to be made", FULL_FOR)),
        Asked::Full => Err(Problem::later("as much as may wait to be made is waiting", FULL_FOR)),
        Asked::Failed(why, left) => {
            tracing::debug!(key = %record.object_key, why, "asked for again what failed");
            Err(Problem::later(&format!("the {name} could not be made now; the server's log says why"), left))
        }
    }
}

fn impossible(name: &str, why: &str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("no {name} can be made of this event: {why}"))
}

fn not_here(name: &str, why: &str) -> Problem {
    Problem::new(StatusCode::NOT_IMPLEMENTED, format!("no {name} is made here: {why}"))
}
