//! The probes, in the order in which they are sent: each needs only what those before it made.

use contract::pb;

use super::probe::Probe;

/// What `modify_user_info` answers where none of the users is in the room: nobody can be put there by this API.
const NOBODY_ONLINE: i64 = 10004;

/// All probes.
#[rustfmt::skip]
pub(super) fn probes() -> Vec<Probe> {
    [groups(), members(), messages(), attributes(), imports(), live_rooms(), communities(), permissions(), ends()].concat()
}

#[rustfmt::skip]
fn groups() -> Vec<Probe> {
    vec![
        Probe::of::<pb::CreateGroupRequest>(r#"{"Type":"Public","GroupId":"$public","Name":"doctor","Owner_Account":"$ann","ApplyJoinOption":"FreeAccess","MemberList":[{"Member_Account":"$ben"}]}"#).makes("public"),
        Probe::of::<pb::CreateGroupRequest>(r#"{"Type":"Private","GroupId":"$private","Name":"doctor","Owner_Account":"$ann"}"#).makes("private"),
        Probe::of::<pb::CreateGroupRequest>(r#"{"Type":"ChatRoom","GroupId":"$chat","Name":"doctor","Owner_Account":"$ann"}"#).makes("chat"),
        Probe::of::<pb::CreateGroupRequest>(r#"{"Type":"AVChatRoom","GroupId":"$room","Name":"doctor","Owner_Account":"$ann"}"#).makes("room"),
        Probe::of::<pb::CreateGroupRequest>(r#"{"Type":"Community","GroupId":"$community","Name":"doctor","Owner_Account":"$ann","SupportTopic":1,"EnablePermission":1}"#).makes("community"),
        Probe::of::<pb::GetGroupsRequest>(r#"{"GroupIdList":["$public"]}"#),
        Probe::of::<pb::GetGroupsRequest>(r#"{"GroupIdList":["$private","$chat","$room"]}"#),
        Probe::of::<pb::GetGroupsRequest>(r#"{"GroupIdList":["$community"]}"#),
        Probe::of::<pb::UpdateGroupRequest>(r#"{"GroupId":"$public","Introduction":"made by doctor","MuteAllMember":"Off"}"#),
        Probe::of::<pb::ListGroupIdsRequest>(r#"{"Limit":1}"#).reads_others(),
        Probe::of::<pb::ListJoinedGroupsRequest>(r#"{"Member_Account":"$ann","WithHugeGroups":1,"WithNoActiveGroups":1,"Limit":10}"#),
    ]
}

#[rustfmt::skip]
fn members() -> Vec<Probe> {
    vec![
        Probe::of::<pb::AddMembersRequest>(r#"{"GroupId":"$public","MemberList":[{"Member_Account":"$cat"}],"Silence":1}"#),
        Probe::of::<pb::ListMembersRequest>(r#"{"GroupId":"$public","Limit":100}"#),
        Probe::of::<pb::GetMembersRequest>(r#"{"GroupId":"$public","Member_List_Account":["$ben","$cat"]}"#),
        Probe::of::<pb::GetRolesRequest>(r#"{"GroupId":"$public","User_Account":["$ann","$ben"]}"#),
        Probe::of::<pb::UpdateMemberRequest>(r#"{"GroupId":"$public","Member_Account":"$ben","Role":"Admin","NameCard":"doctor"}"#),
        Probe::of::<pb::MuteMembersRequest>(r#"{"GroupId":"$public","Members_Account":["$cat"],"MuteTime":60}"#),
        Probe::of::<pb::ListMutedMembersRequest>(r#"{"GroupId":"$public"}"#),
        Probe::of::<pb::MuteMembersRequest>(r#"{"GroupId":"$public","Members_Account":["$cat"],"MuteTime":0}"#),
    ]
}

#[rustfmt::skip]
fn messages() -> Vec<Probe> {
    vec![
        Probe::of::<pb::SendMessageRequest>(r#"{"GroupId":"$public","From_Account":"$ann","MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"Text":"doctor"}}],"NeedReadReceipt":1,"SupportMessageExtension":1}"#).keeps("MsgSeq", "seq"),
        Probe::of::<pb::SendMessageRequest>(r#"{"GroupId":"$public","From_Account":"$ben","MsgBody":[{"MsgType":"TIMCustomElem","MsgContent":{"Data":"doctor","Desc":"","Ext":"","Sound":""}},{"MsgType":"TIMFaceElem","MsgContent":{"Index":1,"Data":"doctor"}},{"MsgType":"TIMLocationElem","MsgContent":{"Desc":"doctor","Latitude":1.5,"Longitude":2.5}}]}"#).keeps("MsgSeq", "last"),
        Probe::of::<pb::ListMessagesRequest>(r#"{"GroupId":"$public","ReqMsgNumber":20,"WithRecalledMsg":1}"#),
        Probe::of::<pb::UpdateMessageRequest>(r#"{"GroupId":"$public","MsgSeq":$seq,"MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"Text":"doctor, edited"}}]}"#),
        Probe::of::<pb::ReportReadRequest>(r#"{"GroupId":"$public","From_Account":"$ben","MsgSeqList":[{"MsgSeq":$seq}]}"#),
        Probe::of::<pb::GetReadReceiptsRequest>(r#"{"GroupId":"$public","MsgSeqList":[{"MsgSeq":$seq}]}"#),
        Probe::of::<pb::ListReadReceiptMembersRequest>(r#"{"GroupId":"$public","MsgSeq":$seq,"Filter":0,"Count":10}"#),
        Probe::of::<pb::SetExtensionsRequest>(r#"{"GroupId":"$public","MsgSeq":$seq,"OperateType":1,"ExtensionList":[{"Key":"doctor","Value":"1","Seq":0}]}"#),
        Probe::of::<pb::GetExtensionsRequest>(r#"{"GroupId":"$public","MsgSeq":$seq}"#),
        Probe::of::<pb::SendSystemNotificationRequest>(r#"{"GroupId":"$public","ToMembers_Account":["$ben"],"Content":"doctor"}"#),
        Probe::of::<pb::RecallMessagesRequest>(r#"{"GroupId":"$public","MsgSeqList":[{"MsgSeq":$last}],"Reason":"doctor"}"#),
        Probe::of::<pb::RecallMessagesBySenderRequest>(r#"{"GroupId":"$public","Sender_Account":"$ben"}"#),
        Probe::of::<pb::ListMessagesRequest>(r#"{"GroupId":"$public","ReqMsgNumber":20,"WithRecalledMsg":1}"#),
        // After the last look at the history, which shows it as an element that the contract does not know.
        Probe::of::<pb::SendStreamMessageRequest>(r#"{"GroupId":"$public","From_Account":"$ann","MsgBody":[{"MsgType":"TIMStreamElem","MsgContent":{"CompatibleText":"doctor","Chunks":[{"EventType":"data","Index":1,"Markdown":"doctor","IsLast":true}]}}]}"#),
        Probe::of::<pb::ClearHistoryRequest>(r#"{"GroupId":"$public","MsgSeq":$seq}"#),
    ]
}

#[rustfmt::skip]
fn attributes() -> Vec<Probe> {
    vec![
        Probe::of::<pb::ReplaceAttributesRequest>(r#"{"GroupId":"$public","GroupAttr":[{"key":"one","value":"1"}]}"#),
        Probe::of::<pb::UpdateAttributesRequest>(r#"{"GroupId":"$public","GroupAttr":[{"key":"two","value":"2"}]}"#),
        Probe::of::<pb::GetAttributesRequest>(r#"{"GroupId":"$public"}"#),
        Probe::of::<pb::DeleteAttributesRequest>(r#"{"GroupId":"$public","GroupAttr":[{"key":"one"}]}"#),
        Probe::of::<pb::ClearAttributesRequest>(r#"{"GroupId":"$public"}"#),
        Probe::of::<pb::UpdateCountersRequest>(r#"{"GroupId":"$public","GroupCounter":[{"Key":"doctor","Value":1}],"Mode":"Set"}"#).larger_editions(),
        Probe::of::<pb::GetCountersRequest>(r#"{"GroupId":"$public","GroupCounterKeys":["doctor"]}"#).larger_editions(),
        Probe::of::<pb::DeleteCountersRequest>(r#"{"GroupId":"$public","GroupCounterKeys":["doctor"]}"#).larger_editions(),
    ]
}

#[rustfmt::skip]
fn imports() -> Vec<Probe> {
    vec![
        Probe::of::<pb::ImportGroupRequest>(r#"{"Type":"Public","GroupId":"$old","Name":"doctor","Owner_Account":"$ann","CreateTime":1600000000}"#).makes("old"),
        Probe::of::<pb::ImportMembersRequest>(r#"{"GroupId":"$old","MemberList":[{"Member_Account":"$ben","JoinTime":1600000010}]}"#),
        Probe::of::<pb::ImportMessagesRequest>(r#"{"GroupId":"$old","MsgList":[{"From_Account":"$ann","SendTime":1600000100,"Random":7,"MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"Text":"doctor"}}]}]}"#),
        Probe::of::<pb::SetUnreadCountRequest>(r#"{"GroupId":"$old","Member_Account":"$ben","UnreadMsgNum":1}"#),
        Probe::of::<pb::ListMessagesRequest>(r#"{"GroupId":"$old","ReqMsgNumber":5}"#),
    ]
}

#[rustfmt::skip]
fn live_rooms() -> Vec<Probe> {
    vec![
        Probe::of::<pb::GetOnlineMemberCountRequest>(r#"{"GroupId":"$room"}"#),
        Probe::of::<pb::ListOnlineMembersRequest>(r#"{"GroupId":"$room"}"#),
        Probe::of::<pb::CheckMembersRequest>(r#"{"GroupId":"$room","Member_Account":["$ben"]}"#).larger_editions(),
        Probe::of::<pb::UpdateMarksRequest>(r#"{"GroupId":"$room","CommandType":1,"MemberList":[{"Member_Account":"$ben","Marks":[1000]}]}"#).larger_editions().expects(NOBODY_ONLINE),
        Probe::of::<pb::UpdateAdminsRequest>(r#"{"GroupId":"$room","CommandType":1,"Admin_Account":["$ben"]}"#).larger_editions(),
        Probe::of::<pb::ListAdminsRequest>(r#"{"GroupId":"$room"}"#).larger_editions(),
        Probe::of::<pb::AddRobotsRequest>(r#"{"GroupId":"$room","Robot_Account":["$cat"]}"#).larger_editions(),
        Probe::of::<pb::RemoveRobotsRequest>(r#"{"GroupId":"$room","Robot_Account":["$cat"]}"#).larger_editions(),
        Probe::of::<pb::BanMembersRequest>(r#"{"GroupId":"$public","Members_Account":["$cat"],"Duration":60}"#),
        Probe::of::<pb::ListBannedMembersRequest>(r#"{"GroupId":"$public","Limit":20}"#),
        Probe::of::<pb::UnbanMembersRequest>(r#"{"GroupId":"$public","Members_Account":["$cat"]}"#),
        Probe::of::<pb::SendBroadcastRequest>(r#"{"MsgBody":[{"MsgType":"TIMCustomElem","MsgContent":{"Data":"doctor","Desc":"","Ext":"","Sound":""}}]}"#).larger_editions().reaches_everybody(),
        Probe::of::<pb::CreateRobotRequest>(r#"{"UserID":"$robot","Nick":"doctor"}"#).makes("robot"),
        Probe::of::<pb::ListRobotsRequest>("{}").reads_others(),
        Probe::of::<pb::DeleteRobotRequest>(r#"{"Robot_Account":"$robot"}"#),
    ]
}

#[rustfmt::skip]
fn communities() -> Vec<Probe> {
    vec![
        Probe::of::<pb::CreateTopicRequest>(r#"{"GroupId":"$community","TopicId":"$topic","TopicName":"doctor","From_Account":"$ann"}"#).makes("topic"),
        Probe::of::<pb::GetTopicsRequest>(r#"{"GroupId":"$community","From_Account":"$ann","TopicIdList":["$topic"]}"#),
        Probe::of::<pb::UpdateTopicRequest>(r#"{"GroupId":"$community","TopicId":"$topic","Notification":"doctor"}"#),
        Probe::of::<pb::ImportTopicRequest>(r#"{"GroupId":"$community","TopicId":"$archive","TopicName":"doctor","CreateTime":1600000000}"#).makes("archive"),
    ]
}

#[rustfmt::skip]
fn permissions() -> Vec<Probe> {
    vec![
        Probe::of::<pb::AddMembersRequest>(r#"{"GroupId":"$community","MemberList":[{"Member_Account":"$ben"}]}"#),
        Probe::of::<pb::CreatePermissionGroupRequest>(r#"{"GroupId":"$community","PermissionGroupId":"$permissions","PermissionGroupName":"doctor","Permission":64}"#).makes("permissions"),
        Probe::of::<pb::UpdatePermissionGroupRequest>(r#"{"GroupId":"$community","PermissionGroupId":"$permissions","Permission":96}"#),
        Probe::of::<pb::ListPermissionGroupsRequest>(r#"{"GroupId":"$community","Limit":10}"#),
        Probe::of::<pb::AddPermissionGroupMembersRequest>(r#"{"GroupId":"$community","PermissionGroupId":"$permissions","MemberList":[{"Member_Account":"$ben"}]}"#),
        Probe::of::<pb::ListPermissionGroupMembersRequest>(r#"{"GroupId":"$community","PermissionGroupId":"$permissions","Limit":10}"#),
        Probe::of::<pb::AddTopicPermissionsRequest>(r#"{"GroupId":"$community","PermissionGroupId":"$permissions","TopicPermissionList":[{"TopicId":"$topic","Permission":8}]}"#),
        Probe::of::<pb::SetTopicPermissionsRequest>(r#"{"GroupId":"$community","PermissionGroupId":"$permissions","TopicPermissionList":[{"TopicId":"$topic","Permission":24}]}"#),
        Probe::of::<pb::GetTopicPermissionsRequest>(r#"{"GroupId":"$community","PermissionGroupId":"$permissions","TopicIdList":["$topic"]}"#),
        Probe::of::<pb::DeleteTopicPermissionsRequest>(r#"{"GroupId":"$community","PermissionGroupId":"$permissions","TopicIdList":["$topic"]}"#),
        Probe::of::<pb::RemovePermissionGroupMembersRequest>(r#"{"GroupId":"$community","PermissionGroupId":"$permissions","MemberList":[{"Member_Account":"$ben"}]}"#),
        Probe::of::<pb::DestroyPermissionGroupsRequest>(r#"{"GroupId":"$community","PermissionGroupIdList":["$permissions"]}"#),
    ]
}

#[rustfmt::skip]
fn ends() -> Vec<Probe> {
    vec![
        Probe::of::<pb::DestroyTopicsRequest>(r#"{"GroupId":"$community","TopicIdList":["$topic","$archive"]}"#),
        Probe::of::<pb::RemoveMembersRequest>(r#"{"GroupId":"$public","MemberToDel_Account":["$cat"],"Silence":1}"#),
        Probe::of::<pb::ChangeGroupOwnerRequest>(r#"{"GroupId":"$public","NewOwner_Account":"$ben"}"#),
        Probe::of::<pb::DestroyGroupRequest>(r#"{"GroupId":"$public"}"#),
    ]
}
