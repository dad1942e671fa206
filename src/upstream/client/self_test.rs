//! One harmless call at start-up, so that a wrong key or region is told then and not by the first caller.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::Upstream;
use contract::command::{Command, Safety};
use contract::wire::decode_verdict;

use crate::upstream::{Call, Priority, UpstreamError};

/// Lists one group of the app. Every app may, whatever its edition.
const PROBE: Command = Command {
    service: "group_open_http_svc",
    name: "get_appid_group_list",
    label: "get_appid_group_list",
    safety: Safety::Read,
    rate_per_second: 1,
    group_rate_per_second: None,
};
const PATIENCE: Duration = Duration::from_secs(10);

impl Upstream {
    /// Calls Tencent once. As a [`Problem`](crate::status::Problem), the error names the setting that is likely wrong:
    /// the region, the key, the identifier …
    ///
    /// # Errors
    /// When Tencent refuses the call or cannot be reached.
    pub async fn self_test(&self) -> Result<(), UpstreamError> {
        let call = Call {
            command: &PROBE,
            body: Bytes::from_static(br#"{"Limit":1}"#),
            group_id: None,
            deadline: Instant::now() + PATIENCE,
            caller: "self-test",
            priority: Priority::Interactive,
            safety: PROBE.safety,
            request_id: "self-test",
            write_sent: None,
        };
        self.call(call, decode_verdict).await
    }
}
