//! The command line.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command};
use secrecy::ExposeSecret;

use crate::config::table::SETTINGS;
use crate::config::{Config, Problems, parse_duration, print};
use crate::serve;
use crate::server;
use crate::server::auth::{Permission, keys};
use crate::telemetry;
use crate::telemetry::traces::Traces;
use contract::command::methods::METHODS;

/// Bad usage or settings, as in `sysexits.h`.
const USAGE: u8 = 64;
const FAILURE: u8 = 1;

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
        Some(("serve", matches)) => with_config(matches, serve),
        #[cfg(feature = "sandbox")]
        Some(("sandbox", matches)) => sandbox(matches),
        Some(("healthcheck", matches)) => healthcheck(matches),
        Some(("keys", matches)) => match matches.subcommand() {
            Some(("new", matches)) => new_key(matches),
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
    let address =
        Arg::new("addr").long("addr").env("TIM_LISTEN").value_name("ADDRESS:PORT").default_value("127.0.0.1:50051");
    let service = Arg::new("service").long("service").value_name("NAME").default_value("");
    let file = |name: &'static str| Arg::new(name).long(name).value_name("FILE");
    Command::new("tencent-im-grpc")
        .about("Tencent Cloud IM's group REST API as one typed gRPC service")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(with_settings(Command::new("serve").about("Serves gRPC")))
        .subcommand(
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
                .arg(file("tls-key").requires("tls-cert").help("PEM file of its key")),
        )
        .subcommand(
            Command::new("keys")
                .about("Makes Bearer keys for callers")
                .subcommand_required(true)
                .subcommand(new_key_command()),
        )
        .subcommand(
            Command::new("config")
                .about("Checks or shows settings")
                .subcommand_required(true)
                .subcommand(with_settings(Command::new("check").about("Checks the settings and lists all problems")))
                .subcommand(with_settings(Command::new("print").about("Shows the effective settings without secrets")))
                .subcommand(Command::new("reference").about("Lists all settings as a Markdown table")),
        )
}

fn new_key_command() -> Command {
    let caller = Arg::new("caller").long("caller").value_name("NAME").required(true).help("Name in logs and limits");
    let list = |name: &'static str| Arg::new(name).long(name).value_name("LIST").value_delimiter(',');
    let scopes = list("scopes").required(true).help("read, message, member, admin, raw, or method patterns");
    let apps = list("apps").help("Tencent applications that it opens; without it, the default one");
    let expires = Arg::new("expires-in").long("expires-in").value_name("DURATION").help("Its life, such as 90d");
    Command::new("new")
        .about("Makes a key: the caller's half goes to stderr, the entry for the callers file to stdout")
        .args([caller, scopes, apps, expires])
}

fn with_settings(command: Command) -> Command {
    let file = Arg::new("config").long("config").value_name("FILE").help("TOML file with settings [env: TIM_CONFIG]");
    let settings = SETTINGS.iter().filter(|setting| !setting.secret).map(|setting| {
        let mut help = format!("{} [env: {}]", setting.help, setting.env());
        if !setting.default.is_empty() {
            help += &format!(" [default: {}]", setting.default);
        }
        let arg = Arg::new(setting.key).long(setting.flag()).value_name(setting.value).help(help);
        let arg = if setting.value == "BOOL" {
            arg.num_args(0..=1).default_missing_value("true").require_equals(true)
        } else {
            arg
        };
        arg.action(ArgAction::Set)
    });
    command.arg(file).args(settings)
}

