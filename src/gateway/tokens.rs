//! Page tokens as callers see them: a position in a list, sealed with the list that it is of. Sent with another request
//! it is refused, instead of silently meaning another place.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use prost::Message;
use sha2::{Digest, Sha256};

/// Enough to distinguish lists. It need not resist forgery: a token grants nothing.
const SEAL: usize = 6;

/// A request for a part of a list. Implemented by the generator.
pub trait Paged: Message + Clone {
    /// Path of the method, `package.Service/Method`.
    const PATH: &'static str;

    /// Where in the list to start.
    fn page_token(&mut self) -> &mut String;

    /// The request for the whole list: without its place and the size of a page.
    fn of_the_list(&self) -> Self;
}

/// A part of a list. Implemented by the generator.
pub trait Page {
    /// Where the next part starts.
    fn next_page_token(&mut self) -> &mut String;
}

/// What the tokens of one list have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct List([u8; SEAL]);

impl List {
    /// The list that a request asks for.
    pub fn of<R: Paged>(request: &R) -> Self {
        let mut hash = Sha256::new();
        hash.update(R::PATH);
        hash.update([0]);
        hash.update(request.of_the_list().encode_to_vec());
        let mut seal = [0; SEAL];
        seal.iter_mut().zip(hash.finalize()).for_each(|(to, from)| *to = from);
        Self(seal)
    }

    /// The token of a position; that of the end is empty.
    pub fn seal(self, position: &str) -> String {
        if position.is_empty() {
            return String::new();
        }
        URL_SAFE_NO_PAD.encode([&self.0, position.as_bytes()].concat())
    }

    /// The position of a token, if it is of this list. The empty token is the beginning of any.
    pub fn open(self, token: &str) -> Option<String> {
        if token.is_empty() {
            return Some(String::new());
        }
        let sealed = URL_SAFE_NO_PAD.decode(token).ok()?;
        let position = sealed.strip_prefix(&self.0)?;
        String::from_utf8(position.to_vec()).ok().filter(|position| !position.is_empty())
    }
}
