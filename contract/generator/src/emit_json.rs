//! Emits `JsonMessage` and `JsonEnum` for everything that stands in the JSON of a command.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::model::{Card, Enum, Field, Kind, Message, Model, Paging};
use crate::options::{Shape, Style};
use crate::rust::{camel, codec, ident, key_type, oneof, pair_keys, path};

/// The Rust text of the translation.
pub fn emit(model: &Model) -> String {
    let mut out = String::new();
    for message in model.messages.values().filter(|m| m.in_json) {
        if message.oneofs.is_empty() { plain(message, &mut out) } else { tagged(message, &mut out) }
    }
    for found in model.enums.values().filter(|e| e.in_json) {
        enumeration(found, &mut out);
    }
    keys(model, &mut out);
    names(model, &mut out);
    decisive(model, &mut out);
    out
}

/// The decisive fields, marked and derived, so that tests can go through them.
fn decisive(model: &Model, out: &mut String) {
    out.push_str("/// Message and name of each field without which its message cannot be read.\n#[doc(hidden)]\n");
    out.push_str("pub const DECISIVE: &[(&str, &str)] = &[\n");
    for message in model.messages.values().filter(|m| m.in_json) {
        for field in message.fields.iter().filter(|field| field.decisive) {
            let _ = writeln!(out, "    ({:?}, {:?}),", message.name, field.name);
        }
    }
    out.push_str("];\n");
}

/// A macro that calls another with every message of the JSON, so that tests reach each of them.
fn names(model: &Model, out: &mut String) {
    out.push_str("#[doc(hidden)]\n#[macro_export]\nmacro_rules! for_each_json_message {\n    ($call:ident) => {\n");
    for message in model.messages.values().filter(|m| m.in_json) {
        let _ = writeln!(out, "        $call!({:?}, {});", message.name, path(&message.name));
    }
    out.push_str("    };\n}\n");
}

fn plain(message: &Message, out: &mut String) {
    let fields: Vec<&Field> = message.fields.iter().filter(|f| f.shape() != Shape::None).collect();
    let _ = write!(
        out,
        "impl JsonMessage for pb::{} {{\n    #[allow(unused_variables)]\n    \
         fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {{\n",
        path(&message.name)
    );
    // Naming every field makes a forgotten one a compile error.
    let names: Vec<String> = message.fields.iter().map(|f| ident(&f.name)).collect();
    let _ = writeln!(out, "        let Self {{ {} }} = self;", names.join(", "));
    for field in &fields {
        write_field(message, field, out);
    }
    out.push_str("        Ok(())\n    }\n\n    #[allow(unused_variables)]\n    ");
    out.push_str(
        "fn read<'de, A: MapAccess<'de>>(&mut self, entry: &mut Entry<'_, A>) -> Result<bool, A::Error> {\n        \
         match entry.key {\n",
    );
    let reasons: Vec<&Field> = fields.iter().copied().filter(|f| f.shape() == Shape::ErrorReason).collect();
    for field in fields.iter().filter(|f| !matches!(f.shape(), Shape::Inline | Shape::ErrorReason)) {
        read_field(message, field, &reasons, out);
    }
    for reason in &reasons {
        let shared = fields.iter().any(|f| f.shape() != Shape::ErrorReason && f.key() == reason.key());
        if !shared {
            let _ = writeln!(
                out,
                "            {:?} => self.{} = error_reason(entry.decisive().get::<i64, Int>()?),",
                reason.key(),
                ident(&reason.name)
            );
        }
    }
    read_rest(&fields, out);
    out.push_str("        }\n        #[allow(unreachable_code)]\n        Ok(true)\n    }\n}\n\n");
}

/// What a message does with a key that none of its fields has.
fn read_rest(fields: &[&Field], out: &mut String) {
    out.push_str("            _ => {\n");
    for field in fields.iter().filter(|f| f.shape() == Shape::Inline) {
        let _ = writeln!(
            out,
            "                if read_inline(&mut self.{}, entry)? {{ return Ok(true); }}",
            ident(&field.name)
        );
    }
    out.push_str("                return Ok(false);\n            }\n");
}

