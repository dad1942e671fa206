//! Generates the implementations of the services from the contract: each hands its methods to the gateway's generic call.

use std::path::PathBuf;
use std::{env, fs};

use generator::Contract;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed=proto");
    println!("cargo::rerun-if-changed=build.rs");
    let generated = Contract::read("proto")?.generate().map_err(|faults| faults.join("\n"))?;
    fs::write(out.join("services.rs"), generated.services)?;
    Ok(())
}
