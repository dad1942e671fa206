//! Compiles the contract in `proto/` (pure Rust, no protoc) and generates the translation from its options.

use std::path::PathBuf;
use std::{env, fs};

use generator::{Contract, PACKAGE};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    // tonic-prost-build prints none of these.
    println!("cargo::rerun-if-changed=../proto");
    println!("cargo::rerun-if-changed=build.rs");
    let has = |feature: &str| env::var_os(format!("CARGO_FEATURE_{feature}")).is_some();

    let contract = Contract::read("../proto")?;
    // The encoded set keeps comments and options: it is what reflection serves.
    fs::write(out.join("descriptor.bin"), contract.descriptors())?;

    let generated = contract.generate().map_err(|faults| faults.join("\n"))?;
    fs::write(out.join("json.rs"), generated.json)?;
    fs::write(out.join("rules.rs"), generated.rules)?;
    fs::write(out.join("shapes.rs"), generated.shapes)?;
    fs::write(out.join("methods.rs"), generated.methods)?;

    let mut set = contract.file_descriptor_set();
    // prost looks up the messages of google.protobuf here, and takes the types from prost-types.
    set.file.retain(|file| matches!(file.package(), PACKAGE | "google.protobuf"));
    tonic_prost_build::configure()
        .build_client(has("CLIENT"))
        .build_server(has("SERVER"))
        .btree_map(".")
        .compile_fds(set)?;
    Ok(())
}
