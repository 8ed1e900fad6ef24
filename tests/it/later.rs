//! What is made of stored events when somebody asks, and by `camtrail backfill`: from a camera's upload to what a browser
//! plays, beside a running server, over a kill, on a bucket and on tables.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

use crate::{
    bucket,
    copies::{files, stuck_once},
    rebuild::{catalog, forget_catalog, rebuild},
    support::{
        Cloud, Instance, LiveStream, Options, SeaweedFs, Web, camtrail, hevc, mp4_with, run, still_with,
        text, wait,
    },
};

const NAME: &str = "/backyard/record/MDalarm_20160830_152954.mp4";

fn ask(web: &Web, event: &Value, what: &str) -> (u16, Value) {
    let reply = web.request("POST", &format!("/api/v1/events/{}/{what}", text(event, "id")), &[], None);
    (reply.status, reply.json())
}

/// Asks until it is there; each answer before says that it is on its way.
fn asked(web: &Web, event: &Value, what: &str) -> Value {
    wait(what, || match ask(web, event, what) {
        (200, event) => Some(event),
        (202, making) => {
            assert!(matches!(text(&making, "state"), "queued" | "running"), "{making}");
            None
        }
        (status, body) => panic!("{status}: {body:#}"),
    })
}

/// The live stream's word that `field` of an event is there now.
fn told(live: &LiveStream, event: &Value, field: &str) -> Value {
    const MESSAGES_MAX: usize = 100;
    let messages = (0..MESSAGES_MAX).map(|_| live.next_event());
    let mut changes =
        messages.filter(|message| message.event == "changed" && message.data["id"] == event["id"]);
    changes.find(|change| !change.data["event"][field].is_null()).unwrap().data["event"].clone()
}

/// ffprobe's word for the picture's codec.
fn codec(clip: &[u8]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("x.mp4");
    fs::write(&file, clip).unwrap();
    let words =
        ["-v", "error", "-select_streams", "v:0", "-show_entries", "stream=codec_name", "-of", "csv=p=0"];
    String::from_utf8(run(Command::new("ffprobe").args(words).arg(&file)).stdout).unwrap().trim().to_owned()
}

fn jpeg_size(bytes: &[u8]) -> (u64, u64) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("x.jpg");
    fs::write(&file, bytes).unwrap();
    let words = ["-v", "error", "-show_entries", "stream=width,height", "-of", "csv=p=0"];
    let said = String::from_utf8(run(Command::new("ffprobe").args(words).arg(&file)).stdout).unwrap();
    let (width, height) = said.trim().split_once(',').unwrap();
    (width.parse().unwrap(), height.parse().unwrap())
}

/// What every client of the copy and the preview relies on.
fn assert_copy_and_preview(media: &Web, event: &Value, path_of: impl Fn(&str) -> String) {
    let url = path_of(text(event, "h264_url"));
    let copy = media.get(&url);
    assert_eq!((copy.status, copy.header("content-type")), (200, "video/mp4"));
    assert_eq!(codec(&copy.body), "h264");
    let part = media.request("GET", &url, &[("range", "bytes=4-7")], None);
    assert_eq!((part.status, &part.body[..]), (206, &b"ftyp"[..]));
    let preview = &event["preview"];
    assert_eq!(
        (&preview["frames"], &preview["columns"], &preview["rows"]),
        (&16.into(), &4.into(), &4.into())
    );
    let jpeg = media.get(&path_of(text(preview, "url")));
    assert_eq!((jpeg.status, jpeg.header("content-type")), (200, "image/jpeg"));
    assert!(jpeg.body.len() < 150_000, "{} bytes", jpeg.body.len());
    assert_eq!(jpeg_size(&jpeg.body), (640, 480));
}

fn backfill(instance: &Instance, arguments: &[&str]) -> (i32, String) {
    let mut command = camtrail();
    command.arg("backfill").args(arguments).arg("--data-dir").arg(instance.data_dir());
    said(run(command.envs(instance.env()).current_dir(instance.cwd())))
}

