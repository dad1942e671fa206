//! Reads the custom options of `tencentim.annotations.v1` into plain structs.

use prost_reflect::{
    DescriptorPool, DynamicMessage, EnumValueDescriptor, ExtensionDescriptor, FieldDescriptor, MessageDescriptor,
    MethodDescriptor, OneofDescriptor, ReflectMessage, ServiceDescriptor, Value,
};

/// `CommandRule`: the Tencent command of a method.
#[derive(Debug, Clone, Default)]
pub struct CommandRule {
    pub service: String,
    pub name: String,
    /// Calls per second, where they are not the usual ones.
    pub rate_per_second: Option<u64>,
    /// Calls per second for each group, where Tencent documents them.
    pub group_rate_per_second: Option<u64>,
    pub paging: Option<PagingRule>,
    /// Where it is not the service's.
    pub scope: Option<Scope>,
    /// A field that makes the call safe to repeat: a string when it is set, an enum when it has `guarded_value`.
    pub guarded_by: String,
    pub guarded_value: String,
    /// Implemented by hand on top of the command.
    pub by_hand: bool,
}

/// `Scope`: what a caller's credential must allow. Named as in the contract crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Read,
    Message,
    Member,
    Admin,
    Raw,
}

/// `Paging.Style`. Named as in the contract crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    NextNumber,
    NextText,
    Offset,
    OffsetOrNextText,
    SeqDown,
}

impl Style {
    /// Whether the next page follows from what was counted, so that the option names the items.
    pub fn counts(self) -> bool {
        matches!(self, Self::Offset | Self::OffsetOrNextText | Self::SeqDown)
    }

    /// Whether the response has a total.
    pub fn has_total(self) -> bool {
        matches!(self, Self::Offset | Self::OffsetOrNextText)
    }

    /// Whether the response says where the next page starts.
    pub fn has_next(self) -> bool {
        !matches!(self, Self::Offset | Self::SeqDown)
    }
}

/// `Paging`: how a list command pages.
#[derive(Debug, Clone, Default)]
pub struct PagingRule {
    pub style: Option<Style>,
    pub items: String,
    pub total: String,
    pub request_key: String,
    pub response_key: String,
    pub filters: Vec<String>,
    pub finished: String,
    pub default_page_size: u64,
    pub max_page_size: u64,
}

/// `JsonRule`: how a field looks in Tencent's JSON.
#[derive(Debug, Clone, Default)]
pub struct JsonRule {
    pub name: String,
    pub aliases: Vec<String>,
    pub shape: Shape,
    pub key: String,
    pub value: String,
    pub derive_from: String,
    /// The message that holds the field cannot be read without it.
    pub decisive: bool,
    /// Not one element of the list may be lost.
    pub positional: bool,
}

/// `Shape`, in the order of its numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Shape {
    #[default]
    Plain,
    Flag,
    OnOff,
    Number,
    KeyedObjects,
    KeyValueList,
    Bits,
    Inline,
    None,
    Random,
    Unknown,
    ErrorReason,
}

/// `FieldRule`: what a request field must satisfy. A named rule is resolved to its parts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FieldRule {
    pub required: bool,
    pub max_bytes: u64,
    pub max_items: u64,
    pub unique: bool,
    pub gte: Option<i64>,
    pub lte: Option<i64>,
    pub or_in: Vec<i64>,
    pub max_key_bytes: u64,
    pub max_total_bytes: u64,
    pub characters: Characters,
    pub key_characters: Characters,
    pub prefix: String,
    pub not_prefix: String,
    pub prefix_if: Option<Condition>,
    pub extends: Option<Extends>,
    pub allowed: Vec<String>,
    pub not_allowed: Vec<String>,
    pub absent_if: Option<Condition>,
    pub absent_unless: Option<Condition>,
    pub required_unless: Option<Condition>,
    pub max_in_list: u64,
    /// Parts that the field states although its named rule does.
    pub repeated_parts: Vec<String>,
}

/// `Characters`: what a string may hold. Named as in the contract crate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Characters {
    #[default]
    Any,
    PrintableAscii,
    Word,
    LowerWord,
}

/// `Condition`: something that is true of another field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    pub field: String,
    /// Empty: whether the field is set.
    pub value: String,
}

/// `Extends`: how an id is made out of another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extends {
    pub field: String,
    pub joint: String,
    pub not_contains: Vec<String>,
}

/// `MessageRule`: what a message must satisfy as a whole.
#[derive(Debug, Clone, Default)]
pub struct MessageRule {
    pub any_besides: Vec<String>,
}

/// `ValueRule`: how an enum value is spelled.
#[derive(Debug, Clone, Default)]
pub struct ValueRule {
    pub text: String,
    pub number: Option<i64>,
    pub aliases: Vec<String>,
    pub read_only: bool,
    pub alone: bool,
}

