//! The pictures of seeded events: a few for each camera, by day and by night, drawn; and a clip of each where ffmpeg
//! can make one. Small, and shared by all events that look alike.

use std::{
    fs,
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};
use image::{Rgb, RgbImage, codecs::jpeg::JpegEncoder};

/// How long a clip is, in seconds.
pub(super) const CLIP_S: u32 = 8;
/// In pixels, of stills and clips.
pub(super) const SIZE: (u32, u32) = (640, 360);
const RATE: u32 = 10;
const JPEG_QUALITY: u8 = 72;
/// Kinds of visitors.
const LOOKS: usize = 3;

/// Files of one place, light and visitor.
pub(super) struct Picture {
    pub(super) still: PathBuf,
    pub(super) clip: Option<PathBuf>,
}

/// All of one place.
pub(super) struct Album {
    pictures: Vec<Picture>,
}

impl Album {
    /// Draws them in `dir`. Blocks for a second or two.
    pub(super) fn make(place: usize, dir: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(dir)?;
        let mut pictures = Vec::new();
        for number in 0..2 * LOOKS {
            let (night, look) = (number % 2 == 1, number / 2);
            let scene = Scene { place: place as u32, night, look };
            let still = dir.join(format!("{number}.jpg"));
            let mut file = BufWriter::new(fs::File::create(&still)?);
            let middle = 0.2 + 0.2 * look as f32 + 0.07 * (place % 3) as f32;
            JpegEncoder::new_with_quality(&mut file, JPEG_QUALITY).encode_image(&scene.draw(Some(middle)))?;
            file.flush()?;
            let clip = dir.join(format!("{number}.mp4"));
            let clip = scene.film(&dir.join("background.png"), &clip).ok().map(|()| clip);
            pictures.push(Picture { still, clip });
        }
        Ok(Self { pictures })
    }

    pub(super) fn of(&self, night: bool, look: usize) -> &Picture {
        &self.pictures[2 * (look % LOOKS) + usize::from(night)]
    }

    pub(super) fn has_clips(&self) -> bool {
        self.pictures.iter().all(|picture| picture.clip.is_some())
    }
}

struct Scene {
    place: u32,
    night: bool,
    look: usize,
}

impl Scene {
    /// Ground, house and trees of this place under its light; a visitor stands at that part of the width.
    fn draw(&self, visitor: Option<f32>) -> RgbImage {
        let (width, height) = SIZE;
        let mut grain = 0x2545_f491_u32 ^ (self.place + 1).wrapping_mul(0x9e37_79b9);
        RgbImage::from_fn(width, height, |x, y| {
            grain ^= grain << 13;
            grain ^= grain >> 17;
            grain ^= grain << 5;
            let colour = visitor.and_then(|at| self.visitor(at, x, y)).unwrap_or_else(|| self.place_at(x, y));
            let (u, v) = (x as f32 / width as f32 - 0.5, y as f32 / height as f32 - 0.55);
            let noise = (grain % 7) as f32 - 3.0;
            // By night the camera's own lamp lights the middle, in grey.
            let light = if self.night { 1.05 - 1.5 * (u * u + v * v) } else { 1.0 - 0.25 * v };
            let [red, green, blue] = colour.map(|channel| channel * light + noise);
            let grey = 0.3 * red + 0.59 * green + 0.11 * blue;
            let shown = if self.night { [grey * 0.68, grey * 0.72, grey * 0.74] } else { [red, green, blue] };
            Rgb(shown.map(|channel| channel.clamp(0.0, 255.0) as u8))
        })
    }

    fn place_at(&self, x: u32, y: u32) -> [f32; 3] {
        let (x, y, n) = (x as f32, y as f32, self.place as f32);
        let horizon = 120.0 + 9.0 * (n * 1.7).sin() + 6.0 * ((x + n * 90.0) / 83.0).sin();
        let indoor = self.place == 3 || self.place == 4;
        if indoor {
            let tile = ((x / 46.0) as i32 + ((y - 215.0) / 26.0) as i32) % 2 == 0;
            return if y > 215.0 {
                if tile { [132.0, 118.0, 104.0] } else { [120.0, 106.0, 92.0] }
            } else if (250.0..345.0).contains(&x) && y > 70.0 {
                [112.0, 82.0, 58.0]
            } else {
                [176.0 - n * 4.0, 168.0, 150.0 + n * 4.0]
            };
        }
        let house = 60.0 + (n * 137.0) % 330.0;
        if (house..house + 150.0).contains(&x) && (66.0..178.0).contains(&y) && self.place % 3 != 2 {
            let window = (28.0..62.0).contains(&(x - house)) && (92.0..128.0).contains(&y);
            let door = (94.0..122.0).contains(&(x - house)) && y > 104.0;
            return if window {
                [214.0, 196.0, 140.0]
            } else if door {
                [88.0, 60.0, 44.0]
            } else {
                [164.0, 146.0 - n * 3.0, 122.0]
            };
        }
        for tree in 0..4_u8 {
            let at = (n * 71.0 + f32::from(tree) * 173.0) % 640.0;
            let (dx, dy) = (x - at, y - 112.0 + f32::from(tree % 2) * 16.0);
            if dx * dx / 2_300.0 + dy * dy / 3_400.0 < 1.0 {
                return [48.0 + n * 3.0, 82.0 + 5.0 * f32::from(tree), 44.0];
            }
            if dx.abs() < 7.0 && (dy > 0.0 && y < 212.0) {
                return [74.0, 58.0, 42.0];
            }
        }
        if y < horizon {
            return [150.0 - y * 0.2, 182.0 - y * 0.1, 208.0];
        }
        // A path that comes towards the camera.
        let path = 320.0 + (n - 6.0) * 22.0 + (y - 360.0) * 0.35;
        if (x - path).abs() < 18.0 + (y - horizon) * 0.32 {
            [156.0, 146.0, 130.0]
        } else if self.place == 8 && ((x - 420.0) / 150.0).powi(2) + ((y - 260.0) / 46.0).powi(2) < 1.0 {
            [82.0, 122.0, 148.0]
        } else {
            [88.0 + n * 3.0, 116.0 - n * 2.0, 66.0]
        }
    }

