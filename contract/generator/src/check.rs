//! Refuses options that are missing, redundant or contradictory, naming `Service.Method` or `Message.field`.

use std::collections::BTreeMap;

use crate::check_rules;
use crate::model::{Card, Enum, Field, Kind, Message, Method, Model, Safety, Service, pascal};
use crate::options::{JsonRule, Scope, Shape, Style};

/// The rate that is documented for most commands.
pub const USUAL_RATE: u64 = 200;

/// Every fault of the contract, not only the first.
pub fn check(model: &Model) -> Vec<String> {
    let mut faults = Faults(Vec::new());
    let mut commands = BTreeMap::new();
    for service in &model.services {
        if service.scope.is_none() {
            faults.add(&service.name, "the service states no scope: add (tencentim.annotations.v1.service).scope");
        }
        for method in &service.methods {
            let place = format!("{}.{}", service.name, method.name);
            check_method(model, service, method, &place, &mut faults);
            if let Some(command) = &method.command
                && let Some(other) = commands.insert((command.service.clone(), command.name.clone()), place.clone())
            {
                faults.add(&place, &format!("the command {} is mapped by {other} already", command.name));
            }
        }
    }
    for message in model.messages.values() {
        check_message(model, message, &mut faults);
    }
    for enumeration in model.enums.values() {
        check_enum(enumeration, &mut faults);
    }
    faults.0
}

struct Faults(Vec<String>);

impl Faults {
    fn add(&mut self, place: &str, fault: &str) {
        self.0.push(format!("{place}: {fault}"));
    }

    fn add_if(&mut self, wrong: bool, place: &str, fault: &str) {
        if wrong {
            self.add(place, fault);
        }
    }
}

fn check_method(model: &Model, service: &Service, method: &Method, place: &str, faults: &mut Faults) {
    faults.add_if(method.client_streaming, place, "client streaming is not supported");
    let Some(command) = &method.command else { return };
    faults.add_if(method.server_streaming, place, "a method with a command cannot stream; make it a composition");
    faults.add_if(command.service.is_empty(), place, "the command has no service");
    faults.add_if(command.name.is_empty(), place, "the command has no name");
    faults.add_if(
        command.rate_per_second == Some(USUAL_RATE),
        place,
        "rate_per_second 200 is the usual figure: redundant, leave it out",
    );
    faults.add_if(
        command.scope.is_some() && command.scope == service.scope,
        place,
        "the scope is the service's: redundant, leave it out",
    );
    faults.add_if(
        command.scope == Some(Scope::Read),
        place,
        "SCOPE_READ follows from NO_SIDE_EFFECTS: never written by hand",
    );
    faults.add_if(
        command.scope.is_some() && method.safety == Safety::Read,
        place,
        "a method with NO_SIDE_EFFECTS needs SCOPE_READ only: the scope contradicts it",
    );
    let (Some(request), Some(response)) = (model.messages.get(&method.request), model.messages.get(&method.response))
    else {
        faults.add(place, "request and response must be messages of this package");
        return;
    };
    if !command.guarded_by.is_empty() {
        faults.add_if(
            method.safety != Safety::Unsafe,
            place,
            "guarded_by on a method that may always be repeated: redundant",
        );
        let kind = request.field(&command.guarded_by).filter(|f| f.card == Card::Plain).map(|f| &f.kind);
        let guards = match kind {
            Some(Kind::Text) => command.guarded_value.is_empty(),
            Some(Kind::Enum(name)) => model
                .enums
                .get(name)
                .and_then(|found| found.number(&command.guarded_value))
                .is_some_and(|number| number != 0),
            _ => false,
        };
        faults.add_if(
            !guards,
            place,
            "guarded_by must name a string field of the request, or an enum and guarded_value",
        );
    }
    let unguarded = command.guarded_by.is_empty() && !command.guarded_value.is_empty();
    faults.add_if(unguarded, place, "guarded_value needs guarded_by");
    faults.add_if(
        command.group_rate_per_second.is_some() && request.field("group_id").is_none(),
        place,
        "group_rate_per_second needs a field group_id in the request",
    );
    check_paging(method, request, response, place, faults);
}

