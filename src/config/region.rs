//! Where an application's data lives, and the hosts that answer there.

use super::key::Wrong;
use super::suggest::did_you_mean;
use crate::upstream::BaseUrl;

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

    /// The base URLs of its hosts, the usual one first.
    #[must_use]
    pub fn base_urls(self) -> Vec<BaseUrl> {
        self.hosts().iter().filter_map(|host| format!("https://{host}").parse().ok()).collect()
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

/// Reads the name of a region.
pub(super) fn parse_region(text: &str) -> Result<Option<Region>, Wrong> {
    if text.is_empty() {
        return Ok(None);
    }
    let names = Region::ALL.map(Region::name);
    let region = Region::ALL.into_iter().find(|region| region.name() == text);
    region.map(Some).ok_or_else(|| Wrong::new(format!("`{text}` is not a region"), did_you_mean(text, names)))
}
