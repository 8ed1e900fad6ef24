//! Many live streams over a program that dies and stops: every client sees every event exactly once.
//!
//! Each client is what a browser is: it keeps the id of the last message that it read, and comes again with it. Long
//! form: `make streams` (CAMTRAIL_STREAMS, CAMTRAIL_STREAM_EVENTS).

use std::{
    collections::HashMap,
    env,
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use crate::support::{
    FTP_PASSWORD, Ftp, Instance, LIMIT, Options, Web, free_port, still_with, text, wait_long,
};

/// A name that sorts behind all others and is uploaded last: who has seen it has seen all before it.
const LAST: &str = "last.jpg";
/// How long a whole run may take.
const RUN_MAX: Duration = Duration::from_mins(20);
const AGAIN: Duration = Duration::from_millis(50);
const CAMERAS: u64 = 5;

fn number(name: &str, otherwise: u64) -> u64 {
    env::var(name).map_or(otherwise, |value| value.parse().unwrap())
}

/// What one client saw.
#[derive(Debug, Default)]
struct Seen {
    /// `new` messages by event.
    new: HashMap<String, u32>,
    /// How often it came again.
    reconnects: u32,
    resets: u32,
}

/// Reads until the last event, over as many streams as it takes.
fn follow(web: &Web, mut place: String, deadline: Instant) -> Seen {
    let mut seen = Seen::default();
    while Instant::now() < deadline {
        let Some(live) = web.try_live(&place) else {
            thread::sleep(AGAIN);
            continue;
        };
        while let Some(message) = live.next_or_end(deadline) {
            place.clone_from(&message.id);
            match message.event.as_str() {
                "reset" => seen.resets += 1,
                "new" => {
                    *seen.new.entry(text(&message.data, "id").to_owned()).or_default() += 1;
                    if text(&message.data["event"], "name") == LAST {
                        return seen;
                    }
                }
                _ => {}
            }
        }
        seen.reconnects += 1;
    }
    panic!("the last event never came: {} events, {} reconnects", seen.new.len(), seen.reconnects);
}

/// Uploads whatever happens to the server, as a camera does: what wasn't acknowledged is sent again.
struct Camera {
    server: SocketAddr,
    ftp: Option<Ftp>,
}

impl Camera {
    fn upload(&mut self, path: &str, bytes: &[u8]) {
        let deadline = Instant::now() + LIMIT;
        while Instant::now() < deadline {
            if self.ftp.is_none() {
                self.ftp = Ftp::login(self.server, "camera", FTP_PASSWORD).ok();
            }
            match self.ftp.as_mut().map(|ftp| ftp.store(path, bytes)) {
                Some(Ok(reply)) if reply.starts_with("226") => return,
                _ => {
                    self.ftp = None;
                    thread::sleep(AGAIN);
                }
            }
        }
        panic!("{path} could not be uploaded");
    }
}

#[test]
fn every_client_sees_every_event_once_over_a_crash_and_a_stop() {
    let (clients, events) = (number("CAMTRAIL_STREAMS", 20), number("CAMTRAIL_STREAM_EVENTS", 240));
    let (http, ftp) = (format!("127.0.0.1:{}", free_port()), format!("127.0.0.1:{}", free_port()));
    // Nothing but what is about streams; posters are in `live`.
    let env = [
        ("CAMTRAIL__HTTP__LISTEN", http.as_str()),
        ("CAMTRAIL__FTP__LISTEN", ftp.as_str()),
        ("CAMTRAIL__MEDIA__POSTER", "false"),
    ];
    let mut instance = Instance::with(&Options { env: &env, ..Options::default() });
    let admin = instance.person();
    let place = admin.live(None).next().id;
    let deadline = Instant::now() + RUN_MAX;
    let (http, ftp) = (instance.http(), instance.ftp());
    let started = Instant::now();
    let (seen, took) = thread::scope(|scope| {
        let followers: Vec<_> = (0..clients)
            .map(|_| {
                let (place, mut web) = (place.clone(), Web::anonymous(http));
                web.cookie.clone_from(&admin.cookie);
                scope.spawn(move || follow(&web, place, deadline))
            })
            .collect();
        let cameras: Vec<_> = (0..CAMERAS)
            .map(|camera| {
                scope.spawn(move || {
                    let mut uploads = Camera { server: ftp, ftp: None };
                    for number in (0..events).filter(|number| number % CAMERAS == camera) {
                        uploads
                            .upload(&format!("/cam{camera}/snap/{number}.jpg"), &still_with(number, 4_000));
                    }
                })
            })
            .collect();
        // A third and two thirds of the way.
        for (part, is_crash) in [(1, true), (2, false)] {
            let due = (events * part / 3) as usize;
            wait_long("a part of the events", RUN_MAX, || (admin.total() >= due).then_some(()));
            if is_crash {
                instance.kill();
            } else {
                instance.terminate();
            }
            instance.restart();
        }
        for camera in cameras {
            camera.join().unwrap();
        }
        admin.settle_within(RUN_MAX);
        Camera { server: ftp, ftp: None }.upload(&format!("/cam0/snap/{LAST}"), &still_with(events, 4_000));
        let seen: Vec<_> = followers.into_iter().map(|follower| follower.join().unwrap()).collect();
        (seen, started.elapsed())
    });
    let listed: Vec<String> =
        admin.events("limit=500").iter().map(|event| text(event, "id").to_owned()).collect();
    assert_eq!(listed.len() as u64, events + 1);
    for (client, seen) in seen.iter().enumerate() {
        let missed: Vec<_> = listed.iter().filter(|id| !seen.new.contains_key(*id)).collect();
        let doubled: Vec<_> = seen.new.iter().filter(|(_, count)| **count != 1).collect();
        assert!(
            missed.is_empty() && doubled.is_empty(),
            "client {client}: missed {missed:?}, doubled {doubled:?}"
        );
        assert_eq!(seen.resets, 0, "client {client}");
        assert!(seen.reconnects >= 2, "client {client} was never cut off");
    }
    println!(
        "streams: {clients} clients saw each of {} events once, over one SIGKILL and one SIGTERM, in {:.0} s",
        events + 1,
        took.as_secs_f64()
    );
}
