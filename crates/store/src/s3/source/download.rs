//! One object's bytes, all of them or an error: what came is measured, and held against what the store says.

use camtrail_model::Digest;
use http::{HeaderMap, StatusCode, response::Parts};
use md5::{Digest as _, Md5};
use sha2::Sha256;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::{
    Patience, SourceBucket, SourceError, SourceObject,
    answer::{broken, tag_of},
    checksum, text,
};

/// So much must come for the patience to begin anew: a line that gives a byte a try would be waited for for ever.
const PROGRESS_BYTES: u64 = 1024 * 1024;

/// What came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Downloaded {
    /// How many bytes.
    pub size: u64,
    /// Their digest.
    pub sha256: Digest,
}

impl SourceBucket {
    /// Reads the object, as it was seen, into `sink`. After a cut line it goes on where it was. Ok only if all of it came,
    /// and only of this object: by its length, its ETag, and the digests that the store gives.
    ///
    /// `doubted`: what [`SourceError::Doubtful`] said the last time. The same bytes twice are taken for the object's:
    /// not every server's ETag that looks like an MD5 is one.
    pub async fn download(
        &self,
        object: &SourceObject,
        doubted: Option<Digest>,
        sink: &mut (impl AsyncWrite + Unpin),
    ) -> Result<Downloaded, SourceError> {
        let mut came = Came::default();
        let (mut patience, mut progress_at) = (Patience::new(), 0);
        loop {
            match self.go_on(object, &mut came, sink).await {
                Ok(()) => return came.confirmed(object, doubted),
                Err(SourceError::Unavailable(why)) => {
                    if came.bytes >= progress_at + PROGRESS_BYTES {
                        (patience, progress_at) = (Patience::new(), came.bytes);
                    }
                    patience.wait(why).await?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn go_on(
        &self,
        object: &SourceObject,
        came: &mut Came,
        sink: &mut (impl AsyncWrite + Unpin),
    ) -> Result<(), SourceError> {
        let (head, mut body) = self.read(object, came.bytes, None).await?;
        let mut skip = came.begin(object, &head)?;
        while let Some(mut piece) = body.piece().await.map_err(|error| broken(&error))? {
            let skipped = usize::try_from(skip).map_or(piece.len(), |skip| skip.min(piece.len()));
            skip -= skipped as u64;
            let _ = piece.split_to(skipped);
            came.add(&piece);
            if came.bytes > object.size {
                return Err(SourceError::Changed);
            }
            sink.write_all(&piece).await.map_err(|_| SourceError::Unwanted)?;
        }
        if came.bytes < object.size {
            let (came, size) = (came.bytes, object.size);
            return Err(SourceError::Unavailable(format!("the line was cut after {came} of {size} bytes")));
        }
        sink.flush().await.map_err(|_| SourceError::Unwanted)
    }
}

/// What came so far, over all tries.
#[derive(Default)]
struct Came {
    bytes: u64,
    sha256: Sha256,
    md5: Md5,
    /// The store's own digest of all of it.
    expected: Option<Digest>,
    /// The ETag, where it may be an MD5.
    e_tag: Option<String>,
}

impl Came {
    fn add(&mut self, piece: &[u8]) {
        self.bytes += piece.len() as u64;
        self.sha256.update(piece);
        self.md5.update(piece);
    }

    /// Holds an answer's head against the object; how many of its bytes came already.
    fn begin(&mut self, object: &SourceObject, head: &Parts) -> Result<u64, SourceError> {
        let tag = text(&head.headers, "etag").map(tag_of);
        if object.e_tag.is_some() && tag.is_some() && tag != object.e_tag {
            return Err(SourceError::Changed);
        }
        let is_part = head.status == StatusCode::PARTIAL_CONTENT;
        let (from, size) = if is_part { range(&head.headers) } else { (Some(0), length(&head.headers)) };
        if size.is_some_and(|size| size != object.size) {
            return Err(SourceError::Changed);
        }
        if !is_part || self.bytes == 0 {
            self.expected = checksum(&head.headers);
            self.e_tag = tag.filter(|tag| may_be_md5(&head.headers, tag));
        }
        match from {
            Some(from) if from <= self.bytes => Ok(self.bytes - from),
            _ => Err(SourceError::Refused(format!(
                "the server gave other bytes than were asked for (from {})",
                self.bytes
            ))),
        }
    }

    fn confirmed(self, object: &SourceObject, doubted: Option<Digest>) -> Result<Downloaded, SourceError> {
        let sha256 = Digest(self.sha256.finalize().into());
        if let Some(expected) = self.expected {
            if expected != sha256 {
                return Err(SourceError::Refused(format!(
                    "its bytes have the SHA-256 {sha256}, and the store says {expected}: it may be damaged there"
                )));
            }
        } else if let Some(tag) = self.e_tag {
            let md5 = data_encoding::HEXLOWER.encode(&self.md5.finalize());
            if md5 != tag.to_ascii_lowercase() && doubted != Some(sha256) {
                return Err(SourceError::Doubtful(sha256));
            }
        }
        Ok(Downloaded { size: object.size, sha256 })
    }
}

/// Of objects encrypted with others' keys, and of those put in parts, the ETag is no digest of the bytes.
fn may_be_md5(headers: &HeaderMap, tag: &str) -> bool {
    let is_kms = text(headers, "x-amz-server-side-encryption").is_some_and(|how| how.contains("kms"));
    let customer_key = headers.contains_key("x-amz-server-side-encryption-customer-algorithm");
    !is_kms && !customer_key && tag.len() == 32 && tag.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn length(headers: &HeaderMap) -> Option<u64> {
    text(headers, "content-length")?.parse().ok()
}

/// From where, and of how many: `bytes 10-19/100`.
fn range(headers: &HeaderMap) -> (Option<u64>, Option<u64>) {
    let given = text(headers, "content-range").and_then(|text| text.strip_prefix("bytes ")?.split_once('/'));
    let Some((range, size)) = given else { return (None, None) };
    (range.split_once('-').and_then(|(from, _)| from.parse().ok()), size.parse().ok())
}
