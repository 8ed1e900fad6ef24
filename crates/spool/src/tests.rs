//! Spool tests: what a commit promises, and what a start makes of any state that a crash can leave.

use camtrail_model::CameraName;

use super::*;

/// File endings and contents.
type Files<'a> = &'a [(&'a str, &'a [u8])];

const CONFIG: SpoolConfig = SpoolConfig { max_bytes: 1_000_000 };

fn start(path: &str) -> UploadStart {
    UploadStart {
        account: "camera".to_owned(),
        camera: CameraName::parse("backyard").unwrap(),
        path: path.split('/').map(str::to_owned).collect(),
        started_at: Millis(1_700_000_000_000),
        modified_at: None,
    }
}

fn open(dir: &Path) -> (Spool, Recovery) {
    Spool::open(dir, CONFIG).unwrap()
}

async fn put(spool: &Spool, path: &str, bytes: &[u8]) -> SpoolEntry {
    let mut writer = spool.begin(start(path)).unwrap();
    writer.write(bytes).await.unwrap();
    writer.commit(TransferEnd::Complete, Millis(1)).await.unwrap()
}

#[tokio::test]
async fn a_commit_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let entry = put(&open(dir.path()).0, "record/a.mkv", b"clip").await;
    let (spool, recovery) = open(dir.path());
    assert_eq!(recovery, Recovery { entries: 1, cut: 0, lost: 0 });
    assert_eq!(*spool.entries()[0], entry);
    assert_eq!(fs::read(spool.data_path(&entry.id)).unwrap(), b"clip");
    assert_eq!(entry.original_name(), "record/a.mkv");
    spool.remove(&entry.id).unwrap();
    assert_eq!(spool.usage(), Usage::default());
    assert_eq!(open(dir.path()).1, Recovery::default());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

/// NEVER-10, NEVER-19: what was under way at a kill comes back as a cut upload, with its name.
#[tokio::test]
async fn an_upload_under_way_at_a_kill_comes_back_cut() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, _) = open(dir.path());
    let mut writer = spool.begin(start("snap/b.jpg")).unwrap();
    writer.write(&vec![7; 300_000]).await.unwrap();
    std::mem::forget(writer);
    let empty = spool.begin(start("snap/empty.jpg")).unwrap();
    std::mem::forget(empty);
    let (spool, recovery) = open(dir.path());
    assert_eq!(recovery, Recovery { entries: 1, cut: 1, lost: 0 });
    let entry = &spool.entries()[0];
    assert!(matches!(entry.transfer, TransferEnd::Cut(_)));
    assert_eq!((entry.size, entry.original_name().as_str()), (300_000, "snap/b.jpg"));
    assert_eq!(entry.sha256, camtrail_model::Digest::of(&vec![7; 300_000]));
    assert_eq!(open(dir.path()).1, Recovery { entries: 1, cut: 0, lost: 0 }, "and only once");
}

/// A still comes whole before anything goes to the disk: two files are made and none removed. What goes on has a note.
#[tokio::test]
async fn only_an_upload_that_goes_on_has_a_note() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, _) = open(dir.path());
    let endings = || {
        let files = fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().path());
        let mut found: Vec<_> = files.map(|path| path.extension().unwrap().to_owned()).collect();
        found.sort();
        found
    };
    let mut still = spool.begin(start("a.jpg")).unwrap();
    still.write(&vec![7; 100_000]).await.unwrap();
    assert_eq!(endings(), [""; 0]);
    let entry = still.commit(TransferEnd::Complete, Millis(1)).await.unwrap();
    assert_eq!(endings(), ["data", "json"]);
    spool.remove(&entry.id).unwrap();
    let mut clip = spool.begin(start("a.mkv")).unwrap();
    clip.write(&vec![7; 300_000]).await.unwrap();
    assert_eq!(endings(), ["data", "open"]);
    clip.write(&vec![8; 100_000]).await.unwrap();
    let entry = clip.commit(TransferEnd::Complete, Millis(1)).await.unwrap();
    assert_eq!(endings(), ["data", "json"]);
    assert_eq!(fs::read(spool.data_path(&entry.id)).unwrap(), [vec![7; 300_000], vec![8; 100_000]].concat());
    assert_eq!(spool.committing(), 0);
}

/// The clock can stand where it stood before a restart.
#[tokio::test]
async fn no_id_is_given_twice() {
    let dir = tempfile::tempdir().unwrap();
    let first = put(&open(dir.path()).0, "a.jpg", b"one").await;
    let (spool, _) = open(dir.path());
    let second = put(&spool, "a.jpg", b"two").await;
    assert_ne!(first.id, second.id);
    assert_eq!(fs::read(spool.data_path(&first.id)).unwrap(), b"one");
    assert_eq!(fs::read(spool.data_path(&second.id)).unwrap(), b"two");
}

