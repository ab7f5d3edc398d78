//! Which crate may know what: the host never links a driver, the daemon never links a Wasm runtime, and what both share
//! links neither.
#![allow(clippy::expect_used, clippy::panic, missing_docs)]

use std::process::Command;

use airlock_tests::programs::root;

/// A package and what must not be in its tree.
const FORBIDDEN: [(&str, &[&str]); 6] = [
    ("airlock-protocol", &["wasmtime", "wgpu", "wgpu-core", "wgpu-hal", "ash", "libloading", "khronos-egl"]),
    ("airlock-traces", &["wasmtime", "wgpu", "wgpu-core", "wgpu-hal", "ash", "libloading", "khronos-egl"]),
    ("airlock-client", &["wasmtime", "tokio", "wit-bindgen", "airlock", "airlock-traces", "wgpu-core", "ash", "clap"]),
    (
        "airlock",
        &[
            "wgpu-core",
            "ash",
            "libloading",
            "gpu-daemon",
            "airlock-traces",
            "clap",
            "rayon",
            "indicatif",
            "seccompiler",
        ],
    ),
    ("airlock-cli", &["wgpu", "wgpu-core", "wgpu-hal", "ash", "libloading", "khronos-egl", "gpu-daemon"]),
    ("gpu-daemon", &["wasmtime", "wasmtime-wasi", "airlock"]),
];

fn tree(package: &str) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges", "normal,build", "--prefix", "none", "--format", "{p}", "-p", package])
        .current_dir(root())
        .output()
        .expect("cargo tree runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn no_forbidden_edge() {
    for (package, forbidden) in FORBIDDEN {
        let tree = tree(package);
        assert!(tree.iter().any(|name| name == "serde"), "the tree of {package} was not read: {tree:?}");
        for name in forbidden {
            assert!(!tree.iter().any(|found| found == name), "{package} depends on {name}");
        }
    }
}

/// The client library is for anyone: of this repository it knows the protocol alone, and beside that no more than errors and
/// logging.
#[test]
fn the_client_depends_on_the_protocol_alone() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges", "normal,build", "--prefix", "none", "--format", "{p}", "--depth", "1"])
        .args(["-p", "airlock-client"])
        .current_dir(root())
        .output()
        .expect("cargo tree runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let names: Vec<_> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(names, ["airlock-client", "airlock-protocol", "thiserror", "tracing"]);
}

#[test]
fn the_search_finds_what_is_there() {
    assert!(tree("gpu-daemon").iter().any(|name| name == "wgpu-core"));
    assert!(tree("airlock").iter().any(|name| name == "wasmtime"));
    assert!(tree("airlock-cli").iter().any(|name| name == "clap"));
}
