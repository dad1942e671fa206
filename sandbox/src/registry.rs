//! The one table of commands. Request checking and the parity document work off it.
//!
//! To add commands:
//!
//! 1. Write `handlers/<topic>.rs` with one `fn name(ctx: &mut Ctx<'_>, body: &Body) -> Outcome` per command. The
//!    body has passed the field table: types are right, required keys are there, aliases carry their canonical name.
//! 2. In the same file declare `pub static COMMANDS: &[Command]`, one `Command::new(service, name, fields, handler)`
//!    each: `.read_only()` when it changes nothing, `.rate(n)` when it may be called other than 200 times a second,
//!    `.codes(f)` when its failures have different codes, `.before(f)` when the app's webhook is asked first. What
//!    clients and webhooks receive goes into `ctx.events`. Fields are `req("Key", Kind)` or `opt("Key", Kind)`, then
//!    `.alias(&[..])` and `.ignored()` where they apply.
//! 3. Name the slice in `TABLES` below.
//!
//! State that only such a command needs goes into `state/`, with serde derives so that snapshots carry it.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::command::Command;
use crate::error::ApiError;
use crate::handlers;

/// Every table of commands.
static TABLES: &[&[Command]] = &[
    handlers::account::COMMANDS,
    handlers::profile::COMMANDS,
    handlers::online_status::COMMANDS,
    handlers::lists::COMMANDS,
    handlers::group::COMMANDS,
    handlers::member::COMMANDS,
    handlers::mute::COMMANDS,
    handlers::ban::COMMANDS,
    handlers::message::COMMANDS,
    handlers::history::COMMANDS,
    handlers::message_change::COMMANDS,
    handlers::stream::COMMANDS,
    handlers::receipt::COMMANDS,
    handlers::extension::COMMANDS,
    handlers::import::COMMANDS,
    handlers::live_room::COMMANDS,
    handlers::broadcast::COMMANDS,
    handlers::attribute::COMMANDS,
    handlers::counter::COMMANDS,
    handlers::robot::COMMANDS,
    handlers::topic::COMMANDS,
    handlers::permission_group::COMMANDS,
    handlers::topic_permission::COMMANDS,
];

/// Every command, in the order of the tables.
pub fn commands() -> impl Iterator<Item = &'static Command> {
    TABLES.iter().copied().flatten()
}

/// Looks a path up as the real service does, which also has the reading of attributes beside their writing.
pub fn find_loosely(service: &str, name: &str) -> Result<&'static Command, ApiError> {
    match (service, name) {
        ("group_open_http_svc", "get_group_attr") => find("group_open_attr_http_svc", name),
        _ => find(service, name),
    }
}

/// Looks a path up: 60009 for an unknown service, 10003 for an unknown command.
pub fn find(service: &str, name: &str) -> Result<&'static Command, ApiError> {
    static INDEX: LazyLock<HashMap<&str, HashMap<&str, &Command>>> = LazyLock::new(|| {
        let mut index: HashMap<&str, HashMap<&str, &Command>> = HashMap::new();
        for command in commands() {
            index.entry(command.service).or_default().insert(command.name, command);
        }
        index
    });
    /// Services that exist upstream, whether or not a command of theirs is emulated.
    const SERVICES: &[&str] = &[
        "group_open_http_svc",
        "group_open_attr_http_svc",
        "group_open_avchatroom_http_svc",
        "million_group_open_http_svc",
        "openim",
        "openim_msg_ext_http_svc",
        "stream_msg",
        "openim_robot_http_svc",
        "im_open_login_svc",
        "profile",
    ];
    let found = INDEX.get(service).and_then(|names| names.get(name).copied());
    match found {
        Some(command) => Ok(command),
        None if SERVICES.contains(&service) => Err(ApiError::new(10003, format!("unknown command: {name}"))),
        None => Err(ApiError::new(60009, format!("unknown service: {service}"))),
    }
}
