//! What a setting is: one declaration gives its flag, its environment variable, its default, its line in the reference
//! and the function that reads it.

/// What is known of a setting without its type.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its key in the TOML file; `section.key`, or the key alone for the main ones.
    pub key: &'static str,
    /// Its default. Empty means: not set.
    pub default: &'static str,
    /// What a value looks like, for help texts.
    pub value: &'static str,
    /// What it does.
    pub help: &'static str,
    /// Below which heading it is listed.
    pub heading: &'static str,
    /// How it is written.
    pub shape: Shape,
}

/// How a setting is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A text.
    Plain,
    /// True or false; the flag alone means true.
    Switch,
    /// A table in the file, `NAME=VALUE,NAME=VALUE` elsewhere.
    Map,
    /// Never a flag, and never shown.
    Secret,
}

/// A setting whose value is a `T`.
#[derive(Debug)]
pub struct Key<T> {
    /// The setting.
    pub setting: Setting,
    /// Reads its text.
    pub(super) parse: fn(&str) -> Result<T, Wrong>,
    /// A value to go on with after a text that cannot be read, so that other errors are found too.
    pub(super) harmless: fn() -> T,
}

/// Why a text is not a value, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// What is wrong.
    pub what: String,
    /// How to put it right.
    pub fix: String,
}

impl<T> Key<T> {
    /// A setting without a description.
    pub(super) const fn new(
        key: &'static str,
        default: &'static str,
        value: &'static str,
        parse: fn(&str) -> Result<T, Wrong>,
        harmless: fn() -> T,
    ) -> Self {
        let setting = Setting { key, default, value, help: "", heading: "", shape: Shape::Plain };
        Self { setting, parse, harmless }
    }

    /// The same setting, written in another way.
    pub(super) const fn written(mut self, shape: Shape) -> Self {
        self.setting.shape = shape;
        self
    }

    /// The same setting with its description.
    pub(super) const fn described(mut self, heading: &'static str, help: &'static str) -> Self {
        self.setting.heading = heading;
        self.setting.help = help.trim_ascii();
        self
    }
}

impl Setting {
    /// The environment variable, such as `TIM_TLS_CERT_FILE`.
    #[must_use]
    pub fn env(&self) -> String {
        env_name(self.key)
    }

    /// The flag without its dashes, such as `tls-cert-file`.
    #[must_use]
    pub fn flag(&self) -> String {
        flag_name(self.key)
    }

    /// Whether its value is a secret: never a flag, never printed.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.shape == Shape::Secret
    }

    /// Its name in all places where it can be set.
    #[must_use]
    pub fn names(&self) -> String {
        if self.is_secret() {
            format!("`{}` ({})", self.key, self.env())
        } else {
            format!("`{}` (--{}, {})", self.key, self.flag(), self.env())
        }
    }
}

impl Wrong {
    pub(super) fn new(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { what: what.into(), fix: fix.into() }
    }
}

/// The flag of a key, without its dashes.
#[must_use]
pub fn flag_name(key: &str) -> String {
    key.replace(['.', '_'], "-")
}

/// The environment variable of a key.
#[must_use]
pub fn env_name(key: &str) -> String {
    format!("TIM_{}", key.replace(['.', '-'], "_").to_ascii_uppercase())
}
