//! The rounds, on a real catalog and a real outbox, with a clock that is turned by hand.

mod line;

use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use camtrail_catalog::{SqliteCatalog, SqliteOutbox};
use camtrail_model::{
    CameraZones, CaptureKind, ObjectBase,
    groups::CameraGroup,
    ports::{Catalog as _, Clock, DeliveryRow, Groups as _, Outbox as _},
};
use camtrail_store::LocalStore;
use futures::future::BoxFuture;
use jiff::tz::TimeZone;

use super::*;
use crate::{
    channel::web_push::PushOrigins,
    config::{ChannelConfig, ChannelKind, DigestConfig, Hours, Mqtt, NotifyConfig, Secret, Watched, Webhook},
    notifier::{GatewayHealth, GatewaySource, Links, Notifier, Parts},
};

/// Noon in Los Angeles.
const NOON: i64 = 1_472_583_600_000;
const SECOND: i64 = 1_000;
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::SeqCst))
    }
}

struct NoLinks;

impl Links for NoLinks {
    fn poster<'a>(&'a self, _: &'a CatalogRecord) -> BoxFuture<'a, Option<String>> {
        Box::pin(async { None })
    }
}

#[derive(Default)]
struct Gateway(Mutex<GatewayHealth>);

impl GatewaySource for Gateway {
    fn health(&self) -> GatewayHealth {
        self.0.lock().unwrap().clone()
    }
}

/// A site with its cameras, and the notifier's rounds as somebody would see them from outside.
struct House {
    dir: tempfile::TempDir,
    clock: Arc<Hand>,
    catalog: SqliteCatalog,
    is_cut: Arc<AtomicBool>,
    outbox: SqliteOutbox,
    gateway: Arc<Gateway>,
    config: NotifyConfig,
    rounds: Option<Rounds>,
    files: u32,
    seen: i64,
}

fn rule(name: &str, on: On) -> Rule {
    Rule {
        name: name.to_owned(),
        on,
        cameras: Vec::new(),
        group: None,
        hours: None,
        kind: None,
        after: Duration::ZERO,
        follow_up: true,
        targets: vec!["hook".to_owned()],
    }
}

fn hook(name: &str) -> ChannelConfig {
    let webhook = Webhook { url: "http://127.0.0.1:9/".to_owned(), secret: Secret::new("0123456789abcdef") };
    ChannelConfig { name: name.to_owned(), kind: ChannelKind::Webhook(webhook) }
}

impl House {
    fn new(rules: Vec<Rule>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = NotifyConfig {
            rules,
            channels: vec![hook("hook")],
            digest: None,
            gap: Duration::from_mins(1),
            longest: Duration::from_mins(15),
            late_after: Duration::from_mins(10),
            public_url: Some("https://cams.example".to_owned()),
            cameras: HashMap::new(),
        };
        Self {
            clock: Arc::new(Hand(AtomicI64::new(NOON))),
            catalog: SqliteCatalog::open(&dir.path().join("c.db"), &ObjectBase::default()).unwrap(),
            outbox: SqliteOutbox::open(&dir.path().join("n.db")).unwrap(),
            is_cut: Arc::default(),
            gateway: Arc::default(),
            config,
            rounds: None,
            files: 0,
            seen: 0,
            dir,
        }
    }

    fn now(&self) -> i64 {
        self.clock.0.load(Ordering::SeqCst)
    }

    /// A process with this configuration; what it is asked to store at once it has stored.
    async fn start(&mut self) {
        let zone = TimeZone::get("America/Los_Angeles").unwrap();
        let catalog = Arc::new(self.catalog.clone());
        let parts = Parts {
            catalog: Arc::new(line::Line { catalog: self.catalog.clone(), is_cut: self.is_cut.clone() }),
            groups: catalog.clone(),
            accounts: catalog.clone(),
            store: Arc::new(LocalStore::open(&self.dir.path().join("store")).unwrap()),
            outbox: Arc::new(self.outbox.clone()),
            pushes: catalog.clone(),
            stored: Some(catalog),
            gateway: Some(self.gateway.clone()),
            links: Arc::new(NoLinks),
            zones: Arc::new(CameraZones::new(zone, HashMap::new())),
            clock: self.clock.clone(),
            push_origins: PushOrigins::Public,
        };
        let notifier = Notifier::new(parts, self.config.clone()).unwrap();
        let mut rounds = Rounds::new(notifier.shared());
        rounds.round().await.unwrap();
        self.rounds = Some(rounds);
    }

    /// It dies: what it didn't store is gone.
    fn kill(&mut self) {
        self.rounds = None;
    }

    /// A capture of now, or with other times.
    async fn capture(&mut self, camera: &str) {
        let now = self.now();
        self.capture_at(camera, now - 2_000, now - 1_000, now).await;
    }

