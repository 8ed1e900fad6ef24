//! What only a bucket does: parts that go on, links, limits, and trouble on the line.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use camtrail_model::{
    Millis,
    ports::{Link, ObjectStore, PutOutcome, PutWhen, StoreError},
};
use camtrail_services::{S3_KEY, S3_REGION, S3_SECRET, SeaweedFs};
use camtrail_store::{S3Config, S3Store};

use crate::between::{Between, Deed};

pub(crate) const BUCKET: &str = "security-alarms";

/// The configuration of a test's bucket; its keys go by the environment, as anybody's do.
pub(crate) fn config(endpoint: &str, dir: &Path) -> S3Config {
    S3Config {
        bucket: BUCKET.to_owned(),
        region: S3_REGION.to_owned(),
        endpoint: Some(endpoint.to_owned()),
        public_endpoint: None,
        max_bytes_per_second: None,
        stall_limit: Duration::from_secs(5),
        tags: true,
        notes_dir: dir.join("multipart"),
        keys: Some((S3_KEY.to_owned(), S3_SECRET.to_owned())),
    }
}

const KEY: &str = "patrolcams/backyard/2016-08-30/Hour-15/record/a b+c.mp4";

struct Bench {
    seaweed: SeaweedFs,
    between: Between,
    dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let seaweed = SeaweedFs::start(BUCKET);
        let between = Between::start(&seaweed.endpoint());
        Self { seaweed, between, dir: tempfile::tempdir().unwrap() }
    }

    fn store(&self) -> S3Store {
        S3Store::open(&config(&self.between.endpoint(), self.dir.path())).unwrap()
    }

    fn file(&self, bytes: &[u8]) -> PathBuf {
        let path = self.dir.path().join("file");
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

fn metadata() -> BTreeMap<String, String> {
    BTreeMap::from([("sha256".to_owned(), "abc".to_owned())])
}

fn large(bytes: u32) -> Vec<u8> {
    (0..bytes / 4).flat_map(u32::to_le_bytes).collect()
}

/// A large file on a bad line: each try goes on where the last one was cut, also in a new process; nothing that the
/// store has confirmed is sent again.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_goes_on_where_it_was_cut() {
    let bench = Bench::new();
    let bytes = large(60_000_000);
    let file = bench.file(&bytes);
    let mut tries = 0_u32;
    loop {
        tries += 1;
        // A process of its own each time, and a line that dies after some 20 MB.
        bench.between.cut_after(20_000_000);
        match bench.store().put_file(KEY, &file, Some(&metadata()), PutWhen::Absent).await {
            Ok(PutOutcome::Stored) => break,
            Err(StoreError::Unavailable(_)) if tries < 10 => {}
            other => panic!("try {tries}: {other:?}"),
        }
    }
    assert!(tries > 2, "the line was cut in fact");
    assert!(bench.seaweed.object(KEY).unwrap() == bytes);
    let sent = bench.between.sent();
    assert!(sent < 60_000_000 + u64::from(tries) * 9_000_000, "{sent} bytes sent in {tries} tries");
    let notes = std::fs::read_dir(bench.dir.path().join("multipart")).unwrap().count();
    assert_eq!(notes, 0, "no note is left");
}

/// What was read of the file at an earlier try doesn't bind: other bytes there now are sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_stale_note_is_never_wrong() {
    let bench = Bench::new();
    let mut bytes = large(30_000_000);
    bench.between.cut_after(12_000_000);
    let first = bench.store().put_file(KEY, &bench.file(&bytes), Some(&metadata()), PutWhen::Absent).await;
    assert!(first.is_err());
    bytes[0] ^= 1;
    bench.between.cut_after(u64::MAX);
    let second = bench.store().put_file(KEY, &bench.file(&bytes), Some(&metadata()), PutWhen::Absent).await;
    assert_eq!(second.unwrap(), PutOutcome::Stored);
    assert!(bench.seaweed.object(KEY).unwrap() == bytes);
}

