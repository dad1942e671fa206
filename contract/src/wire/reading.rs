//! How a message is read. The first pass takes everything as the contract has it and stops at the first value that does not fit.
//! Only then a second one reads each value on its own, leaves out what does not fit, and notes it.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::marker::PhantomData;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{Drift, DriftKind};

/// How one value is read, all that is accepted for it included.
pub trait ReadAs<T> {
    /// Whether it is a list, of which single elements may be lost.
    const LIST: bool = false;

    /// Reads it. A value that is no list fails as a whole.
    fn read_as<'de, D: Deserializer<'de>>(json: D, at: &Place<'_>) -> Result<T, D::Error>;

    /// Takes any JSON as it stands, where there is room for that.
    fn keep(_json: &str) -> Option<T> {
        None
    }
}

/// One pass over one text.
#[derive(Default)]
pub struct Reading {
    /// Whether this is the second pass.
    pub tolerant: bool,
    /// Whether anybody asks what is odd.
    pub noting: bool,
    /// What was odd so far.
    pub drift: RefCell<Drift>,
    /// The decisive value that ended the reading.
    pub wrong: RefCell<Option<String>>,
    /// A value was left out because of its text, not of its type: the text may be repaired.
    pub unclean: Cell<bool>,
    /// Elements of the reply's own lists that were left out.
    pub lost: Cell<usize>,
    /// How many elements the list that was read last has lost, and how many it has.
    pub last_list: Cell<(usize, usize)>,
    /// How deep elements stand in elements.
    pub depth: Cell<u32>,
}

impl Reading {
    /// The place of the whole text.
    pub fn top(&self) -> Place<'_> {
        Place { reading: self, up: None, step: Step::Key("") }
    }
}

/// Where in a text something stands.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The pass.
    pub reading: &'a Reading,
    up: Option<&'a Place<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

impl<'a> Place<'a> {
    /// The place of a key's value.
    pub fn key(&'a self, key: &'a str) -> Place<'a> {
        Place { reading: self.reading, up: Some(self), step: Step::Key(key) }
    }

    fn index(&'a self, index: usize) -> Place<'a> {
        Place { reading: self.reading, up: Some(self), step: Step::Index(index) }
    }

    /// Notes what stands here.
    pub fn note(&self, kind: DriftKind, json: &str) {
        if self.reading.noting {
            self.reading.drift.borrow_mut().add(kind, || self.to_string(), json);
        }
    }

    /// Reads a value on its own. What is left out of it is noted, and so is a value that does not fit as a whole.
    pub fn read<T, C: ReadAs<T>>(&self, json: &str) -> Option<T> {
        let before = self.reading.wrong.take();
        let mut reader = serde_json::Deserializer::from_str(json);
        let fault = match C::read_as(&mut reader, self) {
            Ok(value) => {
                self.reading.wrong.replace(before);
                return Some(value);
            }
            Err(fault) => fault,
        };
        // What stands inside and was decisive for this value is noted already.
        let inside = self.reading.wrong.replace(before).is_some();
        self.reading.unclean.set(self.reading.unclean.get() || (!fault.is_data() && !inside));
        let kept = C::keep(json);
        self.note(if kept.is_some() { DriftKind::Unknown } else { DriftKind::LeftOut }, json);
        kept
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(up) = self.up else { return Ok(()) };
        up.fmt(f)?;
        match self.step {
            Step::Key(key) if up.up.is_none() => f.write_str(key),
            Step::Key(key) => write!(f, ".{key}"),
            Step::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// A key of an object whose value is still unread.
pub struct Entry<'a, A> {
    /// The key.
    pub key: &'a str,
    map: &'a mut A,
    /// The object.
    at: &'a Place<'a>,
    decisive: bool,
    positional: bool,
}

impl<'a, 'de, A: MapAccess<'de>> Entry<'a, A> {
    pub(super) fn new(key: &'a str, map: &'a mut A, at: &'a Place<'a>) -> Self {
        Self { key, map, at, decisive: false, positional: false }
    }

    /// The object that holds it cannot be read without it.
    pub(super) fn decisive(&mut self) -> &mut Self {
        self.decisive = true;
        self
    }

    /// Not one element of the list may be lost.
    pub(super) fn positional(&mut self) -> &mut Self {
        self.positional = true;
        self.decisive()
    }

    /// Reads the value; `null`, and what does not fit, is the default.
    pub(super) fn get<T: Default, C: ReadAs<T>>(&mut self) -> Result<T, A::Error> {
        self.optional::<T, C>().map(Option::unwrap_or_default)
    }

    /// Reads the value; `null`, and what does not fit, is nothing.
    pub(super) fn optional<T, C: ReadAs<T>>(&mut self) -> Result<Option<T>, A::Error> {
        let place = self.at.key(self.key);
        if !place.reading.tolerant {
            return self.map.next_value_seed(Nullable::<T, C>(&place, PhantomData));
        }
        let json = self.map.next_value::<&'de RawValue>()?.get();
        if json == "null" {
            return Ok(None);
        }
        let value = place.read::<T, C>(json);
        let (lost, kept) = if C::LIST && value.is_some() { place.reading.last_list.get() } else { (0, 0) };
        if self.at.up.is_none() {
            place.reading.lost.set(place.reading.lost.get() + lost);
        }
        if self.decisive && (value.is_none() || (lost > 0 && (kept == 0 || self.positional))) {
            place.reading.wrong.borrow_mut().get_or_insert_with(|| place.to_string());
            return Err(A::Error::custom("a decisive value does not fit"));
        }
        Ok(value)
    }

    /// The value as it stands.
    pub(super) fn raw(&mut self) -> Result<&'de str, A::Error> {
        self.map.next_value::<&'de RawValue>().map(RawValue::get)
    }

    /// Says whether a text could not be read because it is not clean.
    pub(super) fn unclean(&self, unclean: bool) {
        let reading = self.at.reading;
        reading.unclean.set(reading.unclean.get() || unclean);
    }

    /// Passes over the value of an unknown key.
    pub(super) fn unknown(&mut self) -> Result<(), A::Error> {
        let place = self.at.key(self.key);
        if !place.reading.noting {
            return self.map.next_value::<IgnoredAny>().map(drop);
        }
        let json = self.map.next_value::<&'de RawValue>()?.get();
        place.note(DriftKind::Unknown, json);
        Ok(())
    }
}

/// Reads a value; `null` is nothing.
struct Nullable<'a, T, C>(&'a Place<'a>, PhantomData<(T, C)>);

impl<'de, T, C: ReadAs<T>> DeserializeSeed<'de> for Nullable<'_, T, C> {
    type Value = Option<T>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_option(self)
    }
}

