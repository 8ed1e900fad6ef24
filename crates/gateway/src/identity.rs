//! Whose upload it is: from an account and a path to a camera and the path below its folder.

use camtrail_ftp::FtpPath;
use camtrail_model::{CameraName, text::decode_wire_name};

/// What an FTP account may send for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountScope {
    /// One camera: the whole tree that the account sees is its folder.
    Camera(CameraName),
    /// The article's shared account: the first folder names the camera, and a file in the root belongs to the
    /// camera named as the account.
    FirstFolder,
}

impl AccountScope {
    /// Parses a configured `camera`: a name, or `*`.
    pub fn parse(text: &str) -> Result<Self, camtrail_model::CameraNameError> {
        if text == "*" { Ok(Self::FirstFolder) } else { CameraName::parse(text).map(Self::Camera) }
    }

    /// As it is configured, and as it travels in an FTP session.
    pub fn to_text(&self) -> String {
        match self {
            Self::Camera(camera) => camera.to_string(),
            Self::FirstFolder => "*".to_owned(),
        }
    }
}

/// An upload's owner.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Owned {
    pub(crate) camera: CameraName,
    /// Folders and file below the camera's folder; never empty.
    pub(crate) path: Vec<String>,
}

/// Names as text, losslessly enough that two names of one encoding never meet.
pub(crate) fn texts(path: &FtpPath) -> Vec<String> {
    path.components().iter().map(|name| decode_wire_name(name)).collect()
}

/// Who owns the file at `path`; `None` for the root, which is no file.
pub(crate) fn owner(scope: &str, account: &str, path: &[String]) -> Option<Owned> {
    let (camera, below) = match (scope, path) {
        (_, []) => return None,
        ("*", [file]) => (CameraName::from_folder(account), vec![file.clone()]),
        ("*", [first, below @ ..]) => (CameraName::from_folder(first), below.to_vec()),
        (camera, path) => (CameraName::from_folder(camera), path.to_vec()),
    };
    Some(Owned { camera, path: below })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_or_the_first_folder_names_the_camera() {
        let of = |scope: &str, path: &str| {
            let path: Vec<String> = path.split('/').filter(|p| !p.is_empty()).map(str::to_owned).collect();
            owner(scope, "camera", &path).map(|o| format!("{}:{}", o.camera, o.path.join("/")))
        };
        assert_eq!(of("*", "backyard/record/a.mkv").as_deref(), Some("backyard:record/a.mkv"));
        assert_eq!(of("*", "a.mkv").as_deref(), Some("camera:a.mkv"));
        assert_eq!(of("*", "backyard/a/b/c/d/e/f.jpg").as_deref(), Some("backyard:a/b/c/d/e/f.jpg"));
        assert_eq!(of("gate", "record/a.mkv").as_deref(), Some("gate:record/a.mkv"));
        assert_eq!(of("*", ""), None);
    }
}
