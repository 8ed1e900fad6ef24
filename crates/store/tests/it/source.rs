//! A bucket that is only read: any key on a real SeaweedFS, and answers that a server gives on bad days.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use camtrail_model::{Digest, Millis};
use camtrail_services::{S3_KEY, S3_REGION, S3_SECRET, SeaweedFs};
use camtrail_store::{SourceBucket, SourceConfig, SourceError, SourceObject};

use crate::s3::BUCKET;

fn source(endpoint: &str) -> SourceConfig {
    SourceConfig {
        bucket: BUCKET.to_owned(),
        region: S3_REGION.to_owned(),
        endpoint: Some(endpoint.to_owned()),
        profile: None,
        keys: Some((S3_KEY.to_owned(), S3_SECRET.to_owned())),
        stall_limit: Duration::from_secs(5),
    }
}

fn put(seaweed: &SeaweedFs, path: &str, bytes: &[u8]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let data = format!("@{}", file.path().display());
    let unsigned = ["--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD", "--header", "x-amz-meta-a: b%20c"];
    seaweed.s3_request("PUT", path, &[&unsigned[..], &["--data-binary", &data]].concat())
}

/// Spaces, signs, any script, and the longest key; by pages and by levels.
#[tokio::test(flavor = "multi_thread")]
async fn any_key_is_listed_and_read() {
    let seaweed = SeaweedFs::start(BUCKET);
    let long = format!("long/{}/{}/end.jpg", "d".repeat(250), "e".repeat(250));
    let keys = [
        ("gate/a%20b%2Bc%25d.mp4", "gate/a b+c%d.mp4"),
        ("Gar%C3%A9/%E5%BA%AD.jpg", "Garé/庭.jpg"),
        ("gate/it%27s%20%26%20%3Cx%3E.jpg", "gate/it's & <x>.jpg"),
        (long.as_str(), long.as_str()),
    ];
    for (path, key) in keys {
        assert_eq!(put(&seaweed, &format!("/{path}"), key.as_bytes()), "200", "{key}");
    }
    let bucket = SourceBucket::open(&source(&seaweed.endpoint())).unwrap();
    let mut listed = bucket.list("", false, None).await.unwrap().objects;
    listed.retain(|object| !object.key.ends_with('/'));
    let mut found: Vec<_> = listed.iter().map(|object| object.key.as_str()).collect();
    let mut want = keys.map(|(_, key)| key).to_vec();
    found.sort_unstable();
    want.sort_unstable();
    assert_eq!(found, want);
    let mut folders = bucket.list("", true, None).await.unwrap().folders;
    folders.sort();
    assert_eq!(folders, ["Garé/", "gate/", "long/"]);
    for object in &listed {
        let look = bucket.look(&object.key).await.unwrap();
        assert_eq!((look.object.size, &look.object.e_tag), (object.size, &object.e_tag));
        assert_eq!(look.metadata.get("a").map(String::as_str), Some("b%20c"), "{:?}", look.metadata);
        let mut bytes = Vec::new();
        let came = bucket.download(&look.object, None, &mut bytes).await.unwrap();
        assert_eq!(
            (bytes.as_slice(), came.sha256),
            (object.key.as_bytes(), Digest::of(object.key.as_bytes()))
        );
        assert_eq!(bucket.beginning(object, 3).await.unwrap(), object.key.as_bytes()[..3]);
    }
    assert_eq!(put(&seaweed, "/gate/a%20b%2Bc%25d.mp4", b"other bytes"), "200");
    let old = listed.iter().find(|object| object.key.ends_with("d.mp4")).unwrap();
    assert_eq!(bucket.download(old, None, &mut Vec::new()).await, Err(SourceError::Changed));
    assert_eq!(bucket.look("gate/none.jpg").await.unwrap_err(), SourceError::Gone);
    let wrong =
        SourceConfig { keys: Some((S3_KEY.to_owned(), "wrong".to_owned())), ..source(&seaweed.endpoint()) };
    let wrong = SourceBucket::open(&wrong).unwrap().list("", false, None).await.unwrap_err().to_string();
    assert!(wrong.contains("SignatureDoesNotMatch") && wrong.contains("credentials"), "{wrong}");
}

