//! What counts, incidents and lists cost in catalogs of many sizes: `make bench-counts`, `make bench-dynamodb`.
//!
//! `catalog_cost sqlite EVENTS…`: for each number a catalog of twenty cameras over a year, in a folder that goes afterwards.
//! `CAMTRAIL_BENCH_DIR=FOLDER` keeps the catalogs there, and takes those that it finds: twenty million events take a
//! while to record.
//!
//! `catalog_cost dynamodb EVENTS…`: the same in fresh tables of DynamoDB Local, AWS's emulator. Its times are its own; what
//! counts is how they grow, and how many of the smallest answers (an event by its id) each is worth.

use std::{
    error::Error,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use camtrail_aws::{AccessKey, DynamoAccounts, DynamoCatalog, DynamoConfig};
use camtrail_catalog::SqliteCatalog;
use camtrail_model::{
    CameraName, CaptureKind, CaptureTime, CatalogRecord, Digest, EventId, EventQuery, FileName, Gap, Millis,
    ObjectBase, ObjectKey, ObjectMetadata, PageSize, Sieve, TimeSource,
    counts::{CivilHour, CountBy, CountQuery},
    incident_walk::incident_page,
    ports::{Catalog, ReviewState},
};
use camtrail_services::{DYNAMODB_KEY, DYNAMODB_REGION, DYNAMODB_SECRET, DynamoDbLocal};

const CAMERAS: u64 = 20;
const YEAR_MS: u64 = 366 * 86_400_000;
/// 2016-01-01T00:00:00Z, a leap year.
const START: i64 = 1_451_606_400_000;
/// Written at once: in SQLite they share a commit.
const TOGETHER: u64 = 1_000;
const TOGETHER_DYNAMODB: u64 = 16;
/// A query is asked so often, or for so long, but never less than the least number: p99 needs some.
const RUNS: usize = 1_000;
const RUNS_LEAST: usize = 9;
const RUNS_FOR: Duration = Duration::from_secs(4);

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

/// The middle and the late ones of some runs.
async fn timed<F: AsyncFn() -> Result<usize, Box<dyn Error>>>(
    what: &str,
    call: F,
) -> Result<(), Box<dyn Error>> {
    let (mut took, mut found, first) = (Vec::new(), 0, Instant::now());
    while took.len() < RUNS_LEAST || took.len() < RUNS && first.elapsed() < RUNS_FOR {
        let begun = Instant::now();
        found = call().await?;
        took.push(begun.elapsed());
    }
    took.sort();
    let at = |percent: usize| milliseconds(took[(took.len() * percent / 100).min(took.len() - 1)]);
    println!("  {what:<44} {:>9.2} {:>9.2} ms  {:>5} times, {found} items", at(50), at(99), took.len());
    Ok(())
}

fn milliseconds(took: Duration) -> f64 {
    took.as_secs_f64() * 1_000.0
}

/// A catalog under measurement.
struct Subject {
    catalog: Arc<dyn Catalog>,
    review: Arc<dyn ReviewState>,
    /// Whether it was recorded by an earlier run.
    is_old: bool,
}

/// A SQLite catalog of that many events.
async fn sqlite(dir: &Path, events: u64) -> Result<Subject, Box<dyn Error>> {
    let (path, is_filled) = (dir.join(format!("{events}.db")), dir.join(format!("{events}.filled")));
    let is_old = is_filled.is_file();
    if path.is_file() && !is_old {
        return Err(format!("{} isn't filled to its end: remove it", path.display()).into());
    }
    let catalog = SqliteCatalog::open(&path, &ObjectBase::default())?;
    let subject = Subject { catalog: Arc::new(catalog.clone()), review: Arc::new(catalog), is_old };
    if !is_old {
        fill(&subject.catalog, events, TOGETHER).await?;
        println!("  {} bytes an event", path.metadata()?.len() / events);
        std::fs::write(&is_filled, "")?;
    }
    Ok(subject)
}

/// Tables of that many events.
async fn dynamodb(server: &DynamoDbLocal, events: u64) -> Result<Subject, Box<dyn Error>> {
    let config = DynamoConfig {
        region: Some(DYNAMODB_REGION.to_owned()),
        endpoint: Some(server.endpoint()),
        credentials: Some(AccessKey { id: DYNAMODB_KEY.to_owned(), secret: DYNAMODB_SECRET.to_owned() }),
        table_prefix: format!("of{events}_"),
        // The events are of 2016; the server really expires.
        retention_days: 0,
        ..DynamoConfig::default()
    };
    let catalog = DynamoCatalog::open(&config).await;
    catalog.ensure_tables().await?;
    let review = Arc::new(DynamoAccounts::beside(&catalog));
    let subject = Subject { catalog: Arc::new(catalog), review, is_old: false };
    fill(&subject.catalog, events, TOGETHER_DYNAMODB).await?;
    Ok(subject)
}

async fn fill(catalog: &Arc<dyn Catalog>, events: u64, together: u64) -> Result<(), Box<dyn Error>> {
    let (begun, mut tenth, mut rates) = (Instant::now(), Instant::now(), Vec::new());
    for first in (0..events).step_by(together as usize) {
        let writes: Vec<_> = (first..(first + together).min(events))
            .map(|n| {
                let catalog = Arc::clone(catalog);
                tokio::spawn(async move { catalog.record(&event(n, events)).await })
            })
            .collect();
        for write in writes {
            write.await??;
        }
        if (first + together) * 10 / events > first * 10 / events {
            rates.push(events as f64 / 10.0 / tenth.elapsed().as_secs_f64());
            tenth = Instant::now();
        }
    }
    let rate = events as f64 / begun.elapsed().as_secs_f64();
    let (first, last) = (rates.first().unwrap_or(&rate), rates.last().unwrap_or(&rate));
    println!("  recorded, {together} at once: {rate:.0} events/s (first tenth {first:.0}, last {last:.0})");
    Ok(())
}

async fn measure(subject: Subject, events: u64) -> Result<(), Box<dyn Error>> {
    let Subject { catalog, review, is_old } = subject;
    let (catalog, review) = (&*catalog, &*review);
    println!("  {:<44} {:>9} {:>9}", "", "p50", "p99");
    if !is_old {
        one_by_one(catalog, events).await?;
    }
    let middle = event(events / 2, events).id();
    timed("an event by its id", async || Ok(catalog.event(&middle).await?.into_iter().count())).await?;
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
        timed(what, async || Ok(catalog.counts(&query).await?.buckets.len())).await?;
    }
    lists(catalog, &middle).await?;
    let query = EventQuery::default();
    let fifty = PageSize::DEFAULT;
    let of_all = (&query, &Sieve::default());
    timed("incidents, newest 50", async || {
        Ok(incident_page(catalog, of_all, Gap::DEFAULT, fifty, None).await?.items.len())
    })
    .await?;
    timed("incidents, 50 from the middle on", async || {
        Ok(incident_page(catalog, of_all, Gap::DEFAULT, fifty, Some(&middle)).await?.items.len())
    })
    .await?;
    // All but what is older than the middle.
    let anna = &format!("anna {}", std::process::id());
    review.mark_up_to(anna, &middle, Millis(i64::MAX)).await?;
    let unviewed = Sieve { unviewed: Some((review, anna, true)), protected: None };
    timed("unviewed events, newest 50", async || {
        Ok(unviewed.page(catalog, &query, fifty, None).await?.items.len())
    })
    .await?;
    review.mark_up_to(anna, &event(events, events).id(), Millis(i64::MAX)).await?;
    timed("unviewed events where all is viewed", async || {
        Ok(unviewed.page(catalog, &query, fifty, None).await.map_or(0, |page| page.items.len()))
    })
    .await?;
    Ok(())
}

