//! The table of Tencent's error codes, against the list of the reference.

use std::collections::BTreeMap;

use contract::codes::{Disposition, TABLE, lookup, reason};
use contract::pb::ErrorReason;
use tonic::Code;

/// Every code of the reference with the gRPC code that it proposes; both ends of a range.
#[rustfmt::skip]
const REFERENCE: &[(Code, &[i64])] = &[
    (Code::Unauthenticated, &[10001, 20002, 60004, 60005, 60006, 70001, 70002, 70003, 70005, 70009, 70013, 70014, 70016, 70020]),
    (Code::Internal, &[10002, 20005, 20018, 60013, 70500, 90994, 90995, 91000, 110_002, 110_007]),
    (Code::Unimplemented, &[10003, 60009]),
    (Code::InvalidArgument, &[10004, 10005, 10011, 10012, 10018, 10045, 10046, 10051, 10053, 10054, 20001, 60002, 60003, 60012, 60015, 60025, 70206, 70402, 80001, 80002, 80004, 90001, 90002, 90003, 90005, 90006, 90007, 90008, 90010, 90018, 90026, 90031, 90043, 90044, 90054, 90055, 93000, 110_013]),
    (Code::ResourceExhausted, &[10006, 10014, 10023, 10036, 10037, 10038, 10047, 10048, 10049, 10058, 10063, 10070, 22007, 23003, 60007, 60011, 60018, 60019, 60028, 70050, 70398, 72000, 72002, 90057, 110_012]),
    (Code::PermissionDenied, &[10007, 10016, 10017, 10026, 10100, 10200, 20006, 20011, 20012, 60010, 60016, 60017, 60021, 70051, 70114, 70403, 90009, 120_001, 130_000]),
    (Code::FailedPrecondition, &[10008, 10009, 10024, 10031, 10032, 10033, 10034, 10035, 10041, 10044, 10059, 10060, 10061, 11000, 20016, 20023, 23002, 60020, 60026, 60027, 70399, 70404, 71000, 80005]),
    (Code::NotFound, &[10010, 10015, 10019, 10030, 10050, 10052, 10062, 20003, 20022, 23004, 70107, 90012, 90048, 110_003, 110_006, 110_008, 110_011, 110_014]),
    (Code::AlreadyExists, &[10013, 10021, 10025, 110_010]),
    (Code::Aborted, &[10056, 20027, 20028, 23001]),
    (Code::Unavailable, &[20004, 60008, 60014, 70169, 70202, 80003, 90992]),
];

/// What is wrong with the gateway's own account, app or address is nothing that its callers could do anything about.
const OPERATOR: &[i64] = &[
    10001, 20002, 60002, 60004, 60005, 60006, 60010, 60012, 60016, 60021, 60025, 60026, 60027, 70001, 70002, 70003,
    70005, 70009, 70013, 70014, 70016, 70020, 70050, 70051, 70114, 70403, 70404, 90009,
];

#[test]
fn every_code_of_the_reference_is_judged() {
    let mut count = 0;
    for (proposed, codes) in REFERENCE {
        for code in *codes {
            count += 1;
            let entry = lookup(*code);
            assert_ne!(entry.reason, ErrorReason::UnknownUpstreamCode, "{code} is missing");
            if OPERATOR.contains(code) {
                assert_eq!((entry.code, entry.reason), (Code::Internal, ErrorReason::GatewayMisconfigured), "{code}");
            } else {
                assert_eq!(entry.code, *proposed, "{code}");
                assert_ne!(entry.reason, ErrorReason::GatewayMisconfigured, "{code}");
            }
        }
    }
    let entries: usize = TABLE.iter().map(|entry| if entry.first == entry.last { 1 } else { 2 }).sum();
    assert_eq!(count, entries, "the table has codes that the reference has not");
}

#[test]
fn the_table_is_in_order() {
    for pair in TABLE.windows(2) {
        assert!(pair[0].first <= pair[0].last && pair[0].last < pair[1].first, "{:?}", pair[1]);
    }
}

#[test]
fn codes_that_the_documents_advise_to_repeat_are_repeated() {
    let advised = [
        10002, 20004, 20005, 20018, 20028, 60004, 60005, 60008, 60014, 60018, 70169, 70500, 90992, 90994, 90995, 91000,
        110_007,
    ];
    for code in advised {
        assert_ne!(lookup(code).disposition, Disposition::Refused, "{code}");
    }
    for code in [10004, 10007, 10010, 10015, 10016, 10056, 20027, 10100, 10150, 10200, 120_001, 130_000] {
        assert_eq!(lookup(code).disposition, Disposition::Refused, "{code}");
    }
    for code in [60007, 60011, 60018, 60019, 10006, 10023, 10049, 23003, 90057] {
        let entry = lookup(code);
        assert_eq!((entry.disposition, entry.reason), (Disposition::Throttled, ErrorReason::RateLimited), "{code}");
    }
}

#[test]
fn a_timeout_of_tencent_may_come_after_the_work() {
    for code in [10002, 60008, 90992] {
        assert_eq!(lookup(code).disposition, Disposition::Broken, "{code}");
    }
}

#[test]
fn of_an_unknown_code_nothing_is_known() {
    for code in [1, -1, 10020, 10201, 120_000, 130_001, i64::MIN, i64::MAX] {
        let entry = lookup(code);
        assert_eq!((entry.code, entry.reason), (Code::Unknown, ErrorReason::UnknownUpstreamCode), "{code}");
        assert_eq!(entry.disposition, Disposition::Unknown, "{code}");
    }
}

#[test]
fn an_item_that_succeeded_has_no_reason() {
    assert_eq!(reason(0), ErrorReason::Unspecified);
    assert_eq!(reason(110_003), ErrorReason::TopicNotFound);
}

#[test]
fn a_reason_goes_with_one_grpc_code() {
    let mut codes = BTreeMap::new();
    for entry in TABLE {
        let code = codes.entry(entry.reason as i32).or_insert(entry.code);
        assert_eq!(*code, entry.code, "{:?} has two gRPC codes", entry.reason);
    }
}
