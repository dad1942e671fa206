//! What holds of every message: it survives the way through Tencent's JSON, and no reply, however broken, is more than an
//! error.

use contract::{pb, wire};
use proptest::prelude::*;
use prost_reflect::DynamicMessage;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::support::{arbitrary, dynamic};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn every_message_survives_the_way_through_json(seed: u64) {
        let pool = dynamic::pool();
        let mut random = StdRng::seed_from_u64(seed);
        for (name, (through, _)) in arbitrary::messages() {
            let descriptor = pool.get_message_by_name(&format!("tencentim.group.v1.{name}")).unwrap();
            let message = arbitrary::message(&mut random, &descriptor, 0);
            let back = through(&prost_reflect::prost::Message::encode_to_vec(&message)).unwrap();
            let back = DynamicMessage::decode(descriptor, back.as_slice()).unwrap();
            prop_assert!(back == message, "{name}: {}\n came back as {}", dynamic::json(&message), dynamic::json(&back));
        }
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for (_, read) in arbitrary::messages().values() {
            read(&bytes);
        }
    }

    #[test]
    fn no_json_makes_the_decoder_panic(seed: u64) {
        let mut random = StdRng::seed_from_u64(seed);
        let pool = dynamic::pool();
        for (name, (_, read)) in arbitrary::messages() {
            let descriptor = pool.get_message_by_name(&format!("tencentim.group.v1.{name}")).unwrap();
            read(arbitrary::json(&mut random, &descriptor, 0).to_string().as_bytes());
        }
    }
}

#[test]
fn elements_within_elements_do_not_exhaust_the_stack() {
    let mut json = r#"{"MsgType":"TIMTextElem","MsgContent":{}}"#.to_owned();
    for _ in 0..12_000 {
        json = format!(r#"{{"MsgType":"TIMRelayElem","MsgContent":{{"MsgList":[{{"MsgBody":[{json}]}}]}}}}"#);
    }
    let reply = format!(r#"{{"ErrorCode":0,"RspMsgList":[{{"MsgBody":[{json}]}}]}}"#);
    let reply = wire::decode_reply::<pb::ListMessagesResponse>(reply.as_bytes()).unwrap();
    assert_eq!(reply.message.messages[0].elements.len(), 1);
}

#[test]
fn both_spellings_in_one_reply_are_no_fault() {
    let json =
        br#"{"ErrorCode":0,"GroupInfo":[{"GroupId":"g","ErrorCode":0,"ShutUpAllMember":"Off","MuteAllMember":"On"}]}"#;
    let reply = wire::decode_reply::<pb::GetGroupsResponse>(json).unwrap();
    assert!(reply.message.results[0].group.as_ref().unwrap().mute_all_members, "the newest spelling wins");
}
