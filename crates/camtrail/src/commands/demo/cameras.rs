//! Simulated cameras: each logs in for each file, as real ones do, and names its files by its own clock.

use std::{
    io::Cursor,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use suppaftp::{FtpStream, types::FileType};

use super::scenes::{self, Scene};

/// Names of the cameras, and how often each sees something.
const CAMERAS: [(&str, Duration); 3] = [
    ("front-door", Duration::from_secs(17)),
    ("backyard", Duration::from_secs(26)),
    ("garage", Duration::from_secs(41)),
];
/// Events from before, so that the timeline isn't empty: minutes ago.
const EARLIER_MIN: [i64; 5] = [3, 11, 38, 95, 400];

/// The running cameras.
pub(super) struct Cameras {
    stop: Arc<AtomicBool>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Cameras {
    pub(super) async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        let join = || {
            for thread in self.threads {
                let _ = thread.join();
            }
        };
        let _ = tokio::task::spawn_blocking(join).await;
    }
}

/// Starts them; each makes its scenes first.
pub(super) fn start(ftp: SocketAddr, password: String, zone: TimeZone, dir: PathBuf) -> Cameras {
    let stop = Arc::new(AtomicBool::new(false));
    let threads = CAMERAS
        .into_iter()
        .enumerate()
        .map(|(number, (name, every))| {
            let camera = Camera {
                name,
                ftp: reachable(ftp),
                password: password.clone(),
                zone: zone.clone(),
                stop: Arc::clone(&stop),
            };
            let dir = dir.join(name);
            thread::spawn(move || match scenes::make(number, &dir) {
                Ok(scene) => camera.run(&scene, every),
                Err(error) => {
                    tracing::error!(camera = name, %error, "a simulated camera could not make its pictures");
                }
            })
        })
        .collect();
    Cameras { stop, threads }
}

fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() { SocketAddr::from(([127, 0, 0, 1], address.port())) } else { address }
}

/// A camera uploads a clip when it is over.
fn just_seen() -> Timestamp {
    Timestamp::now() - SignedDuration::from_secs(scenes::CLIP_S)
}

struct Camera {
    name: &'static str,
    ftp: SocketAddr,
    password: String,
    zone: TimeZone,
    stop: Arc<AtomicBool>,
}

impl Camera {
    fn run(&self, scene: &Scene, every: Duration) {
        self.see(scene, just_seen());
        for minutes in EARLIER_MIN {
            self.see(scene, Timestamp::now() - SignedDuration::from_mins(minutes));
        }
        let mut last = Instant::now();
        while !self.stop.load(Ordering::Relaxed) {
            if last.elapsed() >= every {
                last = Instant::now();
                self.see(scene, just_seen());
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// One event: a still, then the clip, named as Foscam cameras name them.
    fn see(&self, scene: &Scene, at: Timestamp) {
        if self.stop.load(Ordering::Relaxed) {
            return;
        }
        let at = at.to_zoned_datetime(self.zone.clone());
        let still = format!("/{}/snap/MDAlarm_{}.jpg", self.name, at.strftime("%Y%m%d-%H%M%S"));
        let mut uploads = vec![(still, &scene.still)];
        if let Some(clip) = &scene.clip {
            uploads
                .push((format!("/{}/record/MDalarm_{}.mkv", self.name, at.strftime("%Y%m%d_%H%M%S")), clip));
        }
        for (path, bytes) in uploads {
            if let Err(error) = self.upload(&path, bytes) {
                tracing::warn!(camera = self.name, path, %error, "a simulated camera could not upload");
            }
        }
    }

    fn upload(&self, path: &str, bytes: &[u8]) -> suppaftp::FtpResult<()> {
        let mut ftp = FtpStream::connect(self.ftp)?;
        ftp.login("camera", &self.password)?;
        ftp.transfer_type(FileType::Binary)?;
        ftp.put_file(path, &mut Cursor::new(bytes))?;
        ftp.quit()
    }
}