/// `OneofRule`: how a oneof is laid out.
#[derive(Debug, Clone, Default)]
pub struct OneofRule {
    pub required: bool,
    pub tag: String,
    pub content: String,
}

/// The extensions of one descriptor pool.
pub struct Options {
    service: ExtensionDescriptor,
    command: ExtensionDescriptor,
    json: ExtensionDescriptor,
    rule: ExtensionDescriptor,
    value: ExtensionDescriptor,
    message: ExtensionDescriptor,
    parts: ExtensionDescriptor,
    oneof: ExtensionDescriptor,
}

impl Options {
    /// Finds the extensions; the message says which one the pool lacks.
    pub fn new(pool: &DescriptorPool) -> Result<Self, String> {
        let find = |name: &str| {
            let full = format!("tencentim.annotations.v1.{name}");
            pool.get_extension_by_name(&full).ok_or(format!("{full}: the option is not defined"))
        };
        Ok(Self {
            service: find("service")?,
            command: find("command")?,
            json: find("json")?,
            rule: find("rule")?,
            value: find("value")?,
            message: find("message")?,
            parts: find("parts")?,
            oneof: find("oneof")?,
        })
    }

    /// The scope of a service, `None` when it states none.
    pub fn scope(&self, service: &ServiceDescriptor) -> Option<Scope> {
        scope(&extension(&service.options(), &self.service)?)
    }

    pub fn command(&self, method: &MethodDescriptor) -> Option<CommandRule> {
        let m = extension(&method.options(), &self.command)?;
        let paging = child(&m, "paging").map(|p| PagingRule {
            style: style(&p),
            items: text(&p, "items"),
            total: text(&p, "total"),
            request_key: text(&p, "request_key"),
            response_key: text(&p, "response_key"),
            filters: texts(&p, "filters"),
            finished: text(&p, "finished"),
            default_page_size: number(&p, "default_page_size") as u64,
            max_page_size: number(&p, "max_page_size") as u64,
        });
        Some(CommandRule {
            service: text(&m, "service"),
            name: text(&m, "name"),
            rate_per_second: limit(&m, "rate_per_second"),
            group_rate_per_second: limit(&m, "group_rate_per_second"),
            paging,
            scope: scope(&m),
            guarded_by: text(&m, "guarded_by"),
            guarded_value: text(&m, "guarded_value"),
            by_hand: flag(&m, "by_hand"),
        })
    }

    pub fn json(&self, field: &FieldDescriptor) -> Option<JsonRule> {
        let m = extension(&field.options(), &self.json)?;
        Some(JsonRule {
            name: text(&m, "name"),
            aliases: texts(&m, "aliases"),
            shape: match number(&m, "shape") {
                1 => Shape::Flag,
                2 => Shape::OnOff,
                3 => Shape::Number,
                4 => Shape::KeyedObjects,
                5 => Shape::KeyValueList,
                6 => Shape::Bits,
                7 => Shape::Inline,
                8 => Shape::None,
                9 => Shape::Random,
                10 => Shape::Unknown,
                11 => Shape::ErrorReason,
                _ => Shape::Plain,
            },
            key: text(&m, "key"),
            value: text(&m, "value"),
            derive_from: text(&m, "derive_from"),
            decisive: flag(&m, "decisive"),
            positional: flag(&m, "positional"),
        })
    }

    /// The rule of a field, its named rule resolved.
    pub fn rule(&self, field: &FieldDescriptor) -> Option<FieldRule> {
        let own = extension(&field.options(), &self.rule)?;
        let mut both = self.parts(number(&own, "kind")).unwrap_or_else(|| DynamicMessage::new(own.descriptor()));
        let mut repeated = Vec::new();
        for (part, value) in own.fields().filter(|(part, _)| part.name() != "kind") {
            if both.has_field(&part) {
                repeated.push(part.name().to_owned());
            }
            both.set_field(&part, value.clone());
        }
        Some(FieldRule { repeated_parts: repeated, ..field_rule(&both) })
    }

    /// What a named rule stands for.
    fn parts(&self, kind: i64) -> Option<DynamicMessage> {
        let kinds = self.rule.parent_pool().get_enum_by_name("tencentim.annotations.v1.FieldRule.Kind")?;
        let kind = kinds.get_value(i32::try_from(kind).ok()?)?;
        extension(&kind.options(), &self.parts)
    }

    pub fn message(&self, message: &MessageDescriptor) -> Option<MessageRule> {
        let m = extension(&message.options(), &self.message)?;
        Some(MessageRule { any_besides: texts(&m, "any_besides") })
    }

    pub fn value(&self, value: &EnumValueDescriptor) -> Option<ValueRule> {
        let m = extension(&value.options(), &self.value)?;
        Some(ValueRule {
            text: text(&m, "text"),
            number: optional(&m, "number"),
            aliases: texts(&m, "aliases"),
            read_only: flag(&m, "read_only"),
            alone: flag(&m, "alone"),
        })
    }

