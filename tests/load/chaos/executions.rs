//! What the sandbox did, request by request.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::calls::{Answer, Kind, Told, named};

/// Longer than the fault that delays, which is longer than any deadline.
const LATE: Duration = Duration::from_secs(6);

/// How often each piece of work was done: the requests that were executed with success, whatever became of the reply.
#[derive(Default)]
pub struct Executions {
    times: BTreeMap<(Kind, String), usize>,
    /// Numbers of the messages with a text. A repetition is answered with the number of the first.
    messages: BTreeMap<String, BTreeSet<u64>>,
    /// Work that was done when its caller's deadline was long past.
    late: BTreeSet<(Kind, String)>,
    /// Requests, all and those that a fault met.
    pub requests: usize,
    pub faulty: usize,
    /// Requests that were delayed past all deadlines.
    pub delayed: usize,
}

impl Executions {
    /// Reads the journal's entries.
    pub fn read(journal: &Value) -> Self {
        let mut executions = Self::default();
        for entry in journal["entries"].as_array().unwrap() {
            executions.take(entry);
        }
        executions
    }

    fn take(&mut self, entry: &Value) {
        let late = Duration::from_micros(entry["micros"].as_u64().unwrap()) >= LATE;
        self.requests += 1;
        self.faulty += usize::from(!entry["fault"].is_null());
        self.delayed += usize::from(late);
        // What was not executed has no reply, or the code of the fault.
        let reply: Value = serde_json::from_str(entry["reply"].as_str().unwrap()).unwrap_or_default();
        if reply["ErrorCode"] != 0 {
            return;
        }
        let body: Value = serde_json::from_str(entry["body"].as_str().unwrap()).unwrap();
        let done = match entry["command"].as_str().unwrap() {
            "create_group" if body.get("GroupId").is_some() => (Kind::CreateNamed, &body["GroupId"]),
            "create_group" => (Kind::Create, &body["Name"]),
            "destroy_group" => (Kind::Destroy, &body["GroupId"]),
            // 2 means that the user was a member before.
            "add_group_member" if reply["MemberList"][0]["Result"] == 1 => {
                (Kind::AddMember, &body["MemberList"][0]["Member_Account"])
            }
            "send_group_msg" => {
                let text = body["MsgBody"][0]["MsgContent"]["Text"].as_str().unwrap().to_owned();
                self.messages.entry(text).or_default().insert(reply["MsgSeq"].as_u64().unwrap());
                return;
            }
            _ => return,
        };
        let done = (done.0, done.1.as_str().unwrap().to_owned());
        if late {
            self.late.insert(done.clone());
        }
        *self.times.entry(done).or_default() += 1;
    }

    /// Whether what a caller was told is true.
    pub fn check(&self, told: &Told) {
        let name = named(told.kind, told.number);
        match told.kind {
            Kind::Read => {}
            Kind::Send => executed(told, self.messages.get(&name).map_or(0, BTreeSet::len)),
            kind => executed(told, self.times.get(&(kind, name)).copied().unwrap_or_default()),
        }
    }

    /// Whether the work was done after its caller had been told of the deadline.
    pub fn came_late(&self, told: &Told) -> bool {
        matches!(told.answer, Answer::TooLate) && self.late.contains(&(told.kind, named(told.kind, told.number)))
    }
}

/// OK is exactly once, "not executed" is never, and nothing is twice.
pub fn executed(told: &Told, times: usize) {
    match told.answer {
        Answer::Ok(_) => assert_eq!(times, 1, "{told:?}"),
        Answer::NotExecuted => assert_eq!(times, 0, "{told:?}"),
        Answer::Unknown | Answer::TooLate => assert!(times <= 1, "{told:?}"),
    }
}
