//! The command line.

mod exit;
mod healthcheck;
mod keys;
mod settings;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use clap::{ArgMatches, Command};

use self::exit::{USAGE, block_on, failure, usage, wrong_settings};
use self::settings::{Sources, with_settings};
use crate::app;
use crate::config::{Config, ConfigErrors, print};
use crate::server;
use crate::telemetry;
use crate::telemetry::traces::Traces;
use contract::command::methods::METHODS;

/// Runs a command line.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let matches = match command().try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    match matches.subcommand() {
        Some(("serve", matches)) => match Sources::of(matches).load() {
            Ok(config) => serve(config),
            Err(errors) => wrong_settings(&errors),
        },
        #[cfg(feature = "sandbox")]
        Some(("sandbox", matches)) => sandbox(matches),
        Some(("healthcheck", matches)) => healthcheck::run(matches),
        Some(("keys", matches)) => match matches.subcommand() {
            Some(("new", matches)) => keys::new(matches),
            _ => ExitCode::from(USAGE),
        },
        Some(("config", matches)) => match matches.subcommand() {
            Some(("check", matches)) => check(matches),
            Some(("print", matches)) => print_config(matches),
            _ => {
                show(&print::reference());
                ExitCode::SUCCESS
            }
        },
        _ => ExitCode::from(USAGE),
    }
}

fn command() -> Command {
    let command = gateway_command();
    #[cfg(feature = "sandbox")]
    let command = {
        let sandbox = Command::new("sandbox").about("Serves the sandbox alone: an emulated Tencent IM for tests");
        command.subcommand(<sandbox::cli::Args as clap::Args>::augment_args(sandbox))
    };
    command
}

fn gateway_command() -> Command {
    let group = |name: &'static str, about: &'static str| {
        Command::new(name).about(about).subcommand_required(true).arg_required_else_help(true)
    };
    Command::new("tencent-im-grpc")
        .about("Tencent Cloud IM's group REST API as one typed gRPC service")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(with_settings(Command::new("serve").about("Serves gRPC")))
        .subcommand(healthcheck::command())
        .subcommand(group("keys", "Makes Bearer keys for callers").subcommand(keys::command()))
        .subcommand(
            group("config", "Checks or shows settings")
                .subcommand(with_settings(Command::new("check").about("Checks the settings and lists all errors")))
                .subcommand(with_settings(Command::new("print").about("Shows the effective settings without secrets")))
                .subcommand(Command::new("reference").about("Lists all settings as Markdown tables")),
        )
}

/// Prints a long text. A reader of only its beginning closes the pipe, which is not an error.
fn show(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Settings are looked at above all when something is wrong with them: they are shown in any case, before the errors.
fn print_config(matches: &ArgMatches) -> ExitCode {
    let sources = Sources::of(matches);
    show(&sources.effective().to_string());
    match sources.load() {
        Ok(_) => ExitCode::SUCCESS,
        Err(errors) => wrong_settings(&errors),
    }
}

/// Looks at the settings and at the files that they name, and reports everything that is wrong with either.
fn check(matches: &ArgMatches) -> ExitCode {
    let (config, mut errors) = Sources::of(matches).read();
    block_on(async move {
        errors.extend(server::Credentials::check(&config, METHODS).await);
        for warning in config.warnings() {
            eprintln!("warning: {warning}");
        }
        if !errors.is_empty() {
            return wrong_settings(&ConfigErrors(errors));
        }
        println!("the settings are fine");
        ExitCode::SUCCESS
    })
}

fn serve(config: Config) -> ExitCode {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = config.server.worker_threads {
        runtime.worker_threads(threads);
    }
    let runtime = match runtime.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failure(&error),
    };
    let traces = match Traces::start() {
        Ok(traces) => traces,
        Err(error) => return usage(&format!("OTEL_EXPORTER_OTLP_ENDPOINT: {error}")),
    };
    let code = runtime.block_on(async {
        let level = match telemetry::logs::init(&config.log, &traces) {
            Ok(level) => level,
            Err(error) => return failure(&error),
        };
        match app::run(config, Some(level)).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(app::Error::Server(server::Error::Settings(errors))) => wrong_settings(&errors),
            Err(error) => failure(&error),
        }
    });
    traces.flush();
    code
}

#[cfg(feature = "sandbox")]
fn sandbox(matches: &ArgMatches) -> ExitCode {
    use clap::FromArgMatches;

    let args = match sandbox::cli::Args::from_arg_matches(matches) {
        Ok(args) => args,
        Err(error) => error.exit(),
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failure(&error),
    };
    match runtime.block_on(sandbox::cli::run(args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is_usage() => usage(&error),
        Err(error) => failure(&error),
    }
}
