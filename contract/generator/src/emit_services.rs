//! Emits the method table, what the generic call needs to know of each request, and the tonic trait impls.

use std::fmt::Write as _;

use crate::check::USUAL_RATE;
use crate::emit_shapes;
use crate::model::{Card, Field, Kind, Message, Method, Model, PACKAGE, Safety, Service, snake};
use crate::options::{Scope, Shape, Style};
use crate::rust::{constant, ident, path};

/// The Rust text of the method table.
pub fn methods(model: &Model) -> String {
    let mut out = String::new();
    for (service, method) in model.methods() {
        let constant = constant(&service.name, &method.name);
        if let Some(c) = &method.command {
            let (rate, group) = (c.rate_per_second.unwrap_or(USUAL_RATE), c.group_rate_per_second);
            let _ = writeln!(
                out,
                "/// The command of `{0}/{1}`.\npub const {constant}_COMMAND: Command<'static> = Command {{ service: {2:?}, \
                 name: {3:?}, label: {3:?}, safety: Safety::{4:?}, rate_per_second: {rate}, group_rate_per_second: {group:?} }};",
                service.name,
                method.name,
                c.service,
                c.name,
                method.safety
            );
        }
        let command = method.command.as_ref().map_or("None".to_owned(), |_| format!("Some({constant}_COMMAND)"));
        let _ = writeln!(
            out,
            "/// `{0}/{1}`.\npub const {constant}: Method = Method {{ path: \"{PACKAGE}.{0}/{1}\", scope: Scope::{2:?}, \
             safety: Safety::{3:?}, streaming: {4}, request: &shapes::{5}, command: {command} }};",
            service.name,
            method.name,
            scope(service, method),
            method.safety,
            method.server_streaming,
            emit_shapes::constant(&method.request),
        );
    }
    let all: Vec<String> = model.methods().map(|(s, m)| constant(&s.name, &m.name)).collect();
    let _ = writeln!(out, "/// Every method of the contract.\npub static METHODS: &[Method] = &[{}];", all.join(", "));
    let names: Vec<String> = model.services.iter().map(|s| format!("\"{PACKAGE}.{}\"", s.name)).collect();
    let _ =
        writeln!(out, "/// Every service of the contract.\npub static SERVICES: &[&str] = &[{}];", names.join(", "));
    out
}

/// The Rust text of the service impls.
pub fn services(model: &Model) -> String {
    let mut out = String::new();
    for service in &model.services {
        service_impl(model, service, &mut out);
    }
    for (service, method) in model.methods().filter(|(_, method)| is_paged(model, method)) {
        paged(model, service, method, &mut out);
    }
    for (service, method) in model.methods().filter(|(_, m)| m.command.is_some()) {
        mapped(model, service, method, &mut out);
    }
    routes(model, &mut out);
    out
}

fn service_impl(model: &Model, service: &Service, out: &mut String) {
    let module = snake(&service.name);
    let _ = writeln!(out, "#[tonic::async_trait]\nimpl pb::{module}_server::{} for Gateway {{", service.name);
    for method in &service.methods {
        let (name, request, response) = (ident(&method.name), path(&method.request), path(&method.response));
        let kind = match (method.server_streaming, is_paged(model, method)) {
            (true, _) => "streamed",
            (false, true) => "page",
            (false, false) => "composed",
        };
        let body = if method.command.as_ref().is_some_and(|command| !command.by_hand) {
            "|call, message| async move { call.send(message).await }".to_owned()
        } else {
            format!("|call, message| compositions::{module}::{name}(call, message)")
        };
        let body = format!("self.{kind}(request, {body}).await");
        if method.server_streaming {
            let _ = writeln!(
                out,
                "    type {0}Stream = Replies<pb::{response}>;\n    async fn {name}(&self, request: Request<pb::{request}>) \
                 -> Result<Response<Self::{0}Stream>, Status> {{\n        {body}\n    }}",
                method.name
            );
        } else {
            let _ = writeln!(
                out,
                "    async fn {name}(&self, request: Request<pb::{request}>) -> Result<Response<pb::{response}>, Status> {{\n        \
                 {body}\n    }}"
            );
        }
    }
    out.push_str("}\n\n");
}

