//! The methods of wgpu's backend traits: each is implemented by `wgpu-wasi` and by `wgpu-airlock`, those that answer as absent
//! are listed with their reasons in `guest-shim/wgpu/METHODS.md`, and each place that can panic is listed here.
//!
//! Reads sources, whose layout is rustfmt's: an item ends at the first line that closes it at its own indentation.
#![allow(clippy::unwrap_used, reason = "a test ends at the first failure")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Methods that a crate leaves to wgpu, or that exist on other targets only.
const NOT_IMPLEMENTED: [(&str, &str); 4] = [
    ("wgpu", "Surface::display_hdr_info"),
    ("wgpu-airlock", "Surface::display_hdr_info"),
    // Compiled for WebAssembly only.
    ("wgpu-airlock", "Queue::copy_external_image_to_texture"),
    ("wgpu-airlock", "BufferMappedRange::as_uint8array"),
];

/// Absent methods whose bodies do not show it.
const ABSENT_OTHERWISE: [&str; 5] = [
    "Adapter::is_surface_supported",
    "BufferMappedRange::as_uint8array",
    "Instance::create_surface",
    "Queue::copy_external_image_to_texture",
    "Surface::display_hdr_info",
];

/// Bodies that are the answer of an absent feature.
const ABSENT_BODIES: [&str; 5] =
    ["", "None", "Vec::new()", "wgpu::InternalCounters::default()", "wgpu::PresentationTimestamp::INVALID_TIMESTAMP"];

/// Every place of both crates that can panic by a macro or method made for it, and why it does not on what a program can do
/// right.
const PANICS: [(&str, &str, &str); 14] = [
    ("wgpu/src/buffer.rs", "unreachable!(\"wgpu takes an unmapped buffer for a mapped one\")", "wgpu's own state"),
    ("wgpu/src/device.rs", "panic!(\"{object} is not of the wasi:webgpu backend\")", "wgpu panics, too"),
    ("wgpu/src/error.rs", "panic!(\"Mismatched pop_error_scope call", "wgpu panics, too"),
    ("wgpu/src/error.rs", "panic!(\"wgpu error: {error}\\n\")", "wgpu panics, too"),
    ("wgpu/src/shader.rs", "panic!(\"found `ShaderSource::Dummy`\")", "wgpu panics, too"),
    (
        "wgpu-airlock/src/buffer.rs",
        "unreachable!(\"wgpu takes an unmapped buffer for a mapped one\")",
        "wgpu's own state",
    ),
    (
        "wgpu-airlock/src/context.rs",
        "unreachable!(\"a key was used after its value was removed\")",
        "keys have one owner",
    ),
    (
        "wgpu-airlock/src/context.rs",
        "unreachable!(\"a key was used after its value was removed\")",
        "keys have one owner",
    ),
    (
        "wgpu-airlock/src/context.rs",
        "unreachable!(\"an object is used while it is dropped\")",
        "a drop has the only reference",
    ),
    ("wgpu-airlock/src/device.rs", "panic!(\"{mistake}\")", "scopes popped out of order: wgpu panics, too"),
    ("wgpu-airlock/src/device.rs", "panic!(\"{object} is not of the airlock backend\")", "wgpu panics, too"),
    ("wgpu-airlock/src/error.rs", "panic!(\"wgpu error: {error}\\n\")", "wgpu panics, too"),
    ("wgpu-airlock/src/instance.rs", "panic!(\"{error}\")", "wgpu does not call it, and it has no error to return"),
    ("wgpu-airlock/src/shader.rs", "panic!(\"found `ShaderSource::Dummy`\")", "wgpu panics, too"),
];

/// Ways to panic on purpose.
const WAYS: [&str; 9] = [
    "panic!(",
    "unreachable!(",
    "todo!(",
    "unimplemented!(",
    "assert!(",
    "assert_eq!(",
    "assert_ne!(",
    ".unwrap()",
    ".expect(",
];

