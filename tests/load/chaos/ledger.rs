//! What the sandbox holds after all calls.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::calls::{Answer, Kind, Told, group_of, named};
use super::executions::executed;

/// The groups that are left, their members, and where each text was stored.
pub struct Ledger {
    /// Names by id.
    groups: BTreeMap<String, String>,
    names: BTreeMap<String, usize>,
    members: BTreeMap<String, BTreeSet<String>>,
    /// Numbers of the messages with a text, by group and text.
    messages: BTreeMap<(String, String), Vec<usize>>,
}

impl Ledger {
    /// Reads a snapshot.
    pub fn read(path: &Path) -> Self {
        let snapshot: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let mut ledger = Self {
            groups: BTreeMap::new(),
            names: BTreeMap::new(),
            members: BTreeMap::new(),
            messages: BTreeMap::new(),
        };
        for group in snapshot["apps"][0]["groups"].as_array().unwrap() {
            ledger.take(group);
        }
        ledger
    }

    fn take(&mut self, group: &Value) {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let (id, name) = (text(&group["id"]), text(&group["name"]));
        *self.names.entry(name.clone()).or_default() += 1;
        self.groups.insert(id.clone(), name);
        let members = group["members"].as_array().unwrap().iter().map(|member| text(&member["id"]));
        self.members.insert(id.clone(), members.collect());
        for (place, message) in group["history"]["messages"].as_array().unwrap().iter().enumerate() {
            let body: Value = serde_json::from_str(message["body"].as_str().unwrap()).unwrap();
            let key = (id.clone(), text(&body[0]["MsgContent"]["Text"]));
            self.messages.entry(key).or_default().push(place + 1);
        }
    }

    /// Whether what a caller was told is true.
    pub fn check(&self, told: &Told) {
        let name = named(told.kind, told.number);
        match told.kind {
            Kind::Read => {}
            Kind::Send => {
                let stored = self.messages.get(&(group_of(told.number), name));
                let stored = stored.map_or(&[][..], Vec::as_slice);
                if let Answer::Ok(seq) = &told.answer {
                    assert_eq!(stored, [seq.parse::<usize>().unwrap()], "{told:?}");
                }
                executed(told, stored.len());
            }
            Kind::Create => {
                if let Answer::Ok(id) = &told.answer {
                    assert_eq!(self.groups.get(id), Some(&name), "{told:?}");
                }
                executed(told, self.names.get(&name).copied().unwrap_or_default());
            }
            Kind::CreateNamed => executed(told, usize::from(self.groups.contains_key(&name))),
            Kind::AddMember => {
                executed(told, usize::from(self.members[&group_of(told.number)].contains(&name)));
            }
            Kind::Destroy => executed(told, usize::from(!self.groups.contains_key(&name))),
        }
    }
}