    async fn capture_at(&mut self, camera: &str, taken: i64, received: i64, stored: i64) {
        self.files += 1;
        let name = format!("{}.mp4", self.files);
        let mut record = camtrail_model::testing::record(camera, taken, CaptureKind::Record, &name);
        record.metadata.time.offset_s = -7 * 3_600;
        record.metadata.received_at = Millis(received);
        record.metadata.stored_at = Millis(stored);
        self.catalog.record(&record).await.unwrap();
    }

    /// After `ms`, what is told: channel, kind, title. A round may fail while the line is cut, and only then.
    async fn after(&mut self, ms: i64) -> Vec<String> {
        self.clock.0.fetch_add(ms, Ordering::SeqCst);
        let outcome = self.rounds.as_mut().unwrap().round().await;
        assert_eq!(outcome.is_err(), self.is_cut.load(Ordering::SeqCst), "{outcome:?}");
        let rows = self.outbox.deliveries(None, 1_000).await.unwrap();
        let new: Vec<DeliveryRow> = rows.into_iter().filter(|row| row.id > self.seen).collect();
        self.seen = new.iter().map(|row| row.id).max().unwrap_or(self.seen);
        new.iter().rev().map(|row| format!("{}: {}: {}", row.channel, row.kind, row.title)).collect()
    }

    async fn now_told(&mut self) -> Vec<String> {
        self.after(0).await
    }
}

#[tokio::test]
async fn what_was_there_before_the_first_start_is_no_news() {
    let mut house = House::new(vec![rule("all", On::Event)]);
    house.capture("gate").await;
    house.start().await;
    assert_eq!(house.now_told().await, [""; 0]);
    house.capture("gate").await;
    assert_eq!(house.now_told().await, ["hook: event: gate: motion"]);
}

#[tokio::test]
async fn a_run_is_one_message_and_a_count() {
    let mut house = House::new(vec![rule("all", On::Event)]);
    house.start().await;
    for second in 0..30 {
        house.capture("gate").await;
        let wanted: &[&str] = if second == 0 { &["hook: event: gate: motion"] } else { &[] };
        assert_eq!(house.after(SECOND).await, wanted);
    }
    assert_eq!(house.after(59 * SECOND).await, [""; 0]);
    assert_eq!(house.after(SECOND).await, ["hook: event_end: gate: 30 captures"]);
    house.capture("gate").await;
    assert_eq!(house.now_told().await, ["hook: event: gate: motion"]);
    assert_eq!(house.after(HOUR).await, [""; 0], "one capture was told; its end says nothing new");
}

#[tokio::test]
async fn a_restart_repeats_nothing_and_forgets_nothing() {
    let mut house = House::new(vec![rule("all", On::Event)]);
    house.start().await;
    house.capture("gate").await;
    house.capture("gate").await;
    assert_eq!(house.now_told().await, ["hook: event: gate: motion"]);
    // Read, and not stored: nothing was told of it. The next process reads it again.
    house.capture("gate").await;
    assert_eq!(house.now_told().await, [""; 0]);
    house.kill();
    house.start().await;
    assert_eq!(house.now_told().await, [""; 0]);
    assert_eq!(house.after(61 * SECOND).await, ["hook: event_end: gate: 3 captures"]);
}

#[tokio::test]
async fn old_news_are_one_message() {
    let mut house = House::new(vec![rule("all", On::Event)]);
    house.start().await;
    house.kill();
    // The notifier is away for five hours; the gateway isn't.
    for hour in 0..5 {
        let at = house.now() + hour * HOUR;
        house.capture_at("gate", at, at, at).await;
        house.capture_at("door", at, at, at).await;
    }
    house.clock.0.fetch_add(5 * HOUR, Ordering::SeqCst);
    house.start().await;
    house.capture("gate").await;
    assert_eq!(house.now_told().await, ["hook: event: gate: motion"], "what is new is told at once");
    assert_eq!(house.after(61 * SECOND).await, ["hook: events_late: Meanwhile: 10 captures"]);
    assert_eq!(house.after(HOUR).await, [""; 0]);
}

#[tokio::test]
async fn archives_and_a_rebuild_are_no_news() {
    let mut house = House::new(vec![rule("all", On::Event)]);
    house.start().await;
    let now = house.now();
    // An import: taken long ago, received now.
    house.capture_at("gate", now - 48 * HOUR, now, now).await;
    // A rebuild: stored long before we looked last.
    house.capture_at("gate", now - 72 * HOUR, now - 72 * HOUR, now - 72 * HOUR).await;
    assert_eq!(house.after(2 * MINUTE).await, [""; 0]);
    // A camera in another zone than configured is news.
    let now = house.now();
    house.capture_at("gate", now - 20 * HOUR, now, now).await;
    assert_eq!(house.now_told().await, ["hook: event: gate: motion"]);
}

