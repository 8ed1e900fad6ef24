//! Programs that hang, crash, lie or talk without end; and what is left of them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use camtrail_media::{Ffmpeg, FfmpegConfig};
use camtrail_model::{
    media::MediaFacts,
    ports::{MediaError, MediaTool},
};
use tempfile::TempDir;

use crate::support::{LIMIT, REAL_CLIP, data, file, names, read, source, tool_with_fake};

/// What is to happen soon happens within this on the busiest machine.
const SOON: Duration = Duration::from_secs(20);
const HELPER: &str = "processes::helper_that_hangs";
const HELPER_FOLDER: &str = "CAMTRAIL_TEST_FOLDER";

/// Gone, or only waiting for whoever inherited it to look.
fn is_gone(pid: &str) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return true };
    stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z'))
}

async fn soon<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < SOON, "{what}: not within {SOON:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn pids(folder: &Path) -> Vec<String> {
    let pids = soon("the program starts", || fs::read_to_string(folder.join("pids")).ok()).await;
    pids.split_whitespace().map(str::to_owned).collect()
}

async fn assert_all_gone(pids: &[String]) {
    assert_eq!(pids.len(), 2);
    for pid in pids {
        soon("its processes are gone", || is_gone(pid).then_some(())).await;
    }
}

#[tokio::test]
async fn a_hang_ends_at_the_limit_and_nothing_is_left() {
    let folder = TempDir::new().unwrap();
    let limit = Duration::from_secs(2);
    let started = Instant::now();
    let result = tool_with_fake("hang.sh")
        .remux(&source(data(REAL_CLIP)), &folder.path().join("clip.mp4"), limit)
        .await;
    assert!(matches!(result, Err(MediaError::TimedOut { limit: told }) if told == limit), "{result:?}");
    assert!(started.elapsed() < limit + Duration::from_secs(5), "{:?}", started.elapsed());
    assert_all_gone(&pids(folder.path()).await).await;
    assert_eq!(names(folder.path()), ["pids"]);
}

#[tokio::test]
async fn a_hanging_poster_and_probe_end_too() {
    let hang = data("fake/hang.sh");
    let config = FfmpegConfig {
        ffmpeg: Some(hang.clone()),
        ffprobe: Some(hang),
        probe_limit_ms: 300,
        poster_limit_ms: 300,
        ..FfmpegConfig::default()
    };
    let tool = Ffmpeg::discover(config);
    // The program leaves its process ids beside its last argument, here the clip.
    let (_folder, clip) = file("clip.mkv", read(REAL_CLIP));
    let poster = tool.poster(&clip, &MediaFacts::unknown()).await;
    assert!(matches!(poster, Err(MediaError::TimedOut { .. })), "{poster:?}");
    // The structure still tells what it tells.
    let facts = tool.probe(&clip).await.unwrap();
    assert!(facts.duration_ms.unwrap().abs_diff(27_810) < 100, "{facts:?}");
}

/// A hang delays nobody else for longer than its own limit: waiting for a place counts into a remux's limit.
#[tokio::test]
async fn waiting_for_a_place_counts() {
    let config = FfmpegConfig {
        ffmpeg: Some(data("fake/hang.sh")),
        max_processes: std::num::NonZeroUsize::MIN,
        ..FfmpegConfig::default()
    };
    let tool = Ffmpeg::discover(config);
    let clip = source(data(REAL_CLIP));
    let (one, two) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (dest_one, dest_two) = (one.path().join("x.mp4"), two.path().join("x.mp4"));
    let started = Instant::now();
    let (first, second) = tokio::join!(tool.remux(&clip, &dest_one, Duration::from_secs(3)), async {
        pids(one.path()).await;
        tool.remux(&clip, &dest_two, Duration::from_millis(500)).await
    });
    assert!(matches!(first, Err(MediaError::TimedOut { .. })), "{first:?}");
    assert!(matches!(second, Err(MediaError::TimedOut { .. })), "{second:?}");
    assert!(started.elapsed() < SOON);
    assert_eq!(names(two.path()), Vec::<String>::new());
}

