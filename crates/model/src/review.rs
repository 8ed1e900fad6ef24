//! What a person has seen: the rule by which marks of single events and "all up to here" give one answer.
//!
//! Promises: an event that came *after* somebody marked all as viewed is not viewed, however old its clip is: a camera
//! that was cut off for a night delivers what nobody has seen. The later word wins.

use crate::{event::EventId, time::Millis};

/// Steps that are kept, at most.
pub const STEPS_MAX: usize = 32;

/// An event, as far as this rule asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reviewed {
    /// Which.
    pub id: EventId,
    /// When it was stored.
    pub stored_at: Millis,
}

/// What was last said of one event by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Seen, or to be seen again.
    pub viewed: bool,
    /// When that was said, by the server's clock.
    pub at: Millis,
}

/// All events up to one, as they were at a time, are viewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The last of them, in the timeline's order.
    pub up_to: EventId,
    /// When that was said: what was stored later isn't meant.
    pub at: Millis,
}

/// Every "all up to here" of one person that still says something: the later, the older its place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpTo(Vec<Step>);

impl UpTo {
    /// The steps, from the newest place to the oldest.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Says one more. Beyond [`STEPS_MAX`] a step in the middle is given up: some events then show as new again.
    pub fn say(&mut self, step: Step) {
        if self.0.iter().any(|there| there.up_to >= step.up_to && there.at >= step.at) {
            return;
        }
        self.0.retain(|there| there.up_to > step.up_to || there.at > step.at);
        let place = self.0.partition_point(|there| there.up_to > step.up_to);
        self.0.insert(place, step);
        if self.0.len() > STEPS_MAX {
            self.0.remove(STEPS_MAX / 2);
        }
    }

    /// When an event was last said to be viewed by these.
    fn covers(&self, event: &Reviewed) -> Option<Millis> {
        let steps = self.0.iter().filter(|step| event.id <= step.up_to && event.stored_at <= step.at);
        steps.map(|step| step.at).max()
    }

    /// As one text, for storage.
    pub fn to_text(&self) -> String {
        let steps: Vec<_> = self.0.iter().map(|step| format!("{}@{}", step.up_to, step.at.0)).collect();
        steps.join(",")
    }

    /// The reverse of [`Self::to_text`]; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::default());
        }
        let step = |text: &str| {
            let (id, at) = text.split_once('@')?;
            Some(Step { up_to: EventId::parse(id)?, at: Millis(at.parse().ok()?) })
        };
        text.split(',').map(step).collect::<Option<_>>().map(Self)
    }
}

/// Whether an event is viewed.
pub fn is_viewed(event: &Reviewed, mark: Option<Mark>, up_to: &UpTo) -> bool {
    match mark {
        Some(Mark { viewed: true, .. }) => true,
        Some(Mark { viewed: false, at }) => up_to.covers(event).is_some_and(|said| said > at),
        None => up_to.covers(event).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CameraName, CaptureKind};

    fn id(event_ts: i64) -> EventId {
        let camera = CameraName::from_folder("gate");
        EventId { event_ts: Millis(event_ts), fraction: 0, kind: CaptureKind::Record, camera }
    }

    fn said(steps: &[(i64, i64)]) -> UpTo {
        let mut up_to = UpTo::default();
        for (place, at) in steps {
            up_to.say(Step { up_to: id(*place), at: Millis(*at) });
        }
        up_to
    }

    fn viewed(place: i64, stored_at: i64, mark: Option<(bool, i64)>, up_to: &UpTo) -> bool {
        let mark = mark.map(|(viewed, at)| Mark { viewed, at: Millis(at) });
        is_viewed(&Reviewed { id: id(place), stored_at: Millis(stored_at) }, mark, up_to)
    }

    #[test]
    fn what_came_later_is_new() {
        let up_to = said(&[(100, 1_000)]);
        assert!(viewed(100, 1_000, None, &up_to) && viewed(1, 2, None, &up_to));
        assert!(!viewed(101, 900, None, &up_to), "a newer one");
        assert!(!viewed(50, 1_001, None, &up_to), "an old one that came after");
        assert!(!viewed(50, 900, Some((false, 1_000)), &up_to), "unviewed since");
        assert!(viewed(50, 900, Some((false, 999)), &up_to), "unviewed before");
        assert!(viewed(101, 9_000, Some((true, 1)), &up_to));
    }

    #[test]
    fn steps_say_what_each_of_them_said_and_no_more() {
        let up_to = said(&[(100, 1_000), (50, 2_000)]);
        assert_eq!(up_to.steps().len(), 2);
        assert!(viewed(100, 900, None, &up_to), "an older place takes nothing back");
        assert!(viewed(50, 2_000, None, &up_to) && !viewed(51, 1_001, None, &up_to));
        assert_eq!(said(&[(100, 1_000), (50, 2_000), (100, 3_000)]).steps().len(), 1);
        assert_eq!(said(&[(100, 1_000), (100, 1_000), (90, 500)]).steps().len(), 1);
        assert_eq!(UpTo::parse(&up_to.to_text()), Some(up_to));
        assert_eq!(UpTo::parse(""), Some(UpTo::default()));
        for wrong in ["x", ",", "x@1", &format!("{}@x", id(1)), &format!("{}@1,", id(1))] {
            assert_eq!(UpTo::parse(wrong), None, "{wrong}");
        }
        let many = said(&(0..200).map(|n| (1_000 - n, n)).collect::<Vec<_>>());
        assert_eq!(many.steps().len(), STEPS_MAX);
        assert!(viewed(1_000, 0, None, &many) && viewed(801, 199, None, &many), "both ends stay");
    }
}
