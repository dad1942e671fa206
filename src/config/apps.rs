//! The Tencent applications that the gateway serves.

use std::collections::BTreeMap;

use secrecy::SecretString;

use super::reader::Reader;
use super::sources::Values;
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

/// Where an application's data lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Region {
    /// Mainland China.
    China,
    /// Singapore.
    Singapore,
    /// Seoul.
    Seoul,
    /// Tokyo.
    Tokyo,
    /// Frankfurt.
    Frankfurt,
    /// Silicon Valley.
    SiliconValley,
    /// Jakarta.
    Jakarta,
    /// Riyadh.
    Riyadh,
    /// Mumbai.
    Mumbai,
}

/// What the sandbox knows about without being told: no real application has this number.
const SANDBOX_APP: u64 = 1_400_000_001;
const SANDBOX_KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

impl Region {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::China,
        Self::Singapore,
        Self::Seoul,
        Self::Tokyo,
        Self::Frankfurt,
        Self::SiliconValley,
        Self::Jakarta,
        Self::Riyadh,
        Self::Mumbai,
    ];

    /// Its name in the settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::China => "china",
            Self::Singapore => "singapore",
            Self::Seoul => "seoul",
            Self::Tokyo => "tokyo",
            Self::Frankfurt => "frankfurt",
            Self::SiliconValley => "silicon-valley",
            Self::Jakarta => "jakarta",
            Self::Riyadh => "riyadh",
            Self::Mumbai => "mumbai",
        }
    }

    /// Hosts, the usual one first.
    pub fn hosts(self) -> &'static [&'static str] {
        match self {
            Self::China => &["console.tim.qq.com", "adminapi.my-imcloud.com"],
            Self::Singapore => &["adminapisgp.im.qcloud.com", "adminapisgp.my-imcloud.com"],
            Self::Seoul => &["adminapikr.im.qcloud.com", "adminapikr.my-imcloud.com"],
            Self::Tokyo => &["adminapijpn.im.qcloud.com", "adminapijpn.my-imcloud.com"],
            Self::Frankfurt => &["adminapiger.im.qcloud.com", "adminapiger.my-imcloud.com"],
            Self::SiliconValley => &["adminapiusa.im.qcloud.com", "adminapiusa.my-imcloud.com"],
            Self::Jakarta => &["adminapiidn.im.qcloud.com", "adminapiidn.my-imcloud.com"],
            Self::Riyadh => &["adminapiksa.im.qcloud.com"],
            Self::Mumbai => &["adminapiind.im.qcloud.com", "adminapiind.my-imcloud.com"],
        }
    }
}

impl Apps {
    pub(super) fn read(reader: &mut Reader<'_>, values: &Values, sandbox: bool) -> Self {
        let default = reader.text("default_app").unwrap_or_default();
        let mut by_name = BTreeMap::new();
        let mut names: Vec<(String, String)> =
            values.apps().map(|app| (app.to_owned(), format!("apps.{app}."))).collect();
        if is_set(reader, "") || (names.is_empty() && !sandbox) {
            names.push(("default".to_owned(), String::new()));
        }
        if sandbox {
            // Beside the sandbox a real key could leak into it, and a real application could be called by mistake.
            for (_, prefix) in names {
                let key = ["sdk_app_id", "secret_key", "secret_key_file", "region", "base_urls"]
                    .map(|key| format!("{prefix}{key}"))
                    .into_iter()
                    .find(|key| reader.text(key).is_some());
                if let Some(key) = key {
                    reader.problem(
                        &key,
                        "describes a real application beside `--sandbox`",
                        "remove it, or `--sandbox`",
                    );
                }
            }
            by_name.insert(default.clone(), App::sandbox(reader));
            return Self { by_name, default };
        }
        for (name, prefix) in names {
            let app = App::read(reader, &prefix);
            if by_name.insert(name.clone(), app).is_some() {
                reader.problem("apps.default", "is there beside the settings of the top level", "keep one of them");
            }
        }
        if !by_name.contains_key(&default) {
            let known = by_name.keys().cloned().collect::<Vec<_>>().join(", ");
            reader.problem(
                "default_app",
                format!("there is no application `{default}`"),
                format!("write one of: {known}"),
            );
        }
        Self { by_name, default }
    }
}

