//! Reading long lists in which few users are named often.

use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};

use crate::ids::Id;

/// Something that names a user.
pub trait Named {
    fn name(&mut self) -> Option<&mut Id>;
}

/// Reads a list whose items share each name, as they did before they were written.
pub fn read<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Named + Deserialize<'de>,
{
    deserializer.deserialize_seq(List(PhantomData))
}

struct List<T>(PhantomData<T>);

impl<'de, T: Named + Deserialize<'de>> Visitor<'de> for List<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let (mut items, mut names) = (Vec::new(), HashSet::<Id>::new());
        while let Some(mut item) = list.next_element::<T>()? {
            if let Some(name) = item.name() {
                match names.get(name) {
                    Some(known) => *name = known.clone(),
                    None => {
                        names.insert(name.clone());
                    }
                }
            }
            items.push(item);
        }
        Ok(items)
    }
}
