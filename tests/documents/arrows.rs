//! The arrows that `docs/architecture.md` promises: within a crate no two files import each other, directly or by a detour, and
//! between rooms arrows run down only. An arrow is a path in the code, `use` or not; one through a re-export leads to the file that
//! defines the name. `cargo test arrows -- --nocapture` prints what was counted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The crates of the workspace: the name that code uses and the folder.
const CRATES: [(&str, &str); 4] = [
    ("tencent_im_grpc", "src"),
    ("contract", "contract/src"),
    ("generator", "contract/generator/src"),
    ("sandbox", "sandbox/src"),
];

/// The rooms of the gateway from the top floor to the ground: a room names those of the floors below it, and no others.
const FLOORS: [&[&str]; 8] = [
    &["main"],
    &["cli"],
    &["app", "doctor"],
    &["server", "gateway"],
    &["status", "telemetry"],
    &["config"],
    &["upstream", "context"],
    &["loopback", "build_info"],
];

type Segments = Vec<String>;

/// The files that a file names, each with the path that does.
type Arrows = BTreeMap<PathBuf, BTreeMap<PathBuf, String>>;

/// A module: the file in which it stands, and what its names mean.
#[derive(Default)]
struct Module {
    file: PathBuf,
    children: BTreeSet<String>,
    /// What `use` brought in, by name.
    aliases: BTreeMap<String, Segments>,
    globs: Vec<Segments>,
    /// Every path in its code.
    paths: Vec<Segments>,
    /// What `pub use` hands on, and is an arrow only where the file names it too.
    handed_on: Vec<(String, Segments)>,
    words: BTreeSet<String>,
}

/// The modules of a crate by their paths.
struct House {
    name: &'static str,
    modules: BTreeMap<Segments, Module>,
}

impl House {
    /// Of files by their paths below the crate's folder.
    fn of(name: &'static str, files: impl IntoIterator<Item = (PathBuf, String)>) -> Self {
        let mut house = Self { name, modules: BTreeMap::new() };
        for (file, text) in files {
            let mut path: Segments =
                file.with_extension("").iter().map(|part| part.to_str().unwrap().to_owned()).collect();
            path.pop_if(|name| ["mod", "lib"].contains(&name.as_str()));
            house.read_module(&file, path, text.parse().unwrap());
        }
        house
    }

    fn read(name: &'static str, folder: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let files = sources(&root).into_iter().map(|file| {
            let text = std::fs::read_to_string(&file).unwrap();
            (file.strip_prefix(&root).unwrap().to_owned(), text)
        });
        let house = Self::of(name, files);
        assert!(house.modules.len() > 5, "the sources of {name} are found");
        house
    }

    fn read_module(&mut self, file: &Path, path: Segments, tokens: TokenStream) {
        let mut module = Module { file: file.to_owned(), ..Module::default() };
        let mut inner = Vec::new();
        read_tokens(tokens, &mut module, &mut inner);
        for (name, tokens) in inner {
            self.read_module(file, child(&path, &name), tokens);
        }
        if let Some((name, parent)) = path.split_last() {
            self.modules.entry(parent.to_vec()).or_default().children.insert(name.clone());
        }
        let children = self.modules.remove(&path).map(|module| module.children).unwrap_or_default();
        self.modules.insert(path, Module { children, ..module });
    }

    /// The module that defines `name` as the code of `at` means it. `None` for other crates.
    fn resolve(&self, at: &Segments, name: &[String], depth: usize) -> Option<Segments> {
        let (mut here, mut rest) = match name[0].as_str() {
            "crate" => (Vec::new(), &name[1..]),
            first if first == self.name => (Vec::new(), &name[1..]),
            "self" => (at.clone(), &name[1..]),
            "super" => (at[..at.len().checked_sub(1)?].to_vec(), &name[1..]),
            first => {
                let module = &self.modules[at];
                let known = module.children.contains(first) || module.aliases.contains_key(first);
                if !known {
                    return None;
                }
                (at.clone(), name)
            }
        };
        while let Some((first, after)) = rest.split_first() {
            let module = self.modules.get(&here)?;
            if first == "super" {
                here.pop();
            } else if first != "self" && module.children.contains(first) {
                here.push(first.clone());
            } else if let Some(alias) = module.aliases.get(first).filter(|alias| depth < 8 && alias[..] != *rest) {
                // A name that another crate defines is handed on by this file.
                let whole: Segments = alias.iter().chain(after).cloned().collect();
                return self.resolve(&here, &whole, depth + 1).or(Some(here));
            } else if let Some(found) = module.globs.iter().find_map(|glob| self.through(&here, glob, first, depth)) {
                here = found;
            } else {
                break;
            }
            rest = after;
        }
        Some(here)
    }

    /// The module of `name` where `glob::*` hands it on.
    fn through(&self, at: &Segments, glob: &[String], name: &String, depth: usize) -> Option<Segments> {
        let target = self.resolve(at, glob, depth + 1)?;
        let module = self.modules.get(&target).filter(|_| target != *at)?;
        if module.children.contains(name) { Some(child(&target, name)) } else { None }
    }

    /// What `glob::*` hands on, of the names that a file uses.
    fn names_by(&self, at: &Segments, glob: &[String], words: &BTreeSet<String>) -> Vec<Segments> {
        let module = self.resolve(at, glob, 0).and_then(|target| self.modules.get(&target));
        let names = module.into_iter().flat_map(|module| &module.handed_on).map(|(name, _)| name);
        names.filter(|name| words.contains(*name)).map(|name| child(glob, name)).collect()
    }

    /// The arrows between files, each with the path that draws it.
    fn arrows(&self) -> Arrows {
        let mut arrows = Arrows::new();
        for (at, module) in &self.modules {
            let named = module.handed_on.iter().filter(|(name, _)| module.words.contains(name)).map(|(_, path)| path);
            let globbed = module.globs.iter().flat_map(|glob| self.names_by(at, glob, &module.words));
            for path in module.paths.iter().chain(named).cloned().chain(globbed) {
                let Some(target) = self.resolve(at, &path, 0) else { continue };
                let file = self.modules[&target].file.clone();
                if file != module.file {
                    arrows.entry(module.file.clone()).or_default().insert(file, path.join("::"));
                }
            }
        }
        arrows
    }
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let rust = files.into_iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs"));
    rust.chain(folders.iter().flat_map(|folder| sources(folder))).collect()
}

