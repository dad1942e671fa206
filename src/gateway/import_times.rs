//! The times of imported messages. Tencent keeps whole seconds, and takes a message only if it is later than the group's
//! newest one: two messages of one second are one too many.

use contract::pb::MessageToImport;

/// Tencent's code for a time that it does not take.
const BAD_TIME: i32 = 10004;
const FORBIDDEN_WORD: i32 = 80001;
const TOO_LONG: i32 = 80002;

/// Sets the times as they are sent: whole seconds. With `move_equal`, a message of the same second as one before it gets the
/// next second that is free. A message that is earlier than one before it keeps its time, for only the caller knows which of
/// the two is right. Returns the seconds.
pub fn settle(messages: &mut [MessageToImport], move_equal: bool) -> Vec<i64> {
    // The latest second so far, as it came and as it is sent.
    let mut latest: Option<(i64, i64)> = None;
    let times = messages.iter_mut().map(|message| {
        let time = message.send_time.get_or_insert_default();
        time.nanos = 0;
        let came = time.seconds;
        if let Some((before, sent)) = latest.filter(|(before, _)| move_equal && came >= *before) {
            time.seconds = came.max(sent.saturating_add(1));
            latest = Some((before.max(came), time.seconds));
        } else if latest.is_none_or(|(before, _)| came > before) {
            latest = Some((came, came));
        }
        time.seconds
    });
    times.collect()
}

/// Finds out why messages of a request were refused.
#[derive(Debug)]
pub struct Refusals {
    /// The current second.
    now: i64,
    /// The newest message of the request that was imported: its index and its second.
    newest: Option<(usize, i64)>,
}

impl Refusals {
    /// Of a request that was sent in this second.
    pub fn new(now: i64) -> Self {
        Self { now, newest: None }
    }

    /// The message of this index was imported with this second.
    pub fn imported(&mut self, index: usize, time: i64) {
        self.newest = self.newest.filter(|(_, newest)| *newest >= time).or(Some((index, time)));
    }

    /// Why the next message, sent with this second, was refused with this code.
    pub fn cause(&self, time: i64, code: i32) -> String {
        match code {
            BAD_TIME => self.wrong_time(time),
            FORBIDDEN_WORD => "it holds words that the application forbids".to_owned(),
            TOO_LONG => "it is longer than Tencent takes".to_owned(),
            _ => "the message was not imported".to_owned(),
        }
    }

    fn wrong_time(&self, time: i64) -> String {
        match self.newest {
            _ if time >= self.now => "send_time lies in the future: it must be earlier than now".to_owned(),
            Some((index, newest)) if newest == time => format!(
                "send_time must be later than that of messages[{index}], which was imported with the same second; \
                 move_equal_times moves equal seconds on"
            ),
            Some((index, newest)) if newest > time => {
                format!("send_time must be later than that of messages[{index}], which was imported before it")
            }
            _ => "send_time must be later than the creation of the group or topic, and than its newest message"
                .to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use contract::pb::MessageToImport;

    use super::{Refusals, settle};

    fn sent(times: &[(i64, i32)], move_equal: bool) -> Vec<i64> {
        let message = |(seconds, nanos): &(i64, i32)| MessageToImport {
            send_time: Some(prost_types::Timestamp { seconds: *seconds, nanos: *nanos }),
            ..MessageToImport::default()
        };
        let mut messages: Vec<_> = times.iter().map(message).collect();
        let seconds = settle(&mut messages, move_equal);
        let as_sent = messages.iter().map(|message| message.send_time.unwrap_or_default());
        assert!(as_sent.eq(seconds.iter().map(|seconds| prost_types::Timestamp { seconds: *seconds, nanos: 0 })));
        seconds
    }

    #[test]
    fn equal_seconds_move_on_and_others_stay() {
        let times = [(5, 1), (5, 9), (5, 0), (6, 0), (20, 0), (20, 0)];
        assert_eq!(sent(&times, true), [5, 6, 7, 8, 20, 21]);
        assert_eq!(sent(&times, false), [5, 5, 5, 6, 20, 20]);
    }

    #[test]
    fn what_is_out_of_order_keeps_its_time() {
        assert_eq!(sent(&[(5, 0), (5, 0), (4, 0), (5, 0), (9, 0)], true), [5, 6, 4, 7, 9]);
    }

    #[test]
    fn each_refusal_has_its_cause() {
        let mut refusals = Refusals::new(100);
        refusals.imported(0, 50);
        refusals.imported(1, 40);
        let why = |time, code| refusals.cause(time, code);
        assert!(why(50, 10004).contains("messages[0], which was imported with the same second"));
        assert!(why(49, 10004).contains("messages[0], which was imported before it"));
        assert!(why(100, 10004).contains("in the future"));
        assert!(why(51, 10004).contains("the creation of the group"));
        assert!(why(60, 80001).contains("forbids"));
        assert!(why(60, 80002).contains("longer"));
    }
}