/// Bytes that change on the way are noticed by the store, and never become an object (NEVER-15).
#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_is_refused() {
    let bench = Bench::new();
    bench.between.now(Deed::FlipABit);
    let file = bench.file(&large(100_000));
    let put = bench.store().put_file(KEY, &file, Some(&metadata()), PutWhen::Absent).await;
    assert!(put.is_err(), "{put:?}");
    assert_eq!(bench.seaweed.object(KEY), None);
    bench.between.now(Deed::Pass);
    let put = bench.store().put_file(KEY, &file, Some(&metadata()), PutWhen::Absent).await;
    assert_eq!(put.unwrap(), PutOutcome::Stored);
}

/// A lost answer: the object is there, and the next try finds it.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_found_out() {
    let bench = Bench::new();
    bench.between.now(Deed::LoseTheAnswer);
    let file = bench.file(b"a still");
    let put = bench.store().put_file(KEY, &file, Some(&metadata()), PutWhen::Absent).await;
    assert!(matches!(put, Err(StoreError::Unavailable(_))), "{put:?}");
    bench.between.now(Deed::Pass);
    let put = bench.store().put_file(KEY, &file, Some(&metadata()), PutWhen::Absent).await;
    assert_eq!(put.unwrap(), PutOutcome::Exists);
    assert_eq!(bench.store().head(KEY).await.unwrap().unwrap().metadata["sha256"], "abc");
}

/// A store that takes everything and says nothing costs the limit of standstill, no more.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_hangs_is_given_up() {
    let bench = Bench::new();
    bench.between.now(Deed::Hang);
    let started = Instant::now();
    let put = bench.store().put_file(KEY, &bench.file(b"a still"), Some(&metadata()), PutWhen::Absent).await;
    let problem = put.unwrap_err().to_string();
    assert!(problem.contains("nothing moved for 5 s"), "{problem}");
    assert!(started.elapsed() >= Duration::from_secs(5));
}

/// What a person reads when keys, bucket or server are wrong.
#[tokio::test(flavor = "multi_thread")]
async fn trouble_is_told_in_words() {
    let bench = Bench::new();
    let with = |change: &dyn Fn(&mut S3Config)| {
        let mut config = config(&bench.between.endpoint(), bench.dir.path());
        change(&mut config);
        S3Store::open(&config).unwrap()
    };
    let file = bench.file(b"a still");
    let problem = async |store: S3Store| {
        store.put_file(KEY, &file, Some(&metadata()), PutWhen::Absent).await.unwrap_err()
    };
    let wrong_key = problem(with(&|c| c.keys = Some(("nobody".to_owned(), "x".to_owned())))).await;
    assert!(matches!(wrong_key, StoreError::Refused(_)), "{wrong_key}");
    assert!(wrong_key.to_string().starts_with("the store refused: InvalidAccessKeyId: "), "{wrong_key}");
    let wrong_bucket = problem(with(&|c| c.bucket = "no-such-bucket".to_owned())).await;
    assert!(matches!(wrong_bucket, StoreError::Refused(_)), "{wrong_bucket}");
    let nobody = problem(with(&|c| c.endpoint = Some("http://127.0.0.1:1".to_owned()))).await;
    assert!(matches!(nobody, StoreError::Unavailable(_)), "{nobody}");
    assert!(nobody.to_string().to_lowercase().contains("connect"), "{nobody}");
}

/// The bandwidth limit holds over all uploads together.
#[tokio::test(flavor = "multi_thread")]
async fn uploads_leave_room_on_the_line() {
    let bench = Bench::new();
    let limited = S3Config {
        max_bytes_per_second: Some(1_000_000),
        ..config(&bench.between.endpoint(), bench.dir.path())
    };
    let store = S3Store::open(&limited).unwrap();
    let file = bench.file(&large(1_000_000));
    let started = Instant::now();
    let puts = (0..3).map(|n| {
        let (store, file) = (store.clone(), file.clone());
        tokio::spawn(async move {
            store.put_file(&format!("base/{n}.jpg"), &file, None, PutWhen::Absent).await.unwrap()
        })
    });
    for put in puts.collect::<Vec<_>>() {
        assert_eq!(put.await.unwrap(), PutOutcome::Stored);
    }
    // Three megabytes at one a second; the last pieces are paid for and not waited for.
    assert!(started.elapsed() >= Duration::from_millis(2_800), "{:?}", started.elapsed());
}

