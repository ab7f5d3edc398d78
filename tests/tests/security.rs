//! `SECURITY.md` names tests and files that exist.
#![allow(clippy::expect_used, clippy::panic, missing_docs)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use airlock_tests::programs::root;

/// Folders with Rust code.
const FOLDERS: [&str; 5] = ["gpu-daemon", "guest-shim", "protocol", "tests", "traces"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() && !entry.ends_with("target") && !entry.ends_with("node_modules") {
            sources(&entry, found);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            found.push(entry);
        }
    }
}

#[test]
fn each_test_and_file_that_it_names_exists() {
    let page = fs::read_to_string(root().join("SECURITY.md")).expect("the page");
    let mut files = Vec::new();
    for folder in FOLDERS {
        sources(&root().join(folder), &mut files);
    }
    let functions: BTreeSet<_> = files
        .iter()
        .flat_map(|file| fs::read_to_string(file).expect("a file").lines().map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|line| Some(line.split_once("fn ")?.1.split(['(', '<']).next()?.to_owned()))
        .collect();
    // Every second piece is between two backquotes.
    let quoted: BTreeSet<_> = page.split('`').skip(1).step_by(2).collect();
    let is_test = |name: &str| name.contains('_') && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let tests: Vec<&str> = quoted.iter().copied().filter(|name| is_test(name)).collect();
    assert!(tests.len() > 20, "{tests:?}");
    // The kernel's, not a test's.
    let missing = tests.iter().find(|&&name| name != "pivot_root" && !functions.contains(name));
    assert_eq!(missing, None, "no such test");
    let paths: Vec<&str> = quoted.iter().copied().filter(|name| name.ends_with(".rs")).collect();
    assert!(paths.len() > 10, "{paths:?}");
    assert_eq!(paths.iter().find(|&&name| !files.iter().any(|file| file.ends_with(name))), None, "no such file");
}
