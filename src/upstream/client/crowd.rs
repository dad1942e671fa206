//! Replies that take far more memory once they are decoded than their bytes do. Two or three bytes are enough for an element of
//! a list, which then takes the size of its type.

/// Objects in a reply. Tencent's hold some thousands.
const MOST_OBJECTS: usize = 20_000;
/// Commas between elements of lists and fields of objects. They stand for all values.
const MOST_COMMAS: usize = 100_000;

/// What is in a reply.
#[derive(Default)]
struct Crowd {
    objects: usize,
    commas: usize,
}

/// Whether there is more in a reply than Tencent ever sends.
pub(super) fn crowded(reply: &[u8]) -> bool {
    // Texts may be full of both, but few are.
    Crowd::of(reply.iter().copied()).is_too_much() && Crowd::of(outside_of_texts(reply)).is_too_much()
}

impl Crowd {
    fn of(bytes: impl Iterator<Item = u8>) -> Self {
        bytes.fold(Self::default(), |crowd, byte| Self {
            objects: crowd.objects + usize::from(byte == b'{'),
            commas: crowd.commas + usize::from(byte == b','),
        })
    }

    fn is_too_much(&self) -> bool {
        self.objects > MOST_OBJECTS || self.commas > MOST_COMMAS
    }
}

/// The bytes of JSON that are not between quotes. What is no JSON is not decoded beyond its first fault, and up to there this is
/// right.
fn outside_of_texts(json: &[u8]) -> impl Iterator<Item = u8> {
    let (mut text, mut escaped) = (false, false);
    json.iter().copied().filter(move |byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = text,
            b'"' => text = !text,
            _ => return !text,
        }
        false
    })
}