fn child(path: &[String], name: &str) -> Segments {
    path.iter().cloned().chain([name.to_owned()]).collect()
}

/// Reads the paths, `use` trees and inline modules of a module's code. What is compiled for unit tests alone is passed over.
fn read_tokens(tokens: TokenStream, module: &mut Module, inner: &mut Vec<(String, TokenStream)>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Punct(punct) if punct.as_char() == '#' && is_cfg_test(tokens.get(at + 1)) => {
                at += tokens[at..].iter().position(ends_an_item).unwrap_or(tokens.len() - at);
            }
            TokenTree::Ident(ident) if ident == "use" => {
                let end = at + tokens[at..].iter().position(ends_a_use).unwrap_or(tokens.len() - at);
                let public = tokens[..at].iter().rev().take(2).any(|token| is_word(token, "pub"));
                read_use(&tokens[at + 1..end.min(tokens.len())], &[], public, module);
                at = end;
            }
            TokenTree::Ident(ident) if ident == "mod" && matches!(tokens.get(at + 2), Some(TokenTree::Group(_))) => {
                if let (TokenTree::Ident(name), TokenTree::Group(body)) = (&tokens[at + 1], &tokens[at + 2]) {
                    inner.push((name.to_string(), body.stream()));
                }
                at += 2;
            }
            TokenTree::Ident(first) => {
                let mut path = vec![first.to_string()];
                while let Some(TokenTree::Ident(next)) = tokens.get(at + 3).filter(|_| is_path(&tokens[at + 1..])) {
                    path.push(next.to_string());
                    at += 3;
                }
                module.words.insert(path[0].clone());
                if path.len() > 1 {
                    module.paths.push(path);
                }
            }
            TokenTree::Group(group) => read_tokens(group.stream(), module, inner),
            _ => {}
        }
        at += 1;
    }
}

/// Reads a tree of `use`, without that word and the semicolon.
fn read_use(tokens: &[TokenTree], before: &[String], public: bool, module: &mut Module) {
    let mut path = before.to_vec();
    let mut name = None;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Ident(ident) if ident == "as" => {
                name = tokens.get(at + 1).map(ToString::to_string);
                break;
            }
            TokenTree::Ident(ident) => path.push(ident.to_string()),
            TokenTree::Group(group) => {
                let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
                let comma = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',');
                for tree in tokens.split(comma).filter(|tree| !tree.is_empty()) {
                    read_use(tree, &path, public, module);
                }
                return;
            }
            TokenTree::Punct(punct) if punct.as_char() == '*' => {
                module.globs.push(path.clone());
                module.paths.push(path);
                return;
            }
            _ => {}
        }
    }
    if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
        path.pop();
    }
    let name = name.unwrap_or_else(|| path.last().unwrap().clone());
    module.aliases.insert(name.clone(), path.clone());
    if public {
        module.handed_on.push((name, path));
    } else {
        module.paths.push(path);
    }
}

fn is_word(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == word)
}

fn is_path(tokens: &[TokenTree]) -> bool {
    tokens.iter().take(2).filter(|token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ':')).count()
        == 2
}

fn is_cfg_test(token: Option<&TokenTree>) -> bool {
    token.is_some_and(|token| token.to_string().replace(' ', "") == "[cfg(test)]")
}

