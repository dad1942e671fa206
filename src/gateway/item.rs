//! The items of a reply that have their own code.

use contract::codes::{self, Disposition};
use contract::pb::ErrorReason;

/// One item of a reply.
#[derive(Debug)]
pub struct Item<'a> {
    /// Tencent's code; 0 is success.
    pub code: &'a mut i32,
    /// What the code means.
    pub reason: &'a mut i32,
    /// Tencent's text, where the item has one.
    pub message: Option<&'a mut String>,
}

impl Item<'_> {
    /// Judges the item again where an earlier attempt may have been executed: an error that our own repetition caused is none, and
    /// another one says nothing of the earlier attempt.
    pub fn after_lost_reply(self, command: &str) {
        let code = i64::from(*self.code);
        if code == 0 || codes::lookup(code).disposition == Disposition::Invalid {
            return;
        }
        let message = if codes::is_item_done(command, code) {
            (*self.code, *self.reason) = (0, ErrorReason::Unspecified.into());
            String::new()
        } else {
            *self.reason = ErrorReason::OutcomeUnknown.into();
            "an earlier attempt, whose reply was lost, may have been executed".to_owned()
        };
        if let Some(text) = self.message {
            *text = message;
        }
    }
}
