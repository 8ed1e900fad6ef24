//! Random access to a file through one small window: walkers read headers at any offset, memory stays constant.

use std::io::{self, Read, Seek, SeekFrom};

/// One read from disk, where a walk goes on from the last one: several headers' worth.
const WINDOW_BYTES: usize = 16 * 1024;
/// And after a jump: a header, and what stands behind it. Who jumps from picture to picture reads no pictures.
const FIRST_WINDOW_BYTES: usize = 512;
/// Padding beyond this isn't checked byte by byte.
const MAX_PADDING_BYTES: u64 = 64 * 1024 * 1024;

/// A file (or anything seekable) with its length.
pub(super) struct Bytes<R> {
    inner: R,
    len: u64,
    window: Vec<u8>,
    window_at: u64,
}

impl<R: Read + Seek> Bytes<R> {
    pub(super) fn new(mut inner: R) -> io::Result<Self> {
        let len = inner.seek(SeekFrom::End(0))?;
        Ok(Self { inner, len, window: Vec::new(), window_at: 0 })
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// What is at `at`, as much as one window gives; empty at the end of the file.
    pub(super) fn chunk(&mut self, at: u64) -> io::Result<&[u8]> {
        let inside = at.checked_sub(self.window_at).filter(|&skip| skip < self.window.len() as u64);
        let skip = if let Some(skip) = inside {
            skip as usize
        } else {
            self.load(at)?;
            0
        };
        Ok(&self.window[skip..])
    }

    fn load(&mut self, at: u64) -> io::Result<()> {
        let goes_on = at > 0 && at == self.window_at + self.window.len() as u64;
        let wanted = if goes_on { WINDOW_BYTES } else { FIRST_WINDOW_BYTES };
        self.window.clear();
        self.window_at = at;
        if at < self.len {
            self.inner.seek(SeekFrom::Start(at))?;
            self.inner.by_ref().take(wanted as u64).read_to_end(&mut self.window)?;
        }
        Ok(())
    }

    /// Copies what is at `at` to `out`; returns how much there was.
    pub(super) fn fill(&mut self, at: u64, out: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < out.len() {
            let chunk = self.chunk(at.saturating_add(done as u64))?;
            if chunk.is_empty() {
                break;
            }
            let take = chunk.len().min(out.len() - done);
            out[done..done + take].copy_from_slice(&chunk[..take]);
            done += take;
        }
        Ok(done)
    }

    /// `N` bytes at `at`; `None` where the file ends before.
    pub(super) fn array<const N: usize>(&mut self, at: u64) -> io::Result<Option<[u8; N]>> {
        let mut out = [0; N];
        Ok((self.fill(at, &mut out)? == N).then_some(out))
    }

    /// Big-endian; `None` where the file ends before.
    pub(super) fn u16_be(&mut self, at: u64) -> io::Result<Option<u16>> {
        Ok(self.array(at)?.map(u16::from_be_bytes))
    }

    /// Big-endian; `None` where the file ends before.
    pub(super) fn u32_be(&mut self, at: u64) -> io::Result<Option<u32>> {
        Ok(self.array(at)?.map(u32::from_be_bytes))
    }

    /// Big-endian; `None` where the file ends before.
    pub(super) fn u64_be(&mut self, at: u64) -> io::Result<Option<u64>> {
        Ok(self.array(at)?.map(u64::from_be_bytes))
    }

    /// Little-endian; `None` where the file ends before.
    pub(super) fn u32_le(&mut self, at: u64) -> io::Result<Option<u32>> {
        Ok(self.array(at)?.map(u32::from_le_bytes))
    }

    /// Whether nothing but zeros follows: cameras that allocate ahead, and block devices, leave padding.
    pub(super) fn only_zeros_from(&mut self, at: u64) -> io::Result<bool> {
        let end = self.len.min(at.saturating_add(MAX_PADDING_BYTES));
        let mut at = at;
        while at < end {
            let chunk = self.chunk(at)?;
            if chunk.is_empty() {
                break;
            }
            if chunk.iter().any(|&byte| byte != 0) {
                return Ok(false);
            }
            at += chunk.len() as u64;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn reads_across_windows_and_stops_at_the_end() {
        let content: Vec<u8> = (0..WINDOW_BYTES * 2 + 3).map(|n| n as u8).collect();
        let mut bytes = Bytes::new(Cursor::new(content.clone())).unwrap();
        let mut out = vec![0; 100];
        let at = WINDOW_BYTES - 50;
        assert_eq!(bytes.fill(at as u64, &mut out).unwrap(), 100);
        assert_eq!(out, content[at..at + 100]);
        assert_eq!(bytes.fill(content.len() as u64 - 1, &mut out).unwrap(), 1);
        assert_eq!(bytes.array::<4>(u64::MAX).unwrap(), None);
    }

    #[test]
    fn padding() {
        let mut bytes = Bytes::new(Cursor::new([1, 0, 0, 0])).unwrap();
        assert!(bytes.only_zeros_from(1).unwrap());
        assert!(bytes.only_zeros_from(4).unwrap());
        assert!(!bytes.only_zeros_from(0).unwrap());
    }
}
