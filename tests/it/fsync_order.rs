//! `226` comes after the disk, told by the kernel: the real program's system calls, watched while cameras upload.
//!
//! `CAMTRAIL_FSYNC_UPLOADS` makes it longer and shows the table (`make fsync-order`).

mod rules;

use std::{
    collections::{BTreeMap, HashSet},
    env, fs,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use self::rules::{Report, Upload, check};
use crate::support::{
    Instance, Options, calls, mp4_with, program_stream, program_stream_with, still_with, strace, wait,
};

/// Cameras at once: enough that commits meet in one directory fsync.
const CONNECTIONS: usize = 6;
const UPLOADS: usize = 24;

/// Stills, clips that go as they are, and clips that are remuxed.
fn file(n: usize) -> (String, Vec<u8>) {
    let (camera, seed, time) =
        (n % 4, n as u64, format!("{:02}{:02}{:02}", n / 3_600 % 24, n / 60 % 60, n % 60));
    match n % 8 {
        3 => (
            format!("/cam{camera}/record/MDalarm_20160830_{time}.mkv"),
            program_stream_with(program_stream(), seed),
        ),
        6 => (format!("/cam{camera}/record/MDalarm_20160830_{time}.mp4"), mp4_with(seed, 1_000_000)),
        _ => (format!("/cam{camera}/snap/MDAlarm_20160830-{time}.jpg"), still_with(seed, 100_000)),
    }
}

/// Uploads `count` files over several connections, each of which sends several, and returns the trace.
fn traced(count: usize, data_dir: &Path, output: &Path) -> String {
    let options =
        Options { data_dir: Some(data_dir.to_owned()), starter: &strace(output), ..Options::default() };
    let mut instance = Instance::with(&options);
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                let mut camera = instance.camera();
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= count {
                        return;
                    }
                    let (path, bytes) = file(n);
                    camera.upload(path, &bytes);
                }
            });
        }
    });
    instance.person().settle();
    instance.terminate();
    // The tracer writes its last line when its last thread is gone.
    wait("the trace is whole", || {
        let trace = String::from_utf8_lossy(&fs::read(output).ok()?).into_owned();
        let last = trace.lines().last()?;
        (last.contains("+++ exited with 0 +++") && !trace.is_empty()).then_some(trace)
    })
}

fn print(uploads: &[Upload]) {
    println!("times in ms since STOR was read; each stands left of what must come after it\n");
    println!(
        "{:<46} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "upload", "data", "header", "rename", "dir", "226", "object", "removed"
    );
    let ms = |seconds: f64| format!("{:8.2}", seconds * 1000.0);
    for upload in uploads {
        println!(
            "{:<46} {} {} {} {} {} {} {}",
            upload.path,
            ms(upload.data_synced_s),
            ms(upload.header_synced_s),
            ms(upload.renamed_s),
            ms(upload.dir_synced_s),
            ms(upload.told_s),
            ms(upload.object_synced_s),
            ms(upload.removed_s)
        );
    }
}

#[test]
fn no_226_before_the_disk_and_no_removal_before_the_store() {
    let longer: Option<usize> = env::var("CAMTRAIL_FSYNC_UPLOADS").ok().and_then(|count| count.parse().ok());
    let count = longer.unwrap_or(UPLOADS);
    let scratch = tempfile::tempdir().unwrap();
    // The kernel tells real paths.
    let folder = scratch.path().canonicalize().unwrap();
    let data_dir = folder.join("data");
    let trace = traced(count, &data_dir, &folder.join("trace"));
    let report = check(&calls(&trace), &data_dir);
    if longer.is_some() {
        print(&report.uploads);
    }
    let mut shared: BTreeMap<usize, usize> = BTreeMap::new();
    for upload in &report.uploads {
        *shared.entry(upload.dir_sync).or_default() += 1;
    }
    println!(
        "\n{} uploads followed, {} violations; {} directory fsyncs, {} of them for more than one upload",
        report.uploads.len(),
        report.violations.len(),
        shared.len(),
        shared.values().filter(|&&uploads| uploads > 1).count()
    );
    assert_eq!(report.violations, [] as [String; 0]);
    assert_eq!(report.uploads.len(), count);
    let ids: HashSet<_> = report.uploads.iter().map(|upload| &upload.id).collect();
    let objects: HashSet<_> = report.uploads.iter().map(|upload| &upload.object).collect();
    assert_eq!((ids.len(), objects.len()), (count, count));
    // Had the spool's directory never been fsynced, this very trace would say so.
    let spool = format!("<{}>", data_dir.join("spool").display());
    let blind: String =
        trace.lines().filter(|line| !line.contains(&spool)).map(|line| line.to_owned() + "\n").collect();
    assert_eq!(check(&calls(&blind), &data_dir).uploads.len(), 0);
}

