//! The Tencent applications that the gateway serves.

use std::collections::BTreeMap;

use secrecy::SecretString;

use super::error::ConfigError;
use super::key::env_name;
use super::reader::Reader;
use super::region::Region;
use super::sources::Values;
use super::table;
use crate::upstream::BaseUrl;
use crate::upstream::settings::Settings;

/// The applications and the one that serves calls which name none.
#[derive(Debug, Clone)]
pub struct Apps {
    /// By name.
    pub by_name: BTreeMap<String, App>,
    /// Name of the default one.
    pub default: String,
}

/// One Tencent application.
#[derive(Debug, Clone)]
pub struct App {
    /// How to reach it.
    pub upstream: Settings,
    /// Its region; `None` with custom base URLs.
    pub region: Option<Region>,
}

/// What the sandbox has by default: no real application has this number.
const SANDBOX_APP: u64 = 1_400_000_001;
const SANDBOX_KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// What describes an application; one of these at the top level makes one there.
const DESCRIBING: [&str; 5] = [
    table::SDK_APP_ID.setting.key,
    table::SECRET_KEY.setting.key,
    table::SECRET_KEY_FILE.setting.key,
    table::REGION.setting.key,
    table::BASE_URLS.setting.key,
];

impl Apps {
    pub(super) fn read(reader: &mut Reader<'_>, values: &Values, sandbox: bool) -> Self {
        let default = reader.get(&table::DEFAULT_APP).unwrap_or_default();
        let mut by_name = BTreeMap::new();
        let mut names: Vec<(String, String)> =
            values.apps().map(|app| (app.to_owned(), format!("apps.{app}."))).collect();
        if described(reader, "").is_some() || (names.is_empty() && !sandbox) {
            names.push(("default".to_owned(), String::new()));
        }
        if sandbox {
            // Beside the sandbox a real key could leak into it, and a real application could be called by mistake.
            for (_, prefix) in names {
                if let Some(key) = described(reader, &prefix) {
                    reader.errors.push(ConfigError::new(
                        format!("{prefix}{key}"),
                        "describes a real application beside `--sandbox`",
                        "remove it, or `--sandbox`",
                    ));
                }
            }
            by_name.insert(default.clone(), App::sandbox(reader));
            return Self { by_name, default };
        }
        for (name, prefix) in names {
            let app = App::read(reader, &prefix);
            if by_name.insert(name, app).is_some() {
                let what = "is there beside the settings of the top level";
                reader.errors.push(ConfigError::new("apps.default", what, "keep one of them"));
            }
        }
        if !by_name.contains_key(&default) {
            let known = by_name.keys().cloned().collect::<Vec<_>>().join(", ");
            let what = format!("there is no application `{default}`");
            reader.wrong(&table::DEFAULT_APP, what, format!("write one of: {known}"));
        }
        Self { by_name, default }
    }
}

impl App {
    fn read(reader: &mut Reader<'_>, prefix: &str) -> Self {
        let missing = |reader: &Reader<'_>, key: &str| !reader.is_set(prefix, key);
        let sdk_app_id = reader.get_of(prefix, &table::SDK_APP_ID);
        if missing(reader, table::SDK_APP_ID.setting.key) {
            let fix = "set it to the SDKAppID of the console, or use `--sandbox`";
            reader.wrong_of(prefix, &table::SDK_APP_ID, "is missing", fix);
        }
        let before = reader.errors.len();
        let secret = reader.secret_of(prefix, &table::SECRET_KEY, &table::SECRET_KEY_FILE);
        if secret.is_none() && reader.errors.len() == before {
            let variable = env_name(&format!("{prefix}{}", table::SECRET_KEY.setting.key));
            let fix = format!("name the file that holds it, or set {variable}");
            reader.wrong_of(prefix, &table::SECRET_KEY_FILE, "no secret key is set", fix);
        }
        let region = reader.get_of(prefix, &table::REGION);
        let mut base_urls = reader.get_of(prefix, &table::BASE_URLS);
        match (missing(reader, table::REGION.setting.key), missing(reader, table::BASE_URLS.setting.key)) {
            (true, true) => {
                let fix = format!("write one of: {}", Region::ALL.map(Region::name).join(", "));
                reader.wrong_of(prefix, &table::REGION, "is missing", fix);
            }
            (false, false) => {
                reader.wrong_of(prefix, &table::BASE_URLS, "is there beside a region", "keep one of them");
            }
            _ => {}
        }
        if let Some(region) = region.filter(|_| base_urls.is_empty()) {
            base_urls = region.base_urls();
        }
        let identifier = if missing(reader, table::IDENTIFIER.setting.key) { "" } else { prefix };
        let identifier = reader.get_of(identifier, &table::IDENTIFIER).unwrap_or_default();
        let sdk_app_id = sdk_app_id.unwrap_or_default();
        Self { upstream: settings(reader, base_urls, sdk_app_id, identifier, secret.unwrap_or_default()), region }
    }

    /// The application that a fresh sandbox has. Its base URL is filled in when the sandbox listens.
    fn sandbox(reader: &mut Reader<'_>) -> Self {
        let key = SecretString::from(SANDBOX_KEY.to_owned());
        Self { upstream: settings(reader, Vec::new(), SANDBOX_APP, "administrator".to_owned(), key), region: None }
    }
}

/// The first setting that describes the application of a prefix.
fn described(reader: &Reader<'_>, prefix: &str) -> Option<&'static str> {
    DESCRIBING.into_iter().find(|key| reader.is_set(prefix, key))
}

fn settings(
    reader: &mut Reader<'_>,
    base_urls: Vec<BaseUrl>,
    sdk_app_id: u64,
    identifier: String,
    secret_key: SecretString,
) -> Settings {
    Settings {
        base_urls,
        sdk_app_id,
        identifier,
        secret_key,
        usersig_ttl: reader.get(&table::UPSTREAM_USERSIG_TTL),
        attempt_timeout: reader.get(&table::UPSTREAM_ATTEMPT_TIMEOUT),
        max_attempts: reader.get(&table::UPSTREAM_MAX_ATTEMPTS),
        retry_budget: reader.get(&table::UPSTREAM_RETRY_BUDGET),
        replicas: reader.get(&table::UPSTREAM_REPLICAS),
        pacing: reader.get(&table::UPSTREAM_PACING),
        rate_factor: reader.get(&table::UPSTREAM_RATE_FACTOR),
        rates: reader.get(&table::UPSTREAM_RATES),
    }
}
