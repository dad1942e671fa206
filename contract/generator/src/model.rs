//! The contract as the generator sees it: every message, enum and method with its options resolved.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::{
    Cardinality, DescriptorPool, EnumDescriptor, FieldDescriptor, Kind as ProtoKind, MessageDescriptor,
    MethodDescriptor, Value,
};

use crate::options::{
    CommandRule, FieldRule, JsonRule, MessageRule, OneofRule, Options, PagingRule, Scope, Shape, ValueRule,
};

/// The package that the generator translates.
pub const PACKAGE: &str = "tencentim.group.v1";

/// The whole contract.
#[derive(Debug, Default)]
pub struct Model {
    pub messages: BTreeMap<String, Message>,
    pub enums: BTreeMap<String, Enum>,
    pub services: Vec<Service>,
}

/// A service and its methods, in the order of the file.
#[derive(Debug)]
pub struct Service {
    pub name: String,
    /// `None` when the service states none.
    pub scope: Option<Scope>,
    pub methods: Vec<Method>,
}

/// One RPC.
#[derive(Debug)]
pub struct Method {
    pub name: String,
    pub request: String,
    pub response: String,
    pub client_streaming: bool,
    pub server_streaming: bool,
    pub safety: Safety,
    pub command: Option<CommandRule>,
}

/// `idempotency_level`. Named as in the contract crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Safety {
    /// `NO_SIDE_EFFECTS`.
    Read,
    /// `IDEMPOTENT`.
    Idempotent,
    /// `IDEMPOTENCY_UNKNOWN`.
    Unsafe,
}

/// One message.
#[derive(Debug)]
pub struct Message {
    pub name: String,
    pub fields: Vec<Field>,
    pub oneofs: Vec<Oneof>,
    pub rule: Option<MessageRule>,
    /// Stands in the JSON of a command, in either direction.
    pub in_json: bool,
    /// Reachable from a request, so that its rules are checked.
    pub in_request: bool,
    /// Of the method whose request (or response) this is.
    pub paging: Option<Paging>,
}

/// A page request or a page.
#[derive(Debug, Clone)]
pub struct Paging {
    pub rule: PagingRule,
    pub is_request: bool,
}

/// One field of a message.
#[derive(Debug, Clone)]
pub struct Field {
    pub name: String,
    pub number: u32,
    pub json: Option<JsonRule>,
    pub rule: Option<FieldRule>,
    pub kind: Kind,
    pub card: Card,
    /// Name of the real oneof that holds the field.
    pub oneof: Option<String>,
    /// What holds it cannot be read without it.
    pub decisive: bool,
    /// All keys that are accepted on reading beside its own: its own aliases, and what other fields call the same thing.
    pub spellings: Vec<String>,
}

/// The type of one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    Text,
    Bool,
    /// The Rust integer type.
    Int(&'static str),
    Float,
    Bytes,
    Timestamp,
    Duration,
    Struct,
    Enum(String),
    Message(String),
}

/// How often a value occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Card {
    /// Left out at its default.
    Plain,
    /// Has presence.
    Optional,
    Repeated,
    /// A map from strings.
    Map,
}

/// One real oneof.
#[derive(Debug)]
pub struct Oneof {
    pub name: String,
    pub rule: Option<OneofRule>,
}

/// One enum.
#[derive(Debug)]
pub struct Enum {
    pub name: String,
    /// Name, number and spelling of each value.
    pub values: Vec<(String, i32, Option<ValueRule>)>,
    pub in_json: bool,
}

impl Enum {
    /// The number of a value.
    pub fn number(&self, value: &str) -> Option<i32> {
        self.values.iter().find(|(name, ..)| name == value).map(|(_, number, _)| *number)
    }
}

impl Field {
    pub fn shape(&self) -> Shape {
        self.json.as_ref().map(|j| j.shape).unwrap_or_default()
    }

    /// The key in Tencent's JSON.
    pub fn key(&self) -> String {
        match &self.json {
            Some(json) if !json.name.is_empty() => json.name.clone(),
            _ => pascal(&self.name),
        }
    }

