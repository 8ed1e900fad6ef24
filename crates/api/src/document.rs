//! The OpenAPI document: its head, and what every call may answer besides what it says itself.

use utoipa::{
    OpenApi,
    openapi::{
        ContentBuilder, OpenApi as Described, Ref, RefOr, ResponseBuilder,
        path::{Operation, Parameter, ParameterIn},
    },
};

use crate::{routes, security::Credentials};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Camtrail",
        description = "Every motion clip of your cameras: listed, played, told live. Sign in with `POST /api/v1/session`; \
                       the session travels in a cookie. Programs send a person's token as `Authorization: Bearer ct_…` \
                       (`POST /api/v1/tokens`); each is good for its scopes: `read`, `review`, `share`, `admin` (all of \
                       them), and never for more than its person's role. Errors are RFC 9457 problem documents.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    tags(
        (name = "session", description = "Signing in and out."),
        (name = "events", description = "Captures, newest first."),
        (name = "cameras", description = "Cameras and their health."),
        (name = "shares", description = "Public links to one event each."),
        (name = "people", description = "Users, their tokens, and who did what."),
        (name = "live", description = "What happens now."),
        (name = "notifications", description = "What is told to others, and how that went."),
        (name = "ingest", description = "Uploads by HTTP, for cameras and scripts."),
        (name = "arrivals", description = "Notifications of the store."),
        (name = "system", description = "Health and status.")
    ),
    // Routed in `programs`: a wildcard, which OpenAPI has no word for, and bounds of their own.
    paths(routes::ingest::put, routes::arrivals::post),
    components(schemas(routes::live::LiveEvent)),
    modifiers(&Credentials)
)]
struct Document;

/// The document without its calls.
pub(crate) fn begun() -> Described {
    Document::openapi()
}

/// The same call can be refused by what stands around all of them ([`crate::security`]): the document says so once for
/// each, where the call doesn't say it in its own words.
pub(crate) fn completed(mut document: Described) -> Described {
    for item in document.paths.paths.values_mut() {
        let reading = [&mut item.get, &mut item.head];
        for operation in reading.into_iter().flatten() {
            complete(operation, false);
        }
        let changing = [&mut item.put, &mut item.post, &mut item.patch, &mut item.delete];
        for operation in changing.into_iter().flatten() {
            complete(operation, true);
        }
    }
    document
}

fn complete(operation: &mut Operation, is_changing: bool) {
    let is_in_path = |parameter: &RefOr<Parameter>| matches!(parameter, RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Path);
    let has_path = operation.parameters.iter().flatten().any(is_in_path);
    let (has_body, needs_somebody) = (operation.request_body.is_some(), operation.security.is_some());
    for (applies, status, description) in [
        (has_path || has_body, "400", "The address or the body can't be read."),
        (
            is_changing || needs_somebody,
            "403",
            "A page of another site sent this, or the token isn't good for it.",
        ),
        (true, "408", "It took too long."),
        (has_body, "413", "The body is too large."),
        (true, "503", "The catalog, the store or the server can't answer now: try again."),
    ] {
        if applies && !operation.responses.responses.contains_key(status) {
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
            let response = ResponseBuilder::new()
                .description(description)
                .content("application/problem+json", content)
                .build();
            operation.responses.responses.insert(status.to_owned(), response.into());
        }
    }
}
