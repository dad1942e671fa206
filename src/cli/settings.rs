//! Settings as flags.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::config::table::{self, SETTINGS, Setting, Shape};
use crate::config::{Config, ConfigError, ConfigErrors, Effective, GONE, flag_name};

/// The settings that most users set. They come first, and `-h` shows no others.
const COMMON: [&str; 9] = [
    table::SANDBOX.setting.key,
    table::SDK_APP_ID.setting.key,
    table::SECRET_KEY_FILE.setting.key,
    table::REGION.setting.key,
    table::LISTEN.setting.key,
    table::AUTH_CALLERS_FILE.setting.key,
    table::TLS_CERT_FILE.setting.key,
    table::TLS_KEY_FILE.setting.key,
    table::LOG_LEVEL.setting.key,
];

/// Adds a flag for each setting.
pub(super) fn with_settings(command: Command) -> Command {
    let file = Arg::new("config").long("config").value_name("FILE").help("TOML file with settings [env: TIM_CONFIG]");
    let flags = || SETTINGS.iter().filter(|setting| !setting.is_secret());
    let common = COMMON.iter().filter_map(|key| table::find(key)).map(flag);
    let others = flags().filter(|setting| !COMMON.contains(&setting.key));
    let others = others.map(|setting| flag(setting).help_heading(setting.heading).hide_short_help(true));
    // They are taken, so that what takes their place can be said.
    let gone = GONE.iter().map(|gone| Arg::new(gone.key).long(flag_name(gone.key)).hide(true).action(ArgAction::Set));
    let secrets: Vec<String> = SETTINGS.iter().filter(|setting| setting.is_secret()).map(Setting::env).collect();
    command
        .arg(file)
        .args(common)
        .args(others)
        .args(gone)
        .after_help(format!("Secrets are never flags: name their files, or set {}.", secrets.join(" or ")))
}

fn flag(setting: &Setting) -> Arg {
    let mut help = format!("{} [env: {}]", setting.help, setting.env());
    if !setting.default.is_empty() {
        help += &format!(" [default: {}]", setting.default);
    }
    let arg = Arg::new(setting.key).long(setting.flag()).value_name(setting.value).help(help).action(ArgAction::Set);
    match setting.shape {
        Shape::Switch => arg.num_args(0..=1).default_missing_value("true").require_equals(true),
        Shape::Plain | Shape::Map | Shape::Secret => arg,
    }
}

/// Where settings are set.
pub(super) struct Sources {
    flags: BTreeMap<String, String>,
    env: BTreeMap<String, String>,
    file: Option<PathBuf>,
}

impl Sources {
    /// The flags of a command line, and the environment.
    pub(super) fn of(matches: &ArgMatches) -> Self {
        let keys = SETTINGS.iter().filter(|setting| !setting.is_secret()).map(|setting| setting.key);
        let flags = keys
            .chain(GONE.iter().map(|gone| gone.key))
            .filter_map(|key| Some((key.to_owned(), matches.get_one::<String>(key)?.clone())))
            .collect();
        let env: BTreeMap<String, String> = std::env::vars().filter(|(name, _)| name.starts_with("TIM_")).collect();
        let file = matches.get_one::<String>("config").or_else(|| env.get("TIM_CONFIG")).map(PathBuf::from);
        Self { flags, env, file }
    }

    /// The configuration, if nothing is wrong with it.
    pub(super) fn load(&self) -> Result<Config, ConfigErrors> {
        Config::load(&self.flags, &self.env, self.file.as_deref())
    }

    /// The configuration and everything that is wrong with it.
    pub(super) fn read(&self) -> (Config, Vec<ConfigError>) {
        Config::read(&self.flags, &self.env, self.file.as_deref())
    }

    /// What is in force, right or wrong.
    pub(super) fn effective(&self) -> Effective {
        Config::effective(&self.flags, &self.env, self.file.as_deref())
    }
}
