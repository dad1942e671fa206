//! From the proto files to the generated Rust texts; every fault of the contract is reported at once.
#![forbid(unsafe_code)]

mod check;
mod check_rules;
mod decisive;
mod emit_json;
mod emit_rules;
mod emit_services;
mod emit_shapes;
mod model;
mod options;
mod rust;
mod spellings;

use std::path::{Path, PathBuf};
use std::{fs, io};

use prost_reflect::DescriptorPool;
use prost_reflect::prost_types::FileDescriptorSet;

use model::Model;

pub use model::PACKAGE;

/// The compiled proto files.
pub struct Contract {
    compiler: protox::Compiler,
}

impl Contract {
    /// Compiles the services below `root`, the folder `proto`.
    ///
    /// # Errors
    /// When a file cannot be read or does not compile.
    pub fn read(root: impl AsRef<Path>) -> Result<Self, Box<dyn std::error::Error>> {
        let root = root.as_ref();
        let mut compiler = protox::Compiler::new([root])?;
        compiler.include_source_info(true).include_imports(true);
        compiler.open_files(protos(root, "tencentim/group/v1")?)?;
        Ok(Self { compiler })
    }

    /// The encoded descriptors with comments and options.
    #[must_use]
    pub fn descriptors(&self) -> Vec<u8> {
        self.compiler.encode_file_descriptor_set()
    }

    /// The descriptors as prost generates code from them.
    #[must_use]
    pub fn file_descriptor_set(&self) -> FileDescriptorSet {
        self.compiler.file_descriptor_set()
    }

    /// Generates everything.
    ///
    /// # Errors
    /// All that is wrong with the options.
    pub fn generate(&self) -> Result<Generated, Vec<String>> {
        generate(&self.compiler.descriptor_pool())
    }
}

/// The proto files of a folder, as paths relative to `root`.
fn protos(root: &Path, folder: &str) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(root.join(folder))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path.strip_prefix(root).map(Path::to_owned).unwrap_or(path));
        }
    }
    files.sort();
    Ok(files)
}

/// The generated files.
pub struct Generated {
    /// Impls of `JsonMessage` and `JsonEnum`.
    pub json: String,
    /// Impls of `Validate`.
    pub rules: String,
    /// What requests may repeat.
    pub shapes: String,
    /// The method table.
    pub methods: String,
    /// The tonic trait impls.
    pub services: String,
}

/// Generates everything.
///
/// # Errors
/// All that is wrong with the options.
pub fn generate(pool: &DescriptorPool) -> Result<Generated, Vec<String>> {
    let mut model = Model::read(pool).map_err(|fault| vec![fault])?;
    decisive::mark(&mut model);
    spellings::mark(&mut model);
    let faults = check::check(&model);
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(Generated {
        json: emit_json::emit(&model),
        rules: emit_rules::emit(&model),
        shapes: emit_shapes::emit(&model),
        methods: emit_services::methods(&model),
        services: emit_services::services(&model),
    })
}
