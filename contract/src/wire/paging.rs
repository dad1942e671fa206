//! Page tokens: opaque to callers, with a 64-bit position inside. A letter says what the position counts, so that a
//! token of one list is refused by another.

use serde::de::MapAccess;
use serde::ser::SerializeMap;

use super::reading::Entry;
use super::{Int, Text};

/// How a command pages (`Paging.Style` of the options).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// A number that the reply hands on.
    NextNumber,
    /// A text that the reply hands on.
    NextText,
    /// A count of items.
    Offset,
    /// Communities by text, other groups by count.
    OffsetOrNextText,
    /// Message numbers, downwards.
    SeqDown,
}

/// Ids of communities start with this, custom ones and Tencent's own.
#[must_use]
pub fn is_community(group_id: &str) -> bool {
    group_id.starts_with("@TGS#_")
}

/// Whether a token is of the style; the empty one (the first page) always is.
#[must_use]
pub fn is_valid(style: Style, token: &str) -> bool {
    token.is_empty()
        || match style {
            Style::NextNumber => number(token, 'n').is_some(),
            Style::NextText => text(token).is_some(),
            Style::Offset => number(token, 'o').is_some(),
            Style::OffsetOrNextText => number(token, 'o').is_some() || text(token).is_some(),
            Style::SeqDown => number(token, 's').is_some(),
        }
}

/// Writes the position; the first page's where the command requires one.
pub fn write<M: SerializeMap>(
    map: &mut M,
    style: Style,
    key: &str,
    token: &str,
    group_id: &str,
) -> Result<(), M::Error> {
    match style {
        Style::NextNumber => map.serialize_entry(key, &number(token, 'n').unwrap_or_default()),
        Style::NextText => map.serialize_entry(key, text(token).unwrap_or_default()),
        Style::OffsetOrNextText if is_community(group_id) => {
            map.serialize_entry("Next", text(token).unwrap_or_default())
        }
        Style::Offset | Style::OffsetOrNextText => map.serialize_entry(key, &number(token, 'o').unwrap_or_default()),
        Style::SeqDown => match number(token, 's') {
            Some(seq) => map.serialize_entry(key, &seq),
            None => Ok(()),
        },
    }
}

/// Reads a position that [`write()`] wrote.
pub fn read<'de, A: MapAccess<'de>>(entry: &mut Entry<'_, A>, style: Style) -> Result<String, A::Error> {
    Ok(match style {
        Style::NextText => text_token(&entry.get::<String, Text>()?),
        Style::OffsetOrNextText if entry.key == "Next" => text_token(&entry.get::<String, Text>()?),
        Style::NextNumber => number_token('n', entry.get::<u64, Int>()?),
        Style::Offset | Style::OffsetOrNextText => number_token('o', entry.get::<u64, Int>()?),
        Style::SeqDown => number_token('s', entry.get::<u64, Int>()?),
    })
}

/// Reads where the reply says that the next page starts. Without that, a page looks like the last one.
pub fn read_next<'de, A: MapAccess<'de>>(entry: &mut Entry<'_, A>, style: Style) -> Result<String, A::Error> {
    match style {
        Style::NextNumber => entry.decisive().get::<u64, Int>().map(|next| number_token('n', next)),
        _ => entry.decisive().get::<String, Text>().map(|next| text_token(&next)),
    }
}

/// Writes where the next page starts, as a reply says it.
pub fn write_next<M: SerializeMap>(map: &mut M, style: Style, key: &str, token: &str) -> Result<(), M::Error> {
    match style {
        Style::NextNumber => map.serialize_entry(key, &number(token, 'n').unwrap_or_default()),
        _ => match text(token) {
            Some(next) => map.serialize_entry(key, next),
            None => Ok(()),
        },
    }
}

/// The page size that is sent: the default for 0, never more than Tencent serves.
#[must_use]
pub fn effective_size(asked: i64, default: u32, most: u32) -> i64 {
    let size = if asked <= 0 { i64::from(default) } else { asked };
    if most > 0 { size.min(i64::from(most)) } else { size }
}

/// Writes the page size, unless the command is left to choose it.
pub fn write_size<M: SerializeMap>(
    map: &mut M,
    key: &str,
    asked: i64,
    default: u32,
    most: u32,
) -> Result<(), M::Error> {
    match effective_size(asked, default, most) {
        0 => Ok(()),
        size => map.serialize_entry(key, &size),
    }
}

/// The next page of a list that counts items, of which `size` were asked for. A page as full as that is not the last one,
/// whatever the total says: totals lag, and some replies have none. A shorter page is the last one, unless the total
/// says that more follow; of a filtered list it says nothing.
#[must_use]
pub fn next_offset(token: &str, items: usize, total: u64, filtered: bool, size: i64) -> String {
    let items = items as u64;
    let next = number(token, 'o').unwrap_or_default().saturating_add(items);
    let full = size > 0 && items >= size.unsigned_abs();
    let more = full || (!filtered && next < total);
    if items > 0 && more { number_token('o', next) } else { String::new() }
}

/// The next page of a history: below the smallest number of this one, until number 1 was read. A message without its
/// number names no place.
#[must_use]
pub fn next_seq(seqs: impl Iterator<Item = u64>) -> String {
    number_token('s', seqs.filter(|seq| *seq > 0).min().unwrap_or_default().saturating_sub(1))
}

/// The position behind so many items, for a list whose next number is a count of them.
#[must_use]
pub fn from_count(items: u64) -> String {
    number_token('n', items)
}

fn number(token: &str, kind: char) -> Option<u64> {
    token.strip_prefix(kind)?.parse().ok()
}

fn text(token: &str) -> Option<&str> {
    token.strip_prefix('t')
}

fn number_token(kind: char, position: u64) -> String {
    if position == 0 { String::new() } else { format!("{kind}{position}") }
}

/// A list ends with an empty text, or with "0" where Tencent's cursor is a number written as text.
fn text_token(next: &str) -> String {
    if matches!(next, "" | "0") { String::new() } else { format!("t{next}") }
}
