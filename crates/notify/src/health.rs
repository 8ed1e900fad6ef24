//! What is told though nothing arrived: silent cameras, and a gateway in trouble.

use std::time::{Duration, Instant};

use camtrail_model::{
    CameraName, Millis,
    ports::{CameraSummary, CatalogError},
};

use crate::{
    config::On,
    message::{Kind, Message},
    notes::Notes,
    notifier::{GatewayHealth, Shared},
};

/// How often cameras are looked after.
const CAMERAS_EVERY: Duration = Duration::from_secs(10);
/// A camera is only silent when we have listened for so long (or for as long as it may be silent): after a stop of ours
/// all of them look so.
const LISTENED: Duration = Duration::from_mins(10);
/// A spool that is this full will soon refuse uploads, in percent.
const FULL_PERCENT: u64 = 80;

/// What to tell to the rules of a kind, and about which camera.
pub(crate) type News = (On, Option<CameraName>, Message);

/// What is remembered while the process runs.
#[derive(Debug)]
pub(crate) struct Health {
    started: Instant,
    cameras_at: Option<Instant>,
    /// Since when the store has been out of reach.
    unreachable: Option<Instant>,
}

impl Default for Health {
    fn default() -> Self {
        Self { started: Instant::now(), cameras_at: None, unreachable: None }
    }
}

impl Health {
    /// What there is to tell; and whether cameras could be looked after.
    pub(crate) async fn look(
        &mut self,
        shared: &Shared,
        notes: &mut Notes,
        now: Millis,
    ) -> (Vec<News>, Result<(), CatalogError>) {
        let mut news = Vec::new();
        if let Some(gateway) = &shared.parts.gateway {
            news.extend(self.gateway(shared, notes, &gateway.health(), now));
        }
        if self.cameras_at.is_some_and(|at| at.elapsed() < CAMERAS_EVERY) || !wants_silence(shared) {
            return (news, Ok(()));
        }
        match shared.parts.catalog.cameras().await {
            Ok(cameras) => {
                self.cameras_at = Some(Instant::now());
                news.extend(silence(shared, notes, &cameras, self.started.elapsed(), now));
                (news, Ok(()))
            }
            Err(error) => (news, Err(error)),
        }
    }

    /// Cameras are due.
    #[cfg(test)]
    pub(crate) fn look_again(&mut self) {
        self.cameras_at = None;
    }

    fn gateway(
        &mut self,
        shared: &Shared,
        notes: &mut Notes,
        health: &GatewayHealth,
        now: Millis,
    ) -> Vec<News> {
        self.unreachable = match &health.problem {
            Some(_) => Some(self.unreachable.unwrap_or_else(Instant::now)),
            None => None,
        };
        let full_percent = health.bytes.saturating_mul(100).checked_div(health.max_bytes).unwrap_or(0);
        let mut news = Vec::new();
        for rule in shared.config.rules.iter().filter(|rule| rule.on == On::GatewayTrouble) {
            let out_of_reach = self.unreachable.is_some_and(|since| since.elapsed() >= rule.after);
            let is_full = full_percent >= FULL_PERCENT;
            let (told, bad) = (notes.in_trouble.contains(&rule.name), out_of_reach || is_full);
            if told == bad {
                continue;
            }
            // After a start in the middle of an outage nothing has failed yet, and nothing went well.
            if told && health.waiting > 0 && !health.has_stored {
                continue;
            }
            let waits = format!(
                "Waiting to be stored: {}, with {} of {} bytes ({full_percent} %).",
                health.waiting, health.bytes, health.max_bytes
            );
            let message = if bad {
                notes.in_trouble.insert(rule.name.clone());
                let (title, text) = match &health.problem {
                    Some(problem) if out_of_reach => ("Clips can't be stored", format!("{problem}. {waits}")),
                    _ => ("The spool fills", format!("Clips arrive faster than they are stored. {waits}")),
                };
                Message::new(Kind::GatewayTrouble, now, title.to_owned(), text)
            } else {
                notes.in_trouble.remove(&rule.name);
                Message::new(Kind::GatewayOk, now, "Clips are stored again".to_owned(), waits)
            };
            news.push((On::GatewayTrouble, None, message.of_rule(&rule.name)));
        }
        news
    }
}

fn wants_silence(shared: &Shared) -> bool {
    shared.config.rules.iter().any(|rule| matches!(rule.on, On::CameraSilent | On::CameraBack))
}

fn silence(
    shared: &Shared,
    notes: &mut Notes,
    cameras: &[CameraSummary],
    listened: Duration,
    now: Millis,
) -> Vec<News> {
    let is_first = !std::mem::replace(&mut notes.silence_known, true);
    notes.silent.retain(|name| cameras.iter().any(|camera| camera.name == *name));
    let mut news = Vec::new();
    for camera in cameras {
        let limit = shared.config.cameras.get(&camera.name).and_then(|one| one.silent_after);
        let (silent, told) = (camera.is_silent(limit, now), notes.silent.contains(&camera.name));
        let label = shared.label(&camera.name);
        match (told, silent) {
            (false, true) if is_first => {
                notes.silent.insert(camera.name.clone());
            }
            (false, true) if limit.is_some_and(|limit| listened >= limit.min(LISTENED)) => {
                notes.silent.insert(camera.name.clone());
                let text = match camera.heard_at(now) {
                    Some(at) => format!("Last heard of {} ago.", span(now.0 - at.0)),
                    None => "It never sent anything.".to_owned(),
                };
                let message = Message::new(Kind::CameraSilent, now, format!("{label} is silent"), text);
                news.push((On::CameraSilent, Some(camera.name.clone()), message.of_camera(&camera.name)));
            }
            (true, false) => {
                notes.silent.remove(&camera.name);
                let text = "It sends again.".to_owned();
                let message = Message::new(Kind::CameraBack, now, format!("{label} is back"), text);
                news.push((On::CameraBack, Some(camera.name.clone()), message.of_camera(&camera.name)));
            }
            _ => {}
        }
    }
    news
}

/// A time as people say it.
pub(crate) fn span(ms: i64) -> String {
    let seconds = ms.max(0) / 1_000;
    let (number, unit) = match seconds {
        0..120 => (seconds, "seconds"),
        120..7_200 => (seconds / 60, "minutes"),
        7_200..172_800 => (seconds / 3_600, "hours"),
        _ => (seconds / 86_400, "days"),
    };
    format!("{number} {unit}")
}
