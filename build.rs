//! Compiles the contract in `proto/` (pure Rust, no protoc) and generates the translation from its options.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = std::path::PathBuf::from(std::env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed=proto");
    let files: Vec<_> = glob("proto/tencentim/group/v1")?;
    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_source_info(true).include_imports(true);
    compiler.open_files(files)?;
    std::fs::write(
        out.join("descriptor.bin"),
        compiler.encode_file_descriptor_set(),
    )?;
    let mut set = compiler.file_descriptor_set();
    set.file
        .retain(|f| f.package().starts_with("tencentim.group"));
    tonic_prost_build::configure()
        .btree_map(".")
        .compile_fds(set)?;
    Ok(())
}

fn glob(dir: &str) -> Result<Vec<std::path::PathBuf>, std::io::Error> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "proto") {
            files.push(path.strip_prefix("proto").unwrap_or(&path).to_owned());
        }
    }
    files.sort();
    Ok(files)
}
