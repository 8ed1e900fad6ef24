//! What became of every upload: compared with the list of events and with the store's real objects.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write,
};

use serde_json::Value;

use super::{
    plan::{Shot, Shots},
    store::Store,
};
use crate::support::{sha256, text};

/// What is wrong, each with enough to look for it in the log.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) stored: usize,
    pub(super) listed: usize,
    pub(super) lost: Vec<String>,
    pub(super) doubled: Vec<String>,
    pub(super) displaced: Vec<String>,
    pub(super) corrupted: Vec<String>,
    /// Clips that were stored as they came, which is allowed.
    pub(super) not_remuxed: usize,
    /// Their pictures could not be made or stored.
    pub(super) posterless: Vec<String>,
}

impl Verdict {
    pub(super) fn of(plan: &[Shots], events: &[Value], store: &Store) -> Self {
        let keys: HashSet<String> = store.keys().into_iter().collect();
        let mut verdict = Self { stored: keys.len(), listed: events.len(), ..Self::default() };
        let posterless = events.iter().filter(|event| event["poster_url"].is_null());
        verdict.posterless = posterless.map(|event| text(event, "object_key").to_owned()).collect();
        let mut listed: HashMap<(String, String), Vec<&Value>> = HashMap::new();
        for event in events {
            let content = (text(event, "camera_name").to_owned(), text(event, "original_sha256").to_owned());
            listed.entry(content).or_default().push(event);
        }
        for shot in plan.iter().flat_map(|shots| &shots.shots) {
            let (camera, digest) = (shot.camera_name(), sha256(&shot.bytes()));
            let found = listed.remove(&(camera.clone(), digest.clone())).unwrap_or_default();
            match found[..] {
                [] => verdict.lost.push(format!("not listed: {camera} {}", shot.name())),
                [event] => verdict.look(shot, &digest, event, store),
                _ => verdict.doubled.push(format!("{} times: {:#?}", found.len(), found)),
            }
        }
        for event in listed.into_values().flatten() {
            verdict.displaced.push(format!("nobody sent this, or a cut one is left: {event:#}"));
        }
        verdict.match_keys(events, &keys);
        verdict
    }

    /// An event that is listed once, and its object.
    fn look(&mut self, shot: &Shot, digest: &str, event: &Value, store: &Store) {
        let key = text(event, "object_key");
        let own = shot.keys(digest).iter().any(|own| own == key)
            && text(event, "kind") == shot.kind()
            && event["event_ts"] == shot.capture_ms();
        if !own {
            self.displaced.push(format!("{shot:?} is listed as {event:#}"));
        }
        let Some(object) = store.object(key) else {
            self.lost.push(format!("no object: {key}"));
            return;
        };
        let remuxed = shot.wants_remux() && event["content_type"] == "video/mp4";
        self.not_remuxed += usize::from(shot.wants_remux() && !remuxed);
        let really = sha256(&object);
        let whole = really == text(event, "sha256")
            && event["size"] == object.len()
            && event["complete"] == true
            && if remuxed { object.get(4..8) == Some(b"ftyp") } else { really == digest };
        if !whole {
            self.corrupted.push(format!("{key} has {really}, {} bytes: {event:#}", object.len()));
        }
    }

    /// Each event has its own object, and each object its event.
    fn match_keys(&mut self, events: &[Value], keys: &HashSet<String>) {
        let mut named = HashSet::new();
        for event in events {
            if !named.insert(text(event, "object_key").to_owned()) {
                self.displaced.push(format!("its object is another's, too: {event:#}"));
            }
        }
        for key in keys.difference(&named) {
            self.displaced.push(format!("no event names this object: {key}"));
        }
    }

    pub(super) fn is_good(&self) -> bool {
        [&self.lost, &self.doubled, &self.displaced, &self.corrupted, &self.posterless]
            .iter()
            .all(|wrong| wrong.is_empty())
    }

    /// The first few of each, and what the program's log says of them.
    pub(super) fn details(&self, log: &str) -> String {
        const SHOWN: usize = 5;
        let mut text = String::new();
        for (what, all) in [
            ("lost", &self.lost),
            ("doubled", &self.doubled),
            ("displaced", &self.displaced),
            ("corrupted", &self.corrupted),
            ("no poster", &self.posterless),
        ] {
            for one in all.iter().take(SHOWN) {
                let _ = writeln!(text, "{what}: {one}");
                let names = one.split(['"', '/', ' ', '\n']).filter(|word| word.starts_with("MDA"));
                let names: HashSet<_> =
                    names.chain(one.split('"').filter(|w| w.starts_with("MDa"))).collect();
                for line in log.lines().filter(|line| names.iter().any(|name| line.contains(name))) {
                    let _ = writeln!(text, "  {line}");
                }
            }
        }
        text
    }
}
