//! A folder tree that others write into: walked, opened and tidied without ever leaving it.
//!
//! Promises: no symbolic link is followed, at any depth and whoever swaps what while we look (each folder is opened
//! below the one before, `O_NOFOLLOW`); only regular files are opened; memory and open files are bounded by the depth of
//! the tree, never by how much is in it. Everything here blocks: call it off the async threads.

use std::{
    ffi::{CStr, OsStr, OsString},
    fs::File,
    io,
    ops::ControlFlow,
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Component, Path, PathBuf},
};

use camtrail_model::{Millis, text::decode_wire_name};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, open, openat, statat, unlinkat};

/// Folders within folders; each costs an open file while the tree is walked.
const DEPTH_MAX: usize = 64;
/// What other systems keep in shared folders for themselves. A recycle bin would bring back what was taken.
const SYSTEM_FOLDERS: [&str; 7] = [
    "@eaDir",
    "#recycle",
    "#snapshot",
    "@Recycle",
    "$RECYCLE.BIN",
    "System Volume Information",
    "lost+found",
];

/// A tree, by its root, which need not be there all the time.
#[derive(Debug, Clone)]
pub struct Tree {
    root: PathBuf,
}

/// A regular file as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeFile {
    /// Below the root.
    pub path: PathBuf,
    /// In bytes.
    pub size: u64,
    /// When it was last modified, in nanoseconds since 1970.
    pub modified_ns: i64,
}

/// What a walk comes across.
#[derive(Debug)]
pub enum Found {
    /// A regular file.
    File(TreeFile),
    /// What is passed over, below the root, and why.
    Skipped(PathBuf, &'static str),
    /// A folder or file that can't be looked at.
    Unreadable(PathBuf, io::Error),
}

impl TreeFile {
    fn of(path: PathBuf, stat: &Stat) -> Self {
        let (seconds, nanoseconds) = (signed(stat.st_mtime), signed(stat.st_mtime_nsec));
        Self {
            path,
            size: signed(stat.st_size).unsigned_abs(),
            modified_ns: seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds),
        }
    }

    /// When it was last modified.
    pub fn modified_at(&self) -> Millis {
        Millis(self.modified_ns.div_euclid(1_000_000))
    }

    /// Folders and name as text, as a camera's path by FTP.
    pub fn texts(&self) -> Vec<String> {
        self.path.components().map(|name| decode_wire_name(name.as_os_str().as_bytes())).collect()
    }
}

/// Whether a name is passed over: hidden, or another system's.
pub fn is_hidden(name: &OsStr) -> bool {
    name.as_bytes().starts_with(b".") || SYSTEM_FOLDERS.iter().any(|system| name == *system)
}

impl Tree {
    /// The tree below `root`. Looks at nothing yet.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Its root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder that holds `path`, and the name in it.
    fn parent<'p>(&self, path: &'p Path) -> io::Result<(OwnedFd, &'p OsStr)> {
        let mut names = Vec::new();
        for component in path.components() {
            match component {
                Component::Normal(name) => names.push(name),
                _ => return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a path below the folder")),
            }
        }
        let (name, folders) = names.split_last().ok_or(io::ErrorKind::InvalidInput)?;
        let mut folder = self.open_root()?;
        for name in folders {
            folder = open_folder(&folder, name)?;
        }
        Ok((folder, name))
    }

    fn open_root(&self) -> io::Result<OwnedFd> {
        Ok(open(&self.root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
    }

    /// The file at `path`, if there is a regular one.
    pub fn look(&self, path: &Path) -> io::Result<Option<TreeFile>> {
        let seen =
            self.parent(path).and_then(|(folder, name)| Ok(statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?));
        match seen {
            Ok(stat) if is_file(&stat) => Ok(Some(TreeFile::of(path.to_owned(), &stat))),
            Ok(_) => Ok(None),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether there is a folder at `path`.
    pub(crate) fn is_folder(&self, path: &Path) -> io::Result<bool> {
        let (folder, name) = self.parent(path)?;
        let stat = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
    }

    /// Opens the regular file at `path` for reading, and says how it is now.
    pub fn open(&self, path: &Path) -> io::Result<(File, TreeFile)> {
        let (folder, name) = self.parent(path)?;
        // Without NONBLOCK a pipe would wait for a writer.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = File::from(openat(folder, name, flags, Mode::empty())?);
        let stat = fstat(&file)?;
        if !is_file(&stat) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        Ok((file, TreeFile::of(path.to_owned(), &stat)))
    }

    /// How an open file is now.
    pub fn look_again(file: &File, path: &Path) -> io::Result<TreeFile> {
        Ok(TreeFile::of(path.to_owned(), &fstat(file)?))
    }

    /// Removes a file if it is still just as it was `seen`; `false`: it has changed or gone, and nothing was done.
    pub fn remove(&self, seen: &TreeFile) -> io::Result<bool> {
        if self.look(&seen.path)?.as_ref() != Some(seen) {
            return Ok(false);
        }
        let (folder, name) = self.parent(&seen.path)?;
        unlinkat(folder, name, AtFlags::empty())?;
        Ok(true)
    }

    /// Tells `each` what is in the folder `below` (empty: the root) and its folders, until it has enough.
    pub fn walk(&self, below: &Path, each: &mut dyn FnMut(Found) -> ControlFlow<()>) -> io::Result<()> {
        let mut first = self.open_root()?;
        for name in below.components() {
            first = open_folder(&first, name.as_os_str())?;
        }
        let mut stack = vec![(below.to_owned(), entries_of(&first)?)];
        while let Some((folder, entries)) = stack.last_mut() {
            let Some(entry) = entries.read() else {
                stack.pop();
                continue;
            };
            let found = match entry {
                Err(error) => {
                    let folder = folder.clone();
                    stack.pop();
                    Found::Unreadable(folder, error.into())
                }
                Ok(entry) if matches!(entry.file_name().to_bytes(), b"." | b"..") => continue,
                Ok(entry) => match enter(folder, entries, entry.file_name()) {
                    Step::Tell(found) => found,
                    Step::Down(path, _) if stack.len() >= DEPTH_MAX => Found::Skipped(path, "too deep"),
                    Step::Down(path, entries) => {
                        stack.push((path, entries));
                        continue;
                    }
                },
            };
            if each(found).is_break() {
                break;
            }
        }
        Ok(())
    }
}

enum Step {
    Tell(Found),
    Down(PathBuf, Dir),
}

fn enter(folder: &Path, entries: &Dir, name: &CStr) -> Step {
    let name = OsString::from(OsStr::from_bytes(name.to_bytes()));
    let path = folder.join(&name);
    if is_hidden(&name) {
        return Step::Tell(Found::Skipped(path, "hidden"));
    }
    let looked = entries.fd().and_then(|fd| Ok((fd, statat(fd, &name, AtFlags::SYMLINK_NOFOLLOW)?)));
    let (fd, stat) = match looked {
        Ok(looked) => looked,
        Err(error) => return Step::Tell(Found::Unreadable(path, error.into())),
    };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Step::Tell(Found::File(TreeFile::of(path, &stat))),
        FileType::Symlink => Step::Tell(Found::Skipped(path, "a symbolic link")),
        FileType::Directory => match open_folder(fd, &name).and_then(|fd| entries_of(&fd)) {
            Ok(entries) => Step::Down(path, entries),
            Err(error) => Step::Tell(Found::Unreadable(path, error)),
        },
        _ => Step::Tell(Found::Skipped(path, "no regular file")),
    }
}

fn open_folder(above: impl AsFd, name: &OsStr) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(above, name, flags, Mode::empty())?)
}

