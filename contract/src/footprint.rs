//! What a request takes in memory once it is decoded, computed from its bytes as they come. Two bytes are enough for an empty
//! element of a list, which then takes the size of its type, and a result in the answer: a hundred times as much.

use std::fmt;

/// The shapes of all requests and of what they hold, generated from the contract.
pub mod shapes {
    use super::{NOTHING, Part, STRUCT, Shape};
    use crate::pb;

    include!(concat!(env!("OUT_DIR"), "/shapes.rs"));
}

/// The fields of a message that may take more memory than their bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Shape(&'static [Part]);

/// One such field.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Part {
    number: u64,
    cost: Cost,
    within: Option<&'static Shape>,
}

/// What a field takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cost {
    /// So much each time that it occurs.
    Each(u64),
    /// The same for each number, of which many may be packed into one field. All lists of numbers are of variable length.
    Number(u64),
}

/// Weighs one message while its bytes come by. It reads them as prost does, to the point where prost would give up.
#[derive(Debug)]
pub struct Footprint {
    open: Vec<Level>,
    /// Bytes that have come by.
    at: u64,
    next: Next,
    varint: Varint,
}

/// A message within the message.
#[derive(Debug)]
struct Level {
    shape: &'static Shape,
    /// Where it ends; nowhere if it is a group, which a tag ends.
    end: Option<u64>,
}

/// What the next bytes are.
#[derive(Debug, Clone, Copy)]
enum Next {
    Tag,
    Number,
    /// The length of a field that may count.
    Length(Option<&'static Part>),
    Skipped(u64),
    /// Numbers one after the other, each of which takes so much.
    Packed {
        left: u64,
        each: u64,
    },
    /// Nothing that can be decoded.
    Broken,
}

#[derive(Debug, Default)]
struct Varint {
    value: u64,
    bits: u32,
}

/// Nothing in it counts.
pub static NOTHING: Shape = Shape(&[]);
/// `google.protobuf.Struct`.
pub static STRUCT: Shape =
    Shape(&[Part::list(1, size_of::<(String, prost_types::Value)>(), Some(&Shape(&[Part::one(2, 0, &VALUE)])))]);
static VALUE: Shape = Shape(&[Part::one(5, 0, &STRUCT), Part::one(6, 0, &LIST_VALUE)]);
static LIST_VALUE: Shape = Shape(&[Part::list(1, size_of::<prost_types::Value>(), Some(&VALUE))]);

/// A list that grows holds its old elements beside twice as much room for new ones.
const GROWTH: usize = 3;
/// An element's share of what is made of it: its place in a batch, its result, what is wrong with it.
const RESULT: usize = 128;
/// Deeper messages are not decoded.
const DEEPEST: usize = 128;

impl Part {
    /// A list or a map whose elements have this size.
    const fn list(number: u64, size: usize, within: Option<&'static Shape>) -> Self {
        Self { number, cost: Cost::Each((size * GROWTH + RESULT) as u64), within }
    }

    /// A list of numbers.
    const fn numbers(number: u64, size: usize) -> Self {
        Self { number, cost: Cost::Number((size * GROWTH + RESULT) as u64), within: None }
    }

    /// One message, with a separate place if it has a size.
    const fn one(number: u64, size: usize, within: &'static Shape) -> Self {
        Self { number, cost: Cost::Each(size as u64), within: Some(within) }
    }
}

impl Shape {
    fn part(&self, number: u64) -> Option<&'static Part> {
        self.0.iter().find(|part| part.number == number)
    }
}

impl Footprint {
    /// What a message of any shape takes: it is held as it came, decoded, and as JSON that grows.
    pub const COPIES: usize = 4;

    /// A message of this shape and length.
    #[must_use]
    pub fn new(shape: &'static Shape, length: u32) -> Self {
        Self {
            open: vec![Level { shape, end: Some(u64::from(length)) }],
            at: 0,
            next: Next::Tag,
            varint: Varint::default(),
        }
    }

    /// What the next bytes add, beside the [`COPIES`](Self::COPIES) of themselves.
    pub fn see(&mut self, mut data: &[u8]) -> u64 {
        let mut added = 0;
        while let [byte, rest @ ..] = data {
            match self.next {
                Next::Broken => break,
                Next::Skipped(left) => {
                    let (bytes, left) = self.pass(&mut data, left);
                    added += escapes(bytes);
                    self.skip(left);
                }
                Next::Packed { left, each } => {
                    let (bytes, left) = self.pass(&mut data, left);
                    added += each * ends(bytes);
                    self.packed(left, each);
                }
                Next::Tag | Next::Number | Next::Length(_) => {
                    self.at += 1;
                    data = rest;
                    match self.varint.push(*byte) {
                        Ok(Some(value)) => added += self.take(value),
                        Ok(None) => {}
                        Err(TooLong) => self.next = Next::Broken,
                    }
                }
            }
        }
        added
    }

