//! `camtrail rebuild`: the catalog again, from the store alone.
//!
//! Lists the captures, makes the catalog say of each what the store says, then forgets events whose object is gone.
//! Promises: each step may be repeated and may run beside a server; killed at any moment and run again, it goes on
//! behind the last part that was done. Nothing is forgotten before the listing is complete, and nothing without a look
//! at its object. Refuses: to take an empty store for the truth, unless told so.

mod journal;
mod tally;

use std::{collections::HashSet, fs::File, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use camtrail_arrival::{Did, Expected, Reconciled, ShownEvent};
use camtrail_catalog::SqliteCatalog;
use camtrail_model::{
    CatalogRecord, Digest, EventQuery, KeyVerdict, ObjectKey, Order, PageSize, Position,
    ports::{Accounts, ArrivalError, Catalog, Listing, ObjectStore, StoreError},
};
use futures::{StreamExt, TryStreamExt, stream};

use self::{
    journal::{Identity, Journal},
    tally::Tally,
};
use crate::{
    beside::{Beside, look_only},
    cli::RebuildArgs,
    config::{self, CatalogSettings, Settings, StoreSettings},
    data_dir::DataDir,
};

/// Objects looked at, at once: their commits share.
const AT_ONCE: usize = 64;
/// Tries for one object, or one part of the listing, before the rebuild ends (and can be run again).
const TRIES_MAX: u32 = 6;
/// After the first failure; twice as long each time.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(500);
/// Keys remembered as listed, at most (as eight bytes each); events beyond cost a look at their object.
const SEEN_MAX: usize = 4_000_000;

pub(crate) async fn rebuild(args: &RebuildArgs) -> anyhow::Result<()> {
    let settings = config::settings(&args.config)?;
    let dir = DataDir::new(&settings.data_dir);
    if args.dry_run {
        return dry_run(&dir, &settings).await;
    }
    let beside = Beside::open(&settings).await?;
    let _one_at_a_time = lock(&dir)?;
    let mark = beside.catalogs.local.secret("rebuild", &camtrail_auth::random_bytes::<16>()?).await?;
    let identity = Identity { catalog: Digest::of(&mark).to_string(), store: name_of_store(&settings) };
    let journal = Journal::open(&dir.rebuild(), identity).context("reading rebuild.json")?;
    Rebuild {
        base: settings.base.as_str().to_owned(),
        tally: Tally::new(journal.counts()),
        settings,
        beside,
        journal,
        seen: HashSet::new(),
    }
    .run(args.allow_empty)
    .await
}

/// One rebuild at a time goes over a catalog.
fn lock(dir: &DataDir) -> anyhow::Result<File> {
    let path = dir.rebuild_lock();
    camtrail_durable::create_dirs(camtrail_durable::parent_of(&path)).context("making the data dir")?;
    let lock = File::create(&path).with_context(|| format!("{} can't be written", path.display()))?;
    lock.try_lock().context("another rebuild of this catalog is running")?;
    Ok(lock)
}

fn name_of_store(settings: &Settings) -> String {
    let base = settings.base.as_str();
    match &settings.store {
        StoreSettings::Local => format!("local/{base}"),
        StoreSettings::S3(config) => {
            format!("{}/{}/{base}", config.endpoint.as_deref().unwrap_or("s3"), config.bucket)
        }
    }
}

struct Rebuild {
    base: String,
    settings: Settings,
    beside: Beside,
    journal: Journal,
    tally: Tally,
    seen: HashSet<u64>,
}

impl Rebuild {
    async fn run(mut self, allow_empty: bool) -> anyhow::Result<()> {
        if let Some(after) = self.journal.after() {
            eprintln!("an earlier rebuild was interrupted: going on behind {after}");
        }
        self.tally.count_ahead(self.beside.store.clone(), self.base.clone());
        loop {
            let after = self.journal.after().map(str::to_owned);
            let part = list(&*self.beside.store, &self.base, after.as_deref()).await?;
            self.part(&part).await?;
            if !part.more {
                break;
            }
            if let Some(last) = part.keys.last() {
                self.journal.done(last, self.tally.counts()).context("writing rebuild.json")?;
            }
        }
        let empty = self.tally.counts().captures == 0;
        if empty && !allow_empty && !page(&*self.beside.catalogs.events, None).await?.0.is_empty() {
            bail!(
                "the store holds no capture at all under {}/, and the catalog has events: is it the right store? Nothing \
                 was forgotten (--allow-empty forgets all)",
                self.base
            );
        }
        self.forget().await?;
        self.journal.finish().context("removing rebuild.json")?;
        self.tally.print();
        match self.tally.counts().failed {
            0 => Ok(()),
            failed => bail!("{failed} captures could not be recorded (see above)"),
        }
    }

    async fn part(&mut self, part: &Listing) -> anyhow::Result<()> {
        let mut captures = Vec::new();
        for key in &part.keys {
            match ObjectKey::judge(&self.settings.base, key) {
                KeyVerdict::Capture(capture) => {
                    if self.seen.len() < SEEN_MAX {
                        self.seen.insert(hash(&capture));
                    }
                    captures.push(capture);
                }
                KeyVerdict::Manifest(_) | KeyVerdict::State(_) | KeyVerdict::Superseded(_) => {}
                KeyVerdict::Skip(why) => {
                    tracing::debug!(key, %why, "no capture");
                    self.tally.skipped();
                }
            }
        }
        let (beside, tally) = (&self.beside, &self.tally);
        stream::iter(captures)
            .map(Ok)
            .try_for_each_concurrent(AT_ONCE, async |key| {
                let outcome = again(async || beside.arrivals.restore(&key).await).await;
                tally.add(&key, settled(outcome)?);
                anyhow::Ok(())
            })
            .await
    }

    /// What the listing didn't have is looked at, and goes if it is gone.
    async fn forget(&self) -> anyhow::Result<()> {
        let mut after = None;
        loop {
            let (records, next) = page(&*self.beside.catalogs.events, after.as_ref()).await?;
            let unseen = records
                .into_iter()
                .map(|record| record.object_key)
                .filter(|key| !self.seen.contains(&hash(key)));
            stream::iter(unseen)
                .map(Ok)
                .try_for_each_concurrent(AT_ONCE, async |key| {
                    let outcome = again(async || self.beside.arrivals.reconcile(&key).await).await;
                    match settled(outcome)? {
                        Ok(Did::Removed) => self.tally.removed(),
                        Ok(_) => {}
                        Err(why) => self.tally.add(&key, Err(why)),
                    }
                    anyhow::Ok(())
                })
                .await?;
            match next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }
}

/// A capture's own trouble is its outcome; trouble elsewhere ends the rebuild.
fn settled(outcome: Result<Reconciled, ArrivalError>) -> anyhow::Result<Result<Did, String>> {
    match outcome {
        Ok(seen) => Ok(Ok(seen.did)),
        Err(ArrivalError::Permanent(why)) => Ok(Err(why)),
        Err(ArrivalError::Retry(why)) => {
            bail!("{why}: without success so far; run the rebuild again, it goes on where it was")
        }
    }
}

/// Tries again what may succeed later.
async fn again<T>(mut work: impl AsyncFnMut() -> Result<T, ArrivalError>) -> Result<T, ArrivalError> {
    let mut pause = TRY_AGAIN_AFTER;
    for _ in 1..TRIES_MAX {
        match work().await {
            Err(ArrivalError::Retry(why)) => {
                tracing::warn!(why, "trying again");
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            outcome => return outcome,
        }
    }
    work().await
}

async fn list(store: &dyn ObjectStore, base: &str, after: Option<&str>) -> anyhow::Result<Listing> {
    let listed = again(async || {
        store.list(base, after).await.map_err(|error| match error {
            StoreError::Refused(_) => ArrivalError::Permanent(error.to_string()),
            _ => ArrivalError::Retry(error.to_string()),
        })
    });
    listed.await.context("listing the store (what is done is kept: the next rebuild goes on there)")
}

fn hash(key: &ObjectKey) -> u64 {
    let digest = Digest::of(key.as_str().as_bytes()).0;
    digest.iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

async fn page(
    catalog: &dyn Catalog,
    after: Option<&Position>,
) -> anyhow::Result<(Vec<CatalogRecord>, Option<Position>)> {
    let all = EventQuery { order: Order::OldestFirst, ..EventQuery::default() };
    let limit = PageSize::new(PageSize::MAX).unwrap_or(PageSize::DEFAULT);
    let page = catalog.page(&all, limit, after).await.context("reading the catalog")?;
    Ok((page.items, page.next))
}

/// Of any number of records, in any order: how many, and what they say.
#[derive(Default, PartialEq, Eq)]
struct Sum {
    records: u64,
    digest: [u8; 32],
}

impl Sum {
    fn add(&mut self, record: &CatalogRecord) -> anyhow::Result<()> {
        let line = serde_json::to_vec(&ShownEvent::from(record)).context("writing a record")?;
        self.records += 1;
        for (sum, byte) in self.digest.iter_mut().zip(Digest::of(&line).0) {
            *sum ^= byte;
        }
        Ok(())
    }
}

impl std::fmt::Display for Sum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} events, digest {}", self.records, Digest(self.digest))
    }
}

/// Looks at both and says what a rebuild would do. Writes nothing; without a catalog, as if it were empty.
async fn dry_run(dir: &DataDir, settings: &Settings) -> anyhow::Result<()> {
    let is_there = dir.catalog().exists() || !matches!(settings.catalog, CatalogSettings::Sqlite);
    let beside = if is_there { Some(Beside::open(settings).await?) } else { None };
    let store = match &beside {
        Some(beside) => beside.store.clone(),
        None => look_only(dir, settings)?,
    };
    let nothing = tempfile::tempdir().context("making a scratch folder")?;
    let arrivals = match &beside {
        Some(beside) => beside.arrivals.clone(),
        None => Arc::new(camtrail_arrival::Arrivals::new(
            store.clone(),
            Arc::new(SqliteCatalog::open(&nothing.path().join("none.db"), &settings.base)?),
            Arc::new(settings.zones.clone()),
        )),
    };
    let tally = Tally::new(journal::Counts::default());
    tally.count_ahead(store.clone(), settings.base.as_str().to_owned());
    let (mut in_store, mut seen, mut after) = (Sum::default(), HashSet::new(), None);
    let (mut fresh, mut other) = (0_u64, 0_u64);
    loop {
        let part = list(&*store, settings.base.as_str(), after.as_deref()).await?;
        let captures = part.keys.iter().filter_map(|key| ObjectKey::parse(&settings.base, key).ok());
        let looked: Vec<(ObjectKey, Option<Expected>)> = stream::iter(captures)
            .map(async |key| {
                let expected = again(async || arrivals.expected(&key).await).await;
                anyhow::Ok((key, expected?))
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        for (key, expected) in looked {
            tally.looked();
            let Some(expected) = expected else { continue };
            seen.insert(hash(&key));
            let id = expected.record.id();
            let known = match &beside {
                Some(beside) => beside.catalogs.events.event(&id).await.context("reading the catalog")?,
                None => None,
            };
            let expected = expected.beside(known.as_ref());
            in_store.add(&expected)?;
            match known {
                None => fresh += 1,
                Some(known) if ShownEvent::from(&known) != ShownEvent::from(&expected) => other += 1,
                Some(_) => {}
            }
        }
        if !part.more {
            break;
        }
        after = part.keys.last().cloned();
    }
    let (mut in_catalog, mut gone, mut after) = (Sum::default(), 0_u64, None);
    while let Some(beside) = &beside {
        let (records, next) = page(&*beside.catalogs.events, after.as_ref()).await?;
        for record in &records {
            in_catalog.add(record)?;
            gone += u64::from(!seen.contains(&hash(&record.object_key)));
        }
        if next.is_none() {
            break;
        }
        after = next;
    }
    tally.clear();
    println!("store:   {in_store}");
    println!("catalog: {in_catalog}");
    if in_store == in_catalog {
        println!("they say the same: a rebuild would change nothing");
    } else {
        println!("a rebuild would record {fresh}, correct {other}, forget {gone}");
    }
    Ok(())
}
