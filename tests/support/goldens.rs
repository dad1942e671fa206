//! The golden files: for each Tencent command a gRPC request, the exact JSON that Tencent gets, its reply, and the gRPC reply.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

/// The cases of one command.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    pub method: String,
    pub cases: Vec<Case>,
}

/// A call both ways.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub name: String,
    pub grpc_request: Value,
    pub upstream_request: Value,
    pub upstream_reply: Value,
    pub grpc_reply: Value,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// All of them, by the name of the command.
pub fn goldens() -> BTreeMap<String, Golden> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let command = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let golden = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        all.insert(command, golden);
    }
    all
}
