//! Commands that print what the program knows of itself: completions, manual pages, the configuration's reference.
//!
//! Promises: standard output gets the document and nothing else; a reader that has enough (`| head`) is no error.

use std::{
    io::{self, Write},
    path::Path,
};

use anyhow::Context;
use clap::CommandFactory;
use clap_complete::Shell;

use crate::{
    cli::{Cli, ConfigArgs},
    config,
};

pub(crate) fn print(document: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(document.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("writing to standard output"),
    }
}

/// `camtrail config check`.
pub(crate) fn check(args: &ConfigArgs) -> anyhow::Result<()> {
    config::settings(args)?;
    let place = args
        .config
        .as_deref()
        .map_or_else(|| "the defaults and the environment".to_owned(), |file| file.display().to_string());
    print(&format!("{place}: as it should be\n"))
}

/// `camtrail completions`.
pub(crate) fn completions(shell: Shell) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "camtrail", &mut script);
    print(&String::from_utf8(script).context("writing completions")?)
}

/// `camtrail man`.
pub(crate) fn man(dir: Option<&Path>) -> anyhow::Result<()> {
    let command = Cli::command();
    if let Some(dir) = dir {
        return clap_mangen::generate_to(command, dir)
            .with_context(|| format!("writing manual pages into {}", dir.display()));
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).context("writing the manual page")?;
    print(&String::from_utf8(page).context("writing the manual page")?)
}
