//! What is made of stored events later and on demand: H.264 copies, previews, and what arrival couldn't make.
//!
//! Owns how a product comes to stand beside its object ([`Maker`]), how several at once change one `media.json`
//! ([`Manifests`]), and who waits for what ([`Deriver`]). Promises: everything is bounded; nothing of replaced or removed
//! content is left or attached; nobody's change of a manifest is lost. Refuses: to keep anybody else waiting, and to try
//! for ever. Why so: docs/design/derive.md.

mod deriver;
mod lanes;
mod maker;
mod manifests;
mod product;
mod scratch;

pub use deriver::{Asked, Deriver};
pub use maker::{Made, MakeError, Maker, MakerParts};
pub use manifests::Manifests;
pub use product::Product;
pub use scratch::Scratch;

#[cfg(test)]
mod tests;
