//! `doctor`: compares Tencent's replies with the contract.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command};
use tokio_util::sync::CancellationToken;

use super::exit::{block_on, failure, usage, wrong_settings};
use super::output::show;
use super::settings::{Sources, with_settings};
use crate::app;
use crate::config::{App, Config};
use crate::doctor::{Doctor, Leftover, Names};
use crate::server::Signals;

const NOTHING_LEFT: &str = "nothing of it is left";

/// The command.
pub(super) fn command() -> Command {
    let switch = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    let doctor = Command::new("doctor")
        .about("Calls every command of a trial application with things of its own, and compares the replies with the contract")
        .arg(switch("yes").help("Does not ask first"))
        .arg(switch("broadcast").help("Calls send_broadcast_msg too, which reaches all users of the application"))
        .arg(
            Arg::new("report")
                .long("report")
                .value_name("FILE")
                .default_value("doctor-report.md")
                .help("Where the report without ids, signatures and texts is written"),
        )
        .arg(
            Arg::new("application")
                .long("app")
                .value_name("NAME")
                .help("The application of the settings to call; without it, the default one"),
        )
        .arg(
            Arg::new("clean-up")
                .long("clean-up")
                .value_name("PREFIX")
                .help("Only removes what a run left behind when it was killed"),
        );
    with_settings(doctor)
}

/// Examines an application.
pub(super) fn run(matches: &ArgMatches) -> ExitCode {
    let mut config = match Sources::of(matches).load() {
        Ok(config) => config,
        Err(errors) => return wrong_settings(&errors),
    };
    let names = match matches.get_one::<String>("clean-up") {
        None => Names::random(),
        Some(prefix) => match Names::with_prefix(prefix) {
            Some(names) => names,
            None => return usage(&format!("--clean-up: no run of doctor had the prefix `{prefix}`")),
        },
    };
    block_on(async move {
        let sandbox = match app::start_sandbox(&mut config).await {
            Ok(sandbox) => sandbox,
            Err(error) => return failure(&error),
        };
        let code = examine(matches, &config, names).await;
        if let Some(sandbox) = sandbox {
            sandbox.stop().await;
        }
        code
    })
}

async fn examine(matches: &ArgMatches, config: &Config, names: Names) -> ExitCode {
    let name = matches.get_one::<String>("application").unwrap_or(&config.apps.default);
    let Some(app) = config.apps.by_name.get(name) else {
        return usage(&format!("--app: there is no application `{name}`"));
    };
    let doctor = match Doctor::new(&app.upstream, names.clone(), matches.get_flag("broadcast")) {
        Ok(doctor) => doctor,
        Err(error) => return failure(&error),
    };
    if matches.get_one::<String>("clean-up").is_some() {
        return cleaned(&doctor.clean_up().await);
    }
    if let Err(no) = agreed(matches.get_flag("yes"), app, &names) {
        return usage(&no);
    }
    let signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => return failure(&error),
    };
    let (stop, at_once) = (CancellationToken::new(), CancellationToken::new());
    let listening = tokio::spawn(signals.cancel(stop.clone(), at_once.clone()));
    let report = tokio::select! {
        report = doctor.examine(&stop) => report,
        () = at_once.cancelled() => {
            let prefix = names.prefix();
            return failure(&format!("stopped at once; `doctor --clean-up {prefix}` removes what is left"));
        }
    };
    listening.abort();
    show(&report.table());
    let file = matches.get_one::<String>("report").map_or("", String::as_str);
    if let Err(error) = std::fs::write(Path::new(file), report.markdown(&host(app))) {
        return failure(&format!("--report: cannot write {file}: {error}"));
    }
    println!("{file} holds the same without ids and texts: look through it, and attach it to a bug report");
    if report.is_fine() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn cleaned(leftovers: &[Leftover]) -> ExitCode {
    for Leftover { id, why } in leftovers {
        eprintln!("not removed: {id}: {why}");
    }
    if leftovers.is_empty() {
        println!("{NOTHING_LEFT}");
        return ExitCode::SUCCESS;
    }
    ExitCode::FAILURE
}

/// Says what will be done, and asks.
fn agreed(yes: bool, app: &App, names: &Names) -> Result<(), &'static str> {
    let (prefix, number, host) = (names.prefix(), app.upstream.sdk_app_id, host(app));
    eprintln!(
        "This calls application {number} ({host}) about eighty times, at a tenth of the rates of its settings. It makes\n\
         three accounts, six groups, a topic, a permission group and a robot whose ids hold `{prefix}`, and removes them at the end, also after\n\
         ctrl-c. Use an application without real users."
    );
    if yes {
        return Ok(());
    }
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err("nobody can be asked here: pass --yes");
    }
    eprint!("Go on? [y/N] ");
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    let _ = stdin.lock().read_line(&mut answer);
    if matches!(answer.trim(), "y" | "Y" | "yes") { Ok(()) } else { Err("nothing was called") }
}

/// What was examined, without the application's number.
fn host(app: &App) -> String {
    app.region
        .map_or("a base URL of its own, such as a sandbox's".to_owned(), |region| format!("region {}", region.name()))
}