    pub fn aliases(&self) -> &[String] {
        &self.spellings
    }

    /// The list may not lose one element.
    pub fn positional(&self) -> bool {
        self.json.as_ref().is_some_and(|j| j.positional)
    }
}

impl Message {
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|f| f.name == name)
    }

    /// The field that carries Tencent's de-duplication number.
    pub fn random(&self) -> Option<&Field> {
        self.fields.iter().find(|f| f.shape() == Shape::Random)
    }
}

impl Model {
    /// Reads the package `tencentim.group.v1` of the pool.
    pub fn read(pool: &DescriptorPool) -> Result<Self, String> {
        let options = Options::new(pool)?;
        let mut model = Self::default();
        for message in pool.all_messages().filter(|m| m.package_name() == PACKAGE && !m.is_map_entry()) {
            let message = read_message(&options, &message);
            model.messages.insert(message.name.clone(), message);
        }
        for enumeration in pool.all_enums().filter(|e| e.package_name() == PACKAGE) {
            let enumeration = read_enum(&options, &enumeration);
            model.enums.insert(enumeration.name.clone(), enumeration);
        }
        for service in pool.services().filter(|s| s.package_name() == PACKAGE) {
            model.services.push(Service {
                name: service.name().to_owned(),
                scope: options.scope(&service),
                methods: service.methods().map(|m| read_method(&options, &m)).collect(),
            });
        }
        model.services.sort_by(|a, b| a.name.cmp(&b.name));
        model.mark();
        Ok(model)
    }

    /// All methods with the service that holds them.
    pub fn methods(&self) -> impl Iterator<Item = (&Service, &Method)> {
        self.services.iter().flat_map(|s| s.methods.iter().map(move |m| (s, m)))
    }

    /// Works out which messages and enums stand in JSON and in requests, and hands the paging rules to their messages.
    fn mark(&mut self) {
        let mut json = BTreeSet::new();
        let mut requests = BTreeSet::new();
        let mut paging = Vec::new();
        for (_, method) in self.methods() {
            self.reach(&method.request, &mut requests);
            let Some(command) = &method.command else { continue };
            self.reach(&method.request, &mut json);
            self.reach(&method.response, &mut json);
            if let Some(rule) = &command.paging {
                let page = |is_request| Paging { rule: rule.clone(), is_request };
                paging.push((method.request.clone(), page(true)));
                paging.push((method.response.clone(), page(false)));
            }
        }
        for (name, page) in paging {
            if let Some(message) = self.messages.get_mut(&name) {
                message.paging = Some(page);
            }
        }
        for message in self.messages.values_mut() {
            message.in_json = json.contains(&message.name);
            message.in_request = requests.contains(&message.name);
            for field in message.fields.iter().filter(|f| json.contains(&message.name) && f.shape() != Shape::None) {
                let spelled = field.shape() != Shape::ErrorReason;
                if let (Kind::Enum(name), true) = (&field.kind, spelled)
                    && let Some(found) = self.enums.get_mut(name)
                {
                    found.in_json = true;
                }
            }
        }
    }

    /// Adds a message and all that it may hold.
    pub fn reach(&self, name: &str, seen: &mut BTreeSet<String>) {
        let Some(message) = self.messages.get(name) else { return };
        if !seen.insert(name.to_owned()) {
            return;
        }
        for field in &message.fields {
            if let Kind::Message(inner) = &field.kind {
                self.reach(inner, seen);
            }
        }
    }
}

fn read_message(options: &Options, message: &MessageDescriptor) -> Message {
    let fields = message.fields().map(|f| read_field(options, &f)).collect();
    let oneofs = message
        .oneofs()
        .filter(|o| !o.is_synthetic())
        .map(|o| Oneof { name: o.name().to_owned(), rule: options.oneof(&o) })
        .collect();
    let (name, rule) = (local(message.full_name()), options.message(message));
    Message { name, fields, oneofs, rule, in_json: false, in_request: false, paging: None }
}

