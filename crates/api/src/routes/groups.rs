//! Groups of cameras, the same for everybody.

use std::collections::HashSet;

use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
};
use camtrail_model::{
    EventQuery, Sight,
    groups::{CameraGroup, CameraGroups},
    ports::AuditAction,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    problem::Problem,
    signed_in::{May, ToAdminister, ToRead},
    state::Api,
};

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
///
/// Who may see some cameras only gets the groups that hold any of them, by those cameras: rules tell of others.
#[utoipa::path(
    get, path = "/groups", operation_id = "list_groups", tag = "cameras", security(("session" = []), ("api_token" = ["read"])),
    responses(
        (status = 200, description = "All groups.", body = GroupList),
        (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn list(State(api): State<Api>, who: May<ToRead>) -> Result<Json<GroupList>, Problem> {
    let groups = api.parts.groups.groups().await?;
    let Sight::Only(cameras) = &who.user.sight else { return Ok(Json(GroupList::from(&groups))) };
    let resolved = groups.as_slice().iter().filter_map(|group| {
        let is_in: Vec<_> = group.of(cameras.iter().cloned()).into_iter().map(String::from).collect();
        // Without any rule it would be all.
        (!is_in.is_empty()).then(|| Group {
            name: group.name.clone(),
            contains: Vec::new(),
            not_contains: Vec::new(),
            is_in,
        })
    });
    Ok(Json(GroupList { items: resolved.collect() }))
}

/// Replace all groups of cameras.
///
/// In one step, for everybody; admins only. Whoever writes last wins.
#[utoipa::path(
    put, path = "/groups", operation_id = "put_groups", tag = "cameras", security(("session" = []), ("api_token" = ["admin"])),
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
    who: May<ToAdminister>,
    body: Result<Json<GroupList>, JsonRejection>,
) -> Result<Json<GroupList>, Problem> {
    let Json(GroupList { items }) = body.map_err(|error| {
        let expected = "{\"items\": [{\"name\": …, \"contains\": […], \"not_contains\": […], \"in\": […]}]}";
        Problem::of_body(&error, expected)
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
    let count = groups.as_slice().len();
    api.noted(&who, AuditAction::GroupsReplaced, "", &format!("{count} groups")).await;
    tracing::info!(
        username = who.user.name,
        groups = groups.as_slice().len(),
        "groups of cameras were replaced"
    );
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
