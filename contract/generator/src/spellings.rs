//! Every spelling that stands anywhere for a thing is read everywhere for that thing: replies of one command use what another
//! one is documented with.

use std::collections::BTreeSet;

use crate::model::{Field, Model};
use crate::options::Shape;

/// Gives each field the spellings of all fields of its type that share one with it.
pub fn mark(model: &mut Model) {
    let families = families(model);
    for message in model.messages.values_mut() {
        let own: BTreeSet<String> = message.fields.iter().filter(|f| has_key(f)).flat_map(own).collect();
        for field in message.fields.iter_mut().filter(|field| has_key(field)) {
            let key = field.key();
            let mut spellings: Vec<String> = own_aliases(field).to_vec();
            let family = families.iter().find(|(kind, names)| *kind == kind_of(field) && names.contains(&key));
            let others = family.into_iter().flat_map(|(_, names)| names);
            // What the message itself calls so is another thing there.
            spellings.extend(others.filter(|name| !own.contains(*name)).cloned());
            field.spellings = spellings;
        }
    }
}

/// The spellings that mean one thing, by type.
fn families(model: &Model) -> Vec<(String, BTreeSet<String>)> {
    let mut families: Vec<(String, BTreeSet<String>)> = Vec::new();
    let fields = model.messages.values().filter(|message| message.in_json).flat_map(|message| &message.fields);
    for field in fields.filter(|field| has_key(field) && !own_aliases(field).is_empty()) {
        let mut names: BTreeSet<String> = own(field).collect();
        let kind = kind_of(field);
        families.retain(|(other, members)| {
            let same = *other == kind && !names.is_disjoint(members);
            if same {
                names.extend(members.iter().cloned());
            }
            !same
        });
        families.push((kind, names));
    }
    families
}

fn has_key(field: &Field) -> bool {
    field.oneof.is_none() && !matches!(field.shape(), Shape::None | Shape::Inline | Shape::ErrorReason)
}

fn kind_of(field: &Field) -> String {
    format!("{:?} {:?}", field.kind, field.card)
}

fn own_aliases(field: &Field) -> &[String] {
    field.json.as_ref().map(|json| json.aliases.as_slice()).unwrap_or_default()
}

fn own(field: &Field) -> impl Iterator<Item = String> + '_ {
    std::iter::once(field.key()).chain(own_aliases(field).iter().cloned())
}
