//! What the server knows of every method it serves, from the descriptors and the command table.

use std::collections::HashMap;
use std::sync::Arc;

use prost::Message;
use prost_types::FileDescriptorSet;

pub use crate::context::{Entry, Family, Kind};
use contract::command::Method;

/// All methods by path.
#[derive(Debug, Clone)]
pub struct Catalog {
    by_path: HashMap<String, Arc<Entry>>,
    /// By index; the first one stands for everything unknown.
    entries: Vec<Arc<Entry>>,
}

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
