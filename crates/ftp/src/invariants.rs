//! What holds for everything that a stranger can say on the control connection, said once: the fuzzer (`fuzz/`) and the
//! tests both ask it.

use crate::{
    command::{Command, Verb},
    line::{Line, LineBuffer, MAX_LINE_BYTES},
    path::FtpPath,
    session::parse_addresses,
};

/// However few bytes a network gives at once, the lines are the same.
const PIECES: [usize; 3] = [usize::MAX, 512, 1];
/// Longer than any path may be.
const PATH_MAX_BYTES: usize = 4096;

/// Everything that must hold for bytes from the network.
///
/// # Panics
///
/// Where something doesn't.
pub fn hold(wire: &[u8]) {
    let lines = lines(wire, PIECES[0]);
    for piece in &PIECES[1..] {
        assert_eq!(lines, self::lines(wire, *piece), "cut into pieces of {piece} bytes, other lines");
    }
    let mut folder = FtpPath::root();
    for line in lines {
        let Line::Text(line) = line else { continue };
        assert!(line.len() <= MAX_LINE_BYTES, "a line of {} bytes", line.len());
        let command = Command::parse(&line);
        if matches!(command.verb, Verb::Pass | Verb::Acct) {
            assert_eq!(
                format!("{command:?}"),
                format!("{:?} (hidden)", command.verb),
                "the same whatever it holds"
            );
        }
        parse_addresses(&command.argument);
        is_sound(&folder, &command.argument);
        is_sound(&folder, &line);
        if command.verb == Verb::Cwd
            && let Ok(deeper) = folder.resolve(&command.argument)
        {
            folder = deeper;
        }
    }
}

/// A path stays below the root, and says the same to clients, logs and people.
fn is_sound(folder: &FtpPath, argument: &[u8]) {
    let Ok(path) = folder.resolve(argument) else { return };
    for name in path.components() {
        assert!(!matches!(&name[..], b"" | b"." | b".."), "a component {}", name.escape_ascii());
        assert!(!name.iter().any(|byte| *byte == b'/' || byte.is_ascii_control()), "{}", name.escape_ascii());
    }
    let bytes = path.to_bytes();
    assert!(bytes.len() <= PATH_MAX_BYTES, "a path of {} bytes", bytes.len());
    assert_eq!(FtpPath::root().resolve(&bytes).as_ref(), Ok(&path), "read back, it is another one");
    let shown = path.to_string();
    assert!(!shown.contains(|c: char| c.is_control()), "shown with a control character: {shown:?}");
    assert!(path.parent().components().len() <= path.components().len(), "its parent is deeper");
}

fn lines(wire: &[u8], piece: usize) -> Vec<Line> {
    let mut buffer = LineBuffer::default();
    let mut lines = Vec::new();
    for part in wire.chunks(piece.min(wire.len().max(1))) {
        buffer.room().extend_from_slice(part);
        while let Some(line) = buffer.next_line() {
            // From here on it is TLS, or nobody's business.
            let ends = line == Line::TlsHello;
            lines.push(line);
            if ends {
                return lines;
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use camtrail_model::corpus;

    use super::hold;

    #[test]
    fn invariants_hold_for_the_kept_corpus() {
        for wire in corpus::inputs(include_str!("../../../fuzz/corpus/ftp.txt"), 20) {
            hold(&wire);
        }
    }
}
