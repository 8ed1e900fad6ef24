//! `camtrail invoke`: the arrival function, once, on one notification.
//!
//! One line of JSON for each record on standard output, in the notification's order; totals on standard error. Exit
//! code 1 if any record failed (all others are done), 2 for an event that can't be read as a notification: what isn't
//! one won't become one.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::Path,
};

use anyhow::{Context, bail};
use camtrail_arrival::{
    Outcome,
    notification::{self, NOTIFICATION_MAX_BYTES},
};

use crate::{
    beside::Beside,
    cli::{InvokeArgs, UsageError},
    config,
};

pub(crate) async fn invoke(args: &InvokeArgs) -> anyhow::Result<()> {
    let settings = config::settings(&args.config)?;
    let place = if args.event == Path::new("-") {
        "standard input".to_owned()
    } else {
        args.event.display().to_string()
    };
    let bytes =
        read(&args.event).map_err(|error| UsageError(format!("--event: {place} can't be read: {error}")))?;
    let notification =
        notification::read(&bytes).map_err(|error| UsageError(format!("--event: {place}: {error}")))?;
    let report = Beside::open(&settings).await?.function(&settings).run(&notification).await;
    let mut out = io::stdout().lock();
    for done in &report.done {
        let line = serde_json::to_string(done).context("writing a result")?;
        writeln!(out, "{line}").context("writing to standard output")?;
    }
    out.flush().context("writing to standard output")?;
    let tests = match notification.tests {
        0 => String::new(),
        tests => format!(", {tests} test events"),
    };
    eprintln!("{}{tests}, in {:.1} ms", report.totals, report.took_ms);
    match report.totals.of(Outcome::Failed) {
        0 => Ok(()),
        failed => bail!("{failed} of {} records failed: invoke again with the same event", report.done.len()),
    }
}

/// One byte more than may be, so that more is seen as more.
fn read(event: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = NOTIFICATION_MAX_BYTES as u64 + 1;
    if event == Path::new("-") {
        io::stdin().lock().take(most).read_to_end(&mut bytes)?;
    } else {
        File::open(event)?.take(most).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}
