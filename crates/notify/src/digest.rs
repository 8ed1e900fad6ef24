//! The digest: once a day at a chosen hour, what came, who is silent, and how the box is doing.
//!
//! The day of the last one is in the notes, which are stored with it: it is sent once, also where the process restarts in
//! that very minute; and where it was down at the hour, it is sent at the next start of the day.

use camtrail_model::{Millis, ports::CatalogError};
use jiff::{civil::Date, tz::TimeZone};

use crate::{
    health::span,
    message::{Kind, Message, captures},
    notes::Counts,
    rounds::Rounds,
};

/// Cameras that are named, at most.
const NAMED_MAX: usize = 50;

/// The day whose digest is the latest that is due.
fn due_day(now: Millis, zone: &TimeZone, at: jiff::civil::Time) -> Date {
    let local = zone.to_datetime(now.timestamp());
    if local.time() >= at { local.date() } else { local.date().yesterday().unwrap_or(local.date()) }
}

impl Rounds {
    pub(crate) async fn make_digest(&mut self, now: Millis) -> Result<(), CatalogError> {
        let shared = self.shared.clone();
        let Some(digest) = &shared.config.digest else {
            self.notes.digest = None;
            return Ok(());
        };
        let due = due_day(now, shared.parts.zones.default_zone(), digest.at);
        match self.notes.digest {
            // The first is tomorrow's, of a whole day.
            None => self.notes.digest = Some(due),
            Some(last) if last < due => {
                let message = self.digest(now).await?;
                self.notes.digest = Some(due);
                self.notes.counts = Counts { since: now, ..Counts::default() };
                self.tell(&digest.channels, &message, true);
            }
            Some(_) => {}
        }
        Ok(())
    }

    async fn digest(&self, now: Millis) -> Result<Message, CatalogError> {
        let (parts, counts) = (&self.shared.parts, &self.notes.counts);
        let mut by_count: Vec<_> = counts.by_camera.iter().collect();
        by_count.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), (*name).clone()));
        let label = |name: &str| {
            camtrail_model::CameraName::parse(name)
                .map_or_else(|_| name.to_owned(), |name| self.shared.label(&name))
        };
        let mut lines: Vec<_> = by_count
            .iter()
            .take(NAMED_MAX)
            .map(|(name, count)| format!("{}: {}", label(name), captures(**count)))
            .collect();
        let unnamed: u64 =
            by_count.iter().skip(NAMED_MAX).map(|(_, count)| **count).sum::<u64>() + counts.others;
        if unnamed > 0 {
            lines.push(format!("Other cameras: {}", captures(unnamed)));
        }
        if counts.more {
            lines.push("There may be more: nobody looked for longer than the catalog remembers.".to_owned());
        }
        let mut silent = 0;
        for camera in parts.catalog.cameras().await? {
            let limit = self.shared.config.cameras.get(&camera.name).and_then(|one| one.silent_after);
            if camera.is_silent(limit, now) {
                silent += 1;
                if silent <= NAMED_MAX {
                    let since = camera.heard_at(now).map_or_else(
                        || "never heard of".to_owned(),
                        |at| format!("last heard of {} ago", span(now.0 - at.0)),
                    );
                    lines.push(format!("Silent: {} ({since})", self.shared.label(&camera.name)));
                }
            }
        }
        if let Some(health) = parts.gateway.as_ref().map(|gateway| gateway.health()) {
            if let Some(problem) = health.problem {
                lines.push(format!("Trouble: {problem}"));
            }
            lines.push(format!("Waiting to be stored: {}", health.waiting));
        }
        if let Some(stored) = &parts.stored {
            lines.push(format!("Stored: {}", size(stored.stored_bytes().await?)));
        }
        let total = counts.total();
        let silent = if silent > 0 { format!(", {silent} silent") } else { String::new() };
        let title = format!("Camtrail: {} in {}{silent}", captures(total), span(now.0 - counts.since.0));
        Ok(Message {
            count: total,
            untold: total,
            ..Message::new(Kind::Digest, now, title, lines.join("\n"))
        })
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..10_000_000 => format!("{} kB", bytes / 1_000),
        10_000_000..10_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{} GB", bytes / 1_000_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_due_once_a_day_at_its_hour_also_when_clocks_change() {
        let zone = TimeZone::get("America/Los_Angeles").unwrap();
        let at = jiff::civil::time(2, 30, 0, 0);
        let day = |text: &str| {
            let now = Millis::from(text.parse::<jiff::Timestamp>().unwrap());
            due_day(now, &zone, at).to_string()
        };
        assert_eq!(day("2016-03-12T10:29:00Z"), "2016-03-11");
        assert_eq!(day("2016-03-12T10:30:00Z"), "2016-03-12");
        // 02:30 doesn't exist on the 13th, and comes twice on November 6.
        assert_eq!(day("2016-03-13T09:59:59Z"), "2016-03-12");
        assert_eq!(day("2016-03-13T10:00:00Z"), "2016-03-13");
        assert_eq!(day("2016-11-06T10:30:00Z"), "2016-11-06");
    }
}
