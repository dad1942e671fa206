//! What comments say of limits, and what the rules check: the same. A rule that its comment does not state fails here, and so
//! does a comment with words of a limit for which there is no rule.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::Path;

use prost_reflect::{DescriptorPool, DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor, Value};
use tencent_im_contract_generator::{Contract, PACKAGE};

/// Words of a limit. A number other than 0 is one, too.
const WORDS: [&str; 20] = [
    "at most",
    "at least",
    " up to",
    "must",
    "cannot",
    "can not",
    "only",
    "not together",
    "not for",
    "no other",
    "exactly",
    "twice",
    "alone",
    "none with",
    "start with",
    "starts with",
    "printable",
    "or more",
    "refuse",
    "not allowed",
];

/// What has such words and is no limit that a rule can hold.
const NO_RULE: &[&str] = &[
    // Only Tencent knows.
    "Must be an imported account",
    "must exist",
    "who must be a member",
    "which the console must declare",
    "clients must reach it",
    "Tencent takes 12 KB in all",
    "which only the application's admin may set",
    // Elsewhere than where it is made, only the length of an id is checked.
    "its id starts with \"@TGS#_\"",
    "its id starts with \"@PMG#_\"",
    // The request does not tell the group's type.
    "Used for Public only",
    "Not for AVChatRoom and Community",
    "Not for AVChatRoom",
    "Community with topics only",
    // What is read, and what happens, but not what can be sent.
    "Only groups of this type",
    "Only members with one of these roles",
    "Only extensions with this version or a later one",
    "Only messages from this time on",
    "Only these members receive it",
    "Only members with this mark",
    "Only GetRoles returns it",
    "only members who are online receive it",
    "only communities with topics; false: only others",
    "Once one of the lists is set, only the named fields are returned",
    "It cannot be changed later",
    "none can be created",
    "be notified only when mentioned",
    "what the message leaves alone",
    "what is above 12 KB is kept elsewhere",
    "bundles above 12 KB have only this",
    "for one-to-one messages only",
    "the ids only",
    "at most one for each group",
    "all but those with mark 600",
    "The number up to which the user has read",
    "Hides the messages up to this number",
    "only the gateway's own retries are recognised",
    "is recognised for 5 minutes",
    "The size of a page, 500, is Tencent's",
    "0: 2,000",
    "retired about 2020",
    // Stated by the element, and checked where a list holds it.
    "at most one of them may be a custom element",
    // Of what addresses point to, and of platforms.
    "Picture at Huawei: https, below 512 KB",
    "Picture at FCM, at most 1 MB",
    "JSON advised: at most 1 KB; for APNs at most 3 KB together with description",
    "true is style 1",
    // Of a list that the gateway puts together.
    "0 means 100; at most 1,000",
    // Every Struct is checked.
    "whole ones are exact up to 2^53 - 1; on sending, larger ones are refused",
    "whole numbers are exact up to 2^53 - 1 and are sent without a decimal point; larger ones are refused",
];

/// Clauses about the history of the documents.
const HISTORY: [&str; 5] = ["edition", "documents", "until 20", "since 20", "sample"];

/// The largest number of 32 bits: the width of a number in Tencent's JSON, which no comment has to state.
const WIDTH: &str = "4,294,967,295";

/// What a comment may say of a part of a rule, and whether it must.
struct Part {
    phrases: Vec<String>,
    must: bool,
}

