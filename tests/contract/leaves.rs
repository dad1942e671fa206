//! Every value of every reply in every wrong shape. What is read without the value is all that may be missing then: the value
//! alone, or what the contract says cannot be read without it. Driven by the descriptors, so that no command is forgotten.

use std::collections::BTreeMap;

use contract::wire::{DECISIVE, Drift, JsonMessage, Unreadable, decode_reply};
use contract::{pb, wire};
use prost_reflect::prost::Message;
use prost_reflect::{DynamicMessage, ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use crate::support::dynamic;

/// A reply decoded: protobuf bytes and what was odd.
type Decode = fn(&[u8]) -> Result<(Vec<u8>, Drift), Unreadable>;

fn decode<T: JsonMessage + Message>(json: &[u8]) -> Result<(Vec<u8>, Drift), Unreadable> {
    decode_reply::<T>(json).map(|reply| (reply.message.encode_to_vec(), reply.drift))
}

fn decoders() -> BTreeMap<&'static str, Decode> {
    let mut all: BTreeMap<&'static str, Decode> = BTreeMap::new();
    macro_rules! add {
        ($name:literal, $path:path) => {{
            use pb::*;
            all.insert($name, decode::<$path>);
        }};
    }
    contract::for_each_json_message!(add);
    all
}

/// A step from a value to one that it holds.
#[derive(Debug, Clone)]
enum Step {
    Key {
        key: String,
        decisive: bool,
        positional: bool,
    },
    Index(usize),
    /// The content of a message element: an element that cannot be read is kept whole.
    Content,
}

/// A value of a reply, and what does not fit in its place.
#[derive(Debug, Clone)]
struct Leaf {
    path: Vec<Step>,
    wrong: Vec<Value>,
    /// Whether there is room for any JSON there.
    kept: bool,
}

/// Builds a reply in which every field has a value, and lists its leaves.
struct Builder {
    json: ExtensionDescriptor,
    value: ExtensionDescriptor,
    oneof: ExtensionDescriptor,
    leaves: Vec<Leaf>,
}

impl Builder {
    fn rule(&self, field: &FieldDescriptor) -> DynamicMessage {
        field.options().get_extension(&self.json).as_message().unwrap().clone()
    }

    fn object(&mut self, message: &MessageDescriptor, path: &[Step], object: &mut Map<String, Value>) {
        for field in message.fields() {
            let rule = self.rule(&field);
            let key = key(&field, &rule);
            let shape = number(&rule, "shape");
            match shape {
                // Inline; never in JSON; the code of an item, which its number tells already.
                7 => {
                    let Kind::Message(inner) = field.kind() else { unreachable!() };
                    self.object(&inner, path, object);
                }
                8 => {}
                11 if object.contains_key(&key) => {}
                _ if matches!(field.name(), "next_page_token") => {}
                _ => {
                    let decisive = shape == 11 || is_decisive(message, field.name());
                    let positional = flag(&rule, "positional");
                    let mut at = path.to_vec();
                    at.push(Step::Key { key: key.clone(), decisive, positional });
                    let value = self.field(&field, &rule, &at);
                    object.insert(key, value);
                }
            }
        }
    }

    /// Where the next page starts, where the reply itself says so.
    fn cursor(&mut self, command: &DynamicMessage, reply: &mut Map<String, Value>) {
        if !command.has_field_by_name("paging") {
            return;
        }
        let paging = command.get_field_by_name("paging").unwrap().as_message().unwrap().clone();
        let (good, wrong) = match number(&paging, "style") {
            1 => (json!(7), vec![json!("many"), json!(-1), json!({"odd": 1}), json!([1])]),
            2 | 4 => (json!("next"), vec![json!(true), json!({"odd": 1}), json!([1])]),
            _ => return,
        };
        let key = or(text(&paging, "response_key"), "Next");
        self.leaf(&[Step::Key { key: key.clone(), decisive: true, positional: false }], wrong);
        reply.insert(key, good);
    }

