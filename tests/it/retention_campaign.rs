//! Retention over a full catalog, by age and then by size, killed again and again on the way: exactly what is due goes,
//! objects, what is derived of them and events together; and the dry run says so before.
//!
//! Long form: `make retention` (CAMTRAIL_RETENTION_EVENTS, CAMTRAIL_RETENTION_KILLS).

use std::{
    collections::{BTreeMap, BTreeSet},
    env, thread,
    time::{Duration, Instant, SystemTime},
};

use serde_json::{Value, json};

use crate::{
    rebuild::{catalog, rebuild},
    support::{Dice, Instance, Options, camtrail, files_below, put_plain, run, sha256, text, wait_long},
};

const EVENTS: usize = 1_500;
const KILLS: usize = 3;
/// A whole sweep of the long form, on a loaded machine.
const SWEEP_MAX: Duration = Duration::from_mins(20);
const DAY_MS: i64 = 86_400_000;
const KEPT_DAYS: i64 = 30;
/// Nothing comes of age while the test runs.
const CLEAR_OF_THE_EDGE_MS: i64 = 6 * 3_600_000;
const PER_DAY: usize = 400;
const CAMERAS: usize = 7;

/// What the test knows of an event.
struct Stored {
    stored_at: i64,
    size: u64,
    protected: bool,
}

/// All events by object key.
type Plan = BTreeMap<String, Stored>;

fn number(name: &str, otherwise: usize) -> usize {
    env::var(name).map_or(otherwise, |value| value.parse().unwrap())
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64
}

/// Puts an object with all that stands beside it, as Camtrail stores them.
fn put(instance: &Instance, dice: &mut Dice, number: usize, stored_at: i64) -> (String, Stored) {
    // Some cameras believe in another year: their events are no older for that, and no younger.
    let captured_at = if dice.one_in(10) { 1_472_596_194_000 } else { stored_at - 2_000 };
    let camera = format!("cam{}", number % CAMERAS);
    let bytes = format!("still {number} {}", "x".repeat(dice.between(0, 200))).into_bytes();
    let date = (number / PER_DAY) % 28 + 1;
    let key = format!("patrolcams/{camera}/2026-08-{date:02}/Hour-{}/snap/{number}.jpg", number % 24);
    let sidecar = json!({ "version": 1, "metadata": {
        "camera": camera, "camera_timestamp": captured_at.to_string(), "camera_utc_offset": "-25200",
        "camera_time_source": "name", "received_timestamp": (stored_at - 500).to_string(),
        "stored_timestamp": stored_at.to_string(), "sha256": sha256(&bytes), "original_sha256": sha256(&bytes),
        "original_size": bytes.len().to_string(), "original_name": format!("snap/{number}.jpg"), "complete": "true",
        "content_type": "image/jpeg", "width": "640", "height": "480"
    } });
    put_plain(instance, &format!("derived/{key}/object.json"), sidecar.to_string().as_bytes());
    if dice.one_in(3) {
        let manifest = json!({ "version": 1, "sha256": sha256(&bytes), "poster": true });
        put_plain(instance, &format!("derived/{key}/media.json"), manifest.to_string().as_bytes());
        put_plain(instance, &format!("derived/{key}/poster.jpg"), b"a poster");
    }
    let protected = dice.one_in(50);
    if protected {
        let state = json!({ "version": 1, "protected": true, "by": "admin", "at": stored_at + 1 });
        put_plain(instance, &format!("derived/{key}/state.json"), state.to_string().as_bytes());
    }
    put_plain(instance, &key, &bytes);
    (key, Stored { stored_at, size: bytes.len() as u64, protected })
}

/// Half of them older than what is kept, in no order.
fn fill(instance: &Instance, dice: &mut Dice, events: usize) -> Plan {
    let edge = now_ms() - KEPT_DAYS * DAY_MS;
    let mut plan = Plan::new();
    let mut moments = BTreeSet::new();
    while plan.len() < events {
        let from_edge = dice.between(CLEAR_OF_THE_EDGE_MS as usize, (KEPT_DAYS * DAY_MS) as usize) as i64;
        let stored_at = if dice.one_in(2) { edge - from_edge } else { edge + from_edge };
        // One moment each: the order of going is theirs alone.
        if moments.insert(stored_at) {
            let (key, stored) = put(instance, dice, plan.len(), stored_at);
            plan.insert(key, stored);
        }
    }
    plan
}

/// What goes, oldest first, by age or until no more than `max_bytes` are left.
fn due(plan: &Plan, max_bytes: Option<u64>) -> BTreeSet<String> {
    let mut oldest: Vec<_> = plan.iter().filter(|(_, stored)| !stored.protected).collect();
    oldest.sort_by_key(|(_, stored)| stored.stored_at);
    let edge = now_ms() - KEPT_DAYS * DAY_MS;
    let mut left: u64 = plan.values().map(|stored| stored.size).sum();
    let goes = |(key, stored): (&String, &Stored)| {
        let is_due = stored.stored_at < edge || max_bytes.is_some_and(|max| left > max);
        left -= if is_due { stored.size } else { 0 };
        is_due.then(|| key.clone())
    };
    oldest.into_iter().filter_map(goes).collect()
}

