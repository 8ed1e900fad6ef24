//! What every [`ReviewState`] promises. Each check starts from an empty one that it fills itself.

use std::{collections::HashSet, sync::Arc};

use crate::{
    CameraName, CaptureKind, EventId, Millis, Order,
    ports::{CatalogError, Clock, REVIEWS_MAX, ReviewState, SystemClock, Viewed},
    review::Reviewed,
};

type Check = Result<(), CatalogError>;

/// Runs the whole suite; `fresh` gives an empty one each time. Panics where a promise is broken.
pub async fn review_contract<F, R>(mut fresh: F)
where
    F: FnMut() -> Arc<R>,
    R: ReviewState + 'static,
{
    for (name, check) in [
        ("marks are each person's own", marks_are_each_persons_own(fresh()).await),
        ("the later word wins", the_later_word_wins(fresh()).await),
        ("marking again changes nothing", marking_again_changes_nothing(fresh()).await),
        ("many are marked and asked for at once", many_at_once(fresh()).await),
        ("pages are strict", pages_are_strict(fresh()).await),
        ("unviewed marks are found in order", unviewed_marks_are_found(fresh()).await),
        ("marks up to here meet", marks_up_to_here_meet(fresh()).await),
    ] {
        assert!(check.is_ok(), "{name}: {check:?}");
    }
}

fn id(n: i64) -> EventId {
    EventId {
        event_ts: Millis(n),
        fraction: 5,
        kind: CaptureKind::Snap,
        camera: CameraName::from_folder("Garé 1"),
    }
}

fn ids(range: std::ops::Range<i64>) -> Vec<EventId> {
    range.map(id).collect()
}

/// Of those, the viewed ones; all were stored at `stored_at`.
async fn of(
    review: &dyn ReviewState,
    user: &str,
    range: std::ops::Range<i64>,
    stored_at: Millis,
) -> Result<Vec<EventId>, CatalogError> {
    let events: Vec<_> = ids(range).into_iter().map(|id| Reviewed { id, stored_at }).collect();
    let viewed = review.viewed_of(user, &events).await?;
    let listed: Vec<_> = events.into_iter().map(|event| event.id).filter(|id| viewed.contains(id)).collect();
    assert_eq!(listed.iter().collect::<HashSet<_>>().len(), viewed.len(), "only what was asked for");
    Ok(listed)
}

async fn since(
    review: &dyn ReviewState,
    user: &str,
    since: Millis,
    limit: usize,
) -> Result<Vec<Viewed>, CatalogError> {
    let (mut items, mut after) = (Vec::new(), None);
    loop {
        let page = review.viewed_since(user, since, after.as_ref(), limit).await?;
        assert!(page.items.len() <= limit && !(page.more && page.items.is_empty()), "{page:?}");
        items.extend(page.items);
        if !page.more {
            return Ok(items);
        }
        after = items.last().cloned();
    }
}

async fn marks_are_each_persons_own(review: Arc<impl ReviewState>) -> Check {
    let now = SystemClock.now();
    assert_eq!(of(&*review, "anna", 0..4, now).await?, []);
    assert!(review.viewed_of("anna", &[]).await?.is_empty());
    review.mark("anna", &[id(1), id(2), id(1)], true, now).await?;
    review.mark_up_to("ben#1/ü", &id(1), now).await?;
    review.mark("ben#1/ü", &[], true, now).await?;
    assert_eq!(of(&*review, "anna", 0..4, now).await?, [id(1), id(2)]);
    assert_eq!(of(&*review, "ben#1/ü", 0..4, now).await?, [id(0), id(1)]);
    assert_eq!(of(&*review, "ben", 0..4, now).await?, []);
    assert_eq!(
        since(&*review, "anna", now, 9).await?,
        [Viewed { at: now, id: id(1) }, Viewed { at: now, id: id(2) }]
    );
    assert_eq!(since(&*review, "ben#1/ü", Millis(0), 9).await?, [], "single marks only");
    assert_eq!(review.viewed_up_to("ben#1/ü").await?.steps().len(), 1);
    assert_eq!(review.viewed_up_to("anna").await?.steps(), []);
    Ok(())
}