fn guest_shim() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// wgpu's definition of the traits, of the version that this crate is built with.
fn dispatch() -> String {
    let cargo = std::env::var_os("CARGO").unwrap();
    let mut metadata = Command::new(cargo);
    metadata.args(["metadata", "--format-version=1", "--locked"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = metadata.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let json = String::from_utf8(output.stdout).unwrap();
    let manifests = json.split("\"manifest_path\":\"").skip(1).filter_map(|rest| rest.split('"').next());
    let folders: BTreeSet<&Path> = manifests.filter_map(|manifest| Path::new(manifest).parent()).collect();
    let is_wgpu = |folder: &&&Path| {
        let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.strip_prefix("wgpu-").is_some_and(|version| version.starts_with(|first: char| first.is_ascii_digit()))
    };
    let folders: Vec<_> = folders.iter().filter(is_wgpu).collect();
    assert_eq!(folders.len(), 1, "one wgpu: {folders:?}");
    fs::read_to_string(folders[0].join("src/dispatch.rs")).unwrap()
}

/// Version of wgpu in a lock file.
fn locked_version(lock: &Path) -> String {
    let lock = fs::read_to_string(lock).unwrap();
    let package = lock.split("[[package]]").find(|package| package.contains("\nname = \"wgpu\"\n")).unwrap();
    package.split('"').nth(3).unwrap().to_owned()
}

/// The name of the function that a line declares inside of a trait or implementation.
fn function(line: &str) -> Option<&str> {
    let declared = line.strip_prefix("    ")?;
    let declared = declared.strip_prefix("unsafe ").unwrap_or(declared).strip_prefix("fn ")?;
    declared.split(['(', '<']).next()
}

/// Methods by trait.
fn traits(dispatch: &str) -> BTreeMap<String, Vec<String>> {
    let mut traits = BTreeMap::new();
    let mut lines = dispatch.lines();
    while let Some(line) = lines.next() {
        let Some((name, rest)) = line.strip_prefix("pub trait ").and_then(|rest| rest.split_once("Interface:")) else {
            continue;
        };
        let body: &mut dyn Iterator<Item = &str> =
            if rest.ends_with("{}") { &mut std::iter::empty() } else { &mut lines };
        let methods = body.take_while(|line| *line != "}").filter_map(function).map(str::to_owned).collect();
        traits.insert(name.to_owned(), methods);
    }
    traits
}

/// A method of a crate's implementation of a trait.
struct Method {
    /// `Trait::method`
    name: String,
    file: String,
    body: String,
}

impl Method {
    /// Returns true if it answers as wgpu prescribes for an absent feature, whatever it is called with.
    fn is_absent(&self) -> bool {
        self.file.ends_with("absent.rs")
            || ["self.lacks(", "Absent::Features("].iter().any(|call| self.body.contains(call))
            || ABSENT_BODIES.contains(&self.body.trim())
    }
}

fn sources(folder: &Path) -> Vec<(String, String)> {
    let mut sources = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources.extend(self::sources(&path));
        } else {
            let name = path.strip_prefix(guest_shim()).unwrap().to_str().unwrap().to_owned();
            sources.push((name, fs::read_to_string(path).unwrap()));
        }
    }
    sources.sort();
    sources
}

/// The implementations of a crate: traits, and their methods.
fn implementations(krate: &str) -> (BTreeSet<String>, Vec<Method>) {
    let (mut traits, mut methods) = (BTreeSet::new(), Vec::new());
    for (file, source) in sources(&guest_shim().join(krate).join("src")) {
        let mut lines = source.lines();
        while let Some(line) = lines.next() {
            let Some((name, rest)) = line.strip_prefix("impl ").and_then(|rest| rest.split_once("Interface for "))
            else {
                continue;
            };
            traits.insert(name.to_owned());
            if rest.ends_with("{}") {
                continue;
            }
            while let Some(line) = lines.next().filter(|line| *line != "}") {
                let Some(method) = function(line) else { continue };
                let mut text = line.to_owned();
                let mut last = line;
                // One line, or until the closing brace.
                while !(last.starts_with("    }") || last == line && last.ends_with('}')) {
                    last = lines.next().unwrap();
                    text = text + "\n" + last;
                }
                let body = text.split_once('{').unwrap().1.rsplit_once('}').unwrap().0.to_owned();
                methods.push(Method { name: format!("{name}::{method}"), file: file.clone(), body });
            }
        }
    }
    (traits, methods)
}