/// Prints a long text. Whoever reads only its beginning closes the pipe, which is no fault.
fn show(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Where settings are said.
struct Sources {
    flags: BTreeMap<String, String>,
    env: BTreeMap<String, String>,
    file: Option<PathBuf>,
}

impl Sources {
    fn of(matches: &ArgMatches) -> Self {
        let flags = SETTINGS
            .iter()
            .filter(|setting| !setting.secret)
            .filter_map(|setting| Some((setting.key.to_owned(), matches.get_one::<String>(setting.key)?.clone())))
            .collect();
        let env: BTreeMap<String, String> = std::env::vars().filter(|(name, _)| name.starts_with("TIM_")).collect();
        let file = matches.get_one::<String>("config").or_else(|| env.get("TIM_CONFIG")).map(PathBuf::from);
        Self { flags, env, file }
    }

    fn load(&self) -> Result<Config, Problems> {
        Config::load(&self.flags, &self.env, self.file.as_deref())
    }
}

fn with_config(matches: &ArgMatches, then: impl FnOnce(Config) -> ExitCode) -> ExitCode {
    match Sources::of(matches).load() {
        Ok(config) => then(config),
        Err(problems) => usage(&problems),
    }
}

/// Settings are looked at above all when something is wrong with them: they are shown in any case, before the problems.
fn print_config(matches: &ArgMatches) -> ExitCode {
    let sources = Sources::of(matches);
    show(&Config::effective(&sources.flags, &sources.env, sources.file.as_deref()).to_string());
    match sources.load() {
        Ok(_) => ExitCode::SUCCESS,
        Err(problems) => usage(&problems),
    }
}

fn usage(problems: &Problems) -> ExitCode {
    eprintln!("{problems}");
    ExitCode::from(USAGE)
}

fn failure(error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("{error}");
    ExitCode::from(FAILURE)
}

/// Looks at the settings and at the files that they name, and says everything that is wrong with either.
fn check(matches: &ArgMatches) -> ExitCode {
    let sources = Sources::of(matches);
    let (config, mut problems) = Config::read(&sources.flags, &sources.env, sources.file.as_deref());
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failure(&error),
    };
    problems.extend(runtime.block_on(server::Credentials::check(&config, METHODS)));
    for warning in config.warnings() {
        eprintln!("warning: {warning}");
    }
    if problems.is_empty() {
        println!("the settings are fine");
        ExitCode::SUCCESS
    } else {
        usage(&Problems(problems))
    }
}

fn new_key(matches: &ArgMatches) -> ExitCode {
    let list = |name: &str| matches.get_many::<String>(name).unwrap_or_default().cloned().collect::<Vec<_>>();
    let caller = matches.get_one::<String>("caller").cloned().unwrap_or_default();
    let (scopes, apps) = (list("scopes"), list("apps"));
    for scope in &scopes {
        if let Err(error) = Permission::parse(scope, METHODS) {
            eprintln!("{error}");
            return ExitCode::from(USAGE);
        }
    }
    let life = match matches.get_one::<String>("expires-in") {
        Some(text) => match parse_duration(text) {
            Some(life) => Some(life),
            None => {
                eprintln!("`{text}` is not a length of time; write one such as 90d");
                return ExitCode::from(USAGE);
            }
        },
        None => None,
    };
    let key = keys::generate(&caller, &scopes, &apps, life);
    eprintln!("{}", key.token.expose_secret());
    print!("\n{}", key.entry);
    ExitCode::SUCCESS
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
        Err(error) => {
            eprintln!("OTEL_EXPORTER_OTLP_ENDPOINT: {error}");
            return ExitCode::from(USAGE);
        }
    };
    let code = runtime.block_on(async {
        let level = match telemetry::logs::init(&config.log, &traces) {
            Ok(level) => level,
            Err(error) => return failure(&error),
        };
        match serve::serve(config, Some(level)).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(serve::Error::Server(server::Error::Settings(problems))) => usage(&problems),
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
        Err(error) if error.is_usage() => {
            eprintln!("{error}");
            ExitCode::from(USAGE)
        }
        Err(error) => failure(&error),
    }
}

/// What the options of the health check say of TLS.
fn probe_tls(matches: &ArgMatches) -> Result<Option<server::ProbeTls>, String> {
    let file = |name: &str| {
        let path = matches.get_one::<String>(name)?;
        Some(std::fs::read(path).map_err(|error| format!("--{name}: cannot read {path}: {error}")))
    };
    let Some(authority) = file("tls-ca").transpose()? else { return Ok(None) };
    let identity = file("tls-cert").transpose()?.zip(file("tls-key").transpose()?);
    let name = matches.get_one::<String>("tls-name").cloned();
    Ok(Some(server::ProbeTls { authority, name, identity }))
}

fn healthcheck(matches: &ArgMatches) -> ExitCode {
    let text = |name: &str| matches.get_one::<String>(name).cloned().unwrap_or_default();
    let (address, service) = (text("addr"), text("service"));
    let tls = match probe_tls(matches) {
        Ok(tls) => tls,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(USAGE);
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failure(&error),
    };
    match runtime.block_on(server::probe(&address, &service, tls)) {
        Ok(status) if status == "SERVING" => {
            println!("{status}");
            ExitCode::SUCCESS
        }
        Ok(status) => failure(&status),
        Err(error) => failure(&error),
    }
}