#[tokio::test]
async fn what_people_do_to_events_is_no_news() {
    let mut house = House::new(vec![rule("all", On::Event)]);
    house.capture("gate").await;
    house.start().await;
    let page = house
        .catalog
        .page(&camtrail_model::EventQuery::default(), camtrail_model::PageSize::DEFAULT, None)
        .await
        .unwrap();
    let key = page.items[0].object_key.clone();
    let state = camtrail_model::EventState {
        version: 1,
        protected: true,
        note: None,
        by: "ann".to_owned(),
        at: Millis(1),
    };
    house.catalog.set_state(&key, &state).await.unwrap();
    house.catalog.remove(&key).await.unwrap();
    assert_eq!(house.now_told().await, [""; 0]);
}

#[tokio::test]
async fn rules_choose_cameras_groups_hours_and_kinds() {
    let gate = camtrail_model::CameraName::from_folder("gate");
    let with = |name: &str, change: fn(&mut Rule)| {
        let mut rule = rule(name, On::Event);
        change(&mut rule);
        rule.targets = vec![name.to_owned()];
        rule
    };
    let mut house = House::new(vec![
        Rule { cameras: vec![gate], ..with("named", |_| {}) },
        with("group", |rule| rule.group = Some("front".to_owned())),
        with("nogroup", |rule| rule.group = Some("nobody made it".to_owned())),
        with("night", |rule| rule.hours = Hours::parse("22:00-06:00")),
        with("noon", |rule| rule.hours = Hours::parse("11:00-13:00")),
        with("stills", |rule| rule.kind = Some(CaptureKind::Snap)),
    ]);
    house.config.channels =
        ["named", "group", "nogroup", "night", "noon", "stills"].iter().map(|name| hook(name)).collect();
    let front =
        CameraGroup { name: "front".to_owned(), contains: vec!["gate".to_owned()], ..Default::default() };
    house.catalog.put_groups(&CameraGroups::new(vec![front]).unwrap()).await.unwrap();
    house.start().await;
    house.capture("gate").await;
    house.capture("cellar").await;
    let told = house.now_told().await;
    let wanted = [
        "named: event: gate: motion",
        "group: event: gate: motion",
        "noon: event: gate: motion",
        "noon: event: cellar: motion",
    ];
    assert_eq!(told, wanted);
    house.clock.0.fetch_add(11 * HOUR, Ordering::SeqCst);
    house.capture("cellar").await;
    assert_eq!(house.now_told().await, ["night: event: cellar: motion"]);
}

#[tokio::test]
async fn a_sensor_hears_every_end_and_people_only_what_is_new() {
    let mut rules = vec![rule("all", On::Event)];
    rules[0].targets = vec!["hook".to_owned(), "home".to_owned()];
    rules[0].follow_up = false;
    let mut house = House::new(rules);
    let mqtt = Mqtt {
        host: "127.0.0.1".to_owned(),
        port: 9,
        tls: false,
        login: None,
        topic: "camtrail".to_owned(),
        discovery: None,
    };
    house.config.channels.push(ChannelConfig { name: "home".to_owned(), kind: ChannelKind::Mqtt(mqtt) });
    house.start().await;
    house.capture("gate").await;
    house.capture("gate").await;
    assert_eq!(house.now_told().await, ["hook: event: gate: motion", "home: event: gate: motion"]);
    assert_eq!(house.after(2 * MINUTE).await, ["home: event_end: gate: 2 captures"]);
}

#[tokio::test(start_paused = true)]
async fn silence_is_told_once_and_its_end_too() {
    let mut house = House::new(vec![rule("silent", On::CameraSilent), rule("back", On::CameraBack)]);
    let watched =
        Watched { silent_after: Some(Duration::from_millis(1)), display_name: Some("The gate".to_owned()) };
    house.config.cameras.insert(CameraName::from_folder("gate"), watched.clone());
    house.config.cameras.insert(CameraName::from_folder("old"), watched);
    let now = house.now();
    house.capture_at("old", now - 90 * HOUR, now - 90 * HOUR, now - 90 * HOUR).await;
    house.capture_at("gate", now, now, now).await;
    house.start().await;
    assert_eq!(house.now_told().await, [""; 0], "what was silent before is no news");
    std::thread::sleep(Duration::from_millis(5));
    house.rounds.as_mut().unwrap().health.look_again();
    assert_eq!(house.after(HOUR).await, ["hook: camera_silent: The gate is silent"]);
    house.rounds.as_mut().unwrap().health.look_again();
    assert_eq!(house.after(HOUR).await, [""; 0]);
    let now = house.now();
    house.capture_at("gate", now + 1, now + 1, now + 1).await;
    house.rounds.as_mut().unwrap().health.look_again();
    assert_eq!(house.after(1).await, ["hook: camera_back: The gate is back"]);
}

