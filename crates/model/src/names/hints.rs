//! What the camera says it saw, and other words beside the time.

/// What the name says was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// Something moved.
    Motion,
    /// A person.
    Human,
    /// A face.
    Face,
    /// A line was crossed.
    LineCrossing,
    /// A forbidden area was entered.
    Intrusion,
    /// A vehicle, perhaps with its plate.
    Vehicle,
    /// An alarm input or an unspecified alarm.
    Alarm,
    /// Taken by schedule, or all the time.
    Scheduled,
}

/// Words of makers, most telling first; compared in upper case with underscores.
const WORDS: [(&str, Hint); 17] = [
    ("LINE_CROSSING", Hint::LineCrossing),
    ("LINECROSSING", Hint::LineCrossing),
    ("FIELD_DETECTION", Hint::Intrusion),
    ("INTRUSION", Hint::Intrusion),
    ("VEHICLE", Hint::Vehicle),
    ("ANPR", Hint::Vehicle),
    ("FACE", Hint::Face),
    ("HMDALARM", Hint::Human),
    ("HUMAN", Hint::Human),
    ("PERSON", Hint::Human),
    ("PEOPLE", Hint::Human),
    ("MDALARM", Hint::Motion),
    ("MOTION", Hint::Motion),
    ("TIMING", Hint::Scheduled),
    ("SCHEDULE", Hint::Scheduled),
    ("ALARM", Hint::Alarm),
    ("IO_", Hint::Alarm),
];

/// What the stem says was seen: a maker's word, or Dahua's letter in brackets.
pub(super) fn hint(stem: &str) -> Option<Hint> {
    let upper = stem.to_ascii_uppercase().replace([' ', '-'], "_");
    let word = WORDS.iter().find(|(word, _)| upper.contains(word)).map(|&(_, hint)| hint);
    word.or_else(|| match stem.split('[').nth(1)?.split(']').next()? {
        "M" => Some(Hint::Motion),
        "A" | "F" => Some(Hint::Alarm),
        "R" => Some(Hint::Scheduled),
        _ => None,
    })
}

/// A number plate: what stands between the time and `VEHICLE` (row 29).
pub(super) fn plate(behind_stamp: &str) -> Option<String> {
    let upper = behind_stamp.to_ascii_uppercase();
    let plate = behind_stamp[..upper.find("_VEHICLE")?].trim_matches('_');
    let plausible = (2..=12).contains(&plate.len()) && plate.chars().all(|c| c.is_alphanumeric() || c == '-');
    plausible.then(|| plate.to_owned())
}

/// A number at the end that tells files of one moment apart: `_1`, `_0`, or Dahua's last bracket.
pub(super) fn sequence(behind_stamp: &str) -> Option<u32> {
    const LONGEST_DIGITS: usize = 4;
    let number = match behind_stamp.strip_suffix(']') {
        Some(rest) => {
            rest.rsplit('[').find(|part| !part.trim_end_matches(']').is_empty())?.trim_end_matches(']')
        }
        None => behind_stamp.rsplit(['_', '-']).next().filter(|_| behind_stamp.contains(['_', '-']))?,
    };
    let digits =
        !number.is_empty() && number.len() <= LONGEST_DIGITS && number.bytes().all(|b| b.is_ascii_digit());
    number.parse().ok().filter(|_| digits)
}
