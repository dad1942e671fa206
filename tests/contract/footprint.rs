//! What requests are said to take in memory, before they are decoded.

use contract::command::Method;
use contract::command::methods::METHODS;
use contract::footprint::Footprint;
use prost_reflect::prost::Message;
use prost_reflect::prost::encoding::encode_varint;
use prost_reflect::{DynamicMessage, Value};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::support::{arbitrary, dynamic};

/// The weight of a message that comes in pieces of this size.
fn weight(method: &Method, bytes: &[u8], piece: usize) -> u64 {
    let mut footprint = Footprint::new(method.request, u32::try_from(bytes.len()).unwrap());
    bytes.chunks(piece).map(|piece| footprint.see(piece)).sum()
}

/// Elements of all lists and maps of a message, those of what they hold included.
fn items(message: &DynamicMessage) -> u64 {
    message.fields().map(|(_, value)| items_of(value)).sum()
}

fn items_of(value: &Value) -> u64 {
    match value {
        Value::Message(message) => items(message),
        Value::List(list) => list.iter().map(|item| 1 + items_of(item)).sum(),
        Value::Map(map) => map.values().map(|item| 1 + items_of(item)).sum(),
        _ => 0,
    }
}

#[test]
fn every_item_of_every_request_counts() {
    let (pool, mut random) = (dynamic::pool(), StdRng::seed_from_u64(7));
    let mut seen = 0;
    for method in METHODS {
        let input = dynamic::method(&pool, method.path).input();
        for _ in 0..20 {
            let message = arbitrary::message(&mut random, &input, 0);
            let (bytes, items) = (message.encode_to_vec(), items(&message));
            let weight = weight(method, &bytes, bytes.len().max(1));
            assert!(weight >= items * 128, "{}: {weight} for {items} items of {message:?}", method.path);
            // An item is no more than the largest type and what is made of it; a text may be all control characters.
            let most = items * 3_000 + bytes.len() as u64 * 6;
            assert!(weight <= most, "{}: {weight} for {items} items of {message:?}", method.path);
            seen += items;
        }
    }
    assert!(seen > 5_000, "{seen} items were seen");
}

/// Bytes that are no message count up to where they cannot be decoded any more, however they come.
#[test]
fn broken_requests_weigh_what_can_be_decoded_of_them() {
    let (pool, mut random) = (dynamic::pool(), StdRng::seed_from_u64(8));
    for method in METHODS {
        let input = dynamic::method(&pool, method.path).input();
        for _ in 0..40 {
            let mut bytes = arbitrary::message(&mut random, &input, 0).encode_to_vec();
            for _ in 0..random.random_range(1..4) {
                if !bytes.is_empty() {
                    let place = random.random_range(0..bytes.len());
                    bytes[place] = random.random();
                }
            }
            let whole = weight(method, &bytes, bytes.len().max(1));
            for piece in [1, 2, 7] {
                assert_eq!(weight(method, &bytes, piece), whole, "{}: {bytes:?}", method.path);
            }
            if let Ok(message) = DynamicMessage::decode(input.clone(), bytes.as_slice()) {
                assert!(whole >= items(&message) * 128, "{}: {bytes:?}", method.path);
            }
        }
    }
}

/// What a decoder skips is skipped, and what comes after it counts.
#[test]
fn unknown_fields_and_groups_hide_nothing() {
    let path = "tencentim.group.v1.MemberService/AddMembers";
    let method = METHODS.iter().find(|method| method.path == path).unwrap();
    // `members` is field 2.
    let member: &[u8] = &[0x12, 0];
    let one = weight(method, member, 1);
    assert!(one >= 128);
    let (group, end) = (&[0xfb, 0x01][..], &[0xfc, 0x01][..]);
    for before in [
        &[][..],
        &[0xf8, 0x01, 0x05],
        &[0xf9, 0x01, b'a', b'b', b'c', b'd', b'e', b'f', b'g', b'h'],
        &[0xfd, 0x01, b'a', b'b', b'c', b'd'],
        &[0xfa, 0x01, 4, b'a', b'b', b'c', b'd'],
        &[group, end].concat(),
        // Within a group numbers mean other fields, and lengths that fit nowhere else.
        &[group, &[0x12, 3, 0x7f, 0x7f, 0x7f], group, end, end].concat(),
    ] {
        assert_eq!(weight(method, &[before, member, member].concat(), 3), 2 * one, "{before:?}");
    }
}

/// Packed numbers cost what each of them takes, not what their bytes do.
#[test]
fn packed_numbers_count_one_by_one() {
    let path = "tencentim.group.v1.MessageService/BatchRecallMessages";
    let method = METHODS.iter().find(|method| method.path == path).unwrap();
    // `seqs` is field 2, `reason` is field 4.
    let alone = weight(method, &[0x10, 1], 1);
    assert!(alone >= 128);
    let sizes = [0, 1, 127, 128, 300, 1 << 28, u64::from(u32::MAX), u64::MAX];
    let mut numbers = Vec::new();
    sizes.iter().for_each(|number| encode_varint(*number, &mut numbers));
    let mut packed = vec![0x12];
    encode_varint(numbers.len() as u64, &mut packed);
    packed.extend_from_slice(&numbers);
    // What comes after them is read as what it is: here a number that is not packed, and a text to be escaped.
    let after = [0x10, 1, 0x22, 2, 0x01, b'a'];
    let message = [&[0x12, 0][..], &packed, &packed, &after].concat();
    let expected = (2 * sizes.len() as u64 + 1) * alone + 6;
    for piece in 1..=message.len() {
        assert_eq!(weight(method, &message, piece), expected, "in pieces of {piece}");
    }
}
