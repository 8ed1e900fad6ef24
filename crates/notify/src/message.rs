//! One message: what all channels make theirs of. Its words are for people, its fields for programs.

use camtrail_model::{CameraName, Millis};
use serde::{Deserialize, Serialize};

use crate::incidents::{EventRef, Run, Told};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// A run of captures began.
    Event,
    /// It goes on and on.
    EventGoesOn,
    /// It is over.
    EventEnd,
    /// Captures of a while ago, summed up.
    EventsLate,
    /// A camera isn't heard from.
    CameraSilent,
    /// It is, again.
    CameraBack,
    /// The gateway is in trouble.
    GatewayTrouble,
    /// It isn't any more.
    GatewayOk,
    /// The daily summary.
    Digest,
    /// Somebody wants to know whether it works.
    Test,
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::EventGoesOn => "event_goes_on",
            Self::EventEnd => "event_end",
            Self::EventsLate => "events_late",
            Self::CameraSilent => "camera_silent",
            Self::CameraBack => "camera_back",
            Self::GatewayTrouble => "gateway_trouble",
            Self::GatewayOk => "gateway_ok",
            Self::Digest => "digest",
            Self::Test => "test",
        }
    }

    /// Whether somebody should be woken.
    pub(crate) fn is_trouble(self) -> bool {
        matches!(self, Self::CameraSilent | Self::GatewayTrouble)
    }
}

/// A message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Message {
    /// The same at every attempt and on every channel.
    pub(crate) id: String,
    pub(crate) kind: Kind,
    /// When it was made.
    pub(crate) at: Millis,
    /// The rule that wanted it.
    pub(crate) rule: Option<String>,
    /// Its camera.
    pub(crate) camera: Option<CameraName>,
    /// One line.
    pub(crate) title: String,
    /// Some lines.
    pub(crate) text: String,
    /// How many captures it is about.
    pub(crate) count: u64,
    /// Of these, what nobody was told before.
    pub(crate) untold: u64,
    /// The capture that stands for it.
    pub(crate) event: Option<EventRef>,
}

impl Message {
    pub(crate) fn new(kind: Kind, at: Millis, title: String, text: String) -> Self {
        Self {
            id: fresh_id(),
            kind,
            at,
            rule: None,
            camera: None,
            title,
            text,
            count: 0,
            untold: 0,
            event: None,
        }
    }

    pub(crate) fn of_rule(self, rule: &str) -> Self {
        Self { rule: Some(rule.to_owned()), ..self }
    }

    pub(crate) fn of_camera(self, camera: &CameraName) -> Self {
        Self { camera: Some(camera.clone()), ..self }
    }

    /// What there is to tell of a run; `label` is what people call the camera.
    pub(crate) fn of_run(told: &Told, label: &str, now: Millis) -> Self {
        let (kind, run) = match told {
            Told::Began(run) => (Kind::Event, run),
            Told::GoesOn(run) => (Kind::EventGoesOn, run),
            Told::Ended(run) => (Kind::EventEnd, run),
        };
        let (title, text) = match kind {
            Kind::Event => {
                let what = if run.first.kind == "snap" { "still" } else { "clip" };
                (format!("{label}: motion"), format!("A {what} of {}", clock(&run.first.captured_at)))
            }
            Kind::EventGoesOn => (
                format!("{label}: motion goes on"),
                format!("{} since {}", captures(run.count), clock(&run.first.captured_at)),
            ),
            _ => (format!("{label}: {}", captures(run.count)), span(run)),
        };
        let shown = if kind == Kind::Event { &run.first } else { &run.last };
        Self {
            count: run.count,
            untold: run.untold,
            event: Some(shown.clone()),
            ..Self::new(kind, now, title, text).of_rule(&run.rule).of_camera(&run.camera)
        }
    }
}

pub(crate) fn captures(count: u64) -> String {
    if count == 1 { "1 capture".to_owned() } else { format!("{count} captures") }
}

fn span(run: &Run) -> String {
    let (first, last) = (clock(&run.first.captured_at), clock(&run.last.captured_at));
    if first == last { format!("At {first}") } else { format!("From {first} to {last}") }
}

/// `15:29:54` of an RFC 3339 time.
fn clock(text: &str) -> &str {
    text.get(11..19).unwrap_or(text)
}

/// An id that nobody else makes.
fn fresh_id() -> String {
    let mut bytes = [0_u8; 16];
    if let Err(error) = getrandom::fill(&mut bytes) {
        // Ids tell messages apart, no more: the clock will do.
        tracing::warn!(%error, "no random bytes for a message's id");
        bytes = (jiff::Timestamp::now().as_nanosecond()).to_be_bytes();
    }
    format!("msg_{}", data_encoding::HEXLOWER.encode(&bytes))
}
