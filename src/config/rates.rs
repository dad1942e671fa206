//! Rates of commands that are not the documented ones.

use std::collections::BTreeMap;

use contract::command::methods::METHODS;

use super::key::Wrong;
use super::kinds::numbers;
use super::suggest::nearest;

/// Reads calls per second by command: a command of the contract by its name, any other one as `service/name`.
pub(super) fn parse_rates(text: &str) -> Result<BTreeMap<String, f64>, Wrong> {
    let names = || METHODS.iter().filter_map(|method| method.command).map(|command| command.name);
    let known = |name: &str| {
        let plain =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let is_path = name.split_once('/').is_some_and(|(service, command)| plain(service) && plain(command));
        if is_path || names().any(|known| known == name) {
            return Ok(());
        }
        let fix = match nearest(name, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write a command of the contract, or SERVICE/COMMAND for any other one".to_owned(),
        };
        Err(Wrong::new(format!("`{name}` is not a command of the contract"), fix))
    };
    numbers(text, known, 0.001, 100_000.0)
}
