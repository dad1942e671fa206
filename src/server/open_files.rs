//! The operating system's limit on open files, which connections are, too.

/// What the process opens besides its callers' connections: those to Tencent, the admin port's, files.
const OTHERS: u64 = 256;

/// Raises the limit as far as the process may, and warns when the connections that the settings allow do not fit.
pub fn raise(max_connections: usize) {
    let limit = match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) => limit,
        Err(error) => return tracing::warn!(%error, "cannot raise the limit on open files"),
    };
    if u64::try_from(max_connections).unwrap_or(u64::MAX) > limit.saturating_sub(OTHERS) {
        tracing::warn!(
            limit,
            max_connections,
            "the limit on open files (ulimit -n) leaves too few for the connections of `limits.max_connections`"
        );
    }
}