#[tokio::test]
async fn the_gateways_trouble_is_told_once_and_its_end_too() {
    let mut house = House::new(vec![rule("trouble", On::GatewayTrouble)]);
    house.start().await;
    let set = |house: &House, bytes: u64, problem: Option<&str>| {
        let problem = problem.map(str::to_owned);
        *house.gateway.0.lock().unwrap() =
            GatewayHealth { waiting: 3, bytes, max_bytes: 100, problem, has_stored: true };
    };
    set(&house, 79, None);
    assert_eq!(house.after(MINUTE).await, [""; 0]);
    set(&house, 80, None);
    assert_eq!(house.after(MINUTE).await, ["hook: gateway_trouble: The spool fills"]);
    house.kill();
    house.start().await;
    assert_eq!(house.after(MINUTE).await, [""; 0], "also over a restart");
    set(&house, 10, None);
    assert_eq!(house.after(MINUTE).await, ["hook: gateway_ok: Clips are stored again"]);
    set(&house, 10, Some("the bucket is gone"));
    assert_eq!(house.after(MINUTE).await, ["hook: gateway_trouble: Clips can't be stored"]);
    // A start in the middle of it: nothing has failed yet, and nothing is well.
    house.kill();
    *house.gateway.0.lock().unwrap() = GatewayHealth { waiting: 3, max_bytes: 100, ..Default::default() };
    house.start().await;
    assert_eq!(house.after(MINUTE).await, [""; 0]);
    set(&house, 10, None);
    assert_eq!(house.after(MINUTE).await, ["hook: gateway_ok: Clips are stored again"]);
}

/// The line is cut: the catalog is as far away as the store, and somebody in the house is to hear of it.
#[tokio::test]
async fn trouble_is_told_while_the_catalog_is_out_of_reach_and_nothing_is_missed() {
    let mut house = House::new(vec![rule("trouble", On::GatewayTrouble), rule("all", On::Event)]);
    house.start().await;
    house.capture("gate").await;
    house.is_cut.store(true, Ordering::SeqCst);
    *house.gateway.0.lock().unwrap() =
        GatewayHealth { problem: Some("no route".to_owned()), ..Default::default() };
    assert_eq!(house.after(MINUTE).await, ["hook: gateway_trouble: Clips can't be stored"]);
    assert_eq!(house.after(MINUTE).await, [""; 0]);
    house.is_cut.store(false, Ordering::SeqCst);
    *house.gateway.0.lock().unwrap() = GatewayHealth::default();
    let told = house.after(MINUTE).await;
    assert_eq!(told, ["hook: event: gate: motion", "hook: gateway_ok: Clips are stored again"]);
}

#[tokio::test]
async fn the_digest_comes_once_a_day_also_over_restarts() {
    let mut house = House::new(vec![]);
    let at = DigestConfig::parse_at("13:00").unwrap();
    house.config.digest = Some(DigestConfig { at, channels: vec!["hook".to_owned()] });
    house.start().await;
    for camera in ["gate", "gate", "door"] {
        house.capture(camera).await;
    }
    assert_eq!(house.after(59 * MINUTE).await, [""; 0]);
    assert_eq!(house.after(MINUTE).await, ["hook: digest: Camtrail: 3 captures in 60 minutes"]);
    let sent = house.outbox.due("hook", Millis(house.now())).await.unwrap().unwrap();
    let message: Message = serde_json::from_str(&sent.what.payload).unwrap();
    let lines: Vec<_> = message.text.lines().collect();
    assert_eq!(lines, ["gate: 2 captures", "door: 1 capture", "Waiting to be stored: 0", "Stored: 0 kB"]);
    house.kill();
    house.start().await;
    assert_eq!(house.after(20 * HOUR).await, [""; 0]);
    house.kill();
    // Down at the hour: at the next start.
    house.clock.0.fetch_add(10 * HOUR, Ordering::SeqCst);
    house.start().await;
    assert_eq!(house.now_told().await, ["hook: digest: Camtrail: 0 captures in 30 hours"]);
}

#[tokio::test]
async fn a_thousand_cameras_at_once_are_bounded() {
    let mut house = House::new(vec![rule("all", On::Event)]);
    house.start().await;
    for number in 0..300 {
        house.capture(&format!("camera {number}")).await;
    }
    house.now_told().await;
    let rows = house.outbox.deliveries(None, 1_000).await.unwrap();
    let waiting = rows.iter().filter(|row| row.next_at.is_some()).count();
    assert_eq!((rows.len(), waiting), (300, camtrail_model::ports::WAITING_MAX));
}
