//! Compiles the contract in `proto/` (pure Rust, no protoc) and generates the translation from its options.

#[path = "build/check.rs"]
mod check;
#[path = "build/emit_json.rs"]
mod emit_json;
#[path = "build/emit_rules.rs"]
mod emit_rules;
#[path = "build/emit_services.rs"]
mod emit_services;
#[path = "build/emit_shapes.rs"]
mod emit_shapes;
#[path = "build/generator.rs"]
mod generator;
#[path = "build/model.rs"]
mod model;
#[path = "build/options.rs"]
mod options;
#[path = "build/rust.rs"]
mod rust;

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    // tonic-prost-build prints none of these.
    println!("cargo::rerun-if-changed=proto");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=build.rs");

    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_source_info(true).include_imports(true);
    compiler.open_files(protos(Path::new("proto/tencentim/group/v1"))?)?;

    // The encoded set keeps comments and options: it is what reflection serves.
    fs::write(out.join("descriptor.bin"), compiler.encode_file_descriptor_set())?;

    let generated = generator::generate(&compiler.descriptor_pool()).map_err(|faults| faults.join("\n"))?;
    fs::write(out.join("json.rs"), generated.json)?;
    fs::write(out.join("rules.rs"), generated.rules)?;
    fs::write(out.join("shapes.rs"), generated.shapes)?;
    fs::write(out.join("methods.rs"), generated.methods)?;
    fs::write(out.join("services.rs"), generated.services)?;

    let mut set = compiler.file_descriptor_set();
    // prost looks up the messages of google.protobuf here, and takes the types from prost-types.
    set.file.retain(|file| matches!(file.package(), model::PACKAGE | "google.protobuf"));
    tonic_prost_build::configure().btree_map(".").compile_fds(set)?;
    Ok(())
}

/// The proto files of a folder, as paths relative to `proto/`.
fn protos(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path.strip_prefix("proto").map(Path::to_owned).unwrap_or(path));
        }
    }
    files.sort();
    Ok(files)
}
