//! A bucket as the store: on a real S3-compatible server that checks signatures.

use crate::support::{
    CLIP, Instance, Options, S3_KEY, S3_REGION, S3_SECRET, STILL, SeaweedFs, Web, curl, data, sample, sha256,
    signed_request, still_with, text, wait,
};

pub(crate) const BUCKET: &str = "security-alarms";
const STILL_KEY: &str = "patrolcams/backyard/2016-08-30/Hour-15/snap/MDAlarm_20160830-155137.jpg";

fn settings(endpoint: &str) -> Vec<(&'static str, String)> {
    vec![
        ("CAMTRAIL__S3_INFO__BUCKET_NAME", BUCKET.to_owned()),
        ("CAMTRAIL__S3_INFO__ENDPOINT", endpoint.to_owned()),
        ("CAMTRAIL__S3_INFO__REGION", S3_REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", S3_KEY.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", S3_SECRET.to_owned()),
    ]
}

pub(crate) fn start(endpoint: &str, more: &[(&'static str, &str)], gateway: bool) -> Instance {
    let mut settings = settings(endpoint);
    settings.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    let env: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Instance::with(&Options { env: &env, gateway, ..Options::default() })
}

pub(crate) fn endpoint(seaweed: &SeaweedFs) -> String {
    format!("http://{}", seaweed.s3())
}

/// Media come from the bucket itself: by its own links, with `Range`, for a page that may load from there and from
/// nowhere else.
#[test]
fn events_lead_to_the_bucket() {
    let seaweed = SeaweedFs::start(BUCKET);
    let endpoint = endpoint(&seaweed);
    let instance = start(&endpoint, &[], false);
    curl(&instance, &data(CLIP), "/backyard/record/");
    curl(&instance, &data(STILL), "/backyard/snap/");
    let web = instance.person();
    web.settle();
    let events = web.events("");
    let [still, clip] = &events[..] else { panic!("expected two events: {events:#?}") };
    assert_eq!(text(still, "object_key"), STILL_KEY);
    assert_eq!(sha256(&seaweed.object(STILL_KEY).unwrap()), sha256(&sample(STILL)));
    for event in &events {
        let url = text(event, "media_url");
        assert!(url.starts_with(&format!("{endpoint}/{BUCKET}/patrolcams/backyard/2016-08-30/")), "{url}");
        let path = url.strip_prefix(&endpoint).unwrap();
        // Another host than the API's, and no cookie.
        let bucket = Web::anonymous(seaweed.s3());
        let media = bucket.get(path);
        assert_eq!((media.status, media.header("content-type")), (200, text(event, "content_type")));
        assert_eq!(sha256(&media.body), text(event, "sha256"));
        let part = bucket.request("GET", path, &[("range", "bytes=10-19")], None);
        assert_eq!((part.status, &part.body[..]), (206, &media.body[10..20]));
        let saved = bucket.get(text(event, "download_url").strip_prefix(&endpoint).unwrap());
        let disposition = saved.header("content-disposition").to_owned();
        assert!(disposition.starts_with(&format!("attachment; filename=\"{}\"", text(event, "name"))));
        assert_eq!(bucket.get(path.split('?').next().unwrap()).status, 403, "without its signature");
    }
    assert!((clip["duration_ms"].as_i64().unwrap() - 27_800).abs() < 100, "{clip:#}");
    let again = web.get(&format!("/api/v1/events/{}", text(clip, "id"))).json();
    assert_eq!(again["poster_url"], clip["poster_url"], "a poster keeps its link: browsers keep posters");
    let policy = web.get("/").header("content-security-policy").to_owned();
    assert!(policy.contains(&format!("media-src 'self' blob: {endpoint};")), "{policy}");
    assert!(!policy.contains("https:"), "{policy}");
    let local = Web::anonymous(seaweed.s3());
    let jpeg = local.get(text(still, "poster_url").strip_prefix(&endpoint).unwrap());
    assert!(jpeg.status == 200 && (5_000..25_000).contains(&jpeg.body.len()), "{}", jpeg.body.len());
}

/// Objects carry what a rebuild needs, and the tag that their expiry goes by.
#[test]
fn objects_carry_their_metadata_and_tag() {
    let seaweed = SeaweedFs::start(BUCKET);
    let instance = start(&endpoint(&seaweed), &[], false);
    instance.camera().upload("/back yard/snap/MDAlarm_20160830-155137 (ü).jpg", &still_with(1, 9_000));
    instance.person().settle();
    let key = "patrolcams/back%20yard/2016-08-30/Hour-15/snap/MDAlarm_20160830-155137%20%28%C3%BC%29.jpg";
    let url = format!("http://{}/{BUCKET}/{key}", seaweed.s3());
    assert_eq!(signed_request("HEAD", &url, &["--head"]), "200");
    let dump = instance.scratch().join("headers");
    let dump_text = dump.to_str().unwrap();
    assert_eq!(signed_request("GET", &url, &["--dump-header", dump_text]), "200");
    let headers = std::fs::read_to_string(&dump).unwrap().to_ascii_lowercase();
    for (name, value) in [
        ("camera", "back%20yard"),
        ("camera_timestamp", "1472597497000"),
        ("complete", "true"),
        ("original_name", "snap/mdalarm_20160830-155137%20(%c3%bc).jpg"),
    ] {
        assert!(headers.contains(&format!("x-amz-meta-{name}: {value}\r\n")), "{name}: {headers}");
    }
    assert!(headers.contains("content-type: image/jpeg\r\n"), "{headers}");
    assert!(headers.contains("x-amz-tagging-count: 1\r\n"), "{headers}");
}

/// What else stands beside a clip: links of the bucket's own, and tags as all that is derived, until somebody protects it.
#[test]
fn copies_are_tagged_and_linked_in_the_bucket() {
    let seaweed = SeaweedFs::start(BUCKET);
    let endpoint = endpoint(&seaweed);
    let more = [("CAMTRAIL__MEDIA__SMALL", "true"), ("CAMTRAIL__MEDIA__KEEP_ORIGINAL", "true")];
    let instance = start(&endpoint, &more, false);
    curl(&instance, &data(CLIP), "/backyard/record/");
    let web = instance.person();
    web.settle();
    let clip = web.events("").remove(0);
    let bucket = Web::anonymous(seaweed.s3());
    let load = |field: &str| bucket.get(text(&clip, field).strip_prefix(&endpoint).unwrap());
    let (small, original) = (load("small_url"), load("original_url"));
    assert_eq!((small.status, small.header("content-type")), (200, "video/mp4"));
    assert_eq!(original.body, sample(CLIP));
    assert!(original.header("content-disposition").contains(CLIP));
    let dump = instance.scratch().join("headers");
    let is_tagged = |file: &str| {
        let url = format!("{endpoint}/{BUCKET}/derived/{}/{file}", text(&clip, "object_key"));
        assert_eq!(signed_request("GET", &url, &["--dump-header", dump.to_str().unwrap()]), "200", "{file}");
        let headers = std::fs::read_to_string(&dump).unwrap().to_ascii_lowercase();
        headers.contains("x-amz-tagging-count: 1\r\n")
    };
    assert!(is_tagged("small.mp4") && is_tagged("original"));
    let path = format!("/api/v1/events/{}", text(&clip, "id"));
    let body = serde_json::json!({ "protected": true });
    assert_eq!(web.request("PATCH", &path, &[], Some(&body)).status, 200);
    assert!(!is_tagged("small.mp4") && !is_tagged("original"), "protected with the event");
    let body = serde_json::json!({ "protected": false });
    assert_eq!(web.request("PATCH", &path, &[], Some(&body)).status, 200);
    assert_eq!(web.request("DELETE", &path, &[], None).status, 204);
    assert_eq!(seaweed.keys("derived"), Vec::<String>::new());
}

/// The gateway alone: it ships, and leaves the catalog to whoever is notified. It asks no table for anything: in the
/// shape without servers its key can put objects, and nothing else.
#[test]
fn a_gateway_ships_and_has_no_web() {
    let seaweed = SeaweedFs::start(BUCKET);
    let tables = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    tables.set_nonblocking(true).unwrap();
    let address: &'static str = format!("http://{}", tables.local_addr().unwrap()).leak();
    let more = [("CAMTRAIL__ARRIVAL__MODE", "notified"), ("AWS_ENDPOINT_URL_DYNAMODB", address)];
    let mut gateway = start(&endpoint(&seaweed), &more, true);
    let addresses = std::fs::read_to_string(gateway.data_dir().join("run/addresses.json")).unwrap();
    assert!(!addresses.contains("http"), "{addresses}");
    curl(&gateway, &data(STILL), "/backyard/snap/");
    let poster = format!("derived/{STILL_KEY}/poster.jpg");
    let made = wait("still, poster and manifest are in the bucket", || {
        seaweed.object(&format!("derived/{STILL_KEY}/media.json"))
    });
    let manifest: serde_json::Value = serde_json::from_slice(&made).unwrap();
    assert_eq!(manifest["poster"], true);
    assert_eq!(sha256(&seaweed.object(STILL_KEY).unwrap()), sha256(&sample(STILL)));
    assert!(seaweed.object(&poster).is_some_and(|jpeg| jpeg.starts_with(&[0xFF, 0xD8])));
    wait("the spool is empty", || {
        let left = std::fs::read_dir(gateway.data_dir().join("spool")).unwrap().count();
        (left == 0).then_some(())
    });
    gateway.terminate();
    assert_eq!(
        tables.accept().unwrap_err().kind(),
        std::io::ErrorKind::WouldBlock,
        "nobody asked for a table"
    );
}

/// What a person reads while the bucket can't be used; and the clips go when it can.
#[test]
fn wrong_keys_are_told_and_cost_nothing() {
    let seaweed = SeaweedFs::start(BUCKET);
    let wrong = [("AWS_SECRET_ACCESS_KEY", "wrong"), ("CAMTRAIL__STORE__STALL_LIMIT", "2s")];
    let endpoint = endpoint(&seaweed);
    let mut instance = start(&endpoint, &wrong, false);
    let still = still_with(1, 9_000);
    instance.camera().upload("/gate/snap/a.jpg", &still);
    let web = instance.person();
    let problem = wait("the trouble is shown", || {
        web.get("/api/v1/status").json()["spool"]["problem"].as_str().map(str::to_owned)
    });
    assert!(problem.starts_with("the store refused: SignatureDoesNotMatch: "), "{problem}");
    assert!(!instance.log().contains("wrong"), "no secret is written down");
    let data_dir = instance.data_dir().to_owned();
    instance.terminate();
    let env = settings(&endpoint);
    let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let right = Instance::with(&Options { env: &env, data_dir: Some(data_dir), ..Options::default() });
    let web = right.person();
    web.settle();
    let events = web.events("");
    assert_eq!(events.len(), 1);
    assert!(events[0]["poster_url"].is_string());
}
