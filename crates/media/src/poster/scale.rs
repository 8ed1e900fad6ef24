//! Pictures made smaller: each pixel is the mean of those that it stands for.
//!
//! Resizing was half of what a still's poster cost; this one uses what the processor has for it (SSE, AVX, NEON).

use camtrail_model::ports::MediaError;
use fast_image_resize::{
    FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer,
    images::{Image, ImageRef},
};
use image::RgbImage;

/// `picture` in `width` times `height` pixels, none of them 0.
pub(super) fn scaled(picture: &RgbImage, width: u32, height: u32) -> Result<RgbImage, MediaError> {
    let failed = |error: &dyn std::fmt::Display| {
        MediaError::Failed(format!("the picture can't be made smaller: {error}"))
    };
    let source = ImageRef::new(picture.width(), picture.height(), picture.as_raw(), PixelType::U8x3)
        .map_err(|error| failed(&error))?;
    let mut small = Image::new(width, height, PixelType::U8x3);
    let mean = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Box));
    Resizer::new().resize(&source, &mut small, &mean).map_err(|error| failed(&error))?;
    RgbImage::from_raw(width, height, small.into_vec()).ok_or_else(|| failed(&"its size is wrong"))
}

/// Within `max_width` times `max_height`, in the same proportions; smaller ones stay as they are.
pub(super) fn within(picture: RgbImage, max_width: u32, max_height: u32) -> Result<RgbImage, MediaError> {
    let (width, height) = (u64::from(picture.width()), u64::from(picture.height()));
    let (most_wide, most_high) = (u64::from(max_width), u64::from(max_height));
    if width <= most_wide && height <= most_high || width == 0 || height == 0 {
        return Ok(picture);
    }
    // The narrower of the two bounds, rounded to the nearest pixel.
    let (across, along) = if width * most_high >= height * most_wide {
        (most_wide, (height * most_wide + width / 2) / width)
    } else {
        ((width * most_high + height / 2) / height, most_high)
    };
    let side = |pixels: u64| u32::try_from(pixels.max(1)).unwrap_or(u32::MAX);
    scaled(&picture, side(across), side(along))
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn proportions_stay() {
        for (from, to) in [
            ((1280, 720), (640, 360)),
            ((720, 1280), (360, 640)),
            ((2000, 3), (640, 1)),
            ((3, 2000), (1, 640)),
            ((2560, 1920), (640, 480)),
            ((64, 48), (64, 48)),
            ((641, 640), (640, 639)),
        ] {
            let small = within(RgbImage::from_pixel(from.0, from.1, Rgb([90, 120, 30])), 640, 640).unwrap();
            assert_eq!(small.dimensions(), to, "{from:?}");
            assert!(small.pixels().all(|pixel| *pixel == Rgb([90, 120, 30])), "{from:?}");
        }
    }

    #[test]
    fn a_pixel_is_the_mean_of_its_own() {
        let stripes =
            RgbImage::from_fn(
                1280,
                8,
                |x, _| if x % 2 == 0 { Rgb([0, 40, 200]) } else { Rgb([100, 60, 200]) },
            );
        let small = scaled(&stripes, 640, 4).unwrap();
        assert!(small.pixels().all(|pixel| *pixel == Rgb([50, 50, 200])), "{:?}", small.get_pixel(0, 0));
    }
}
