//! Tagged elements, such as `{"MsgType": "TIMTextElem", "MsgContent": {…}}`. What no arm knows, or what an arm cannot
//! read, is kept as it stood, so that a history loses nothing.

use std::borrow::Cow;
use std::cell::Cell;

use prost_types::Struct;
use serde::de::{IgnoredAny, MapAccess};
use serde::ser::{Error as _, SerializeMap};
use serde_json::value::RawValue;
use serde_with::de::DeserializeAsWrap;

use super::{Json, JsonMessage, Name, Object, Text, from_raw, get, put};

/// How deep elements may hold elements. Deeper ones are kept unread: each level is read anew from its text, which
/// serde_json's own limit on nesting does not see.
const MAX_DEPTH: u32 = 16;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// A tagged element whose content is still text.
pub struct Parts<'de> {
    tag: String,
    content: Option<Cow<'de, str>>,
}

/// Reads tag and content, in whatever order they come.
pub fn parts<'de, A: MapAccess<'de>>(mut map: A, tag: &str, content: &str) -> Result<Parts<'de>, A::Error> {
    let mut parts = Parts { tag: String::new(), content: None };
    while let Some(Name(key)) = map.next_key()? {
        if key == tag {
            parts.tag = get::<String, Text, A>(&mut map)?;
        } else if key == content {
            parts.content = Some(Cow::Borrowed(map.next_value::<&'de RawValue>()?.get()));
        } else {
            map.next_value::<IgnoredAny>()?;
        }
    }
    Ok(parts)
}

impl Parts<'_> {
    /// The text that names the arm.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The content as a known message; `None` when it does not fit.
    pub fn content<T: JsonMessage>(&self) -> Option<T> {
        let depth = DEPTH.get();
        if depth >= MAX_DEPTH {
            return None;
        }
        DEPTH.set(depth + 1);
        let message = match self.content.as_deref() {
            None | Some("null") => Some(T::default()),
            Some(text) => serde_json::from_str::<Json<T>>(text).ok().map(|json| json.0),
        };
        DEPTH.set(depth);
        message
    }

    /// Tag, content and the content's exact text.
    pub fn unknown(self) -> (String, Option<Struct>, String) {
        let text = self.content.unwrap_or_default().into_owned();
        let content = from_raw::<DeserializeAsWrap<Struct, Object>>(&text).map(DeserializeAsWrap::into_inner);
        (self.tag, content, text)
    }
}

/// Writes an element that no arm knows: the exact text when there is one, else the content.
pub fn write_unknown<M: SerializeMap>(
    map: &mut M,
    tag_key: &str,
    content_key: &str,
    tag: &str,
    content: Option<&Struct>,
    text: &str,
) -> Result<(), M::Error> {
    map.serialize_entry(tag_key, tag)?;
    if !text.is_empty() {
        let raw: &RawValue = serde_json::from_str(text).map_err(M::Error::custom)?;
        return map.serialize_entry(content_key, raw);
    }
    match content {
        Some(content) => put::<Struct, Object, M>(map, content_key, content),
        None => put::<Struct, Object, M>(map, content_key, &Struct::default()),
    }
}
