//! The objects of a bucket, one after the other: looked at, judged, offered, and streamed into the spool.
//!
//! Nothing is kept on the way: bytes go from the bucket through a small pipe to the spool's owner, and only what was
//! confirmed to its last byte is committed there.

use std::{
    collections::BTreeMap,
    error::Error,
    fmt, io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use camtrail_gateway::{Handed, Handover, Offer};
use camtrail_model::{CameraName, Digest, Millis, ObjectMetadata, sniff::SNIFF_BYTES};
use camtrail_store::{Downloaded, SourceError, SourceLook};

use super::{
    AT_ONCE, NOBODYS, READS_MAX, Taker,
    bucket::{Bucket, Found},
    notes::Notes,
    room::Room,
    tally::Outcome,
    worth::{self, Worth},
};

/// Bytes between the bucket and the handover.
const PIPE_BYTES: usize = 256 * 1024;
/// An object that changed is looked at again after so long.
const CHANGED_WAIT: Duration = Duration::from_secs(1);
/// After so many objects in a row that could not be had, the bucket itself is asked whether it is there.
const LOST_AFTER: u32 = AT_ONCE as u32;
/// A longer name in an object's metadata may have been cut there.
const WHOLE_NAME_MAX_BYTES: usize = 1_000;

/// The bucket can't be reached any more.
#[derive(Debug)]
pub(super) struct BucketLost(String);

impl fmt::Display for BucketLost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: run the import again later, it goes on and doubles nothing", self.0)
    }
}

impl Error for BucketLost {}

#[derive(Clone)]
pub(super) struct Objects {
    source: Arc<Bucket>,
    notes: Option<Arc<Notes>>,
    dry_run: bool,
    /// Objects in a row, over all connections.
    unreachable: Arc<AtomicU32>,
}

enum Tried {
    Done(Outcome),
    Changed,
    /// The ETag tells of other bytes than these.
    Doubtful(Digest),
    Full,
    Unreachable(String),
}

fn failed(why: impl Into<String>) -> Tried {
    Tried::Done(Outcome::Failed(why.into()))
}

impl From<SourceError> for Tried {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Changed => Self::Changed,
            SourceError::Doubtful(digest) => Self::Doubtful(digest),
            SourceError::Unavailable(_) => Self::Unreachable(error.to_string()),
            error => failed(format!("it can't be read: {error}")),
        }
    }
}

impl Taker for Objects {
    type One = Found;

    async fn take(
        &mut self,
        handover: &mut Option<Handover>,
        one: Found,
    ) -> io::Result<Option<(PathBuf, Outcome)>> {
        let (key, outcome) = match one {
            Found::Object(object, path) => {
                let outcome = self.object(handover, &object.key, &path).await?;
                (object.key, outcome)
            }
            Found::Skipped(key, why) => (key, Outcome::Skipped(why)),
            Found::Failed(key, why) => (key, Outcome::Failed(why.to_owned())),
        };
        Ok(Some((key.into(), outcome)))
    }
}

impl Objects {
    pub(super) fn new(source: Arc<Bucket>, notes: Option<Arc<Notes>>, dry_run: bool) -> Self {
        Self { source, notes, dry_run, unreachable: Arc::default() }
    }

    /// Errors end the import; an object's own troubles are its outcome.
    async fn object(
        &self,
        handover: &mut Option<Handover>,
        key: &str,
        path: &[String],
    ) -> io::Result<Outcome> {
        let (mut room, mut reads, mut doubted) = (Room::default(), 0, None);
        loop {
            let tried = self.once(handover, key, path, doubted).await?;
            if !matches!(tried, Tried::Unreachable(_)) {
                self.unreachable.store(0, Ordering::Relaxed);
            }
            match tried {
                Tried::Done(outcome) => return Ok(outcome),
                Tried::Full => room.wait().await?,
                Tried::Unreachable(why) => {
                    // Else everything that is still to come would be a failure, each after a while.
                    if self.unreachable.fetch_add(1, Ordering::Relaxed) + 1 >= LOST_AFTER {
                        if !self.source.answers().await {
                            return Err(io::Error::other(BucketLost(why)));
                        }
                        self.unreachable.store(0, Ordering::Relaxed);
                    }
                    return Ok(Outcome::Failed(why));
                }
                Tried::Changed | Tried::Doubtful(_) if reads + 1 == READS_MAX => {
                    let why = "it changed, or other bytes came, each time it was read: run the import again when it is done";
                    return Ok(Outcome::Failed(why.to_owned()));
                }
                Tried::Changed => {
                    reads += 1;
                    tokio::time::sleep(CHANGED_WAIT).await;
                }
                Tried::Doubtful(digest) => {
                    reads += 1;
                    doubted = Some(digest);
                }
            }
        }
    }

