//! What every [`ObjectStore`] promises, as a suite that each implementation runs on an empty store.

#![expect(clippy::unwrap_used, reason = "a broken promise ends the test")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::ports::{Listing, ObjectStore, PutOutcome, PutWhen, StoreError, StoredObject, SystemClock};

/// Names that cameras and people really use, and what some store or tool once mangled (NEVER-13).
const AWKWARD: [&str; 8] = [
    "base/O'Brien 50% #1/2016-08-30/Hour-15/snap/a+b (ü).JPG",
    "base/cam/2016-08-30/Hour-15/snap/a%20b.jpg",
    "base/cam/2016-08-30/Hour-15/snap/a b.jpg",
    "base/cam/2016-08-30/Hour-15/snap/a+b.jpg",
    "base/cam/2016-08-30/Hour-15/snap/[M][1]~{x}^$&;=@,!'.jpg",
    "base/cam/2016-08-30/Hour-15/snap/#12",
    "base/cam/2016-08-30/Hour-15/snap/back\\slash?query|<html>\"quoted\".jpg",
    "base/cam/2016-08-30/Hour-15/snap/日本語 кириллица.jpg",
];

struct Bench<S> {
    store: Arc<S>,
    dir: PathBuf,
    files: AtomicUsize,
}

impl<S: ObjectStore + 'static> Bench<S> {
    /// A file of its own each time: what was put may be a link to it, and is never changed.
    fn source(&self, bytes: &[u8]) -> PathBuf {
        let path = self.dir.join(format!("source-{}", self.files.fetch_add(1, Ordering::Relaxed)));
        std::fs::write(&path, bytes).unwrap();
        path
    }

    async fn put(&self, key: &str, bytes: &[u8], word: &str, when: PutWhen) -> PutOutcome {
        let source = self.source(bytes);
        self.store.put_file(key, &source, Some(&metadata(word)), when).await.unwrap()
    }

    async fn head(&self, key: &str) -> (u64, BTreeMap<String, String>) {
        let StoredObject { size, metadata, modified_at } = self.store.head(key).await.unwrap().unwrap();
        let age_ms = crate::ports::Clock::now(&SystemClock).0 - modified_at.0;
        assert!((-60_000..600_000).contains(&age_ms), "{key}: written {age_ms} ms ago");
        (size, metadata)
    }

    async fn bytes(&self, key: &str) -> Option<Vec<u8>> {
        self.store.get_bytes(key, 1 << 30).await.unwrap()
    }
}

fn metadata(word: &str) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("word".to_owned(), word.to_owned()),
        ("content_type".to_owned(), "image/jpeg".to_owned()),
    ])
}

/// What is told of an object and what these tests know before.
fn object(size: u64, word: &str) -> (u64, BTreeMap<String, String>) {
    (size, metadata(word))
}

/// Runs all of it on `store`; `dir` is an empty folder for the files to put.
pub async fn run<S: ObjectStore + 'static>(store: S, dir: &Path) {
    let bench = Bench { store: Arc::new(store), dir: dir.to_owned(), files: AtomicUsize::new(0) };
    a_put_is_whole_and_keeps_its_metadata(&bench).await;
    concurrent_puts_store_one(&bench).await;
    awkward_keys_are_kept_apart(&bench).await;
    large_and_empty_files(&bench).await;
    small_objects_are_replaced(&bench).await;
    no_change_of_a_small_object_is_lost(&bench).await;
    a_fetch_is_whole_or_nothing(&bench).await;
    a_delete_may_be_repeated(&bench).await;
    expiry_is_told_any_number_of_times(&bench).await;
    keys_cannot_climb(&bench).await;
    a_listing_has_every_key_once(&bench).await;
}

