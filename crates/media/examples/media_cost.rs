//! One piece of media work in a process of its own, as the program does it: `make bench-media` measures it.
//!
//! `media_cost probe CLIP`, `media_cost count CLIP` (a probe, and what a pass over the file tells), `media_cost remux CLIP
//! COPY`, `media_cost poster CLIP POSTER`, `media_cost nothing`.

use std::{env, error::Error, fs, path::PathBuf, time::Duration};

use camtrail_media::{Ffmpeg, FfmpegConfig};
use camtrail_model::{media::MediaSource, ports::MediaTool};

const LIMIT: Duration = Duration::from_mins(1);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let tool = Ffmpeg::discover(FfmpegConfig::default());
    match words[..] {
        // What starting up costs: it comes once in the program's life, and isn't part of the work.
        ["nothing"] => {}
        ["probe", clip] => {
            tool.probe(&source(clip)?).await?;
        }
        ["count", clip] => {
            let clip = source(clip)?;
            let counted = tool.count_pictures(&clip, &tool.probe(&clip).await?).await?;
            counted.key_frames.ok_or("no key frames were counted")?;
        }
        ["remux", clip, copy] => tool.remux(&source(clip)?, &PathBuf::from(copy), LIMIT).await?,
        ["poster", clip, poster] => {
            let clip = source(clip)?;
            let facts = camtrail_model::MediaFacts::unknown();
            fs::write(poster, tool.poster(&clip, &facts).await?.jpeg)?;
        }
        _ => {
            return Err(
                "media_cost probe CLIP | count CLIP | remux CLIP COPY | poster CLIP POSTER | nothing".into(),
            );
        }
    }
    Ok(())
}

fn source(path: &str) -> Result<MediaSource, Box<dyn Error>> {
    let path = PathBuf::from(path);
    Ok(MediaSource { size: path.metadata()?.len(), path })
}
