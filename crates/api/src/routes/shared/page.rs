//! A shared event as a page: plain HTML, one style that the policy knows by its digest, no script.

use std::sync::LazyLock;

use axum::http::{HeaderValue, StatusCode};
use jiff::{Timestamp, fmt::strtime, tz::Offset};

use super::SharedEvent;
use crate::{dto::EventKind, problem::Problem, routes::system::escape, state::Api};

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#16211d;--soft:#5c6b65;--paper:#f3f5f3;--line:#d5dcd8;--link:#0b6b4f}\
@media(prefers-color-scheme:dark){:root{--ink:#e7efeb;--soft:#9fb0a9;--paper:#0c1311;--line:#263630;--link:#5fd0a8}}\
body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}\
header,main{max-width:60rem;margin:0 auto;padding:1.25rem}\
header{display:flex;align-items:center;gap:.6rem;padding-bottom:0;font-weight:700}\
header img{width:1.75rem;height:1.75rem;background:none;border-radius:0}\
h1{margin:0;font-size:1.5rem}\
.when{margin:0 0 1rem;color:var(--soft)}\
video,img{display:block;width:100%;max-height:75vh;object-fit:contain;background:#000;border-radius:.5rem}\
.note{margin:1rem 0;padding-left:.75rem;border-left:.2rem solid var(--line);overflow-wrap:anywhere}\
a{color:var(--link)}\
.get{display:inline-block;margin:1rem 0;padding:.6rem 1rem;border:1px solid var(--line);border-radius:.5rem;\
min-height:1.5rem;text-decoration:none}\
a:focus-visible,video:focus-visible{outline:.2rem solid var(--link);outline-offset:.15rem}\
small{display:block;color:var(--soft)}";

static STYLE_DIGEST: LazyLock<String> =
    LazyLock::new(|| data_encoding::BASE64.encode(&camtrail_auth::Token::sha256(STYLE)));

/// This page's style and media, and nothing else.
pub(super) fn policy(api: &Api) -> HeaderValue {
    let store = api.parts.store.links_from().map_or_else(String::new, |store| format!(" {store}"));
    let style = &*STYLE_DIGEST;
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; img-src 'self'{store}; media-src 'self'{store}; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

fn page(api: &Api, title: &str, main: &str) -> String {
    let (title, base_path) = (escape(title), escape(&api.parts.config.base_path));
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"robots\" content=\"noindex, nofollow, noarchive\"><meta name=\"referrer\" content=\"no-referrer\">\
         <link rel=\"icon\" type=\"image/svg+xml\" href=\"{base_path}/favicon.svg\"><title>{title}</title><style>{STYLE}</style></head><body><header><img src=\"{base_path}/favicon.svg\" alt=\"\">Camtrail</header><main>{main}</main></body></html>\n"
    )
}

/// The event, with what a person needs of it.
pub(super) fn event(api: &Api, event: &SharedEvent) -> String {
    let when = readable(&event.captured_at);
    let (camera, media) = (escape(&event.camera), escape(&event.media_url));
    let poster = event.poster_url.as_deref().map(escape);
    let alt = format!("{camera}, {when}");
    let shown = match (event.kind, event.playable, poster) {
        (EventKind::Record, true, poster) => {
            let poster = poster.map_or_else(String::new, |poster| format!(" poster=\"{poster}\""));
            format!(
                "<video controls playsinline preload=\"metadata\"{poster} src=\"{media}\" aria-label=\"{alt}\"></video>"
            )
        }
        (EventKind::Snap, true, _) => format!("<img src=\"{media}\" alt=\"{alt}\">"),
        (_, false, Some(poster)) => {
            format!(
                "<img src=\"{poster}\" alt=\"{alt}\"><p>Browsers can’t open this format: save it, and open it with a player.</p>"
            )
        }
        (_, false, None) => {
            "<p>Browsers can’t open this format: save it, and open it with a player.</p>".to_owned()
        }
    };
    let note = event
        .note
        .as_deref()
        .map_or_else(String::new, |note| format!("<p class=\"note\">{}</p>", escape(note)));
    let cut = if event.complete {
        ""
    } else {
        "<p>The camera was cut off while it sent this: the end is missing.</p>"
    };
    let what = if matches!(event.kind, EventKind::Record) { "clip" } else { "picture" };
    let (download, captured_at) = (escape(&event.download_url), escape(&event.captured_at));
    let main = format!(
        "<h1>{camera}</h1><p class=\"when\"><time datetime=\"{captured_at}\">{when}</time></p>{shown}{note}{cut}\
         <p><a class=\"get\" href=\"{download}\" download>Save the {what}</a></p>\
         <small>Shared with you by link, until {until} (UTC). If it doesn’t play any more, reload this page.</small>{home}",
        until = readable_utc(&event.expires_at),
        home = home(api),
    );
    page(api, &format!("{}, {when}", event.camera), &main)
}

/// Why there is nothing to see, and what to do.
pub(super) fn problem(api: &Api, problem: &Problem) -> (StatusCode, String) {
    let status = problem.status();
    let (title, advice) = match status {
        StatusCode::NOT_FOUND => (
            "There is nothing here",
            "Perhaps a part of the link was lost on its way: compare it with the one that you were sent, or ask for a new one.",
        ),
        StatusCode::GONE => {
            ("This is no longer shared", "Whoever sent you the link can share it anew, if it is still there.")
        }
        StatusCode::TOO_MANY_REQUESTS => {
            ("Too many wrong links", "Wait a moment, then open the link once more.")
        }
        _ => ("This can’t be shown now", "Nothing is lost: try again in a moment."),
    };
    let detail = escape(&sentence(problem.detail()));
    let main = format!("<h1>{title}</h1><p>{detail}</p><p>{advice}</p>{}", home(api));
    (status, page(api, title, &main))
}

/// With a capital letter and a full stop, where it has no mark of its own.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let stop = if text.ends_with(['?', '.', '!']) { "" } else { "." };
    format!("{first}{}{stop}", letters.as_str())
}

fn home(api: &Api) -> String {
    let base_path = escape(&api.parts.config.base_path);
    format!("<small>Is this your Camtrail? <a href=\"{base_path}/\">Open the timeline</a></small>")
}

/// `30 August 2016, 15:29:54 (UTC-07:00)`, from RFC 3339.
fn readable(text: &str) -> String {
    let offset =
        text.get(text.len().saturating_sub(6)..).filter(|offset| !offset.contains('Z')).unwrap_or("+00:00");
    let wall = strtime::parse("%Y-%m-%dT%H:%M:%S%.f%:z", text).and_then(|time| time.to_datetime());
    wall.map_or_else(
        |_| escape(text),
        |wall| format!("{} (UTC{offset})", wall.strftime("%-d %B %Y, %H:%M:%S")),
    )
}

/// `30 August 2016, 22:29`, from RFC 3339 in UTC.
fn readable_utc(text: &str) -> String {
    text.parse::<Timestamp>().map_or_else(
        |_| escape(text),
        |at| Offset::UTC.to_datetime(at).strftime("%-d %B %Y, %H:%M").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_readable() {
        assert_eq!(readable("2016-08-30T15:29:54.000-07:00"), "30 August 2016, 15:29:54 (UTC-07:00)");
        assert_eq!(readable("2016-08-30T15:29:54.000+00:00"), "30 August 2016, 15:29:54 (UTC+00:00)");
        assert_eq!(readable_utc("2016-08-30T22:29:54.000Z"), "30 August 2016, 22:29");
        assert_eq!(readable("<x>"), "&lt;x&gt;");
        assert_eq!(sentence("this is gone"), "This is gone.");
        assert_eq!(sentence("whole?"), "Whole?");
        assert_eq!(sentence(""), ".");
    }

    /// A style that the policy doesn't know would be thrown away by every browser.
    #[test]
    fn the_policys_digest_is_the_styles() {
        assert!(!STYLE.contains('<') && STYLE_DIGEST.len() == 44, "{}", *STYLE_DIGEST);
    }
}