impl App {
    fn read(reader: &mut Reader<'_>, prefix: &str) -> Self {
        let key = |name: &str| format!("{prefix}{name}");
        let sdk_app_id = match reader.text(&key("sdk_app_id")) {
            Some(_) => reader.number(&key("sdk_app_id"), 1, u64::MAX),
            None => {
                reader.problem(
                    &key("sdk_app_id"),
                    "is missing",
                    "set it to the SDKAppID of the console, or use `--sandbox`",
                );
                0
            }
        };
        let before = reader.problems.len();
        let secret = reader.secret(&key("secret_key"));
        if secret.is_none() && reader.problems.len() == before {
            reader.problem(
                &key("secret_key_file"),
                "no secret key is set",
                format!("name the file that holds it, or set {}", super::table::env_name(&key("secret_key"))),
            );
        }
        let region = region(reader, &key("region"));
        let base_urls = base_urls(reader, &key("base_urls"), region);
        if region.is_none() && base_urls.is_empty() && reader.text(&key("region")).is_none() {
            reader.problem(&key("region"), "is missing", format!("write one of: {}", region_names()));
        }
        let identifier = reader.text(&key("identifier")).or_else(|| reader.text("identifier")).unwrap_or_default();
        Self { upstream: settings(reader, base_urls, sdk_app_id, identifier, secret.unwrap_or_default()), region }
    }

    /// The application that a fresh sandbox has. Its base URL is filled in when the sandbox listens.
    fn sandbox(reader: &mut Reader<'_>) -> Self {
        let key = SecretString::from(SANDBOX_KEY.to_owned());
        Self { upstream: settings(reader, Vec::new(), SANDBOX_APP, "administrator".to_owned(), key), region: None }
    }
}

fn is_set(reader: &Reader<'_>, prefix: &str) -> bool {
    ["sdk_app_id", "secret_key", "secret_key_file", "region", "base_urls"]
        .iter()
        .any(|key| reader.text(&format!("{prefix}{key}")).is_some())
}

fn region(reader: &mut Reader<'_>, key: &str) -> Option<Region> {
    let name = reader.text(key)?;
    let region = Region::ALL.into_iter().find(|region| region.name() == name);
    if region.is_none() {
        reader.problem(key, format!("`{name}` is not a region"), format!("write one of: {}", region_names()));
    }
    region
}

fn region_names() -> String {
    Region::ALL.map(Region::name).join(", ")
}

fn base_urls(reader: &mut Reader<'_>, key: &str, region: Option<Region>) -> Vec<String> {
    let custom = reader.list(key);
    if custom.is_empty() {
        return region
            .map(|region| region.hosts().iter().map(|host| format!("https://{host}")).collect())
            .unwrap_or_default();
    }
    if region.is_some() {
        reader.problem(key, "is there beside a region", "keep one of them");
    }
    for url in &custom {
        let uri =
            url.parse::<http::Uri>().ok().filter(|uri| uri.authority().is_some_and(|a| !a.as_str().contains('@')));
        let scheme = uri.as_ref().and_then(http::Uri::scheme_str).unwrap_or_default().to_owned();
        let plain = uri.is_some_and(|uri| uri.query().is_none());
        if !plain || !(scheme == "https" || scheme == "http") {
            reader.problem(
                key,
                "holds something that is not a plain URL",
                "write one such as https://console.tim.qq.com",
            );
        }
    }
    custom.into_iter().map(|url| url.trim_end_matches('/').to_owned()).collect()
}

fn settings(
    reader: &mut Reader<'_>,
    base_urls: Vec<String>,
    sdk_app_id: u64,
    identifier: String,
    secret_key: SecretString,
) -> Settings {
    Settings {
        base_urls,
        sdk_app_id,
        identifier,
        secret_key,
        usersig_ttl: reader.positive("upstream.usersig_ttl"),
        attempt_timeout: reader.positive("upstream.attempt_timeout"),
        pool_idle_timeout: reader.positive("upstream.pool_idle_timeout"),
        max_attempts: reader.number("upstream.max_attempts", 1, 10),
        retry_budget: reader.number("upstream.retry_budget", 0.0, 1.0),
        replicas: reader.number("upstream.replicas", 1, 10_000),
        pacing: reader.flag("upstream.pacing"),
        rate_factor: reader.number("upstream.rate_factor", 0.001, 1000.0),
    }
}
