//! Tagged elements, such as `{"MsgType": "TIMTextElem", "MsgContent": {…}}`. What no arm knows, or what an arm cannot
//! read, is kept as it stood, so that a history loses nothing.

use std::borrow::Cow;
use std::collections::BTreeMap;

use prost_types::Struct;
use serde::de::MapAccess;
use serde::ser::{Error as _, SerializeMap};
use serde_json::value::RawValue;

use super::codec::Nested;
use super::reading::{Entry, Place, ReadAs, Reading};
use super::{DriftKind, JsonMessage, Name, Object, Text, put};

/// How deep elements may hold elements. Deeper ones are kept unread: each level is read again from its text, which
/// serde_json's own limit on nesting does not see.
const MAX_DEPTH: u32 = 16;

/// A tagged element whose content is still text.
pub struct Parts<'de, 'a> {
    tag: String,
    content: Option<&'de str>,
    /// The keys beside these two.
    beside: Vec<(Cow<'de, str>, &'de str)>,
    keys: [&'static str; 2],
    at: &'a Place<'a>,
}

/// What an element is that no arm takes.
pub struct Unknown {
    /// What names the arm, where something does.
    pub tag: String,
    /// The text as an object, where it is one.
    pub content: Option<Struct>,
    /// The content's exact text, or that of the whole element.
    pub text: String,
    /// Whether it is that of the whole element.
    pub whole: bool,
}

/// Reads tag and content, in whatever order they come.
pub fn parts<'de, 'a, A: MapAccess<'de>>(
    mut map: A,
    keys: [&'static str; 2],
    at: &'a Place<'a>,
) -> Result<Parts<'de, 'a>, A::Error> {
    let mut parts = Parts { tag: String::new(), content: None, beside: Vec::new(), keys, at };
    while let Some(Name(key)) = map.next_key()? {
        let mut entry = Entry::new(&key, &mut map, at);
        if key == keys[0] {
            parts.tag = entry.decisive().get::<String, Text>()?;
        } else if key == keys[1] {
            parts.content = Some(entry.raw()?);
        } else {
            let json = entry.raw()?;
            parts.beside.push((key, json));
        }
    }
    Ok(parts)
}

impl Parts<'_, '_> {
    /// The text that names the arm.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The content as a known message; `None` when it does not fit.
    pub fn content<T: JsonMessage, E: serde::de::Error>(&self) -> Result<Option<T>, E> {
        let reading = self.at.reading;
        let depth = reading.depth.get();
        if depth >= MAX_DEPTH {
            return Ok(None);
        }
        let content = match self.content {
            None | Some("null") => Ok(Some(T::default())),
            Some(json) => {
                let place = self.at.key(self.keys[1]);
                reading.depth.set(depth + 1);
                let content = if reading.tolerant {
                    Ok(place.read::<T, Nested>(json))
                } else {
                    Nested::read_as(&mut serde_json::Deserializer::from_str(json), &place).map(Some).map_err(E::custom)
                };
                reading.depth.set(depth);
                content
            }
        };
        if matches!(content, Ok(Some(_))) {
            for (key, json) in &self.beside {
                self.at.key(key).note(DriftKind::Unknown, json);
            }
        }
        content
    }

    /// The element as it stands.
    pub fn unknown<E: serde::de::Error>(self) -> Result<Unknown, E> {
        if self.tag.is_empty() || !self.beside.is_empty() {
            return Err(E::custom("an element of another form"));
        }
        self.at.key(self.keys[0]).note(DriftKind::Unknown, &serde_json::Value::from(self.tag.as_str()).to_string());
        let text = self.content.unwrap_or_default();
        Ok(Unknown { tag: self.tag, content: object(text), text: text.to_owned(), whole: false })
    }
}

/// An element of any form.
pub fn kept(json: &str, tag: &str) -> Unknown {
    let content = object(json);
    let named = content.as_ref().and_then(|content| match &content.fields.get(tag)?.kind {
        Some(prost_types::value::Kind::StringValue(tag)) => Some(tag.clone()),
        _ => None,
    });
    Unknown { tag: named.unwrap_or_default(), content, text: json.to_owned(), whole: true }
}

fn object(json: &str) -> Option<Struct> {
    Object::read_as(&mut serde_json::Deserializer::from_str(json), &Reading::default().top()).ok()
}

/// Writes an element that no arm knows: the exact text when there is one, else the content.
pub fn write_unknown<M: SerializeMap>(
    map: &mut M,
    keys: [&str; 2],
    tag: &str,
    content: Option<&Struct>,
    text: &str,
    whole: bool,
) -> Result<(), M::Error> {
    if whole {
        let entries: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(text).map_err(M::Error::custom)?;
        return entries.into_iter().try_for_each(|(key, json)| map.serialize_entry(&key, json));
    }
    map.serialize_entry(keys[0], tag)?;
    if !text.is_empty() {
        let raw: &RawValue = serde_json::from_str(text).map_err(M::Error::custom)?;
        return map.serialize_entry(keys[1], raw);
    }
    put::<Struct, Object, M>(map, keys[1], content.unwrap_or(&Struct::default()))
}