impl<'de, T, C: ReadAs<T>> Visitor<'de> for Nullable<'_, T, C> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        C::read_as(json, self.0).map(Some)
    }
}

/// Reads a value.
struct Seed<'a, T, C>(&'a Place<'a>, PhantomData<(T, C)>);

impl<'de, T, C: ReadAs<T>> DeserializeSeed<'de> for Seed<'_, T, C> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<T, D::Error> {
        C::read_as(json, self.0)
    }
}

/// Reads the elements of a list one by one, and adds each to what is collected.
pub struct Elements<'a, T, C, S> {
    pub(super) at: &'a Place<'a>,
    pub(super) into: S,
    pub(super) add: fn(&mut S, T),
    pub(super) of: PhantomData<C>,
}

impl<'de, T, C: ReadAs<T>, S> Visitor<'de> for Elements<'_, T, C, S> {
    type Value = S;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<S, A::Error> {
        let reading = self.at.reading;
        let (mut lost, mut kept) = (0, 0);
        loop {
            let place = self.at.index(lost + kept);
            let element = if reading.tolerant {
                match list.next_element::<&'de RawValue>()? {
                    Some(json) => Some(place.read::<T, C>(json.get())),
                    None => None,
                }
            } else {
                list.next_element_seed(Seed::<T, C>(&place, PhantomData))?.map(Some)
            };
            match element {
                Some(Some(element)) => {
                    (self.add)(&mut self.into, element);
                    kept += 1;
                }
                Some(None) => lost += 1,
                None => break,
            }
        }
        reading.last_list.set((lost, kept));
        Ok(self.into)
    }
}

impl<T, C: ReadAs<T>> ReadAs<Vec<T>> for Vec<C> {
    const LIST: bool = true;

    fn read_as<'de, D: Deserializer<'de>>(json: D, at: &Place<'_>) -> Result<Vec<T>, D::Error> {
        json.deserialize_seq(Elements { at, into: Vec::new(), add: Vec::push, of: PhantomData::<C> })
    }

    fn keep(json: &str) -> Option<Vec<T>> {
        C::keep(json).map(|element| vec![element])
    }
}
