//! Changes of a reply on its way out, with which testers imitate a service that has drifted from its documents.

use serde_json::Value;

use crate::body::Body;

/// Where in a reply: keys joined by dots, `[]` after a list for each of its items, `[N]` for one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Each,
    Item(usize),
}

impl Path {
    /// Reads `MemberList[].Result` and its like.
    pub fn parse(text: &str) -> Result<Self, String> {
        let malformed = || format!("path {text:?} is not like MemberList[].Result or RspMsgList[0].MsgBody");
        let mut steps = Vec::new();
        for part in text.split('.') {
            let (key, mut rest) = part.split_at(part.find('[').unwrap_or(part.len()));
            if key.is_empty() {
                return Err(malformed());
            }
            steps.push(Step::Key(key.to_owned()));
            while !rest.is_empty() {
                let (index, after) =
                    rest.strip_prefix('[').and_then(|rest| rest.split_once(']')).ok_or_else(malformed)?;
                steps.push(match index {
                    "" => Step::Each,
                    index => Step::Item(index.parse().map_err(|_| malformed())?),
                });
                rest = after;
            }
        }
        Ok(Self(steps))
    }

    /// Puts a value there. A key that is not there yet is added to an object that is.
    pub fn set(&self, reply: &mut Body, value: &Value) {
        if let Some((Step::Key(key), rest)) = self.0.split_first() {
            set_in_object(reply, key, rest, value);
        }
    }

    /// Takes away what is there: a key with its value, or items of a list.
    pub fn remove(&self, reply: &mut Body) {
        if let Some((Step::Key(key), rest)) = self.0.split_first() {
            remove_in_object(reply, key, rest);
        }
    }
}

fn set_in_object(object: &mut Body, key: &str, rest: &[Step], value: &Value) {
    if rest.is_empty() {
        object.insert(key.to_owned(), value.clone());
    } else if let Some(inner) = object.get_mut(key) {
        set(inner, rest, value);
    }
}

fn set(target: &mut Value, steps: &[Step], value: &Value) {
    let Some((step, rest)) = steps.split_first() else {
        *target = value.clone();
        return;
    };
    match (step, target) {
        (Step::Key(key), Value::Object(object)) => set_in_object(object, key, rest, value),
        (Step::Each, Value::Array(items)) => items.iter_mut().for_each(|item| set(item, rest, value)),
        (Step::Item(index), Value::Array(items)) => {
            if let Some(item) = items.get_mut(*index) {
                set(item, rest, value);
            }
        }
        _ => {}
    }
}

fn remove_in_object(object: &mut Body, key: &str, rest: &[Step]) {
    if rest.is_empty() {
        object.remove(key);
    } else if let Some(inner) = object.get_mut(key) {
        remove(inner, rest);
    }
}

fn remove(target: &mut Value, steps: &[Step]) {
    let Some((step, rest)) = steps.split_first() else {
        return;
    };
    match (step, target) {
        (Step::Key(key), Value::Object(object)) => remove_in_object(object, key, rest),
        (Step::Each, Value::Array(items)) if rest.is_empty() => items.clear(),
        (Step::Each, Value::Array(items)) => items.iter_mut().for_each(|item| remove(item, rest)),
        (Step::Item(index), Value::Array(items)) if *index < items.len() => match rest {
            [] => drop(items.remove(*index)),
            rest => remove(&mut items[*index], rest),
        },
        _ => {}
    }
}
