//! The fuzzer's kept inputs (`fuzz/corpus/*.txt`), one a line: what isn't printable ASCII is written `\xNN`, and a
//! backslash twice. A line that begins with `#` is for people.

/// The inputs of a corpus.
///
/// # Panics
///
/// Where a line can't be read, or where there are fewer than `at_least`: a corpus that went would be missed.
pub fn inputs(text: &str, at_least: usize) -> Vec<Vec<u8>> {
    let inputs: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).map(unescape).collect();
    assert!(inputs.len() >= at_least, "the corpus has {} lines", inputs.len());
    inputs
}

fn unescape(line: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    let mut rest = line;
    while let Some((plain, escape)) = rest.split_once('\\') {
        wire.extend(plain.as_bytes());
        rest = if let Some(rest) = escape.strip_prefix('\\') {
            wire.push(b'\\');
            rest
        } else {
            wire.push(u8::from_str_radix(&escape[1..3], 16).expect("two hexadecimal digits"));
            &escape[3..]
        };
    }
    wire.extend(rest.as_bytes());
    wire
}
