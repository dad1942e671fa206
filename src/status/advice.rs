//! What a caller can do about a write whose outcome is not known.

use contract::codes;
use contract::command::Safety;

/// What to do about a write that may have been executed.
pub(super) fn after_the_unknown(command: &str, safety: Safety) -> String {
    let shows = codes::method_that_shows(command).map(|method| format!("; {method} shows it")).unwrap_or_default();
    let advice = match safety {
        Safety::Unsafe => ": look before repeating it",
        // Messages are distinguished by a number that comes from the caller's id.
        _ if command.starts_with("send_") => ": repeat it with the same request_id, or look first if it had none",
        _ => "; it is safe to repeat",
    };
    format!("whether it was executed is not known{advice}{shows}")
}
