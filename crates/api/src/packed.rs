//! Answers go packed to who can unpack them: 24 incidents are 27 kB then instead of some 200.

use axum::http::{HeaderMap, StatusCode, Version, header};
use tower_http::compression::{CompressionLayer, CompressionLevel, Predicate, predicate::SizeAbove};

/// A smaller answer fits a packet either way.
const WORTH_BYTES: u64 = 1_200;
/// Text that isn't packed yet. Clips and pictures are, and a live stream must not wait for more.
const TYPES: [&str; 4] =
    ["application/json", "application/problem+json", "text/html", "application/openapi+json"];

/// Quick rather than small: a Raspberry Pi packs, too.
pub(crate) fn layer() -> CompressionLayer<impl Predicate> {
    let worth = SizeAbove::new(WORTH_BYTES).and(is_text);
    CompressionLayer::new().gzip(true).quality(CompressionLevel::Fastest).compress_when(worth)
}

fn is_text(_: StatusCode, _: Version, headers: &HeaderMap, _: &axum::http::Extensions) -> bool {
    let told = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    TYPES.contains(&told.split(';').next().unwrap_or_default().trim())
}
