//! Which cameras a person may see: all, or these.

use std::collections::BTreeSet;

use crate::{camera::CameraName, page::EventQuery};

/// Cameras that one person may be limited to, at most: each is a range of the index in every list.
pub const SIGHT_MAX: usize = 500;

/// What a person may see. A camera that nobody knows yet is seen by those who see all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Sight {
    /// All cameras.
    #[default]
    All,
    /// These only; none where it is empty.
    Only(BTreeSet<CameraName>),
}

impl Sight {
    /// Whether a camera, its events and all that tells of them may be shown.
    pub fn sees(&self, camera: &CameraName) -> bool {
        match self {
            Self::All => true,
            Self::Only(cameras) => cameras.contains(camera),
        }
    }

    /// What of a query may be answered; `None`: nothing. A query without cameras means all of them, so an empty
    /// remainder must not become one.
    pub fn narrow(&self, query: EventQuery) -> Option<EventQuery> {
        let Self::Only(cameras) = self else { return Some(query) };
        let seen: Vec<_> = if query.cameras.is_empty() {
            cameras.iter().cloned().collect()
        } else {
            query.cameras.iter().filter(|camera| cameras.contains(*camera)).cloned().collect()
        };
        (!seen.is_empty()).then_some(EventQuery { cameras: seen, ..query })
    }

    /// As one text, for storage; `None`: all. Names hold no control characters.
    pub fn to_text(&self) -> Option<String> {
        let Self::Only(cameras) = self else { return None };
        let names: Vec<_> = cameras.iter().map(CameraName::as_str).collect();
        Some(names.join("\n"))
    }

    /// The reverse of [`Self::to_text`]; a line that can't be a camera's name is left out: what isn't known grants
    /// the least.
    pub fn parse(text: Option<&str>) -> Self {
        text.map_or(Self::All, |text| {
            Self::Only(text.split('\n').filter_map(|name| CameraName::parse(name).ok()).collect())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(names: &[&str]) -> Sight {
        Sight::Only(names.iter().map(|name| CameraName::from_folder(name)).collect())
    }

    #[test]
    fn what_is_left_of_a_query_is_never_everything() {
        let query = |names: &[&str]| EventQuery {
            cameras: names.iter().map(|name| CameraName::from_folder(name)).collect(),
            ..EventQuery::default()
        };
        assert_eq!(Sight::All.narrow(query(&[])), Some(query(&[])));
        assert_eq!(only(&["b", "a"]).narrow(query(&[])), Some(query(&["a", "b"])));
        assert_eq!(only(&["a"]).narrow(query(&["b", "a"])), Some(query(&["a"])));
        assert_eq!(only(&["a"]).narrow(query(&["b"])), None);
        assert_eq!(only(&[]).narrow(query(&[])), None);
    }

    #[test]
    fn it_is_kept_as_text() {
        for sight in [Sight::All, only(&[]), only(&["a"]), only(&["b c", "Gare é", "a,b"])] {
            assert_eq!(Sight::parse(sight.to_text().as_deref()), sight);
        }
        assert_eq!(Sight::parse(Some("a\n../x\n..")), only(&["a"]));
    }
}
