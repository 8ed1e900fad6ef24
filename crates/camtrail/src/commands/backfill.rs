//! `camtrail backfill`: what events lack is made of their stored objects: posters, previews, copies.
//!
//! Walks the catalog, newest first, and runs for each event the very step that the server runs when somebody asks.
//! Promises: beside a running server and without one; what is there is passed over, so it may be interrupted and run
//! again; whatever it tells of is durable. Refuses: to go on where store or catalog are out of reach.

mod tally;

use std::{fs::File, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use camtrail_derive::{Made, MakeError, Maker, MakerParts, Manifests, Product, Scratch};
use camtrail_media::{Ffmpeg, FfmpegConfig};
use camtrail_model::{
    CameraName, CatalogRecord, EventQuery, Millis, PageSize,
    ports::{Catalog, MediaTool},
};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::civil::Date;

use self::tally::Tally;
use crate::{
    beside::{Beside, writable},
    cli::{BackfillArgs, BackfillWhat, UsageError},
    commands::serve::stop_signal,
    config,
    data_dir::DataDir,
};

/// Events at once: one encodes while the other is fetched; ffmpeg's own bounds stand.
const AT_ONCE: usize = 2;
/// Tries for one event where the machine or the store fail it.
const TRIES_MAX: u32 = 3;
/// After the first failure; twice as long each time.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// A camera's date begins and ends up to so long before and after UTC's, in milliseconds.
const ZONES_MS: i64 = 26 * 3_600_000;
/// A day, in milliseconds.
const DAY_MS: i64 = 86_400_000;

pub(crate) async fn backfill(args: &BackfillArgs) -> anyhow::Result<()> {
    let settings = config::settings(&args.config)?;
    if let (Some(from), Some(to)) = (args.from, args.to)
        && from > to
    {
        return Err(UsageError(format!("--from {from} is after --to {to}")).into());
    }
    let cameras = args.camera.iter().map(|name| {
        CameraName::parse(name).map_err(|error| UsageError(format!("--camera {name:?}: {error}")))
    });
    let cameras = cameras.collect::<Result<Vec<_>, _>>()?;
    let media = Arc::new(Ffmpeg::discover(FfmpegConfig::default()));
    // Stills have posters without it.
    if let Some(problem) =
        media.problem().filter(|_| args.what.iter().any(|what| *what != BackfillWhat::Posters))
    {
        bail!("{problem}");
    }
    let dir = DataDir::new(&settings.data_dir);
    let beside = Beside::open(&settings).await?;
    check_cameras(&beside, &cameras).await?;
    let _one_at_a_time = lock(&dir)?;
    let store = writable(&dir, &settings)?;
    let scratch = Scratch::open(&dir.scratch("backfill")).context("making room for what is made")?;
    let manifests = Manifests::new(store.clone());
    let maker = Maker::new(MakerParts { store, sink: beside.arrivals.clone(), media, manifests, scratch });
    let mut products: Vec<_> = args.what.iter().map(|&what| Product::from(what)).collect();
    products.sort_unstable();
    products.dedup();
    let walk = Walk { catalog: beside.catalogs.events.clone(), cameras, from: args.from, to: args.to };
    let tally = Arc::new(Tally::new(args.dry_run, &products));
    tally.count_ahead(walk.clone());
    let backfill = Backfill { walk, maker, products, tally: tally.clone(), dry_run: args.dry_run };
    let outcome = tokio::select! {
        outcome = backfill.run() => outcome,
        // What was under way goes with its future: the children, and their files.
        () = stop_signal() => Err(anyhow::anyhow!("interrupted: what was made stays; run it again to go on")),
    };
    tally.print();
    outcome?;
    match tally.failed() {
        0 => Ok(()),
        failed => bail!("{failed} could not be made (see above)"),
    }
}

/// A name that no event has is a slip of the pen.
async fn check_cameras(beside: &Beside, cameras: &[CameraName]) -> anyhow::Result<()> {
    if cameras.is_empty() {
        return Ok(());
    }
    let known = beside.catalogs.events.camera_names().await.context("reading the catalog")?;
    match cameras.iter().find(|camera| !known.contains(camera)) {
        None => Ok(()),
        Some(camera) => {
            let known: Vec<_> = known.iter().map(CameraName::as_str).collect();
            let expected = if known.is_empty() { "none is known".to_owned() } else { known.join(", ") };
            Err(UsageError(format!("--camera: found {camera}, expected a camera of the catalog: {expected}"))
                .into())
        }
    }
}

/// Two would make the same.
fn lock(dir: &DataDir) -> anyhow::Result<File> {
    let path = dir.backfill_lock();
    camtrail_durable::create_dirs(camtrail_durable::parent_of(&path)).context("making the data dir")?;
    let lock = File::create(&path).with_context(|| format!("{} can't be written", path.display()))?;
    lock.try_lock().context("another backfill of this data dir is running")?;
    Ok(lock)
}

/// Which events are looked at.
#[derive(Clone)]
struct Walk {
    catalog: Arc<dyn Catalog>,
    cameras: Vec<CameraName>,
    from: Option<Date>,
    to: Option<Date>,
}

impl Walk {
    /// All of them, a page at a time.
    fn pages(&self) -> impl futures::Stream<Item = anyhow::Result<Vec<CatalogRecord>>> + '_ {
        let start_of = |date: Date| {
            let midnight = jiff::tz::Offset::UTC.to_timestamp(date.at(0, 0, 0, 0));
            midnight.map_or(0, jiff::Timestamp::as_millisecond)
        };
        let query = EventQuery {
            cameras: self.cameras.clone(),
            from: self.from.map(|date| Millis(start_of(date) - ZONES_MS)),
            to: self.to.map(|date| Millis(start_of(date) + DAY_MS + ZONES_MS)),
            ..EventQuery::default()
        };
        let limit = PageSize::new(PageSize::MAX).unwrap_or(PageSize::DEFAULT);
        stream::try_unfold(Some(None), move |after| {
            let query = query.clone();
            async move {
                let Some(after) = after else { return Ok(None) };
                let page =
                    self.catalog.page(&query, limit, after.as_ref()).await.context("reading the catalog")?;
                // The dates are the cameras' own.
                let mut items = page.items;
                items.retain(|record| {
                    let date = record.object_key.date();
                    self.from.is_none_or(|from| from <= date) && self.to.is_none_or(|to| date <= to)
                });
                anyhow::Ok(Some((items, page.next.map(Some))))
            }
        })
    }
}

