//! Random interleavings of deliveries, removals and pages, compared with SQLite's answers page by page.
//!
//! `CAMTRAIL_RANDOM_CASES` makes it longer.

use std::{env, sync::Arc};

use camtrail_catalog::SqliteCatalog;
use camtrail_model::{
    CameraName, CaptureKind, CatalogRecord, Digest, EventQuery, FileName, MediaManifest, Millis, ObjectBase,
    ObjectKey, Order, Page, PageSize,
    counts::{CountBy, CountQuery},
    ports::{Catalog, CatalogError},
    testing::record,
};
use proptest::{prelude::*, test_runner::TestRunner};

use crate::support::{config, fresh_prefix, open};

const CASES: u32 = 12;
const PAGES_MAX: usize = 500;
const NAMES: [&str; 4] = ["a", "b", "Garé 1", "zz"];
const HOUR_MS: i64 = 3_600_000;

/// An event of a few that meet each other often.
fn event() -> impl Strategy<Value = CatalogRecord> {
    let offsets = prop::sample::select(vec![0, -43_200, 50_400, -25_200, 20_700]);
    // Few instants, near midnight of a few days, some before 1970; few files: many repeat.
    let times = (prop::sample::select(vec![-3, -1, 0, 1, 2, 30, 17_000]), -14..38_i64, 0..3_i64);
    (prop::sample::select(NAMES.to_vec()), times, any::<bool>(), 0..3_u8, offsets, 0..8_u8).prop_map(
        |(camera, (day, hour, ms), snap, file, offset_s, odd)| {
            let kind = if snap { CaptureKind::Snap } else { CaptureKind::Record };
            let mut event =
                record(camera, day * 24 * HOUR_MS + hour * HOUR_MS + ms, kind, &format!("{file}.mp4"));
            event.metadata.time.offset_s = offset_s;
            let camera = event.object_key.camera().clone();
            let file = FileName::from_upload(&format!("{file}.mp4"));
            let base = ObjectBase::default();
            event.object_key = ObjectKey::new(&base, &camera, &event.metadata.time, kind, file);
            // What others put may say anything of its time.
            if odd == 0 {
                event.metadata.time.instant = Millis(event.metadata.time.instant.0 + 40 * HOUR_MS);
            }
            event.metadata.complete = odd != 1;
            event
        },
    )
}

#[derive(Debug, Clone)]
enum Step {
    /// These at once, some of them several times.
    Deliver(Vec<CatalogRecord>),
    /// Removes the event with this number among the ones that were delivered.
    Remove(prop::sample::Index),
    /// Completes it.
    Attach(prop::sample::Index, bool),
    /// Compares all pages of a query, while a delivery comes between two of them.
    Compare(EventQuery, u16, Option<Box<CatalogRecord>>),
}