async fn the_later_word_wins(review: Arc<impl ReviewState>) -> Check {
    let now = SystemClock.now();
    let at = |ms: i64| now.plus(ms);
    review.mark_up_to("anna", &id(2), at(10)).await?;
    assert_eq!(of(&*review, "anna", 0..5, at(10)).await?, ids(0..3));
    assert_eq!(of(&*review, "anna", 0..5, at(11)).await?, [], "stored since");
    review.mark("anna", &[id(1)], false, at(20)).await?;
    assert_eq!(of(&*review, "anna", 0..5, at(0)).await?, [id(0), id(2)]);
    review.mark("anna", &[id(1), id(4)], true, at(30)).await?;
    assert_eq!(of(&*review, "anna", 0..5, at(0)).await?, [id(0), id(1), id(2), id(4)]);
    review.mark("anna", &[id(1)], false, at(40)).await?;
    assert_eq!(since(&*review, "anna", Millis(0), 9).await?, [Viewed { at: at(30), id: id(4) }]);
    review.mark_up_to("anna", &id(3), at(50)).await?;
    assert_eq!(of(&*review, "anna", 0..5, at(45)).await?, ids(0..5));
    review.mark("anna", &[id(1)], false, at(60)).await?;
    assert_eq!(of(&*review, "anna", 0..3, at(45)).await?, [id(0), id(2)], "said again");
    Ok(())
}

async fn marking_again_changes_nothing(review: Arc<impl ReviewState>) -> Check {
    let now = SystemClock.now();
    for n in 0..3 {
        review.mark("anna", &[id(1)], true, now.plus(n)).await?;
    }
    let first = [Viewed { at: now, id: id(1) }];
    assert_eq!(since(&*review, "anna", Millis(0), 9).await?, first);
    assert_eq!(since(&*review, "anna", now.plus(1), 9).await?, []);
    review.mark("anna", &[id(1)], false, now.plus(5)).await?;
    review.mark("anna", &[id(1)], false, now.plus(6)).await?;
    assert_eq!(since(&*review, "anna", Millis(0), 9).await?, []);
    review.mark("anna", &[id(1)], true, now.plus(7)).await?;
    assert_eq!(since(&*review, "anna", Millis(0), 9).await?, [Viewed { at: now.plus(7), id: id(1) }], "once");
    Ok(())
}

async fn many_at_once(review: Arc<impl ReviewState>) -> Check {
    let (now, all) = (SystemClock.now(), REVIEWS_MAX as i64);
    review.mark("anna", &ids(0..all), true, now).await?;
    assert_eq!(of(&*review, "anna", 0..all, now).await?, ids(0..all));
    assert_eq!(of(&*review, "anna", all - 10..all + 10, now).await?, ids(all - 10..all));
    Ok(())
}

async fn pages_are_strict(review: Arc<impl ReviewState>) -> Check {
    let now = SystemClock.now();
    // Several in one millisecond, and some that are no more.
    for n in 0..30 {
        review.mark("anna", &[id(n)], true, now.plus(n / 4)).await?;
    }
    review.mark("anna", &ids(8..12), false, now.plus(50)).await?;
    let want: Vec<_> =
        (0..30).filter(|n| !(8..12).contains(n)).map(|n| Viewed { at: now.plus(n / 4), id: id(n) }).collect();
    for limit in [1, 2, 7, 26, 100] {
        assert_eq!(since(&*review, "anna", Millis(0), limit).await?, want, "{limit}");
    }
    assert_eq!(since(&*review, "anna", now.plus(7), 100).await?, want[24..]);
    assert_eq!(since(&*review, "anna", Millis(-5), 100).await?, want);
    assert_eq!(since(&*review, "anna", now.plus(60), 100).await?, []);
    Ok(())
}

async fn unviewed_marks_are_found(review: Arc<impl ReviewState>) -> Check {
    let now = SystemClock.now();
    review.mark("anna", &ids(0..30), true, now).await?;
    review.mark("anna", &[id(7), id(12), id(13)], false, now.plus(1)).await?;
    review.mark("anna", &[id(12)], true, now.plus(2)).await?;
    review.mark("ben", &[id(9)], false, now).await?;
    for (after, newest, oldest) in [
        (-1, None, Some(7)),
        (7, None, Some(13)),
        (8, Some(7), Some(13)),
        (13, Some(7), None),
        (40, Some(13), None),
    ] {
        let found = review.marked_unviewed("anna", Order::NewestFirst, &id(after)).await?;
        assert_eq!(found, newest.map(id), "before {after}");
        let found = review.marked_unviewed("anna", Order::OldestFirst, &id(after)).await?;
        assert_eq!(found, oldest.map(id), "after {after}");
    }
    Ok(())
}

async fn marks_up_to_here_meet(review: Arc<impl ReviewState + 'static>) -> Check {
    let now = SystemClock.now();
    // Later ones of older places: each says something of its own.
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let review = Arc::clone(&review);
            tokio::spawn(async move { review.mark_up_to("anna", &id(100 - n), now.plus(n)).await })
        })
        .collect();
    for task in tasks {
        task.await.map_err(|error| CatalogError::Unavailable(error.to_string()))??;
    }
    assert_eq!(review.viewed_up_to("anna").await?.steps().len(), 8, "none was lost");
    Ok(())
}