    fn field(&mut self, field: &FieldDescriptor, rule: &DynamicMessage, path: &[Step]) -> Value {
        let shape = number(rule, "shape");
        let key = text(rule, "key");
        if field.is_map() {
            let Kind::Message(entry) = field.kind() else { unreachable!() };
            let of = entry.map_entry_value_field();
            let (key, value) = (or(key, "Key"), or(text(rule, "value"), "Value"));
            self.leaf(path, no_list());
            return (0..2)
                .map(|index| {
                    let name = decisive(path, index, &key);
                    self.leaf(&name, not_text());
                    let held = decisive(path, index, &value);
                    let value_json = self.single(&of, rule, &held);
                    json!({key.as_str(): format!("k{index}"), value.as_str(): value_json})
                })
                .collect();
        }
        if shape == 6 {
            let Kind::Enum(kind) = field.kind() else { unreachable!() };
            let bit = kind.values().filter_map(|value| self.spelling(&value)).find(|value| value != &json!(0)).unwrap();
            self.leaf(path, vec![json!({"odd": 1}), json!("many"), json!(-1), json!([1])]);
            return bit;
        }
        if !field.is_list() {
            return self.single(field, rule, path);
        }
        if let Kind::Message(element) = field.kind()
            && let Some(oneof) = element.oneofs().find(|oneof| !oneof.is_synthetic())
        {
            return self.elements(&oneof, path);
        }
        self.leaf(path, no_list());
        (0..2)
            .map(|index| match shape {
                4 => json!({key.as_str(): self.single(field, rule, &decisive(path, index, &key))}),
                _ => {
                    let mut at = path.to_vec();
                    at.push(Step::Index(index));
                    if index == 0 {
                        self.leaf(&at, vec![Value::Null]);
                    }
                    self.single(field, rule, &at)
                }
            })
            .collect()
    }

    /// One element of each kind.
    fn elements(&mut self, oneof: &prost_reflect::OneofDescriptor, path: &[Step]) -> Value {
        let rule = oneof.options().get_extension(&self.oneof).as_message().unwrap().clone();
        let (tag, content) = (text(&rule, "tag"), text(&rule, "content"));
        let within = path.iter().any(|step| matches!(step, Step::Content));
        let arms: Vec<_> = oneof.fields().filter(|arm| number(&self.rule(arm), "shape") != 10).collect();
        let arms = if within { &arms[..1] } else { &arms[..] };
        let element: Vec<_> = path.iter().cloned().chain([Step::Index(0)]).collect();
        self.leaves.push(Leaf { path: path.to_vec(), wrong: no_list(), kept: true });
        self.leaves.push(Leaf { path: element, wrong: vec![Value::Null, json!("x"), json!({"odd": 1})], kept: true });
        let elements = arms.iter().enumerate().map(|(index, arm)| {
            let Kind::Message(inner) = arm.kind() else { unreachable!() };
            let mut at = path.to_vec();
            at.extend([Step::Index(index), Step::Content]);
            let mut object = Map::new();
            self.object(&inner, &at, &mut object);
            json!({tag.as_str(): key(arm, &self.rule(arm)), content.as_str(): object})
        });
        elements.collect()
    }

    fn single(&mut self, field: &FieldDescriptor, rule: &DynamicMessage, path: &[Step]) -> Value {
        let odd = [json!({"odd": [1]}), json!([[1]])];
        let (good, wrong) = match field.kind() {
            Kind::String => (json!(format!("text of {}", field.name())), vec![json!(true), json!(1e30)]),
            Kind::Bool => {
                let good = match number(rule, "shape") {
                    1 => json!(1),
                    2 => json!("On"),
                    _ => json!(true),
                };
                (good, vec![json!("perhaps"), json!(7), json!(-1)])
            }
            Kind::Int32 | Kind::Int64 => (json!(7), vec![json!("many"), json!(1.5), json!(u64::MAX), json!(1e30)]),
            Kind::Uint32 | Kind::Uint64 => {
                (json!(7), vec![json!("many"), json!(1.5), json!(-1), json!("18446744073709551616"), json!(1e30)])
            }
            Kind::Double | Kind::Float => (json!(1.5), vec![json!("many"), json!("inf"), json!(true)]),
            Kind::Enum(kind) if kind.name() == "ErrorReason" => (json!(0), vec![json!("many"), json!(0.5)]),
            Kind::Enum(kind) => {
                let good = kind.values().filter_map(|value| self.spelling(&value)).last().unwrap();
                (good, vec![json!("NoSuchWord"), json!(987_654), json!(0.5)])
            }
            Kind::Message(kind) => match kind.full_name() {
                "google.protobuf.Timestamp" => {
                    (json!(1_700_000_000), vec![json!("soon"), json!(-5), json!(i64::MAX), json!(1e300), json!(true)])
                }
                "google.protobuf.Duration" => (json!(60), vec![json!("long"), json!(-5), json!(i64::MAX), json!(0.5)]),
                "google.protobuf.Struct" => (json!({"a": 1}), vec![json!("x"), json!(5), json!([1])]),
                _ => {
                    let mut object = Map::new();
                    self.leaf(path, vec![json!("x"), json!(7), json!([1]), json!(true)]);
                    self.object(&kind, path, &mut object);
                    return Value::Object(object);
                }
            },
            other => panic!("no values for {other:?}"),
        };
        let fits_object = matches!(field.kind(), Kind::Message(kind) if kind.full_name() == "google.protobuf.Struct");
        self.leaf(path, wrong.into_iter().chain(odd.into_iter().skip(usize::from(fits_object))).collect());
        good
    }

