//! `/metrics`: what Prometheus reads, who may, and that the figures follow what happened.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::Value;

use crate::support::{CLIP, Instance, Options, STILL, Web, sample, text, wait};

/// `name{labels}` and its value. Comments are checked for their form.
fn figures(text: &str) -> BTreeMap<String, f64> {
    let mut figures = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(comment) = line.strip_prefix("# ") {
            assert!(comment.starts_with("HELP ") || comment.starts_with("TYPE "), "{line}");
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
        let value = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
        assert!(figures.insert(name.to_owned(), value).is_none(), "twice: {line}");
    }
    figures
}

#[test]
fn figures_follow_what_happened() {
    let instance = Instance::start();
    let web = Web::anonymous(instance.http());
    let before = web.get("/metrics");
    assert_eq!(
        (before.status, before.header("content-type")),
        (200, "text/plain; version=0.0.4; charset=utf-8")
    );
    figures(&before.text());
    let mut camera = instance.camera();
    let (clip, still) = (sample(CLIP), sample(STILL));
    camera.upload(format!("/back yard/record/{CLIP}"), &clip);
    camera.upload(format!("/back yard/snap/{STILL}"), &still);
    let person = instance.person();
    assert_eq!(person.try_sign_in("admin", "wrong").status, 401);
    person.settle();
    let page = wait("the second upload is counted as done", || {
        let page = web.get("/metrics").text();
        (figures(&page)["camtrail_media_waiting_uploads"] < 0.5).then_some(page)
    });
    let found = figures(&page);
    let of = |name: &str| *found.get(name).unwrap_or_else(|| panic!("no {name} in:\n{page}"));
    for (name, want) in [
        ("camtrail_uploads_total", 2.0),
        ("camtrail_upload_bytes_total", (clip.len() + still.len()) as f64),
        ("camtrail_spool_entries", 0.0),
        ("camtrail_spool_bytes", 0.0),
        ("camtrail_spool_oldest_age_seconds", 0.0),
        ("camtrail_ship_failing_uploads", 0.0),
        ("camtrail_ship_duration_seconds_count{kind=\"record\"}", 1.0),
        ("camtrail_durable_to_visible_seconds_count{kind=\"record\",remuxed=\"true\"}", 1.0),
        ("camtrail_durable_to_visible_seconds_count{kind=\"snap\",remuxed=\"false\"}", 1.0),
        ("camtrail_camera_events{camera=\"back yard\"}", 2.0),
        ("camtrail_camera_silent{camera=\"back yard\"}", 0.0),
        ("camtrail_sign_ins_total{outcome=\"wrong\"}", 1.0),
        ("camtrail_sign_ins_total{outcome=\"ok\"}", 1.0),
        ("camtrail_sessions", 1.0),
    ] {
        assert!((of(name) - want).abs() < 1e-6, "{name}: {} and not {want}", of(name));
    }
    assert!(of("camtrail_catalog_duration_seconds_count{operation=\"write\"}") >= 2.0);
    assert!(of("camtrail_camera_last_seen_timestamp_seconds{camera=\"back yard\"}") > 1.7e9);
    assert!(of("process_resident_memory_bytes") > 1e6);
    let visible = "camtrail_durable_to_visible_seconds_bucket{kind=\"snap\",remuxed=\"false\",le=\"+Inf\"}";
    assert!((of(visible) - 1.0).abs() < 1e-6, "a histogram, not a summary");
    // By route, so that nobody can make series without end.
    web.get("/api/v1/events/nosuchid");
    web.get("/no/such/page");
    let page = web.get("/metrics").text();
    assert!(page.contains("route=\"/api/v1/events/{id}\"") && !page.contains("nosuchid"), "{page}");
    // Each series that is there says what it is.
    for name in figures(&page).keys() {
        let family = name.split('{').next().unwrap_or_default();
        let family =
            ["_bucket", "_sum", "_count"].iter().find_map(|end| family.strip_suffix(end)).unwrap_or(family);
        assert!(page.contains(&format!("# HELP {family} ")), "{family} has no help");
    }
}

#[test]
fn figures_are_for_this_machine_and_the_signed_in() {
    let instance = Instance::start();
    let stranger = Web::anonymous(instance.http());
    let passed_on = [("x-forwarded-for", "203.0.113.9")];
    let refused = stranger.request("GET", "/metrics", &passed_on, None);
    refused.problem(401);
    assert_eq!(instance.person().request("GET", "/metrics", &passed_on, None).status, 200);
    drop(instance);

    let public = Instance::with(&Options {
        env: &[("CAMTRAIL__HTTP__PUBLIC_URL", "https://cams.example.org")],
        ..Options::default()
    });
    Web::anonymous(public.http()).get("/metrics").problem(401);
    drop(public);

    let open = Instance::with(&Options { env: &[("CAMTRAIL__HTTP__METRICS", "open")], ..Options::default() });
    assert_eq!(Web::anonymous(open.http()).request("GET", "/metrics", &passed_on, None).status, 200);
    drop(open);

    let off = Instance::with(&Options { env: &[("CAMTRAIL__HTTP__METRICS", "off")], ..Options::default() });
    off.person().get("/metrics").problem(404);
}

/// The dashboard asks for nothing that isn't there.
#[test]
fn the_dashboard_knows_the_figures() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = fs::read_to_string(root.join("docs/ref/metrics.md")).unwrap();
    let dashboard: Value =
        serde_json::from_slice(&fs::read(root.join("deploy/grafana/camtrail.json")).unwrap()).unwrap();
    let mut asked = 0;
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            let expr = text(target, "expr");
            for name in expr.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')) {
                if name.starts_with("camtrail_") {
                    let family =
                        ["_bucket", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
                    assert!(page.contains(&format!("| `{family}` |")), "{name} of {expr}");
                    asked += 1;
                }
            }
        }
    }
    assert!(asked >= 20, "{asked}");
}