fn check_paging(method: &Method, request: &Message, response: &Message, place: &str, faults: &mut Faults) {
    let paged = request.field("page_token").is_some() || response.field("next_page_token").is_some();
    let Some(rule) = method.command.as_ref().and_then(|c| c.paging.as_ref()) else {
        faults.add_if(paged, place, "page_token and next_page_token need (command).paging");
        return;
    };
    faults.add_if(rule.style.is_none(), place, "paging has no style");
    faults.add_if(request.field("page_token").is_none(), place, "paging needs page_token in the request");
    faults.add_if(response.field("next_page_token").is_none(), place, "paging needs next_page_token in the response");
    let (counts, has_total) = (rule.style.is_some_and(Style::counts), rule.style.is_some_and(Style::has_total));
    faults.add_if(counts && rule.items.is_empty(), place, "this paging style needs items");
    faults.add_if(!counts && !rule.items.is_empty(), place, "this paging style does not count: items is redundant");
    faults.add_if(has_total && rule.total.is_empty(), place, "this paging style needs total");
    faults.add_if(!has_total && !rule.total.is_empty(), place, "this paging style has no total");
    faults.add_if(
        rule.style == Some(Style::OffsetOrNextText) && request.field("group_id").is_none(),
        place,
        "this paging style needs group_id in the request",
    );
    for (name, message) in [(&rule.items, response), (&rule.total, response), (&rule.finished, response)] {
        let missing = !name.is_empty() && message.field(name).is_none();
        faults.add_if(missing, place, &format!("paging names {name}, which {} does not have", message.name));
    }
    for name in &rule.filters {
        let missing = request.field(name).is_none();
        faults.add_if(missing, place, &format!("paging names {name}, which {} does not have", request.name));
    }
}

fn check_message(model: &Model, message: &Message, faults: &mut Faults) {
    let mut keys: BTreeMap<String, &Field> = BTreeMap::new();
    if let Some(rule) = &message.rule {
        for fault in check_rules::message(message, rule) {
            faults.add(&message.name, &fault);
        }
    }
    for field in &message.fields {
        let place = format!("{}.{}", message.name, field.name);
        if let Some(rule) = &field.rule {
            faults.add_if(!message.in_request, &place, "a rule on a message that no request holds: redundant");
            for fault in check_rules::field(model, message, field, rule) {
                faults.add(&place, &fault);
            }
        }
        if !message.in_json {
            faults.add_if(field.json.is_some(), &place, "a json option on a message that no command uses: redundant");
            continue;
        }
        let is_page = message.paging.is_some() && matches!(field.name.as_str(), "page_token" | "next_page_token");
        faults.add_if(is_page && field.json.is_some(), &place, "the paging option says how it is spelled: redundant");
        if is_page {
            continue;
        }
        if let Some(json) = &field.json {
            check_json(model, message, field, json, &place, faults);
        }
        check_kind(model, field, &place, faults);
        check_keys(field, &place, &mut keys, faults);
    }
    for oneof in message.oneofs.iter().filter(|_| message.in_json) {
        let place = format!("{}.{}", message.name, oneof.name);
        match &oneof.rule {
            None => faults.add(&place, "a oneof needs (tencentim.annotations.v1.oneof)"),
            Some(rule) => {
                faults.add_if(rule.tag.is_empty() != rule.content.is_empty(), &place, "tag and content go together");
                faults.add_if(rule.tag.is_empty(), &place, "a oneof in JSON needs tag and content");
                faults.add_if(
                    message.fields.iter().any(|f| f.oneof.is_none()),
                    &place,
                    "a tagged oneof must be alone in its message",
                );
            }
        }
    }
}

fn check_keys<'a>(field: &'a Field, place: &str, keys: &mut BTreeMap<String, &'a Field>, faults: &mut Faults) {
    if matches!(field.shape(), Shape::None | Shape::Inline) || field.oneof.is_some() {
        return;
    }
    for key in std::iter::once(field.key()).chain(field.aliases().iter().cloned()) {
        if let Some(other) = keys.insert(key.clone(), field) {
            let shared = [field.shape(), other.shape()].iter().filter(|s| **s == Shape::ErrorReason).count() == 1;
            faults.add_if(!shared, place, &format!("the key {key} is taken by the field {}", other.name));
        }
    }
}