    pub fn oneof(&self, oneof: &OneofDescriptor) -> Option<OneofRule> {
        let m = extension(&oneof.options(), &self.oneof)?;
        Some(OneofRule { required: flag(&m, "required"), tag: text(&m, "tag"), content: text(&m, "content") })
    }
}

fn field_rule(m: &DynamicMessage) -> FieldRule {
    FieldRule {
        required: flag(m, "required"),
        max_bytes: number(m, "max_bytes") as u64,
        max_items: number(m, "max_items") as u64,
        unique: flag(m, "unique"),
        gte: optional(m, "gte"),
        lte: optional(m, "lte"),
        or_in: numbers(m, "or_in"),
        max_key_bytes: number(m, "max_key_bytes") as u64,
        max_total_bytes: number(m, "max_total_bytes") as u64,
        characters: characters(m, "characters"),
        key_characters: characters(m, "key_characters"),
        prefix: text(m, "prefix"),
        not_prefix: text(m, "not_prefix"),
        prefix_if: condition(m, "prefix_if"),
        extends: child(m, "extends").map(|e| Extends {
            field: text(&e, "field"),
            joint: text(&e, "joint"),
            not_contains: texts(&e, "not_contains"),
        }),
        allowed: texts(m, "in"),
        not_allowed: texts(m, "not_in"),
        absent_if: condition(m, "absent_if"),
        absent_unless: condition(m, "absent_unless"),
        required_unless: condition(m, "required_unless"),
        max_in_list: number(m, "max_in_list") as u64,
        repeated_parts: Vec::new(),
    }
}

fn scope(message: &DynamicMessage) -> Option<Scope> {
    match number(message, "scope") {
        1 => Some(Scope::Read),
        2 => Some(Scope::Message),
        3 => Some(Scope::Member),
        4 => Some(Scope::Admin),
        5 => Some(Scope::Raw),
        _ => None,
    }
}

fn style(message: &DynamicMessage) -> Option<Style> {
    match number(message, "style") {
        1 => Some(Style::NextNumber),
        2 => Some(Style::NextText),
        3 => Some(Style::Offset),
        4 => Some(Style::OffsetOrNextText),
        5 => Some(Style::SeqDown),
        _ => None,
    }
}

/// A number that is no limit when it is 0.
fn limit(message: &DynamicMessage, name: &str) -> Option<u64> {
    u64::try_from(number(message, name)).ok().filter(|limit| *limit > 0)
}

fn condition(message: &DynamicMessage, name: &str) -> Option<Condition> {
    child(message, name).map(|c| Condition { field: text(&c, "field"), value: text(&c, "value") })
}

fn characters(message: &DynamicMessage, name: &str) -> Characters {
    match number(message, name) {
        1 => Characters::PrintableAscii,
        2 => Characters::Word,
        3 => Characters::LowerWord,
        _ => Characters::Any,
    }
}

fn extension(options: &DynamicMessage, extension: &ExtensionDescriptor) -> Option<DynamicMessage> {
    if !options.has_extension(extension) {
        return None;
    }
    options.get_extension(extension).as_message().cloned()
}

fn get(message: &DynamicMessage, name: &str) -> Option<Value> {
    debug_assert!(message.descriptor().get_field_by_name(name).is_some(), "no option field {name}");
    message.get_field_by_name(name).map(|v| v.into_owned())
}

fn child(message: &DynamicMessage, name: &str) -> Option<DynamicMessage> {
    if message.has_field_by_name(name) { get(message, name)?.as_message().cloned() } else { None }
}

fn text(message: &DynamicMessage, name: &str) -> String {
    get(message, name).and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

fn texts(message: &DynamicMessage, name: &str) -> Vec<String> {
    let value = get(message, name);
    let list = value.as_ref().and_then(Value::as_list).unwrap_or_default();
    list.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect()
}

fn numbers(message: &DynamicMessage, name: &str) -> Vec<i64> {
    let value = get(message, name);
    value.as_ref().and_then(Value::as_list).unwrap_or_default().iter().filter_map(Value::as_i64).collect()
}

fn flag(message: &DynamicMessage, name: &str) -> bool {
    get(message, name).and_then(|v| v.as_bool()).unwrap_or_default()
}

fn number(message: &DynamicMessage, name: &str) -> i64 {
    match get(message, name) {
        Some(Value::I64(n)) => n,
        Some(Value::U64(n)) => i64::try_from(n).unwrap_or(i64::MAX),
        Some(Value::U32(n)) => n.into(),
        Some(Value::I32(n) | Value::EnumNumber(n)) => n.into(),
        _ => 0,
    }
}

fn optional(message: &DynamicMessage, name: &str) -> Option<i64> {
    message.has_field_by_name(name).then(|| number(message, name))
}
