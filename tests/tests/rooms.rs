//! No two modules of one package import each other, directly or through others: each file can be read after the files
//! that it imports.
//!
//! Imports are read from the text: `use` and qualified paths that begin with `crate`, `self`, `super` or a child
//! module. A path leads to the file that defines its item, through re-exports (`pub use`), which are no imports of
//! their own. Modules under `#[cfg(test)]` are left out.
//!
//! No `match` over commands has a catch-all: a new command does not compile until every place handles it.
#![allow(clippy::expect_used, clippy::panic, missing_docs)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use airlock_tests::programs::root;

/// The packages, by the folders of their sources.
const PACKAGES: [&str; 11] = [
    "protocol/src",
    "protocol/derive/src",
    "traces/src",
    "guest-shim/client/src",
    "guest-shim/host/src",
    "guest-shim/passes/src",
    "guest-shim/cli/src",
    "gpu-daemon/src",
    "gpu-daemon/jail/src",
    "gpu-daemon/device-plugin/src",
    "tests/src",
];

/// Permitted circles: files, or folders, and the reason.
const KEPT: &[(&[&str], &str)] = &[
    (
        &["guest-shim/client/src"],
        "WebGPU's objects refer to each other: a device makes buffers, a buffer keeps its device, a command names both",
    ),
    (
        &["guest-shim/host/src/v0_3/bindings.rs", "guest-shim/host/src/v0_3/resources.rs"],
        "the generated bindings take our types for resources, and those hold generated records",
    ),
    (
        &["guest-shim/host/src/v0_3"],
        "the functions that take data are added by the linker's function, and use the macro and the conversions beside it",
    ),
];

/// A module's file and its imports.
#[derive(Default)]
struct Module {
    file: String,
    /// Paths that it imports, each with its segments.
    imports: Vec<Vec<String>>,
    /// Names that it re-exports, with their paths.
    exports: BTreeMap<String, Vec<String>>,
    /// Modules that it re-exports as a whole.
    globs: Vec<Vec<String>>,
}

/// The text without comments, strings and characters; lifetimes stay.
fn code_of(text: &str) -> String {
    let (mut code, mut rest) = (String::new(), text);
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if c == '"' {
            string_length(rest)
        } else if c == 'r' && !code.ends_with(|c: char| c.is_alphanumeric() || c == '_') && raw_length(rest) > 0 {
            raw_length(rest)
        } else if c == '\'' && (after.starts_with('\\') || after.chars().nth(1) == Some('\'')) {
            let start = if after.starts_with('\\') { 3 } else { 1 };
            rest[start..].find('\'').map_or(rest.len(), |end| start + end + 1)
        } else {
            code.push(c);
            c.len_utf8()
        };
        rest = &rest[skipped..];
    }
    code
}

fn string_length(text: &str) -> usize {
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|&(_, c)| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |(end, _)| end + 1)
}