async fn a_put_is_whole_and_keeps_its_metadata<S: ObjectStore + 'static>(bench: &Bench<S>) {
    const KEY: &str = "base/whole/x.jpg";
    assert_eq!(bench.store.head(KEY).await.unwrap(), None);
    assert_eq!(bench.bytes(KEY).await, None);
    assert_eq!(bench.put(KEY, b"one", "first", PutWhen::Absent).await, PutOutcome::Stored);
    assert_eq!(bench.put(KEY, b"three", "second", PutWhen::Absent).await, PutOutcome::Exists);
    assert_eq!(bench.head(KEY).await, object(3, "first"), "a refused put changes nothing");
    assert_eq!(bench.put(KEY, b"three", "second", PutWhen::Always).await, PutOutcome::Stored);
    assert_eq!(bench.bytes(KEY).await.unwrap(), b"three");
    assert_eq!(bench.head(KEY).await, object(5, "second"));
}

/// NEVER-12: of many concurrent puts to one key one stores, with its own metadata.
async fn concurrent_puts_store_one<S: ObjectStore + 'static>(bench: &Bench<S>) {
    const KEY: &str = "base/concurrent/x.jpg";
    let tasks: Vec<_> = (1..20)
        .map(|n| {
            let (store, source) = (Arc::clone(&bench.store), bench.source(&vec![1; n]));
            tokio::spawn(async move {
                let word = metadata(&n.to_string());
                (n, store.put_file(KEY, &source, Some(&word), PutWhen::Absent).await.unwrap())
            })
        })
        .collect();
    let mut stored = Vec::new();
    for task in tasks {
        let (n, outcome) = task.await.unwrap();
        if outcome == PutOutcome::Stored {
            stored.push(n as u64);
        }
    }
    assert_eq!(stored.len(), 1);
    assert_eq!(bench.head(KEY).await, object(stored[0], &stored[0].to_string()));
}

async fn awkward_keys_are_kept_apart<S: ObjectStore + 'static>(bench: &Bench<S>) {
    for key in AWKWARD {
        assert_eq!(bench.put(key, key.as_bytes(), "x", PutWhen::Absent).await, PutOutcome::Stored, "{key}");
    }
    for key in AWKWARD {
        assert_eq!(bench.bytes(key).await.as_deref(), Some(key.as_bytes()), "{key}");
        bench.store.delete(key).await.unwrap();
    }
    for key in AWKWARD {
        assert_eq!(bench.store.head(key).await.unwrap(), None, "{key}");
    }
}

async fn large_and_empty_files<S: ObjectStore + 'static>(bench: &Bench<S>) {
    let large: Vec<u8> = (0..5_300_000_u32).flat_map(u32::to_le_bytes).collect();
    for (key, bytes) in [("base/large/x.mp4", &large[..]), ("base/empty/x.mp4", b"")] {
        assert_eq!(bench.put(key, bytes, "first", PutWhen::Absent).await, PutOutcome::Stored, "{key}");
        assert_eq!(bench.put(key, &large, "second", PutWhen::Absent).await, PutOutcome::Exists, "{key}");
        assert_eq!(bench.head(key).await, object(bytes.len() as u64, "first"), "{key}");
        assert!(bench.bytes(key).await.unwrap() == bytes, "{key}");
    }
    let longer = [&large[..], b"more"].concat();
    let key = "base/large/x.mp4";
    assert_eq!(bench.put(key, &longer, "third", PutWhen::Always).await, PutOutcome::Stored);
    assert_eq!(bench.head(key).await, object(longer.len() as u64, "third"));
}

async fn small_objects_are_replaced<S: ObjectStore + 'static>(bench: &Bench<S>) {
    const KEY: &str = "derived/base/x.jpg/media.json";
    for bytes in [&b"first"[..], b"second one", b""] {
        bench.store.put_bytes(KEY, bytes).await.unwrap();
        assert_eq!(bench.bytes(KEY).await.unwrap(), bytes);
    }
    bench.store.put_bytes(KEY, b"too much").await.unwrap();
    assert!(bench.store.get_bytes(KEY, 7).await.is_err(), "more than was asked for is no answer");
    assert!(bench.store.get_bytes(KEY, 8).await.is_ok());
}

