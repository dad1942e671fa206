//! What reflection can be asked for, and the file that declares it.

use std::collections::{BTreeMap, HashMap, HashSet};

use prost::bytes::Bytes;
use prost::{DecodeError, Message};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto};

/// Files by what they declare. A file is kept as it was encoded: decoded and encoded again, it would lose its options.
#[derive(Debug, Default)]
pub struct Index {
    files: HashMap<String, Bytes>,
    symbols: HashMap<String, Bytes>,
    messages: HashSet<String>,
    /// By the message that is extended, and by number.
    extensions: HashMap<String, BTreeMap<i32, Bytes>>,
    services: Vec<String>,
}

/// A `FileDescriptorSet` whose files stay encoded.
#[derive(Clone, PartialEq, Message)]
struct EncodedFiles {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    file: Vec<Bytes>,
}

impl Index {
    /// Reads encoded descriptor sets. Of two files with one name, the first counts.
    ///
    /// # Errors
    /// When one of them cannot be decoded.
    pub fn new(sets: &[&[u8]]) -> Result<Self, DecodeError> {
        let mut index = Self::default();
        for set in sets {
            for encoded in EncodedFiles::decode(*set)?.file {
                let file = FileDescriptorProto::decode(encoded.clone())?;
                if !index.files.contains_key(file.name()) {
                    index.add(&file, &encoded);
                }
            }
        }
        Ok(index)
    }

    /// A file by its name.
    pub fn file(&self, name: &str) -> Option<&Bytes> {
        self.files.get(name)
    }

    /// The file that declares a symbol, by its full name.
    pub fn symbol(&self, name: &str) -> Option<&Bytes> {
        self.symbols.get(name)
    }

    /// The file that declares an extension of a message.
    pub fn extension(&self, message: &str, number: i32) -> Option<&Bytes> {
        self.extensions.get(message)?.get(&number)
    }

    /// The numbers of all extensions of a message; `None` if there is no such message.
    pub fn extension_numbers(&self, message: &str) -> Option<Vec<i32>> {
        self.messages.get(message)?;
        Some(self.extensions.get(message).map(|numbers| numbers.keys().copied().collect()).unwrap_or_default())
    }

    /// The full names of all services.
    pub fn services(&self) -> &[String] {
        &self.services
    }

    fn add(&mut self, file: &FileDescriptorProto, encoded: &Bytes) {
        let package = file.package();
        self.files.insert(file.name().to_owned(), encoded.clone());
        self.add_extensions(package, &file.extension, encoded);
        for message in &file.message_type {
            self.add_message(package, message, encoded);
        }
        for enumeration in &file.enum_type {
            self.add_enum(package, enumeration, encoded);
        }
        for service in &file.service {
            let name = self.add_symbol(package, service.name(), encoded);
            for method in &service.method {
                self.add_symbol(&name, method.name(), encoded);
            }
            self.services.push(name);
        }
    }

    fn add_message(&mut self, scope: &str, message: &DescriptorProto, encoded: &Bytes) {
        let name = self.add_symbol(scope, message.name(), encoded);
        for field in &message.field {
            self.add_symbol(&name, field.name(), encoded);
        }
        for oneof in &message.oneof_decl {
            self.add_symbol(&name, oneof.name(), encoded);
        }
        self.add_extensions(&name, &message.extension, encoded);
        for nested in &message.nested_type {
            self.add_message(&name, nested, encoded);
        }
        for nested in &message.enum_type {
            self.add_enum(&name, nested, encoded);
        }
        self.messages.insert(name);
    }

    /// The values of an enum are named beside it, not in it.
    fn add_enum(&mut self, scope: &str, enumeration: &EnumDescriptorProto, encoded: &Bytes) {
        self.add_symbol(scope, enumeration.name(), encoded);
        for value in &enumeration.value {
            self.add_symbol(scope, value.name(), encoded);
        }
    }

    fn add_extensions(&mut self, scope: &str, extensions: &[FieldDescriptorProto], encoded: &Bytes) {
        for extension in extensions {
            self.add_symbol(scope, extension.name(), encoded);
            let message = extension.extendee().trim_start_matches('.').to_owned();
            self.extensions.entry(message).or_default().insert(extension.number(), encoded.clone());
        }
    }

    /// Adds a name, and returns it in full.
    fn add_symbol(&mut self, scope: &str, name: &str, encoded: &Bytes) -> String {
        let full = if scope.is_empty() { name.to_owned() } else { format!("{scope}.{name}") };
        self.symbols.insert(full.clone(), encoded.clone());
        full
    }
}