/// What the real program does for one still, shortened: no upload is simpler.
const TRACE: &str = r#"1 10.000 recvfrom(21<TCP:[127.0.0.1:1->127.0.0.1:2]>, "STOR /cam/snap/a.jpg\r\n", 8192, 0, NULL, NULL) = 22 <0.000010>
2 10.020 write(23</d/spool/1-0.data>, "\377\330"..., 100000) = 100000 <0.000010>
2 10.030 fsync(23</d/spool/1-0.data> <unfinished ...>
1 10.031 sendto(9<TCP:[127.0.0.1:1->127.0.0.1:9]>, "226 Stored.\r\n", 13, MSG_NOSIGNAL, NULL, 0) = 13 <0.000010>
2 10.040 <... fsync resumed>) = 0 <0.010000>
2 10.050 write(22</d/spool/1-0.json.tmp>, "{\"camera\":\"cam\",\"path\":[\"snap\",\"a.jpg\"]}", 38) = 38 <0.000010>
2 10.060 fsync(22</d/spool/1-0.json.tmp>) = 0 <0.000010>
2 10.070 rename("/d/spool/1-0.json.tmp", "/d/spool/1-0.json") = 0 <0.000010>
2 10.080 fsync(22</d/spool>) = 0 <0.000010>
1 10.090 sendto(21<TCP:[127.0.0.1:1->127.0.0.1:2]>, "226 Stored.\r\n", 13, MSG_NOSIGNAL, NULL, 0) = 13 <0.000010>
3 10.100 mkdir("/d/store/derived/b/cam", 0777) = 0 <0.000010>
3 10.110 fsync(22</d/store/derived/b>) = 0 <0.000010>
3 10.120 mkdir("/d/store/derived/b/cam/a.jpg", 0777) = 0 <0.000010>
3 10.130 fsync(22</d/store/derived/b/cam>) = 0 <0.000010>
3 10.140 write(22</d/store/.camtrail-tmp/00>, "{}", 2) = 2 <0.000010>
3 10.150 fsync(22</d/store/.camtrail-tmp/00>) = 0 <0.000010>
3 10.160 rename("/d/store/.camtrail-tmp/00", "/d/store/derived/b/cam/a.jpg/object.json") = 0 <0.000010>
3 10.170 fsync(22</d/store/derived/b/cam/a.jpg>) = 0 <0.000010>
3 10.180 mkdir("/d/store/b/cam", 0777) = 0 <0.000010>
3 10.190 fsync(22</d/store/b>) = 0 <0.000010>
3 10.200 linkat(AT_FDCWD</>, "/d/spool/1-0.data", AT_FDCWD</>, "/d/store/.camtrail-tmp/01", 0) = 0 <0.000010>
3 10.210 renameat2(AT_FDCWD</>, "/d/store/.camtrail-tmp/01", AT_FDCWD</>, "/d/store/b/cam/a.jpg", RENAME_NOREPLACE) = 0 <0.000010>
3 10.220 fsync(22</d/store/b/cam>) = 0 <0.000010>
4 10.230 unlink("/d/spool/1-0.json") = 0 <0.000010>
4 10.240 unlink("/d/spool/1-0.data") = 0 <0.000010>
"#;