fn read_field(options: &Options, field: &FieldDescriptor) -> Field {
    let (kind, card) = if field.is_map() {
        let value = match field.kind() {
            ProtoKind::Message(entry) => entry.map_entry_value_field().kind(),
            other => other,
        };
        (read_kind(&value), Card::Map)
    } else if field.cardinality() == Cardinality::Repeated {
        (read_kind(&field.kind()), Card::Repeated)
    } else if field.supports_presence() {
        (read_kind(&field.kind()), Card::Optional)
    } else {
        (read_kind(&field.kind()), Card::Plain)
    };
    Field {
        name: field.name().to_owned(),
        number: field.number(),
        json: options.json(field),
        rule: options.rule(field),
        kind,
        card,
        decisive: false,
        spellings: Vec::new(),
        oneof: field.containing_oneof().filter(|o| !o.is_synthetic()).map(|o| o.name().to_owned()),
    }
}

fn read_kind(kind: &ProtoKind) -> Kind {
    match kind {
        ProtoKind::String => Kind::Text,
        ProtoKind::Bool => Kind::Bool,
        ProtoKind::Bytes => Kind::Bytes,
        ProtoKind::Float | ProtoKind::Double => Kind::Float,
        ProtoKind::Int32 | ProtoKind::Sint32 | ProtoKind::Sfixed32 => Kind::Int("i32"),
        ProtoKind::Int64 | ProtoKind::Sint64 | ProtoKind::Sfixed64 => Kind::Int("i64"),
        ProtoKind::Uint32 | ProtoKind::Fixed32 => Kind::Int("u32"),
        ProtoKind::Uint64 | ProtoKind::Fixed64 => Kind::Int("u64"),
        ProtoKind::Enum(e) => Kind::Enum(local(e.full_name())),
        ProtoKind::Message(m) => match m.full_name() {
            "google.protobuf.Timestamp" => Kind::Timestamp,
            "google.protobuf.Duration" => Kind::Duration,
            "google.protobuf.Struct" => Kind::Struct,
            name => Kind::Message(local(name)),
        },
    }
}

fn read_enum(options: &Options, enumeration: &EnumDescriptor) -> Enum {
    let values = enumeration.values().map(|v| (v.name().to_owned(), v.number(), options.value(&v))).collect();
    Enum { name: local(enumeration.full_name()), values, in_json: false }
}

fn read_method(options: &Options, method: &MethodDescriptor) -> Method {
    let safety = match method.options().get_field_by_name("idempotency_level").as_deref() {
        Some(Value::EnumNumber(1)) => Safety::Read,
        Some(Value::EnumNumber(2)) => Safety::Idempotent,
        _ => Safety::Unsafe,
    };
    Method {
        name: method.name().to_owned(),
        request: local(method.input().full_name()),
        response: local(method.output().full_name()),
        client_streaming: method.is_client_streaming(),
        server_streaming: method.is_server_streaming(),
        safety,
        command: options.command(method),
    }
}

/// The name without the package: `Outer.Inner` for nested types.
fn local(full_name: &str) -> String {
    full_name.strip_prefix(PACKAGE).and_then(|n| n.strip_prefix('.')).unwrap_or(full_name).to_owned()
}

/// `group_id` → `GroupId`, as Tencent spells most keys.
pub fn pascal(name: &str) -> String {
    name.split('_')
        .map(|word| {
            let mut chars = word.chars();
            chars.next().map(|c| c.to_uppercase().chain(chars).collect::<String>()).unwrap_or_default()
        })
        .collect()
}

/// `GroupService` → `group_service`, `OPPO` → `oppo`: as prost names modules and fields.
pub fn snake(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (i, c) in chars.iter().enumerate() {
        let starts_word = c.is_uppercase()
            && i > 0
            && (chars[i - 1].is_lowercase()
                || chars[i - 1].is_ascii_digit()
                || chars.get(i + 1).is_some_and(|n| n.is_lowercase() && chars[i - 1].is_uppercase()));
        if starts_word && !out.ends_with('_') {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}
