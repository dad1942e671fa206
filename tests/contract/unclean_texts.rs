//! Texts that are not clean JSON: what is repaired in them, and that nothing else changes.

use contract::pb;
use contract::wire::{DriftKind, Unreadable, decode_raw, decode_reply, repair};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

/// A text as a reply may hold it, and what it is read as.
const UNCLEAN: &[(&[u8], &str)] = &[
    (br"cut \ud83d", "cut \u{fffd}"),
    (br"\ud83d\ud83d\ude00", "\u{fffd}\u{1f600}"),
    (br"\ude00 end", "\u{fffd} end"),
    (br"\ude00\ud83d", "\u{fffd}\u{fffd}"),
    (br"\ud83d\u0041", "\u{fffd}A"),
    (br"\ud83d\\", "\u{fffd}\\"),
    (br"\ud83", "\u{fffd}"),
    (br"\u", "\u{fffd}"),
    (br"\u+123", "\u{fffd}+123"),
    (br"\ud83d\u", "\u{fffd}\u{fffd}"),
    (br"it\'s", r"it\'s"),
    (br"C:\Windows", r"C:\Windows"),
    (b"a\0b\x01\x1fc", "a\0b\u{1}\u{1f}c"),
    (b"line\nline\r\n\tend", "line\nline\r\n\tend"),
    (b"\xe4\xbd", "\u{fffd}"),
    (b"\xf0\x9f\x98", "\u{fffd}"),
    (b"\xff\xfe \xe4\xbd\xa0", "\u{fffd}\u{fffd} \u{4f60}"),
    (b"\xf0\x9f\x98\\n\\ud83d\n", "\u{fffd}\n\u{fffd}\n"),
];

fn reply(text: &[u8]) -> Vec<u8> {
    let before =
        br#"{"ErrorCode":0,"MemberNum":2,"MemberList":[{"Member_Account":"a"},{"Member_Account":"b","NameCard":""#;
    [&before[..], text, br#"","Role":"Admin"}]}"#].concat()
}

#[test]
fn only_the_unclean_text_is_changed() {
    for (text, expected) in UNCLEAN {
        let shown = String::from_utf8_lossy(text);
        let reply = decode_reply::<pb::ListMembersResponse>(&reply(text)).unwrap_or_else(|e| panic!("{shown}: {e}"));
        let [a, b] = &reply.message.members[..] else { panic!("{shown}: {reply:?}") };
        assert_eq!((a.user_id.as_str(), b.user_id.as_str(), b.role()), ("a", "b", pb::MemberRole::Admin), "{shown}");
        assert_eq!(b.name_card, *expected, "{shown}");
        let drift = reply.drift.entries();
        assert_eq!(drift.len(), 1, "{shown}: {drift:?}");
        assert_eq!((drift[0].path.as_str(), drift[0].kind), ("MemberList[1].NameCard", DriftKind::Mended));
        assert_eq!(drift[0].json, format!("\"{shown}\""));
    }
}

#[test]
fn raw_replies_and_refusals_are_mended_too() {
    let raw = decode_raw(br#"{"ErrorCode":0,"Deep":[{"T":"\ud83d"}]}"#).unwrap();
    assert_eq!(raw.drift.entries()[0].path, "Deep[0].T");
    let refused =
        decode_reply::<pb::ListMembersResponse>(b"{\"ErrorCode\":10010,\"ErrorInfo\":\"no\ngroup \\ud83d\"}").unwrap();
    assert_eq!((refused.error_code, refused.error_info.as_str()), (10010, "no\ngroup \u{fffd}"));
    assert!(refused.drift.is_empty());
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    let marked = [b"\xef\xbb\xbf".as_slice(), &reply(b"card")].concat();
    let reply = decode_reply::<pb::ListMembersResponse>(&marked).unwrap();
    assert_eq!(reply.message.members[1].name_card, "card");
    assert!(reply.drift.is_empty());
}

#[test]
fn what_is_no_json_for_another_reason_stays_unreadable() {
    assert_eq!(repair(&[b"[".repeat(200_000), b"\"\n\"".to_vec()].concat()), None);
    let cut = &reply(b"\n")[..60];
    for json in [b"<html>".as_slice(), b"", b"\xef\xbb\xbf", b"{\"a\":\"\n\"", b"{\"a\":\xff}", b"{\"a", b"\"\\", cut] {
        let result = decode_reply::<pb::ListMembersResponse>(json);
        assert!(matches!(result, Err(Unreadable::NotJson)), "{}", String::from_utf8_lossy(json));
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// A text in pieces, some of which are not clean; none ends within an escape that the next could close.
fn any_text() -> impl Strategy<Value = Vec<u8>> {
    let clean = "[a-z ,:{}\\[\\]\u{4f60}\u{1f600}]{0,6}".prop_map(String::into_bytes);
    let odd = proptest::sample::select(UNCLEAN).prop_map(|(text, _)| text.to_vec());
    let bytes =
        vec(any::<u8>().prop_filter("would end the text or escape its end", |b| !matches!(b, b'"' | b'\\')), 0..6);
    vec(prop_oneof![clean, odd, bytes], 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn clean_json_is_never_changed(json in any_json()) {
        prop_assert_eq!(repair(json.to_string().as_bytes()), None);
        prop_assert_eq!(repair(serde_json::to_string_pretty(&json).unwrap().as_bytes()), None);
    }

    #[test]
    fn json_that_is_only_unclean_is_always_read(texts in vec(any_text(), 1..5)) {
        let mut json = b"{\"Around\":{\"N\":1,\"Texts\":[".to_vec();
        for (index, text) in texts.iter().enumerate() {
            json.extend(if index > 0 { b",\"".as_slice() } else { b"\"" });
            json.extend(text);
            json.push(b'"');
        }
        json.extend(b"]},\"After\":true}");
        let mended = repair(&json);
        let text = mended.as_ref().map_or(json.as_slice(), |(text, _)| text.as_bytes());
        let read: Value = serde_json::from_slice(text).unwrap();
        prop_assert_eq!(read["Around"]["Texts"].as_array().map(Vec::len), Some(texts.len()));
        prop_assert_eq!(&read["After"], &json!(true));
        prop_assert_eq!(repair(text), None, "mended twice");
        for entry in mended.iter().flat_map(|(_, drift)| drift.entries()) {
            prop_assert!(entry.path.starts_with("Around.Texts["), "{}", entry.path);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in vec(any::<u8>(), 0..100)) {
        let _ = repair(&bytes);
        let _ = repair(&[b"{\"\\u".as_slice(), &bytes].concat());
    }
}
