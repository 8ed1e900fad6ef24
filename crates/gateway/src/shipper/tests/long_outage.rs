//! Three days without a store, in seconds: the clock is turned by hand.

use super::*;

const HOURS: u64 = 72;
/// A camera sends something so often.
const EVERY: Duration = Duration::from_mins(2);
/// A clock that a person can read in a failure: 2026-01-01.
const START: Millis = Millis(1_767_225_600_000);

/// Follows tokio's paused time.
struct TurnedClock(Instant);

impl Clock for TurnedClock {
    fn now(&self) -> Millis {
        START.plus(self.0.elapsed().as_millis() as i64)
    }
}

#[tokio::test(start_paused = true)]
async fn after_three_days_without_a_store_everything_ships_oldest_first() {
    let began = Instant::now();
    let bench = Bench::with(Arc::new(TurnedClock(began)));
    bench.store.failures_left.store(u32::MAX, Ordering::SeqCst);
    let mut uploads = 0;
    while began.elapsed() < Duration::from_hours(HOURS) {
        let at = TurnedClock(began).now().timestamp().strftime("%Y%m%d-%H%M%S").to_string();
        let still = [WHOLE, at.as_bytes(), b"\xFF\xD9"].concat();
        bench.upload(&format!("snap/MDAlarm_{at}.jpg"), &still, TransferEnd::Complete).await;
        uploads += 1;
        tokio::time::sleep(EVERY).await;
    }
    let hours = began.elapsed().as_secs() / 3600;
    assert!(bench.store.put.lock().unwrap().is_empty(), "nothing got through");
    assert_eq!(bench.spool.usage().entries, uploads, "everything waits");
    let refused = bench.store.refused.load(Ordering::SeqCst);
    // One knock in five minutes, and the growing ones before.
    assert!(u64::from(refused) <= hours * 12 + 20, "{refused} tries in {hours} hours");
    bench.store.failures_left.store(0, Ordering::SeqCst);
    // Real time: the turned clock runs ahead whenever a disk is waited for.
    let reopened = std::time::Instant::now();
    while bench.spool.usage().entries > 0 {
        assert!(reopened.elapsed() < Duration::from_mins(2), "the spool never became empty");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let put = bench.store.put.lock().unwrap().clone();
    println!(
        "{hours} h, {uploads} uploads, {refused} refused tries, all shipped {:?} after the end",
        reopened.elapsed()
    );
    assert_eq!(put.len() as u64, uploads, "each once");
    // The first one through is whoever knocked when the door opened; behind it the order is that of arrival: whoever
    // comes later than a newer one was under way beside it (however long a busy machine let it wait there).
    let names: Vec<_> = put.iter().filter_map(|key| key.rsplit('/').next()).skip(1).collect();
    for (place, name) in names.iter().enumerate() {
        let late: Vec<_> = names[place..].iter().filter(|later| *later < name).collect();
        assert!(late.len() < AT_ONCE, "at place {place}, {name}: {late:?} come later");
    }
    let query = EventQuery::default();
    let (mut listed, mut after) = (0, None);
    loop {
        let page = bench.catalog.page(&query, PageSize::DEFAULT, after.as_ref()).await.unwrap();
        listed += page.items.len() as u64;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(listed, uploads);
    assert_eq!(bench.spool.usage(), camtrail_spool::Usage::default(), "the spool shrinks to nothing");
}
