//! What every [`Shares`] and every [`ApiTokens`] promises. Each check starts from an empty one.

use std::sync::Arc;

use crate::{
    CameraName, CaptureKind, EventId, Millis,
    ports::{ApiToken, ApiTokens, CatalogError, Clock, Openings, Scope, Scopes, Share, Shares, SystemClock},
};

type Check = Result<(), CatalogError>;

fn event(n: i64) -> EventId {
    let camera = CameraName::from_folder("Gare é");
    EventId { event_ts: Millis(n), fraction: 1, kind: CaptureKind::Record, camera }
}

/// Present times: a database may expire what is past.
fn share(byte: u8, age_ms: i64) -> Share {
    let now = SystemClock.now();
    Share {
        token_sha256: [byte; 32],
        event: event(i64::from(byte)),
        by: "anna".to_owned(),
        created_at: now.plus(-age_ms),
        expires_at: now.plus(600_000),
        revoked_at: None,
        note: (byte % 2 == 1).then(|| "for Ötzi".to_owned()),
        openings: Openings::default(),
    }
}

fn joined<T>(outcome: Result<T, tokio::task::JoinError>) -> Result<T, CatalogError> {
    outcome.map_err(|error| CatalogError::Unavailable(error.to_string()))
}

/// Runs the suite on shares. Panics where a promise is broken.
pub async fn shares_contract<F, S>(mut fresh: F)
where
    F: FnMut() -> Arc<S>,
    S: Shares + 'static,
{
    for (name, check) in [
        ("shares are kept until they are forgotten", shares_are_kept(fresh()).await),
        ("a share is revoked once, openings or not", a_share_is_revoked_once(fresh()).await),
        ("openings are counted", openings_are_counted(fresh()).await),
    ] {
        assert!(check.is_ok(), "{name}: {check:?}");
    }
}

async fn shares_are_kept(shares: Arc<impl Shares>) -> Check {
    assert_eq!(shares.shares().await?, []);
    let (a, b, c) = (share(1, 0), share(2, 5_000), share(3, 2_000));
    for share in [&a, &b, &c] {
        shares.put_share(share).await?;
    }
    assert_eq!(shares.shares().await?, [a.clone(), c.clone(), b.clone()], "the newest first");
    assert_eq!(shares.share(&c.id()).await?, Some(c.clone()));
    for nobodys in ["", "x", &c.id()[1..], &"0".repeat(4_000), "\0", "ü"] {
        assert_eq!(shares.share(nobodys).await?, None, "{nobodys:?}");
        shares.count_opening(nobodys, Millis(1), true).await?;
        assert!(!shares.revoke_share(nobodys, Millis(1)).await?, "{nobodys:?}");
    }
    shares.forget_share(&c.id()).await?;
    shares.forget_share(&c.id()).await?;
    shares.count_opening(&c.id(), Millis(1), false).await?;
    assert_eq!(shares.shares().await?, [a, b], "a count brings none back");
    Ok(())
}

async fn a_share_is_revoked_once(shares: Arc<impl Shares>) -> Check {
    let made = share(1, 0);
    shares.put_share(&made).await?;
    let at = SystemClock.now();
    assert!(shares.revoke_share(&made.id(), at).await?);
    assert!(!shares.revoke_share(&made.id(), at.plus(5)).await?);
    shares.count_opening(&made.id(), at.plus(6), true).await?;
    let openings = Openings { refused: 1, ..Openings::default() };
    assert_eq!(shares.share(&made.id()).await?, Some(Share { revoked_at: Some(at), openings, ..made }));
    Ok(())
}

async fn openings_are_counted(shares: Arc<impl Shares + 'static>) -> Check {
    let (made, other) = (share(1, 0), share(2, 1));
    shares.put_share(&made).await?;
    shares.put_share(&other).await?;
    let at = SystemClock.now();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (shares, id) = (Arc::clone(&shares), made.id());
            tokio::spawn(async move { shares.count_opening(&id, at, false).await })
        })
        .collect();
    for task in tasks {
        joined(task.await)??;
    }
    shares.count_opening(&made.id(), at.plus(9), true).await?;
    let openings = Openings { opened: 8, refused: 1, last_at: Some(at) };
    assert_eq!(shares.shares().await?, [Share { openings, ..made }, other]);
    Ok(())
}

fn token(byte: u8, user: &str) -> ApiToken {
    let now = SystemClock.now();
    ApiToken {
        token_sha256: [byte; 32],
        user: user.to_owned(),
        name: "Home Assistant".to_owned(),
        scopes: Scopes::new([Scope::Share, Scope::Read]),
        created_at: now.plus(i64::from(byte)),
        expires_at: (byte % 2 == 1).then(|| now.plus(600_000)),
        last_used_at: None,
    }
}

/// Runs the suite on people's tokens. Panics where a promise is broken.
pub async fn api_tokens_contract<F, T>(mut fresh: F)
where
    F: FnMut() -> Arc<T>,
    T: ApiTokens + 'static,
{
    for (name, check) in [
        ("tokens are kept until they are revoked", tokens_are_kept(fresh()).await),
        ("use brings no token back", use_brings_no_token_back(fresh()).await),
    ] {
        assert!(check.is_ok(), "{name}: {check:?}");
    }
}

async fn tokens_are_kept(tokens: Arc<impl ApiTokens>) -> Check {
    assert_eq!(tokens.api_tokens().await?, []);
    let (a, b, c) = (token(1, "otto"), token(2, "anna"), token(3, "anna"));
    for token in [&a, &c, &b] {
        tokens.put_api_token(token).await?;
    }
    assert_eq!(tokens.api_tokens().await?, [b.clone(), c.clone(), a.clone()], "by person and age");
    assert_eq!(tokens.api_token(&b.id()).await?, Some(b.clone()));
    for nobodys in ["", "x", &b.id()[1..], &"0".repeat(4_000), "\0", "ü"] {
        assert_eq!(tokens.api_token(nobodys).await?, None, "{nobodys:?}");
        assert!(!tokens.forget_api_token(nobodys).await?, "{nobodys:?}");
        tokens.touch_api_token(nobodys, Millis(1)).await?;
    }
    assert!(tokens.forget_api_token(&b.id()).await?);
    assert!(!tokens.forget_api_token(&b.id()).await?);
    assert_eq!(tokens.api_token(&b.id()).await?, None);
    assert_eq!(tokens.api_tokens().await?, [c, a]);
    Ok(())
}

async fn use_brings_no_token_back(tokens: Arc<impl ApiTokens>) -> Check {
    let (made, now) = (token(1, "anna"), SystemClock.now());
    tokens.put_api_token(&made).await?;
    tokens.touch_api_token(&made.id(), now).await?;
    assert_eq!(tokens.api_tokens().await?, [ApiToken { last_used_at: Some(now), ..made.clone() }]);
    assert!(tokens.forget_api_token(&made.id()).await?);
    tokens.touch_api_token(&made.id(), now).await?;
    assert_eq!(tokens.api_tokens().await?, []);
    Ok(())
}