    fn spelling(&self, value: &prost_reflect::EnumValueDescriptor) -> Option<Value> {
        let options = value.options();
        if !options.has_extension(&self.value) {
            return None;
        }
        let rule = options.get_extension(&self.value).as_message().unwrap().clone();
        let text = text(&rule, "text");
        if text.is_empty() { Some(json!(number(&rule, "number"))) } else { Some(json!(text)) }
    }

    fn leaf(&mut self, path: &[Step], wrong: Vec<Value>) {
        self.leaves.push(Leaf { path: path.to_vec(), wrong, kept: false });
    }
}

fn decisive(path: &[Step], index: usize, key: &str) -> Vec<Step> {
    let key = Step::Key { key: key.to_owned(), decisive: true, positional: false };
    path.iter().cloned().chain([Step::Index(index), key]).collect()
}

fn no_list() -> Vec<Value> {
    vec![json!({"odd": 1}), json!("none"), json!(7), json!(true)]
}

fn not_text() -> Vec<Value> {
    vec![json!({"odd": 1}), json!([1]), json!(true)]
}

fn is_decisive(message: &MessageDescriptor, field: &str) -> bool {
    let name = message.full_name().strip_prefix("tencentim.group.v1.").unwrap();
    DECISIVE.contains(&(name, field))
}

fn key(field: &FieldDescriptor, rule: &DynamicMessage) -> String {
    let pascal = field.name().split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect::<String>();
    or(text(rule, "name"), &pascal)
}

fn or(text: String, default: &str) -> String {
    if text.is_empty() { default.to_owned() } else { text }
}

fn text(rule: &DynamicMessage, name: &str) -> String {
    rule.get_field_by_name(name).unwrap().as_str().unwrap().to_owned()
}

fn flag(rule: &DynamicMessage, name: &str) -> bool {
    rule.get_field_by_name(name).unwrap().as_bool().unwrap()
}

fn number(rule: &DynamicMessage, name: &str) -> i64 {
    let value = rule.get_field_by_name(name).unwrap();
    value.as_enum_number().map(i64::from).or_else(|| value.as_i64()).unwrap()
}

/// The value at a path. Content is looked for below its own key.
fn at<'a>(json: &'a mut Value, path: &[Step]) -> &'a mut Value {
    path.iter().fold(json, |json, step| match step {
        Step::Key { key, .. } => &mut json[key.as_str()],
        Step::Index(index) => &mut json[*index],
        Step::Content => &mut json["MsgContent"],
    })
}

/// A path as drift names it.
fn place(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key { key, .. } if text.is_empty() => text.push_str(key),
            Step::Key { key, .. } => text += &format!(".{key}"),
            Step::Index(index) => text += &format!("[{index}]"),
            Step::Content => text += ".MsgContent",
        }
    }
    text
}

/// The same reply without what a value that does not fit costs, and the tag of the element that is then kept as it stands;
/// nothing when it costs the reply.
fn without(good: &Value, path: &[Step]) -> Option<(Value, Option<String>)> {
    let mut json = good.clone();
    let mut end = path.len();
    while let Some(last) = end.checked_sub(1) {
        match &path[last] {
            Step::Key { key, decisive: false, .. } => {
                at(&mut json, &path[..last]).as_object_mut().unwrap().remove(key);
                return Some((json, None));
            }
            Step::Key { .. } => end = last,
            Step::Index(index) => {
                let list = at(&mut json, &path[..last]).as_array_mut().unwrap();
                let positional = matches!(path[last - 1], Step::Key { positional: true, .. });
                if list.len() > 1 && !positional {
                    list.remove(*index);
                    return Some((json, None));
                }
                end = last;
            }
            Step::Content => return Some((json, Some(place(&path[..last])))),
        }
    }
    None
}

