//! What a reply says of the call: one reader for all that read replies.

use contract::pb;
use contract::wire::{Unreadable, decode_raw, decode_reply, decode_verdict};

/// What each of the readers makes of a reply: its code and its text.
fn read(json: &str) -> Result<(i64, String), Unreadable> {
    let verdict = decode_verdict(json.as_bytes()).map(|reply| (reply.error_code, reply.error_info));
    let typed = decode_reply::<pb::GetGroupsResponse>(json.as_bytes());
    assert_eq!(typed.map(|reply| (reply.error_code, reply.error_info)), verdict, "{json}");
    let raw = decode_raw(json.as_bytes());
    assert_eq!(raw.map(|reply| (reply.error_code, reply.error_info)), verdict, "{json}");
    verdict
}

#[test]
fn the_code_decides() {
    let told = |code, info: &str| Ok((code, info.to_owned()));
    for (json, expected) in [
        (r#"{"ErrorCode":0}"#, told(0, "")),
        (r#"{"ErrorCode":"0","ActionStatus":"OK"}"#, told(0, "")),
        (r#"{"ErrorCode":10010.0,"ErrorInfo":"no\r\nsuch\tgroup"}"#, told(10010, "no\r\nsuch\tgroup")),
        (r#"{"ErrorCode":"10010","ActionStatus":"OK"}"#, told(10010, "")),
        (r#"{"ErrorCode":0,"ErrorInfo":{"a":1}}"#, told(0, "")),
        (r#"{"ErrorCode":10010,"ErrorInfo":7,"ActionStatus":[]}"#, told(10010, "")),
        (r#"{"ErrorCode":0,"ErrorCode":"0"}"#, told(0, "")),
        (r#"{"ActionStatus":"FAIL","ErrorCode":10010,"GroupInfo":{"not":"a list"}}"#, told(10010, "")),
        ("{}", Err(Unreadable::NoErrorCode)),
        (r#"{"ErrorCode":null}"#, Err(Unreadable::NoErrorCode)),
        (r#"{"ErrorCode":""}"#, Err(Unreadable::NoErrorCode)),
        (r#"{"ErrorCode":false}"#, Err(Unreadable::NoErrorCode)),
        (r#"{"ErrorCode":"none"}"#, Err(Unreadable::NoErrorCode)),
        (r#"{"ErrorCode":0.5}"#, Err(Unreadable::NoErrorCode)),
        (r#"{"ErrorCode":0,"ActionStatus":"FAIL"}"#, Err(Unreadable::Contradictory)),
        (r#"{"ErrorCode":0,"ErrorCode":10010}"#, Err(Unreadable::Contradictory)),
        (r#"{"ErrorCode":10010,"ErrorInfo":"","ErrorCode":0}"#, Err(Unreadable::Contradictory)),
        (r#"{"ErrorCode":0,"ErrorCode":"none"}"#, Err(Unreadable::Contradictory)),
        ("", Err(Unreadable::NotJson)),
        ("<html>", Err(Unreadable::NotJson)),
        (r#"{"ErrorCode":0"#, Err(Unreadable::NotJson)),
        (r#"{"ErrorCode":0}}"#, Err(Unreadable::NotJson)),
    ] {
        assert_eq!(read(json), expected, "{json}");
    }
    let none = |json: &str| matches!(read(json), Err(Unreadable::WrongShape { .. }));
    assert!(none("[]") && none("null") && none("0") && none(r#""ErrorCode""#));
}
