//! A watched folder on a real spool and a real file system.

use std::{fs, io::Write, os::unix::ffi::OsStrExt};

use camtrail_catalog::SqliteTaken;
use camtrail_model::{CameraName, ports::SystemClock};
use camtrail_spool::{Spool, SpoolConfig};

use super::*;

struct Bench {
    dir: tempfile::TempDir,
    spool: Spool,
    taken: Arc<SqliteTaken>,
}

impl Bench {
    fn new(max_bytes: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (spool, _) = Spool::open(&dir.path().join("spool"), SpoolConfig { max_bytes }).unwrap();
        let taken = Arc::new(SqliteTaken::open(&dir.path().join("taken.db")).unwrap());
        fs::create_dir(dir.path().join("watched")).unwrap();
        Self { dir, spool, taken }
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("watched")
    }

    /// Runs until the result is dropped.
    fn watch(&self, scope: AccountScope, keep: bool) -> (watch::Sender<bool>, Arc<Mutex<WatchStatus>>) {
        let config = WatchConfig {
            path: self.root(),
            scope,
            keep,
            settle: Duration::from_millis(300),
            rescan: Duration::from_millis(500),
        };
        let intake = SpoolIntake::new(self.spool.clone(), Arc::new(SystemClock));
        let watcher = Watcher::new(config, intake, self.taken.clone(), Arc::new(SystemClock));
        let status = watcher.status();
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(watcher.run(stopped));
        (stop, status)
    }

    async fn names(&self, count: usize) -> Vec<String> {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.spool.entries().len() < count {
            assert!(Instant::now() < deadline, "{} of {count} were taken", self.spool.entries().len());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let entries = self.spool.entries();
        let mut names: Vec<_> =
            entries.iter().map(|e| format!("{}:{}", e.start.camera, e.original_name())).collect();
        names.sort();
        names
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_old_and_new_are_taken_once_and_kept_or_removed() {
    for keep in [true, false] {
        let bench = Bench::new(1 << 20);
        let root = bench.root();
        fs::create_dir_all(root.join("gate/record")).unwrap();
        fs::write(root.join("gate/record/old.mkv"), b"old").unwrap();
        fs::write(root.join("gate/under-way.mkv.part"), b"half").unwrap();
        fs::write(root.join(".hidden.jpg"), b"x").unwrap();
        fs::write(root.join("empty.jpg"), b"").unwrap();
        let (stop, status) = bench.watch(AccountScope::FirstFolder, keep);
        bench.names(1).await;
        fs::create_dir_all(root.join("porch/2016/08")).unwrap();
        fs::write(root.join("porch/2016/08/new.jpg"), b"new").unwrap();
        fs::write(root.join(std::ffi::OsStr::from_bytes(b"Gar\xe9.jpg")), b"latin").unwrap();
        fs::rename(root.join("gate/under-way.mkv.part"), root.join("gate/under-way.mkv")).unwrap();
        let names = bench.names(4).await;
        let want = ["gate:record/old.mkv", "gate:under-way.mkv", "porch:2016/08/new.jpg", "watched:Garé.jpg"];
        assert_eq!(names, want);
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert_eq!((bench.names(4).await.len(), root.join("gate/record/old.mkv").exists()), (4, keep));
        assert!(root.join("empty.jpg").exists() && root.join(".hidden.jpg").exists());
        let shown = status.lock().unwrap().clone();
        assert_eq!((shown.taken, shown.waiting, shown.problem), (4, 0, None));
        drop(stop);
        let _again = bench.watch(AccountScope::FirstFolder, keep);
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert_eq!(bench.names(4).await.len(), 4, "a restart takes nothing again");
        fs::write(root.join("gate/record/old.mkv"), b"other bytes").unwrap();
        assert_eq!(bench.names(5).await.len(), 5);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_grows_slowly_is_taken_whole() {
    let bench = Bench::new(1 << 20);
    let (_stop, status) = bench.watch(AccountScope::Camera(CameraName::parse("gate").unwrap()), false);
    while status.lock().unwrap().scanned_at.is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let path = bench.root().join("slow.mkv");
    let mut file = fs::File::create(&path).unwrap();
    for _ in 0..5 {
        file.write_all(&[7; 1_000]).unwrap();
        // Longer than the settle time: it is open still.
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(bench.spool.entries().len(), 0);
    }
    drop(file);
    assert_eq!(bench.names(1).await, ["gate:slow.mkv"]);
    assert_eq!(bench.spool.entries()[0].size, 5_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_spool_waits_and_too_large_a_file_is_told_once() {
    let bench = Bench::new(1_000);
    fs::write(bench.root().join("huge.mkv"), [1; 1_001]).unwrap();
    let (_stop, status) = bench.watch(AccountScope::Camera(CameraName::parse("gate").unwrap()), false);
    for name in ["a.jpg", "b.jpg"] {
        fs::write(bench.root().join(name), [1; 600]).unwrap();
    }
    bench.names(1).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(bench.spool.entries().len(), 1, "the other waits for room");
    bench.spool.remove(&bench.spool.entries()[0].id).unwrap();
    bench.names(1).await;
    let problem = status.lock().unwrap().problem.clone().unwrap();
    assert!(problem.contains("huge.mkv has 1001 bytes") && problem.contains("spool.max_bytes"), "{problem}");
    assert!(bench.root().join("huge.mkv").exists() && !bench.root().join("a.jpg").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_mounted_later_is_watched_then() {
    let bench = Bench::new(1 << 20);
    fs::remove_dir(bench.root()).unwrap();
    let (_stop, status) = bench.watch(AccountScope::FirstFolder, true);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(status.lock().unwrap().problem.as_ref().unwrap().contains("is it mounted"));
    fs::create_dir_all(bench.root().join("gate")).unwrap();
    fs::write(bench.root().join("gate/a.jpg"), b"a").unwrap();
    bench.names(1).await;
    fs::remove_dir_all(bench.root()).unwrap();
    fs::create_dir_all(bench.root().join("gate")).unwrap();
    fs::write(bench.root().join("gate/b.jpg"), b"b").unwrap();
    bench.names(2).await;
    assert_eq!(status.lock().unwrap().problem, None);
}

/// More files than there are places, in one folder.
#[tokio::test(flavor = "multi_thread")]
async fn many_files_are_taken_in_bounded_memory() {
    let bench = Bench::new(1 << 30);
    let count = 4 * pending::PENDING_MAX;
    for number in 0..count {
        fs::write(bench.root().join(format!("{number}.jpg")), number.to_string()).unwrap();
    }
    let (_stop, status) = bench.watch(AccountScope::FirstFolder, false);
    let deadline = Instant::now() + Duration::from_mins(1);
    let mut seen = 0;
    while fs::read_dir(bench.root()).unwrap().next().is_some() {
        assert!(Instant::now() < deadline, "{:?}", status.lock().unwrap());
        assert!(status.lock().unwrap().waiting <= pending::PENDING_MAX + TAKE_AT_ONCE);
        for entry in bench.spool.entries() {
            bench.spool.remove(&entry.id).unwrap();
            seen += 1;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    seen += bench.spool.entries().len();
    assert_eq!(seen, count);
}