fn dry_run(instance: &Instance, variables: &[(&str, &str)]) -> (usize, u64) {
    let mut command = camtrail();
    command.arg("retention").arg("--data-dir").arg(instance.data_dir());
    let output = run(command.envs(variables.iter().copied()).current_dir(instance.cwd()));
    let told = String::from_utf8(output.stdout).unwrap();
    let line =
        told.lines().find_map(|line| line.strip_prefix("Due now: ")).unwrap_or_else(|| panic!("{told}"));
    let mut numbers = line.split(|sign: char| !sign.is_ascii_digit()).filter(|digits| !digits.is_empty());
    (numbers.next().unwrap().parse().unwrap(), numbers.next().unwrap().parse().unwrap())
}

/// Kills the program on its way, time and again, then lets it end its sweep.
fn sweep(instance: &mut Instance, dice: &mut Dice, from: usize, to: usize, kills: usize) {
    let objects = instance.data_dir().join("store/patrolcams");
    for kill in 0..kills {
        // Later each time, and never at the same place: between two events, or within one.
        let until = from - (from - to) * (kill + 1) / (kills + 1);
        instance.restart();
        let web = instance.person();
        wait_long("a part is gone", SWEEP_MAX, || (web.total() <= until).then_some(()));
        thread::sleep(dice.millis(0, 50));
        instance.kill();
        let left = files_below(&objects).len();
        assert!(left > to, "the sweep was over before kill {kill}: {left} objects");
        eprintln!("killed at {left} objects");
    }
    instance.restart();
    let web = instance.person();
    wait_long("the sweep is over", SWEEP_MAX, || (web.total() <= to).then_some(()));
}

/// Nothing but what is kept, and all of it: objects, what stands beside them, events.
fn holds_exactly(instance: &mut Instance, plan: &Plan) {
    let web = instance.person();
    let listed: BTreeMap<String, Value> = web
        .events("limit=500")
        .into_iter()
        .map(|event| (text(&event, "object_key").to_owned(), event))
        .collect();
    let kept: BTreeSet<_> = plan.keys().collect();
    assert_eq!(listed.keys().collect::<BTreeSet<_>>(), kept, "events");
    for (key, event) in &listed {
        assert_eq!(event["protected"], plan[key].protected, "{key}");
    }
    assert_eq!(web.total(), plan.len(), "counts");
    instance.terminate();
    let store = instance.data_dir().join("store");
    let files: Vec<String> = files_below(&store)
        .into_iter()
        .map(|file| file.strip_prefix(&format!("{}/", store.display())).unwrap().to_owned())
        .filter(|file| !file.starts_with(".camtrail-tmp/"))
        .collect();
    let objects: BTreeSet<_> = files.iter().filter(|file| !file.starts_with("derived/")).collect();
    assert_eq!(objects, kept, "objects");
    for file in files.iter().filter_map(|file| file.strip_prefix("derived/")) {
        let (of, _) = file.rsplit_once('/').unwrap();
        assert!(plan.contains_key(of), "left behind: derived/{file}");
    }
    let (code, said) = rebuild(instance, &["--dry-run"]);
    assert!(code == 0 && said.contains("they say the same"), "{said}");
    assert!(catalog(instance).starts_with(&format!("{} events, digest ", plan.len())));
}

#[test]
fn exactly_what_is_due_goes_however_often_it_is_killed() {
    let (events, kills) =
        (number("CAMTRAIL_RETENTION_EVENTS", EVENTS), number("CAMTRAIL_RETENTION_KILLS", KILLS));
    let seed = Dice::any_seed();
    eprintln!("seed {seed}");
    let mut dice = Dice::new(seed);
    let env = [("CAMTRAIL__RETENTION__EVERY", "1s")];
    let mut instance = Instance::prepare(&Options { env: &env, ..Options::default() });
    let mut plan = fill(&instance, &mut dice, events);
    let (code, said) = rebuild(&instance, &[]);
    assert!(code == 0 && said.contains(&format!("{events} recorded")), "{said}");

    let by_age = due(&plan, None);
    let bytes: u64 = by_age.iter().map(|key| plan[key].size).sum();
    assert_eq!(dry_run(&instance, &[]), (by_age.len(), bytes), "the dry run");
    let started = Instant::now();
    sweep(&mut instance, &mut dice, events, events - by_age.len(), kills);
    plan.retain(|key, _| !by_age.contains(key));
    holds_exactly(&mut instance, &plan);
    eprintln!("by age: {} of {events} went in {:?}, {kills} kills", by_age.len(), started.elapsed());
    assert_eq!(dry_run(&instance, &[]), (0, 0));

    // A third of what is left is too much now.
    let max_bytes = plan.values().map(|stored| stored.size).sum::<u64>() * 2 / 3;
    let by_size = due(&plan, Some(max_bytes));
    let bytes: u64 = by_size.iter().map(|key| plan[key].size).sum();
    let max = max_bytes.to_string();
    let limit = [("CAMTRAIL__RETENTION__MAX_BYTES", max.as_str())];
    assert_eq!(dry_run(&instance, &limit), (by_size.len(), bytes), "the dry run by size");
    instance.set_env(limit[0].0, limit[0].1);
    let (before, started) = (plan.len(), Instant::now());
    sweep(&mut instance, &mut dice, before, before - by_size.len(), kills);
    plan.retain(|key, _| !by_size.contains(key));
    holds_exactly(&mut instance, &plan);
    eprintln!("by size: {} of {before} went in {:?}, {kills} kills", by_size.len(), started.elapsed());
    assert_eq!(dry_run(&instance, &limit), (0, 0));
}
