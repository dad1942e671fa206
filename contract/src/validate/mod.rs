//! Checks a request before anything is sent. The generator implements [`Validate`] from the rules in the contract; all
//! violations are reported at once, each with the full path of its field.

pub mod rules;
mod violations;

use crate::pb;
use crate::wire::paging;
use rules::Characters;
pub use violations::{MAX_REPORTED, Path, Violation, Violations};

/// A message whose rules can be checked. Implemented by the generator.
pub trait Validate {
    /// Adds what is wrong with the message, which stands at `at`.
    fn validate(&self, at: &Path<'_>, violations: &mut Violations);
}

/// Checks a whole request.
#[must_use]
pub fn check<T: Validate>(request: &T) -> Violations {
    let mut violations = Violations::default();
    request.validate(&Path::Root, &mut violations);
    violations
}

#[allow(clippy::all, clippy::pedantic)]
mod generated {
    use super::*;

    include!(concat!(env!("OUT_DIR"), "/rules.rs"));
}
