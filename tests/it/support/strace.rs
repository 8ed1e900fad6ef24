//! System calls as strace writes them: what was asked, what came of it, and what came before what.
//!
//! strace prints a call as one line when nothing else happened between its begin and its end; else as two, `…
//! <unfinished ...>` and `<... name resumed>…`. So the numbers of lines are a clock that all threads share, and a call
//! is over before another one begins exactly if its last line stands above the other's first.

use std::{collections::HashMap, path::Path};

/// One system call.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// The line at which it began, and the one at which it was over; `usize::MAX` if it never was.
    pub(crate) begin: usize,
    pub(crate) end: usize,
    /// The same as seconds since 1970.
    pub(crate) begin_s: f64,
    pub(crate) end_s: f64,
    pub(crate) name: String,
    /// All arguments as they are written.
    pub(crate) arguments: String,
    /// `None` where it wasn't told: the process died in it.
    pub(crate) result: Option<i64>,
}

impl Call {
    /// Whether it did what was asked. (Results are sizes, descriptors or 0; errors are -1.)
    pub(crate) fn succeeded(&self) -> bool {
        self.result.is_some_and(|result| result >= 0)
    }

    /// The file or connection behind the first argument, a descriptor: strace adds it in angle brackets.
    pub(crate) fn descriptor(&self) -> Option<&str> {
        let (number, rest) = self.arguments.split_once('<')?;
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        // A connection's own text holds an arrow: the bracket that closes is followed by a comma or nothing.
        let end = rest.find(">,").or_else(|| rest.strip_suffix('>').map(str::len))?;
        Some(&rest[..end])
    }

    /// The texts among the arguments, in order, as bytes; strace may have cut long ones.
    pub(crate) fn texts(&self) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        let mut rest = self.arguments.as_bytes();
        while let Some(quote) = rest.iter().position(|&byte| byte == b'"') {
            let (text, behind) = unescape(&rest[quote + 1..]);
            found.push(text);
            rest = behind;
        }
        found
    }

    /// The same as file names.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.texts().iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect()
    }
}

/// The bytes up to the closing quote, and what follows it. C's escapes: octal numbers and letters.
fn unescape(mut rest: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut text = Vec::new();
    loop {
        rest = match rest {
            [] => return (text, rest),
            [b'"', behind @ ..] => return (text, behind),
            [b'\\', digit @ b'0'..=b'7', ..] => {
                let octal = rest[1..].iter().take(3).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
                let value = rest[1..=octal].iter().fold(0_u32, |sum, byte| sum * 8 + u32::from(byte - b'0'));
                text.push(u8::try_from(value).unwrap_or(*digit));
                &rest[1 + octal..]
            }
            [b'\\', letter, behind @ ..] => {
                text.push(match letter {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'v' => 0x0B,
                    b'f' => 0x0C,
                    other => *other,
                });
                behind
            }
            [byte, behind @ ..] => {
                text.push(*byte);
                behind
            }
        };
    }
}

/// The command that starts a program so that `calls` can read what it did: everything that makes a file durable,
/// names or removes it, or speaks to a camera. The program becomes the started process, strace goes aside.
pub(crate) fn strace(output: &Path) -> Vec<String> {
    const TRACED: &str = "trace=fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,\
                          write,writev,pwrite64,sendto,sendmsg,recvfrom";
    // Enough of a text for an upload's note and any command.
    let words = ["strace", "-D", "-f", "--seccomp-bpf", "-yy", "-ttt", "-T", "-s", "512", "-e", TRACED, "-o"];
    words.iter().map(|word| (*word).to_owned()).chain([output.to_str().unwrap().to_owned()]).collect()
}