#[test]
fn comments_and_rules_say_the_same() {
    let pool = pool();
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    let services = pool.services().filter(|service| service.package_name() == PACKAGE);
    for method in services.flat_map(|service| service.methods().collect::<Vec<_>>()) {
        let command = option(&method.options(), &pool, "command");
        let paging = command.and_then(|command| child(&command, "paging"));
        walk(&pool, &method.input(), paging.as_ref(), &mut seen, &mut faults);
    }
    assert!(seen.len() > 100, "{} messages were seen", seen.len());
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// Compares what a message and its fields, and all that they hold, say and demand; each once.
fn walk(
    pool: &DescriptorPool,
    message: &MessageDescriptor,
    paging: Option<&DynamicMessage>,
    seen: &mut BTreeSet<String>,
    faults: &mut Vec<String>,
) {
    if message.package_name() != PACKAGE || !seen.insert(message.full_name().to_owned()) {
        return;
    }
    let rule = option(&message.options(), pool, "message");
    let parts = rule.iter().map(|_| must(["At least one change must be given".to_owned()])).collect();
    compare(message.name(), &comment(pool, message.parent_file().name(), message.path()), parts, faults);
    for field in message.fields() {
        let place = format!("{}.{}", message.name(), field.name());
        let mut parts = demands(pool, &field);
        if let (Some(paging), "page_size") = (paging, field.name()) {
            parts.extend(page_size(paging));
        }
        compare(&place, &comment(pool, message.parent_file().name(), field.path()), parts, faults);
        match field.kind() {
            Kind::Message(inner) if !field.is_map() => walk(pool, &inner, None, seen, faults),
            Kind::Enum(found) if found.package_name() == PACKAGE && seen.insert(found.full_name().to_owned()) => {
                values(pool, &found, faults);
            }
            _ => {}
        }
    }
}

/// The same of the values of an enum.
fn values(pool: &DescriptorPool, found: &EnumDescriptor, faults: &mut Vec<String>) {
    for value in found.values() {
        let rule = option(&value.options(), pool, "value");
        let says =
            |name: &str| rule.as_ref().is_some_and(|rule| rule.get_field_by_name(name).unwrap().as_bool().unwrap());
        // That an unset value is refused is the rule `required` of a field.
        let mut parts = vec![may(["refuse it".to_owned(), "refuses it".to_owned()])];
        parts.extend(says("read_only").then(|| must(["Only in histories; it cannot be sent".to_owned()])));
        parts.extend(says("alone").then(|| must(["stands alone".to_owned(), "stated alone".to_owned()])));
        compare(value.name(), &comment(pool, found.parent_file().name(), value.path()), parts, faults);
    }
}

/// Takes what the rule demands out of the comment; words of a limit that are left have no rule.
fn compare(place: &str, comment: &str, parts: Vec<Part>, faults: &mut Vec<String>) {
    let mut left = comment.to_lowercase();
    for part in parts {
        let found =
            part.phrases.iter().map(|phrase| phrase.to_lowercase()).find(|phrase| left.contains(phrase.as_str()));
        match found {
            Some(phrase) => left = left.replacen(&phrase, "", 1),
            None if part.must => {
                faults.push(format!("{place}: the comment does not say {:?}: {comment}", part.phrases[0]))
            }
            None => {}
        }
    }
    for known in NO_RULE {
        left = left.replace(&known.to_lowercase(), "");
    }
    for sentence in left.split(['.', ';']).filter(|sentence| !HISTORY.iter().any(|word| sentence.contains(word))) {
        let number = sentence
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(|word| word.parse::<u64>().is_ok_and(|number| number > 0));
        if number || WORDS.iter().any(|word| sentence.contains(word)) {
            faults.push(format!("{place}: no rule for {sentence:?}: {comment}"));
        }
    }
}

/// Larger pages are made as small as that, and not refused.
fn page_size(paging: &DynamicMessage) -> [Part; 2] {
    let number = |name| grouped(&paging.get_field_by_name(name).unwrap().to_string());
    let (default, most) = (number("default_page_size"), number("max_page_size"));
    let mut largest = vec![format!("at most {most}"), format!("larger than {most} means {most}")];
    largest.extend((default == most).then(|| "the largest page".to_owned()));
    [must([format!("0 means {default}")]), must(largest)]
}

/// The parts of a field's rule, those first whose phrases hold others.
fn demands(pool: &DescriptorPool, field: &FieldDescriptor) -> Vec<Part> {
    let mut parts = Vec::new();
    let json = option(&field.options(), pool, "json");
    if json.is_some_and(|json| !text(&json, "derive_from").is_empty()) {
        parts.push(must(["Not together with request_id".to_owned(), "Not together with it".to_owned()]));
    }
    if field.name() == "request_id" {
        parts.push(must(["Not together with random".to_owned()]));
    }
    let Some(own) = option(&field.options(), pool, "rule") else { return parts };
    let kind = own.get_field_by_name("kind").and_then(|kind| kind.as_enum_number()).unwrap_or_default();
    let kind = pool.get_enum_by_name("tencentim.annotations.v1.FieldRule.Kind").unwrap().get_value(kind).unwrap();
    let named = option(&kind.options(), pool, "parts");
    for (rule, own) in [(Some(own), true), (named, false)] {
        let Some(rule) = rule else { continue };
        let fixed = rule.has_field_by_name("gte") && rule.get_field_by_name("gte") == rule.get_field_by_name("lte");
        for (part, value) in rule.fields() {
            parts.extend(phrases(field, part.name(), value, fixed, own));
        }
    }
    parts.sort_by_key(|part| (!part.must, std::cmp::Reverse(part.phrases[0].len())));
    parts
}

fn phrases(field: &FieldDescriptor, part: &str, value: &Value, fixed: bool, own: bool) -> Vec<Part> {
    let number = || grouped(&value.to_string());
    let condition = || {
        value.as_message().map(|condition| {
            let value = text(condition, "value");
            if matches!(value.as_str(), "" | "true") { text(condition, "field") } else { value }
        })
    };
    let names = || value.as_list().unwrap_or_default().iter().filter_map(Value::as_str);
    let one = |phrases: &[String]| vec![must(phrases.iter().cloned())];
    let said = |phrases: &[&str]| one(&phrases.iter().map(|phrase| (*phrase).to_owned()).collect::<Vec<_>>());
    match part {
        "required" => {
            vec![may(["must be set", "must be stated", "at least one", "1 to", "exactly one"].map(str::to_owned))]
        }
        "max_bytes" if field.is_map() => one(&[
            format!("values up to {} bytes", number()),
            format!("values up to {}", number()),
            format!("values of at most {}", number()),
        ]),
        "max_bytes" => one(&[format!("at most {} bytes", number())]),
        "max_items" if number() == "1" => said(&["exactly one"]),
        "max_items" => one(&[format!("1 to {}", number()), format!("at most {}", number())]),
        "max_in_list" => said(&["At most one in a message"]),
        "max_key_bytes" => one(&[format!("keys of at most {} bytes", number()), format!("up to {} bytes", number())]),
        "max_total_bytes" => one(&[format!("at most {} bytes together", number())]),
        "unique" => said(&["none twice", "no user twice", "no key twice", "no topic twice"]),
        "gte" if fixed => one(&[format!("{}: ", number())]),
        "lte" if fixed => said(&["takes no other"]),
        "gte" if matches!(number().as_str(), "0" | "1") => Vec::new(),
        "gte" => one(&[format!("{} or more", number())]),
        "lte" => vec![Part {
            phrases: vec![format!("up to {}", number()), format!("at most {}", number())],
            must: own && number() != WIDTH,
        }],
        "or_in" => value.as_list().unwrap().iter().map(|number| must([grouped(&number.to_string())])).collect(),
        "characters" | "key_characters" => match value.as_enum_number().unwrap() {
            1 => said(&["printable ASCII"]),
            2 => said(&["letters, digits and _"]),
            _ => said(&["lower-case letters, digits and _"]),
        },
        "prefix" => one(&[format!("must start with {value}"), format!("starts with {value}")]),
        "not_prefix" => one(&[format!("must not start with {value}"), format!("not with {value}")]),
        "extends" => {
            let extends = value.as_message().unwrap();
            let joint = text(extends, "joint");
            let parts = extends.get_field_by_name("not_contains").unwrap();
            let parts = parts.as_list().unwrap().iter().map(|part| must([part.to_string()]));
            parts.chain([must([format!("{}, then \"{joint}\"", text(extends, "field"))])]).collect()
        }
        "in" => names()
            .map(|name| must([name.to_owned()]))
            .chain([must(["no other value is allowed".to_owned()])])
            .collect(),
        "not_in" => names().map(|name| must([format!("not {name}")])).collect(),
        "absent_if" => {
            let name = condition().unwrap();
            one(&[format!("not together with {name}"), format!("not for {name}"), format!("none with {name}")])
        }
        "absent_unless" => {
            let name = condition().unwrap();
            one(&[format!("only with {name}"), format!("only for {name}")])
        }
        "required_unless" => vec![may(["must be set unless".to_owned()])],
        "kind" | "prefix_if" => Vec::new(),
        _ => panic!("{}: how comments state {part} is not known here", field.full_name()),
    }
}

fn must(phrases: impl IntoIterator<Item = String>) -> Part {
    Part { phrases: phrases.into_iter().collect(), must: true }
}

fn may(phrases: impl IntoIterator<Item = String>) -> Part {
    Part { phrases: phrases.into_iter().collect(), must: false }
}

/// `16000` as comments write it: `16,000`.
fn grouped(number: &str) -> String {
    let digits = number.len();
    let comma = |place: usize| place > 0 && (digits - place) % 3 == 0;
    number
        .chars()
        .enumerate()
        .flat_map(|(place, digit)| comma(place).then_some(',').into_iter().chain([digit]))
        .collect()
}

fn child(message: &DynamicMessage, name: &str) -> Option<DynamicMessage> {
    message.has_field_by_name(name).then(|| message.get_field_by_name(name).unwrap().as_message().unwrap().clone())
}

fn text(message: &DynamicMessage, name: &str) -> String {
    message.get_field_by_name(name).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The comment of an element, on one line.
fn comment(pool: &DescriptorPool, file: &str, path: &[i32]) -> String {
    let file = pool.get_file_by_name(file).unwrap();
    let info = file.file_descriptor_proto().source_code_info.as_ref().unwrap();
    let location = info.location.iter().find(|location| location.path == path).unwrap();
    let lines = location.leading_comments().split_whitespace().collect::<Vec<_>>().join(" ");
    // What stands in parentheses is an aside.
    let mut depth = 0;
    lines
        .chars()
        .filter(|c| {
            depth += i32::from(*c == '(');
            let outside = depth == 0;
            depth -= i32::from(*c == ')');
            outside
        })
        .collect()
}

fn pool() -> DescriptorPool {
    let proto = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    DescriptorPool::decode(Contract::read(proto).unwrap().descriptors().as_slice()).unwrap()
}

fn option(options: &DynamicMessage, pool: &DescriptorPool, name: &str) -> Option<DynamicMessage> {
    let extension = pool.get_extension_by_name(&format!("tencentim.annotations.v1.{name}")).unwrap();
    options.has_extension(&extension).then(|| options.get_extension(&extension).as_message().unwrap().clone())
}