/// The length of a raw string, 0 where there is none.
fn raw_length(text: &str) -> usize {
    let hashes = text[1..].chars().take_while(|&c| c == '#').count();
    if !text[1 + hashes..].starts_with('"') {
        return 0;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    let start = hashes + 2;
    text[start..].find(&end).map_or(text.len(), |at| start + at + end.len())
}

/// The code without items under `#[cfg(test)]`, and without quoted code, which belongs to another package.
fn without_tests(code: &str) -> String {
    let (mut quoted, mut rest) = (String::new(), code);
    while let Some((before, after)) = rest.split_once("quote!") {
        quoted.push_str(before);
        let start = after.find(['(', '{', '[']).expect("what is quoted");
        rest = &after[start + balanced(&after[start..])..];
    }
    let code = quoted + rest;
    let (mut kept, mut rest) = (String::new(), code.as_str());
    while let Some(start) = ["#[cfg(test)]", "#[cfg(all(test,"].iter().filter_map(|mark| rest.find(mark)).min() {
        kept.push_str(&rest[..start]);
        let after = &rest[start + 1 + balanced(&rest[start + 1..])..];
        let end = after.find(['{', ';']).expect("an item");
        rest = if after[end..].starts_with(';') { &after[end + 1..] } else { &after[end + balanced(&after[end..])..] };
    }
    kept + rest
}

/// The length of a bracketed part.
fn balanced(text: &str) -> usize {
    let mut depth = 0;
    let end = text.char_indices().find(|&(_, c)| {
        depth += i32::from(matches!(c, '{' | '(' | '[')) - i32::from(matches!(c, '}' | ')' | ']'));
        depth == 0
    });
    end.map_or(text.len(), |(end, _)| end + 1)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The words and marks of code, `::` as one.
fn tokens(code: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut rest = code.trim_start();
    while let Some(c) = rest.chars().next() {
        let length = if is_word(c) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            c.len_utf8()
        };
        tokens.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
    tokens
}

/// The paths of a `use` from its first token on, each with its name in scope; returns the end of the tree.
fn tree(tokens: &[String], from: usize, base: &[String], found: &mut Vec<(Vec<String>, String)>) -> usize {
    let (mut at, mut path) = (from, base.to_vec());
    loop {
        match tokens.get(at).map(String::as_str) {
            Some("{") => {
                at += 1;
                while tokens.get(at).is_some_and(|token| token != "}") {
                    at = tree(tokens, at, &path, found);
                    at += usize::from(tokens.get(at).is_some_and(|token| token == ","));
                }
                return at + 1;
            }
            Some("::") => at += 1,
            Some("as") => {
                found.push((path, tokens.get(at + 1).cloned().unwrap_or_default()));
                return at + 2;
            }
            Some("," | "}" | ";") | None => {
                let name = path.last().cloned().unwrap_or_default();
                if name == "self" {
                    path.pop();
                    let name = path.last().cloned().unwrap_or_default();
                    found.push((path, name));
                } else if !path.is_empty() {
                    found.push((path, name));
                }
                return at;
            }
            Some(segment) => {
                path.push(segment.to_owned());
                at += 1;
            }
        }
    }
}

/// Reads a file. `children` are the modules that it declares.
fn read(file: String, code: &str) -> (Module, Vec<String>) {
    let tokens = tokens(code);
    let mut module = Module { file, ..Module::default() };
    let declares = |at: usize| tokens[at] == "mod" && tokens.get(at + 2).is_some_and(|token| token == ";");
    let children: Vec<String> =
        (0..tokens.len()).filter(|&at| declares(at)).filter_map(|at| tokens.get(at + 1).cloned()).collect();
    let mut at = 0;
    while at < tokens.len() {
        let is_use =
            tokens[at] == "use" && (at == 0 || matches!(tokens[at - 1].as_str(), ";" | "{" | "}" | "pub" | ")" | "]"));
        if is_use {
            let is_export = at > 0 && matches!(tokens[at - 1].as_str(), "pub" | ")");
            let mut found = Vec::new();
            at = tree(&tokens, at + 1, &[], &mut found);
            for (path, name) in found {
                match (is_export, name.as_str()) {
                    (true, "*") => module.globs.push(path[..path.len() - 1].to_vec()),
                    (true, _) => drop(module.exports.insert(name, path)),
                    (false, _) => module.imports.push(path),
                }
            }
            continue;
        }
        let begins = at == 0 || tokens[at - 1] != "::";
        let is_path = tokens.get(at + 1).is_some_and(|token| token == "::");
        let is_local = matches!(tokens[at].as_str(), "crate" | "super" | "self") || children.contains(&tokens[at]);
        if begins && is_path && is_local {
            let mut path = vec![tokens[at].clone()];
            let is_segment = |at: usize| tokens.get(at).is_some_and(|token| token.starts_with(is_word));
            while tokens.get(at + 1).is_some_and(|token| token == "::") && is_segment(at + 2) {
                path.extend(tokens.get(at + 2).cloned());
                at += 2;
            }
            module.imports.push(path);
        }
        at += 1;
    }
    (module, children)
}

/// The modules of a package by their paths; the root's is empty.
fn modules(source: &str) -> BTreeMap<Vec<String>, Module> {
    let mut modules = BTreeMap::new();
    for name in ["lib.rs", "main.rs"] {
        if root().join(source).join(name).exists() {
            // A package's program and its library are two trees; the library is the larger.
            gather(source, name, &[], &mut modules);
            break;
        }
    }
    modules
}

fn gather(folder: &str, name: &str, path: &[String], modules: &mut BTreeMap<Vec<String>, Module>) {
    let file = format!("{folder}/{name}");
    let text = fs::read_to_string(root().join(&file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    let (module, children) = read(file.clone(), &without_tests(&code_of(&text)));
    modules.insert(path.to_vec(), module);
    let stem = name.trim_end_matches(".rs");
    let inner = if matches!(stem, "lib" | "main" | "mod") { folder.to_owned() } else { format!("{folder}/{stem}") };
    for child in children {
        let path = [path, std::slice::from_ref(&child)].concat();
        for name in [format!("{child}.rs"), format!("{child}/mod.rs")] {
            if let Some((below, name)) =
                Path::new(&format!("{inner}/{name}")).to_str().and_then(|at| at.rsplit_once('/'))
                && root().join(below).join(name).exists()
            {
                gather(below, name, &path, modules);
            }
        }
    }
}

/// The module that defines the item of a path; `None` for another package.
fn resolve(
    modules: &BTreeMap<Vec<String>, Module>,
    from: &[String],
    path: &[String],
    depth: u32,
) -> Option<Vec<String>> {
    let mut at: Vec<String> = from.to_vec();
    let mut segments = path.iter().peekable();
    let first = path.first()?;
    if first == "crate" {
        at.clear();
        segments.next();
    } else if first != "self" && first != "super" && !is_module(modules, from, first) {
        return None;
    }
    while let Some(segment) = segments.peek() {
        match segment.as_str() {
            "self" => {}
            "super" => drop(at.pop()),
            segment if is_module(modules, &at, segment) => at.push(segment.to_owned()),
            name => {
                let module = modules.get(&at)?;
                let rest: Vec<String> = segments.clone().skip(1).map(|segment| (*segment).clone()).collect();
                if depth > 0
                    && let Some(export) = module.exports.get(name)
                {
                    let export = [export.as_slice(), &rest].concat();
                    return resolve(modules, &at, &export, depth - 1).or(Some(at));
                }
                // A glob re-exports its module's items and re-exports: they are searched where there is exactly one
                // glob.
                let glob = module.globs.first().filter(|_| module.globs.len() == 1 && depth > 0);
                let behind = glob.and_then(|glob| resolve(modules, &at, glob, depth - 1));
                return Some(behind.unwrap_or(at));
            }
        }
        segments.next();
    }
    Some(at)
}

fn is_module(modules: &BTreeMap<Vec<String>, Module>, at: &[String], name: &str) -> bool {
    modules.contains_key(&[at, &[name.to_owned()]].concat())
}

/// For each file, those that it imports.
fn imports(source: &str) -> BTreeMap<String, BTreeSet<String>> {
    let modules = modules(source);
    let mut imports = BTreeMap::new();
    for (path, module) in &modules {
        let targets = module.imports.iter().filter_map(|import| resolve(&modules, path, import, 8));
        let files = targets.filter_map(|target| modules.get(&target)).map(|target| target.file.clone());
        let files: BTreeSet<String> = files.filter(|file| *file != module.file).collect();
        imports.insert(module.file.clone(), files);
    }
    imports
}

/// The files that are reachable from a file; the file itself only through others.
fn reach(imports: &BTreeMap<String, BTreeSet<String>>, from: &str) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut look: Vec<&String> = imports.get(from).into_iter().flatten().collect();
    while let Some(file) = look.pop() {
        if seen.insert(file.clone()) {
            look.extend(imports.get(file).into_iter().flatten());
        }
    }
    seen
}

/// The circles: files each of which reaches every other.
fn circles(imports: &BTreeMap<String, BTreeSet<String>>) -> Vec<BTreeSet<String>> {
    let reached: BTreeMap<&String, BTreeSet<String>> =
        imports.keys().map(|file| (file, reach(imports, file))).collect();
    let mut circles: BTreeSet<BTreeSet<String>> = BTreeSet::new();
    for (file, reach) in &reached {
        if reach.contains(*file) {
            circles.insert(reach.iter().filter(|other| reached[other].contains(*file)).cloned().collect());
        }
    }
    circles.into_iter().collect()
}

#[test]
fn no_modules_import_each_other_in_a_circle() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the workspace's manifest");
    let members = manifest.split_once("members = [").and_then(|(_, rest)| rest.split_once(']')).expect("members").0;
    for member in members.split('"').skip(1).step_by(2) {
        assert!(PACKAGES.contains(&format!("{member}/src").as_str()), "{member} is not looked at");
    }
    let mut wrong = Vec::new();
    let mut used = BTreeSet::new();
    for package in PACKAGES {
        let imports = imports(package);
        assert!(!imports.is_empty(), "{package} was not read");
        for circle in circles(&imports) {
            let inside = |file: &String, kept: &&str| file == kept || file.starts_with(&format!("{kept}/"));
            let covers =
                |(files, _): &(&[&str], &str)| circle.iter().all(|file| files.iter().any(|kept| inside(file, kept)));
            match KEPT.iter().position(covers) {
                Some(kept) => drop(used.insert(kept)),
                None => {
                    let arrows = circle.iter().flat_map(|file| {
                        let to = imports[file].iter().filter(|to| circle.contains(*to));
                        to.map(move |to| format!("  {file} -> {to}"))
                    });
                    wrong.push(format!(
                        "{} files in a circle:\n{}",
                        circle.len(),
                        arrows.collect::<Vec<_>>().join("\n")
                    ));
                }
            }
        }
    }
    let unused = (0..KEPT.len()).filter(|kept| !used.contains(kept));
    wrong.extend(unused.map(|kept| format!("{:?} are in no circle any more: take them off the list", KEPT[kept].0)));
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn imports_are_found_where_they_are() {
    let imports = imports("protocol/src");
    let of = |file: &str| &imports[&format!("protocol/src/{file}")];
    let has = |file: &str, other: &str| of(file).contains(&format!("protocol/src/{other}"));
    // Through a tree of names, and through a re-export.
    assert!(has("events.rs", "commands/error.rs"));
    assert!(has("commands/queue.rs", "commands/texture.rs"));
    assert!(has("commands/queue.rs", "payload.rs"));
    assert!(!has("ids.rs", "events.rs"));
    let code = without_tests(&code_of(
        "use crate::{a::{B, self}, c::D as E}; // use crate::no::No;\nlet s = \"crate::no\"; let c = '\"'; super::f::<'a>();\n#[cfg(test)]\nmod tests { use crate::no; }\nmod g; g::h();",
    ));
    let (module, children) = read(String::new(), &code);
    let paths: Vec<_> = module.imports.iter().map(|path| path.join("::")).collect();
    assert_eq!(paths, ["crate::a::B", "crate::a", "crate::c::D", "super::f", "g::h"]);
    assert_eq!(children, ["g"]);
    let set = |files: &[&str]| files.iter().map(|file| (*file).to_owned()).collect::<BTreeSet<String>>();
    let graph = [("a", &["b"][..]), ("b", &["c"]), ("c", &["a", "d"]), ("d", &[]), ("e", &["a"])];
    let graph = graph.into_iter().map(|(file, to)| (file.to_owned(), set(to))).collect();
    assert_eq!(circles(&graph), [set(&["a", "b", "c"])]);
}

/// The arms of a `match`, without bracketed parts; `None` without a body.
fn arms(code: &str) -> Option<String> {
    let start = code.find('{')?;
    let body = &code[start + 1..start + balanced(&code[start..]) - 1];
    let mut depth = 0;
    Some(
        body.chars()
            .filter(|&c| {
                depth -= i32::from(matches!(c, '}' | ')' | ']'));
                let is_top = depth == 0;
                depth += i32::from(matches!(c, '{' | '(' | '['));
                is_top
            })
            .collect(),
    )
}

/// True for a `match` over commands with an arm for the rest of them.
fn has_catch_all(arms: &str) -> bool {
    let variant = |at: usize| arms[at + "Command::".len()..].starts_with(char::is_uppercase);
    let is_over_commands = arms.match_indices("Command::").any(|(at, _)| variant(at));
    let patterns =
        arms.split("=>").map(|arm| arm.trim_end().rsplit([',', '}', '\n']).next().unwrap_or_default().trim());
    is_over_commands && patterns.into_iter().any(|pattern| pattern == "_" || pattern.starts_with("_ if "))
}

#[test]
fn no_match_over_commands_has_a_catch_all() {
    let mut seen = 0;
    for package in ["protocol/src", "traces/src", "guest-shim/client/src", "guest-shim/host/src", "gpu-daemon/src"] {
        for module in modules(package).values() {
            let text = fs::read_to_string(root().join(&module.file)).expect("a module");
            // The command line's own enum has the same name.
            if text.contains("clap::Subcommand") || text.contains("process::Command") {
                continue;
            }
            let code = without_tests(&code_of(&text));
            for (at, _) in code.match_indices("match ") {
                let Some(arms) = arms(&code[at..]) else { continue };
                seen += usize::from(arms.contains("Command::"));
                assert!(!has_catch_all(&arms), "{}: {}", module.file, code[at..].lines().next().unwrap_or_default());
            }
        }
    }
    assert!(seen >= 2, "{seen} matches over commands were read");
    assert!(has_catch_all("Command::Submit => x, _ => y"));
    assert!(has_catch_all("Command::Submit => \n _ if late => y"));
    assert!(!has_catch_all("Command::Submit => x, Command::Stage => y"));
    assert!(!has_catch_all("Command::name => x, _ => y"));
}
