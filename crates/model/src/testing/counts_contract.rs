//! Counts are what a count of all events would give, whatever came, was replaced, came again and went.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{Dice, record};
use crate::{
    CameraName, CaptureKind, CatalogRecord, Digest, EventQuery, ObjectBase, ObjectKey, PageSize,
    counts::{Bucket, BucketOf, CivilHour, CountBy, CountQuery, Counts, Tally},
    ports::{Catalog, CatalogError},
};

const STEPS: u64 = 120;
const HOUR_MS: i64 = 3_600_000;
const ROUNDS: usize = 4;

/// One of a few hours of a few days, of cameras in several zones.
fn capture(dice: &mut Dice) -> CatalogRecord {
    let (camera, offset_h) = [("a", 14), ("b", -12), ("Garé 1", 0), ("b2", 5)][dice.below(4) as usize];
    let kind = if dice.below(2) == 0 { CaptureKind::Record } else { CaptureKind::Snap };
    let at = (dice.below(6) as i64 - 2) * 11 * HOUR_MS + dice.below(3) as i64 * 86_400_000;
    let mut capture = record(camera, at, kind, &format!("{}.mp4", dice.below(3)));
    capture.metadata.time.offset_s = offset_h * 3_600;
    let (camera, file) = (capture.object_key.camera().clone(), capture.object_key.file().clone());
    capture.object_key = ObjectKey::new(&ObjectBase::default(), &camera, &capture.metadata.time, kind, file);
    resized(capture, dice.below(5_000_000_000))
}

/// The same object with other bytes.
fn resized(capture: CatalogRecord, size: u64) -> CatalogRecord {
    let mut resized = CatalogRecord { size, ..capture };
    resized.metadata.sha256 = Some(Digest::of(&size.to_be_bytes()));
    resized
}

pub(super) async fn counts_equal_the_truth(catalog: Arc<dyn Catalog>) -> Result<(), CatalogError> {
    let mut dice = Dice::new(7);
    let mut there: BTreeMap<ObjectKey, CatalogRecord> = BTreeMap::new();
    assert_eq!(catalog.counts(&query(CountBy::Hour)).await?, Counts::default());
    for step in 0..STEPS {
        let capture = capture(&mut dice);
        match dice.below(5) {
            0 if !there.is_empty() => {
                let at = dice.below(there.len() as u64) as usize;
                let Some(key) = there.keys().nth(at).cloned() else { continue };
                let (one, two) = tokio::join!(catalog.remove(&key), catalog.remove(&key));
                assert!(one? != two?, "one of them removed it");
                there.remove(&key);
            }
            1 => {
                // The same delivery, several times at once.
                let (one, two, three) = tokio::join!(
                    catalog.record(&capture),
                    catalog.record(&capture),
                    catalog.record(&capture)
                );
                let _ = (one?, two?, three?);
                there.insert(capture.object_key.clone(), capture);
            }
            _ => {
                catalog.record(&capture).await?;
                there.insert(capture.object_key.clone(), capture);
            }
        }
        if step as usize % (STEPS as usize / ROUNDS) == STEPS as usize / ROUNDS - 1 {
            compare(&*catalog, &there).await?;
        }
    }
    for key in there.keys() {
        catalog.remove(key).await?;
    }
    for by in [CountBy::Hour, CountBy::Day, CountBy::Camera] {
        assert_eq!(catalog.counts(&query(by)).await?, Counts::default(), "nothing is left");
    }
    Ok(())
}

fn query(by: CountBy) -> CountQuery {
    CountQuery { by, cameras: Vec::new(), kind: None, from: None, to: None }
}

async fn compare(
    catalog: &dyn Catalog,
    there: &BTreeMap<ObjectKey, CatalogRecord>,
) -> Result<(), CatalogError> {
    let all = PageSize::new(PageSize::MAX).unwrap_or(PageSize::DEFAULT);
    let listed = catalog.page(&EventQuery::default(), all, None).await?.items;
    let listed: BTreeSet<_> = listed.into_iter().map(|record| (record.object_key, record.size)).collect();
    assert_eq!(listed, there.values().map(|record| (record.object_key.clone(), record.size)).collect());
    let cameras = |names: &[&str]| names.iter().map(|name| CameraName::from_folder(name)).collect::<Vec<_>>();
    for by in [CountBy::Hour, CountBy::Day, CountBy::Camera] {
        for chosen in [cameras(&[]), cameras(&["b"]), cameras(&["b", "a", "b", "nobody"])] {
            for kind in [None, Some(CaptureKind::Record), Some(CaptureKind::Snap)] {
                for (from, to) in [
                    (None, None),
                    (Some(-11), None),
                    (None, Some(24)),
                    (Some(0), Some(30)),
                    (Some(9), Some(3)),
                ] {
                    let (from, to) = (from.map(CivilHour), to.map(CivilHour));
                    let query = CountQuery { by, cameras: chosen.clone(), kind, from, to };
                    assert_eq!(catalog.counts(&query).await?, truth(&query, there), "{query:?}");
                }
            }
        }
    }
    Ok(())
}

fn truth(query: &CountQuery, there: &BTreeMap<ObjectKey, CatalogRecord>) -> Counts {
    let mut buckets: Vec<Bucket> = Vec::new();
    for record in there.values().filter(|record| query.fits(record)) {
        let key = &record.object_key;
        let of = match query.by {
            CountBy::Hour => BucketOf::Hour(CivilHour::of_key(key)),
            CountBy::Day => BucketOf::Day(key.date()),
            CountBy::Camera => BucketOf::Camera(key.camera().clone()),
        };
        let at = buckets.iter().position(|bucket| bucket.of == of).unwrap_or_else(|| {
            buckets.push(Bucket { of, kinds: [Tally::default(); 2] });
            buckets.len() - 1
        });
        let tally = &mut buckets[at].kinds[key.kind() as usize];
        tally.events += 1;
        tally.bytes += record.size;
    }
    buckets.sort_by(|a, b| match (&a.of, &b.of) {
        (BucketOf::Hour(a), BucketOf::Hour(b)) => b.cmp(a),
        (BucketOf::Day(a), BucketOf::Day(b)) => b.cmp(a),
        (BucketOf::Camera(a), BucketOf::Camera(b)) => a.cmp(b),
        _ => std::cmp::Ordering::Equal,
    });
    Counts { buckets, older: false }
}