fn write_field(message: &Message, field: &Field, out: &mut String) {
    let name = ident(&field.name);
    let key = field.key();
    if let Some(page) = &message.paging {
        if field.name == "page_token" && page.is_request {
            let group = message.field("group_id").map_or("\"\"".to_owned(), |_| "group_id".to_owned());
            let _ = writeln!(
                out,
                "        paging::write(map, paging::Style::{}, {:?}, {name}, {group})?;",
                style(page),
                request_key(page)
            );
            return;
        }
        if field.name == "page_size" && page.is_request {
            let _ = writeln!(
                out,
                "        paging::write_size(map, {key:?}, i64::from(*{name}), {}, {})?;",
                page.rule.default_page_size, page.rule.max_page_size
            );
            return;
        }
        if field.name == "next_page_token" && !page.is_request {
            if tells_next(page) {
                let (key, style) = (response_key(page), style(page));
                let _ = writeln!(out, "        paging::write_next(map, paging::Style::{style}, {key:?}, {name})?;");
            }
            return;
        }
    }
    match field.shape() {
        Shape::Inline => {
            let _ = writeln!(out, "        if let Some(inner) = {name} {{ inner.write(map)?; }}");
        }
        Shape::ErrorReason => {}
        _ => {
            let put = format!("put::<_, {}, M>(map, {key:?}, value)?", codec(field));
            let condition = match (field.card, &field.kind) {
                (Card::Optional, _) => format!("if let Some(value) = {name} {{ {put}; }}"),
                (Card::Repeated | Card::Map, _) | (_, Kind::Text) => {
                    format!("if !{name}.is_empty() {{ let value = {name}; {put}; }}")
                }
                (_, Kind::Bool) => format!("if *{name} {{ let value = {name}; {put}; }}"),
                (_, Kind::Float) => format!("if *{name} != 0.0 {{ let value = {name}; {put}; }}"),
                _ => format!("if *{name} != 0 {{ let value = {name}; {put}; }}"),
            };
            // The place where a list starts is named by the page token once there is one.
            if message.paging.as_ref().is_some_and(|p| p.is_request && request_key(p) == key) {
                let _ = writeln!(out, "        if page_token.is_empty() {{ {condition} }}");
            } else {
                let _ = writeln!(out, "        {condition}");
            }
        }
    }
}

fn read_field(message: &Message, field: &Field, reasons: &[&Field], out: &mut String) {
    let name = ident(&field.name);
    if let Some(page) = &message.paging {
        if field.name == "page_token" && page.is_request {
            let taken = message.fields.iter().any(|f| f.name != "page_token" && f.key() == request_key(page));
            if !taken {
                let _ = writeln!(
                    out,
                    "            {} => self.{name} = paging::read(entry, paging::Style::{})?,",
                    page_keys(page),
                    style(page)
                );
            }
            return;
        }
        if field.name == "next_page_token" && !page.is_request {
            if tells_next(page) {
                let (key, style) = (response_key(page), style(page));
                let _ = writeln!(
                    out,
                    "            {key:?} => self.{name} = paging::read_next(entry, paging::Style::{style})?,"
                );
            }
            return;
        }
    }
    let entry = match (field.positional(), field.decisive) {
        (true, _) => "entry.positional()",
        (false, true) => "entry.decisive()",
        (false, false) => "entry",
    };
    let get = match (field.card, &field.kind) {
        (Card::Optional, Kind::Timestamp) => format!("{entry}.time()?"),
        // In a reply 0 says "none"; in a request it is a duration like any other.
        (Card::Optional, Kind::Duration) if !message.in_request => format!("{entry}.span()?"),
        (Card::Optional, _) => format!("{entry}.optional::<_, {}>()?", codec(field)),
        _ => format!("{entry}.get::<_, {}>()?", codec(field)),
    };
    let key = field.key();
    if let Some(reason) = reasons.iter().find(|r| r.key() == key) {
        let _ = writeln!(
            out,
            "            {key:?} => {{ self.{name} = {get}; self.{} = error_reason(i64::from(self.{name})); }}",
            ident(&reason.name)
        );
        return;
    }
    let _ = writeln!(out, "            {key:?} => self.{name} = {get},");
    if !field.aliases().is_empty() {
        // The newest spelling wins when a reply carries two editions of one field.
        let aliases: Vec<String> = field.aliases().iter().map(|a| format!("{a:?}")).collect();
        let _ = writeln!(
            out,
            "            {} => {{ let value = {get}; if is_default(&self.{name}) {{ self.{name} = value; }} }}",
            aliases.join(" | ")
        );
    }
}

