//! Cameras and their health.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use camtrail_model::{CameraName, ports::CameraSummary};

use crate::{
    dto::{Camera, CameraList},
    problem::Problem,
    signed_in::{May, ToRead},
    state::Api,
};

/// List cameras.
///
/// Those that ever sent something, and those that are configured; of these, those that you may see.
#[utoipa::path(
    get, path = "/cameras", operation_id = "list_cameras", tag = "cameras", security(("session" = []), ("api_token" = ["read"])),
    responses(
        (status = 200, description = "All cameras, by name.", body = CameraList),
        (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn list(State(api): State<Api>, who: May<ToRead>) -> Result<Json<CameraList>, Problem> {
    let mut cameras: BTreeMap<CameraName, CameraSummary> =
        api.parts.cameras.keys().map(|name| (name.clone(), unheard(name))).collect();
    for summary in api.parts.catalog.cameras().await? {
        cameras.insert(summary.name.clone(), summary);
    }
    cameras.retain(|name, _| who.sees(name));
    Ok(Json(CameraList { items: cameras.values().map(|summary| Camera::new(&api, summary)).collect() }))
}

fn unheard(name: &CameraName) -> CameraSummary {
    CameraSummary {
        name: name.clone(),
        events: 0,
        last_seen_at: None,
        last_event_ts: None,
        clock_error_ms: None,
        last_test: None,
    }
}
