//! Uploads by HTTP: durable before `201`, only with the camera's token, cut ones kept, a full spool told.

use std::{
    fs,
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    path::Path,
    time::Duration,
};

use crate::support::{
    CLIP, Instance, Options, Reply, by_original, camtrail, program_stream, run, sample, sha256, still_with,
    text, wait,
};

/// A token as a person makes one, beside the running program.
fn token(instance: &Instance, name: &str) -> String {
    let output = run(camtrail().args(["camera", "token", name, "--data-dir"]).arg(instance.data_dir()));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("shown only this once"), "{said}");
    said.split_whitespace().nth(3).unwrap().to_owned()
}

fn put(instance: &Instance, token: &str, path: &str, bytes: &[u8]) -> Reply {
    instance.person().put(&format!("/ingest/{path}"), &[("authorization", &format!("Bearer {token}"))], bytes)
}

/// A connection on which a head was sent and no body yet.
fn begin(to: SocketAddr, token: &str, path: &str, framing: &str) -> TcpStream {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let head = format!(
        "PUT /ingest/{path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n{framing}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

fn status(mut stream: TcpStream) -> u16 {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_whitespace().nth(1).unwrap_or_default().parse().unwrap_or_default()
}

fn arrived(instance: &Instance, bytes: u64) {
    let web = instance.person();
    let under_way = || web.get("/api/v1/status").json()["spool"]["bytes"].as_u64().unwrap();
    wait("the bytes arrive", || (under_way() >= bytes).then_some(()));
}

#[test]
fn an_upload_is_there_after_a_kill_once_and_under_its_own_time() {
    let mut instance = Instance::start();
    let (gate, shared) = (token(&instance, "gate"), token(&instance, "*"));
    let (clip, still) = (sample(CLIP), still_with(1, 9_000));
    let reply = put(&instance, &gate, &format!("gate/record/{CLIP}"), &clip);
    assert_eq!(reply.status, 201, "{}", reply.text());
    let told = reply.json();
    assert_eq!((text(&told, "camera"), text(&told, "sha256")), ("gate", sha256(&clip).as_str()));
    assert_eq!(put(&instance, &shared, "porch/snap/MDAlarm_20160830-155137.jpg", &still).status, 201);
    instance.restart();
    assert_eq!(put(&instance, &gate, &format!("gate/record/{CLIP}"), &clip).status, 201, "a replay");
    let web = instance.person();
    web.settle();
    assert_eq!(web.events("").len(), 2);
    let event = by_original(&web, &clip);
    assert_eq!(
        text(&event, "object_key"),
        "patrolcams/gate/2016-08-30/Hour-15/record/MDalarm_20160830_152954.mp4"
    );
    assert_eq!((event["complete"].as_bool(), text(&event, "time_source")), (Some(true), "name"));
    assert_eq!(text(&by_original(&web, &still), "camera_name"), "porch");
}

#[test]
fn only_the_cameras_own_token_lets_in_until_it_is_revoked() {
    let instance = Instance::start();
    let gate = token(&instance, "gate");
    let still = still_with(1, 9_000);
    put(&instance, &gate, "porch/snap/a.jpg", &still).problem(403);
    let refused = put(&instance, "guessed", "gate/snap/a.jpg", &still);
    assert_eq!(refused.header("www-authenticate"), "Bearer");
    refused.problem(401);
    instance.person().put("/ingest/gate/snap/a.jpg", &[], &still).problem(401);
    for path in
        ["gate/../porch/a.jpg", "gate/%2e%2e/%2e%2e/a.jpg", "gate/a%2f..%2fb.jpg", "gate/a%00.jpg", "gate//"]
    {
        let stream = begin(instance.http(), &gate, path, "content-length: 0");
        assert_eq!(status(stream), 400, "{path}");
    }
    assert_eq!(put(&instance, &gate, "gate/snap/a.jpg", &still).status, 201);
    let output =
        run(camtrail().args(["camera", "revoke-token", "gate", "--data-dir"]).arg(instance.data_dir()));
    assert!(output.status.success());
    put(&instance, &gate, "gate/snap/b.jpg", &still_with(2, 9_000)).problem(401);
    let kept = fs::read(instance.data_dir().join("catalog.db")).unwrap();
    assert!(!kept.windows(gate.len()).any(|window| window == gate.as_bytes()), "only its digest is kept");
    let web = instance.person();
    web.settle();
    assert_eq!(web.events("").len(), 1);
    assert!(!Path::new(&instance.cwd()).join("porch").exists());
}

/// NEVER-19, by this door: announced by length or in chunks, lost by a clean end or a reset.
#[test]
fn a_cut_upload_is_kept_and_gives_way_to_the_whole_one() {
    let instance = Instance::start();
    let gate = token(&instance, "gate");
    let web = instance.person();
    let whole = still_with(1, 300_000);
    let path = "gate/snap/MDAlarm_20160830-155137.jpg";
    let length = format!("content-length: {}", whole.len());
    let mut stream = begin(instance.http(), &gate, path, &length);
    stream.write_all(&whole[..100_000]).unwrap();
    arrived(&instance, 100_000);
    stream.shutdown(Shutdown::Write).unwrap();
    drop(stream);
    assert_eq!(by_original(&web, &whole[..100_000])["complete"], false);
    web.settle();
    let mut stream = begin(instance.http(), &gate, path, "transfer-encoding: chunked");
    stream.write_all(b"249F0\r\n").unwrap();
    stream.write_all(&whole[..150_000]).unwrap();
    arrived(&instance, 150_000);
    drop(stream);
    assert_eq!(by_original(&web, &whole[..150_000])["complete"], false);
    assert_eq!(put(&instance, &gate, path, &whole).status, 201);
    web.settle();
    let events = web.events("");
    assert_eq!((events.len(), events[0]["complete"].as_bool()), (1, Some(true)), "{events:#?}");
    assert_eq!(text(&events[0], "original_sha256"), sha256(&whole));
}

/// A format without an end mark: in chunks, the last one says that this was all.
#[test]
fn a_chunked_upload_is_whole_when_its_last_chunk_came() {
    let instance = Instance::start();
    let gate = token(&instance, "gate");
    let clip = program_stream();
    let mut stream = begin(instance.http(), &gate, "gate/record/clip.mpg", "transfer-encoding: chunked");
    for piece in clip.chunks(10_000) {
        stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).unwrap();
        stream.write_all(piece).unwrap();
        stream.write_all(b"\r\n").unwrap();
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
    assert_eq!(status(stream), 201);
    assert_eq!(by_original(&instance.person(), clip)["complete"], true);
}

#[test]
fn an_upload_under_way_at_a_stop_is_kept() {
    let mut instance = Instance::start();
    let gate = token(&instance, "gate");
    let whole = still_with(1, 300_000);
    let length = format!("content-length: {}", whole.len());
    let mut stream = begin(instance.http(), &gate, "gate/snap/a.jpg", &length);
    stream.write_all(&whole[..200_000]).unwrap();
    arrived(&instance, 200_000);
    instance.terminate();
    drop(stream);
    instance.restart();
    assert_eq!(by_original(&instance.person(), &whole[..200_000])["complete"], false);
}

#[test]
fn a_full_spool_is_507_and_recovers_by_itself() {
    let env = [("CAMTRAIL__SPOOL__MAX_BYTES", "1MB")];
    let instance = Instance::with(&Options { env: &env, ..Options::default() });
    let gate = token(&instance, "gate");
    let obstacle = instance.data_dir().join("store/patrolcams");
    fs::write(&obstacle, b"in the way").unwrap();
    assert_eq!(put(&instance, &gate, "gate/snap/first.jpg", &still_with(1, 700_000)).status, 201);
    let full = put(&instance, &gate, "gate/snap/second.jpg", &still_with(2, 700_000)).problem(507);
    assert!(full.contains("spool.max_bytes"), "{full}");
    put(&instance, &gate, "gate/snap/huge.jpg", &still_with(3, 1_100_000)).problem(413);
    fs::remove_file(&obstacle).unwrap();
    let web = instance.person();
    web.settle();
    assert_eq!(put(&instance, &gate, "gate/snap/second.jpg", &still_with(2, 700_000)).status, 201);
    web.settle();
    assert_eq!(web.events("").len(), 2);
}
