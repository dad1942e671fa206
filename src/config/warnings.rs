//! Settings that are allowed and probably not intended.

use super::load::Config;

impl Config {
    /// What to warn of. In a closed network it may be intended.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if let Some(address) = self.server.admin_listen.filter(|address| !address.ip().is_loopback()) {
            warnings.push(format!(
                "`admin_listen` ({address}) can be reached from other machines and has no authentication"
            ));
        }
        for url in self.apps.by_name.values().flat_map(|app| &app.upstream.base_urls) {
            if url.is_clear_text() && !url.is_loopback() {
                warnings.push(format!(
                    "`base_urls`: the signatures of the application's admin go in clear text to {}; use https",
                    url.host()
                ));
            }
        }
        warnings
    }
}
