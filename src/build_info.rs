//! Which build this is.

/// The version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit that it was built from; empty where it is not known, as in debug builds.
pub const COMMIT: &str = env!("GIT_COMMIT");
