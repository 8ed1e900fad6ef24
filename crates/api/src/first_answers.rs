//! What the app asks first, answered with the page itself: a phone on the road waits for one answer instead of four.
//!
//! Promises: nothing is told that the same calls wouldn't tell (they are made, by the same router, with the same cookie);
//! a page with answers is kept by no cache; a slow catalog delays no page. Refuses: to answer what isn't a browser's
//! own navigation, so that a copy for offline never holds anything. Why so: docs/design/first-answers.md.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Extensions, HeaderMap, Method, Request, StatusCode, header},
};
use axum_extra::extract::CookieJar;
use futures::future::join_all;
use serde_json::{Map, Value};
use tower::ServiceExt;

use crate::signed_in::SESSION_COOKIE;

/// The app's `INCIDENTS_PAGE` and `EVENTS_PAGE`: an answer to another question would be of no use.
const INCIDENTS: &str = "/api/v1/incidents?limit=24";
const EVENTS: &str = "/api/v1/events?limit=100";
const SESSION: &str = "/api/v1/session";
const ALWAYS: [&str; 3] = [SESSION, "/api/v1/cameras", "/api/v1/groups"];
/// The page waits for its answers no longer.
const WAIT_MAX: Duration = Duration::from_millis(700);
/// More isn't sent with the page.
const ANSWER_MAX_BYTES: usize = 4 * 1024 * 1024;
/// Pictures that a screen shows at first.
const POSTERS: usize = 8;
/// Of them, those that go before the scripts.
const AHEAD: usize = 2;

/// The calls of the API, for the server itself. Clones share them.
#[derive(Clone)]
pub(crate) struct FirstAnswers(Arc<Router>);

impl FirstAnswers {
    pub(crate) fn new(router: Router) -> Self {
        Self(Arc::new(router))
    }

    /// What goes into the page; `None`: nobody navigates here, nobody is signed in, or it takes too long.
    pub(crate) async fn told(
        &self,
        path: &str,
        query: &str,
        headers: &HeaderMap,
        extensions: &Extensions,
    ) -> Option<Told> {
        // Not by the destination: a navigation that goes through a service worker has none.
        let navigates = headers.get("sec-fetch-mode").is_some_and(|mode| mode == "navigate");
        if !navigates || !has_session(headers) {
            return None;
        }
        let asked: Vec<&str> = ALWAYS.into_iter().chain(list(path, query)).collect();
        let answers = asked.iter().map(|call| self.ask(call, headers, extensions));
        let answers = tokio::time::timeout(WAIT_MAX, join_all(answers)).await.ok()?;
        let told: Map<String, Value> = asked
            .into_iter()
            .zip(answers)
            .filter_map(|(call, answer)| Some((call.to_owned(), answer?)))
            .collect();
        told.contains_key(SESSION).then(|| Told::new(&told))
    }

    /// The answer of one call; `None` unless it is a success.
    async fn ask(&self, call: &str, headers: &HeaderMap, extensions: &Extensions) -> Option<Value> {
        let mut request = Request::builder().method(Method::GET).uri(call).body(Body::empty()).ok()?;
        for name in [header::COOKIE, header::HOST] {
            for value in headers.get_all(&name) {
                request.headers_mut().append(name.clone(), value.clone());
            }
        }
        *request.extensions_mut() = extensions.clone();
        let response = Router::clone(&self.0).oneshot(request).await.ok()?;
        if response.status() != StatusCode::OK {
            return None;
        }
        let body = to_bytes(response.into_body(), ANSWER_MAX_BYTES).await.ok()?;
        serde_json::from_slice(&body).ok()
    }
}

fn has_session(headers: &HeaderMap) -> bool {
    CookieJar::from_headers(headers).get(SESSION_COOKIE).is_some()
}

/// The list that the page shows, where it shows all of it.
fn list(path: &str, query: &str) -> Option<&'static str> {
    if !path.trim_matches('/').is_empty() {
        return None;
    }
    match query {
        "" | "view=incidents" => Some(INCIDENTS),
        "view=events" => Some(EVENTS),
        _ => None,
    }
}

