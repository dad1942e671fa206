//! Who has read a message that was sent with a request for read receipts.

use serde::{Deserialize, Serialize};

use crate::ids::Id;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Recipient {
    pub user: Id,
    pub has_read: bool,
}

/// The recipients of one message in a fixed order, so that a cursor stays right while they read. Users who join
/// later are not among them; users who leave stay.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Receipt {
    recipients: Vec<Recipient>,
}

impl FromIterator<Id> for Receipt {
    fn from_iter<T: IntoIterator<Item = Id>>(users: T) -> Self {
        Self { recipients: users.into_iter().map(|user| Recipient { user, has_read: false }).collect() }
    }
}

impl Receipt {
    /// Notes that a user has read the message; whether that is news.
    pub fn note_read(&mut self, user: &str) -> bool {
        let unread = |recipient: &&mut Recipient| *recipient.user == *user && !recipient.has_read;
        match self.recipients.iter_mut().find(unread) {
            Some(recipient) => {
                recipient.has_read = true;
                true
            }
            None => false,
        }
    }

    pub fn read_num(&self) -> usize {
        self.recipients.iter().filter(|recipient| recipient.has_read).count()
    }

    pub fn unread_num(&self) -> usize {
        self.recipients.len() - self.read_num()
    }

    /// Up to `limit` readers or non-readers from a place on, and the place after them while more follow.
    pub fn page(&self, has_read: bool, from: usize, limit: usize) -> (Vec<&Id>, Option<usize>) {
        let mut rest = self
            .recipients
            .iter()
            .enumerate()
            .skip(from)
            .filter(|(_, recipient)| recipient.has_read == has_read)
            .map(|(place, recipient)| (place, &recipient.user));
        let page = rest.by_ref().take(limit).map(|(_, user)| user).collect();
        (page, rest.next().map(|(place, _)| place))
    }
}
