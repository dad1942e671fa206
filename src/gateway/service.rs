//! What all calls of a gateway share.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::turns::Turns;
use crate::config;
use crate::upstream::Upstream;

/// All services of the contract. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// The Tencent applications by the name that callers choose them by.
    pub(super) apps: Arc<BTreeMap<String, Arc<Upstream>>>,
    /// At what sizes batches are split.
    pub(super) batch: config::Batch,
    /// The largest reply that can be sent, in bytes.
    pub(super) largest_reply: usize,
    /// Whether commands may be called by name.
    pub(super) raw: bool,
    /// Imports of messages follow each other.
    pub(super) imports: Arc<Turns>,
}

/// How large one gRPC message may be, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct MessageSizes {
    /// Of a request.
    pub decode: usize,
    /// Of a reply.
    pub encode: usize,
}

impl Gateway {
    /// A gateway to the given Tencent applications that splits batches at the given sizes, and sends no larger replies than so many
    /// bytes.
    #[must_use]
    pub fn new(apps: BTreeMap<String, Arc<Upstream>>, batch: config::Batch, largest_reply: usize) -> Self {
        Self { apps: Arc::new(apps), batch, largest_reply, raw: false, imports: Arc::default() }
    }

    /// Whether RawService calls commands by name; by default it does not.
    #[must_use]
    pub fn with_raw_service(self, raw: bool) -> Self {
        Self { raw, ..self }
    }

    pub(super) fn upstream(&self, app: &str) -> Option<Arc<Upstream>> {
        self.apps.get(app).cloned()
    }
}