/// A server that gives its answers in turn, and remembers what it was asked.
struct Script {
    endpoint: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Script {
    fn new(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heads = Arc::clone(&asked);
        thread::spawn(move || {
            for answer in answers {
                let (mut client, _) = listener.accept().unwrap();
                heads.lock().unwrap().push(head_of(&mut client));
                let _ = client.write_all(answer.as_bytes());
            }
        });
        Self { endpoint, asked }
    }

    fn bucket(&self) -> SourceBucket {
        SourceBucket::open(&source(&self.endpoint)).unwrap()
    }

    fn asked(&self, number: usize) -> String {
        self.asked.lock().unwrap()[number].clone()
    }
}

fn head_of(client: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && client.read(&mut byte).unwrap() == 1 {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap().to_ascii_lowercase()
}

fn answer(status: &str, headers: &str, length: usize, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
}

fn object(e_tag: &str) -> SourceObject {
    SourceObject {
        key: "gate/a.mp4".to_owned(),
        size: 10,
        modified_at: Millis(0),
        e_tag: Some(e_tag.to_owned()),
    }
}

/// The MD5 of `0123456789`.
const MD5: &str = "781e5e245d69b566979b86e28d23f2c7";

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_download_goes_on_where_it_was() {
    let tag = format!("etag: \"{MD5}\"\r\n");
    let script = Script::new(vec![
        answer("200 OK", &tag, 10, "0123"),
        answer("503 Slow Down", "", 0, ""),
        answer("206 Partial Content", &format!("{tag}content-range: bytes 4-9/10\r\n"), 6, "456789"),
    ]);
    let mut bytes = Vec::new();
    let came = script.bucket().download(&object(MD5), None, &mut bytes).await.unwrap();
    assert_eq!((bytes.as_slice(), came.sha256), (&b"0123456789"[..], Digest::of(b"0123456789")));
    assert!(script.asked(2).contains("range: bytes=4-\r\n"), "{}", script.asked(2));
    assert!(script.asked(2).contains(&format!("if-match: \"{MD5}\"")), "{}", script.asked(2));
}

/// A server that knows no ranges sends all of it again.
#[tokio::test(flavor = "multi_thread")]
async fn what_came_already_is_passed_over() {
    let tag = format!("etag: \"{MD5}\"\r\n");
    let script =
        Script::new(vec![answer("200 OK", &tag, 10, "0123"), answer("200 OK", &tag, 10, "0123456789")]);
    let mut bytes = Vec::new();
    script.bucket().download(&object(MD5), None, &mut bytes).await.unwrap();
    assert_eq!(bytes, b"0123456789");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_bytes_are_never_taken_for_the_object() {
    let run = async |object: SourceObject, answers: Vec<String>, doubted| {
        Script::new(answers).bucket().download(&object, doubted, &mut Vec::new()).await
    };
    let whole = |headers: &str| vec![answer("200 OK", headers, 10, "012345678X")];
    let tag = format!("etag: \"{MD5}\"\r\n");
    let flipped = Digest::of(b"012345678X");
    assert_eq!(run(object(MD5), whole(&tag), None).await, Err(SourceError::Doubtful(flipped)));
    assert_eq!(run(object(MD5), whole(&tag), Some(flipped)).await.map(|came| came.sha256), Ok(flipped));
    let sum = "x-amz-checksum-sha256: hNiYd/DUBB77a/kaAvBkjy/Vc+avBcGfr7bn4gvdieI=\r\n";
    let damaged = run(object(MD5), whole(&format!("{tag}{sum}")), Some(flipped)).await.unwrap_err();
    assert!(damaged.to_string().contains("may be damaged"), "{damaged}");
    let other = "etag: \"0cc175b9c0f1b6a831c399e269772661\"\r\n";
    assert_eq!(run(object(MD5), whole(other), None).await, Err(SourceError::Changed));
    let shorter = vec![answer("200 OK", &tag, 9, "012345678")];
    assert_eq!(run(object(MD5), shorter, None).await, Err(SourceError::Changed));
    let changed = vec![answer("200 OK", &tag, 10, "0123"), answer("412 Precondition Failed", "", 0, "")];
    assert_eq!(run(object(MD5), changed, None).await, Err(SourceError::Changed));
    let words = "<Error><Code>InvalidObjectState</Code><Message>no</Message><StorageClass>GLACIER</StorageClass></Error>";
    let archived = run(object(MD5), vec![answer("403 Forbidden", "", words.len(), words)], None).await;
    assert!(archived.unwrap_err().to_string().contains("archived (GLACIER)"));
    let dots = SourceObject { key: "a/../b.jpg".to_owned(), ..object(MD5) };
    let refused = run(dots, Vec::new(), None).await.unwrap_err().to_string();
    assert!(refused.contains("\"..\""), "{refused}");
}
