//! `camtrail demo --events N`: a catalog full of plausible nights and days, with files to show.
//!
//! Events share their pictures and clips by hard links: what grows with their number is folders, some 8 kB an event.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context;
use camtrail_catalog::SqliteCatalog;
use camtrail_model::{
    CameraName, CaptureKind, CaptureTime, CatalogRecord, DerivedFiles, DerivedKey, Digest, FileName, Millis,
    ObjectBase, ObjectKey, ObjectMetadata, TimeSource,
    ports::{Catalog as _, ReviewState as _},
};
use camtrail_store::LocalStore;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::{Timestamp, tz::TimeZone};

use super::{
    happenings::{Capture, PLACES, happenings},
    pictures::{Album, SIZE},
};
use crate::{cli::DemoArgs, data_dir::DataDir};

/// Records that share a commit (the catalog's own bound).
const TOGETHER: usize = 256;
/// Who looks at the demo has looked before, until so long ago.
const LOOKED_MS: i64 = 36 * 3_600_000;

/// Fills the catalog and the store in `dir`; makes its pictures in `scratch`.
pub(super) async fn fill(
    dir: &DataDir,
    base: &ObjectBase,
    zone: &TimeZone,
    args: &DemoArgs,
    scratch: &Path,
) -> anyhow::Result<()> {
    let now = args.until.unwrap_or_else(Timestamp::now);
    let mut captures = happenings(args.events, args.seed, now, zone)
        .context("so many events don't fit into a year: ask for fewer with --events")?;
    captures.sort_by_key(|capture| capture.at);
    println!("  Filling it with {} events; the same again with --seed {}.", args.events, args.seed);
    let albums = albums(scratch.to_owned()).await?;
    if !albums.iter().all(Album::has_clips) {
        println!("  Without ffmpeg there are no clips: stills stand in for them.");
    }
    let catalog = SqliteCatalog::open(&dir.catalog(), base)?;
    let filler = Filler { store: LocalStore::open(&dir.store())?, base, zone, albums };
    let bar = ProgressBar::new(u64::from(args.events));
    if let Ok(style) =
        ProgressStyle::with_template("{elapsed_precise} {wide_bar} {pos}/{len} events, {eta} left")
    {
        bar.set_style(style);
    }
    let mut links = Links::default();
    let mut looked = None;
    for together in captures.chunks(TOGETHER) {
        let records = together
            .iter()
            .enumerate()
            .map(|(number, capture)| filler.put(capture, number, &mut links))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let before =
            records.iter().rfind(|record| record.time().instant.0 < now.as_millisecond() - LOOKED_MS);
        looked = before.map(CatalogRecord::id).or(looked);
        stream::iter(&records)
            .map(|record| catalog.record(record))
            .buffer_unordered(TOGETHER)
            .try_for_each(|_| async { Ok(()) })
            .await?;
        bar.inc(together.len() as u64);
    }
    if let Some(looked) = looked {
        catalog.mark_up_to("admin", &looked, Millis(now.as_millisecond())).await?;
    }
    bar.finish_and_clear();
    Ok(())
}

/// One of each place, drawn at the same time.
async fn albums(scratch: PathBuf) -> anyhow::Result<Vec<Album>> {
    let drawn = (0..PLACES.len()).map(|place| {
        let dir = scratch.join(place.to_string());
        tokio::task::spawn_blocking(move || Album::make(place, &dir))
    });
    stream::iter(drawn).buffered(2).map(|album| album.context("drawing pictures")?).try_collect().await
}

struct Filler<'a> {
    store: LocalStore,
    base: &'a ObjectBase,
    zone: &'a TimeZone,
    albums: Vec<Album>,
}

impl Filler<'_> {
    /// Puts the capture's files, and gives what the catalog is to know of it.
    fn put(&self, capture: &Capture, number: usize, links: &mut Links) -> anyhow::Result<CatalogRecord> {
        let camera = CameraName::from_folder(PLACES[capture.place].name);
        let at = capture.at.to_zoned_datetime(self.zone.clone());
        let instant = Millis(capture.at.as_millisecond());
        let offset_s = at.offset().seconds();
        let time = CaptureTime { instant, offset_s, source: TimeSource::Name, clock_error_ms: None };
        let night = !(7..19).contains(&at.hour());
        let picture = self.albums[capture.place].of(night, capture.look);
        let clip = picture.clip.as_ref().filter(|_| capture.kind == CaptureKind::Record);
        let file = match capture.kind {
            CaptureKind::Record => format!("MDalarm_{}", at.strftime("%Y%m%d_%H%M%S.mp4")),
            CaptureKind::Snap => format!("MDAlarm_{}", at.strftime("%Y%m%d-%H%M%S.jpg")),
        };
        let kind = if clip.is_some() { CaptureKind::Record } else { CaptureKind::Snap };
        let file = FileName::from_upload(&file).with_extension(if clip.is_some() { "mp4" } else { "jpg" });
        let key = ObjectKey::new(self.base, &camera, &time, kind, file);
        let source = clip.unwrap_or(&picture.still);
        let (size, digest) = links.link(source, &self.store.path_of(key.as_str())?)?;
        let poster = DerivedKey::new(&key, DerivedFiles::Poster);
        links.link(&picture.still, &self.store.path_of(poster.as_str())?)?;
        let over = instant.plus(i64::from(capture.duration_s) * 1_000);
        let metadata = ObjectMetadata {
            camera,
            time,
            received_at: over.plus(1_400),
            stored_at: over.plus(1_900),
            sha256: Some(digest),
            original_sha256: Some(digest),
            original_size: size,
            original_name: format!("{kind}/{}", key.file().as_str()),
            complete: true,
            content_type: if clip.is_some() { "video/mp4" } else { "image/jpeg" }.to_owned(),
            duration_ms: clip.map(|_| u64::from(capture.duration_s) * 1_000),
            width: Some(SIZE.0),
            height: Some(SIZE.1),
            video_codec: clip.map(|_| "h264".to_owned()),
            frame_rate_milli: clip.map(|_| 10_000),
            key_frames: clip.map(|_| 4),
        };
        let note = (number == 97 && capture.look == 1).then(|| "the fox, again".to_owned());
        let protected = note.is_some() || number == 41;
        Ok(CatalogRecord { poster: true, protected, note, ..CatalogRecord::new(key, size, metadata) })
    }
}

/// Where each source was copied to last: a file takes a limited number of links (65,000 on ext4).
#[derive(Default)]
struct Links {
    known: HashMap<PathBuf, (PathBuf, u64, Digest)>,
}

impl Links {
    /// Makes `dest` a name of `source`, or a copy; gives size and digest.
    fn link(&mut self, source: &Path, dest: &Path) -> anyhow::Result<(u64, Digest)> {
        if let Some(parent) = dest.parent() {
            fs::create_dir_all(parent)?;
        }
        if let Some((from, size, digest)) = self.known.get(source) {
            match fs::hard_link(from, dest) {
                Ok(()) => return Ok((*size, *digest)),
                // Already there, under the same name: nothing of the seed has one name twice.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    return Err(error).with_context(|| format!("{} exists", dest.display()));
                }
                Err(_) => {}
            }
        }
        let bytes = fs::read(source)?;
        fs::write(dest, &bytes).with_context(|| format!("writing {}", dest.display()))?;
        let known = (bytes.len() as u64, Digest::of(&bytes));
        self.known.insert(source.to_owned(), (dest.to_owned(), known.0, known.1));
        Ok(known)
    }
}