/// What the bucket's rule goes by: put with every object, taken away, given back; told by the server itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_protected_object_has_no_tag() {
    let bench = Bench::new();
    let store = S3Store::open(&config(&bench.seaweed.endpoint(), bench.dir.path())).unwrap();
    store.put_file(KEY, &bench.file(b"a clip"), Some(&metadata()), PutWhen::Absent).await.unwrap();
    let path = "/patrolcams/backyard/2016-08-30/Hour-15/record/a%20b%2Bc.mp4";
    let headers = bench.dir.path().join("headers");
    let count = || {
        let dump = ["--dump-header", headers.to_str().unwrap()];
        assert_eq!(bench.seaweed.s3_request("GET", path, &dump), "200");
        let told = std::fs::read_to_string(&headers).unwrap().to_ascii_lowercase();
        told.contains("x-amz-tagging-count: 1")
    };
    assert!(count());
    for may_expire in [false, false, true, true, false] {
        store.let_expire(KEY, may_expire).await.unwrap();
        assert_eq!(count(), may_expire);
    }
    store.put_bytes(KEY, b"put again").await.unwrap();
    assert!(count(), "every put lets its object expire");
    let untagged = S3Config { tags: false, ..config("http://127.0.0.1:1", bench.dir.path()) };
    S3Store::open(&untagged).unwrap().let_expire(KEY, false).await.unwrap();
    let wrong = S3Config {
        keys: Some((S3_KEY.to_owned(), "wrong".to_owned())),
        ..config(&bench.seaweed.endpoint(), bench.dir.path())
    };
    let refused = S3Store::open(&wrong).unwrap().let_expire(KEY, false).await.unwrap_err();
    assert!(matches!(refused, StoreError::Refused(_)), "{refused}");
    let nobody = S3Store::open(&config("http://127.0.0.1:1", bench.dir.path())).unwrap();
    assert!(matches!(nobody.let_expire(KEY, true).await, Err(StoreError::Unavailable(_))));
}

/// A browser reads a link without keys, also a part; an altered or another's link is refused.
#[tokio::test(flavor = "multi_thread")]
async fn links_open_one_object() {
    let bench = Bench::new();
    let store = S3Store::open(&config(&bench.seaweed.endpoint(), bench.dir.path())).unwrap();
    for key in [KEY, "base/other.mp4"] {
        store.put_file(key, &bench.file(b"0123456789"), Some(&metadata()), PutWhen::Absent).await.unwrap();
    }
    let now = Millis(i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap());
    let disposition = "attachment; filename=\"a b.mp4\"";
    let link = Link {
        content_type: "video/mp4",
        content_disposition: Some(disposition),
        now,
        valid: Duration::from_mins(15),
    };
    let url = store.link(KEY, &link).await.unwrap().unwrap();
    assert!(url.starts_with(&store.links_from().unwrap()), "{url}");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let get = async |url: &str| client.get(url).header("range", "bytes=2-4").send().await.unwrap();
    let answer = get(&url).await;
    assert_eq!(answer.status(), 206);
    assert_eq!(answer.headers()["content-type"], "video/mp4");
    assert_eq!(answer.headers()["content-disposition"], disposition);
    assert_eq!(answer.text().await.unwrap(), "234");
    let others = url.replace("patrolcams/backyard/2016-08-30/Hour-15/record/a%20b%2Bc.mp4", "base/other.mp4");
    assert_ne!(others, url);
    assert_eq!(get(&others).await.status(), 403);
    assert_eq!(get(url.split('?').next().unwrap()).await.status(), 403);
}
