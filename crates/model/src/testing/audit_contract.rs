//! What every [`AuditLog`] promises. Each check starts from an empty one.

use std::sync::Arc;

use crate::{
    Millis,
    ports::{AuditAction, AuditEntry, AuditLog, AuditPlace, CatalogError, Clock, SystemClock},
};

type Check = Result<(), CatalogError>;

const DAY_MS: i64 = 86_400_000;
/// No entry of these checks is as old.
const KEEP_DAYS: u32 = 400;

/// Runs the suite. Panics where a promise is broken.
pub async fn audit_contract<F, A>(mut fresh: F)
where
    F: FnMut() -> Arc<A>,
    A: AuditLog + 'static,
{
    for (name, check) in [
        ("entries are told as they were noted", entries_are_kept(fresh()).await),
        ("pages are strict over months", pages_are_strict(fresh()).await),
    ] {
        assert!(check.is_ok(), "{name}: {check:?}");
    }
}

fn entry(at: Millis, tie: u64) -> AuditEntry {
    AuditEntry {
        place: AuditPlace { at, tie },
        who: Some("anna".to_owned()),
        action: AuditAction::EventDeleted,
        subject: format!("{tie}"),
        from: Some("2001:db8::1".to_owned()),
        detail: String::new(),
    }
}

async fn entries_are_kept(log: Arc<impl AuditLog>) -> Check {
    let now = SystemClock.now();
    let all = |after| log.audit(Millis(0), now.plus(DAY_MS), after, 500);
    assert!(all(None).await?.items.is_empty());
    let mut noted = Vec::new();
    for (n, action) in AuditAction::ALL.into_iter().enumerate() {
        let place = AuditPlace { at: now, tie: (1 << 62) + n as u64 };
        let (who, from) =
            if n % 2 == 0 { (None, None) } else { (Some("Änne\n".to_owned()), Some("::1".to_owned())) };
        let entry = AuditEntry { place, who, action, from, detail: "ü".repeat(n * 10), ..entry(now, 0) };
        log.note_audit(&entry, KEEP_DAYS).await?;
        noted.insert(0, entry);
    }
    let page = all(None).await?;
    assert_eq!((page.items, page.more), (noted, false));
    Ok(())
}

async fn pages_are_strict(log: Arc<impl AuditLog>) -> Check {
    let now = SystemClock.now();
    // Over five months, several in one millisecond; noted in no order.
    let mut want: Vec<_> =
        (0..40_i64).map(|n| entry(now.plus(-(n / 4) * 15 * DAY_MS), (n % 4) as u64)).collect();
    for entry in want.iter().rev().step_by(2).chain(want.iter().rev().skip(1).step_by(2)) {
        log.note_audit(entry, KEEP_DAYS).await?;
    }
    want.sort_by_key(|entry| std::cmp::Reverse(entry.place));
    let (from, to) = (now.plus(-150 * DAY_MS), now.plus(1));
    for limit in [1, 3, 39, 40, 100] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = log.audit(from, to, after, limit).await?;
            assert!(page.items.len() <= limit && (!page.more || page.items.len() == limit), "{limit}");
            after = page.items.last().map(|entry| entry.place);
            seen.extend(page.items);
            if !page.more {
                break;
            }
        }
        assert_eq!(seen, want, "{limit}");
    }
    let between = log.audit(now.plus(-30 * DAY_MS), now, None, 100).await?;
    assert_eq!(between.items, want[4..12], "from, and before to");
    assert!(log.audit(to, from, None, 10).await?.items.is_empty(), "the wrong way round");
    Ok(())
}
