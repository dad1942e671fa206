//! What requests are said to take in memory, before they are decoded.

use prost_reflect::prost::Message;
use prost_reflect::{DynamicMessage, Value};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tencent_im_grpc::command::Method;
use tencent_im_grpc::command::methods::METHODS;
use tencent_im_grpc::footprint::Footprint;

use crate::properties;
use crate::support::dynamic;

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
            let message = properties::arbitrary(&mut random, &input, 0);
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
            let mut bytes = properties::arbitrary(&mut random, &input, 0).encode_to_vec();
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
