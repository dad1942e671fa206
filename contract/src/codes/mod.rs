//! What each of Tencent's error codes means to a caller of this service, and whether the call may be repeated.

mod entry;
mod lost_replies;
mod table;

use tonic::Code;

use crate::pb::ErrorReason;

pub use entry::{Disposition, Entry};
pub use lost_replies::{is_done, is_item_done, method_that_shows};
pub use table::TABLE;

/// How refusals for quota are worded, in lower case.
const QUOTA_WORDS: [&str; 25] = [
    "quota",
    "frequen",
    "freq limit",
    "freq_limit",
    "freqlimit",
    "rate limit",
    "ratelimit",
    "rate_limit",
    "too many request",
    "too many call",
    "too fast",
    "qps",
    "throttl",
    "频率",
    "频繁",
    "限频",
    "限流",
    "rate-limit",
    "limit exceed",
    "exceeds the limit",
    "flow control",
    "配额",
    "流控",
    "请求过多",
    "过快",
];

/// What a code means. Of a code that no edition of the documents lists nothing is known.
#[must_use]
pub fn lookup(code: i64) -> Entry {
    let behind = TABLE.partition_point(|entry| entry.first <= code);
    TABLE[..behind].last().filter(|entry| code <= entry.last).copied().unwrap_or(Entry {
        first: code,
        last: code,
        code: Code::Unknown,
        reason: ErrorReason::UnknownUpstreamCode,
        disposition: Disposition::Unknown,
        meaning: "Tencent answered with a code that this version does not know",
    })
}

/// What a refusal means. Tencent's gateways refuse for quota under codes that no document lists: there the text decides. Unlike the
/// documented codes, such a one does not prove that nothing was executed.
#[must_use]
pub fn lookup_with_text(code: i64, text: &str) -> Entry {
    let entry = lookup(code);
    if entry.disposition != Disposition::Unknown || !speaks_of_quota(text) {
        return entry;
    }
    Entry {
        code: Code::ResourceExhausted,
        reason: ErrorReason::RateLimited,
        disposition: Disposition::Broken,
        meaning: "Tencent refuses by a rate or quota",
        ..entry
    }
}

/// Whether a text says that something is called too often.
fn speaks_of_quota(text: &str) -> bool {
    let text = text.to_lowercase();
    QUOTA_WORDS.iter().any(|word| text.contains(word))
}

/// The reason for the code of one item of a batch; `Unspecified` for 0, success.
#[must_use]
pub fn reason(code: i64) -> ErrorReason {
    if code == 0 { ErrorReason::Unspecified } else { lookup(code).reason }
}
