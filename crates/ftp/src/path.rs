//! Owns paths as a client names them: absolute, normalised, in raw bytes.
//!
//! Promises that a path never leaves the root, that no component is empty, `.`,
//! `..`, or holds `/` or a control byte, and that two names which differ on the
//! wire stay different (cameras send Latin-1, GBK and worse: a lossy conversion
//! would let one clip overwrite another).

use std::fmt;

/// Longest path, all components and slashes together.
const MAX_PATH_BYTES: usize = 4096;

/// Why a name was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// A NUL, CR, LF or other control byte in the name.
    #[error("the name holds a control character")]
    ControlByte,
    /// The whole path is longer than 4096 bytes.
    #[error("the path is too long")]
    TooLong,
    /// Nothing was named where a name is needed.
    #[error("the name is empty")]
    Empty,
}

/// An absolute, normalised path: a list of names, outermost first.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FtpPath {
    components: Vec<Vec<u8>>,
}

impl FtpPath {
    /// The folder that a session starts in.
    pub fn root() -> Self {
        Self::default()
    }

    /// Resolves a client's argument against this folder: absolute if it starts
    /// with `/`; `..` climbs, but never above the root.
    ///
    /// ```
    /// use camtrail_ftp::FtpPath;
    /// let folder = FtpPath::root().resolve(b"/backyard/2026").unwrap();
    /// let file = folder.resolve(b"../../../x.jpg").unwrap();
    /// assert_eq!(file.to_string(), "/x.jpg");
    /// assert!(folder.resolve(b"a\0b").is_err());
    /// ```
    pub fn resolve(&self, argument: &[u8]) -> Result<Self, PathError> {
        if argument.is_empty() {
            return Err(PathError::Empty);
        }
        if argument.iter().any(u8::is_ascii_control) {
            return Err(PathError::ControlByte);
        }
        let mut components = if argument.starts_with(b"/") { Vec::new() } else { self.components.clone() };
        for part in argument.split(|byte| *byte == b'/') {
            match part {
                b"" | b"." => {}
                b".." => {
                    components.pop();
                }
                name => components.push(name.to_vec()),
            }
        }
        let resolved = Self { components };
        if resolved.len_bytes() > MAX_PATH_BYTES {
            return Err(PathError::TooLong);
        }
        Ok(resolved)
    }

    /// The names from the root down, as the client sent them.
    pub fn components(&self) -> &[Vec<u8>] {
        &self.components
    }

    /// The last name; `None` for the root.
    pub fn name(&self) -> Option<&[u8]> {
        self.components.last().map(Vec::as_slice)
    }

    /// The folder above; the root's is the root.
    #[must_use]
    pub fn parent(&self) -> Self {
        let above = self.components.len().saturating_sub(1);
        Self { components: self.components[..above].to_vec() }
    }

    /// Whether this is `/`.
    pub fn is_root(&self) -> bool {
        self.components.is_empty()
    }

    /// The path as bytes, for replies: the client gets its own encoding back.
    pub fn to_bytes(&self) -> Vec<u8> {
        if self.is_root() {
            return b"/".to_vec();
        }
        let mut bytes = Vec::with_capacity(self.len_bytes());
        for name in &self.components {
            bytes.push(b'/');
            bytes.extend_from_slice(name);
        }
        bytes
    }

    /// The same folder with another last name.
    pub(crate) fn with_name(&self, name: Vec<u8>) -> Self {
        let mut path = self.parent();
        path.components.push(name);
        path
    }

    fn len_bytes(&self) -> usize {
        self.components.iter().map(|name| name.len() + 1).sum()
    }
}

/// For people and logs: valid UTF-8 as it is, other bytes as `\xNN`, a backslash
/// as `\\`. Two different paths never print the same.
impl fmt::Display for FtpPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return out.write_str("/");
        }
        for name in &self.components {
            out.write_str("/")?;
            write_escaped(out, name)?;
        }
        Ok(())
    }
}

impl fmt::Debug for FtpPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "FtpPath({self})")
    }
}

/// Writes bytes from the network readably and without loss (see [`FtpPath`]'s `Display`).
pub(crate) fn write_escaped(out: &mut impl fmt::Write, bytes: &[u8]) -> fmt::Result {
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => out.write_str("\\\\")?,
                control if control.is_control() => write!(out, "\\u{{{:x}}}", u32::from(control))?,
                other => out.write_char(other)?,
            }
        }
        for byte in chunk.invalid() {
            write!(out, "\\x{byte:02X}")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{FtpPath, PathError};

    fn resolved(from: &str, argument: &[u8]) -> String {
        let folder = FtpPath::root().resolve(from.as_bytes()).expect("test folder");
        folder.resolve(argument).expect("valid path").to_string()
    }

    #[test]
    fn dots_never_climb_above_the_root() {
        assert_eq!(resolved("/", b"../../etc/passwd"), "/etc/passwd");
        assert_eq!(resolved("/a/b", b"../../../.."), "/");
        assert_eq!(resolved("/a/b", b"./c//d/."), "/a/b/c/d");
        assert_eq!(resolved("/a/b", b"/c"), "/c");
    }

    #[test]
    fn names_that_are_not_utf8_do_not_collapse() {
        let root = FtpPath::root();
        let first = root.resolve(b"caf\xe9.jpg").expect("latin-1");
        let second = root.resolve(b"caf\xe8.jpg").expect("latin-1");
        assert_ne!(first, second);
        assert_ne!(first.to_string(), second.to_string());
        assert_eq!(first.to_string(), "/caf\\xE9.jpg");
        assert_ne!(first.to_string(), root.resolve(b"caf\\xE9.jpg").expect("backslash").to_string());
        assert_eq!(first.to_bytes(), b"/caf\xe9.jpg");
    }

    #[test]
    fn control_bytes_and_endless_paths_are_refused() {
        let root = FtpPath::root();
        for bad in [&b"a\0b"[..], b"a\rb", b"a\nb", b"a\x1bb", b"a\x7fb"] {
            assert_eq!(root.resolve(bad), Err(PathError::ControlByte));
        }
        assert_eq!(root.resolve(b""), Err(PathError::Empty));
        assert_eq!(root.resolve(&[b'a'; 5000]), Err(PathError::TooLong));
        assert!(root.resolve(&[b'a'; 300]).is_ok(), "300-character names are the storage's matter");
    }
}
