//! What counts, incidents and lists cost in catalogs of many sizes: `make bench-counts`.
//!
//! `counts_cost EVENTS…`: for each number a catalog of twenty cameras over a year, in a folder that goes afterwards.

use std::{
    error::Error,
    time::{Duration, Instant},
};

use camtrail_catalog::SqliteCatalog;
use camtrail_model::{
    CameraName, CaptureKind, CaptureTime, CatalogRecord, Digest, EventId, EventQuery, FileName, Gap, Millis,
    ObjectBase, ObjectKey, ObjectMetadata, PageSize, Sieve, TimeSource,
    counts::{CivilHour, CountBy, CountQuery},
    incident_walk::incident_page,
    ports::{Catalog, ReviewState},
};

const CAMERAS: u64 = 20;
const YEAR_MS: u64 = 366 * 86_400_000;
/// 2016-01-01T00:00:00Z, a leap year.
const START: i64 = 1_451_606_400_000;
const TOGETHER: u64 = 250;
const RUNS: usize = 9;

fn event(n: u64, of: u64) -> CatalogRecord {
    let mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let camera = CameraName::from_folder(&format!("camera {:02}", (mixed >> 40) % CAMERAS));
    let at = START + (YEAR_MS / of * n) as i64 + (mixed >> 50) as i64 % 1_000;
    let time =
        CaptureTime { instant: Millis(at), offset_s: 0, source: TimeSource::Name, clock_error_ms: None };
    let kind = CaptureKind::ALL[(mixed >> 30) as usize % 2];
    let key = ObjectKey::new(
        &ObjectBase::default(),
        &camera,
        &time,
        kind,
        FileName::from_upload(&format!("{n}.mp4")),
    );
    let digest = Digest::of(&n.to_be_bytes());
    let metadata = ObjectMetadata {
        camera,
        time,
        received_at: Millis(at + 2_000),
        stored_at: Millis(at + 3_000),
        sha256: Some(digest),
        original_sha256: Some(digest),
        original_size: 500_000,
        original_name: format!("MDalarm_{n}.mp4"),
        complete: true,
        content_type: "video/mp4".to_owned(),
        duration_ms: Some(10_000),
        width: Some(1_280),
        height: Some(720),
        video_codec: Some("h264".to_owned()),
        frame_rate_milli: Some(25_000),
        key_frames: Some(4),
    };
    CatalogRecord::new(key, 500_000, metadata)
}

/// The middle of some runs.
async fn median<F: AsyncFn() -> Result<usize, Box<dyn Error>>>(
    what: &str,
    call: F,
) -> Result<(), Box<dyn Error>> {
    let (mut took, mut found) = (Vec::new(), 0);
    for _ in 0..RUNS {
        let begun = Instant::now();
        found = call().await?;
        took.push(begun.elapsed());
    }
    took.sort();
    println!("  {what:<44} {:>9.2} ms   {found} items", milliseconds(took[RUNS / 2]));
    Ok(())
}

fn milliseconds(took: Duration) -> f64 {
    took.as_secs_f64() * 1_000.0
}

