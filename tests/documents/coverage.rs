//! `docs/coverage.md`: every RPC with its Tencent command and golden file, and what replaces each method of the Go SDK
//! dobyte/tencent-im. Written again with `UPDATE_DOCS=1 cargo test coverage`; otherwise checked.

use std::fmt::Write as _;
use std::path::PathBuf;

use contract::command::methods::METHODS;

/// Method of the Go SDK's group package, the RPC that replaces it, and the test that shows it.
const GO_SDK: &[(&str, &str, &str)] = &[
    ("FetchGroupIds", "GroupService/ListGroupIds", "golden"),
    ("FetchGroups", "GroupService/ListGroups", "gateway::regressions::more_than_fifty_groups_come_in_one_listing"),
    ("PullGroups", "GroupService/StreamGroups", "gateway::streams::every_group_is_streamed_once"),
    ("CreateGroup", "GroupService/CreateGroup", "golden"),
    ("GetGroup", "GroupService/GetGroup", "gateway::regressions::a_missing_group_is_an_error_that_names_it"),
    ("GetGroups", "GroupService/GetGroups", "golden"),
    ("FetchMembers", "MemberService/ListMembers", "golden"),
    ("PullMembers", "MemberService/StreamMembers", "gateway::regressions::lists_do_not_end_at_the_first_page"),
    ("UpdateGroup", "GroupService/UpdateGroup", "golden"),
    ("AddMembers", "MemberService/AddMembers", "golden"),
    ("DeleteMembers", "MemberService/RemoveMembers", "golden"),
    ("UpdateMember", "MemberService/UpdateMember", "golden"),
    ("DestroyGroup", "GroupService/DestroyGroup", "golden"),
    ("FetchMemberGroups", "GroupService/ListJoinedGroups", "golden"),
    ("PullMemberGroups", "GroupService/StreamJoinedGroups", "gateway::streams::every_joined_group_is_streamed_once"),
    ("GetRolesInGroup", "MemberService/GetRoles", "golden"),
    ("ForbidSendMessage", "MemberService/MuteMembers", "golden"),
    ("AllowSendMessage", "MemberService/UnmuteMembers", "gateway::regressions::a_mute_can_be_lifted"),
    ("GetShuttedUpMembers", "MemberService/ListMutedMembers", "golden"),
    ("SendMessage", "MessageService/SendMessage", "golden"),
    ("SendNotification", "MessageService/SendSystemNotification", "golden"),
    ("ChangeGroupOwner", "GroupService/ChangeGroupOwner", "golden"),
    ("RevokeMessage", "MessageService/RecallMessage", "gateway::streams::one_message_is_recalled_or_says_why_not"),
    ("RevokeMessages", "MessageService/RecallMessages", "golden"),
    ("ImportGroup", "ImportService/ImportGroup", "golden"),
    ("ImportMessages", "ImportService/ImportMessages", "golden"),
    ("ImportMembers", "ImportService/ImportMembers", "golden"),
    ("SetMemberUnreadMsgNum", "ImportService/SetUnreadCount", "golden"),
    ("RevokeMemberMessages", "MessageService/RecallMessagesBySender", "golden"),
    ("FetchMessages", "MessageService/ListMessages", "golden"),
    (
        "PullMessages",
        "MessageService/StreamMessages",
        "gateway::regressions::history_reaches_message_one_and_stops_there",
    ),
    ("GetOnlineMemberNum", "LiveRoomService/GetOnlineMemberCount", "golden"),
];

/// The tests of the RPCs that are compositions; all streams and all batches have one test each.
const COMPOSITIONS: &[(&str, &str)] = &[
    ("GroupService/GetGroup", "gateway::regressions::a_missing_group_is_an_error_that_names_it"),
    ("GroupService/ListGroups", "gateway::regressions::more_than_fifty_groups_come_in_one_listing"),
    ("MemberService/UnmuteMembers", "gateway::regressions::a_mute_can_be_lifted"),
    ("MessageService/RecallMessage", "gateway::streams::one_message_is_recalled_or_says_why_not"),
    ("RawService/Call", "gateway::raw::a_command_called_by_name_does_what_the_typed_method_does"),
    ("/Stream", "gateway::every_stream::each_is_complete_through_faults_and_breaks"),
    ("/Batch", "gateway::every_batch::each_has_one_result_per_item_in_order_and_a_failed_part_marks_its_own"),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn short(path: &str) -> &str {
    path.strip_prefix("tencentim.group.v1.").unwrap()
}

fn command(rpc: &str) -> String {
    let method = METHODS.iter().find(|method| short(method.path) == rpc).unwrap_or_else(|| panic!("no RPC {rpc}"));
    method.command.map_or("composition".to_owned(), |command| format!("`{}`", command.name))
}

fn of_composition(path: &str) -> &'static str {
    let found = COMPOSITIONS.iter().find(|(rpc, _)| path.contains(rpc));
    found.unwrap_or_else(|| panic!("no test is named for {path}")).1
}

fn page() -> String {
    let mapped = METHODS.iter().filter(|method| method.command.is_some()).count();
    let mut page = format!(
        "# Coverage\n\nWritten by a test from the contract. {mapped} of 71 Tencent group commands are mapped; the old name\n\
         `get_group_shutted_uin` is the same as `get_group_muted_account`. Every mapped RPC has a golden file\n\
         (`tests/golden/<command>.json`).\n\n## RPCs\n\n| RPC | Tencent command | tested by |\n|---|---|---|\n"
    );
    for method in METHODS {
        let (command, tested) = match method.command {
            Some(command) => {
                (format!("`{}/{}`", command.service, command.name), format!("`tests/golden/{}.json`", command.name))
            }
            None => ("composition".to_owned(), format!("`{}`", of_composition(method.path))),
        };
        let _ = writeln!(page, "| `{}` | {command} | {tested} |", short(method.path));
    }
    page.push_str("\n## From dobyte/tencent-im (Go), package group\n\n| Go method | RPC | Tencent command | tested by |\n|---|---|---|---|\n");
    for (go, rpc, test) in GO_SDK {
        let _ = writeln!(page, "| `{go}` | `{rpc}` | {} | `{test}` |", command(rpc));
    }
    page
}

#[test]
fn the_coverage_page_is_fresh() {
    let path = root().join("docs/coverage.md");
    let page = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "docs/coverage.md is stale: UPDATE_DOCS=1 cargo test coverage");
}

/// The tests that the page names must be there.
#[test]
fn the_named_tests_exist() {
    let tests = GO_SDK.iter().map(|(_, _, test)| test).chain(COMPOSITIONS.iter().map(|(_, test)| test));
    for test in tests.filter(|test| **test != "golden") {
        let (module, name) = test.rsplit_once("::").unwrap();
        let file = format!("tests/{}.rs", module.replace("::", "/"));
        let text = std::fs::read_to_string(root().join(&file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(text.contains(&format!("async fn {name}()")), "{test} is not there");
    }
}
