//! Bearer tokens for uploads by HTTP: only their digests.
//!
//! Owns the part `tokens`, one item a token: reached by its digest, listed in one query.

use camtrail_model::{
    Digest, Millis,
    ports::{CameraToken, CatalogError},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::shelf::{Shelf, hex, key};
use crate::{
    attributes::{Item, corrupt, get_number, get_text, number, text},
    tables::META_KEY,
};

const PART: &str = "tokens";
const CAMERA: &str = "camera_name";
const MADE: &str = "made_at";

/// Removals at once.
const AT_ONCE: usize = 8;

fn read(item: &Item) -> Result<CameraToken, CatalogError> {
    let Some(Digest(token_sha256)) = Digest::parse(get_text(item, META_KEY.1)?) else {
        return Err(corrupt(item, META_KEY.1));
    };
    let camera = get_text(item, CAMERA)?.to_owned();
    Ok(CameraToken { token_sha256, camera, created_at: Millis(get_number(item, MADE)?) })
}

pub(super) async fn put(shelf: &Shelf, token: &CameraToken) -> Result<(), CatalogError> {
    let mut item = key(PART, &hex(&token.token_sha256));
    item.extend([(CAMERA.to_owned(), text(&token.camera)), (MADE.to_owned(), number(token.created_at.0))]);
    shelf.put(item).await
}

pub(super) async fn camera(shelf: &Shelf, token_sha256: &[u8; 32]) -> Result<Option<String>, CatalogError> {
    let item = shelf.get(PART, &hex(token_sha256)).await?;
    item.as_ref().map(|item| get_text(item, CAMERA).map(str::to_owned)).transpose()
}

pub(super) async fn all(shelf: &Shelf) -> Result<Vec<CameraToken>, CatalogError> {
    let mut tokens = shelf.all(PART).await?.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    tokens.sort_by(|a, b| {
        (&a.camera, a.created_at, a.token_sha256).cmp(&(&b.camera, b.created_at, b.token_sha256))
    });
    Ok(tokens)
}

/// One by one, so where it fails some are gone and the call can be repeated. Of two that revoke at once each counts its own.
pub(super) async fn revoke(shelf: &Shelf, camera: &str) -> Result<u64, CatalogError> {
    let tokens = all(shelf).await?.into_iter().filter(|token| token.camera == camera);
    let removals = tokens.map(|token| async move { shelf.take(key(PART, &hex(&token.token_sha256))).await });
    stream::iter(removals)
        .buffer_unordered(AT_ONCE)
        .try_fold(0, async |count, taken| Ok(count + u64::from(taken)))
        .await
}