fn tagged(message: &Message, out: &mut String) {
    let Some((oneof_name, rule)) = message.oneofs.first().and_then(|o| Some((&o.name, o.rule.as_ref()?))) else {
        return;
    };
    let arms = oneof(&message.name, oneof_name);
    let field = ident(oneof_name);
    let (tag, content) = (&rule.tag, &rule.content);
    let _ = write!(
        out,
        "impl JsonMessage for pb::{} {{\n    \
         fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {{\n        match &self.{field} {{\n            \
         None => {{}}\n",
        path(&message.name)
    );
    for arm in &message.fields {
        let variant = camel(&arm.name);
        let _ = if arm.shape() == Shape::Unknown {
            writeln!(
                out,
                "            Some(pb::{arms}::{variant}(value)) => \
                 tagged::write_unknown(map, [{tag:?}, {content:?}], &value.r#type, value.content.as_ref(), &value.content_json, value.whole)?,"
            )
        } else {
            writeln!(
                out,
                "            Some(pb::{arms}::{variant}(value)) => \
                 {{ map.serialize_entry({tag:?}, {:?})?; put::<_, Nested, M>(map, {content:?}, value)?; }}",
                arm.key()
            )
        };
    }
    let _ = write!(
        out,
        "        }}\n        Ok(())\n    }}\n\n    \
         fn read<'de, A: MapAccess<'de>>(&mut self, _: &mut Entry<'_, A>) -> Result<bool, A::Error> {{\n        \
         Ok(false)\n    }}\n\n    \
         fn from_map<'de, A: MapAccess<'de>>(map: A, at: &Place<'_>) -> Result<Self, A::Error> {{\n        \
         let parts = tagged::parts(map, [{tag:?}, {content:?}], at)?;\n        let known = match parts.tag() {{\n"
    );
    for arm in message.fields.iter().filter(|f| f.shape() != Shape::Unknown) {
        let (key, variant) = (arm.key(), camel(&arm.name));
        let _ = writeln!(out, "            {key:?} => parts.content::<_, A::Error>()?.map(pb::{arms}::{variant}),");
    }
    out.push_str("            _ => None,\n        };\n");
    let unknown = message.fields.iter().find(|f| f.shape() == Shape::Unknown);
    if let Some((variant, Kind::Message(kind))) = unknown.map(|f| (camel(&f.name), &f.kind)) {
        let make = format!(
            "{{ let tagged::Unknown {{ tag, content, text, whole }} = unknown; \
             pb::{arms}::{variant}(pb::{} {{ r#type: tag, content, content_json: text, whole }}) }}",
            path(kind)
        );
        let _ = write!(
            out,
            "        let value = match known {{ Some(known) => known, None => {{ let unknown = parts.unknown::<A::Error>()?; {make} }} }};\n        \
             Ok(Self {{ {field}: Some(value) }})\n    }}\n\n    \
             fn keep(json: &str) -> Option<Self> {{\n        let unknown = tagged::kept(json, {tag:?});\n        \
             Some(Self {{ {field}: Some({make}) }})\n"
        );
    } else {
        let _ = writeln!(out, "        Ok(Self {{ {field}: known }})");
    }
    out.push_str("    }\n}\n\n");
}