    /// Goes past as many of these bytes as there are in the data. Tells them, and how many are still to come.
    fn pass<'a>(&mut self, data: &mut &'a [u8], bytes: u64) -> (&'a [u8], u64) {
        let here = usize::try_from(bytes).map_or(data.len(), |bytes| bytes.min(data.len()));
        let (passed, rest) = data.split_at(here);
        *data = rest;
        self.at += here as u64;
        (passed, bytes - here as u64)
    }

    /// Takes a complete number, and returns what it adds.
    fn take(&mut self, value: u64) -> u64 {
        match self.next {
            Next::Tag => self.tag(value),
            Next::Number => {
                self.skip(0);
                0
            }
            Next::Length(_) if value > self.left() => {
                self.next = Next::Broken;
                0
            }
            Next::Length(part) => {
                let Some(Part { cost, within, .. }) = part else {
                    self.skip(value);
                    return 0;
                };
                match (cost, within) {
                    (Cost::Number(each), _) => {
                        self.packed(value, *each);
                        0
                    }
                    (Cost::Each(each), Some(shape)) => {
                        self.enter(Level { shape, end: self.at.checked_add(value) });
                        *each
                    }
                    (Cost::Each(each), None) => {
                        self.skip(value);
                        *each
                    }
                }
            }
            Next::Skipped(_) | Next::Packed { .. } | Next::Broken => 0,
        }
    }

    fn tag(&mut self, tag: u64) -> u64 {
        let part = self.open.last().and_then(|level| level.shape.part(tag >> 3));
        let number = match part.map(|part| part.cost) {
            Some(Cost::Number(each)) => each,
            _ => 0,
        };
        let (next, cost) = match tag & 7 {
            0 => (Next::Number, number),
            1 => (Next::Skipped(8), number),
            2 => (Next::Length(part), 0),
            5 => (Next::Skipped(4), number),
            kind => {
                match kind {
                    3 => self.enter(Level { shape: &NOTHING, end: None }),
                    4 => self.leave(),
                    _ => self.next = Next::Broken,
                }
                return 0;
            }
        };
        self.next = next;
        cost
    }

    /// Bytes of the whole message that are still to come.
    fn left(&self) -> u64 {
        self.open.first().and_then(|message| message.end).unwrap_or_default().saturating_sub(self.at)
    }

    fn enter(&mut self, level: Level) {
        self.open.push(level);
        if self.open.len() > DEEPEST {
            self.next = Next::Broken;
        } else {
            self.skip(0);
        }
    }

    /// A group ends.
    fn leave(&mut self) {
        match self.open.pop() {
            Some(Level { end: None, .. }) => self.skip(0),
            _ => self.next = Next::Broken,
        }
    }

    /// So many bytes are numbers.
    fn packed(&mut self, left: u64, each: u64) {
        if left > 0 {
            self.next = Next::Packed { left, each };
        } else {
            self.skip(0);
        }
    }

    /// So many bytes do not count. Then there is a tag, after the end of each message that ends here.
    fn skip(&mut self, bytes: u64) {
        if bytes > 0 {
            self.next = Next::Skipped(bytes);
            return;
        }
        self.next = Next::Tag;
        while let Some(end) = self.open.last().and_then(|level| level.end).filter(|end| *end <= self.at) {
            self.open.pop();
            if end < self.at || self.open.is_empty() {
                self.next = Next::Broken;
                return;
            }
        }
    }
}

/// What JSON adds to a text: six characters for a control character.
fn escapes(text: &[u8]) -> u64 {
    6 * text.iter().filter(|byte| **byte < b' ').count() as u64
}

/// How many numbers end in these bytes.
fn ends(packed: &[u8]) -> u64 {
    packed.iter().filter(|byte| **byte < 0x80).count() as u64
}

/// More than ten bytes are not a number.
struct TooLong;

impl Varint {
    /// Adds a byte, and returns the number if it was the last one.
    fn push(&mut self, byte: u8) -> Result<Option<u64>, TooLong> {
        if self.bits >= 64 {
            return Err(TooLong);
        }
        self.value |= u64::from(byte & 0x7f) << self.bits;
        self.bits += 7;
        if byte & 0x80 != 0 {
            return Ok(None);
        }
        Ok(Some(std::mem::take(self).value))
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A shape may hold itself.
        f.debug_struct("Shape").finish_non_exhaustive()
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part").field("number", &self.number).finish_non_exhaustive()
    }
}
