//! The pages for those who change the project name files; each must be there.

use std::path::Path;

const PAGES: [(&str, &str); 3] = [
    ("docs/architecture.md", include_str!("../../docs/architecture.md")),
    ("docs/adding-a-command.md", include_str!("../../docs/adding-a-command.md")),
    ("CONTRIBUTING.md", include_str!("../../CONTRIBUTING.md")),
];
/// What the path of a file of the project begins with.
const FOLDERS: [&str; 7] = ["src/", "contract/", "sandbox/", "proto/", "tests/", "docs/", ".ci/"];

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_file_that_they_name_exists() {
    for (page, text) in PAGES {
        // Blocks of code show examples; what is between single backticks is named.
        let prose = text.split("```").step_by(2);
        let quoted = prose.flat_map(|text| text.lines().flat_map(|line| line.split('`').skip(1).step_by(2)));
        let named: Vec<_> = quoted.filter(|name| FOLDERS.iter().any(|folder| name.starts_with(folder))).collect();
        assert!(!named.is_empty(), "{page}");
        for name in named {
            assert!(name.contains('<') || top().join(name).exists(), "{page} names `{name}`");
        }
    }
}

#[test]
fn the_diagram_shows_every_room() {
    let page = PAGES[0].1;
    for entry in std::fs::read_dir(top().join("src")).unwrap().map(|entry| entry.unwrap()) {
        let room = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() {
            assert!(page.contains(&format!("[\"{room}: ")), "the diagram lacks {room}");
        }
    }
}