    async fn once(
        &self,
        handover: &mut Option<Handover>,
        key: &str,
        path: &[String],
        doubted: Option<Digest>,
    ) -> io::Result<Tried> {
        let bucket = &self.source.bucket;
        let look = match bucket.look(key).await {
            Ok(look) => look,
            Err(error) => return Ok(error.into()),
        };
        let own = Own::of(&look.metadata, path);
        let head = if own.is_some() || worth::name_says_enough(path) || look.object.size == 0 {
            Vec::new()
        } else {
            match bucket.beginning(&look.object, SNIFF_BYTES).await {
                Ok(head) => head,
                Err(error) => return Ok(error.into()),
            }
        };
        let offer = match self.offer(&look, own.as_ref(), path, &head) {
            Ok(offer) => offer,
            Err(outcome) => return Ok(Tried::Done(outcome)),
        };
        let Some(handover) = handover else { return Ok(Tried::Done(Outcome::Imported)) };
        let known = handover.offer(&offer).await?;
        if !known.is_empty() {
            match self.is_known(&look, own.as_ref(), &known, doubted).await {
                Ok(true) => return Ok(Tried::Done(Outcome::There)),
                Ok(false) => {}
                Err(error) => return Ok(error.into()),
            }
        }
        if self.dry_run {
            return Ok(Tried::Done(Outcome::Imported));
        }
        self.send(handover, &look, doubted).await
    }

    /// What the spool's owner is offered; else what became of the object.
    fn offer(
        &self,
        look: &SourceLook,
        own: Option<&Own>,
        path: &[String],
        head: &[u8],
    ) -> Result<Offer, Outcome> {
        let size = look.object.size;
        if let Some(own) = own.filter(|_| size > 0) {
            return Ok(Offer {
                camera: self.source.camera.clone().unwrap_or_else(|| own.camera.clone()),
                path: own.path.clone(),
                size,
                modified_at: own.taken_at,
                cut: own.cut,
            });
        }
        match worth::judge(self.source.camera.as_ref(), path.to_vec(), size, head) {
            Worth::Media { camera, path, cut } => {
                Ok(Offer { camera, path, size, modified_at: look.object.modified_at, cut })
            }
            Worth::Nothing(why) => Err(Outcome::Skipped(why)),
            Worth::Nobodys => Err(Outcome::Failed(NOBODYS.to_owned())),
        }
    }

    /// Whether the object's content is one of `known`: by what was noted, by what the store or its own metadata says, or
    /// else by its bytes. A dry run reads none: what only they can tell counts as new.
    async fn is_known(
        &self,
        look: &SourceLook,
        own: Option<&Own>,
        known: &[Digest],
        doubted: Option<Digest>,
    ) -> Result<bool, SourceError> {
        if let Some(notes) = &self.notes
            && notes.has(&look.object, known).await
        {
            return Ok(true);
        }
        if let Some(sha256) = look.sha256.or_else(|| own?.sha256) {
            return Ok(known.contains(&sha256));
        }
        if self.dry_run {
            return Ok(false);
        }
        let came = self.source.bucket.download(&look.object, doubted, &mut tokio::io::sink()).await?;
        let is_known = known.contains(&came.sha256);
        if is_known {
            self.note(look, &came).await;
        }
        Ok(is_known)
    }

    async fn note(&self, look: &SourceLook, came: &Downloaded) {
        if let Some(notes) = &self.notes {
            notes.add(&look.object, &came.sha256).await;
        }
    }