/// What is put into a page.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Asked for before the scripts: they are painted while those are read.
    pub(crate) top: String,
    /// The answers: a block of data, which no browser runs.
    pub(crate) head: String,
    /// The first day's first pictures, at their places, until the app draws its own (`first.css`).
    pub(crate) body: String,
}

impl Told {
    fn new(told: &Map<String, Value>) -> Self {
        let text = serde_json::to_string(told).unwrap_or_default();
        // Nothing in it ends the element, or begins a comment.
        let text = text.replace('<', "\\u003c");
        let head = format!("<script type=\"application/json\" id=\"first-answers\">{text}</script>");
        let lists = [INCIDENTS, EVENTS].into_iter().filter_map(|call| told.get(call));
        let items: Vec<_> = lists.filter_map(|list| list["items"].as_array()).flatten().collect();
        let day = |item: &Value| item.pointer("/events/0/capture_date").or(item.get("capture_date")).cloned();
        let first = items.first().map(|item| day(item));
        let of_the_day = items.iter().take_while(|item| Some(day(item)) == first).take(POSTERS);
        let boxes: String = of_the_day.map(|item| picture(item["poster_url"].as_str())).collect();
        let body = match boxes.as_str() {
            "" => String::new(),
            boxes => format!("<div id=\"first\" aria-hidden=\"true\">{boxes}</div>"),
        };
        let ahead = items.iter().filter_map(|item| item["poster_url"].as_str()).take(AHEAD);
        let top = ahead.map(|poster| {
            let address = escaped(poster);
            format!("<link rel=\"preload\" as=\"image\" fetchpriority=\"high\" href=\"{address}\">")
        });
        Self { top: top.collect(), head, body }
    }
}

fn picture(poster: Option<&str>) -> String {
    let Some(poster) = poster else { return "<span></span>".to_owned() };
    format!("<span><img src=\"{}\" alt=\"\"></span>", escaped(poster))
}

/// As an attribute.
fn escaped(address: &str) -> String {
    address.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_an_answer_ends_its_element() {
        let evil = serde_json::json!({ "items": [{ "poster_url": "/m?a=1&b=\"><script>", "note": "</script><!--" }] });
        let told = Map::from_iter([(INCIDENTS.to_owned(), evil)]);
        let Told { top, head, body } = Told::new(&told);
        assert_eq!((head.matches("</script>").count(), head.matches("<script").count()), (1, 1), "{head}");
        assert!(!top.contains("<script") && top.contains("href=\"/m?a=1&amp;b="), "{top}");
        assert!(
            !body.contains("<script") && body.contains("src=\"/m?a=1&amp;b=&quot;>&lt;script>\""),
            "{body}"
        );
        let block = head.split_once("first-answers\">").unwrap().1.strip_suffix("</script>").unwrap();
        let read: Value = serde_json::from_str(block).unwrap();
        assert_eq!(read[INCIDENTS]["items"][0]["note"], "</script><!--");
    }

    #[test]
    fn the_first_days_pictures_are_there_and_a_place_for_what_has_none() {
        let incident = |day: &str, poster: Option<&str>| serde_json::json!({ "poster_url": poster, "events": [{ "capture_date": day }] });
        let items = [
            incident("2026-11-30", Some("/a")),
            incident("2026-11-30", None),
            incident("2026-11-29", Some("/b")),
        ];
        let told = Map::from_iter([(INCIDENTS.to_owned(), serde_json::json!({ "items": items }))]);
        let body = Told::new(&told).body;
        assert_eq!(
            body,
            "<div id=\"first\" aria-hidden=\"true\"><span><img src=\"/a\" alt=\"\"></span><span></span></div>"
        );
        assert_eq!(Told::new(&Map::new()).body, "");
    }

    #[test]
    fn only_a_whole_list_is_told() {
        for (path, query, want) in [
            ("", "", Some(INCIDENTS)),
            ("/", "view=incidents", Some(INCIDENTS)),
            ("/", "view=events", Some(EVENTS)),
            ("/", "view=events&camera=gate", None),
            ("/", "at=2026-01-01T10", None),
            ("/cameras", "", None),
        ] {
            assert_eq!(list(path, query), want, "{path}?{query}");
        }
    }
}
