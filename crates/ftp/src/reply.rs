//! RFC 959, section 4.2: what the server says.
//!
//! Owns the form of replies (one `Reply` is one write to the socket) and the one
//! place that turns a [`StorageError`] into a code.

use crate::path::PathError;
use crate::storage::StorageError;

/// A complete reply, ready for the wire.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    bytes: Vec<u8>,
}

impl Reply {
    /// `code text`. Bytes are allowed: names go back in the client's own encoding.
    pub(crate) fn new(code: u16, text: impl AsRef<[u8]>) -> Self {
        let mut bytes = Vec::new();
        push_line(&mut bytes, code, b' ', text.as_ref());
        Self { bytes }
    }

    /// `code-first`, indented lines, `code last`. The indent keeps a line from
    /// looking like the end of the reply.
    pub(crate) fn lines<L: AsRef<[u8]>>(
        code: u16,
        first: impl AsRef<[u8]>,
        middle: impl IntoIterator<Item = L>,
        last: &str,
    ) -> Self {
        let mut bytes = Vec::new();
        push_line(&mut bytes, code, b'-', first.as_ref());
        for line in middle {
            bytes.push(b' ');
            push_text(&mut bytes, line.as_ref());
        }
        push_line(&mut bytes, code, b' ', last.as_bytes());
        Self { bytes }
    }

    /// `code "path" text`, with quotes in the path doubled (RFC 959, appendix II).
    pub(crate) fn quoted(code: u16, path: &[u8], text: &str) -> Self {
        let mut line = Vec::with_capacity(path.len() + text.len() + 4);
        line.push(b'"');
        for byte in path {
            if *byte == b'"' {
                line.push(b'"');
            }
            line.push(*byte);
        }
        line.extend_from_slice(b"\" ");
        line.extend_from_slice(text.as_bytes());
        Self::new(code, line)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

fn push_line(bytes: &mut Vec<u8>, code: u16, separator: u8, text: &[u8]) {
    bytes.extend_from_slice(code.to_string().as_bytes());
    bytes.push(separator);
    push_text(bytes, text);
}

/// No text can forge a second reply: control bytes become `?`.
fn push_text(bytes: &mut Vec<u8>, text: &[u8]) {
    bytes.extend(text.iter().map(|byte| if byte.is_ascii_control() { b'?' } else { *byte }));
    bytes.extend_from_slice(b"\r\n");
}

/// The only place where a storage's error becomes an FTP reply.
impl From<&StorageError> for Reply {
    fn from(error: &StorageError) -> Self {
        let code = match error {
            StorageError::Full => 452,
            StorageError::TooLarge => 552,
            StorageError::NotFound
            | StorageError::Denied
            | StorageError::Exists
            | StorageError::NotAFolder
            | StorageError::NotEmpty => 550,
            StorageError::BadName => 553,
            StorageError::Busy => 450,
            StorageError::Unsupported => 502,
            // What the disk said may hold paths of the server: it is for the log.
            StorageError::Io(_) => return Self::new(451, "Storage failed, try again later."),
        };
        let text = error.to_string();
        let mut letters = text.chars();
        let sentence: String =
            letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).chain(['.']).collect();
        Self::new(code, sentence)
    }
}

impl From<PathError> for Reply {
    fn from(error: PathError) -> Self {
        match error {
            PathError::Empty => Self::new(501, "A name is needed."),
            PathError::ControlByte | PathError::TooLong => Self::new(553, format!("Refused: {error}.")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Reply;
    use crate::storage::StorageError;

    #[test]
    fn quotes_in_paths_are_doubled() {
        let reply = Reply::quoted(257, b"/a \"b\"", "created.");
        assert_eq!(reply.as_bytes(), b"257 \"/a \"\"b\"\"\" created.\r\n");
    }

    #[test]
    fn no_text_forges_a_second_reply() {
        let reply = Reply::new(550, b"x\r\n226 stored");
        assert_eq!(reply.as_bytes(), b"550 x??226 stored\r\n");
    }

    #[test]
    fn storage_details_are_not_sent() {
        let error = StorageError::Io(std::io::Error::other("/secret/place"));
        assert_eq!(Reply::from(&error).as_bytes(), b"451 Storage failed, try again later.\r\n");
        assert_eq!(
            Reply::from(&StorageError::Full).as_bytes(),
            b"452 No room at the moment, try again later.\r\n"
        );
    }
}
