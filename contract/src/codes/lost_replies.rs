//! What is certain of a write whose reply was lost: which refusals of its repetition say that the work is done, and which method
//! shows what became of it.

/// Commands, and the code that refuses the repetition of one whose work is done. Only codes that cannot mean anything else.
const DONE: [(&str, i64); 2] = [("destroy_group", 10010), ("delete_group_attr", 10050)];

/// The same for single items of a reply.
const DONE_ITEMS: [(&str, i64); 5] = [
    ("add_permission_group_member", 10013),
    ("delete_topic_permission_group", 110_011),
    ("delete_topic_permission_group", 110_014),
    ("destroy_permission_group", 110_006),
    ("destroy_topic", 110_003),
];

/// The methods that show whether writes were executed, each with the commands of the writes.
#[rustfmt::skip]
const SHOWING: &[(&str, &[&str])] = &[
    ("AttributeService/GetAttributes", &["modify_group_attr", "set_group_attr", "clear_group_attr", "delete_group_attr"]),
    ("BanService/ListBannedMembers", &["ban_group_member", "unban_group_member"]),
    ("CounterService/GetCounters", &["update_group_counter", "delete_group_counter"]),
    ("ExtensionService/GetExtensions", &["group_set_key_values"]),
    ("GroupService/GetGroup", &["destroy_group", "modify_group_base_info", "change_group_owner"]),
    ("GroupService/ListGroups", &["create_group", "import_group"]),
    ("GroupService/ListJoinedGroups", &["set_unread_msg_num"]),
    ("LiveRoomService/ListAdmins", &["modify_admin"]),
    ("LiveRoomService/ListOnlineMembers", &["modify_user_info", "add_robots", "del_robots"]),
    ("MemberService/GetMembers", &["add_group_member", "delete_group_member", "modify_group_member_info", "import_group_member"]),
    ("MemberService/ListMutedMembers", &["forbid_send_msg"]),
    ("MessageService/ListMessages", &["send_group_msg", "send_group_stream_msg", "group_msg_recall", "delete_group_msg_by_sender", "modify_group_msg", "clear_group_msg", "import_group_msg"]),
    ("PermissionGroupService/GetTopicPermissions", &["add_topic_permission_group", "set_topic_permission_group", "delete_topic_permission_group"]),
    ("PermissionGroupService/ListPermissionGroupMembers", &["add_permission_group_member", "delete_permission_group_member"]),
    ("PermissionGroupService/ListPermissionGroups", &["create_permission_group", "destroy_permission_group", "modify_permission_group"]),
    ("ReceiptService/ListReadReceiptMembers", &["group_msg_receipt"]),
    ("RobotService/ListRobots", &["create_robot", "delete_robot"]),
    ("TopicService/GetTopics", &["create_topic", "modify_topic", "destroy_topic", "import_topic"]),
];

/// Messages that cannot be read again: only members who are online see them.
#[cfg(test)]
const UNTOLD: [&str; 2] = ["send_broadcast_msg", "send_group_system_notification"];

/// Whether a code refuses a repeated command because its work is done. Tencent's refusal does not say which of several things
/// it is about, so `single` must be true: the request names one.
#[must_use]
pub fn is_done(command: &str, code: i64, single: bool) -> bool {
    single && DONE.contains(&(command, code))
}

/// Whether a code refuses an item of a repeated command because its work is done.
#[must_use]
pub fn is_item_done(command: &str, code: i64) -> bool {
    DONE_ITEMS.contains(&(command, code))
}

/// The method, `Service/Method`, by which to see whether a command was executed.
#[must_use]
pub fn method_that_shows(command: &str) -> Option<&'static str> {
    SHOWING.iter().find(|(_, commands)| commands.contains(&command)).map(|(method, _)| *method)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Safety;
    use crate::command::methods::METHODS;

    #[test]
    fn each_write_has_a_method_that_shows_and_reads() {
        let writes =
            METHODS.iter().filter_map(|method| method.command).filter(|command| command.safety != Safety::Read);
        for command in writes {
            match method_that_shows(command.name) {
                None => assert!(UNTOLD.contains(&command.name), "{} is forgotten", command.name),
                Some(tells) => {
                    let method = METHODS.iter().find(|method| method.path == format!("tencentim.group.v1.{tells}"));
                    assert_eq!(method.map(|method| method.safety), Some(Safety::Read), "{tells}");
                }
            }
        }
    }
}
