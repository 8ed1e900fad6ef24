//! What every [`SignInFailures`] promises. Each check starts from an empty one that it fills itself.

use std::sync::Arc;

use crate::{
    Millis,
    ports::{CatalogError, Clock, Failures, SignInFailures, SystemClock},
};

type Check = Result<(), CatalogError>;

/// Runs the whole suite; `fresh` gives empty ones each time. Panics where a promise is broken.
pub async fn failures_contract<F, S>(mut fresh: F)
where
    F: FnMut() -> Arc<S>,
    S: SignInFailures + 'static,
{
    for (name, check) in [
        ("only what was seen is replaced", only_what_was_seen_is_replaced(fresh()).await),
        ("no two count as one", no_two_count_as_one(fresh()).await),
    ] {
        assert!(check.is_ok(), "{name}: {check:?}");
    }
}

async fn only_what_was_seen_is_replaced(failures: Arc<impl SignInFailures>) -> Check {
    // Present times: a database may expire what is past.
    let now = SystemClock.now();
    let noted = |count: u32| Some(Failures { count, last: now.plus(i64::from(count)) });
    let replace = async |key: &str, seen: Option<Failures>, count: u32| {
        let new = Failures { count, last: now.plus(i64::from(count)) };
        failures.replace(key, seen, new, now.plus(600_000)).await
    };
    assert_eq!(failures.failures("a").await?, None);
    assert!(replace("a", None, 1).await?);
    assert!(!replace("a", None, 2).await?, "it isn't the first any more");
    assert!(!replace("a", noted(7), 2).await?, "nobody saw that");
    assert!(!replace("b", noted(1), 2).await?, "another key");
    assert_eq!(failures.failures("a").await?, noted(1));
    let later = Some(Failures { count: 1, last: Millis(now.0 + 2) });
    assert!(!replace("a", later, 2).await?, "another time");
    assert!(replace("a", noted(1), 2).await?);
    assert_eq!(failures.failures("a").await?, noted(2));
    for _ in 0..2 {
        failures.forgive("a").await?;
        assert_eq!(failures.failures("a").await?, None);
    }
    assert!(replace("a", None, 1).await?);
    Ok(())
}

async fn no_two_count_as_one(failures: Arc<impl SignInFailures + 'static>) -> Check {
    const AT_ONCE: u32 = 12;
    let now = SystemClock.now();
    let tasks: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let failures = Arc::clone(&failures);
            tokio::spawn(async move {
                loop {
                    let seen = failures.failures("a").await?;
                    let count = seen.map_or(0, |seen| seen.count) + 1;
                    let new = Failures { count, last: now };
                    if failures.replace("a", seen, new, now.plus(600_000)).await? {
                        return Ok::<_, CatalogError>(());
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.map_err(|error| CatalogError::Unavailable(error.to_string()))??;
    }
    assert_eq!(failures.failures("a").await?.map(|failures| failures.count), Some(AT_ONCE));
    Ok(())
}
