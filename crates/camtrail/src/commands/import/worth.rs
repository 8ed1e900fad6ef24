//! What a file or object is worth: whether it is a capture, and whose; and which level of folders is the right one.

use camtrail_model::{
    CameraName, ObjectBase, TimeSource,
    names::{self, Claim},
    sniff::sniff,
};

/// Endings that an original may have beside its small rendition (`x-small.mp4` is made from `x.mp4` or the like).
pub(super) const ORIGINAL_ENDINGS: [&str; 8] =
    [".mp4", ".MP4", ".mkv", ".MKV", ".avi", ".AVI", ".m4v", ".mov"];
/// How a small rendition ends.
pub(super) const SMALL_ENDING: &str = "-small.mp4";

/// What a file is worth.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Worth {
    /// A capture: whose, its path below the camera's folder, and whether its name says that it is under way still.
    Media { camera: CameraName, path: Vec<String>, cut: bool },
    /// No capture, and why.
    Nothing(&'static str),
    /// A capture that no folder names a camera for.
    Nobodys,
}

/// Judges by content first, then by name, as every upload is judged. `camera`: whose it is; else its first folder says.
pub(super) fn judge(camera: Option<&CameraName>, mut path: Vec<String>, size: u64, head: &[u8]) -> Worth {
    let Some(name) = path.last_mut() else { return Worth::Nothing("no file") };
    let cut = names::is_in_progress(name);
    *name = names::finished_name(name).to_owned();
    if size == 0 {
        return Worth::Nothing("empty");
    }
    let parts: Vec<&str> = path.iter().map(String::as_str).collect();
    let reading = names::read(&parts);
    if sniff(head).is_none() && reading.kind.is_none() {
        return Worth::Nothing(if reading.sidecar { "a sidecar" } else { "neither clip nor still" });
    }
    match camera {
        Some(camera) => Worth::Media { camera: camera.clone(), path, cut },
        None if path.len() < 2 => Worth::Nobodys,
        None => {
            let below = path.split_off(1);
            Worth::Media { camera: CameraName::from_folder(&path[0]), path: below, cut }
        }
    }
}

/// Whether the name alone says that it is a capture.
pub(super) fn name_says_enough(path: &[String]) -> bool {
    let Some((name, folders)) = path.split_last() else { return false };
    let parts: Vec<&str> = folders.iter().map(String::as_str).chain([names::finished_name(name)]).collect();
    names::read(&parts).kind.is_some()
}

/// The commonest mistake: a folder one level too low or too high, which would make cameras called `record` or
/// `patrolcams`. What to do instead, if the folder `name` in the place `shown` tells of it.
pub(super) fn wrong_level(shown: &str, name: &str, base: &ObjectBase) -> Option<String> {
    if name == base.as_str() {
        return Some(format!(
            "{shown} holds {name}/, below which are the cameras: import {shown}/{name} instead"
        ));
    }
    let dated =
        matches!(names::read(&[name, "x"]).claim, Claim::Full(_, TimeSource::Folder) | Claim::Date(_));
    if dated || ["record", "snap"].iter().any(|kind| name.eq_ignore_ascii_case(kind)) {
        return Some(format!(
            "{shown} looks like one camera's folder (it holds {name}/): say whose with --camera NAME"
        ));
    }
    None
}