    /// Streams the object to the spool's owner, who commits it only after the last byte was confirmed.
    async fn send(
        &self,
        handover: &mut Handover,
        look: &SourceLook,
        doubted: Option<Digest>,
    ) -> io::Result<Tried> {
        let (mut reader, mut writer) = tokio::io::duplex(PIPE_BYTES);
        let (bucket, object) = (self.source.bucket.clone(), look.object.clone());
        let download = tokio::spawn(async move { bucket.download(&object, doubted, &mut writer).await });
        let stop = download.abort_handle();
        let mut came = None;
        let handed = handover.send(&mut reader, async |sent| {
            let ended = download.await.unwrap_or_else(|lost| Err(SourceError::Refused(lost.to_string())));
            let whole = ended.as_ref().is_ok_and(|came| came.size == sent);
            came = Some(ended);
            whole
        });
        let handed = handed.await;
        stop.abort();
        Ok(match (handed?, came) {
            (Handed::Taken, Some(Ok(came))) => {
                self.note(look, &came).await;
                Tried::Done(Outcome::Imported)
            }
            (Handed::Taken, _) => Tried::Done(Outcome::Imported),
            (Handed::Full, _) => Tried::Full,
            (Handed::Refused(why), _) => failed(why),
            (Handed::Changed, Some(Err(error))) => error.into(),
            (Handed::Changed, _) => Tried::Changed,
        })
    }
}

/// What an object of another Camtrail says of itself.
#[derive(Debug, PartialEq, Eq)]
struct Own {
    camera: CameraName,
    /// As the camera sent it.
    path: Vec<String>,
    taken_at: Millis,
    cut: bool,
    sha256: Option<Digest>,
}

impl Own {
    /// `None`: it isn't Camtrail's, or its name is too long to be whole there: then its key speaks.
    fn of(metadata: &BTreeMap<String, String>, key: &[String]) -> Option<Self> {
        let said = ObjectMetadata::from_map(metadata).ok()?;
        if metadata.get("original_name").is_none_or(|name| name.len() > WHOLE_NAME_MAX_BYTES) {
            return None;
        }
        let parts = said.original_name.split('/').filter(|part| !part.is_empty());
        let mut path: Vec<String> = parts.map(str::to_owned).collect();
        let (name, stored) = (path.last_mut()?, key.last()?);
        // A clip that was remuxed is another file than the camera's, and ends as such.
        if let (Some((stem, was)), Some((_, is))) = (name.rsplit_once('.'), stored.rsplit_once('.'))
            && !stem.is_empty()
            && !was.eq_ignore_ascii_case(is)
            && said.content_type == "video/mp4"
        {
            *name = format!("{stem}.{is}");
        }
        Some(Self {
            camera: said.camera,
            path,
            taken_at: said.time.instant,
            cut: !said.complete,
            sha256: said.sha256,
        })
    }
}

#[cfg(test)]
mod tests {
    use camtrail_model::{CaptureTime, TimeSource};

    use super::*;

    fn metadata(name: &str) -> BTreeMap<String, String> {
        ObjectMetadata {
            camera: CameraName::parse("Garé").unwrap(),
            time: CaptureTime {
                instant: Millis(1_472_596_194_567),
                offset_s: -25_200,
                source: TimeSource::Arrival,
                clock_error_ms: None,
            },
            received_at: Millis(1),
            stored_at: Millis(2),
            sha256: Some(Digest::of(b"a")),
            original_sha256: Some(Digest::of(b"b")),
            original_size: 3,
            original_name: name.to_owned(),
            complete: false,
            content_type: "video/mp4".to_owned(),
            duration_ms: None,
            width: None,
            height: None,
            video_codec: None,
            frame_rate_milli: None,
            key_frames: None,
        }
        .to_map()
    }

    #[test]
    fn another_camtrail_s_object_keeps_what_it_says() {
        let key = ["gare", "2016-08-30", "Hour-15", "record", "a.mp4"].map(str::to_owned);
        let own = Own::of(&metadata("record/ä/a.mkv"), &key).unwrap();
        assert_eq!(own.path, ["record", "ä", "a.mp4"], "it was remuxed");
        assert_eq!((own.camera.as_str(), own.taken_at, own.cut), ("Garé", Millis(1_472_596_194_567), true));
        assert_eq!(
            own.sha256,
            Some(Digest::of(b"a")),
            "the digest of what is there, not of what was received"
        );
        assert_eq!(Own::of(&metadata("a.MP4"), &key).unwrap().path, ["a.MP4"]);
        assert_eq!(Own::of(&metadata(&"x/".repeat(600)), &key), None);
        assert_eq!(Own::of(&BTreeMap::new(), &key), None);
    }
}
