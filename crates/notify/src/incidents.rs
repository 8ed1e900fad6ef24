//! Runs of captures: one message when a run begins, and one when it has ended, however many captures it has.

use camtrail_model::{CameraName, Millis};
use serde::{Deserialize, Serialize};

/// Runs at once, at most; of more, nothing is told. A site of a thousand cameras with five rules fits.
const OPEN_MAX: usize = 5_000;

/// One capture, as messages name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EventRef {
    /// The event's id.
    pub(crate) id: String,
    /// `record` or `snap`.
    pub(crate) kind: String,
    /// When it was taken, RFC 3339 with the camera's offset.
    pub(crate) captured_at: String,
}

/// A run of captures of one camera, as one rule sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) rule: String,
    pub(crate) camera: CameraName,
    pub(crate) first: EventRef,
    pub(crate) last: EventRef,
    /// Captures of all of it.
    pub(crate) count: u64,
    /// Captures that no message told of.
    pub(crate) untold: u64,
    /// When something was told last.
    pub(crate) told_at: Millis,
    /// When its last capture came.
    pub(crate) last_at: Millis,
}

/// What there is to tell of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// Its first capture.
    Began(Run),
    /// It goes on and on.
    GoesOn(Run),
    /// It is over.
    Ended(Run),
}

/// How long is what, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// A run ends when nothing came for so long.
    pub(crate) gap_ms: i64,
    /// One that doesn't end is told again after so long.
    pub(crate) longest_ms: i64,
}

/// All runs that go on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub(crate) struct Incidents(Vec<Run>);

impl Incidents {
    /// Takes a capture; something to tell where it begins a run.
    pub(crate) fn capture(
        &mut self,
        rule: &str,
        camera: &CameraName,
        event: EventRef,
        now: Millis,
    ) -> Option<Told> {
        if let Some(run) = self.0.iter_mut().find(|run| run.rule == rule && run.camera == *camera) {
            run.count += 1;
            run.untold += 1;
            run.last = event;
            run.last_at = now;
            return None;
        }
        if self.0.len() >= OPEN_MAX {
            tracing::warn!(rule, %camera, open_max = OPEN_MAX, "too many runs of captures at once: this one isn't told");
            return None;
        }
        let run = Run {
            rule: rule.to_owned(),
            camera: camera.clone(),
            first: event.clone(),
            last: event,
            count: 1,
            untold: 0,
            told_at: now,
            last_at: now,
        };
        self.0.push(run.clone());
        Some(Told::Began(run))
    }

    /// What has ended or gone on for long by `now`.
    pub(crate) fn look(&mut self, pace: Pace, now: Millis) -> Vec<Told> {
        let mut told = Vec::new();
        self.0.retain_mut(|run| {
            // A clock that leapt back ends runs, too: or they would last until it is where it was.
            if !(0..pace.gap_ms).contains(&(now.0 - run.last_at.0)) {
                told.push(Told::Ended(run.clone()));
                return false;
            }
            if now.0 - run.told_at.0 >= pace.longest_ms && run.untold > 0 {
                told.push(Told::GoesOn(run.clone()));
                run.untold = 0;
                run.told_at = now;
            }
            true
        });
        told
    }

    /// When to look again.
    pub(crate) fn next(&self, pace: Pace) -> Option<Millis> {
        let next = |run: &Run| {
            let ends = run.last_at.plus(pace.gap_ms);
            if run.untold > 0 { ends.min(run.told_at.plus(pace.longest_ms)) } else { ends }
        };
        self.0.iter().map(next).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { gap_ms: 60_000, longest_ms: 900_000 };

    fn event(n: i64) -> EventRef {
        EventRef { id: format!("e{n}"), kind: "record".to_owned(), captured_at: String::new() }
    }

    fn camera(name: &str) -> CameraName {
        CameraName::from_folder(name)
    }

    /// What is told of captures at these seconds, and when.
    fn told(seconds: &[i64], until_s: i64) -> Vec<(i64, &'static str, u64)> {
        let (mut incidents, mut all) = (Incidents::default(), Vec::new());
        for second in 0..until_s {
            let now = Millis(second * 1_000);
            let began = seconds.iter().filter(|at| **at == second);
            let began: Vec<_> =
                began.filter_map(|n| incidents.capture("r", &camera("a"), event(*n), now)).collect();
            for told in began.into_iter().chain(incidents.look(PACE, now)) {
                all.push(match told {
                    Told::Began(run) => (second, "began", run.count),
                    Told::GoesOn(run) => (second, "goes on", run.count),
                    Told::Ended(run) => (second, "ended", run.count),
                });
            }
        }
        all
    }

    #[test]
    fn a_run_is_told_when_it_begins_and_when_it_has_ended() {
        assert_eq!(told(&[5], 100), [(5, "began", 1), (65, "ended", 1)]);
        assert_eq!(told(&[5, 6, 60, 119], 200), [(5, "began", 1), (179, "ended", 4)]);
        let two = [(5, "began", 1), (65, "ended", 1), (66, "began", 1), (126, "ended", 1)];
        assert_eq!(told(&[5, 66], 200), two);
    }

    #[test]
    fn a_run_without_an_end_is_told_every_quarter_of_an_hour() {
        let all: Vec<i64> = (0..3_600).step_by(10).collect();
        let told = told(&all, 3_600);
        assert_eq!(
            told,
            [(0, "began", 1), (900, "goes on", 91), (1_800, "goes on", 181), (2_700, "goes on", 271)]
        );
    }

    #[test]
    fn cameras_and_rules_have_runs_of_their_own_and_they_are_bounded() {
        let mut incidents = Incidents::default();
        let now = Millis(0);
        for n in 0..OPEN_MAX {
            assert!(incidents.capture("r", &camera(&format!("c{n}")), event(1), now).is_some());
        }
        assert!(incidents.capture("r2", &camera("c0"), event(1), now).is_none(), "too many");
        assert_eq!(incidents.look(PACE, Millis(60_000)).len(), OPEN_MAX);
        assert!(incidents.capture("r2", &camera("c0"), event(1), now).is_some());
    }

    #[test]
    fn a_clock_that_leaps_back_ends_runs() {
        let mut incidents = Incidents::default();
        incidents.capture("r", &camera("a"), event(1), Millis(1_000_000));
        assert_eq!(incidents.look(PACE, Millis(999)).len(), 1);
        assert_eq!(incidents, Incidents::default());
    }
}
