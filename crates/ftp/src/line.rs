//! RFC 959 and RFC 854: cuts the control stream into lines.
//!
//! Owns the bytes that were read and not yet used. Promises bounded lines, and
//! that Telnet commands (a client's "Synch" before `ABOR`) never end up in a name.

/// Longest command line, end of line not counted. PATH_MAX on Linux is 4096 too.
pub(crate) const MAX_LINE_BYTES: usize = 4096;

const IAC: u8 = 255;
/// First byte of a TLS handshake record, followed by major version 3.
const TLS_HANDSHAKE: [u8; 2] = [0x16, 0x03];

/// What the control stream held next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A whole line without its end.
    Text(Vec<u8>),
    /// A line was too long; the rest of it is thrown away.
    Overlong,
    /// A TLS ClientHello where a command should be.
    TlsHello,
}

/// Bytes of the control stream on their way to becoming lines.
#[derive(Default)]
pub(crate) struct LineBuffer {
    bytes: Vec<u8>,
    discarding: bool,
}

impl LineBuffer {
    /// Where the next bytes from the network go.
    pub(crate) fn room(&mut self) -> &mut Vec<u8> {
        const READ_BYTES: usize = 512;
        self.bytes.reserve(READ_BYTES);
        &mut self.bytes
    }

    /// Hands out what was read and not yet used.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// The next line, if it is all there. Call until `None` before reading on.
    pub(crate) fn next_line(&mut self) -> Option<Line> {
        let end = self.bytes.iter().position(|byte| *byte == b'\n');
        if self.discarding {
            let Some(end) = end else {
                self.bytes.clear();
                return None;
            };
            self.bytes.drain(..=end);
            self.discarding = false;
            return self.next_line();
        }
        if self.bytes.starts_with(&TLS_HANDSHAKE) {
            return Some(Line::TlsHello);
        }
        let Some(end) = end else {
            // The end's first half may be there already.
            let line = self.bytes.strip_suffix(b"\r").unwrap_or(&self.bytes);
            if line.len() <= MAX_LINE_BYTES {
                return None;
            }
            self.bytes.clear();
            self.discarding = true;
            return Some(Line::Overlong);
        };
        let mut line: Vec<u8> = self.bytes.drain(..=end).collect();
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        if line.len() > MAX_LINE_BYTES {
            return Some(Line::Overlong);
        }
        Some(Line::Text(without_telnet(line)))
    }
}

/// Removes Telnet commands. `IAC IAC` is a plain 0xFF; so is an IAC before a byte
/// that is no Telnet command, because clients with Latin-1 names don't double it.
fn without_telnet(line: Vec<u8>) -> Vec<u8> {
    if !line.contains(&IAC) {
        return line;
    }
    let mut plain = Vec::with_capacity(line.len());
    let mut rest = line.as_slice();
    while let [byte, after @ ..] = rest {
        rest = match (*byte, after) {
            (IAC, [IAC, after @ ..]) => {
                plain.push(IAC);
                after
            }
            // WILL, WONT, DO, DONT and their option.
            (IAC, [251..=254, _, after @ ..] | [240..=254, after @ ..]) => after,
            (other, after) => {
                plain.push(other);
                after
            }
        };
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::{Line, LineBuffer, MAX_LINE_BYTES};

    fn lines(input: &[u8]) -> Vec<Line> {
        let mut buffer = LineBuffer::default();
        buffer.room().extend_from_slice(input);
        std::iter::from_fn(|| buffer.next_line()).collect()
    }

    fn text(line: &[u8]) -> Line {
        Line::Text(line.to_vec())
    }

    #[test]
    fn cuts_at_line_ends_with_and_without_cr() {
        assert_eq!(lines(b"NOOP\r\nPWD\nSY"), [text(b"NOOP"), text(b"PWD")]);
    }

    #[test]
    fn telnet_synch_before_abor_is_removed() {
        assert_eq!(lines(b"\xff\xf4\xff\xf2ABOR\r\n"), [text(b"ABOR")]);
        assert_eq!(lines(b"\xff\xfd\x06NOOP\r\n"), [text(b"NOOP")]);
    }

    #[test]
    fn latin1_y_with_diaeresis_survives() {
        assert_eq!(lines(b"STOR \xff\xffa\xffb.jpg\r\n"), [text(b"STOR \xffa\xffb.jpg")]);
    }

    #[test]
    fn overlong_lines_are_reported_once_and_skipped() {
        let mut input = vec![b'a'; MAX_LINE_BYTES + 1];
        let mut buffer = LineBuffer::default();
        buffer.room().extend_from_slice(&input);
        assert_eq!(buffer.next_line(), Some(Line::Overlong));
        assert_eq!(buffer.next_line(), None);
        buffer.room().extend_from_slice(b"more\r\nNOOP\r\n");
        assert_eq!(buffer.next_line(), Some(text(b"NOOP")));

        input.extend_from_slice(b"\r\nNOOP\r\n");
        assert_eq!(lines(&input), [Line::Overlong, text(b"NOOP")]);
    }

    #[test]
    fn the_longest_line_is_one_however_it_comes() {
        let mut buffer = LineBuffer::default();
        buffer.room().extend_from_slice(&[b'a'; MAX_LINE_BYTES]);
        assert_eq!(buffer.next_line(), None);
        buffer.room().push(b'\r');
        assert_eq!(buffer.next_line(), None);
        buffer.room().push(b'\n');
        assert_eq!(buffer.next_line(), Some(text(&[b'a'; MAX_LINE_BYTES])));
    }

    #[test]
    fn a_client_hello_is_told_apart() {
        assert_eq!(
            {
                let mut buffer = LineBuffer::default();
                buffer.room().extend_from_slice(b"\x16\x03\x01\x02");
                buffer.next_line()
            },
            Some(Line::TlsHello)
        );
    }
}