    /// Somebody, an animal, or a cart; at that part of the width.
    fn visitor(&self, at: f32, x: u32, y: u32) -> Option<[f32; 3]> {
        let (dx, y) = (x as f32 - at * SIZE.0 as f32, y as f32);
        let inside =
            |cx: f32, cy: f32, rx: f32, ry: f32| ((dx - cx) / rx).powi(2) + ((y - cy) / ry).powi(2) < 1.0;
        match self.look {
            0 if inside(0.0, 168.0, 13.0, 16.0) => Some([206.0, 168.0, 138.0]),
            0 if inside(0.0, 218.0, 22.0, 40.0) => Some([58.0, 78.0, 132.0]),
            0 if inside(-9.0, 272.0, 8.0, 34.0) || inside(9.0, 272.0, 8.0, 34.0) => Some([46.0, 46.0, 56.0]),
            1 if inside(0.0, 268.0, 34.0, 15.0) || inside(34.0, 254.0, 12.0, 11.0) => {
                Some([186.0, 98.0, 44.0])
            }
            1 if inside(-42.0, 260.0, 18.0, 6.0) => Some([206.0, 146.0, 96.0]),
            1 if dx.abs() < 24.0 && (dx.abs() > 16.0) && (276.0..298.0).contains(&y) => {
                Some([70.0, 44.0, 30.0])
            }
            2 if inside(-36.0, 286.0, 17.0, 17.0) || inside(38.0, 286.0, 17.0, 17.0) => {
                Some([32.0, 32.0, 36.0])
            }
            2 if inside(0.0, 228.0, 44.0, 26.0) => Some([126.0, 152.0, 168.0]),
            2 if dx.abs() < 76.0 && (232.0..282.0).contains(&y) => Some([158.0, 52.0, 46.0]),
            _ => None,
        }
    }

    /// The visitor crosses the picture. Encoded small: many cards show the same clip.
    fn film(&self, background: &Path, dest: &Path) -> anyhow::Result<()> {
        let (width, height) = SIZE;
        self.draw(None).save(background)?;
        let mask = background.with_file_name("visitor.png");
        self.cut_out().save(&mask)?;
        let (rate, duration) = (RATE.to_string(), CLIP_S.to_string());
        let speed = width / CLIP_S;
        let status = Command::new("ffmpeg")
            .args(["-nostdin", "-hide_banner", "-v", "error", "-y", "-loop", "1", "-framerate", &rate])
            .args(["-t", &duration, "-i"])
            .arg(background)
            .args(["-loop", "1", "-framerate", &rate, "-t", &duration, "-i"])
            .arg(&mask)
            .args(["-filter_complex"])
            .arg(format!("[0][1]overlay=x=-{}+t*{speed}:y=4*sin(t*8):shortest=1,format=yuv420p", width / 2))
            .args([
                "-s",
                &format!("{width}x{height}"),
                "-c:v",
                "libx264",
                "-preset",
                "veryfast",
                "-crf",
                "34",
            ])
            .args(["-g", "20", "-threads", "1", "-movflags", "+faststart"])
            .arg(dest)
            .status()
            .context("starting ffmpeg")?;
        ensure!(status.success(), "ffmpeg could not make a clip");
        Ok(())
    }

    /// The visitor alone in the middle of a clear picture.
    fn cut_out(&self) -> image::RgbaImage {
        image::RgbaImage::from_fn(SIZE.0, SIZE.1, |x, y| match self.visitor(0.5, x, y) {
            Some([red, green, blue]) => {
                let grey = 0.3 * red + 0.59 * green + 0.11 * blue;
                let shown = if self.night { [grey; 3] } else { [red, green, blue] };
                let [red, green, blue] = shown.map(|channel| channel.clamp(0.0, 255.0) as u8);
                image::Rgba([red, green, blue, 255])
            }
            None => image::Rgba([0, 0, 0, 0]),
        })
    }
}
