//! What every [`CameraTokens`] promises. Each check starts from an empty one that it fills itself.

use std::sync::Arc;

use crate::{
    Millis,
    ports::{CameraToken, CameraTokens, CatalogError},
};

type Check = Result<(), CatalogError>;

/// Runs the whole suite; `fresh` gives none each time. Panics where a promise is broken.
pub async fn tokens_contract<F, T>(mut fresh: F)
where
    F: FnMut() -> Arc<T>,
    T: CameraTokens + 'static,
{
    for (name, check) in [
        ("tokens stand side by side", tokens_stand_side_by_side(fresh()).await),
        ("each is revoked once", each_is_revoked_once(fresh()).await),
    ] {
        assert!(check.is_ok(), "{name}: {check:?}");
    }
}

fn token(byte: u8, camera: &str) -> CameraToken {
    CameraToken { token_sha256: [byte; 32], camera: camera.to_owned(), created_at: Millis(i64::from(byte)) }
}

async fn tokens_stand_side_by_side(tokens: Arc<impl CameraTokens>) -> Check {
    assert_eq!(tokens.camera_tokens().await?, []);
    for (byte, camera) in [(2, "gate"), (1, "gate"), (3, "*"), (4, "Gare é")] {
        tokens.put_camera_token(&token(byte, camera)).await?;
    }
    let of = async |byte: u8| tokens.camera_of_token(&[byte; 32]).await;
    assert_eq!(of(1).await?.as_deref(), Some("gate"));
    assert_eq!(of(9).await?, None);
    assert_eq!(
        tokens.camera_tokens().await?,
        [token(3, "*"), token(4, "Gare é"), token(1, "gate"), token(2, "gate")],
        "by camera and age"
    );
    assert_eq!(tokens.revoke_camera_tokens("gate").await?, 2);
    assert_eq!(tokens.revoke_camera_tokens("gate").await?, 0);
    assert_eq!((of(1).await?, of(2).await?), (None, None));
    assert_eq!(of(3).await?.as_deref(), Some("*"));
    assert_eq!(tokens.revoke_camera_tokens("").await?, 0);
    Ok(())
}

async fn each_is_revoked_once(tokens: Arc<impl CameraTokens + 'static>) -> Check {
    const MANY: u8 = 60;
    for byte in 0..MANY {
        tokens.put_camera_token(&token(byte, "gate")).await?;
    }
    let tasks: Vec<_> = (0..3)
        .map(|_| {
            let tokens = Arc::clone(&tokens);
            tokio::spawn(async move { tokens.revoke_camera_tokens("gate").await })
        })
        .collect();
    let mut revoked = 0;
    for task in tasks {
        revoked += task.await.map_err(|error| CatalogError::Unavailable(error.to_string()))??;
    }
    assert_eq!(revoked, u64::from(MANY));
    assert_eq!(tokens.camera_tokens().await?, []);
    Ok(())
}