fn ends_a_use(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == ';')
}

fn ends_an_item(token: &TokenTree) -> bool {
    ends_a_use(token) || matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

/// The files that `from` reaches.
fn reached<'a>(arrows: &'a Arrows, from: &'a Path) -> BTreeSet<&'a Path> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(file) = open.pop() {
        let next = arrows.get(file).into_iter().flat_map(BTreeMap::keys);
        open.extend(next.map(PathBuf::as_path).filter(|file| reached.insert(*file)));
    }
    reached
}

/// The files that `file` reaches and that reach it, itself included.
fn circle<'a>(arrows: &'a Arrows, file: &'a Path) -> BTreeSet<&'a Path> {
    reached(arrows, file).into_iter().filter(|to| reached(arrows, to).contains(file)).collect()
}

/// The groups of files that reach each other.
fn circles(arrows: &Arrows) -> BTreeSet<BTreeSet<&Path>> {
    arrows.keys().map(|file| circle(arrows, file)).filter(|circle| !circle.is_empty()).collect()
}

/// The floor of a file's room: of the first folder, or of the file at the top.
fn floor(file: &Path) -> Option<usize> {
    let room = file.iter().next()?.to_str()?.trim_end_matches(".rs");
    FLOORS.iter().position(|floor| floor.contains(&room))
}

fn same_room(one: &Path, other: &Path) -> bool {
    one.iter().next() == other.iter().next()
}

#[test]
fn no_two_files_of_a_crate_import_each_other() {
    let mut lines = Vec::new();
    let mut count = 0;
    for (name, folder) in CRATES {
        let arrows = House::read(name, folder).arrows();
        for circle in circles(&arrows) {
            count += 1;
            for from in &circle {
                let inside = arrows[*from].iter().filter(|(to, _)| circle.contains(to.as_path()));
                lines.extend(inside.map(|(to, path)| {
                    format!("circle {count}: {folder}/{} -> {folder}/{} ({path})", from.display(), to.display())
                }));
            }
        }
    }
    println!("circles: {count}");
    assert!(count == 0, "{}", lines.join("\n"));
}

#[test]
fn arrows_between_rooms_run_down() {
    let arrows = House::read("tencent_im_grpc", "src").arrows();
    let all = arrows.iter().flat_map(|(from, to)| to.iter().map(move |(to, path)| (from, to, path)));
    let upward = all.filter(|(from, to, _)| {
        !same_room(from, to) && !from.starts_with("lib.rs") && (floor(to).is_none() || floor(from) >= floor(to))
    });
    let upward: Vec<_> =
        upward.map(|(from, to, path)| format!("src/{} -> src/{} ({path})", from.display(), to.display())).collect();
    println!("arrows upwards: {}", upward.len());
    assert!(upward.is_empty(), "{}", upward.join("\n"));
}

/// Neither the client of Tencent's API nor its retries know a field of a message; reasons of errors are no messages.
#[test]
fn no_file_of_upstream_names_a_message() {
    let house = House::read("tencent_im_grpc", "src");
    let is_message = |path: &&Segments| path.starts_with(&["contract".into(), "pb".into()]) && path[2] != "ErrorReason";
    let upstream = house.modules.iter().filter(|(path, _)| path.first().is_some_and(|room| room == "upstream"));
    let found: Vec<_> = upstream.flat_map(|(_, module)| module.paths.iter().filter(is_message)).collect();
    assert!(found.is_empty(), "{found:?}");
}

/// The counter sees what it is there for: detours through re-exports, macros, types by their paths and inline modules.
#[test]
fn the_counter_finds_circles_and_leaves_out_what_is_none() {
    let count = |files: &[(&str, &str)]| {
        let files = files.iter().map(|(file, text)| (PathBuf::from(file), (*text).to_owned()));
        circles(&House::of("it", files.collect::<Vec<_>>()).arrows()).len()
    };
    let room = |a, b| count(&[("room/mod.rs", "mod a; mod b; pub use a::A;"), ("room/a.rs", a), ("room/b.rs", b)]);
    assert_eq!(room("use super::b::B;", "use crate::room::A;"), 1);
    assert_eq!(room("fn f() { say!(super::b::x()) }", "use super::*; fn f(_: A) {}"), 1);
    assert_eq!(room("mod inner { use super::super::b::B; }", "use super::{A as C};"), 1);
    assert_eq!(count(&[("mod.rs", "mod a; use a::A; struct Own;"), ("a.rs", "use super::Own;")]), 1);
    assert_eq!(count(&[("a.rs", "use it::b::B;"), ("b.rs", "use crate::c;"), ("c.rs", "use super::a;")]), 1);

    assert_eq!(room("use super::b::B;", "#[cfg(test)] mod tests { use super::super::A; }"), 0);
    assert_eq!(room("/// As [`super::b::B`].\npub struct A;", "use super::A;"), 0);
}
