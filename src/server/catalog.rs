//! What the server knows of every method it serves, from the descriptors and the command table.

use std::collections::HashMap;
use std::sync::Arc;

use prost::Message;
use prost_types::FileDescriptorSet;

use contract::command::Method;

/// All methods by path.
#[derive(Debug, Clone)]
pub struct Catalog {
    by_path: HashMap<String, Arc<Entry>>,
    /// By index; the first one stands for everything unknown.
    entries: Vec<Arc<Entry>>,
}

/// One method.
#[derive(Debug)]
pub struct Entry {
    /// Its place among all methods, so that nothing has to look it up by its name again.
    pub index: usize,
    /// `package.Service/Method`.
    pub path: String,
    /// `package.Service`.
    pub service: String,
    /// `Method`.
    pub method: String,
    /// How many messages go each way.
    pub kind: Kind,
    /// The contract's word on it; `None` for health, reflection and unknown methods.
    pub rule: Option<Method>,
}

/// How many messages go each way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One each way.
    Unary,
    /// Many in, one out.
    ClientStream,
    /// One in, many out.
    ServerStream,
    /// Many each way.
    BidiStream,
}

/// Which service a method belongs to, as far as admission to it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// `grpc.health.v1`.
    Health,
    /// `grpc.reflection`.
    Reflection,
    /// The contract, and everything that is unknown.
    Contract,
}

const UNKNOWN: &str = "unknown";

impl Catalog {
    /// Reads encoded descriptor sets.
    ///
    /// # Errors
    /// When one of them cannot be decoded.
    pub fn new(descriptors: &[&[u8]], methods: &[Method]) -> Result<Self, prost::DecodeError> {
        let mut by_path = HashMap::new();
        let mut entries = vec![Arc::new(Entry::unknown())];
        for encoded in descriptors {
            for file in FileDescriptorSet::decode(*encoded)?.file {
                for service in &file.service {
                    let name = format!("{}.{}", file.package(), service.name());
                    for method in &service.method {
                        let path = format!("{name}/{}", method.name());
                        let entry = Arc::new(Entry {
                            index: entries.len(),
                            service: name.clone(),
                            method: method.name().to_owned(),
                            kind: Kind::new(method.client_streaming(), method.server_streaming()),
                            rule: methods.iter().find(|rule| rule.path == path).copied(),
                            path: path.clone(),
                        });
                        entries.push(entry.clone());
                        by_path.insert(format!("/{path}"), entry);
                    }
                }
            }
        }
        Ok(Self { by_path, entries })
    }

    /// The method of a request path. What is not known shares one entry, so that no caller can make labels up.
    pub fn find(&self, path: &str) -> &Arc<Entry> {
        self.by_path.get(path).unwrap_or(&self.entries[0])
    }

    /// All methods by index, and the one that stands for everything unknown.
    pub fn entries(&self) -> &[Arc<Entry>] {
        &self.entries
    }
}

impl Entry {
    pub(super) fn unknown() -> Self {
        Self {
            index: 0,
            path: "unknown/unknown".to_owned(),
            service: UNKNOWN.to_owned(),
            method: UNKNOWN.to_owned(),
            kind: Kind::Unary,
            rule: None,
        }
    }

    /// Whether it stands for everything that is not served.
    pub fn is_unknown(&self) -> bool {
        self.service == UNKNOWN
    }

    /// Whether its calls have no end of their own: health may be watched for ever.
    pub fn is_endless(&self) -> bool {
        self.family() == Family::Health && self.kind != Kind::Unary
    }

    /// Which family the method belongs to.
    pub fn family(&self) -> Family {
        if self.service.starts_with("grpc.health.") {
            Family::Health
        } else if self.service.starts_with("grpc.reflection.") {
            Family::Reflection
        } else {
            Family::Contract
        }
    }
}

impl Kind {
    fn new(client_streaming: bool, server_streaming: bool) -> Self {
        match (client_streaming, server_streaming) {
            (false, false) => Self::Unary,
            (true, false) => Self::ClientStream,
            (false, true) => Self::ServerStream,
            (true, true) => Self::BidiStream,
        }
    }

    /// The label that Go's and Java's interceptors use.
    pub fn label(self) -> &'static str {
        match self {
            Self::Unary => "unary",
            Self::ClientStream => "client_stream",
            Self::ServerStream => "server_stream",
            Self::BidiStream => "bidi_stream",
        }
    }
}
