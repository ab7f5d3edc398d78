//! `airlock new`: its files, and its errors.
#![allow(clippy::expect_used, clippy::panic, missing_docs)]

use std::{fs::read_to_string, path::Path, process::Command};

use airlock_tests::{
    programs::{airlock, root, run},
    scratch,
};

/// `airlock new` in `folder`, far from any checkout.
fn new(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = airlock(["new"]);
    command.args(arguments).current_dir(folder).env_remove("AIRLOCK_WGPU_WASI");
    command
}

#[test]
fn a_project_of_each_template() {
    let folder = scratch();
    let wgpu_wasi = root().join("guest-shim/wgpu");
    let wgpu_wasi = wgpu_wasi.to_str().expect("a path that is UTF-8");
    for template in ["compute", "render"] {
        let name = format!("my-{template}");
        let arguments = [name.as_str(), "--template", template, "--wgpu-wasi", wgpu_wasi];
        let outcome = run(new(folder.path(), &arguments)).succeeded();
        assert!(outcome.stdout.contains("cargo build --release"), "{outcome}");
        let project = folder.path().join(&name);
        let read = |file: &str| read_to_string(project.join(file)).expect("a file of the project");
        let example = root().join(format!("guest-shim/wgpu/examples/{template}.rs"));
        assert_eq!(read("src/main.rs"), read_to_string(example).expect("the example"));
        let manifest = read("Cargo.toml");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{manifest}");
        assert!(manifest.contains(wgpu_wasi), "{manifest}");
        assert!(read(".cargo/config.toml").contains("wasm32-wasip2"));
        // Existing files are never overwritten.
        run(new(folder.path(), &arguments)).refused(&[&name, "exists"]);
    }
}

#[test]
fn the_crate_is_found_from_a_checkout() {
    let folder = scratch();
    let path = folder.path().join("found");
    let name = path.to_str().expect("a path that is UTF-8");
    run(new(&root().join("tests/guests"), &[name])).succeeded();
    let manifest = read_to_string(path.join("Cargo.toml")).expect("a manifest");
    assert!(manifest.contains("guest-shim/wgpu\""), "{manifest}");
}

#[test]
fn mistakes() {
    let folder = scratch();
    run(new(folder.path(), &["app"])).refused(&["wgpu-wasi", "--wgpu-wasi"]);
    run(new(folder.path(), &["app", "--wgpu-wasi", "."])).refused(&["wgpu-wasi in ."]);
    run(new(folder.path(), &["2d"])).refused(&["2d", "starts with a letter"]);
    assert!(!folder.path().join("app").exists(), "nothing is written for a mistake");
}
