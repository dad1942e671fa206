//! The messages in the bytes of a gRPC stream.

use bytes::Buf;

/// Counts messages by their prefixes: a flag byte and four bytes of length.
#[derive(Debug, Default)]
pub struct Messages {
    count: u64,
    /// Bytes of the current message that are still to come.
    remaining: u64,
    prefix: [u8; 5],
    prefix_len: usize,
}

/// What is seen of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen<'a> {
    /// A message of this length begins.
    Begins(u32),
    /// These are the next bytes of it.
    Bytes(&'a [u8]),
}

impl Messages {
    /// Looks at the next bytes of the stream, and tells of each message that begins or goes on in them.
    pub fn see<'a>(&mut self, mut data: &'a [u8], mut seen: impl FnMut(Seen<'a>)) {
        while !data.is_empty() {
            if self.remaining > 0 {
                let here = data.len().min(usize::try_from(self.remaining).unwrap_or(usize::MAX));
                let (bytes, rest) = data.split_at(here);
                seen(Seen::Bytes(bytes));
                data = rest;
                self.remaining -= here as u64;
                continue;
            }
            let take = data.len().min(self.prefix.len() - self.prefix_len);
            self.prefix[self.prefix_len..self.prefix_len + take].copy_from_slice(&data[..take]);
            self.prefix_len += take;
            data.advance(take);
            if let (5, [_, a, b, c, d]) = (self.prefix_len, self.prefix) {
                self.count += 1;
                self.prefix_len = 0;
                let length = u32::from_be_bytes([a, b, c, d]);
                self.remaining = u64::from(length);
                seen(Seen::Begins(length));
            }
        }
    }

    /// Messages that have begun so far.
    pub fn count(&self) -> u64 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::{Messages, Seen};

    #[test]
    fn messages_are_counted_across_any_split() {
        let stream = [&[0, 0, 0, 0, 3, 1, 2, 3][..], &[0, 0, 0, 0, 0][..], &[1, 0, 0, 0, 1, 9][..]].concat();
        for size in 1..=stream.len() {
            let (mut messages, mut lengths, mut bytes) = (Messages::default(), Vec::new(), Vec::new());
            for chunk in stream.chunks(size) {
                messages.see(chunk, |seen| match seen {
                    Seen::Begins(length) => lengths.push(length),
                    Seen::Bytes(more) => bytes.extend_from_slice(more),
                });
            }
            assert_eq!((messages.count(), lengths), (3, vec![3, 0, 1]), "in pieces of {size}");
            assert_eq!(bytes, [1, 2, 3, 9], "in pieces of {size}");
        }
    }
}
