//! The media crate against real samples, generated formats, hostile content and failing programs.

#![expect(clippy::unwrap_used, reason = "a test panics where something is wrong")]

mod absence;
mod copies;
mod formats;
mod hostile;
mod processes;
mod real_clip;
mod small;
mod sound_and_time;
mod stills;
mod support;
mod truncation;