/// NEVER-18: many read, add their own and write back; each either succeeds on what it read, or is told to read again.
async fn no_change_of_a_small_object_is_lost<S: ObjectStore + 'static>(bench: &Bench<S>) {
    const KEY: &str = "derived/base/shared/x.jpg/media.json";
    const WRITERS: u8 = 8;
    let (store, of) = (&bench.store, "another content is left alone");
    assert_eq!(store.get_versioned(KEY, 100).await.unwrap(), None);
    assert!(store.replace_bytes(KEY, b"a", None).await.unwrap());
    assert!(!store.replace_bytes(KEY, b"b", None).await.unwrap(), "{of}");
    let (bytes, first) = store.get_versioned(KEY, 100).await.unwrap().unwrap();
    assert_eq!(bytes, b"a");
    assert!(store.replace_bytes(KEY, b"c", Some(&first)).await.unwrap());
    assert!(!store.replace_bytes(KEY, b"d", Some(&first)).await.unwrap(), "{of}");
    assert_eq!(bench.bytes(KEY).await.unwrap(), b"c");
    assert!(store.get_versioned(KEY, 0).await.is_err(), "more than was asked for is no answer");
    store.delete(KEY).await.unwrap();
    assert!(!store.replace_bytes(KEY, b"e", Some(&first)).await.unwrap(), "what is gone isn't made anew");
    let writers: Vec<_> = (0..WRITERS)
        .map(|mine| {
            let store = Arc::clone(store);
            tokio::spawn(async move {
                loop {
                    let read = store.get_versioned(KEY, 100).await.unwrap();
                    let (mut bytes, was) = read.map_or((Vec::new(), None), |(bytes, was)| (bytes, Some(was)));
                    bytes.push(mine);
                    if store.replace_bytes(KEY, &bytes, was.as_ref()).await.unwrap() {
                        return;
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let mut all = bench.bytes(KEY).await.unwrap();
    all.sort_unstable();
    assert_eq!(all, (0..WRITERS).collect::<Vec<_>>());
}

async fn a_fetch_is_whole_or_nothing<S: ObjectStore + 'static>(bench: &Bench<S>) {
    let large: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let dest = bench.dir.join("fetched");
    for (key, bytes) in [(AWKWARD[0], &large[..]), ("base/fetched/empty.mp4", b"")] {
        let size = bytes.len() as u64;
        assert_eq!(bench.store.fetch(key, &dest, size).await.unwrap(), None, "{key}");
        assert!(!dest.exists(), "{key}");
        bench.put(key, bytes, "x", PutWhen::Absent).await;
        if size > 0 {
            let refused = bench.store.fetch(key, &dest, size - 1).await;
            assert!(matches!(refused, Err(StoreError::Refused(_))), "{key}: {refused:?}");
            assert!(!dest.exists(), "{key}");
        }
        assert_eq!(bench.store.fetch(key, &dest, size).await.unwrap(), Some(size), "{key}");
        // Whatever becomes of the object, who fetched it keeps what came.
        bench.put(key, b"other", "y", PutWhen::Always).await;
        bench.store.delete(key).await.unwrap();
        assert!(std::fs::read(&dest).unwrap() == bytes, "{key}");
        bench.put(key, b"other", "y", PutWhen::Absent).await;
        assert!(bench.store.fetch(key, &dest, 100).await.is_err(), "{key}: a file that is there stays");
        assert!(std::fs::read(&dest).unwrap() == bytes, "{key}");
        bench.store.delete(key).await.unwrap();
        std::fs::remove_file(&dest).unwrap();
    }
}

async fn a_delete_may_be_repeated<S: ObjectStore + 'static>(bench: &Bench<S>) {
    const KEY: &str = "base/deleted/x.jpg";
    bench.put(KEY, b"x", "x", PutWhen::Absent).await;
    bench.store.delete(KEY).await.unwrap();
    bench.store.delete(KEY).await.unwrap();
    assert_eq!(bench.store.head(KEY).await.unwrap(), None);
    assert_eq!(bench.put(KEY, b"y", "y", PutWhen::Absent).await, PutOutcome::Stored, "a deleted key is free");
}

/// Whether there is such an object or not; and the object stays what it is.
async fn expiry_is_told_any_number_of_times<S: ObjectStore + 'static>(bench: &Bench<S>) {
    for key in AWKWARD {
        bench.store.let_expire(key, false).await.unwrap();
        bench.store.let_expire(key, true).await.unwrap();
        assert_eq!(bench.store.head(key).await.unwrap(), None, "{key}");
        bench.put(key, b"x", "x", PutWhen::Absent).await;
        for may_expire in [false, false, true, true, false] {
            bench.store.let_expire(key, may_expire).await.unwrap();
        }
        assert_eq!(bench.head(key).await, object(1, "x"), "{key}");
        bench.store.delete(key).await.unwrap();
    }
}

async fn keys_cannot_climb<S: ObjectStore + 'static>(bench: &Bench<S>) {
    for key in ["../x", "a/../x", "a//b", "a/./b", ""] {
        assert!(matches!(bench.store.head(key).await, Err(StoreError::Refused(_))), "{key:?}");
    }
}

/// Also where a folder's name begins like a file's, and where parts end.
async fn a_listing_has_every_key_once<S: ObjectStore + 'static>(bench: &Bench<S>) {
    const FOLDER: &str = "list/base";
    let empty = bench.store.list(FOLDER, None).await.unwrap();
    assert_eq!((empty.keys.len(), empty.more), (0, false));
    let mut keys: Vec<String> = [
        "list/base/a/1.jpg",
        "list/base/a-b/1.jpg",
        "list/base/a.b/1.jpg",
        "list/base/a/b/c/d.jpg",
        "list/base/a0",
    ]
    .map(str::to_owned)
    .to_vec();
    // SeaweedFS lists a backslash as a slash.
    let awkward = AWKWARD.iter().filter(|key| !key.contains('\\'));
    keys.extend(awkward.map(|key| key.replacen("base/", "list/base/", 1)));
    keys.extend((0..Listing::MAX + 20).map(|n| format!("list/base/many{}/{n}.jpg", n % 7)));
    for key in &keys {
        bench.store.put_bytes(key, b"x").await.unwrap();
    }
    // Neither below the folder.
    bench.store.put_bytes("list/base2/x.jpg", b"x").await.unwrap();
    bench.store.put_bytes("list/basement.jpg", b"x").await.unwrap();
    keys.sort();
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let part = bench.store.list(FOLDER, after.as_deref()).await.unwrap();
        assert!(part.keys.len() <= Listing::MAX);
        found.extend(part.keys);
        if !part.more {
            break;
        }
        after = found.last().cloned();
    }
    let in_order = found.clone();
    found.sort();
    let missing: Vec<_> = keys.iter().filter(|key| !found.contains(key)).collect();
    let strange: Vec<_> = found.iter().filter(|key| !keys.contains(key)).collect();
    assert!(found == keys, "{} of {}: missing {missing:?}, strange {strange:?}", found.len(), keys.len());
    // From any key on, all that came behind it.
    for at in (0..in_order.len()).step_by(101).chain([in_order.len() - 1]) {
        let part = bench.store.list(FOLDER, Some(&in_order[at])).await.unwrap();
        let behind = &in_order[at + 1..];
        assert_eq!(part.keys, behind[..behind.len().min(Listing::MAX)], "after {}", in_order[at]);
    }
    // A key that is gone still marks its place.
    bench.store.delete(&in_order[5]).await.unwrap();
    let part = bench.store.list(FOLDER, Some(&in_order[5])).await.unwrap();
    assert_eq!(part.keys[0], in_order[6]);
}
