//! Read receipts: reporting messages as read, and asking who has read them.

use serde_json::{Value, json};

use crate::body::{Body, Outcome, answer, done, objects, text, unsigned};
use crate::command::Command;
use crate::context::Ctx;
use crate::error::ApiError;
use crate::group_type::GroupType;
use crate::schema::Kind::{Flag, Objects, Text, U32, User};
use crate::schema::{Field, req};
use crate::state::group::Group;
use crate::state::receipt::Receipt;

const SERVICE: &str = "group_open_http_svc";

const SEQS: &[Field] = &[req("MsgSeq", U32)];
const REPORT: &[Field] = &[req("GroupId", Text), req("From_Account", User), req("MsgSeqList", Objects(SEQS))];
const COUNT: &[Field] = &[req("GroupId", Text), req("MsgSeqList", Objects(SEQS))];
const DETAIL: &[Field] =
    &[req("GroupId", Text), req("MsgSeq", U32), req("Filter", Flag), req("Cursor", Text), req("Count", U32)];

pub static COMMANDS: &[Command] = &[
    Command::new(SERVICE, "group_msg_receipt", REPORT, group_msg_receipt),
    Command::new(SERVICE, "get_group_msg_receipt", COUNT, get_group_msg_receipt).read_only(),
    Command::new(SERVICE, "get_group_msg_receipt_detail", DETAIL, get_group_msg_receipt_detail).read_only(),
];

/// Members of the largest group that has read receipts.
pub const RECEIPT_MEMBERS: usize = 200;

const ONLINE_ONLY: i64 = 10061;
const NO_RECEIPT: i64 = 10062;

fn check_type(group: &Group) -> Result<(), ApiError> {
    if matches!(group.kind, GroupType::AVChatRoom | GroupType::Community) {
        return Err(ApiError::not_allowed("this group type has no read receipts"));
    }
    Ok(())
}

fn seqs(body: &Body) -> Result<Vec<u64>, ApiError> {
    let seqs: Vec<u64> = objects(body, "MsgSeqList").filter_map(|item| unsigned(item, "MsgSeq")).collect();
    if seqs.is_empty() {
        return Err(ApiError::field("MsgSeqList", "must not be empty"));
    }
    Ok(seqs)
}

/// Messages that one group_msg_receipt call may name.
const REPORTS_PER_CALL: usize = 50;

/// One message without a receipt fails the whole call, as its answer has no place for single results.
fn group_msg_receipt(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let user = text(body, "From_Account");
    let seqs = seqs(body)?;
    if seqs.len() > REPORTS_PER_CALL {
        return Err(ApiError::field("MsgSeqList", "holds more than 50 numbers"));
    }
    let group = ctx.app.group_mut(text(body, "GroupId"))?;
    check_type(group)?;
    if group.members.len() > RECEIPT_MEMBERS {
        return Err(ApiError::new(10060, "the group is too large for read receipts"));
    }
    if group.members.get(user).is_none() {
        return Err(ApiError::not_allowed("From_Account is not in the group"));
    }
    for seq in &seqs {
        match group.history.receipts.get(seq) {
            Some(_) => {}
            // The number that the sender of an online-only message received.
            None if *seq == 0 => return Err(ApiError::new(ONLINE_ONLY, "online-only messages have no read receipt")),
            None => return Err(ApiError::new(NO_RECEIPT, "a message has no read receipt")),
        }
    }
    let mut news = Vec::new();
    for seq in seqs {
        if let Some(receipt) = group.history.receipts.get_mut(&seq)
            && receipt.note_read(user)
        {
            let mut item = counts(seq, Some(receipt));
            item.insert("ReadReceiptMembers".to_owned(), json!([{"Member_Account": user}]));
            news.push(item);
        }
    }
    let kind = group.kind;
    if !news.is_empty() {
        ctx.events.hook(
            "Group.CallbackAfterReadReceipt",
            || json!({"GroupId": text(body, "GroupId"), "Type": kind.name(), "GroupMsgReceiptList": news}),
        );
    }
    done()
}

fn counts(seq: u64, receipt: Option<&Receipt>) -> Body {
    let mut item = Body::new();
    item.insert("MsgSeq".to_owned(), json!(seq));
    item.insert("ReadNum".to_owned(), json!(receipt.map_or(0, Receipt::read_num)));
    item.insert("UnreadNum".to_owned(), json!(receipt.map_or(0, Receipt::unread_num)));
    item
}

fn get_group_msg_receipt(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let group = ctx.app.group(text(body, "GroupId"))?;
    check_type(group)?;
    let list: Vec<Value> = seqs(body)?
        .into_iter()
        .map(|seq| {
            let receipt = group.history.receipts.get(&seq);
            let mut item = counts(seq, receipt);
            item.insert("Code".to_owned(), json!(if receipt.is_some() { 0 } else { NO_RECEIPT }));
            Value::Object(item)
        })
        .collect();
    answer(json!({"GroupMsgReceiptList": list}))
}

/// Members on the largest page.
const PAGE: u64 = 200;

fn get_group_msg_receipt_detail(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let group = ctx.app.group(text(body, "GroupId"))?;
    check_type(group)?;
    let seq = unsigned(body, "MsgSeq").unwrap_or(0);
    let Some(limit) = unsigned(body, "Count").filter(|count| *count > 0) else {
        return Err(ApiError::field("Count", "must be at least 1"));
    };
    let from = match text(body, "Cursor") {
        "" => 0,
        cursor => cursor.parse().map_err(|_| ApiError::field("Cursor", "did not come from an answer"))?,
    };
    let Some(receipt) = group.history.receipts.get(&seq) else {
        return Err(ApiError::new(NO_RECEIPT, "the message has no read receipt"));
    };
    let readers = unsigned(body, "Filter") == Some(0);
    let (page, next) = receipt.page(readers, from, limit.min(PAGE) as usize);
    let (list, user) = if readers { ("ReadList", "Read_Account") } else { ("UnreadList", "Unread_Account") };
    let page: Vec<Value> = page.into_iter().map(|id| json!({user: id.as_str()})).collect();
    answer(json!({
        "MsgSeq": seq,
        list: page,
        "Cursor": next.unwrap_or(0).to_string(),
        "IsFinish": u8::from(next.is_none()),
    }))
}
