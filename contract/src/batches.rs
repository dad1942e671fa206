//! How many items of a batch Tencent takes in one call, by the method of the batch.

/// A batch of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Batch {
    /// Users added.
    AddMembers,
    /// Users removed.
    RemoveMembers,
    /// Users muted or unmuted.
    MuteMembers,
    /// Users whose roles are read.
    GetRoles,
    /// Users whose records are read.
    GetMembers,
    /// Groups read; ListGroups and StreamGroups read as many at a time.
    GetGroups,
    /// Messages recalled.
    RecallMessages,
    /// Users banned.
    BanMembers,
    /// Users whose ban ends.
    UnbanMembers,
    /// Members imported.
    ImportMembers,
    /// Messages imported.
    ImportMessages,
}

impl Batch {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::AddMembers,
        Self::RemoveMembers,
        Self::MuteMembers,
        Self::GetRoles,
        Self::GetMembers,
        Self::GetGroups,
        Self::RecallMessages,
        Self::BanMembers,
        Self::UnbanMembers,
        Self::ImportMembers,
        Self::ImportMessages,
    ];

    /// The method's name, without its service.
    #[must_use]
    pub const fn method(self) -> &'static str {
        match self {
            Self::AddMembers => "BatchAddMembers",
            Self::RemoveMembers => "BatchRemoveMembers",
            Self::MuteMembers => "BatchMuteMembers",
            Self::GetRoles => "BatchGetRoles",
            Self::GetMembers => "BatchGetMembers",
            Self::GetGroups => "BatchGetGroups",
            Self::RecallMessages => "BatchRecallMessages",
            Self::BanMembers => "BatchBanMembers",
            Self::UnbanMembers => "BatchUnbanMembers",
            Self::ImportMembers => "BatchImportMembers",
            Self::ImportMessages => "BatchImportMessages",
        }
    }

    /// How many items Tencent documents for one call. Where its documents disagree, the smallest number that is current:
    /// earlier ones let 300 and more members be added or imported at once.
    #[must_use]
    pub const fn documented_cap(self) -> usize {
        match self {
            Self::AddMembers | Self::BanMembers | Self::UnbanMembers | Self::ImportMembers => 20,
            Self::RemoveMembers => 100,
            Self::MuteMembers | Self::GetRoles => 500,
            Self::GetMembers | Self::GetGroups => 50,
            Self::RecallMessages => 10,
            Self::ImportMessages => 7,
        }
    }
}
