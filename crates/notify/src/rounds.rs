//! The rounds: read what changed in the catalog, look after cameras and gateway, and post what there is to tell.
//!
//! Everything that a round finds out is in the notes, and the notes are stored in the same step as the messages that
//! follow from them. So a process that dies makes no message twice and none less, whenever it dies.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use camtrail_model::{
    CameraName, CatalogRecord, Change, ChangeKind, Millis, Subject,
    groups::CameraGroups,
    ports::{CatalogError, NewDelivery},
};
use jiff::tz::Offset;
use tokio::sync::watch;

use crate::{
    channel::Channel,
    config::{On, Rule},
    health::Health,
    incidents::{EventRef, Pace, Told},
    message::{Kind, Message, captures},
    notes::{Late, Notes},
    notifier::{Shared, stopped},
};

/// Changes read at once.
const BATCH: usize = 256;
/// Batches of one round, at most.
const BATCHES_MAX: usize = 40;
/// A round is made this often though nothing woke us: other processes write events, too.
const ROUND_EVERY: Duration = Duration::from_secs(10);
/// Between two rounds, at least: a burst is read in few of them.
const ROUND_PAUSE: Duration = Duration::from_millis(200);
/// After a failure.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
/// Notes that nothing was told of are stored this often. What is newer is found out again after a crash.
const STORE_EVERY: Duration = Duration::from_secs(5);
/// A capture this much older than its upload is an archive's or a card's: no news. A camera in the wrong time zone is
/// wrong by up to 26 hours.
const OLD_CAPTURE_MS: i64 = 27 * 3_600_000;
/// What was stored this long before our last look was told then: the catalog is being rebuilt.
const REBUILT_MS: i64 = 24 * 3_600_000;
/// Cameras that a message about old news names, at most.
const NAMED_MAX: usize = 20;

/// The task.
pub(crate) struct Rounds {
    pub(crate) shared: Arc<Shared>,
    pub(crate) notes: Notes,
    /// Messages that wait to be posted with the notes.
    new: Vec<NewDelivery>,
    pub(crate) health: Health,
    groups: CameraGroups,
    browsers: Vec<String>,
    stored: Option<(Instant, Notes)>,
    /// Whether the last round failed: that is logged once.
    failed: bool,
}

