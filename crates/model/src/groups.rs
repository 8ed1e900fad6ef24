//! Groups of cameras: named rules over cameras' names, so that a new camera falls into its groups by itself.

use std::collections::HashSet;

use crate::camera::CameraName;

/// Groups, at most.
pub const GROUPS_MAX: usize = 100;
/// Words of one group's rules, at most.
pub const WORDS_MAX: usize = 2_000;
/// A group's name or a word, in bytes at most.
pub const WORD_MAX_BYTES: usize = 64;

/// Which cameras. Without any rule: all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CameraGroup {
    /// What people call it; unique.
    pub name: String,
    /// Cameras whose name has one of these in it, whatever the case.
    pub contains: Vec<String>,
    /// But none whose name has one of these in it.
    pub not_contains: Vec<String>,
    /// And these cameras.
    pub is_in: Vec<String>,
}

impl CameraGroup {
    /// Of `cameras`, those that belong to it.
    pub fn of(&self, cameras: impl IntoIterator<Item = CameraName>) -> Vec<CameraName> {
        let lower = |words: &[String]| words.iter().map(|word| word.to_lowercase()).collect::<Vec<_>>();
        let (contains, not_contains) = (lower(&self.contains), lower(&self.not_contains));
        let is_in: HashSet<&str> = self.is_in.iter().map(String::as_str).collect();
        let belongs = |camera: &CameraName| {
            let name = camera.as_str().to_lowercase();
            let has = |words: &[String]| words.iter().any(|word| name.contains(word.as_str()));
            let is_open = contains.is_empty() && is_in.is_empty();
            (is_open || has(&contains) || is_in.contains(camera.as_str())) && !has(&not_contains)
        };
        cameras.into_iter().filter(belongs).collect()
    }

    /// Whether every camera belongs to it, known or not.
    pub fn is_everything(&self) -> bool {
        self.contains.is_empty() && self.not_contains.is_empty() && self.is_in.is_empty()
    }
}

/// Why groups can't be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GroupsError {
    /// Too many.
    #[error("{found} groups: expected {GROUPS_MAX} at most")]
    TooMany {
        /// How many there are.
        found: usize,
    },
    /// A name or a word of a rule.
    #[error("{what} {found:?}: expected 1 to {WORD_MAX_BYTES} bytes without control characters")]
    Word {
        /// Which rule, or the name.
        what: &'static str,
        /// The word.
        found: String,
    },
    /// A name of a camera that none can have.
    #[error("in: {0}")]
    Camera(#[from] crate::camera::CameraNameError),
    /// Two of one name.
    #[error("there are two groups {0:?}")]
    Twice(String),
    /// Too many words.
    #[error("the group {name:?} has {found} words in its rules: expected {WORDS_MAX} at most")]
    TooManyWords {
        /// Its name.
        name: String,
        /// How many.
        found: usize,
    },
}

/// All groups, as somebody ordered them; checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CameraGroups(Vec<CameraGroup>);

impl CameraGroups {
    /// Checks them.
    pub fn new(groups: Vec<CameraGroup>) -> Result<Self, GroupsError> {
        if groups.len() > GROUPS_MAX {
            return Err(GroupsError::TooMany { found: groups.len() });
        }
        let mut names = HashSet::new();
        for group in &groups {
            word("name", &group.name)?;
            if !names.insert(group.name.as_str()) {
                return Err(GroupsError::Twice(group.name.clone()));
            }
            let found = group.contains.len() + group.not_contains.len() + group.is_in.len();
            if found > WORDS_MAX {
                return Err(GroupsError::TooManyWords { name: group.name.clone(), found });
            }
            group.contains.iter().try_for_each(|text| word("contains", text))?;
            group.not_contains.iter().try_for_each(|text| word("not_contains", text))?;
            for name in &group.is_in {
                word("in", name)?;
                CameraName::parse(name)?;
            }
        }
        Ok(Self(groups))
    }

    /// In their order.
    pub fn as_slice(&self) -> &[CameraGroup] {
        &self.0
    }

