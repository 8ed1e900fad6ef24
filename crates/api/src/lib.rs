//! The REST API: events, cameras, media, live updates, sessions; and the web app's files.
//!
//! Owns what a client sees: paths, shapes, errors. Promises: nothing is shown without a session or a signed link;
//! errors are RFC 9457 problems; the OpenAPI document is generated from the same code that answers. Refuses:
//! SQL, storage formats, and business rules, which are behind the ports.

mod asked;
mod audit;
mod cursor;
mod document;
mod dto;
mod first_answers;
#[cfg(any(test, feature = "testing"))]
pub mod invariants;
mod links;
mod oidc;
mod packed;
mod problem;
mod reached;
mod routes;
mod security;
mod signed_in;
mod state;
mod tries;
mod web;

use axum::{
    Extension, Router,
    middleware::from_fn,
    response::Redirect,
    routing::{get, post, put},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use first_answers::FirstAnswers;
pub use oidc::Oidc;
pub use routes::arrivals::Webhook;
pub use state::{
    Api, ApiConfig, ApiParts, CameraSettings, FtpStatus, FtpTrouble, LiveMode, MediaStatus, MetricsAccess,
    MetricsSource, NotificationRule, Notifications, PeopleConfig, RetentionStatus, SpoolStatus, Status,
    StatusSource, TestOutcome, WatchedFolder,
};
pub use web::{WebFile, WebFiles};

/// The router as a table of contents.
fn documented() -> OpenApiRouter<Api> {
    let v1 = OpenApiRouter::new()
        .routes(routes!(routes::session::sign_in, routes::session::who, routes::session::sign_out))
        .routes(routes!(routes::session::change_password))
        .routes(routes!(oidc::ways))
        .routes(routes!(routes::events::list))
        .routes(routes!(routes::events::one, routes::decisions::change, routes::decisions::delete))
        .routes(routes!(routes::incidents::list))
        .routes(routes!(routes::incidents::one))
        .routes(routes!(routes::counts::counts))
        .routes(routes!(routes::derived::playable))
        .routes(routes!(routes::derived::preview))
        .routes(routes!(routes::viewed::mark_one))
        .routes(routes!(routes::viewed::mark_many))
        .routes(routes!(routes::viewed::list))
        .routes(routes!(routes::media::media))
        .routes(routes!(routes::cameras::list))
        .routes(routes!(routes::groups::list, routes::groups::put))
        .routes(routes!(routes::shares::list, routes::shares::create))
        .routes(routes!(routes::shares::revoke))
        .routes(routes!(routes::tokens::list, routes::tokens::create))
        .routes(routes!(routes::tokens::revoke))
        .routes(routes!(routes::users::list, routes::users::create))
        .routes(routes!(routes::users::change))
        .routes(routes!(routes::audit::list))
        .routes(routes!(routes::live::live))
        .routes(routes!(routes::notifications::settings))
        .routes(routes!(routes::notifications::deliveries))
        .routes(routes!(routes::notifications::test))
        .routes(routes!(routes::push::push_key))
        .routes(routes!(routes::push::subscribe, routes::push::unsubscribe))
        .routes(routes!(routes::system::status));
    OpenApiRouter::with_openapi(document::begun())
        .nest("/api/v1", v1)
        .routes(routes!(routes::shared::show))
        .routes(routes!(routes::shared::media))
        .routes(routes!(oidc::start))
        .routes(routes!(oidc::callback))
        .routes(routes!(routes::system::healthz))
        .routes(routes!(routes::system::readyz))
        .routes(routes!(routes::metrics::metrics))
}

/// Uploads and notifications are larger than people's calls, and no browser's: they stand outside the bounds of the
/// rest.
fn programs() -> Router<Api> {
    let arrivals = Router::new()
        .route("/api/v1/arrivals", post(routes::arrivals::post))
        .layer(from_fn(security::answer_in_time));
    Router::new()
        .route("/ingest/{*path}", put(routes::ingest::put))
        .merge(arrivals)
        .method_not_allowed_fallback(problem::method_not_allowed)
}

/// The OpenAPI 3.1 document.
pub fn openapi() -> utoipa::openapi::OpenApi {
    document::completed(documented().split_for_parts().1)
}

/// The whole HTTP side, below the configured base path.
pub fn router(api: Api) -> Router {
    let (router, document) = documented().split_for_parts();
    let first = FirstAnswers::new(documented().split_for_parts().0.with_state(api.clone()));
    let router = router
        .merge(routes::system::documents(document::completed(document)))
        .fallback(web::serve)
        .method_not_allowed_fallback(problem::method_not_allowed);
    let router = security::bounds(router, &api).merge(programs());
    let router = match api.parts.config.base_path.as_str() {
        "" => router,
        base_path => below(base_path.to_owned(), router),
    };
    let router = router.layer(Extension(first)).layer(packed::layer());
    security::around(router, &api).with_state(api)
}

/// Everything below `base_path`, and nothing beside it but the way there.
fn below(base_path: String, router: Router<Api>) -> Router<Api> {
    let home = format!("{base_path}/");
    Router::new()
        .route(
            "/",
            get({
                let home = home.clone();
                async move || Redirect::temporary(&home)
            }),
        )
        .route(&home, get(web::serve))
        .nest(&base_path, router)
        .fallback(async || problem::Problem::not_found("address here"))
}

#[cfg(test)]
mod tests;