fn said(output: Output) -> (i32, String) {
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn a_clip_that_a_browser_cannot_play_gets_a_copy_and_a_preview_when_asked() {
    let mut instance = Instance::start();
    let clip = hevc(10);
    instance.camera().upload(NAME, &clip);
    instance.camera().upload("/backyard/record/plain.mp4", &mp4_with(1, 1_000));
    let web = instance.person();
    web.settle();
    let events = web.events("");
    let of = |name: &str| events.iter().find(|event| text(event, "name").contains(name)).unwrap();
    let (event, plain) = (of("MDalarm"), of("plain"));
    assert_eq!(text(event, "video_codec"), "hevc");
    assert!(event["h264_url"].is_null() && event["preview"].is_null());
    let (status, same) = ask(&web, plain, "playable");
    assert_eq!((status, &same["h264_url"]), (200, &Value::Null), "it plays everywhere");
    let live = web.live(None);
    assert_eq!(live.next().event, "ready");
    assert_eq!(ask(&web, event, "playable").0, 202);
    told(&live, event, "h264_url");
    assert_eq!(ask(&web, event, "preview").0, 202);
    told(&live, event, "preview");
    let event = asked(&web, event, "playable");
    assert_copy_and_preview(&web, &event, str::to_owned);
    assert_eq!(web.get(text(&event, "media_url")).body, clip, "the object stays what it is");
    assert!(event["poster_url"].is_string(), "and what was derived before");

    // The same from the store alone.
    instance.terminate();
    let before = catalog(&instance);
    forget_catalog(&instance);
    assert_eq!(rebuild(&instance, &[]).0, 0);
    assert_eq!(catalog(&instance), before);
    instance.restart();
    let web = instance.person();
    let event = asked(&web, &event, "preview");
    assert!(event["h264_url"].is_string());
    assert_eq!(files(&instance.data_dir().join("scratch")), Vec::<String>::new());

    // What goes, goes with all that stands beside it.
    let beside = instance.data_dir().join("store/derived").join(text(&event, "object_key"));
    let names = files(&beside);
    assert!(
        ["h264.mp4", "preview.jpg"].iter().all(|file| names.iter().any(|name| name.ends_with(file))),
        "{names:?}"
    );
    let path = format!("/api/v1/events/{}", text(&event, "id"));
    assert_eq!(web.request("DELETE", &path, &[], None).status, 204);
    assert_eq!(files(&beside), Vec::<String>::new());
    assert_eq!(ask(&web, &event, "playable").0, 404);
}

#[test]
fn previews_are_made_unasked_where_that_is_configured() {
    let env = [("CAMTRAIL__MEDIA__PREVIEW", "always")];
    let instance = Instance::with(&Options { env: &env, ..Options::default() });
    instance.camera().upload(NAME, &mp4_with(1, 1_000));
    instance.camera().upload("/backyard/snap/x.jpg", &still_with(1, 9_000));
    let web = instance.person();
    wait("a preview", || (!web.events("kind=record").first()?["preview"].is_null()).then_some(()));
    assert!(web.events("kind=record")[0]["poster_url"].is_string());
    assert!(web.events("kind=snap")[0]["preview"].is_null());
}

/// In the middle of an encode: the encoder dies with its parent, the next start clears what it left, and the copy can be
/// asked for again.
#[test]
fn a_kill_in_an_encode_leaves_nothing_but_a_wish() {
    let folder = tempfile::tempdir().unwrap();
    let path = stuck_once(folder.path());
    let mut instance = Instance::with(&Options { env: &[("PATH", path.as_str())], ..Options::default() });
    instance.camera().upload(NAME, &hevc(2));
    let web = instance.person();
    web.settle();
    let event = web.events("").remove(0);
    assert_eq!(ask(&web, &event, "playable").0, 202);
    let encoder = wait("the encode has begun", || fs::read_to_string(folder.path().join("mark")).ok());
    assert_eq!(ask(&web, &event, "playable").1["state"], "running");
    let scratch = instance.data_dir().join("scratch");
    assert!(!files(&scratch).is_empty());
    let process = Path::new("/proc").join(encoder.trim());
    assert!(process.exists());
    instance.kill();
    wait("the encoder is gone", || (!process.exists()).then_some(()));
    instance.restart();
    assert_eq!(files(&scratch), Vec::<String>::new());
    let web = instance.person();
    let again = web.events("").remove(0);
    assert!(again["h264_url"].is_null() && again["poster_url"].is_string(), "{again:#}");
    assert!(asked(&web, &again, "playable")["h264_url"].is_string());
    let beside = instance.data_dir().join("store/derived").join(text(&event, "object_key"));
    let left: Vec<_> = files(&beside).into_iter().filter(|name| name.contains(".remux")).collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn a_backfill_makes_what_is_missing_beside_a_running_server() {
    let env = [("CAMTRAIL__MEDIA__POSTER", "false")];
    let instance = Instance::with(&Options { env: &env, ..Options::default() });
    instance.camera().upload(NAME, &hevc(3));
    instance.camera().upload("/porch/record/MDalarm_20160901_000000.mp4", &mp4_with(1, 1_000));
    for n in 0..3 {
        instance.camera().upload(format!("/porch/snap/MDAlarm_20160831-15513{n}.jpg"), &still_with(n, 9_000));
    }
    let web = instance.person();
    web.settle();
    assert!(web.events("").iter().all(|event| event["poster_url"].is_null()));
    let live = web.live(None);
    assert_eq!(live.next().event, "ready");

    let (code, text_of) = backfill(&instance, &["--dry-run"]);
    assert!(
        code == 0 && text_of.contains("posters: 5 would be made") && text_of.contains("previews: 2 would"),
        "{text_of}"
    );
    assert!(web.events("").iter().all(|event| event["poster_url"].is_null()), "a dry run makes nothing");
    let one = ["--what", "posters", "--camera", "porch", "--from", "2016-08-31", "--to", "2016-08-31"];
    let (code, text_of) = backfill(&instance, &one);
    assert!(
        code == 0 && text_of.contains("posters: 3 made") && text_of.contains("3 events looked at"),
        "{text_of}"
    );
    let of = |query: &str| web.events(query).iter().filter(|event| event["poster_url"].is_string()).count();
    assert_eq!((of("camera=porch&kind=snap"), of("kind=record")), (3, 0));
    let still = web.events("kind=snap").remove(0);
    told(&live, &still, "poster_url");

    let (code, text_of) = backfill(&instance, &["--what", "posters,previews,h264,small"]);
    assert!(code == 0 && text_of.contains("posters: 2 made"), "{text_of}");
    assert!(text_of.contains("previews: 2 made") && text_of.contains("H.264 copies: 1 made"), "{text_of}");
    assert!(text_of.contains("small renditions: 1 made, 0 already there, 1 not needed"), "{text_of}");
    let hevc = web.events("camera=backyard").remove(0);
    for field in ["poster_url", "h264_url", "small_url", "preview"] {
        assert!(!hevc[field].is_null(), "{field}: {hevc:#}");
    }
    // Posters that somebody deleted.
    for file in ["poster.jpg", "media.json"] {
        fs::remove_file(instance.data_dir().join("store/derived").join(text(&hevc, "object_key")).join(file))
            .unwrap();
    }
    assert_eq!(rebuild(&instance, &[]).0, 0);
    assert!(web.events("camera=backyard")[0]["poster_url"].is_null());
    let (code, text_of) = backfill(&instance, &[]);
    assert!(
        code == 0 && text_of.contains("posters: 1 made") && text_of.contains("previews: 1 made"),
        "{text_of}"
    );
    let (code, text_of) = backfill(&instance, &["--what", "posters,previews"]);
    assert!(
        code == 0 && text_of.contains("posters: 0 made") && text_of.contains("previews: 0 made"),
        "{text_of}"
    );

    for (arguments, code, why) in [
        (&["--camera", "gatw"][..], 2, "found gatw, expected a camera of the catalog: backyard, porch"),
        (&["--from", "2016-09-02", "--to", "2016-09-01"], 2, "--from 2016-09-02 is after --to 2016-09-01"),
        (&["--from", "yesterday"], 2, "yesterday"),
        (&["--what", "films"], 2, "films"),
    ] {
        let (found, text_of) = backfill(&instance, arguments);
        assert!(found == code && text_of.contains(why), "{arguments:?}: {found}: {text_of}");
    }
}

/// What can't be made isn't a failure; without ffmpeg nothing is begun.
#[test]
fn a_backfill_says_what_cannot_be_made() {
    let instance = Instance::start();
    instance.camera().upload("/gate/record/MDalarm_20160830_152954.mp4", &[7; 9_000]);
    let web = instance.person();
    web.settle();
    let event = web.events("").remove(0);
    let (status, problem) =
        wait("an answer", || Some(ask(&web, &event, "preview")).filter(|(status, _)| *status != 202));
    assert_eq!(status, 422, "{problem:#}");
    for _ in 0..2 {
        let (code, text_of) = backfill(&instance, &["--what", "previews,h264"]);
        assert_eq!(code, 0, "{text_of}");
        assert!(
            text_of.contains("previews: 0 made, 0 already there, 0 not needed, 1 impossible"),
            "{text_of}"
        );
    }
    let mut command = camtrail();
    command.args(["backfill", "--data-dir"]).arg(instance.data_dir()).env("PATH", "/nonexistent");
    let (code, text_of) = said(run(command.current_dir(instance.cwd())));
    assert!(code == 1 && text_of.contains("ffmpeg was not found"), "{text_of}");
}

/// Ctrl-C: what was made stays, what was under way is gone, and the next run goes on.
#[test]
fn an_interrupted_backfill_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let instance = Instance::start();
    instance.camera().upload(NAME, &hevc(2));
    instance.person().settle();
    let mut command = camtrail();
    command.args(["backfill", "--what", "h264", "--data-dir"]).arg(instance.data_dir());
    command.env("PATH", stuck_once(folder.path())).current_dir(instance.cwd());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let encoder = wait("the encode has begun", || fs::read_to_string(folder.path().join("mark")).ok());
    let (code, text_of) = backfill(&instance, &[]);
    assert!(code == 1 && text_of.contains("another backfill of this data dir is running"), "{text_of}");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let (code, text_of) = said(child.wait_with_output().unwrap());
    assert!(code == 1 && text_of.contains("interrupted: what was made stays"), "{text_of}");
    let process = Path::new("/proc").join(encoder.trim());
    wait("the encoder is gone", || (!process.exists()).then_some(()));
    assert_eq!(files(&instance.data_dir().join("scratch")), Vec::<String>::new());
    let (code, text_of) = backfill(&instance, &["--what", "h264"]);
    assert!(code == 0 && text_of.contains("H.264 copies: 1 made"), "{text_of}");
}

#[test]
fn on_a_bucket_all_of_it_is_the_same() {
    let seaweed = SeaweedFs::start(bucket::BUCKET);
    let endpoint = bucket::endpoint(&seaweed);
    let instance = bucket::start(&endpoint, &[], false);
    instance.camera().upload(NAME, &hevc(10));
    let web = instance.person();
    web.settle();
    let event = web.events("").remove(0);
    assert_eq!(ask(&web, &event, "playable").0, 202);
    // At one manifest with the encode, from another process.
    let (code, text_of) = backfill(&instance, &["--what", "previews"]);
    assert!(code == 0 && text_of.contains("previews: 1 made"), "{text_of}");
    let event = asked(&web, &event, "playable");
    let media = Web::anonymous(seaweed.s3());
    assert_copy_and_preview(&media, &event, |url| url.strip_prefix(&endpoint).unwrap().to_owned());
    assert!(event["poster_url"].is_string());
    let key = format!("derived/{}/h264.mp4", text(&event, "object_key"));
    assert!(seaweed.object(&key).is_some());
    let path = format!("/api/v1/events/{}", text(&event, "id"));
    assert_eq!(web.request("DELETE", &path, &[], None).status, 204);
    assert!(seaweed.object(&key).is_none());
    assert_eq!(files(&instance.data_dir().join("scratch")), Vec::<String>::new());
}

/// Bucket and tables, and no server at all: any machine with the rights.
#[test]
fn a_backfill_needs_only_bucket_and_tables() {
    let cloud = Cloud::start();
    let env = cloud.env();
    let env: Vec<_> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let tables = [("CAMTRAIL__CATALOG__KIND", "dynamodb"), ("CAMTRAIL__MEDIA__POSTER", "false")];
    let mut instance = Instance::with(&Options { env: &[&env[..], &tables].concat(), ..Options::default() });
    instance.camera().upload(NAME, &hevc(2));
    instance.person().settle();
    instance.terminate();
    let elsewhere = tempfile::tempdir().unwrap();
    let run_there = || {
        said(run(cloud
            .program(&["backfill", "--what", "posters,previews,h264", "--data-dir"])
            .arg(elsewhere.path())))
    };
    let (code, text_of) = run_there();
    assert!(
        code == 0 && text_of.contains("posters: 1 made") && text_of.contains("H.264 copies: 1 made"),
        "{text_of}"
    );
    let (code, text_of) = run_there();
    assert!(code == 0 && text_of.contains("posters: 0 made"), "{text_of}");
    instance.restart();
    let event = instance.person().events("").remove(0);
    for field in ["poster_url", "h264_url", "preview"] {
        assert!(!event[field].is_null(), "{field}: {event:#}");
    }
}