fn is_paged(model: &Model, method: &Method) -> bool {
    let has = |message: &str, field: &str| model.messages.get(message).is_some_and(|m| m.field(field).is_some());
    has(&method.request, "page_token") && has(&method.response, "next_page_token")
}

/// How the tokens of a list are sealed.
fn paged(model: &Model, service: &Service, method: &Method, out: &mut String) {
    let size = model.messages.get(&method.request).and_then(|request| request.field("page_size"));
    let size = size.map_or("", |_| "page_size: 0, ");
    let _ = write!(
        out,
        "impl tokens::Paged for pb::{request} {{\n    const PATH: &'static str = methods::{constant}.path;\n    \
         fn page_token(&mut self) -> &mut String {{ &mut self.page_token }}\n    \
         fn of_the_list(&self) -> Self {{ Self {{ page_token: String::new(), {size}..self.clone() }} }}\n}}\n\
         impl tokens::Page for pb::{response} {{\n    \
         fn next_page_token(&mut self) -> &mut String {{ &mut self.next_page_token }}\n}}\n\n",
        request = path(&method.request),
        response = path(&method.response),
        constant = constant(&service.name, &method.name),
    );
}

/// What the generic call needs to know of a mapped request.
fn mapped(model: &Model, service: &Service, method: &Method, out: &mut String) {
    let Some(request) = model.messages.get(&method.request) else { return };
    let _ = write!(
        out,
        "impl Mapped for pb::{} {{\n    type Reply = pb::{};\n    const COMMAND: &'static Command<'static> = &methods::{}_COMMAND;\n",
        path(&request.name),
        path(&method.response),
        constant(&service.name, &method.name)
    );
    let text = |name: &str| request.field(name).is_some_and(|f| f.kind == Kind::Text && f.card == Card::Plain);
    if text("group_id") {
        out.push_str("    fn group_id(&self) -> Option<&str> { Some(&self.group_id) }\n");
    }
    if let Some(random) = request.random() {
        let name = ident(&random.name);
        let source = random.json.as_ref().map(|j| j.derive_from.clone()).unwrap_or_default();
        let source = if source.is_empty() { "\"\"".to_owned() } else { format!("&self.{}", ident(&source)) };
        let _ = writeln!(
            out,
            "    fn guarded(&self) -> bool {{ true }}\n    \
             fn prepare(&mut self) {{ self.{name}.get_or_insert_with(|| message_random({source})); }}"
        );
    }
    if let Some(guard) = guard(model, request, method) {
        let _ = writeln!(out, "    fn guarded(&self) -> bool {{ {guard} }}");
    }
    if method.safety == Safety::Idempotent {
        let lists = request.fields.iter().filter(|field| matches!(field.card, Card::Repeated | Card::Map));
        let lists: Vec<String> = lists.map(|field| format!("self.{}.len() <= 1", ident(&field.name))).collect();
        if !lists.is_empty() {
            let _ = writeln!(out, "    fn single(&self) -> bool {{ {} }}", lists.join(" && "));
        }
        out.push_str(&items(model, method).unwrap_or_default());
    }
    if let Some(finish) = finish(model, request, method) {
        let _ = writeln!(
            out,
            "    #[allow(unused_variables)]\n    fn finish(&self, reply: &mut Self::Reply, lost: usize) {{ {finish} }}"
        );
    }
    out.push_str("}\n\n");
}

/// Whether what the request holds makes it safe to repeat.
fn guard(model: &Model, request: &Message, method: &Method) -> Option<String> {
    let command = method.command.as_ref()?;
    let field = request.field(&command.guarded_by)?;
    let name = ident(&field.name);
    let Kind::Enum(kind) = &field.kind else { return Some(format!("!self.{name}.is_empty()")) };
    Some(format!("self.{name} == {}", model.enums.get(kind)?.number(&command.guarded_value)?))
}

/// The items of a reply that have their own code.
fn items(model: &Model, method: &Method) -> Option<String> {
    let response = model.messages.get(&method.response)?;
    let item_of = |field: &Field| match &field.kind {
        Kind::Message(item) if field.card == Card::Repeated => model.messages.get(item),
        _ => None,
    };
    let has_code = |item: &&Message| item.field("error_code").is_some() && item.field("reason").is_some();
    let (list, item) = response.fields.iter().find_map(|field| Some((field, item_of(field).filter(has_code)?)))?;
    let message = item.field("error_message").map_or("None", |_| "Some(&mut item.error_message)");
    Some(format!(
        "    fn items(reply: &mut Self::Reply) -> Vec<Item<'_>> {{\n        reply.{}.iter_mut().map(|item| Item {{ \
         code: &mut item.error_code, reason: &mut item.reason, message: {message} }}).collect()\n    }}\n",
        ident(&list.name)
    ))
}

