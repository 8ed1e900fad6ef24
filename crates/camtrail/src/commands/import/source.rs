//! What is imported of a folder tree: which of its files are captures, and whose they are.

use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use camtrail_gateway::{Tree, TreeFile};
use camtrail_model::{CameraName, FileName, ObjectBase, text::decode_wire_name};

use super::worth::{self, Worth};
use crate::cli::{ImportArgs, UsageError};

/// A folder tree (or one file), and what names the cameras in it.
pub(crate) struct Source {
    pub(crate) tree: Tree,
    /// Only this file of it.
    pub(crate) only: Option<PathBuf>,
    /// Whose all of it is; else the first folder says.
    camera: Option<CameraName>,
}

fn usage(text: String) -> UsageError {
    UsageError(text)
}

/// The camera that is named on the command line.
pub(super) fn camera_of(args: &ImportArgs) -> Result<Option<CameraName>, UsageError> {
    let parsed = args.camera.as_deref().map(CameraName::parse).transpose();
    parsed.map_err(|error| usage(format!("--camera: {error}")))
}

impl Source {
    /// Checks the command line against what is there, before anything is opened.
    pub(crate) fn check(args: &ImportArgs, base: &ObjectBase) -> Result<Self, UsageError> {
        let shown = args.path.display();
        for (flag, given) in
            [("--endpoint", &args.endpoint), ("--region", &args.region), ("--profile", &args.profile)]
        {
            if given.is_some() {
                return Err(usage(format!(
                    "{flag} is for buckets (s3://BUCKET/FOLDER), and {shown} is none"
                )));
            }
        }
        let camera = camera_of(args)?;
        let found = fs::metadata(&args.path).map_err(|error| {
            usage(format!("{shown} can't be read ({error}): expected a folder or a file"))
        })?;
        let full = fs::canonicalize(&args.path).map_err(|error| {
            usage(format!("{shown} can't be read ({error}): expected a folder or a file"))
        })?;
        if found.is_dir() {
            if camera.is_none() {
                refuse_wrong_level(&full, base)?;
            }
            return Ok(Self { tree: Tree::new(full), only: None, camera });
        }
        let (Some(folder), Some(name), true) = (full.parent(), full.file_name(), found.is_file()) else {
            return Err(usage(format!("{shown}: expected a folder or a regular file")));
        };
        if camera.is_none() {
            return Err(usage(format!("{shown} is one file: say whose it is with --camera NAME")));
        }
        Ok(Self { tree: Tree::new(folder.to_owned()), only: Some(PathBuf::from(name)), camera })
    }

    /// Judges by content first, then by name, as every upload is judged.
    pub(crate) fn worth(&self, file: &TreeFile, head: &[u8]) -> Worth {
        let path = file.texts();
        let is_small = |name: &str| FileName::from_upload(name).looks_derived();
        if file.size > 0 && path.last().is_some_and(|name| is_small(name)) && self.has_original(&file.path) {
            return Worth::Nothing("a small rendition beside its original");
        }
        worth::judge(self.camera.as_ref(), path, file.size, head)
    }

    fn has_original(&self, path: &Path) -> bool {
        let Some(name) = path.file_name().map(OsStr::as_bytes) else { return false };
        let at = name.len().saturating_sub(worth::SMALL_ENDING.len());
        if !name[at..].eq_ignore_ascii_case(worth::SMALL_ENDING.as_bytes()) {
            return false;
        }
        worth::ORIGINAL_ENDINGS.iter().any(|ending| {
            let original = path.with_file_name(OsStr::from_bytes(&[&name[..at], ending.as_bytes()].concat()));
            self.tree.look(&original).is_ok_and(|there| there.is_some())
        })
    }
}

fn refuse_wrong_level(root: &Path, base: &ObjectBase) -> Result<(), UsageError> {
    let shown = root.display();
    let entries = fs::read_dir(root).map_err(|error| usage(format!("{shown} can't be read ({error})")))?;
    for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        let name = decode_wire_name(entry.file_name().as_bytes());
        if let Some(why) = worth::wrong_level(&shown.to_string(), &name, base) {
            return Err(usage(why));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(path: &Path, camera: Option<&str>) -> ImportArgs {
        ImportArgs {
            path: path.to_owned(),
            camera: camera.map(str::to_owned),
            endpoint: None,
            region: None,
            profile: None,
            dry_run: false,
            config: crate::cli::ConfigArgs::default(),
        }
    }

    fn source(path: &Path, camera: Option<&str>) -> Result<Source, String> {
        Source::check(&args(path, camera), &ObjectBase::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_wrong_level_is_told_not_imported() {
        let dir = tempfile::tempdir().unwrap();
        for (folders, camera, want) in [
            ("one/2016-10-18/Hour-11", None, "--camera NAME"),
            ("two/record", None, "--camera NAME"),
            ("three/patrolcams/backyard", None, "three/patrolcams instead"),
            ("four/record", Some("gate"), ""),
            ("five/backyard/record", None, ""),
            ("five", Some("a/b"), "--camera: \"a/b\" can't be a camera's name"),
        ] {
            fs::create_dir_all(dir.path().join(folders)).unwrap();
            let root = dir.path().join(folders.split('/').next().unwrap());
            let said = source(&root, camera).err().unwrap_or_default();
            assert_eq!(said.is_empty(), want.is_empty(), "{folders}: {said}");
            assert!(said.contains(want), "{folders}: {said}");
        }
        assert!(source(&dir.path().join("none"), None).err().unwrap().contains("expected a folder"));
        fs::write(dir.path().join("a.jpg"), b"x").unwrap();
        assert!(source(&dir.path().join("a.jpg"), None).err().unwrap().contains("--camera NAME"));
        assert!(source(&dir.path().join("a.jpg"), Some("gate")).is_ok());
    }

    #[test]
    fn captures_are_told_from_the_rest() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("gate/record")).unwrap();
        let jpeg = b"\xFF\xD8\xFF\xE0 still";
        let files: [(&str, &[u8], &str); 10] = [
            ("gate/record/a.mkv", b"unknown", "gate:record/a.mkv"),
            ("gate/still", jpeg, "gate:still"),
            ("gate/a.jpg_", jpeg, "gate:a.jpg cut"),
            ("gate/b.mp4", b"clip", "gate:b.mp4"),
            ("gate/b-small.mp4", b"clip", "a small rendition beside its original"),
            ("gate/c-small.mp4", b"clip", "gate:c-small.mp4"),
            ("gate/a.idx", b"index", "a sidecar"),
            ("gate/notes.txt", b"text", "neither clip nor still"),
            ("gate/empty.jpg", b"", "empty"),
            ("loose.jpg", jpeg, "nobody's"),
        ];
        for (path, bytes, _) in files {
            fs::write(dir.path().join(path), bytes).unwrap();
        }
        let source = source(dir.path(), None).unwrap();
        for (path, bytes, want) in files {
            let file = source.tree.look(Path::new(path)).unwrap().unwrap();
            let got = match source.worth(&file, bytes) {
                Worth::Media { camera, path, cut } => {
                    format!("{camera}:{}{}", path.join("/"), if cut { " cut" } else { "" })
                }
                Worth::Nothing(why) => why.to_owned(),
                Worth::Nobodys => "nobody's".to_owned(),
            };
            assert_eq!(got, want, "{path}");
        }
    }
}
