//! Finds the messages in the bytes of a gRPC stream.

use bytes::Buf;

/// Follows a stream by the prefixes of its messages: a flag byte and four bytes of length.
#[derive(Debug, Default)]
pub struct MessageScanner {
    count: u64,
    /// Bytes of the current message that are still to come.
    remaining: u64,
    prefix: [u8; 5],
    prefix_len: usize,
}

/// What is in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scanned<'a> {
    /// A message of this length begins.
    Begins {
        /// Whether its bytes are compressed.
        compressed: bool,
        /// How many bytes follow.
        length: u32,
    },
    /// The next bytes of the message.
    Bytes(&'a [u8]),
    /// The message is complete.
    Ends,
}

impl MessageScanner {
    /// Scans the next bytes of the stream, and calls `found` for each part of a message in them.
    pub fn scan<'a>(&mut self, mut data: &'a [u8], mut found: impl FnMut(Scanned<'a>)) {
        while !data.is_empty() {
            if self.remaining > 0 {
                let here = data.len().min(usize::try_from(self.remaining).unwrap_or(usize::MAX));
                let (bytes, rest) = data.split_at(here);
                found(Scanned::Bytes(bytes));
                data = rest;
                self.remaining -= here as u64;
                if self.remaining == 0 {
                    found(Scanned::Ends);
                }
                continue;
            }
            let take = data.len().min(self.prefix.len() - self.prefix_len);
            self.prefix[self.prefix_len..self.prefix_len + take].copy_from_slice(&data[..take]);
            self.prefix_len += take;
            data.advance(take);
            if let (5, [flag, a, b, c, d]) = (self.prefix_len, self.prefix) {
                self.count += 1;
                self.prefix_len = 0;
                let length = u32::from_be_bytes([a, b, c, d]);
                self.remaining = u64::from(length);
                found(Scanned::Begins { compressed: flag & 1 == 1, length });
                if length == 0 {
                    found(Scanned::Ends);
                }
            }
        }
    }

    /// Counts the messages of the next bytes, and returns how many began in them.
    pub fn count_in(&mut self, data: &[u8]) -> u64 {
        let before = self.count;
        self.scan(data, |_| {});
        self.count - before
    }
}

#[cfg(test)]
mod tests {
    use super::{MessageScanner, Scanned};

    #[test]
    fn messages_are_found_across_any_split() {
        let stream = [&[0, 0, 0, 0, 3, 1, 2, 3][..], &[0, 0, 0, 0, 0][..], &[1, 0, 0, 0, 1, 9][..]].concat();
        for size in 1..=stream.len() {
            let (mut scanner, mut begun, mut bytes, mut ended) = (MessageScanner::default(), Vec::new(), Vec::new(), 0);
            for chunk in stream.chunks(size) {
                scanner.scan(chunk, |found| match found {
                    Scanned::Begins { compressed, length } => begun.push((compressed, length)),
                    Scanned::Bytes(more) => bytes.extend_from_slice(more),
                    Scanned::Ends => ended += 1,
                });
            }
            assert_eq!((begun, ended), (vec![(false, 3), (false, 0), (true, 1)], 3), "in pieces of {size}");
            assert_eq!(bytes, [1, 2, 3, 9], "in pieces of {size}");
        }
    }
}