#[tokio::test]
async fn a_dropped_call_takes_its_processes_and_files_along() {
    let folder = TempDir::new().unwrap();
    let dest = folder.path().join("clip.mp4");
    let tool = tool_with_fake("hang.sh");
    let clip = source(data(REAL_CLIP));
    let pids = tokio::select! {
        result = tool.remux(&clip, &dest, LIMIT) => panic!("{result:?}"),
        pids = pids(folder.path()) => pids,
    };
    assert_all_gone(&pids).await;
    assert_eq!(names(folder.path()), ["pids"]);
}

#[tokio::test]
async fn a_crash_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let dest = folder.path().join("clip.mp4");
    let result = tool_with_fake("crash.sh").remux(&source(data(REAL_CLIP)), &dest, LIMIT).await;
    assert!(matches!(&result, Err(MediaError::Unusable(why)) if why.contains("signal 11")), "{result:?}");
    assert_eq!(names(folder.path()), Vec::<String>::new());
}

#[tokio::test]
async fn success_without_a_clip_is_no_success() {
    let folder = TempDir::new().unwrap();
    let dest = folder.path().join("clip.mp4");
    let result = tool_with_fake("lie.sh").remux(&source(data(REAL_CLIP)), &dest, LIMIT).await;
    assert!(matches!(result, Err(MediaError::Unusable(_))), "{result:?}");
    assert_eq!(names(folder.path()), Vec::<String>::new());
}

#[tokio::test]
async fn endless_talk_is_cut_short() {
    let folder = TempDir::new().unwrap();
    let dest = folder.path().join("clip.mp4");
    let tool = tool_with_fake("talk.sh");
    let started = Instant::now();
    let result = tool.remux(&source(data(REAL_CLIP)), &dest, LIMIT).await;
    assert!(matches!(result, Err(MediaError::Unusable(_))), "{result:?}");
    let poster = tool.poster(&source(data(REAL_CLIP)), &MediaFacts::unknown()).await;
    assert!(poster.is_err());
    assert!(started.elapsed() < SOON);
}

#[tokio::test]
async fn a_program_that_vanished_is_missing() {
    let folder = TempDir::new().unwrap();
    let copy: PathBuf = folder.path().join("ffmpeg");
    fs::copy(data("fake/lie.sh"), &copy).unwrap();
    let tool = Ffmpeg::discover(FfmpegConfig { ffmpeg: Some(copy.clone()), ..FfmpegConfig::default() });
    assert_eq!(tool.problem(), None);
    fs::remove_file(copy).unwrap();
    let result = tool.remux(&source(data(REAL_CLIP)), &folder.path().join("clip.mp4"), LIMIT).await;
    assert!(matches!(result, Err(MediaError::Missing(_))), "{result:?}");
    assert_eq!(names(folder.path()), Vec::<String>::new());
}

/// Killed with its parent: a service that dies by SIGKILL leaves no ffmpeg behind.
#[tokio::test]
async fn children_die_with_the_service() {
    let folder = TempDir::new().unwrap();
    let mut service = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", HELPER, "--ignored", "--nocapture"])
        .env(HELPER_FOLDER, folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pids = pids(folder.path()).await;
    service.kill().unwrap();
    service.wait().unwrap();
    // The program itself; what it started in turn isn't known to the kernel as ours.
    soon("ffmpeg is gone", || is_gone(&pids[0]).then_some(())).await;
    let orphan = rustix::process::Pid::from_raw(pids[1].parse().unwrap()).unwrap();
    rustix::process::kill_process(orphan, rustix::process::Signal::KILL).unwrap();
}

#[tokio::test]
#[ignore = "run by children_die_with_the_service, in a process of its own"]
async fn helper_that_hangs() {
    let folder = PathBuf::from(std::env::var_os(HELPER_FOLDER).unwrap());
    let result =
        tool_with_fake("hang.sh").remux(&source(data(REAL_CLIP)), &folder.join("clip.mp4"), LIMIT).await;
    panic!("{result:?}");
}
