//! Decompresses the messages of a request as their bytes come, so that each step can be bounded before the next one.

use std::io::Write;

use flate2::write::GzDecoder;

/// A message that is being decompressed.
pub struct Inflate {
    decoder: GzDecoder<Vec<u8>>,
    limit: usize,
}

/// Why a message cannot be decompressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InflateError {
    /// It is not gzip, or cut off.
    Broken,
    /// It is larger than messages may be.
    TooLarge,
}

/// Compressed bytes that are looked at together. They become a thousand times as many at most.
const STEP: usize = 1024;

impl Inflate {
    /// A message that may have `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { decoder: GzDecoder::new(Vec::new()), limit }
    }

    /// Decompresses the next bytes, and passes what comes out of each step to `step`.
    pub fn push<E: From<InflateError>>(
        &mut self,
        compressed: &[u8],
        mut step: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        for piece in compressed.chunks(STEP) {
            let before = self.decoder.get_ref().len();
            self.decoder.write_all(piece).map_err(|_| InflateError::Broken)?;
            self.check()?;
            step(&self.decoder.get_ref()[before..])?;
        }
        Ok(())
    }

    /// The whole message. What comes out last is passed to `step` too.
    pub fn finish<E: From<InflateError>>(mut self, step: impl FnOnce(&[u8]) -> Result<(), E>) -> Result<Vec<u8>, E> {
        let before = self.decoder.get_ref().len();
        self.decoder.try_finish().map_err(|_| InflateError::Broken)?;
        self.check()?;
        step(&self.decoder.get_ref()[before..])?;
        Ok(std::mem::take(self.decoder.get_mut()))
    }

    fn check(&self) -> Result<(), InflateError> {
        if self.decoder.get_ref().len() > self.limit { Err(InflateError::TooLarge) } else { Ok(()) }
    }
}
