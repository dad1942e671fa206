//! What a caller may call: a scope of the contract, or methods by a pattern.

use contract::command::{Method, Scope};

/// One thing that a caller may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permission {
    /// Every method that needs this scope.
    Scope(Scope),
    /// Every method whose `package.Service/Method` matches; `*` stands for any text.
    Methods(String),
}

impl Permission {
    /// Reads a scope's name or a pattern.
    ///
    /// # Errors
    /// When it is neither, or a pattern that no method matches: most likely it is misspelled.
    pub fn parse(text: &str, methods: &[Method]) -> Result<Self, String> {
        if let Some(scope) = Scope::ALL.into_iter().find(|scope| scope.name() == text) {
            return Ok(Self::Scope(scope));
        }
        if !text.contains(['/', '*']) {
            return Err(format!(
                "`{text}` is not a scope; write read, message, member, admin, raw or a method pattern"
            ));
        }
        if !methods.iter().any(|method| matches(text, method.path)) {
            return Err(format!("the pattern `{text}` matches no method"));
        }
        Ok(Self::Methods(text.to_owned()))
    }

    /// Whether it covers a method.
    pub fn allows(&self, method: &Method) -> bool {
        match self {
            Self::Scope(scope) => *scope == method.scope,
            Self::Methods(pattern) => matches(pattern, method.path),
        }
    }
}

/// Whether a text matches a pattern in which `*` stands for any text, the empty one included.
pub fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return text.ends_with(part);
        }
        // The earliest place leaves the most for what follows.
        let Some(place) = text.find(part) else { return false };
        text = &text[place + part.len()..];
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        assert!(matches("*", "a.B/C"));
        assert!(matches("a.B/*", "a.B/C"));
        assert!(matches("a.B/*", "a.B/"));
        assert!(!matches("a.B/*", "a.Bee/C"));
        assert!(matches("a.*/Get*", "a.B/GetThing"));
        assert!(!matches("a.*/Get*", "a.B/SetThing"));
        assert!(matches("*/List*s", "a.B/ListListings"));
        assert!(!matches("a.B/C", "a.B/CD"));
        // What the pattern's ends claim must not overlap.
        assert!(!matches("ab*ba", "aba"));
    }

    #[test]
    fn a_pattern_that_matches_nothing_is_refused() {
        let methods = [Method {
            path: "a.B/C",
            scope: Scope::Read,
            safety: contract::command::Safety::Read,
            streaming: false,
            request: &contract::footprint::NOTHING,
            command: None,
        }];
        assert_eq!(Permission::parse("read", &methods), Ok(Permission::Scope(Scope::Read)));
        assert!(Permission::parse("a.B/*", &methods).is_ok());
        assert!(Permission::parse("a.X/*", &methods).is_err());
        assert!(Permission::parse("reads", &methods).is_err());
    }
}