fn enumeration(found: &Enum, out: &mut String) {
    let spelled: Vec<_> = found.values.iter().filter_map(|(_, n, rule)| rule.as_ref().map(|r| (n, r))).collect();
    let arms = |out: &mut String, lines: Vec<String>, rest: &str| {
        for line in lines {
            let _ = writeln!(out, "            {line}");
        }
        let _ = writeln!(out, "            _ => {rest},\n        }}\n    }}\n");
    };
    let _ = write!(
        out,
        "impl JsonEnum for pb::{} {{\n    const NAME: &'static str = {:?};\n\n    \
         fn text(number: i32) -> Option<&'static str> {{\n        match number {{\n",
        path(&found.name),
        found.name
    );
    let texts = spelled.iter().filter(|(_, r)| !r.text.is_empty());
    arms(out, texts.clone().map(|(n, r)| format!("{n} => Some({:?}),", r.text)).collect(), "None");
    out.push_str("    fn number(number: i32) -> Option<i64> {\n        match number {\n");
    let numbers = spelled.iter().filter_map(|(n, r)| r.number.map(|json| (n, json)));
    arms(out, numbers.clone().map(|(n, json)| format!("{n} => Some({json}),")).collect(), "None");
    out.push_str("    fn from_text(text: &str) -> Option<i32> {\n        match text {\n");
    let spellings = spelled.iter().flat_map(|(n, r)| {
        r.aliases.iter().chain(Some(&r.text).filter(|t| !t.is_empty())).map(move |t| format!("{t:?} => Some({n}),"))
    });
    arms(out, spellings.collect(), "None");
    out.push_str("    fn from_number(number: i64) -> Option<i32> {\n        match number {\n");
    arms(out, numbers.map(|(n, json)| format!("{json} => Some({n}),")).collect(), "None");
    out.push_str("}\n\n");
}

/// The marker types of the keys inside lists of objects.
fn keys(model: &Model, out: &mut String) {
    let mut names = BTreeSet::new();
    for field in model.messages.values().filter(|m| m.in_json).flat_map(|m| &m.fields) {
        match field.shape() {
            Shape::KeyedObjects => {
                names.extend(field.json.as_ref().map(|j| j.key.clone()));
            }
            Shape::KeyValueList => names.extend(<[String; 2]>::from(pair_keys(field))),
            _ => {}
        }
    }
    out.push_str("/// The keys of lists of small objects, as types.\nmod key {\n    use super::JsonKey;\n");
    for name in names {
        let _ = writeln!(
            out,
            "    pub enum {0} {{}}\n    impl JsonKey for {0} {{ const KEY: &'static str = {name:?}; }}",
            key_type(&name)
        );
    }
    out.push_str("}\n");
}

/// The variant of `paging::Style`.
pub fn style(page: &Paging) -> String {
    page.rule.style.map(|style| format!("{style:?}")).unwrap_or_default()
}

/// The key of the position in the request.
pub fn request_key(page: &Paging) -> String {
    if !page.rule.request_key.is_empty() {
        return page.rule.request_key.clone();
    }
    match page.rule.style {
        Some(Style::Offset | Style::OffsetOrNextText) => "Offset".into(),
        Some(Style::SeqDown) => "ReqMsgSeq".into(),
        _ => "Next".into(),
    }
}

/// Whether the response itself says where the next page starts; the other styles count.
fn tells_next(page: &Paging) -> bool {
    page.rule.style.is_some_and(Style::has_next)
}

fn response_key(page: &Paging) -> String {
    if page.rule.response_key.is_empty() { "Next".into() } else { page.rule.response_key.clone() }
}

fn page_keys(page: &Paging) -> String {
    let key = request_key(page);
    if page.rule.style == Some(Style::OffsetOrNextText) { format!("{key:?} | \"Next\"") } else { format!("{key:?}") }
}