#[test]
fn a_value_that_does_not_fit_costs_what_the_contract_says_and_nothing_else() {
    let pool = dynamic::pool();
    let option = |name: &str| pool.get_extension_by_name(&format!("tencentim.annotations.v1.{name}")).unwrap();
    let decoders = decoders();
    let command = option("command");
    let (mut commands, mut tried, mut faults) = (0, 0, Vec::new());
    for method in pool.services().flat_map(|service| service.methods().collect::<Vec<_>>()) {
        if !method.options().has_extension(&command) {
            continue;
        }
        commands += 1;
        let (json, value, oneof) = (option("json"), option("value"), option("oneof"));
        let mut builder = Builder { json, value, oneof, leaves: Vec::new() };
        let mut reply = Map::from_iter([("ErrorCode".to_owned(), json!(0))]);
        builder.object(&method.output(), &[], &mut reply);
        builder.cursor(method.options().get_extension(&command).as_message().unwrap(), &mut reply);
        let decode = decoders[method.output().name()];
        let good = Value::Object(reply);
        let read = |json: &Value| decode(json.to_string().as_bytes());
        let (_, drift) = read(&good).unwrap_or_else(|why| panic!("{}: {why}: {good}", method.name()));
        assert!(drift.is_empty(), "{}: {:?}", method.name(), drift.entries());
        for leaf in &builder.leaves {
            for wrong in &leaf.wrong {
                tried += 1;
                let mut whole = good.clone();
                *at(&mut whole, &leaf.path) = wrong.clone();
                let (place, told) = (place(&leaf.path), wrong.to_string());
                let mut fault = |why: String| faults.push(format!("{}: {place} = {wrong}: {why}", method.name()));
                let expected = without(&good, &leaf.path);
                match (read(&whole), expected) {
                    (Ok((bytes, drift)), _) if leaf.kept => {
                        let named = drift.entries().iter().any(|odd| odd.path == place);
                        if !named || !holds(&bytes, &told) {
                            fault(format!("not kept as it stands: {:?}", drift.entries()));
                        }
                    }
                    (Err(Unreadable::WrongShape { .. }), None) => {}
                    (Ok((bytes, drift)), Some((rest, kept))) => {
                        let named = drift.entries().iter().any(|odd| odd.path == place && odd.json == told);
                        if !named {
                            fault(format!("drift {:?}", drift.entries()));
                        }
                        match kept {
                            None => {
                                let (expected, _) = read(&rest).unwrap();
                                if bytes != expected {
                                    fault("not all else is intact".to_owned());
                                }
                            }
                            Some(element) => {
                                // The element comes with its exact text.
                                let text = wire_text(&whole, &leaf.path, &element);
                                if !holds(&bytes, &text) {
                                    fault("the element is not kept as it stands".to_owned());
                                }
                            }
                        }
                    }
                    (result, expected) => fault(format!("{result:?} instead of {expected:?}")),
                }
            }
        }
    }
    assert!(faults.is_empty(), "{} of {tried}:\n{}", faults.len(), faults[..faults.len().min(30)].join("\n"));
    assert!(commands >= 71 && tried > 3000, "{tried} values of {commands} commands");
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|bytes| bytes == text.as_bytes())
}

/// The text of the element's content.
fn wire_text(whole: &Value, path: &[Step], element: &str) -> String {
    let end = (0..path.len()).rev().find(|end| place(&path[..*end]) == element).unwrap();
    let mut whole = whole.clone();
    at(&mut whole, &path[..end])["MsgContent"].to_string()
}

#[test]
fn what_is_decisive_is_what_tells_success_names_a_thing_or_says_whether_there_is_more() {
    for known in [
        ("ListMembersResponse", "members"),
        ("Member", "user_id"),
        ("Group", "group_id"),
        ("GroupResult", "error_code"),
        ("CreateGroupResponse", "group_id"),
        ("SendMessageResponse", "seq"),
        ("HistoryMessage", "seq"),
        ("ListReadReceiptMembersResponse", "is_finished"),
        ("ImportMessagesResponse", "results"),
        ("ImportMessageResult", "error_code"),
    ] {
        assert!(DECISIVE.contains(&known), "{known:?}");
    }
    for known in [
        ("Member", "name_card"),
        ("Group", "name"),
        ("SendMessageResponse", "message_id"),
        ("ListMembersResponse", "member_count"),
    ] {
        assert!(!DECISIVE.contains(&known), "{known:?}");
    }
}

#[test]
fn what_is_not_known_is_told_once_for_each_place_and_bounded() {
    let told = |key: fn(usize) -> String| {
        let member = |number| json!({"Member_Account": format!("u{number}"), key(number): "x".repeat(5000)});
        let members: Vec<Value> = (0..100).map(member).collect();
        let reply = json!({"ErrorCode": 0, "RequestId": 7, "MemberNum": 100, "MemberList": members});
        let reply = decode_reply::<pb::ListMembersResponse>(reply.to_string().as_bytes()).unwrap();
        assert_eq!(reply.message.members.len(), 100);
        let odd = reply.drift.entries();
        assert!(odd.iter().all(|odd| odd.kind == wire::DriftKind::Unknown && odd.json.len() <= 1024));
        assert!(odd.iter().any(|odd| odd.path == format!("MemberList[0].{}", key(0)) && odd.cut));
        assert_eq!(u32::try_from(odd.len()).unwrap() + reply.drift.more(), 101);
        odd.len()
    };
    assert_eq!(told(|_| "Surprise".to_owned()), 2, "places that differ by an index alone are one");
    assert_eq!(told(|number| format!("Surprise{number}")), 32);
}