    /// The group of a name.
    pub fn get(&self, name: &str) -> Option<&CameraGroup> {
        self.0.iter().find(|group| group.name == name)
    }

    /// As one text, for storage: a line for each name and each word, which have no line ends.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for group in &self.0 {
            let name = std::slice::from_ref(&group.name);
            let rules =
                [('g', name), ('c', &group.contains), ('n', &group.not_contains), ('i', &group.is_in)];
            for (sign, words) in rules {
                for word in words {
                    text.push(sign);
                    text.push_str(word);
                    text.push('\n');
                }
            }
        }
        text
    }

    /// The reverse of [`Self::to_text`]; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut groups: Vec<CameraGroup> = Vec::new();
        for line in text.lines() {
            let sign = line.chars().next()?;
            let word = line.get(1..)?.to_owned();
            if sign == 'g' {
                groups.push(CameraGroup { name: word, ..CameraGroup::default() });
                continue;
            }
            let group = groups.last_mut()?;
            match sign {
                'c' => group.contains.push(word),
                'n' => group.not_contains.push(word),
                'i' => group.is_in.push(word),
                _ => return None,
            }
        }
        Self::new(groups).ok()
    }
}

fn word(what: &'static str, text: &str) -> Result<(), GroupsError> {
    if (1..=WORD_MAX_BYTES).contains(&text.len()) && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(GroupsError::Word { what, found: text.chars().take(WORD_MAX_BYTES).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(contains: &[&str], not_contains: &[&str], is_in: &[&str]) -> CameraGroup {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        CameraGroup {
            name: "g".to_owned(),
            contains: words(contains),
            not_contains: words(not_contains),
            is_in: words(is_in),
        }
    }

    #[test]
    fn rules_choose_cameras() {
        let all = ["Front gate", "front door", "back gate", "Éntry"];
        let of = |group: CameraGroup| {
            let cameras = all.iter().map(|name| CameraName::parse(name).unwrap());
            group.of(cameras).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(of(group(&[], &[], &[])), all);
        assert_eq!(of(group(&["FRONT"], &[], &[])), ["Front gate", "front door"]);
        assert_eq!(of(group(&["front"], &["gate"], &[])), ["front door"]);
        assert_eq!(of(group(&["front"], &[], &["back gate"])), ["Front gate", "front door", "back gate"]);
        assert_eq!(of(group(&[], &[], &["Back gate"])), [""; 0], "a name is one name");
        assert_eq!(of(group(&[], &["gate"], &["back gate"])), [""; 0], "what is left out is left out");
        assert_eq!(of(group(&[], &["gate"], &[])), ["front door", "Éntry"]);
        assert_eq!(of(group(&["éntry"], &[], &[])), ["Éntry"]);
    }

    #[test]
    fn what_cannot_be_kept_is_told() {
        let error = |group: CameraGroup| CameraGroups::new(vec![group]).unwrap_err().to_string();
        assert!(error(group(&[""], &[], &[])).contains("contains \"\""));
        assert!(error(group(&[], &["a\nb"], &[])).contains("not_contains"));
        assert!(error(group(&[], &[], &["a/b"])).starts_with("in: "));
        assert!(error(group(&vec!["x"; 2_001], &[], &[])).contains("2001"));
        assert!(error(CameraGroup { name: "é".repeat(33), ..CameraGroup::default() }).contains("name"));
        let one = group(&["x"], &["y", "é"], &["b"]);
        assert!(CameraGroups::new(vec![one.clone(), one.clone()]).unwrap_err().to_string().contains("two"));
        assert!(CameraGroups::new(vec![one.clone(); 101]).is_err());
        let other = CameraGroup { name: "é 2".to_owned(), ..CameraGroup::default() };
        let groups = CameraGroups::new(vec![one, other]).unwrap();
        assert_eq!(CameraGroups::parse(&groups.to_text()), Some(groups));
        assert_eq!(CameraGroups::parse(""), Some(CameraGroups::default()));
        for wrong in ["x", "cword\n", "ga\n\n", "ga\nqx\n", "éa\n"] {
            assert_eq!(CameraGroups::parse(wrong), None, "{wrong:?}");
        }
    }
}
