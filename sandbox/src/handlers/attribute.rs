//! Group attributes: a small map for each group, read by one service and written by another.

use serde_json::{Value, json};

use crate::body::{Body, Outcome, answer, done, objects, text};
use crate::command::Command;
use crate::context::Ctx;
use crate::error::ApiError;
use crate::group_type::GroupType;
use crate::schema::Kind::{Objects, Text};
use crate::schema::{Field, req};
use crate::state::attributes::Attributes;

const SERVICE: &str = "group_open_http_svc";

const WRITE: &[Field] = &[req("GroupId", Text), req("GroupAttr", Objects(&[req("key", Text), req("value", Text)]))];
const DELETE: &[Field] = &[req("GroupId", Text), req("GroupAttr", Objects(&[req("key", Text)]))];
const GROUP: &[Field] = &[req("GroupId", Text)];

pub static COMMANDS: &[Command] = &[
    Command::new("group_open_attr_http_svc", "get_group_attr", GROUP, get_group_attr).read_only(),
    Command::new(SERVICE, "modify_group_attr", WRITE, modify_group_attr),
    Command::new(SERVICE, "set_group_attr", WRITE, set_group_attr),
    Command::new(SERVICE, "clear_group_attr", GROUP, clear_group_attr),
    Command::new(SERVICE, "delete_group_attr", DELETE, delete_group_attr),
];

/// Attributes that one call may name.
const ITEMS: usize = 16;
const WRITES_PER_SECOND: f64 = 5.0;

fn get_group_attr(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let group = ctx.app.group(text(body, "GroupId"))?;
    let all: Vec<Value> = group.attributes.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
    answer(json!({"GroupAttrAry": all}))
}

fn modify_group_attr(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let group = subject(ctx, body)?;
    let result = group.with(pairs(body)?)?;
    write(ctx, body, "modify", result)
}

fn set_group_attr(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    subject(ctx, body)?;
    let result = Attributes::default().with(pairs(body)?)?;
    write(ctx, body, "set", result)
}

fn clear_group_attr(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    subject(ctx, body)?;
    write(ctx, body, "clear", Attributes::default())
}

fn delete_group_attr(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let keys: Vec<&str> = pairs(body)?.map(|(key, _)| key).collect();
    let result = ctx.app.group(text(body, "GroupId"))?.attributes.without(&keys)?;
    write(ctx, body, "delete", result)
}

/// The attributes of a group whose type may have them written.
fn subject<'c>(ctx: &'c Ctx<'_>, body: &Body) -> Result<&'c Attributes, ApiError> {
    let group = ctx.app.group(text(body, "GroupId"))?;
    if group.kind == GroupType::Community {
        return Err(ApiError::not_allowed("the attributes of a community cannot be written"));
    }
    Ok(&group.attributes)
}

fn pairs(body: &Body) -> Result<impl Iterator<Item = (&str, &str)>, ApiError> {
    let items = objects(body, "GroupAttr");
    if !(1..=ITEMS).contains(&items.clone().count()) {
        return Err(ApiError::field("GroupAttr", "must have 1 to 16 items"));
    }
    Ok(items.map(|item| (text(item, "key"), text(item, "value"))))
}

/// Puts a result in force as a whole. All kinds of writes share one budget for each group.
fn write(ctx: &mut Ctx<'_>, body: &Body, option: &'static str, result: Attributes) -> Outcome {
    let id = text(body, "GroupId");
    if let Some(pace) = ctx.pace
        && !pace.admit(|| format!("attr/{}/{id}", ctx.app.sdkappid), WRITES_PER_SECOND)
    {
        return Err(ApiError::new(10049, "the attributes of this group are written too often"));
    }
    let group = ctx.app.group_mut(id)?;
    group.attributes = result;
    let kind = group.kind.name();
    let operator = ctx.caller;
    let written = body.get("GroupAttr").cloned().unwrap_or_else(|| json!([]));
    ctx.events.hook("Group.CallbackAfterGroupAttrChanged", || {
        json!({
            "GroupId": id,
            "Type": kind,
            "Operator_Account": operator,
            "OptionType": option,
            "GroupAttr": written,
        })
    });
    done()
}
