//! `s3://BUCKET/FOLDER`, taken apart.

use std::{fmt, path::Path};

use crate::cli::UsageError;

/// A folder in a bucket, or all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Location {
    pub(super) bucket: String,
    /// Without slashes around it; empty: all of the bucket.
    pub(super) folder: String,
}

impl Location {
    /// `None`: it is a path.
    pub(super) fn parse(path: &Path) -> Result<Option<Self>, UsageError> {
        let Some(rest) = path.to_str().and_then(|text| text.strip_prefix("s3://")) else { return Ok(None) };
        let (bucket, folder) = rest.split_once('/').unwrap_or((rest, ""));
        let of_bucket = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        if bucket.is_empty() || !bucket.bytes().all(of_bucket) {
            return Err(UsageError(format!(
                "{}: expected s3://BUCKET or s3://BUCKET/FOLDER, with a bucket's name (letters, digits, '-' and '.')",
                path.display()
            )));
        }
        let folder = folder.trim_matches('/').to_owned();
        Ok(Some(Self { bucket: bucket.to_owned(), folder }))
    }

    /// What the keys in it begin with.
    pub(super) fn prefix(&self) -> String {
        if self.folder.is_empty() { String::new() } else { format!("{}/", self.folder) }
    }

    /// Whether one of two folders is within the other, or they are the same.
    pub(super) fn overlaps(&self, folder: &str) -> bool {
        let (here, there) = (self.prefix(), format!("{folder}/"));
        here.starts_with(&there) || there.starts_with(&here)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.bucket)?;
        if self.folder.is_empty() { Ok(()) } else { write!(f, "/{}", self.folder) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_told_from_paths() {
        let parse = |text: &str| Location::parse(Path::new(text)).map(|found| found.map(|at| at.to_string()));
        for (text, want) in [
            ("s3://clips", "s3://clips"),
            ("s3://my.clips/", "s3://my.clips"),
            ("s3://clips/a b/c%20+/", "s3://clips/a b/c%20+"),
        ] {
            assert_eq!(parse(text).unwrap().as_deref(), Some(want));
        }
        assert_eq!(parse("/srv/clips").unwrap(), None);
        assert_eq!(parse("s3:/clips").unwrap(), None);
        for bad in ["s3://", "s3:///clips", "s3://user@host/x", "s3://clips?x"] {
            assert!(parse(bad).unwrap_err().to_string().contains("expected s3://BUCKET"), "{bad}");
        }
    }

    #[test]
    fn folders_overlap_at_slashes_only() {
        let overlaps = |text: &str| Location::parse(Path::new(text)).unwrap().unwrap().overlaps("a/b");
        for inside in ["s3://x", "s3://x/a", "s3://x/a/b", "s3://x/a/b/c"] {
            assert!(overlaps(inside), "{inside}");
        }
        assert!(!overlaps("s3://x/a/bc") && !overlaps("s3://x/a/c") && !overlaps("s3://x/b"));
    }
}
