//! Listing the local directory as a bucket lists its keys: in the order of their bytes, from any key on.
//!
//! Promises: memory for one folder on the way and one part of the listing. Refuses: names that aren't UTF-8 (no key
//! is one), and what is neither file nor folder.

use std::{fs, io, ops::ControlFlow, path::Path};

use camtrail_model::ports::Listing;

use super::{TEMPORARY_DIR, is_absent};

/// The keys below `folder`, which is at `root`, that come after `after`.
pub(super) fn list(root: &Path, folder: &str, after: &str) -> io::Result<Listing> {
    let mut listing = Listing::default();
    let mut walk = Walk { after, listing: &mut listing };
    let _ = walk.folder(root, &format!("{folder}/"))?;
    Ok(listing)
}

struct Walk<'a> {
    after: &'a str,
    listing: &'a mut Listing,
}

impl Walk<'_> {
    /// All below `prefix`, which ends in a slash.
    fn folder(&mut self, path: &Path, prefix: &str) -> io::Result<ControlFlow<()>> {
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            // A bucket has no folders: one that isn't there (any more) has no keys.
            Err(error) if is_absent(&error) => return Ok(ControlFlow::Continue(())),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
            if name == TEMPORARY_DIR {
                continue;
            }
            let mut kind = entry.file_type()?;
            if kind.is_symlink() {
                match fs::metadata(entry.path()) {
                    Ok(data) => kind = data.file_type(),
                    Err(error) if is_absent(&error) => continue,
                    Err(error) => return Err(error),
                }
            }
            if kind.is_dir() {
                // With its slash a folder sorts as the keys below it do.
                names.push(format!("{name}/"));
            } else if kind.is_file() {
                names.push(name);
            }
        }
        names.sort_unstable();
        for name in names {
            let key = format!("{prefix}{name}");
            if key.ends_with('/') {
                let all_before = self.after > key.as_str() && !self.after.starts_with(&key);
                if !all_before && self.folder(&path.join(&name), &key)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            } else if key.as_str() > self.after {
                if self.listing.keys.len() == Listing::MAX {
                    self.listing.more = true;
                    return Ok(ControlFlow::Break(()));
                }
                self.listing.keys.push(key);
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}
