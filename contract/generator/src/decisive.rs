//! Which fields of replies are decisive without being marked: what shows success, what names a thing, and what shows whether
//! there is more.

use std::collections::BTreeSet;

use crate::model::{Card, Field, Kind, Model, Safety};
use crate::options::Shape;

/// Names of fields that say which thing an element of a list is: of several, the first one here.
const IDS: [&str; 6] = ["user_id", "topic_id", "permission_group_id", "group_id", "seq", "key"];
/// Names of fields that say what a write has made.
const CREATED: [&str; 5] = ["group_id", "topic_id", "permission_group_id", "stream_message_id", "seq"];

/// Marks them all.
pub fn mark(model: &mut Model) {
    let mut decisive: BTreeSet<(String, String)> = BTreeSet::new();
    let mut replies = BTreeSet::new();
    for (_, method) in model.methods() {
        let (Some(command), Some(reply)) = (&method.command, model.messages.get(&method.response)) else { continue };
        model.reach(&reply.name, &mut replies);
        let finished = command.paging.as_ref().map_or("", |paging| paging.finished.as_str());
        for field in &reply.fields {
            let list = matches!(field.card, Card::Repeated | Card::Map);
            let created = method.safety != Safety::Read && CREATED.contains(&field.name.as_str());
            if list || created || field.name == finished {
                decisive.insert((reply.name.clone(), field.name.clone()));
            }
        }
    }
    for message in replies.iter().filter_map(|name| model.messages.get(name)) {
        let codes = message.fields.iter().filter(|field| field.shape() == Shape::ErrorReason).map(Field::key);
        let codes: BTreeSet<String> = codes.collect();
        for field in message.fields.iter().filter(|field| codes.contains(&field.key())) {
            decisive.insert((message.name.clone(), field.name.clone()));
        }
        for list in message.fields.iter().filter(|field| field.card == Card::Repeated && !field.positional()) {
            if let Kind::Message(element) = &list.kind {
                decisive.extend(id(model, element));
            }
        }
    }
    for message in model.messages.values_mut() {
        for field in &mut message.fields {
            let key = (message.name.clone(), field.name.clone());
            field.decisive = field.json.as_ref().is_some_and(|json| json.decisive)
                || (replies.contains(&message.name) && decisive.contains(&key));
        }
    }
}

/// The field that says which thing an element of a list is. Messages of requests have none: there it may be left out.
fn id(model: &Model, element: &str) -> Option<(String, String)> {
    let message = model.messages.get(element).filter(|message| !message.in_request)?;
    let plain = |name: &str| message.field(name).is_some_and(|field| field.card == Card::Plain);
    if let Some(name) = IDS.iter().find(|name| plain(name)) {
        return Some((message.name.clone(), (*name).to_owned()));
    }
    message.fields.iter().filter(|field| field.shape() == Shape::Inline).find_map(|field| match &field.kind {
        Kind::Message(inner) => id(model, inner),
        _ => None,
    })
}
