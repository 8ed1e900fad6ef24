//! Finding programs. Absence is a state with a sentence for a person, never a failure.

use std::{
    env,
    ffi::OsStr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{config::FfmpegConfig, process::Wrappers};

/// The two programs that media work needs.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    pub(crate) ffmpeg: PathBuf,
    pub(crate) ffprobe: PathBuf,
}

/// Finds ffmpeg and ffprobe, or says in one line what is missing and how to get it.
pub(crate) fn programs(config: &FfmpegConfig) -> Result<Programs, String> {
    let ffmpeg = program("ffmpeg", config.ffmpeg.as_deref(), config)?;
    let ffprobe = program("ffprobe", config.ffprobe.as_deref(), config)?;
    Ok(Programs { ffmpeg, ffprobe })
}

fn program(name: &str, configured: Option<&Path>, config: &FfmpegConfig) -> Result<PathBuf, String> {
    let (found, place) = match configured {
        Some(path) => (is_executable(path).then(|| path.to_owned()), format!("at {}", path.display())),
        None => (on_path(name, config), "on PATH".to_owned()),
    };
    found.ok_or_else(|| {
        format!(
            "{name} was not found {place}: clips are stored and listed, but get no posters and no \
             browser-playable copy; install it with: apt-get install ffmpeg"
        )
    })
}

/// The helpers of util-linux and coreutils that bound a child process; each is taken only where it is there and
/// does what we need (busybox's namesakes know fewer options).
pub(crate) fn wrappers(config: &FfmpegConfig) -> Wrappers {
    let helper = |name: &str, arguments: &[&str]| {
        let path = on_path(name, config)?;
        let nice = on_path("nice", config)?;
        // `nice` without arguments prints the niceness: the cheapest program that surely succeeds.
        works(&path, arguments, &nice).then_some(path)
    };
    Wrappers {
        setpriv: helper("setpriv", Wrappers::SETPRIV_ARGUMENTS),
        prlimit: helper("prlimit", &["--core=0"]),
        nice: on_path("nice", config),
    }
}

fn works(helper: &Path, arguments: &[&str], target: &Path) -> bool {
    let status = Command::new(helper)
        .args(arguments)
        .arg(target)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

fn on_path(name: &str, config: &FfmpegConfig) -> Option<PathBuf> {
    let inherited = env::var_os("PATH");
    let path: &OsStr = config.search_path.as_deref().or(inherited.as_deref())?;
    // A relative entry would depend on the working directory, which our children don't share.
    env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|candidate| is_executable(candidate))
}

fn is_executable(path: &Path) -> bool {
    const ANY_EXECUTE_BIT: u32 = 0o111;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & ANY_EXECUTE_BIT != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absence_is_one_line_that_says_what_to_do() {
        let config = FfmpegConfig { search_path: Some("/nonexistent".into()), ..FfmpegConfig::default() };
        let line = programs(&config).expect_err("there is nothing in /nonexistent");
        assert!(line.starts_with("ffmpeg was not found on PATH: "), "{line}");
        assert!(line.ends_with("apt-get install ffmpeg") && !line.contains('\n'), "{line}");
    }

    #[test]
    fn a_configured_path_is_named() {
        let config = FfmpegConfig { ffmpeg: Some("/opt/none/ffmpeg".into()), ..FfmpegConfig::default() };
        let line = programs(&config).expect_err("there is no such file");
        assert!(line.starts_with("ffmpeg was not found at /opt/none/ffmpeg: "), "{line}");
    }
}
