//! What every [`PushSubscriptions`] promises.

use crate::{
    ports::{CatalogError, PUSH_PER_USER_MAX, PushSubscription, PushSubscriptions},
    time::Millis,
};

/// Runs the suite on an empty one. Panics where a promise is broken.
pub async fn push_contract(pushes: &dyn PushSubscriptions) {
    let outcome = run(pushes).await;
    assert!(outcome.is_ok(), "{outcome:?}");
}

fn subscription(id: &str, user: &str, at: i64) -> PushSubscription {
    PushSubscription {
        id: id.to_owned(),
        user: user.to_owned(),
        endpoint: format!("https://push.example/{id}?x=é"),
        p256dh: vec![4; 65],
        auth: vec![7; 16],
        created_at: Millis(at),
    }
}

async fn run(pushes: &dyn PushSubscriptions) -> Result<(), CatalogError> {
    assert_eq!(pushes.push_subscriptions().await?, []);
    assert!(!pushes.remove_push("a", None).await?);
    let (a, b) = (subscription("a", "ann", 1), subscription("b", "bob", 2));
    for _ in 0..2 {
        pushes.put_push(&b).await?;
        pushes.put_push(&a).await?;
    }
    assert_eq!(pushes.push_subscriptions().await?, [a.clone(), b.clone()], "by id, each once");
    assert!(!pushes.remove_push("a", Some("bob")).await?, "another person's stays");
    // The same browser, another person: it is told what they may see, and only that.
    let taken = subscription("a", "bob", 3);
    pushes.put_push(&taken).await?;
    assert_eq!(pushes.push_subscriptions().await?, [taken, b]);
    assert!(pushes.remove_push("a", Some("bob")).await?);
    assert!(pushes.remove_push("b", None).await?);
    for n in 0..=PUSH_PER_USER_MAX {
        pushes.put_push(&subscription(&format!("s{n:03}"), "ann", n as i64)).await?;
    }
    let left: Vec<_> = pushes.push_subscriptions().await?.into_iter().map(|one| one.id).collect();
    assert_eq!(left.len(), PUSH_PER_USER_MAX);
    assert!(!left.contains(&"s000".to_owned()), "the oldest goes: {left:?}");
    Ok(())
}