fn judge(trace: &str) -> Report {
    check(&calls(trace), Path::new("/d"))
}

/// The trace with the line that holds `what` moved in front of the one that holds `before`.
fn moved(what: &str, before: &str) -> String {
    let mut lines: Vec<&str> = TRACE.lines().collect();
    let at = |lines: &[&str], text: &str| lines.iter().position(|line| line.contains(text)).unwrap();
    let line = lines.remove(at(&lines, what));
    lines.insert(at(&lines, before), line);
    lines.join("\n")
}

#[test]
fn a_doctored_trace_is_found_out() {
    let report = judge(TRACE);
    assert_eq!((report.uploads.len(), &report.violations[..]), (1, &[][..]));
    assert_eq!(report.uploads[0].object, "b/cam/a.jpg");

    let told = r#"sendto(21<TCP:[127.0.0.1:1->127.0.0.1:2]>, "226"#;
    let changed = |from: &str, to: &str| {
        assert!(TRACE.contains(from), "{from}");
        TRACE.replacen(from, to, 1)
    };
    for (what, doctored, want) in [
        ("226 too early", moved(told, "fsync(22</d/spool>)"), "226 was said without an fsync"),
        ("the fsync before the rename", moved("fsync(22</d/spool>)", "rename(\"/d/spool"), "226 was said"),
        (
            "an fsync that began before the rename was over",
            changed("2 10.080 fsync(22</d/spool>) = 0", "")
                .replace("2 10.070 rename", "5 10.065 fsync(9</d/spool> <unfinished ...>\n2 10.070 rename")
                .replace("1 10.090 sendto", "5 10.085 <... fsync resumed>) = 0 <0.02>\n1 10.090 sendto"),
            "226 was said",
        ),
        (
            "a directory fsync that failed",
            changed("fsync(22</d/spool>) = 0", "fsync(22</d/spool>) = -1 EIO (Input/output error)"),
            "226 was said",
        ),
        (
            "a data fsync that failed",
            changed("<... fsync resumed>) = 0", "<... fsync resumed>) = -1 EIO (Input/output error)"),
            "1-0.data before its header",
        ),
        (
            "bytes behind the fsync",
            moved("write(23</d/spool/1-0.data>", "write(22</d/spool/1-0.json.tmp>"),
            "1-0.data before its header",
        ),
        (
            "an fsync of the data that was not over",
            changed("2 10.040 <... fsync resumed>) = 0 <0.010000>\n", "")
                .replace("1 10.090", "2 10.085 <... fsync resumed>) = 0 <0.05>\n1 10.090"),
            "1-0.data before its header",
        ),
        (
            "a header that wasn't fsynced",
            moved("fsync(22</d/spool/1-0.json.tmp>)", "write(22</d/spool/1-0.json.tmp>"),
            "1-0.json.tmp before its rename",
        ),
        (
            "a removal before the store's directory",
            moved("unlink(\"/d/spool/1-0.json\")", "fsync(22</d/store/b/cam>)"),
            "no fsync of /d/store/b/cam ",
        ),
        (
            "a folder that nobody fsynced",
            moved("fsync(22</d/store/b>)", "mkdir(\"/d/store/b/cam\""),
            "no fsync of /d/store/b ",
        ),
        (
            "a sidecar that wasn't fsynced",
            changed("fsync(22</d/store/.camtrail-tmp/00>) = 0", "getpid() = 0"),
            "object.json got its name undurable",
        ),
        ("an upload that was never told", changed(told, "sendto(21<TCP:[]>, \"150"), "no upload"),
        ("nothing", String::new(), "no upload"),
    ] {
        let report = judge(&doctored);
        assert_eq!(report.uploads.len(), 0, "{what}");
        let said = report.violations.join("; ");
        assert!(said.contains(want), "{what}: {said}");
    }
}