async fn measure(events: u64) -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("catalog.db");
    let catalog = SqliteCatalog::open(&path, &ObjectBase::default())?;
    let begun = Instant::now();
    for first in (0..events).step_by(TOGETHER as usize) {
        let writes: Vec<_> = (first..(first + TOGETHER).min(events))
            .map(|n| {
                let catalog = catalog.clone();
                tokio::spawn(async move { catalog.record(&event(n, events)).await })
            })
            .collect();
        for write in writes {
            write.await??;
        }
    }
    let took = begun.elapsed().as_secs_f64();
    let bytes = path.metadata()?.len();
    println!("{events} events, {CAMERAS} cameras, 366 days");
    println!(
        "  recorded, {TOGETHER} at once {:>27.0} events/s; {} bytes an event",
        events as f64 / took,
        bytes / events
    );
    one_by_one(&catalog, events).await?;
    let all = CountQuery { by: CountBy::Hour, cameras: Vec::new(), kind: None, from: None, to: None };
    let year = CountQuery {
        from: Some(CivilHour::new(jiff_date(1, 1), 0)),
        to: Some(CivilHour::new(jiff_date(12, 31), 24)),
        ..all.clone()
    };
    let month = CountQuery {
        from: Some(CivilHour::new(jiff_date(8, 1), 0)),
        to: Some(CivilHour::new(jiff_date(9, 1), 0)),
        ..all.clone()
    };
    let three = (0..3).map(|n| CameraName::from_folder(&format!("camera {n:02}"))).collect::<Vec<_>>();
    for (what, query) in [
        ("counts by hour, a year", year.clone()),
        ("counts by hour, a month", month),
        ("counts by hour, a year of three cameras", CountQuery { cameras: three, ..year.clone() }),
        ("counts by day, everything", CountQuery { by: CountBy::Day, ..all.clone() }),
        ("counts by camera, a year", CountQuery { by: CountBy::Camera, ..year }),
        ("counts by camera, everything", CountQuery { by: CountBy::Camera, ..all }),
    ] {
        median(what, async || Ok(catalog.counts(&query).await?.buckets.len())).await?;
    }
    let middle = event(events / 2, events).id();
    lists(&catalog, &middle).await?;
    let query = EventQuery::default();
    let fifty = PageSize::DEFAULT;
    let of_all = (&query, &Sieve::default());
    median("incidents, newest 50", async || {
        Ok(incident_page(&catalog, of_all, Gap::DEFAULT, fifty, None).await?.items.len())
    })
    .await?;
    median("incidents, 50 from the middle on", async || {
        Ok(incident_page(&catalog, of_all, Gap::DEFAULT, fifty, Some(&middle)).await?.items.len())
    })
    .await?;
    // All but what is older than the middle.
    catalog.mark_up_to("anna", &middle, Millis(i64::MAX)).await?;
    let unviewed = Sieve { unviewed: Some((&catalog as &dyn ReviewState, "anna", true)), protected: None };
    median("unviewed events, newest 50", async || {
        Ok(unviewed.page(&catalog, &query, fifty, None).await?.items.len())
    })
    .await?;
    catalog.mark_up_to("anna", &event(events, events).id(), Millis(i64::MAX)).await?;
    median("unviewed events where all is viewed", async || {
        Ok(unviewed.page(&catalog, &query, fifty, None).await.map_or(0, |page| page.items.len()))
    })
    .await?;
    Ok(())
}

/// Pages of fifty: the newest and from the middle on, of all cameras, of one, of a group; and one event more.
async fn lists(catalog: &SqliteCatalog, middle: &EventId) -> Result<(), Box<dyn Error>> {
    let camera = |n: u64| CameraName::from_folder(&format!("camera {n:02}"));
    let of_one = EventQuery { cameras: vec![camera(7)], ..EventQuery::default() };
    let of_group = EventQuery { cameras: (0..5).map(camera).collect(), ..EventQuery::default() };
    for (whose, query) in
        [("", EventQuery::default()), (" of one camera", of_one), (" of five cameras", of_group)]
    {
        for (which, from) in [("newest 50", None), ("50 from the middle on", Some(middle))] {
            median(&format!("events, {which}{whose}"), async || {
                Ok(catalog.page(&query, PageSize::DEFAULT, from).await?.items.len())
            })
            .await?;
        }
    }
    Ok(())
}

/// Events one by one, each durable before the next: what the arrival of one waits for.
async fn one_by_one(catalog: &SqliteCatalog, events: u64) -> Result<(), Box<dyn Error>> {
    let mut took = Vec::new();
    for n in events..events + 500 {
        let begun = Instant::now();
        catalog.record(&event(n, events)).await?;
        took.push(begun.elapsed());
    }
    took.sort();
    let (middle, late) = (milliseconds(took[250]), milliseconds(took[495]));
    println!("  {:<44} {middle:>9.2} ms   p99 {late:.2}", "recorded, one by one");
    Ok(())
}

fn jiff_date(month: i8, day: i8) -> jiff::civil::Date {
    jiff::civil::date(2016, month, day)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut sizes = Vec::new();
    for word in std::env::args().skip(1) {
        sizes.push(
            word.parse().map_err(|_| {
                format!("found {word:?}, expected numbers of events: counts_cost 10000 1000000")
            })?,
        );
    }
    if sizes.is_empty() {
        return Err("counts_cost EVENTS…, such as counts_cost 10000 1000000".into());
    }
    for events in sizes {
        measure(events).await?;
    }
    Ok(())
}
