//! What commands print.

use std::io::Write as _;

/// Prints a long text. A reader of only its beginning closes the pipe, which is not an error.
pub fn show(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}
