//! The built web app, inside the binary (in debug builds it is read from `web/dist`).

use camtrail_api::{WebFile, WebFiles};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Dist;

/// The embedded files.
#[derive(Debug, Clone, Copy, Default)]
pub struct Embedded;

impl WebFiles for Embedded {
    fn file(&self, path: &str) -> Option<WebFile> {
        let file = Dist::get(path)?;
        let content_type = mime_guess::from_path(path).first_or_octet_stream();
        let text = content_type.type_() == "text" || content_type.subtype() == "javascript";
        let content_type =
            if text { format!("{content_type}; charset=utf-8") } else { content_type.to_string() };
        Some(WebFile {
            bytes: file.data,
            content_type,
            etag: data_encoding::HEXLOWER.encode(&file.metadata.sha256_hash()[..16]),
            // Vite puts a hash of the content into the names below assets/.
            immutable: path.starts_with("assets/"),
        })
    }
}
