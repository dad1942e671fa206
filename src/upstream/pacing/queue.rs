//! A queue that is fair between callers and serves two priorities.

use std::collections::{HashMap, VecDeque};

use crate::upstream::call::Priority;

/// Waiting items. Callers take turns; bulk items come when nothing interactive waits, and now and then even so.
#[derive(Debug)]
pub(super) struct FairQueue<T> {
    interactive: Turns<T>,
    bulk: Turns<T>,
    since_bulk: u32,
}

/// Items of one priority, by caller.
#[derive(Debug)]
struct Turns<T> {
    by_caller: HashMap<String, VecDeque<(u64, T)>>,
    order: VecDeque<String>,
    len: usize,
}

/// Where an item stands, for taking it out again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) caller: &'a str,
    pub(super) priority: Priority,
}

/// Interactive items that go before a bulk item gets its turn: few enough that no job stops altogether.
const INTERACTIVE_PER_BULK: u32 = 9;

impl<T> FairQueue<T> {
    pub(super) fn new() -> Self {
        Self { interactive: Turns::new(), bulk: Turns::new(), since_bulk: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.interactive.len + self.bulk.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many items the caller has here.
    pub(super) fn len_of(&self, place: Place<'_>) -> usize {
        self.turns(place.priority).len_of(place.caller)
    }

    /// How many items would go before a new one at `place`, if no others came.
    pub(super) fn ahead(&self, place: Place<'_>) -> usize {
        match place.priority {
            Priority::Interactive => self.interactive.ahead(place.caller),
            Priority::Bulk => self.interactive.len + self.bulk.ahead(place.caller),
        }
    }

    pub(super) fn push(&mut self, place: Place<'_>, id: u64, item: T) {
        self.turns_mut(place.priority).push(place.caller, id, item);
    }

    pub(super) fn remove(&mut self, place: Place<'_>, id: u64) {
        self.turns_mut(place.priority).remove(place.caller, id);
    }

    pub(super) fn pop(&mut self) -> Option<T> {
        if self.interactive.len == 0 || (self.bulk.len > 0 && self.since_bulk >= INTERACTIVE_PER_BULK) {
            self.since_bulk = 0;
            return self.bulk.pop();
        }
        self.since_bulk += 1;
        self.interactive.pop()
    }

    fn turns(&self, priority: Priority) -> &Turns<T> {
        match priority {
            Priority::Interactive => &self.interactive,
            Priority::Bulk => &self.bulk,
        }
    }

    fn turns_mut(&mut self, priority: Priority) -> &mut Turns<T> {
        match priority {
            Priority::Interactive => &mut self.interactive,
            Priority::Bulk => &mut self.bulk,
        }
    }
}

impl<T> Turns<T> {
    fn new() -> Self {
        Self { by_caller: HashMap::new(), order: VecDeque::new(), len: 0 }
    }

    fn len_of(&self, caller: &str) -> usize {
        self.by_caller.get(caller).map_or(0, VecDeque::len)
    }

    fn ahead(&self, caller: &str) -> usize {
        let own = self.len_of(caller);
        let others = self.by_caller.iter().filter(|(name, _)| name.as_str() != caller);
        own + others.map(|(_, items)| items.len().min(own + 1)).sum::<usize>()
    }

    fn push(&mut self, caller: &str, id: u64, item: T) {
        self.len += 1;
        if let Some(items) = self.by_caller.get_mut(caller) {
            items.push_back((id, item));
        } else {
            self.by_caller.insert(caller.to_owned(), VecDeque::from([(id, item)]));
            self.order.push_back(caller.to_owned());
        }
    }

    fn remove(&mut self, caller: &str, id: u64) {
        let Some(items) = self.by_caller.get_mut(caller) else {
            return;
        };
        let Some(at) = items.iter().position(|(other, _)| *other == id) else {
            return;
        };
        items.remove(at);
        self.len -= 1;
        if items.is_empty() {
            self.by_caller.remove(caller);
            self.order.retain(|name| name != caller);
        }
    }

    fn pop(&mut self) -> Option<T> {
        let caller = self.order.pop_front()?;
        let items = self.by_caller.get_mut(&caller)?;
        let (_, item) = items.pop_front()?;
        self.len -= 1;
        if items.is_empty() {
            self.by_caller.remove(&caller);
        } else {
            self.order.push_back(caller);
        }
        Some(item)
    }
}