fn query() -> impl Strategy<Value = EventQuery> {
    let cameras = prop::collection::vec(prop::sample::select(NAMES.to_vec()), 0..3);
    let kind = prop::option::weighted(0.3, prop::sample::select(CaptureKind::ALL.to_vec()));
    let date = prop::option::weighted(0.3, -3..4_i64);
    let instant = || prop::option::weighted(0.3, (-80..80_i64).prop_map(|hours| Millis(hours * HOUR_MS + 1)));
    (cameras, kind, date, instant(), instant(), any::<bool>()).prop_map(
        |(cameras, kind, date, from, to, oldest)| EventQuery {
            cameras: cameras.into_iter().map(|name| CameraName::parse(name).unwrap()).collect(),
            kind,
            date: date.map(|day| jiff::civil::date(1970, 1, 1).saturating_add(jiff::Span::new().days(day))),
            from,
            to,
            order: if oldest { Order::OldestFirst } else { Order::NewestFirst },
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let limit = prop::sample::select(vec![1_u16, 2, 3, 5, 8, 50]);
    prop_oneof![
        3 => prop::collection::vec(event(), 1..12).prop_map(Step::Deliver),
        2 => any::<prop::sample::Index>().prop_map(Step::Remove),
        1 => (any::<prop::sample::Index>(), any::<bool>()).prop_map(|(at, poster)| Step::Attach(at, poster)),
        4 => (query(), limit, prop::option::of(event())).prop_map(|(query, limit, event)| {
            Step::Compare(query, limit, event.map(Box::new))
        }),
    ]
}

/// The same object may come again with another time; two that differ only there would make the outcome of a race
/// differ between runs, so one batch holds an object in one form.
fn one_form_each(events: Vec<CatalogRecord>) -> Vec<CatalogRecord> {
    let mut forms: Vec<CatalogRecord> = Vec::new();
    for event in events {
        if forms.iter().all(|form| form.object_key != event.object_key) {
            forms.push(event);
        }
    }
    forms
}

struct Both {
    dynamo: Arc<dyn Catalog>,
    sqlite: SqliteCatalog,
    delivered: Vec<CatalogRecord>,
}

impl Both {
    async fn deliver(&mut self, events: Vec<CatalogRecord>) -> Result<(), CatalogError> {
        let events = one_form_each(events);
        let mut tasks = Vec::new();
        for (n, event) in events.iter().enumerate() {
            for _ in 0..=n % 3 {
                let (dynamo, event) = (Arc::clone(&self.dynamo), event.clone());
                tasks.push(tokio::spawn(async move { dynamo.record(&event).await }));
            }
        }
        for task in tasks {
            task.await.unwrap()?;
        }
        for event in events {
            self.sqlite.record(&event).await?;
            self.delivered.push(event);
        }
        Ok(())
    }

    async fn step(&mut self, step: Step) -> Result<(), CatalogError> {
        match step {
            Step::Deliver(events) => self.deliver(events).await?,
            Step::Remove(at) if !self.delivered.is_empty() => {
                let key = at.get(&self.delivered).object_key.clone();
                let (one, two) = tokio::join!(self.dynamo.remove(&key), self.dynamo.remove(&key));
                let there = self.sqlite.remove(&key).await?;
                assert_eq!(usize::from(one?) + usize::from(two?), usize::from(there), "{key}");
            }
            Step::Attach(at, poster) if !self.delivered.is_empty() => {
                let event = at.get(&self.delivered).clone();
                let manifest = MediaManifest {
                    poster,
                    playable: !poster,
                    small: Some(poster),
                    original: !poster,
                    h264: poster.then_some(true),
                    preview: poster.then_some(16),
                    blur: poster.then(|| "1QcSHQRnh493V4dIh4eXh1h4kJUI".to_owned()),
                    ..MediaManifest::new(event.metadata.sha256.unwrap_or(Digest([0; 32])))
                };
                let outcome = self.dynamo.attach_media(&event.object_key, &manifest).await?;
                assert_eq!(outcome, self.sqlite.attach_media(&event.object_key, &manifest).await?);
            }
            Step::Remove(_) | Step::Attach(..) => {}
            Step::Compare(query, limit, between) => self.compare(&query, limit, between).await?,
        }
        Ok(())
    }

    async fn compare(
        &mut self,
        query: &EventQuery,
        limit: u16,
        mut between: Option<Box<CatalogRecord>>,
    ) -> Result<(), CatalogError> {
        let limit = PageSize::new(limit).unwrap();
        let mut after = None;
        for _ in 0..PAGES_MAX {
            let page: Page = self.dynamo.page(query, limit, after.as_ref()).await?;
            assert_eq!(
                page,
                self.sqlite.page(query, limit, after.as_ref()).await?,
                "{query:?} after {after:?}"
            );
            if let Some(event) = between.take() {
                self.deliver(vec![*event]).await?;
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
        panic!("{query:?} has no end");
    }

    /// What both say of single events and of cameras.
    async fn end(&self) -> Result<(), CatalogError> {
        for event in &self.delivered {
            assert_eq!(self.dynamo.event(&event.id()).await?, self.sqlite.event(&event.id()).await?);
        }
        assert_eq!(self.dynamo.cameras().await?, self.sqlite.cameras().await?);
        for by in [CountBy::Hour, CountBy::Day, CountBy::Camera] {
            let query = CountQuery { by, cameras: Vec::new(), kind: None, from: None, to: None };
            assert_eq!(self.dynamo.counts(&query).await?, self.sqlite.counts(&query).await?);
        }
        Ok(())
    }
}

#[test]
fn dynamodb_answers_as_sqlite_does() {
    let cases = env::var("CAMTRAIL_RANDOM_CASES").map_or(CASES, |cases| cases.parse().unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut runner = TestRunner::new(ProptestConfig {
        cases,
        max_shrink_iters: 40,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let steps = (prop::sample::select(vec![1_u16, 1, 3]), prop::collection::vec(step(), 8..24));
    runner
        .run(&steps, |(timeline_shards, steps)| {
            runtime.block_on(async {
                let dir = tempfile::tempdir().unwrap();
                let sqlite = SqliteCatalog::open(&dir.path().join("c.db"), &ObjectBase::default()).unwrap();
                let config = camtrail_aws::DynamoConfig { timeline_shards, ..config(&fresh_prefix()) };
                let dynamo = Arc::new(open(&config).await);
                let mut both = Both { dynamo, sqlite, delivered: Vec::new() };
                for step in steps {
                    both.step(step).await.unwrap();
                }
                both.end().await.unwrap();
            });
            Ok(())
        })
        .unwrap();
}
