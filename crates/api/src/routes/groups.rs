//! Groups of cameras, the same for everybody.

use std::collections::HashSet;

use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
    http::StatusCode,
};
use camtrail_model::{
    EventQuery,
    groups::{CameraGroup, CameraGroups},
    ports::Role,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{problem::Problem, signed_in::SignedIn, state::Api};

/// A group of cameras. Without any rule it holds all.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Group {
    /// Its name; unique.
    #[schema(example = "Front")]
    name: String,
    /// Cameras whose name has one of these in it, in upper or lower case.
    #[serde(default)]
    #[schema(example = json!(["front"]))]
    contains: Vec<String>,
    /// But none whose name has one of these in it.
    #[serde(default)]
    #[schema(example = json!(["indoor"]))]
    not_contains: Vec<String>,
    /// And these cameras.
    #[serde(default, rename = "in")]
    #[schema(example = json!(["backyard"]))]
    is_in: Vec<String>,
}

/// All groups, in their order.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GroupList {
    /// The groups, 100 at most.
    #[schema(max_items = 100)]
    items: Vec<Group>,
}

impl From<&CameraGroups> for GroupList {
    fn from(groups: &CameraGroups) -> Self {
        let items = groups.as_slice().iter().cloned().map(|group| Group {
            name: group.name,
            contains: group.contains,
            not_contains: group.not_contains,
            is_in: group.is_in,
        });
        Self { items: items.collect() }
    }
}

/// List groups of cameras.
#[utoipa::path(
    get, path = "/groups", operation_id = "list_groups", tag = "cameras", security(("session" = [])),
    responses(
        (status = 200, description = "All groups.", body = GroupList),
        (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn list(State(api): State<Api>, _: SignedIn) -> Result<Json<GroupList>, Problem> {
    Ok(Json(GroupList::from(&api.parts.groups.groups().await?)))
}

/// Replace all groups of cameras.
///
/// In one step, for everybody; admins only. Whoever writes last wins.
#[utoipa::path(
    put, path = "/groups", operation_id = "put_groups", tag = "cameras", security(("session" = [])),
    request_body = GroupList,
    responses(
        (status = 200, description = "The groups as they are now.", body = GroupList),
        (status = 400, description = "The body is no such JSON, or a rule can't be.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The signed-in user is no admin.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn put(
    State(api): State<Api>,
    SignedIn { user, .. }: SignedIn,
    body: Result<Json<GroupList>, JsonRejection>,
) -> Result<Json<GroupList>, Problem> {
    if user.role != Role::Admin {
        return Err(Problem::new(StatusCode::FORBIDDEN, "only an admin can change groups"));
    }
    let Json(GroupList { items }) = body.map_err(|error| {
        Problem::bad_request(format!(
            "expected {{\"items\": [{{\"name\": …, \"contains\": […], \"not_contains\": […], \"in\": […]}}]}} as \
             application/json: {}",
            error.body_text()
        ))
    })?;
    let groups = items.into_iter().map(|group| CameraGroup {
        name: group.name,
        contains: group.contains,
        not_contains: group.not_contains,
        is_in: group.is_in,
    });
    let groups =
        CameraGroups::new(groups.collect()).map_err(|error| Problem::bad_request(error.to_string()))?;
    api.parts.groups.put_groups(&groups).await?;
    tracing::info!(username = user.name, groups = groups.as_slice().len(), "groups of cameras were replaced");
    Ok(Json(GroupList::from(&groups)))
}

/// The query for the cameras of a group only; `None`: there is no such camera.
pub(crate) async fn narrowed(
    api: &Api,
    query: &EventQuery,
    name: &str,
) -> Result<Option<EventQuery>, Problem> {
    let groups = api.parts.groups.groups().await?;
    let group = groups.get(name).ok_or_else(|| {
        Problem::bad_request(format!("group: there is no group {name:?}; GET /api/v1/groups lists all"))
    })?;
    if group.is_everything() {
        return Ok(Some(query.clone()));
    }
    let mut cameras = group.of(api.parts.catalog.camera_names().await?);
    if !query.cameras.is_empty() {
        let asked: HashSet<_> = query.cameras.iter().collect();
        cameras.retain(|camera| asked.contains(camera));
    }
    // An empty list would mean all.
    Ok((!cameras.is_empty()).then(|| EventQuery { cameras, ..query.clone() }))
}
