//! Stills, decoded here within limits.

use std::{fs::File, io::BufReader, path::Path};

use camtrail_model::{
    media::Container,
    ports::{MediaError, Poster},
};
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, metadata::Orientation};

use super::{
    encode::{self, MAX_HEIGHT, MAX_WIDTH},
    scale::within,
};
use crate::{input::unreadable, structure};

/// No camera's sensor is wider.
const MAX_SIDE_PX: u32 = 16_384;
/// More is a decompression bomb, whoever decodes it.
const MAX_PIXELS: u64 = 100_000_000;
/// What is decoded inside this process: 75 MB of pixels at most. Larger ones go to a child with its own limit.
const MAX_PIXELS_HERE: u64 = 25_000_000;
/// Encoded bytes that are decoded inside this process: the decoders hold all of them. A file of gigabytes that begins
/// like a picture goes to a child with its own limit.
const MAX_BYTES_HERE: u64 = 64 * 1024 * 1024;
/// Decoded pixels (up to 16 bits and four channels) and the decoder's own tables.
const MAX_ALLOC_BYTES: u64 = 256 * 1024 * 1024;

/// What became of a still.
pub(super) enum Outcome {
    /// The poster.
    Poster(Poster),
    /// Not by this decoder; with its reason.
    Undecodable(String),
}

/// Makes a poster of the still at `path`.
pub(super) fn poster(path: &Path, container: Container) -> Result<Outcome, MediaError> {
    // Size first, by structure: a bomb is refused before any decoder sees it.
    let facts = structure::inspect(path).map_err(|error| unreadable(&error))?;
    let Some((width, height)) =
        facts.width.zip(facts.height).filter(|&(width, height)| width > 0 && height > 0)
    else {
        return Err(MediaError::Unusable("the picture has no size".to_owned()));
    };
    let pixels = u64::from(width) * u64::from(height);
    if width > MAX_SIDE_PX || height > MAX_SIDE_PX || pixels > MAX_PIXELS {
        return Err(MediaError::Unusable(format!("a picture of {width}x{height} pixels is too large")));
    }
    if pixels > MAX_PIXELS_HERE {
        return Ok(Outcome::Undecodable(format!("{width}x{height} pixels are too many to decode here")));
    }
    let bytes = std::fs::metadata(path).map_err(|error| unreadable(&error))?.len();
    if bytes > MAX_BYTES_HERE {
        return Ok(Outcome::Undecodable(format!("{bytes} bytes are too many to decode here")));
    }
    let Some(format) = format(container) else {
        return Ok(Outcome::Undecodable("an unknown format".to_owned()));
    };
    let (picture, orientation) = match decode(path, format) {
        Ok(decoded) => decoded,
        Err(error) => return Ok(Outcome::Undecodable(error.to_string())),
    };
    let mut small = match picture {
        DynamicImage::ImageRgb8(picture) => DynamicImage::from(within(picture, MAX_WIDTH, MAX_HEIGHT)?),
        // Rare ones (PNG with transparency or 16 bits) aren't copied as a whole first: they are large enough.
        other => other.thumbnail(other.width().min(MAX_WIDTH), other.height().min(MAX_HEIGHT)),
    };
    small.apply_orientation(orientation);
    encode::fit(&small.into_rgb8()).map(Outcome::Poster)
}

fn decode(path: &Path, format: ImageFormat) -> Result<(DynamicImage, Orientation), image::ImageError> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE_PX);
    limits.max_image_height = Some(MAX_SIDE_PX);
    limits.max_alloc = Some(MAX_ALLOC_BYTES);
    let mut reader = ImageReader::with_format(BufReader::new(File::open(path)?), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    // An upside-down camera says so in EXIF; a broken EXIF says nothing.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok((DynamicImage::from_decoder(decoder)?, orientation))
}

fn format(container: Container) -> Option<ImageFormat> {
    Some(match container {
        Container::Jpeg => ImageFormat::Jpeg,
        Container::Png => ImageFormat::Png,
        Container::Webp => ImageFormat::WebP,
        Container::Gif => ImageFormat::Gif,
        Container::Bmp => ImageFormat::Bmp,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An upload of 3 GB that began like a still once took as much memory.
    #[test]
    fn gigabytes_that_begin_like_a_picture_are_not_taken_into_memory() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("still.jpg");
        image::RgbImage::from_pixel(64, 48, image::Rgb([90, 120, 30])).save(&path).unwrap();
        assert!(matches!(poster(&path, Container::Jpeg), Ok(Outcome::Poster(_))));
        File::options().append(true).open(&path).unwrap().set_len(MAX_BYTES_HERE + 1).unwrap();
        let Ok(Outcome::Undecodable(why)) = poster(&path, Container::Jpeg) else { panic!("it was decoded") };
        assert!(why.contains("too many"), "{why}");
    }
}