/// An `O_PATH` descriptor gets no listing of its own.
fn entries_of(folder: impl AsFd) -> io::Result<Dir> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(Dir::new(openat(folder, c".", flags, Mode::empty())?)?)
}

/// The kernel's numbers have other types on other machines.
fn signed(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

fn is_file(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs, os::unix::fs::symlink};

    use super::*;

    fn walk(tree: &Tree) -> BTreeMap<String, &'static str> {
        let mut found = BTreeMap::new();
        tree.walk(Path::new(""), &mut |one| {
            let (path, what) = match one {
                Found::File(file) => (file.path, "file"),
                Found::Skipped(path, why) => (path, why),
                Found::Unreadable(path, _) => (path, "unreadable"),
            };
            found.insert(decode_wire_name(path.as_os_str().as_bytes()), what);
            ControlFlow::Continue(())
        })
        .unwrap();
        found
    }

    #[test]
    fn nothing_outside_is_reached_and_nothing_special_is_opened() {
        let dir = tempfile::tempdir().unwrap();
        let (root, outside) = (dir.path().join("root"), dir.path().join("outside"));
        fs::create_dir_all(root.join("gate/deep")).unwrap();
        fs::create_dir_all(&outside).unwrap();
        fs::write(outside.join("secret.jpg"), b"s").unwrap();
        fs::write(root.join("gate/deep/a.jpg"), b"abc").unwrap();
        fs::write(root.join(OsStr::from_bytes(b"Gar\xe9.jpg")), b"x").unwrap();
        fs::write(root.join(".hidden.jpg"), b"x").unwrap();
        fs::create_dir(root.join("#recycle")).unwrap();
        fs::write(root.join("#recycle/old.jpg"), b"x").unwrap();
        symlink(&outside, root.join("linked")).unwrap();
        symlink(outside.join("secret.jpg"), root.join("link.jpg")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, root.join("pipe.jpg"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        let tree = Tree::new(root.clone());
        let want = [
            (".hidden.jpg", "hidden"),
            ("#recycle", "hidden"),
            ("Garé.jpg", "file"),
            ("gate/deep/a.jpg", "file"),
            ("link.jpg", "a symbolic link"),
            ("linked", "a symbolic link"),
            ("pipe.jpg", "no regular file"),
        ];
        assert_eq!(walk(&tree), want.into_iter().map(|(path, what)| (path.to_owned(), what)).collect());
        for path in
            ["link.jpg", "linked/secret.jpg", "pipe.jpg", "gate", "../outside/secret.jpg", "/etc/passwd"]
        {
            assert!(tree.open(Path::new(path)).is_err(), "{path}");
        }
        assert_eq!(tree.look(Path::new("linked/secret.jpg")).unwrap(), None);
        let (_, seen) = tree.open(Path::new("gate/deep/a.jpg")).unwrap();
        assert_eq!(
            (seen.size, seen.texts()),
            (3, vec!["gate".to_owned(), "deep".to_owned(), "a.jpg".to_owned()])
        );
        fs::write(root.join("gate/deep/a.jpg"), b"abcd").unwrap();
        assert!(!tree.remove(&seen).unwrap(), "it has grown");
        let seen = tree.look(&seen.path).unwrap().unwrap();
        assert!(tree.remove(&seen).unwrap() && !tree.remove(&seen).unwrap());
        assert!(outside.join("secret.jpg").exists());
    }

    #[test]
    fn a_tree_without_a_bottom_is_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let mut deep = dir.path().to_owned();
        for _ in 0..DEPTH_MAX + 5 {
            deep.push("d");
        }
        fs::create_dir_all(&deep).unwrap();
        let found = walk(&Tree::new(dir.path().to_owned()));
        assert_eq!(found.values().collect::<Vec<_>>(), [&"too deep"]);
    }
}
