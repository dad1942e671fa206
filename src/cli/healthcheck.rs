//! `healthcheck`: asks a server for its health.

use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command};

use super::exit::{block_on, failure, usage};
use crate::config::reason;
use crate::server::{ProbeTls, probe};

/// The command.
pub(super) fn command() -> Command {
    let address =
        Arg::new("addr").long("addr").env("TIM_LISTEN").value_name("ADDRESS:PORT").default_value("127.0.0.1:50051");
    let service = Arg::new("service").long("service").value_name("NAME").default_value("");
    let file = |name: &'static str| Arg::new(name).long(name).value_name("FILE");
    Command::new("healthcheck")
        .about("Asks a server for its health; exit code 0 when it is SERVING")
        .arg(address.help("Where the server listens"))
        .arg(service.help("Service to ask about; empty means the whole server"))
        .arg(file("tls-ca").help("PEM file of the authority of the server's certificate; asks by TLS"))
        .arg(
            Arg::new("tls-name")
                .long("tls-name")
                .value_name("NAME")
                .requires("tls-ca")
                .help("Name in the server's certificate, where it is not the address"),
        )
        .arg(file("tls-cert").requires_all(["tls-ca", "tls-key"]).help("PEM file of a client certificate"))
        .arg(file("tls-key").requires("tls-cert").help("PEM file of its key"))
}

/// Asks.
pub(super) fn run(matches: &ArgMatches) -> ExitCode {
    let text = |name: &str| matches.get_one::<String>(name).cloned().unwrap_or_default();
    let (address, service) = (text("addr"), text("service"));
    let tls = match tls(matches) {
        Ok(tls) => tls,
        Err(error) => return usage(&error),
    };
    block_on(async move {
        match probe(&address, &service, tls).await {
            Ok(status) if status == "SERVING" => {
                println!("{status}");
                ExitCode::SUCCESS
            }
            Ok(status) => failure(&status),
            Err(error) => failure(&error),
        }
    })
}

/// What the options say of TLS.
fn tls(matches: &ArgMatches) -> Result<Option<ProbeTls>, String> {
    let file = |name: &str| {
        let path = matches.get_one::<String>(name)?;
        Some(std::fs::read(path).map_err(|error| format!("--{name}: cannot read {path}: {}", reason(&error))))
    };
    let Some(authority) = file("tls-ca").transpose()? else { return Ok(None) };
    let identity = file("tls-cert").transpose()?.zip(file("tls-key").transpose()?);
    let name = matches.get_one::<String>("tls-name").cloned();
    Ok(Some(ProbeTls { authority, name, identity }))
}
