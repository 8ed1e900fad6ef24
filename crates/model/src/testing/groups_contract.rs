//! What every [`Groups`] promises.

use crate::{
    groups::{CameraGroup, CameraGroups},
    ports::Groups,
};

/// Runs the suite on an empty one. Panics where a promise is broken.
pub async fn groups_contract(groups: &dyn Groups) {
    let outcome = async {
        assert_eq!(groups.groups().await?, CameraGroups::default());
        let group = |name: &str, words: usize| CameraGroup {
            name: name.to_owned(),
            contains: vec!["front".to_owned(), "é".to_owned()],
            not_contains: vec!["x y".to_owned()],
            is_in: (0..words).map(|n| format!("camera {n}")).collect(),
        };
        for there in [vec![group("b", 300), group("a", 0)], vec![group("a", 1)], vec![]] {
            let there = CameraGroups::new(there).unwrap_or_default();
            for _ in 0..2 {
                groups.put_groups(&there).await?;
            }
            assert_eq!(groups.groups().await?, there);
        }
        Ok::<_, crate::ports::CatalogError>(())
    };
    let outcome = outcome.await;
    assert!(outcome.is_ok(), "{outcome:?}");
}