/// All calls of a trace, in the order of their begins.
pub(crate) fn calls(trace: &str) -> Vec<Call> {
    let mut found: Vec<Call> = Vec::new();
    // By thread: which call waits for its other half.
    let mut unfinished: HashMap<&str, usize> = HashMap::new();
    for (line, text) in trace.lines().enumerate() {
        let Some((thread, text)) = text.split_once(' ') else { continue };
        let Some((time, text)) = text.trim_start().split_once(' ') else { continue };
        let Ok(seconds) = time.parse::<f64>() else { continue };
        if let Some(resumed) = text.strip_prefix("<... ") {
            let Some((_, rest)) = resumed.split_once(" resumed>") else { continue };
            let Some(call) = unfinished.remove(thread).map(|at| &mut found[at]) else { continue };
            call.arguments.push_str(rest);
            (call.end, call.end_s) = (line, seconds);
            conclude(call);
        } else if let Some((name, rest)) = text.split_once('(').filter(|(name, _)| is_name(name)) {
            let cut = rest.strip_suffix("<unfinished ...>");
            let mut call = Call {
                begin: line,
                end: if cut.is_some() { usize::MAX } else { line },
                begin_s: seconds,
                end_s: seconds,
                name: name.to_owned(),
                arguments: cut.map_or(rest, str::trim_end).to_owned(),
                result: None,
            };
            if cut.is_some() {
                unfinished.insert(thread, found.len());
            } else {
                conclude(&mut call);
            }
            found.push(call);
        }
    }
    found
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Takes result and duration off the arguments: `…) = 0 <0.000123>`, `…)   = -1 EIO (…) <…>` (in columns).
fn conclude(call: &mut Call) {
    let text = std::mem::take(&mut call.arguments);
    let Some((arguments, result)) = text.rsplit_once(" = ") else { return };
    (call.result, call.end_s) = (result_of(result), end_of(result, call));
    let arguments = arguments.trim_end();
    arguments.strip_suffix(')').unwrap_or(arguments).clone_into(&mut call.arguments);
}

fn result_of(text: &str) -> Option<i64> {
    let digits = text.find(|c: char| c != '-' && !c.is_ascii_digit()).unwrap_or(text.len());
    text[..digits].parse().ok()
}

fn end_of(text: &str, call: &Call) -> f64 {
    let took = text.rsplit_once('<').and_then(|(_, took)| took.strip_suffix('>')?.parse::<f64>().ok());
    took.map_or(call.end_s, |took| call.begin_s + took)
}

#[test]
fn calls_are_read_with_their_halves_joined() {
    let trace = r#"7  100.000100 fsync(5</d/spool/1.data> <unfinished ...>
8  100.000200 sendto(21<TCP:[127.0.0.1:1->127.0.0.1:2]>, "226 \"a\"\r\n", 11, MSG_NOSIGNAL, NULL, 0) = 11 <0.000010>
8  100.000250 rename("/d/a\303\244", "/d/b")  = 0 <0.000001>
7  100.000300 <... fsync resumed>)        = -1 EIO (Input/output error) <0.000200>
9  100.000400 fsync(6</d/spool> <unfinished ...>
9  100.000500 +++ killed by SIGKILL +++
"#;
    let calls = calls(trace);
    let of = |at: usize| {
        let call: &Call = &calls[at];
        (call.name.as_str(), call.begin, call.end, call.result)
    };
    assert_eq!(of(0), ("fsync", 0, 3, Some(-1)));
    assert_eq!(of(1), ("sendto", 1, 1, Some(11)));
    assert_eq!(of(2), ("rename", 2, 2, Some(0)));
    assert_eq!(of(3), ("fsync", 4, usize::MAX, None));
    assert_eq!(calls[0].descriptor(), Some("/d/spool/1.data"));
    assert_eq!(calls[1].descriptor(), Some("TCP:[127.0.0.1:1->127.0.0.1:2]"));
    assert_eq!(calls[1].texts(), [b"226 \"a\"\r\n"]);
    assert_eq!(calls[2].paths(), ["/d/aä", "/d/b"]);
    assert!((calls[0].end_s - 100.0003).abs() < 1e-6 && calls.len() == 4);
}
