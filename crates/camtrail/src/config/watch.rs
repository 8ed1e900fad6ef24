//! `[[watch]]`: watched folders, as they are written and as they are checked.

use std::path::{Path, PathBuf};

use camtrail_gateway::{AccountScope, WatchConfig};

use super::{ConfigError, section::section, settings::Checker};

section! {
    /// Folders to take files from ([doors](../design/doors.md)).
    pub(crate) struct Watch {
        /// the folder's whole path, such as `/srv/ftp`; it may be mounted later
        path: String,
        /// whose they are: a camera's name, or `*`: the first folder below names the camera
        camera: String = "*".to_owned(),
        /// files stay there; `false`: each is removed once it is safe here
        keep: bool = true,
        /// a file whose writer can't be seen is taken when it hasn't changed for so long
        settle: String = "3s".to_owned(),
        /// how often the whole folder is looked through (network shares tell of nothing)
        rescan: String = "30s".to_owned(),
    }
}

/// Checks all of them. A folder that isn't there is no mistake: it may be mounted later.
pub(super) fn check(
    check: &Checker<'_>,
    watches: &[Watch],
    data_dir: &Path,
) -> Result<Vec<WatchConfig>, ConfigError> {
    let mut checked: Vec<WatchConfig> = Vec::new();
    for (index, watch) in watches.iter().enumerate() {
        let key = |name: &str| format!("watch[{index}].{name}");
        let path = PathBuf::from(&watch.path);
        let wrong = |expected: &str| check.wrong(&key("path"), &watch.path, expected);
        if !path.is_absolute() {
            return Err(wrong("the whole path of a folder, such as /srv/ftp"));
        }
        if path.exists() && !path.is_dir() {
            return Err(wrong("a folder (this is a file)"));
        }
        let path = real(&path);
        if overlap(&path, &real(data_dir)) {
            return Err(wrong("a folder that neither holds the data_dir nor lies in it"));
        }
        if checked.iter().any(|other| overlap(&path, &other.path)) {
            return Err(wrong("a folder that no other watched one holds or lies in"));
        }
        let scope = AccountScope::parse(&watch.camera).map_err(|error| {
            check.wrong(&key("camera"), &watch.camera, format!("a camera's name or \"*\" ({error})"))
        })?;
        let duration = |name: &str, text: &str| {
            let duration = check.duration(&key(name), text)?;
            if duration.is_zero() {
                return Err(check.wrong(&key(name), text, "more than nothing, such as 3s"));
            }
            Ok(duration)
        };
        let (settle, rescan) = (duration("settle", &watch.settle)?, duration("rescan", &watch.rescan)?);
        checked.push(WatchConfig { path, scope, keep: watch.keep, settle, rescan });
    }
    Ok(checked)
}

/// With links in it resolved, as far as it exists.
pub(crate) fn real(path: &Path) -> PathBuf {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut behind = Vec::new();
    for above in whole.ancestors() {
        if let Ok(real) = above.canonicalize() {
            return behind.iter().rev().fold(real, |path, name| path.join(name));
        }
        behind.extend(above.file_name().map(ToOwned::to_owned));
    }
    whole
}

pub(crate) fn overlap(one: &Path, other: &Path) -> bool {
    one.starts_with(other) || other.starts_with(one)
}
