//! One harmless call at start-up, so that a wrong key or region is found then and not by the first caller.

use std::time::Duration;

use tokio::time::Instant;

use super::Mapped;
use crate::upstream::{Call, Priority, Upstream, UpstreamError};
use contract::{pb, wire};

const PATIENCE: Duration = Duration::from_secs(10);

/// Lists one group of an application, which every edition may. The error names the setting that is likely wrong: the region, the
/// key, the identifier …
///
/// # Errors
/// When Tencent refuses the call or cannot be reached.
pub async fn self_test(upstream: &Upstream) -> Result<(), UpstreamError> {
    type Request = pb::ListGroupIdsRequest;
    let request = Request { page_size: 1, ..Request::default() };
    let call = Call {
        command: Request::COMMAND,
        body: wire::encode(&request).unwrap_or_default(),
        group_id: None,
        deadline: Instant::now() + PATIENCE,
        caller: "self-test",
        priority: Priority::Interactive,
        safety: Request::COMMAND.safety,
        request_id: "self-test",
        write_sent: None,
    };
    upstream.call(call, &mut wire::decode_verdict).await.map(drop)
}