/// Pages of fifty: the newest and from the middle on, of all cameras, of one, of a group; and one event more.
async fn lists(catalog: &dyn Catalog, middle: &EventId) -> Result<(), Box<dyn Error>> {
    let camera = |n: u64| CameraName::from_folder(&format!("camera {n:02}"));
    let of_one = EventQuery { cameras: vec![camera(7)], ..EventQuery::default() };
    let of_group = EventQuery { cameras: (0..5).map(camera).collect(), ..EventQuery::default() };
    for (whose, query) in
        [("", EventQuery::default()), (" of one camera", of_one), (" of five cameras", of_group)]
    {
        for (which, from) in [("newest 50", None), ("50 from the middle on", Some(middle))] {
            timed(&format!("events, {which}{whose}"), async || {
                Ok(catalog.page(&query, PageSize::DEFAULT, from).await?.items.len())
            })
            .await?;
        }
    }
    Ok(())
}

/// Events one by one, each durable before the next: what the arrival of one waits for.
async fn one_by_one(catalog: &dyn Catalog, events: u64) -> Result<(), Box<dyn Error>> {
    let mut took = Vec::new();
    for n in events..events + 500 {
        let begun = Instant::now();
        catalog.record(&event(n, events)).await?;
        took.push(begun.elapsed());
    }
    took.sort();
    let (middle, late) = (milliseconds(took[250]), milliseconds(took[495]));
    println!("  {:<44} {middle:>9.2} {late:>9.2} ms    500 times", "recorded, one by one");
    Ok(())
}

fn jiff_date(month: i8, day: i8) -> jiff::civil::Date {
    jiff::civil::date(2016, month, day)
}

const USAGE: &str = "catalog_cost sqlite|dynamodb EVENTS…, such as catalog_cost sqlite 10000 1000000";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let is_sqlite = match words.next().as_deref() {
        Some("sqlite") => true,
        Some("dynamodb") => false,
        other => return Err(format!("found {other:?}, expected {USAGE}").into()),
    };
    let mut sizes: Vec<u64> = Vec::new();
    for word in words {
        sizes
            .push(word.parse().map_err(|_| format!("found {word:?}, expected a number of events: {USAGE}"))?);
    }
    if sizes.is_empty() {
        return Err(USAGE.into());
    }
    let server = (!is_sqlite).then(DynamoDbLocal::start);
    let scratch = tempfile::tempdir()?;
    let kept = std::env::var_os("CAMTRAIL_BENCH_DIR").map(PathBuf::from);
    for events in sizes {
        println!("{events} events, {CAMERAS} cameras, 366 days");
        let subject = match &server {
            Some(server) => dynamodb(server, events).await?,
            None => sqlite(kept.as_deref().unwrap_or(scratch.path()), events).await?,
        };
        measure(subject, events).await?;
    }
    Ok(())
}
