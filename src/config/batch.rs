//! At what sizes batches are split.

use super::reader::Reader;

/// How many items go in one call of Tencent, and how many calls of one batch are under way at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// Calls at once.
    pub concurrency: usize,
    /// Users added.
    pub add_members: usize,
    /// Users removed.
    pub remove_members: usize,
    /// Users muted or unmuted.
    pub mute_members: usize,
    /// Users whose roles are read.
    pub get_roles: usize,
    /// Users whose records are read.
    pub get_members: usize,
    /// Groups read.
    pub get_groups: usize,
    /// Messages recalled.
    pub recall_messages: usize,
    /// Users banned or unbanned.
    pub ban_members: usize,
    /// Members imported.
    pub import_members: usize,
    /// Messages imported.
    pub import_messages: usize,
}

impl Batch {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        // More in one call would outgrow what Tencent takes and answers, whatever it raises for an application.
        let mut cap = |name: &str| reader.number(&format!("batch.{name}"), 1, 10_000);
        Self {
            concurrency: cap("concurrency"),
            add_members: cap("add_members"),
            remove_members: cap("remove_members"),
            mute_members: cap("mute_members"),
            get_roles: cap("get_roles"),
            get_members: cap("get_members"),
            get_groups: cap("get_groups"),
            recall_messages: cap("recall_messages"),
            ban_members: cap("ban_members"),
            import_members: cap("import_members"),
            import_messages: cap("import_messages"),
        }
    }
}
