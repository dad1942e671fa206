//! tmp
use crate::pb::ErrorReason;
/// tmp
pub fn reason(_c: i64) -> ErrorReason { ErrorReason::X }
