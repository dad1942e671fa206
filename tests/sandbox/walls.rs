//! The sandbox is a second opinion: it takes nothing from the gateway or its contract.

use std::path::{Path, PathBuf};

const CRATE: &str = env!("CARGO_MANIFEST_DIR");

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The names of all crates that the manifest lets in, tests and build script included.
fn dependencies(table: &toml::Table) -> Vec<String> {
    let mut names = Vec::new();
    for (key, value) in table {
        let Some(table) = value.as_table() else { continue };
        match key.ends_with("dependencies") {
            true => names.extend(table.iter().map(|(name, value)| {
                let renamed = value.get("package").and_then(toml::Value::as_str);
                renamed.unwrap_or(name).to_owned()
            })),
            false => names.extend(dependencies(table)),
        }
    }
    names
}

#[test]
fn the_sandbox_depends_on_neither_the_gateway_nor_the_contract() {
    let manifest: toml::Table = std::fs::read_to_string(format!("{CRATE}/Cargo.toml")).unwrap().parse().unwrap();
    let names = dependencies(&manifest);
    assert!(names.iter().any(|name| name == "hyper"), "the dependencies are found: {names:?}");
    let foreign: Vec<_> = names.iter().filter(|name| name.starts_with("tencent-im")).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    for code in ["prost", "tonic", "protox"] {
        assert!(
            names.iter().all(|name| !name.starts_with(code)),
            "the contract's own tools have no place here: {code}"
        );
    }
}

#[test]
fn no_source_of_the_sandbox_names_the_gateway_the_contract_or_its_files() {
    let files = sources(Path::new(&format!("{CRATE}/src")));
    assert!(files.len() > 40, "the sources are found");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for (number, line) in text.lines().enumerate() {
            let foreign = [
                "tencent_im_grpc",
                "tencent_im_contract",
                "contract::",
                "gateway::",
                "proto/",
                "../contract",
                "../../src",
                "#[path",
            ];
            let found = foreign.iter().find(|foreign| line.contains(**foreign));
            assert_eq!(found, None, "{}:{}: {line}", file.display(), number + 1);
        }
    }
}
