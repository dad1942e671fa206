//! Counts the frames of HTTP/2 that cost the server work and bring nothing. The library bounds streams that are reset and
//! headers that never end; it ignores PRIORITY and frames of unknown types, and answers PING and SETTINGS, for ever.

use tokio::time::Instant;

/// How many such frames a connection may send at once.
const BURST: f64 = 4096.0;
/// How many more it may send each second.
const PER_SECOND: f64 = 64.0;
/// How many more it may send for each frame that brings something.
const PER_USEFUL_FRAME: f64 = 8.0;
/// For how many bytes that are sent to it a client may send one such frame: readers open their windows by them.
const BYTES_EACH: f64 = 256.0;
const HEAD: usize = 9;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const END_STREAM: u8 = 1;
const PADDED: u8 = 8;
/// What padding may take of a frame. A shorter frame may hold nothing else.
const MOST_PADDING: usize = 256;

/// Follows what a client sends.
#[derive(Debug)]
pub struct FrameBudget {
    state: State,
    left: f64,
    since: Instant,
}

#[derive(Debug)]
enum State {
    /// So many bytes of the preface have come.
    Preface(usize),
    /// The connection is not HTTP/2.
    Other,
    /// The head of a frame, of which so many bytes have come.
    Head([u8; HEAD], usize),
    /// So many bytes of a frame are to come.
    Payload(usize),
}

/// The budget is spent.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many frames that bring nothing")]
pub struct Flood;

impl FrameBudget {
    /// A fresh connection.
    pub fn new() -> Self {
        Self { state: State::Preface(0), left: BURST, since: Instant::now() }
    }

    /// Sees the next bytes that the client sent.
    ///
    /// # Errors
    /// When the client has sent too many frames that bring nothing.
    pub fn received(&mut self, mut data: &[u8]) -> Result<(), Flood> {
        while let [byte, rest @ ..] = data {
            match &mut self.state {
                State::Other => return Ok(()),
                State::Preface(seen) if PREFACE.get(*seen) != Some(byte) => self.state = State::Other,
                State::Preface(seen) => {
                    *seen += 1;
                    data = rest;
                    if *seen == PREFACE.len() {
                        self.state = State::Head([0; HEAD], 0);
                    }
                }
                State::Head(head, seen) => {
                    head[*seen] = *byte;
                    *seen += 1;
                    data = rest;
                    if *seen == HEAD {
                        let [a, b, c, kind, flags, ..] = *head;
                        let length = u32::from_be_bytes([0, a, b, c]) as usize;
                        self.state = if length > 0 { State::Payload(length) } else { State::Head([0; HEAD], 0) };
                        self.count(kind, flags, length)?;
                    }
                }
                State::Payload(left) => {
                    let here = data.len().min(*left);
                    data = &data[here..];
                    *left -= here;
                    if *left == 0 {
                        self.state = State::Head([0; HEAD], 0);
                    }
                }
            }
        }
        Ok(())
    }

    /// Sees how much was sent to the client.
    pub fn sent(&mut self, bytes: usize) {
        self.add(bytes as f64 / BYTES_EACH);
    }

    fn count(&mut self, kind: u8, flags: u8, length: usize) -> Result<(), Flood> {
        let content = if flags & PADDED == 0 { length } else { length.saturating_sub(MOST_PADDING) };
        let brings = kind == HEADERS || kind == DATA && (content > 0 || flags & END_STREAM != 0);
        if brings {
            self.add(PER_USEFUL_FRAME);
            return Ok(());
        }
        if self.left < 1.0 {
            let now = Instant::now();
            self.add(PER_SECOND * now.duration_since(self.since).as_secs_f64());
            self.since = now;
        }
        self.left -= 1.0;
        if self.left < 0.0 { Err(Flood) } else { Ok(()) }
    }

    fn add(&mut self, frames: f64) {
        self.left = (self.left + frames).min(BURST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, length: u8) -> Vec<u8> {
        flagged(kind, 0, length)
    }

    fn flagged(kind: u8, flags: u8, length: u8) -> Vec<u8> {
        [&[0, 0, length, kind, flags, 0, 0, 0, 0][..], &vec![7; usize::from(length)]].concat()
    }

    /// How many of these frames are let pass, in pieces of any size.
    fn passed(kind: u8, length: u8, piece: usize) -> usize {
        passed_of(&frame(kind, length), piece)
    }

    fn passed_of(frame: &[u8], piece: usize) -> usize {
        let mut budget = FrameBudget::new();
        budget.received(PREFACE).unwrap();
        (0..100_000).take_while(|_| frame.chunks(piece).all(|piece| budget.received(piece).is_ok())).count()
    }

    #[tokio::test(start_paused = true)]
    async fn frames_that_bring_nothing_are_bounded() {
        for (kind, length) in [(2, 5), (4, 0), (6, 8), (8, 4), (0x42, 200), (DATA, 0)] {
            for piece in [1, 4, 4096] {
                assert_eq!(passed(kind, length, piece), 4096, "type {kind}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn padding_brings_nothing() {
        assert_eq!(passed_of(&flagged(DATA, PADDED, 255), 4096), 4096);
        assert_eq!(passed_of(&flagged(DATA, PADDED, 1), 4096), 4096);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_are_not() {
        assert_eq!(passed(HEADERS, 30, 7), 100_000);
        assert_eq!(passed(DATA, 1, 3), 100_000);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_may_open_its_window_as_it_reads() {
        let mut budget = FrameBudget::new();
        budget.received(PREFACE).unwrap();
        for _ in 0..100_000 {
            budget.sent(1024);
            budget.received(&[frame(8, 4), frame(8, 4)].concat()).unwrap();
        }
    }

    #[tokio::test]
    async fn another_protocol_is_let_alone() {
        let mut budget = FrameBudget::new();
        let request = b"POST / HTTP/1.1\r\n".repeat(100_000);
        assert_eq!(budget.received(&request), Ok(()));
    }
}