#[tokio::test]
async fn a_dropped_upload_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, _) = open(dir.path());
    let mut writer = spool.begin(start("a")).unwrap();
    writer.write(b"bytes").await.unwrap();
    drop(writer);
    assert_eq!(spool.usage(), Usage::default());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

/// As at a kill, and to the last byte that came.
#[tokio::test]
async fn an_upload_that_a_stop_drops_is_found_as_a_cut_one() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, _) = open(dir.path());
    let mut writer = spool.begin(start("snap/b.jpg")).unwrap();
    writer.write(&[7; 1_000]).await.unwrap();
    let empty = spool.begin(start("snap/c.jpg")).unwrap();
    spool.close();
    drop((writer, empty));
    let (spool, recovery) = open(dir.path());
    assert_eq!(recovery, Recovery { entries: 1, cut: 1, lost: 0 });
    let entry = &spool.entries()[0];
    assert!(matches!(entry.transfer, TransferEnd::Cut(_)));
    assert_eq!((entry.size, entry.sha256), (1_000, camtrail_model::Digest::of(&[7; 1_000])));
}

/// A file of an import or a watched folder is whole where it is: half of it is nothing.
#[tokio::test]
async fn a_guest_under_way_at_a_kill_is_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, _) = open(dir.path());
    let guest = UploadStart { modified_at: Some(Millis(5)), ..start("snap/c.jpg") };
    let mut writer = spool.begin(guest).unwrap();
    writer.write(&vec![7; 300_000]).await.unwrap();
    std::mem::forget(writer);
    assert_eq!(open(dir.path()).1, Recovery::default());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_full_spool_refuses_and_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, _) = open(dir.path());
    let entry = put(&spool, "a", &vec![0; 900_000]).await;
    let mut writer = spool.begin(start("b")).unwrap();
    assert!(matches!(writer.write(&vec![0; 200_000]).await, Err(SpoolError::Full { .. })));
    drop(writer);
    spool.remove(&entry.id).unwrap();
    put(&spool, "b", &vec![0; 200_000]).await;
}

/// Every subset of an entry's files that a crash between two steps can leave.
#[tokio::test]
async fn any_left_over_state_is_understood() {
    let dir = tempfile::tempdir().unwrap();
    let entry = put(&open(dir.path()).0, "a.jpg", b"still").await;
    let header = fs::read(dir.path().join(format!("{}.json", entry.id))).unwrap();
    let note = serde_json::to_vec(&start("a.jpg")).unwrap();
    let cases: [(&str, Files<'_>, Recovery); 6] = [
        ("removal begun", &[("data", b"still")], Recovery::default()),
        ("only the note", &[("open", &note)], Recovery::default()),
        (
            "committed, note left",
            &[("json", &header), ("data", b"still"), ("open", &note)],
            Recovery { entries: 1, cut: 0, lost: 0 },
        ),
        (
            "header under way",
            &[("json.tmp", b"{"), ("data", b"still"), ("open", &note)],
            Recovery { entries: 1, cut: 1, lost: 0 },
        ),
        ("damaged header", &[("json", b"{"), ("data", b"still")], Recovery { entries: 0, cut: 0, lost: 1 }),
        ("short data", &[("json", &header), ("data", b"st")], Recovery { entries: 0, cut: 0, lost: 1 }),
    ];
    for (name, files, want) in cases {
        let dir = tempfile::tempdir().unwrap();
        for (extension, bytes) in files {
            fs::write(dir.path().join(format!("{}.{extension}", entry.id)), bytes).unwrap();
        }
        assert_eq!(open(dir.path()).1, want, "{name}");
        assert_eq!(open(dir.path()).1.lost, 0, "{name}: the second start is quiet");
        assert_eq!(dir.path().join("lost").exists(), want.lost > 0, "{name}");
    }
}

/// How a transfer ended may still change after the commit; once the entry isn't held, it doesn't.
#[tokio::test]
async fn a_held_entry_is_fresh_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, _) = open(dir.path());
    let mut writer = spool.begin(start("a.jpg")).unwrap();
    writer.write(b"bytes").await.unwrap();
    writer.hold();
    let entry = writer.commit(TransferEnd::Complete, Millis(1)).await.unwrap();
    assert_eq!(spool.fresh().await.len(), 1);
    assert!(spool.is_held(&entry.id));
    spool.update(&entry.id, |entry| entry.transfer = TransferEnd::Suspect("x".to_owned())).unwrap();
    assert!(spool.is_held(&entry.id), "a change doesn't let it go");
    spool.let_go(&entry.id);
    assert!(!spool.is_held(&entry.id));
    assert_eq!(spool.entry(&entry.id).unwrap().transfer, TransferEnd::Suspect("x".to_owned()));
}