impl Rounds {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            notes: Notes::default(),
            new: Vec::new(),
            health: Health::default(),
            groups: CameraGroups::default(),
            browsers: Vec::new(),
            stored: None,
            failed: false,
        }
    }

    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut wake = self.shared.parts.catalog.watch();
        loop {
            wake.borrow_and_update();
            let pause = match self.round().await {
                Ok(pause) => {
                    self.failed = false;
                    pause
                }
                Err(error) => {
                    if !std::mem::replace(&mut self.failed, true) {
                        tracing::warn!(%error, "notifications wait: the catalog or their queue can't be used now");
                    }
                    AGAIN_AFTER
                }
            };
            let woken = async {
                if wake.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
                tokio::time::sleep(ROUND_PAUSE).await;
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = woken => {}
                () = stopped(&mut stop) => break,
            }
        }
        if let Err(error) = self.store(true).await {
            tracing::warn!(%error, "the notifier's notes of the last seconds can't be stored; they are made again");
        }
    }

    /// One round; says how long to wait for the next. What fails in it is in the way of nothing else: that the line is cut is
    /// told while the catalog is at its other end.
    pub(crate) async fn round(&mut self) -> Result<Duration, CatalogError> {
        if self.stored.is_none() {
            self.load().await?;
        }
        let read = self.read_changes().await;
        let now = self.shared.now();
        self.end_runs(now);
        let looked = self.look_after(now).await;
        let summed = self.make_digest(now).await;
        self.store(false).await?;
        read.and(looked).and(summed)?;
        let next = self.notes.incidents.next(self.pace());
        let wait = next.map_or(ROUND_EVERY, |next| {
            Duration::from_millis((next.0 - now.0).max(0).unsigned_abs()).min(ROUND_EVERY)
        });
        Ok(wait.max(ROUND_PAUSE))
    }

    fn pace(&self) -> Pace {
        let config = &self.shared.config;
        Pace { gap_ms: config.gap.as_millis() as i64, longest_ms: config.longest.as_millis() as i64 }
    }

    async fn load(&mut self) -> Result<(), CatalogError> {
        let parts = &self.shared.parts;
        let known = parts.outbox.notes().await?;
        let parsed = known.as_deref().map(serde_json::from_str::<Notes>);
        self.notes = match parsed {
            Some(Ok(notes)) => notes,
            other => {
                if let Some(Err(error)) = other {
                    tracing::warn!(%error, "the notifier's notes can't be read: it begins afresh");
                }
                let now = self.shared.now();
                Notes::first(parts.catalog.latest_change().await?, now)
            }
        };
        self.stored = Some((Instant::now(), Notes::default()));
        self.store(true).await
    }

    /// What rules and channels go by that people may change.
    async fn learn(&mut self) -> Result<(), CatalogError> {
        let (shared, parts) = (&self.shared, &self.shared.parts);
        if shared.config.rules.iter().any(|rule| rule.group.is_some()) {
            self.groups = parts.groups.groups().await?;
        }
        if shared.channels.values().any(|channel| matches!(channel, Channel::WebPush(_))) {
            let all = parts.pushes.push_subscriptions().await?;
            self.browsers = all.into_iter().map(|one| one.id).collect();
        }
        Ok(())
    }

    async fn read_changes(&mut self) -> Result<(), CatalogError> {
        self.learn().await?;
        for _ in 0..BATCHES_MAX {
            let catalog = &self.shared.parts.catalog;
            let changes = catalog.changes(self.notes.cursor, BATCH).await?;
            let now = self.shared.now();
            if changes.gap {
                self.notes.cursor = catalog.latest_change().await?;
                self.missed(now);
                break;
            }
            let is_last = changes.items.len() < BATCH;
            for change in changes.items {
                self.notes.cursor = change.seq;
                self.take(change, now);
            }
            self.notes.cursor = self.notes.cursor.max(changes.upto);
            if is_last {
                self.notes.looked_at = now;
                break;
            }
        }
        Ok(())
    }

    /// Changes went unseen: we were away for longer than the catalog remembers.
    fn missed(&mut self, now: Millis) {
        self.notes.counts.more = true;
        for rule in self.shared.config.rules.iter().filter(|rule| rule.on == On::Event) {
            let late = late(&mut self.notes.late, rule, now);
            late.more = true;
        }
    }

    fn take(&mut self, change: Change, now: Millis) {
        if let Subject::Event { kind: ChangeKind::New, record: Some(record), .. } = change.subject {
            self.capture(&record, now);
        }
    }

    fn capture(&mut self, record: &CatalogRecord, now: Millis) {
        let metadata = &record.metadata;
        let (received, taken) = (metadata.received_at, metadata.time.instant);
        let rebuilt = metadata.stored_at.0 < self.notes.looked_at.0.saturating_sub(REBUILT_MS);
        if rebuilt || received.0.saturating_sub(taken.0) > OLD_CAPTURE_MS {
            return;
        }
        let camera = record.object_key.camera();
        self.notes.counts.add(camera);
        let offset = Offset::from_seconds(metadata.time.offset_s).unwrap_or(Offset::UTC);
        let local = offset.to_datetime(taken.timestamp());
        let is_late = now.0 - received.0 > self.shared.config.late_after.as_millis() as i64;
        let shared = self.shared.clone();
        for rule in shared.config.rules.iter().filter(|rule| rule.on == On::Event) {
            let kind = record.object_key.kind();
            let wanted = rule.covers(camera, &self.groups)
                && rule.kind.is_none_or(|wanted| wanted == kind)
                && rule.hours.is_none_or(|hours| hours.contain(local.time()));
            if !wanted {
                continue;
            }
            if is_late {
                let late = late(&mut self.notes.late, rule, now);
                *late.counts.entry(shared.label(camera)).or_default() += 1;
                late.last_at = now;
                continue;
            }
            let event = EventRef {
                id: record.id().to_string(),
                kind: kind.as_str().to_owned(),
                captured_at: jiff::fmt::temporal::DateTimePrinter::new()
                    .precision(Some(3))
                    .timestamp_with_offset_to_string(&taken.timestamp(), offset),
            };
            if let Some(told) = self.notes.incidents.capture(&rule.name, camera, event, now) {
                self.tell_run(rule, &told, now);
            }
        }
    }

    fn tell_run(&mut self, rule: &Rule, told: &Told, now: Millis) {
        let (Told::Began(run) | Told::GoesOn(run) | Told::Ended(run)) = told;
        let message = Message::of_run(told, &self.shared.label(&run.camera), now);
        self.tell_rule(rule, &message);
    }

    fn end_runs(&mut self, now: Millis) {
        let pace = self.pace();
        let shared = self.shared.clone();
        let rule_of = |name: &str| shared.config.rules.iter().find(|rule| rule.name == name);
        for told in self.notes.incidents.look(pace, now) {
            let (Told::Began(run) | Told::GoesOn(run) | Told::Ended(run)) = &told;
            // A rule that was taken out of the configuration has nothing to say.
            if let Some(rule) = rule_of(&run.rule) {
                self.tell_run(rule, &told, now);
            }
        }
        let is_over = |late: &Late| {
            let (quiet, long) = (now.0 - late.last_at.0, now.0 - late.since.0);
            !(0..pace.gap_ms).contains(&quiet) || long >= pace.longest_ms
        };
        let over: Vec<_> =
            self.notes.late.iter().filter(|(_, late)| is_over(late)).map(|(name, _)| name.clone()).collect();
        for name in over {
            if let (Some(late), Some(rule)) = (self.notes.late.remove(&name), rule_of(&name)) {
                let message = old_news(&late, now).of_rule(&rule.name);
                self.tell_rule(rule, &message);
            }
        }
    }

    async fn look_after(&mut self, now: Millis) -> Result<(), CatalogError> {
        let mut health = std::mem::take(&mut self.health);
        let (news, outcome) = health.look(&self.shared, &mut self.notes, now).await;
        self.health = health;
        let shared = self.shared.clone();
        for (on, camera, message) in news {
            for rule in shared.config.rules.iter().filter(|rule| rule.on == on) {
                let about = match &camera {
                    Some(camera) => rule.covers(camera, &self.groups) && self.in_hours(rule, camera, now),
                    None => message.rule.as_ref() == Some(&rule.name),
                };
                if about {
                    self.tell_rule(rule, &message.clone().of_rule(&rule.name));
                }
            }
        }
        outcome
    }

    fn in_hours(&self, rule: &Rule, camera: &CameraName, now: Millis) -> bool {
        let local = self.shared.parts.zones.of(camera).to_datetime(now.timestamp());
        rule.hours.is_none_or(|hours| hours.contain(local.time()))
    }

    fn tell_rule(&mut self, rule: &Rule, message: &Message) {
        let targets: Vec<_> = rule.targets.clone();
        self.tell(&targets, message, rule.follow_up);
    }

    /// Posts a message with the next notes, to all who want it.
    pub(crate) fn tell(&mut self, channels: &[String], message: &Message, follow_up: bool) {
        for name in channels {
            let Some(channel) = self.shared.channels.get(name) else { continue };
            if !channel.wants(message, follow_up) {
                continue;
            }
            let targets = match channel {
                Channel::WebPush(_) => self.browsers.clone(),
                Channel::Email(email) => email.receivers(),
                _ => vec![String::new()],
            };
            for target in targets {
                self.new.push(NewDelivery {
                    message_id: message.id.clone(),
                    channel: name.clone(),
                    target,
                    kind: message.kind.as_str().to_owned(),
                    title: message.title.clone(),
                    payload: serde_json::to_string(message).unwrap_or_default(),
                });
            }
        }
    }

    /// Stores the notes, with the messages that follow from them, where that is worth a write.
    async fn store(&mut self, at_once: bool) -> Result<(), CatalogError> {
        let Some((at, stored)) = &self.stored else { return Ok(()) };
        let is_news = {
            // Where we looked and found nothing is worth a write now and then.
            let seen = Notes { looked_at: stored.looked_at, ..self.notes.clone() };
            seen != *stored
        };
        let every = if is_news { STORE_EVERY } else { Duration::from_mins(1) };
        if self.new.is_empty() && !at_once && at.elapsed() < every {
            return Ok(());
        }
        let now = self.shared.now();
        self.shared.parts.outbox.post(&self.new, &self.notes.to_text(), now).await?;
        self.stored = Some((Instant::now(), self.notes.clone()));
        if !self.new.is_empty() {
            self.new.clear();
            self.shared.posted.send_modify(|count| *count += 1);
        }
        Ok(())
    }
}

fn late<'a>(all: &'a mut BTreeMap<String, Late>, rule: &Rule, now: Millis) -> &'a mut Late {
    all.entry(rule.name.clone()).or_insert_with(|| Late { since: now, last_at: now, ..Late::default() })
}

fn old_news(late: &Late, now: Millis) -> Message {
    let total: u64 = late.counts.values().sum();
    let at_least = if late.more { "at least " } else { "" };
    let mut lines: Vec<_> = late
        .counts
        .iter()
        .take(NAMED_MAX)
        .map(|(label, count)| format!("{label}: {}", captures(*count)))
        .collect();
    if late.counts.len() > NAMED_MAX {
        lines.push(format!("and {} cameras more", late.counts.len() - NAMED_MAX));
    }
    if late.more {
        lines.push("There may be more: nobody looked for longer than the catalog remembers.".to_owned());
    }
    let title = format!("Meanwhile: {at_least}{}", captures(total));
    Message { count: total, untold: total, ..Message::new(Kind::EventsLate, now, title, lines.join("\n")) }
}

#[cfg(test)]
mod tests;
