//! Replies that take far more memory once they are decoded than their bytes do. Two or three bytes are enough for an element of
//! a list, which then takes the size of its type.

/// Objects in a reply. Tencent's hold some thousands.
const MOST_OBJECTS: usize = 20_000;
/// Commas between elements of lists and fields of objects. They stand for all values.
const MOST_COMMAS: usize = 100_000;

/// How much there is in a reply.
#[derive(Default)]
struct Complexity {
    objects: usize,
    commas: usize,
}

/// Whether there is more in a reply than Tencent ever sends.
pub(super) fn too_complex(reply: &[u8]) -> bool {
    // Texts may be full of both, but few are.
    Complexity::of(reply.iter().copied()).is_too_much() && Complexity::of(outside_of_texts(reply)).is_too_much()
}

impl Complexity {
    fn of(bytes: impl Iterator<Item = u8>) -> Self {
        bytes.fold(Self::default(), |sum, byte| Self {
            objects: sum.objects + usize::from(byte == b'{'),
            commas: sum.commas + usize::from(byte == b','),
        })
    }

    fn is_too_much(&self) -> bool {
        self.objects > MOST_OBJECTS || self.commas > MOST_COMMAS
    }
}

/// The bytes of JSON that are not between quotes. What is not JSON is not decoded beyond its first
/// fault, and up to there this is right.
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
