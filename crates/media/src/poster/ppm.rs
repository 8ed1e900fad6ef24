//! Raw pictures on a pipe: binary PPM (`P6`), which says its own size.

use image::RgbImage;

/// The pictures of `stream`, up to the first that is broken or unfinished.
pub(crate) fn pictures(mut stream: &[u8]) -> Vec<RgbImage> {
    let mut found = Vec::new();
    while let Some((picture, rest)) = picture(stream) {
        found.push(picture);
        stream = rest;
    }
    found
}

fn picture(stream: &[u8]) -> Option<(RgbImage, &[u8])> {
    const BYTES_PER_PIXEL: usize = 3;
    let rest = stream.strip_prefix(b"P6")?;
    let (width, rest) = number(rest)?;
    let (height, rest) = number(rest)?;
    let (255, rest) = number(rest)? else { return None };
    // One white space ends the header.
    let rest = rest.get(1..)?;
    let length = (width as usize).checked_mul(height as usize)?.checked_mul(BYTES_PER_PIXEL)?;
    let (pixels, rest) = rest.split_at_checked(length)?;
    Some((RgbImage::from_raw(width, height, pixels.to_vec())?, rest))
}

fn number(text: &[u8]) -> Option<(u32, &[u8])> {
    let text = text.trim_ascii_start();
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = str::from_utf8(&text[..digits]).ok()?.parse().ok()?;
    Some((number, &text[digits..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_follow_each_other_and_a_broken_end_is_left_out() {
        let stream =
            [&b"P6\n2 1\n255\n"[..], &[10; 6], b"P6\n1 1\n255\n", b"\n\n\n", b"P6\n9 9\n255\nxx"].concat();
        let sizes: Vec<_> = pictures(&stream).iter().map(RgbImage::dimensions).collect();
        assert_eq!(sizes, [(2, 1), (1, 1)]);
    }

    #[test]
    fn a_lying_header_is_no_picture() {
        for stream in [&b"P6 4294967295 4294967295 255 "[..], b"P6 0", b"P5 1 1 255 x", b""] {
            assert!(pictures(stream).is_empty(), "{stream:?}");
        }
    }
}