/// What of a reply follows from its request.
fn finish(model: &Model, request: &Message, method: &Method) -> Option<String> {
    let response = model.messages.get(&method.response)?;
    let mut text = next_page(model, request, response).unwrap_or_default();
    let guard = method.command.as_ref().map(|c| c.guarded_by.as_str()).filter(|name| response.field(name).is_some());
    if let Some(guard) = guard.map(ident) {
        // A repeated call may be answered by a refusal that says "done already", without the id.
        let _ = write!(text, "if reply.{guard}.is_empty() {{ reply.{guard}.clone_from(&self.{guard}); }}");
    }
    (!text.is_empty()).then_some(text)
}

/// How the next page's token follows from a page.
fn next_page(model: &Model, request: &Message, response: &Message) -> Option<String> {
    let page = request.paging.as_ref()?;
    let rule = &page.rule;
    let mut text = String::new();
    let filtered: Vec<String> = rule.filters.iter().map(|f| format!("!self.{}.is_empty()", ident(f))).collect();
    let filtered = if filtered.is_empty() { "false".to_owned() } else { filtered.join(" || ") };
    let size = request.field("page_size").map_or("0".into(), |f| format!("i64::from(self.{})", ident(&f.name)));
    if rule.style.is_some_and(Style::has_total) {
        let total = &response.field(&rule.total)?.name;
        let call = format!(
            "reply.next_page_token = paging::next_offset(&self.page_token, reply.{}.len() + lost, u64::from(reply.{}), {filtered}, \
             paging::effective_size({size}, {}, {}));",
            ident(&rule.items),
            ident(total),
            rule.default_page_size,
            rule.max_page_size
        );
        if rule.style == Some(Style::OffsetOrNextText) {
            let _ = write!(text, "if !paging::is_community(&self.group_id) {{ {call} }}");
        } else {
            text.push_str(&call);
        }
    }
    if rule.style == Some(Style::SeqDown) {
        let items = response.field(&rule.items)?;
        let Kind::Message(item) = &items.kind else { return None };
        let seq = model.messages.get(item)?.fields.iter().find(|f| f.key() == "MsgSeq" && f.shape() == Shape::Plain)?;
        let _ = write!(
            text,
            "reply.next_page_token = paging::next_seq(reply.{}.iter().map(|m| m.{}));",
            ident(&items.name),
            ident(&seq.name)
        );
    }
    if !rule.finished.is_empty() {
        let field = response.field(&rule.finished)?;
        let done = if field.kind == Kind::Bool { String::new() } else { " == 1".to_owned() };
        let _ = write!(text, "if reply.{}{done} {{ reply.next_page_token.clear(); }}", ident(&field.name));
    }
    (!text.is_empty()).then_some(text)
}

fn routes(model: &Model, out: &mut String) {
    out.push_str(
        "/// All services of the contract behind one router.\n\
         pub fn routes(gateway: &Gateway, sizes: MessageSizes) -> tonic::service::Routes {\n    \
         let mut routes = tonic::service::RoutesBuilder::default();\n",
    );
    for service in &model.services {
        let _ = writeln!(
            out,
            "    routes.add_service(pb::{}_server::{}Server::new(gateway.clone())\
             .max_decoding_message_size(sizes.decode).max_encoding_message_size(sizes.encode)\
             .accept_compressed(tonic::codec::CompressionEncoding::Gzip)\
             .send_compressed(tonic::codec::CompressionEncoding::Gzip));",
            snake(&service.name),
            service.name
        );
    }
    out.push_str("    routes.routes()\n}\n");
}

/// What the caller's credential must allow.
fn scope(service: &Service, method: &Method) -> Scope {
    if method.safety == Safety::Read && service.scope != Some(Scope::Raw) {
        return Scope::Read;
    }
    let own = method.command.as_ref().and_then(|command| command.scope);
    own.or(service.scope).unwrap_or(Scope::Admin)
}
