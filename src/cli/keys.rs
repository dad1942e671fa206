//! `keys new`: a Bearer key for a caller.

use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command};
use secrecy::ExposeSecret;

use super::exit::usage;
use crate::config::parse_duration;
use crate::server::auth::{Permission, keys};
use contract::command::methods::METHODS;

/// The command.
pub(super) fn command() -> Command {
    let caller = Arg::new("caller").long("caller").value_name("NAME").required(true).help("Name in logs and limits");
    let list = |name: &'static str| Arg::new(name).long(name).value_name("LIST").value_delimiter(',');
    let scopes = list("scopes").required(true).help("read, message, member, admin, raw, or method patterns");
    let apps = list("apps").help("Tencent applications that it opens; without it, the default one");
    let expires = Arg::new("expires-in").long("expires-in").value_name("DURATION").help("Its life, such as 90d");
    Command::new("new")
        .about("Makes a key: the caller's half goes to stderr, the entry for the callers file to stdout")
        .args([caller, scopes, apps, expires])
}

/// Makes a key.
pub(super) fn new(matches: &ArgMatches) -> ExitCode {
    let list = |name: &str| matches.get_many::<String>(name).unwrap_or_default().cloned().collect::<Vec<_>>();
    let caller = matches.get_one::<String>("caller").cloned().unwrap_or_default();
    let (scopes, apps) = (list("scopes"), list("apps"));
    for scope in &scopes {
        if let Err(error) = Permission::parse(scope, METHODS) {
            return usage(&error);
        }
    }
    let life = match matches.get_one::<String>("expires-in").map(|text| parse_duration(text)).transpose() {
        Ok(life) => life,
        Err(wrong) => return usage(&format!("--expires-in: {}; {}", wrong.what, wrong.fix)),
    };
    let key = keys::generate(&caller, &scopes, &apps, life);
    eprintln!("{}", key.token.expose_secret());
    print!("\n{}", key.entry);
    ExitCode::SUCCESS
}
