//! `camtrail retention`: what would go now, and nothing is touched.

use anyhow::{Context, bail};
use camtrail_catalog::SqliteCatalog;
use camtrail_model::ports::{Clock, SystemClock};

use crate::{app::sweeps, cli::ConfigArgs, config, data_dir::DataDir};

pub(crate) async fn retention(args: &ConfigArgs) -> anyhow::Result<()> {
    let settings = config::settings(args)?;
    if !sweeps(&settings) {
        println!(
            "Nothing is removed from here: the bucket's lifecycle rule and the tables' own expiry do that, by the rules that \
             they were made with."
        );
        return Ok(());
    }
    let dir = DataDir::new(&settings.data_dir);
    if !dir.catalog().exists() {
        bail!("data_dir {} holds no catalog: nothing is due", settings.data_dir.display());
    }
    let catalog = SqliteCatalog::open(&dir.catalog(), &settings.base)
        .with_context(|| format!("opening the catalog in data_dir {}", settings.data_dir.display()))?;
    let due = camtrail_retention::due(&catalog, &settings.retention, SystemClock.now())
        .await
        .context("asking the catalog what is due")?;
    let rule = match (settings.retention.keep, settings.retention.max_bytes) {
        (None, None) => "nothing is ever removed (retention.days = 0)".to_owned(),
        (keep, max_bytes) => {
            let days = keep.map(|keep| format!("{} days after they were stored", keep.as_secs() / 86_400));
            let bytes = max_bytes.map(|bytes| format!("the oldest above {bytes} bytes"));
            let rules: Vec<_> = days.into_iter().chain(bytes).collect();
            format!("events go {}; protected ones stay", rules.join(", and "))
        }
    };
    println!("Rule: {rule}.");
    println!("Due now: {} events, {} bytes. `camtrail serve` removes them by itself.", due.events, due.bytes);
    Ok(())
}
