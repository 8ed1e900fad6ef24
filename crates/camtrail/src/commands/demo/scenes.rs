//! What the simulated cameras see: a still each, and a clip where ffmpeg can make one.

use std::{path::Path, process::Command};

use anyhow::{Context, ensure};
use image::{ImageFormat, Rgb, RgbImage};

/// One camera's picture and clip.
pub(super) struct Scene {
    pub(super) still: Vec<u8>,
    /// Matroska with H.264, as many cameras send it; the gateway remuxes it.
    pub(super) clip: Option<Vec<u8>>,
}

/// How long a clip is, in seconds.
pub(super) const CLIP_S: i64 = 6;
const WIDTH: u32 = 960;
const HEIGHT: u32 = 540;

/// Sky above, ground below, and the colour of what moves; one set a camera.
const LOOKS: [[Rgb<u8>; 3]; 3] = [
    [Rgb([46, 58, 82]), Rgb([94, 82, 70]), Rgb([214, 164, 92])],
    [Rgb([34, 52, 46]), Rgb([72, 92, 58]), Rgb([186, 196, 204])],
    [Rgb([58, 54, 60]), Rgb([112, 108, 106]), Rgb([148, 60, 52])],
];

/// Makes the scene of camera `number` in `dir`. Blocks for about a second.
pub(super) fn make(number: usize, dir: &Path) -> anyhow::Result<Scene> {
    std::fs::create_dir_all(dir)?;
    let look = &LOOKS[number % LOOKS.len()];
    let (background, still) = (dir.join("background.png"), dir.join("still.jpg"));
    draw(look, None).save_with_format(&background, ImageFormat::Png)?;
    draw(look, Some(number as u32)).save_with_format(&still, ImageFormat::Jpeg)?;
    Ok(Scene { still: std::fs::read(&still)?, clip: clip(look, &background, dir).ok() })
}

/// A plain outdoor scene with a little grain; `subject` puts a figure into it.
fn draw([sky, ground, figure]: &[Rgb<u8>; 3], subject: Option<u32>) -> RgbImage {
    let mut noise = 0x2545_F491_u32;
    RgbImage::from_fn(WIDTH, HEIGHT, |x, y| {
        noise ^= noise << 13;
        noise ^= noise >> 17;
        noise ^= noise << 5;
        let horizon = HEIGHT * 2 / 5 + (x / 7 + x * x / 9_000) % 23;
        let at = 260 + subject.unwrap_or(0) * 140;
        let inside = subject.is_some() && (at..at + 64).contains(&x) && (210..420).contains(&y);
        let base = if inside {
            figure
        } else if y < horizon {
            sky
        } else {
            ground
        };
        let light = i32::try_from(y * 40 / HEIGHT).unwrap_or(0) + i32::try_from(noise % 14).unwrap_or(0) - 20;
        Rgb(base.0.map(|channel| u8::try_from((i32::from(channel) + light).clamp(0, 255)).unwrap_or(0)))
    })
}

/// Six seconds in which a figure walks through the background.
fn clip([.., figure]: &[Rgb<u8>; 3], background: &Path, dir: &Path) -> anyhow::Result<Vec<u8>> {
    let dest = dir.join("clip.mkv");
    let [red, green, blue] = figure.0;
    let walker = format!("color=c=0x{red:02x}{green:02x}{blue:02x}:s=64x210:r=15:d={CLIP_S}");
    let status = Command::new("ffmpeg")
        .args([
            "-nostdin",
            "-hide_banner",
            "-v",
            "error",
            "-y",
            "-loop",
            "1",
            "-framerate",
            "15",
            "-t",
            &CLIP_S.to_string(),
            "-i",
        ])
        .arg(background)
        .args(["-f", "lavfi", "-i", &walker, "-filter_complex"])
        .arg("[0][1]overlay=x=60+t*110:y=210+8*sin(t*9):shortest=1,noise=alls=6:allf=t,format=yuv420p")
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-crf", "30", "-g", "30", "-threads", "1"])
        .arg(&dest)
        .status()
        .context("starting ffmpeg")?;
    ensure!(status.success(), "ffmpeg could not make a clip");
    Ok(std::fs::read(dest)?)
}