fn check_json(model: &Model, message: &Message, field: &Field, json: &JsonRule, place: &str, faults: &mut Faults) {
    let shape = json.shape;
    faults.add_if(json.name == pascal(&field.name), place, "the name is what it is by default: redundant");
    faults.add_if(json.aliases.contains(&field.key()), place, "an alias repeats the name: redundant");
    let bare = json.name.is_empty() && json.aliases.is_empty() && !json.decisive && !json.positional;
    faults.add_if(bare && shape == Shape::Plain, place, "the json option says nothing: redundant");
    let keyless = matches!(shape, Shape::None | Shape::Inline | Shape::Unknown);
    let list = matches!(field.card, Card::Repeated | Card::Map);
    faults.add_if(json.positional && !list, place, "positional goes with a list only");
    faults.add_if(keyless && !bare, place, "this shape has no key of its own: name and aliases contradict it");
    let in_arm = field.oneof.is_some();
    faults.add_if(shape == Shape::Unknown && !in_arm, place, "SHAPE_UNKNOWN is for an arm of a tagged oneof");
    faults.add_if(
        in_arm && !matches!(shape, Shape::Plain | Shape::Unknown),
        place,
        "an arm of a tagged oneof has no shape of its own",
    );
    let single = matches!(field.card, Card::Plain | Card::Optional);
    let fits = match shape {
        Shape::Plain | Shape::None => true,
        Shape::Flag | Shape::OnOff => field.kind == Kind::Bool && single,
        Shape::Number => matches!(field.kind, Kind::Enum(_)),
        Shape::KeyedObjects => field.card == Card::Repeated && !matches!(field.kind, Kind::Message(_)),
        Shape::KeyValueList => field.card == Card::Map,
        Shape::Bits => matches!(field.kind, Kind::Enum(_)) && field.card == Card::Repeated,
        Shape::Inline | Shape::Unknown => matches!(field.kind, Kind::Message(_)) && single,
        Shape::Random => field.kind == Kind::Int("u32") && field.card == Card::Optional,
        Shape::ErrorReason => matches!(&field.kind, Kind::Enum(e) if e == "ErrorReason") && single,
    };
    faults.add_if(!fits, place, &format!("the shape {shape:?} does not fit the field's type"));
    faults.add_if(shape == Shape::KeyedObjects && json.key.is_empty(), place, "SHAPE_KEYED_OBJECTS needs key");
    let has_key = matches!(shape, Shape::KeyedObjects | Shape::KeyValueList);
    faults.add_if(!has_key && !json.key.is_empty(), place, "key goes with a list shape only");
    faults.add_if(shape != Shape::KeyValueList && !json.value.is_empty(), place, "value goes with a key/value list");
    faults.add_if(json.key == "Key" && shape == Shape::KeyValueList, place, "key is \"Key\" by default: redundant");
    faults.add_if(json.value == "Value", place, "value is \"Value\" by default: redundant");
    if !json.derive_from.is_empty() {
        faults.add_if(shape != Shape::Random, place, "derive_from goes with SHAPE_RANDOM only");
        let source = message.field(&json.derive_from);
        let is_text = source.is_some_and(|f| f.kind == Kind::Text && f.card == Card::Plain);
        faults.add_if(!is_text, place, "derive_from must name a string field of the same message");
    }
    if let (Shape::Number, Kind::Enum(name)) = (shape, &field.kind)
        && let Some(found) = model.enums.get(name)
    {
        let texts = found.values.iter().filter_map(|(_, _, rule)| rule.as_ref()).any(|rule| !rule.text.is_empty());
        faults.add_if(!texts, place, "the enum has numbers only: SHAPE_NUMBER is redundant");
        numbers(found, place, "SHAPE_NUMBER", faults);
    }
    if let (Shape::Bits, Kind::Enum(name)) = (shape, &field.kind)
        && let Some(found) = model.enums.get(name)
    {
        numbers(found, place, "SHAPE_BITS", faults);
    }
}

fn numbers(found: &Enum, place: &str, shape: &str, faults: &mut Faults) {
    for (value, _, rule) in found.values.iter().filter(|(_, number, _)| *number != 0) {
        let number = rule.as_ref().and_then(|r| r.number);
        faults.add_if(number.is_none(), place, &format!("{shape} needs a number at {value}"));
        // A value with the number 0 says "none of them".
        let power = number.is_some_and(|n| n >= 0 && n & n.wrapping_sub(1) == 0);
        faults.add_if(shape == "SHAPE_BITS" && !power, place, &format!("the number of {value} is no power of two"));
    }
}

fn check_kind(model: &Model, field: &Field, place: &str, faults: &mut Faults) {
    if field.shape() == Shape::None {
        return;
    }
    match &field.kind {
        Kind::Bytes => faults.add(place, "bytes have no form in Tencent's JSON"),
        Kind::Message(name) if !model.messages.contains_key(name) => {
            faults.add(place, &format!("{name} is not of this package"));
        }
        Kind::Message(_) if field.card == Card::Map => faults.add(place, "a map of messages has no shape"),
        Kind::Timestamp | Kind::Duration | Kind::Struct if matches!(field.card, Card::Repeated | Card::Map) => {
            faults.add(place, "a list of times, durations or structs has no shape");
        }
        _ => {}
    }
}

fn check_enum(found: &Enum, faults: &mut Faults) {
    let mut spelled: BTreeMap<String, &str> = BTreeMap::new();
    for (name, number, rule) in &found.values {
        let place = format!("{}.{name}", found.name);
        let Some(rule) = rule else {
            faults.add_if(
                found.in_json && *number != 0,
                &place,
                "the value has no spelling: add (tencentim.annotations.v1.value)",
            );
            continue;
        };
        faults.add_if(!found.in_json, &place, "a spelling on an enum that no command uses: redundant");
        faults.add_if(*number == 0, &place, "the zero value is never in JSON: its spelling contradicts it");
        let nothing = rule.text.is_empty() && rule.number.is_none();
        faults.add_if(nothing, &place, "the spelling needs a text or a number");
        let texts = rule.aliases.iter().chain(Some(&rule.text).filter(|t| !t.is_empty())).cloned();
        for text in texts.chain(rule.number.map(|n| format!("#{n}"))) {
            if let Some(other) = spelled.insert(text.clone(), name) {
                faults.add(&place, &format!("{text} is the spelling of {other} already"));
            }
        }
    }
}
