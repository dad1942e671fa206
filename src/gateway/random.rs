//! The number by which Tencent recognises a repeated message: two with the same one, of one sender in one group, within
//! five minutes, are one message. It is fixed before the first attempt and kept across retries.

use sha2::{Digest, Sha256};

/// Derived from the caller's request id, so that the caller's own repetition is recognised too; drawn where there is none.
pub fn message_random(request_id: &str) -> u32 {
    if request_id.is_empty() {
        return rand::random();
    }
    let hash = Sha256::digest(request_id.as_bytes());
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
}
