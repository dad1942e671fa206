//! Reads the custom options of `tencentim.annotations.v1` into plain structs.

use prost_reflect::{
    DescriptorPool, DynamicMessage, EnumValueDescriptor, ExtensionDescriptor, FieldDescriptor, MethodDescriptor,
    OneofDescriptor, ReflectMessage, ServiceDescriptor, Value,
};

/// `CommandRule`: the Tencent command of a method.
#[derive(Debug, Clone, Default)]
pub struct CommandRule {
    pub service: String,
    pub name: String,
    pub rate_per_second: u64,
    pub group_rate_per_second: u64,
    pub paging: Option<PagingRule>,
    /// Number of the `Scope` value, 0 when not stated.
    pub scope: i32,
    /// A field that makes the call safe to repeat: a string when it is set, an enum when it has `guarded_value`.
    pub guarded_by: String,
    pub guarded_value: String,
}

/// `Paging`: how a list command pages.
#[derive(Debug, Clone, Default)]
pub struct PagingRule {
    /// Number of the `Style` value.
    pub style: i32,
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

/// `FieldRule`: what a request field must satisfy.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FieldRule {
    pub required: bool,
    pub max_bytes: u64,
    pub max_items: u64,
    pub unique: bool,
    pub gte: Option<i64>,
    pub lte: Option<i64>,
    pub max_key_bytes: u64,
    pub not_prefix: String,
}

/// `ValueRule`: how an enum value is spelled.
#[derive(Debug, Clone, Default)]
pub struct ValueRule {
    pub text: String,
    pub number: Option<i64>,
    pub aliases: Vec<String>,
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
            oneof: find("oneof")?,
        })
    }

    /// The scope number of a service, `None` when it states no rule.
    pub fn scope(&self, service: &ServiceDescriptor) -> Option<i32> {
        extension(&service.options(), &self.service).map(|m| number(&m, "scope") as i32)
    }

    pub fn command(&self, method: &MethodDescriptor) -> Option<CommandRule> {
        let m = extension(&method.options(), &self.command)?;
        let paging = child(&m, "paging").map(|p| PagingRule {
            style: number(&p, "style") as i32,
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
            rate_per_second: number(&m, "rate_per_second") as u64,
            group_rate_per_second: number(&m, "group_rate_per_second") as u64,
            paging,
            scope: number(&m, "scope") as i32,
            guarded_by: text(&m, "guarded_by"),
            guarded_value: text(&m, "guarded_value"),
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
        })
    }

    pub fn rule(&self, field: &FieldDescriptor) -> Option<FieldRule> {
        let m = extension(&field.options(), &self.rule)?;
        Some(FieldRule {
            required: flag(&m, "required"),
            max_bytes: number(&m, "max_bytes") as u64,
            max_items: number(&m, "max_items") as u64,
            unique: flag(&m, "unique"),
            gte: optional(&m, "gte"),
            lte: optional(&m, "lte"),
            max_key_bytes: number(&m, "max_key_bytes") as u64,
            not_prefix: text(&m, "not_prefix"),
        })
    }

    pub fn value(&self, value: &EnumValueDescriptor) -> Option<ValueRule> {
        let m = extension(&value.options(), &self.value)?;
        Some(ValueRule { text: text(&m, "text"), number: optional(&m, "number"), aliases: texts(&m, "aliases") })
    }

    pub fn oneof(&self, oneof: &OneofDescriptor) -> Option<OneofRule> {
        let m = extension(&oneof.options(), &self.oneof)?;
        Some(OneofRule { required: flag(&m, "required"), tag: text(&m, "tag"), content: text(&m, "content") })
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
