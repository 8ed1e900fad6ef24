//! Fitting a picture into a poster: at most 640 pixels wide and about 10 to 20 kB.

use camtrail_model::ports::{MediaError, Poster};
use image::RgbImage;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use super::{blur, scale::scaled};

/// Posters are at most so wide.
pub(super) const MAX_WIDTH: u32 = 640;
/// And so high: a picture taller than wide would be a pillar in the list.
pub(super) const MAX_HEIGHT: u32 = 640;
/// A list of posters stays quick on a phone.
const MAX_BYTES: usize = 20_000;
/// Below this a better picture costs nothing that matters.
const MIN_BYTES: usize = 10_000;
/// A poster of this size uses the limit well: a better one isn't worth another encode.
const GOOD_BYTES: usize = 15_000;
/// JPEG quality, 1 to 100: where the search begins, and its ends.
const FIRST_QUALITY: u8 = 75;
const BEST_QUALITY: u8 = 92;
/// Below this blocks are seen at first glance: rather a smaller picture.
const WORST_QUALITY: u8 = 35;
/// Noise that doesn't fit at this width won't be a picture at a smaller one.
const MIN_WIDTH: u32 = 160;

/// Encodes `picture` (already within the poster's size) as large as fits.
pub(super) fn fit(picture: &RgbImage) -> Result<Poster, MediaError> {
    let blur = blur::of(picture)?;
    let mut smaller;
    let mut picture = picture;
    loop {
        let jpeg = best_that_fits(picture)?;
        if jpeg.len() <= MAX_BYTES || picture.width() <= MIN_WIDTH {
            return Ok(Poster { jpeg, width: picture.width(), height: picture.height(), blur });
        }
        let (width, height) = (picture.width() * 7 / 8, picture.height() * 7 / 8);
        smaller = scaled(picture, width.max(1), height.max(1))?;
        picture = &smaller;
    }
}

/// A good quality within the limit; the worst where none is. An encode is most of what a poster costs a small machine,
/// so the search ends at the first one that uses the limit well: two or three encodes, as a rule.
fn best_that_fits(picture: &RgbImage) -> Result<Vec<u8>, MediaError> {
    let first = encode(picture, FIRST_QUALITY)?;
    if first.len() <= MAX_BYTES {
        if first.len() >= MIN_BYTES {
            return Ok(first);
        }
        let best = encode(picture, BEST_QUALITY)?;
        return Ok(if best.len() <= MAX_BYTES { best } else { first });
    }
    let (mut low, mut high) = (WORST_QUALITY, FIRST_QUALITY - 1);
    let mut fitting: Option<Vec<u8>> = None;
    let mut quality = guess(first.len());
    while low <= high {
        let tried = quality.clamp(low, high);
        let jpeg = encode(picture, tried)?;
        if jpeg.len() > MAX_BYTES {
            high = tried - 1;
        } else if jpeg.len() >= GOOD_BYTES {
            return Ok(jpeg);
        } else {
            low = tried + 1;
            fitting = Some(jpeg);
        }
        quality = low.midpoint(high);
    }
    match fitting {
        Some(jpeg) => Ok(jpeg),
        None => encode(picture, WORST_QUALITY),
    }
}

/// In this range a JPEG's size goes roughly with its quality.
fn guess(bytes_at_first: usize) -> u8 {
    let wanted = GOOD_BYTES.midpoint(MAX_BYTES);
    let quality = usize::from(FIRST_QUALITY) * wanted / bytes_at_first.max(1);
    u8::try_from(quality).unwrap_or(FIRST_QUALITY).clamp(WORST_QUALITY, FIRST_QUALITY - 1)
}

/// A progressive JPEG; `quality` is 1 to 100.
pub(crate) fn encode(picture: &RgbImage, quality: u8) -> Result<Vec<u8>, MediaError> {
    let failed =
        |error: &dyn std::fmt::Display| MediaError::Failed(format!("the picture can't be encoded: {error}"));
    let width = u16::try_from(picture.width()).map_err(|error| failed(&error))?;
    let height = u16::try_from(picture.height()).map_err(|error| failed(&error))?;
    let mut jpeg = Vec::with_capacity(2 * MAX_BYTES);
    let mut encoder = Encoder::new(&mut jpeg, quality);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.set_optimized_huffman_tables(true);
    // A twentieth smaller, and there at once on a slow link.
    encoder.set_progressive(true);
    encoder.encode(picture, width, height, ColorType::Rgb).map_err(|error| failed(&error))?;
    Ok(jpeg)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing compresses worse than noise.
    fn noise(width: u32, height: u32) -> RgbImage {
        let mut state = 1_u32;
        RgbImage::from_fn(width, height, |_, _| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let [_, r, g, b] = state.to_be_bytes();
            image::Rgb([r, g, b])
        })
    }

    #[test]
    fn noise_fits_by_getting_smaller() {
        let poster = fit(&noise(640, 360)).unwrap();
        assert!(poster.jpeg.len() <= MAX_BYTES, "{} bytes", poster.jpeg.len());
        assert!(poster.width < 640 && poster.width >= MIN_WIDTH * 7 / 8, "{} wide", poster.width);
    }

    #[test]
    fn a_plain_picture_stays_small_and_whole() {
        let poster = fit(&RgbImage::from_pixel(640, 360, image::Rgb([90, 120, 30]))).unwrap();
        assert_eq!((poster.width, poster.height), (640, 360));
        assert!(poster.jpeg.len() < MIN_BYTES);
    }
}