struct Backfill {
    walk: Walk,
    maker: Maker,
    products: Vec<Product>,
    tally: Arc<Tally>,
    dry_run: bool,
}

impl Backfill {
    async fn run(&self) -> anyhow::Result<()> {
        self.walk
            .pages()
            .try_for_each(async |page| {
                stream::iter(page)
                    .map(Ok)
                    .try_for_each_concurrent(AT_ONCE, async |record| self.event(&record).await)
                    .await
            })
            .await
    }

    async fn event(&self, record: &CatalogRecord) -> anyhow::Result<()> {
        let lacking: Vec<_> =
            self.products.iter().copied().filter(|product| product.is_lacking(record)).collect();
        if !lacking.is_empty() {
            let outcomes = if self.dry_run {
                self.look(record, &lacking).await
            } else {
                self.make(record, lacking).await
            };
            for (product, outcome) in outcomes? {
                self.tally.add(record, product, outcome);
            }
        }
        self.tally.looked();
        Ok(())
    }

    /// What would be made: that would be new then.
    async fn look(&self, record: &CatalogRecord, lacking: &[Product]) -> anyhow::Result<Outcomes> {
        let mut outcomes = Vec::new();
        for &product in lacking {
            let known = self.maker.known(&record.object_key, product).await;
            outcomes.push((
                product,
                known.map(|known| known.unwrap_or(Made::Now)).map_err(|error| error.to_string()),
            ));
        }
        Ok(outcomes)
    }

    /// Again what may go well at another try; an error where that ends all of it.
    async fn make(&self, record: &CatalogRecord, mut lacking: Vec<Product>) -> anyhow::Result<Outcomes> {
        let (mut outcomes, mut pause) = (Vec::new(), TRY_AGAIN_AFTER);
        for tries in 1.. {
            let made = self.maker.make(&record.object_key, &lacking).await;
            let made = match made {
                Ok(made) => made,
                Err(error) if error.may_retry() && tries < TRIES_MAX => {
                    tracing::warn!(key = %record.object_key, %error, "trying again");
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                    continue;
                }
                // Of the event itself: told once.
                Err(error) => vec![(lacking[0], Err(error))],
            };
            lacking.clear();
            for (product, outcome) in made {
                match outcome {
                    Err(error) if error.may_retry() && tries < TRIES_MAX => lacking.push(product),
                    Err(error @ (MakeError::Store(_) | MakeError::Arrival(_) | MakeError::Disk(_)))
                        if error.may_retry() =>
                    {
                        bail!(
                            "{error}: without success so far; run the backfill again, it goes on where it was"
                        )
                    }
                    outcome => outcomes.push((product, outcome.map_err(|error| error.to_string()))),
                }
            }
            if lacking.is_empty() {
                break;
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        Ok(outcomes)
    }
}

type Outcomes = Vec<(Product, Result<Made, String>)>;

impl From<BackfillWhat> for Product {
    fn from(what: BackfillWhat) -> Self {
        match what {
            BackfillWhat::Posters => Self::Poster,
            BackfillWhat::Previews => Self::Preview,
            BackfillWhat::Small => Self::Small,
            BackfillWhat::H264 => Self::H264,
        }
    }
}
