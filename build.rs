//! Generates the implementations of the services from the contract: each hands its methods to the gateway's generic call.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use generator::Contract;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed=proto");
    println!("cargo::rerun-if-changed=build.rs");
    let generated = Contract::read("proto")?.generate().map_err(|faults| faults.join("\n"))?;
    fs::write(out.join("services.rs"), generated.services)?;
    println!("cargo::rustc-env=GIT_COMMIT={}", commit());
    Ok(())
}

/// The commit that is built: GIT_COMMIT where there is no repository, as in a container. A debug build has none, for it would
/// be built anew with each commit.
fn commit() -> String {
    println!("cargo::rerun-if-env-changed=GIT_COMMIT");
    if let Ok(commit) = env::var("GIT_COMMIT") {
        return commit;
    }
    if env::var("PROFILE").is_ok_and(|profile| profile != "release") {
        return String::new();
    }
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
    git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_default()
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned())
}
