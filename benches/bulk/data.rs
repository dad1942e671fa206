//! What the sandbox is filled with, and what it says that it holds.

use std::collections::HashMap;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use serde::Deserialize;

/// The group with all the members.
pub const CROWD: &str = "crowd";
/// The group with all the messages.
pub const TALK: &str = "talk";
/// Some second of 2023, before which nothing was sent.
const START: usize = 1_700_000_000;

/// How much of everything.
pub struct Sizes {
    pub groups: usize,
    pub members: usize,
    pub messages: usize,
}

/// Writes a seed file.
pub fn write_seed(path: &Path, sizes: &Sizes) {
    let mut out = BufWriter::new(std::fs::File::create(path).unwrap());
    write!(out, r#"{{"apps":[{{"commands":["#).unwrap();
    // An imported group has room for 6,000; an ordinary one for as many as the sandbox is set to.
    write!(
        out,
        r#"{{"command":"create_group","body":{{"Type":"Public","GroupId":"{CROWD}","Name":"n","MaxMemberCount":10000000}}}},"#
    )
    .unwrap();
    write!(
        out,
        r#"{{"command":"import_group","body":{{"Type":"Public","GroupId":"{TALK}","Name":"n","CreateTime":1}}}}"#
    )
    .unwrap();
    for number in 0..sizes.groups {
        write!(
            out,
            r#",{{"command":"create_group","body":{{"Type":"Public","GroupId":"g{number:06}","Name":"Group {number}"}}}}"#
        )
        .unwrap();
    }
    for start in (0..sizes.members).step_by(20) {
        let members = (start..(start + 20).min(sizes.members)).map(|n| format!(r#"{{"Member_Account":"user{n:07}"}}"#));
        let members = members.collect::<Vec<_>>().join(",");
        write!(out, r#",{{"command":"import_group_member","body":{{"GroupId":"{CROWD}","MemberList":[{members}]}}}}"#)
            .unwrap();
    }
    for start in (0..sizes.messages).step_by(7) {
        let messages = (start..(start + 7).min(sizes.messages)).map(|n| {
            format!(
                r#"{{"From_Account":"user{:04}","SendTime":{},"MsgBody":[{{"MsgType":"TIMTextElem","MsgContent":{{"Text":"message {n}"}}}}]}}"#,
                n % 1_000,
                START + n
            )
        });
        let messages = messages.collect::<Vec<_>>().join(",");
        write!(out, r#",{{"command":"import_group_msg","body":{{"GroupId":"{TALK}","MsgList":[{messages}]}}}}"#)
            .unwrap();
    }
    write!(out, "]}}]}}").unwrap();
    out.flush().unwrap();
}

/// What is wanted of a snapshot.
#[derive(Deserialize)]
struct Snapshot {
    apps: Vec<App>,
}

#[derive(Deserialize)]
struct App {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    id: String,
    name: String,
    members: Vec<Member>,
    history: History,
}

#[derive(Deserialize)]
struct Member {
    id: String,
    join_time: i64,
}

#[derive(Deserialize)]
struct History {
    messages: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    from: Option<String>,
    time: i64,
    body: String,
}

/// A message as number, sender, time and text.
pub type Said = (u64, String, i64, String);

/// What a stream of each kind must deliver.
pub struct Expected {
    /// Name by id.
    pub groups: HashMap<String, String>,
    /// Id and time of joining, in the list's order.
    pub members: Vec<(String, i64)>,
    /// The newest first.
    pub messages: Vec<Said>,
}

impl Expected {
    pub fn of(snapshot: &[u8]) -> Self {
        let snapshot: Snapshot = serde_json::from_slice(snapshot).unwrap();
        let mut expected = Self { groups: HashMap::new(), members: Vec::new(), messages: Vec::new() };
        for group in snapshot.apps.into_iter().flat_map(|app| app.groups) {
            if group.id == CROWD {
                expected.members = group.members.into_iter().map(|member| (member.id, member.join_time)).collect();
            }
            if group.id == TALK {
                let said = |(seq, m): (u64, Message)| (seq, m.from.unwrap_or_default(), m.time, text(&m.body));
                expected.messages = (1..).zip(group.history.messages).map(said).collect();
                expected.messages.reverse();
            }
            expected.groups.insert(group.id, group.name);
        }
        expected
    }
}

/// The text of a message whose elements are JSON.
fn text(body: &str) -> String {
    let elements: serde_json::Value = serde_json::from_str(body).unwrap();
    elements[0]["MsgContent"]["Text"].as_str().unwrap_or_default().to_owned()
}
