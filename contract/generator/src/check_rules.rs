//! What is wrong with the rules of requests.

use crate::model::{Card, Field, Kind, Message, Model};
use crate::options::{Characters, Condition, FieldRule, MessageRule};

/// What is wrong with the rule of a field.
pub fn field(model: &Model, message: &Message, field: &Field, rule: &FieldRule) -> Vec<String> {
    let many = matches!(field.card, Card::Repeated | Card::Map);
    let text = field.kind == Kind::Text;
    let string = text && field.card != Card::Map;
    let map = field.card == Card::Map;
    let number = matches!(field.kind, Kind::Int(_)) && !map || field.kind == Kind::Duration && !many;
    let bounded = rule.gte.is_some() || rule.lte.is_some();
    let empty = matches!((rule.gte, rule.lte), (Some(low), Some(high)) if low > high);
    let always = field.kind == Kind::Bool && field.card == Card::Plain;
    let zero = matches!(field.kind, Kind::Int(_) | Kind::Float) && field.card == Card::Plain;
    let prefixed = !rule.prefix.is_empty() || !rule.not_prefix.is_empty();
    let both = !rule.allowed.is_empty() && !rule.not_allowed.is_empty();
    let found = [
        (*rule == FieldRule::default(), "the rule says nothing: redundant"),
        (rule.max_bytes > 0 && !text, "max_bytes is for strings"),
        (rule.max_items > 0 && !many, "max_items is for lists and maps"),
        (rule.unique && field.card != Card::Repeated, "unique is for lists"),
        (rule.max_key_bytes > 0 && !map, "max_key_bytes is for maps"),
        (rule.key_characters != Characters::Any && rule.max_key_bytes == 0, "key_characters needs max_key_bytes"),
        (rule.max_total_bytes > 0 && !(map && text), "max_total_bytes is for maps of strings"),
        (rule.characters != Characters::Any && !string, "characters is for strings"),
        (!rule.prefix.is_empty() && !string, "prefix is for strings"),
        (!rule.not_prefix.is_empty() && !string, "not_prefix is for strings"),
        (rule.prefix_if.is_some() && !prefixed, "prefix_if needs prefix or not_prefix"),
        (rule.extends.is_some() && !string, "extends is for strings"),
        (bounded && !number, "gte and lte are for integers and single durations"),
        (!rule.or_in.is_empty() && !bounded, "or_in needs gte or lte"),
        (empty, "gte is above lte: nothing can satisfy both"),
        (both, "in and not_in contradict each other"),
        (rule.max_in_list > 0 && field.oneof.is_none(), "max_in_list is for the arms of a oneof"),
        (rule.required && always, "a plain bool is always set: required contradicts it"),
        (rule.required && zero, "a required number must be optional: 0 and unset would be the same"),
        (rule.required && rule.required_unless.is_some(), "required_unless beside required: redundant"),
    ];
    let mut faults: Vec<String> =
        found.iter().filter(|(wrong, _)| *wrong).map(|(_, words)| (*words).to_owned()).collect();
    for part in &rule.repeated_parts {
        faults.push(format!("the named rule states {part} already"));
    }
    for name in rule.allowed.iter().chain(&rule.not_allowed) {
        let known = enum_number(model, field, name).is_some_and(|number| number != 0);
        if !known {
            faults.push(format!("in and not_in name {name}, which is not a value of the field's enum"));
        }
    }
    for condition in
        [&rule.prefix_if, &rule.absent_if, &rule.absent_unless, &rule.required_unless].into_iter().flatten()
    {
        faults.extend(broken(model, message, condition));
    }
    if let Some(extends) = &rule.extends {
        let known = message.field(&extends.field).is_some_and(|f| f.kind == Kind::Text && f.card == Card::Plain);
        if !known || extends.joint.is_empty() {
            faults.push("extends must name a string field of the same message and a joint".to_owned());
        }
    }
    faults
}

/// What is wrong with the rule of a message.
pub fn message(message: &Message, rule: &MessageRule) -> Vec<String> {
    let mut faults = Vec::new();
    if !message.in_request {
        faults.push("a rule on a message that no request holds: redundant".to_owned());
    }
    if rule.any_besides.is_empty() {
        faults.push("the rule says nothing: redundant".to_owned());
    }
    for name in rule.any_besides.iter().filter(|name| message.field(name).is_none()) {
        faults.push(format!("any_besides names {name}, which the message does not have"));
    }
    faults
}

/// What is wrong with a condition.
fn broken(model: &Model, message: &Message, condition: &Condition) -> Option<String> {
    let Condition { field: name, value } = condition;
    let Some(field) = message.field(name) else {
        return Some(format!("a condition names {name}, which the message does not have"));
    };
    let fits = match &field.kind {
        _ if value.is_empty() => true,
        _ if matches!(field.card, Card::Repeated | Card::Map) => false,
        Kind::Bool => matches!(value.as_str(), "true" | "false"),
        _ => enum_number(model, field, value).is_some(),
    };
    (!fits).then(|| format!("a condition asks whether {name} is {value}, which it never is"))
}

fn enum_number(model: &Model, field: &Field, value: &str) -> Option<i32> {
    let Kind::Enum(name) = &field.kind else { return None };
    model.enums.get(name)?.number(value)
}
