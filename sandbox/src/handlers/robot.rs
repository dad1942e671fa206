//! Robots: chatbot accounts that groups can hold and mention.

use serde_json::json;

use crate::body::{Body, Outcome, answer, done, optional_text, text};
use crate::command::Command;
use crate::context::Ctx;
use crate::error::ApiError;
use crate::ids::Id;
use crate::schema::Kind::{Bytes, Text, User};
use crate::schema::{Field, opt, req};

const SERVICE: &str = "openim_robot_http_svc";

const CREATE: &[Field] =
    &[req("UserID", User), opt("Nick", Text), opt("FaceUrl", Text), opt("SelfSignature", Bytes(500))];

pub static COMMANDS: &[Command] = &[
    Command::new(SERVICE, "create_robot", CREATE, create_robot),
    Command::new(SERVICE, "delete_robot", &[req("Robot_Account", User)], delete_robot),
    Command::new(SERVICE, "get_all_robots", &[], get_all_robots).read_only(),
];

/// Robots of one app.
const ROBOTS: usize = 20;

fn robot<'b>(body: &'b Body, key: &str) -> Result<&'b str, ApiError> {
    let robot = text(body, key);
    match robot.strip_prefix("@RBT#") {
        Some(own) if !own.is_empty() => Ok(robot),
        _ => Err(ApiError::field(key, "must start with @RBT#")),
    }
}

/// A robot that is there gets the profile of the request.
fn create_robot(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    let id = Id::from(robot(body, "UserID")?);
    if !ctx.app.robots.contains(&id) && ctx.app.robots.len() >= ROBOTS {
        return Err(ApiError::new(10008, "the app has 20 robots"));
    }
    let account = ctx.app.accounts.entry(id.clone()).or_default();
    let profile = [
        ("Nick", &mut account.nick),
        ("FaceUrl", &mut account.face_url),
        ("SelfSignature", &mut account.self_signature),
    ];
    for (key, place) in profile {
        if let Some(value) = optional_text(body, key) {
            value.clone_into(place);
        }
    }
    ctx.app.robots.insert(id);
    done()
}

/// The account stays, and so do its memberships.
fn delete_robot(ctx: &mut Ctx<'_>, body: &Body) -> Outcome {
    ctx.app.robots.remove(robot(body, "Robot_Account")?);
    done()
}

fn get_all_robots(ctx: &mut Ctx<'_>, _body: &Body) -> Outcome {
    let robots: Vec<&str> = ctx.app.robots.iter().map(Id::as_str).collect();
    answer(json!({"Robot_Account": robots}))
}