/// The rows of the tables in `METHODS.md`, by the heading above them.
fn rows(page: &str, heading: &str) -> Vec<Vec<String>> {
    let section = page.split("\n## ").find(|section| section.starts_with(heading)).unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// Code spans of a cell.
fn names(cell: &str) -> impl Iterator<Item = String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned)
}

#[test]
fn every_method_is_implemented_or_listed_as_absent() {
    let traits = traits(&dispatch());
    let page = fs::read_to_string(guest_shim().join("wgpu/METHODS.md")).unwrap();
    let all: BTreeSet<String> = traits
        .iter()
        .flat_map(|(name, methods)| methods.iter().map(move |method| format!("{name}::{method}")))
        .collect();
    let count: usize = traits.values().map(Vec::len).sum();
    assert!(page.contains(&format!("has {} traits with {count} methods", traits.len())), "{} {count}", traits.len());

    let listed: BTreeSet<String> = rows(&page, "Absent").iter().flat_map(|row| names(&row[0])).collect();
    let unknown: Vec<_> = listed.difference(&all).collect();
    assert!(unknown.is_empty(), "the page lists methods that wgpu does not have: {unknown:?}");
    let in_page: BTreeMap<String, (usize, usize)> = rows(&page, "# The methods")
        .iter()
        .map(|row| (row[0].trim_matches('`').to_owned(), (row[1].parse().unwrap(), row[2].parse().unwrap())))
        .collect();
    let counted: BTreeMap<String, (usize, usize)> = traits
        .iter()
        .map(|(name, methods)| {
            let absent = listed.iter().filter(|method| method.split("::").next() == Some(name)).count();
            (name.clone(), (methods.len(), absent))
        })
        .collect();
    assert_eq!(in_page, counted, "numbers of methods, and of those absent");

    let mut shown = BTreeSet::from(ABSENT_OTHERWISE.map(str::to_owned));
    for krate in ["wgpu", "wgpu-airlock"] {
        let (implemented, methods) = implementations(krate);
        assert_eq!(implemented, traits.keys().cloned().collect(), "traits of {krate}");
        let names: BTreeSet<String> = methods.iter().map(|method| method.name.clone()).collect();
        let missing: Vec<_> = all.difference(&names).map(|name| (krate, name.as_str())).collect();
        let allowed: Vec<_> = NOT_IMPLEMENTED.into_iter().filter(|(of, _)| *of == krate).collect();
        assert_eq!(BTreeSet::from_iter(missing), BTreeSet::from_iter(allowed));
        for method in methods.iter().filter(|method| method.is_absent()) {
            assert!(listed.contains(&method.name), "{} in {} answers as absent", method.name, method.file);
            shown.insert(method.name.clone());
        }
    }
    let carried: Vec<_> = listed.difference(&shown).collect();
    assert!(carried.is_empty(), "the page lists methods as absent that do something: {carried:?}");
}

#[test]
fn every_panic_is_listed() {
    let mut listed: Vec<(&str, &str)> = PANICS.iter().map(|(file, text, _)| (*file, *text)).collect();
    for krate in ["wgpu", "wgpu-airlock"] {
        for (file, source) in sources(&guest_shim().join(krate).join("src")) {
            for line in source.lines().filter(|line| !line.trim_start().starts_with("//")) {
                if !WAYS.iter().any(|way| line.contains(way)) {
                    continue;
                }
                let place = listed.iter().position(|(of, text)| *of == file && line.contains(text));
                let place = place.unwrap_or_else(|| panic!("{file} can panic: {}", line.trim()));
                listed.remove(place);
            }
        }
    }
    assert!(listed.is_empty(), "these do not panic any more: {listed:?}");
}

/// Both crates are read by the traits of one version.
#[test]
fn both_crates_have_the_same_wgpu() {
    let versions = ["wgpu", "wgpu-airlock"].map(|krate| locked_version(&guest_shim().join(krate).join("Cargo.lock")));
    assert_eq!(versions[0], versions[1]);
}
