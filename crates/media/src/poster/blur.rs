//! What a list shows until the poster is there: a `ThumbHash`, some 25 bytes that unfold into a blurred picture.

use camtrail_model::ports::MediaError;
use data_encoding::BASE64;
use image::RgbImage;

use super::scale::scaled;

/// Seven waves a side are all that a `ThumbHash` holds; the format would take 100 pixels.
const SIDE_PX: u32 = 64;
/// Fewer pixels than waves would be noise.
const MIN_SIDE_PX: u32 = 16;
const OPAQUE: u8 = 255;

/// The hash of `picture` in base 64; `None` where there is no picture.
pub(super) fn of(picture: &RgbImage) -> Result<Option<String>, MediaError> {
    let longest = picture.width().max(picture.height());
    if picture.width().min(picture.height()) == 0 {
        return Ok(None);
    }
    let small_side = |side: u32| (side * SIDE_PX.min(longest) / longest).max(MIN_SIDE_PX);
    let small = scaled(picture, small_side(picture.width()), small_side(picture.height()))?;
    let pixels: Vec<u8> = small.pixels().flat_map(|&image::Rgb([r, g, b])| [r, g, b, OPAQUE]).collect();
    let (width, height) = (small.width() as usize, small.height() as usize);
    Ok(Some(BASE64.encode(&thumbhash::rgba_to_thumb_hash(width, height, &pixels))))
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    fn unfolded(hash: &str) -> (usize, usize, Vec<u8>) {
        thumbhash::thumb_hash_to_rgba(&BASE64.decode(hash.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn it_shows_what_is_bright_and_where() {
        let halves =
            RgbImage::from_fn(640, 360, |x, _| if x < 320 { Rgb([10, 10, 40]) } else { Rgb([240, 220, 90]) });
        let hash = of(&halves).unwrap().unwrap();
        assert!((24..=36).contains(&hash.len()), "{hash}");
        let (width, height, pixels) = unfolded(&hash);
        assert!(width > height, "{width}x{height}");
        let at = |x: usize| usize::from(pixels[(height / 2 * width + x) * 4]);
        assert!(at(2) < 60 && at(width - 3) > 190, "{} and {}", at(2), at(width - 3));
    }

    #[test]
    fn any_shape_has_one() {
        for (width, height) in [(1, 1), (640, 1), (1, 640), (640, 640), (3, 2), (360, 640)] {
            let hash = of(&RgbImage::from_pixel(width, height, Rgb([90, 120, 30]))).unwrap().unwrap();
            let [r, g, b] =
                [0, 1, 2].map(|channel| unfolded(&hash).2[channel].abs_diff([90, 120, 30][channel]));
            assert!(r.max(g).max(b) < 12, "{width}x{height}: {r}, {g}, {b} off");
        }
        assert_eq!(of(&RgbImage::new(0, 9)).unwrap(), None);
    }
}
