//! Permitted dependencies of each crate: the host never links a driver, the daemon never links a Wasm runtime, and
//! their shared crates link neither.
#![allow(clippy::expect_used, clippy::panic, missing_docs)]

use std::{fs, process::Command};

use airlock_tests::programs::root;

/// A package and the packages that must not be in its tree.
const FORBIDDEN: [(&str, &[&str]); 8] = [
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
            "airlock-jail",
            "airlock-traces",
            "clap",
            "rayon",
            "indicatif",
            "seccompiler",
            "hyper",
            "prometheus",
            "wasmtime-wasi",
            "wasmtime-wasi-http",
        ],
    ),
    ("airlock-cli", &["wgpu", "wgpu-core", "wgpu-hal", "ash", "libloading", "khronos-egl", "gpu-daemon", "rustls"]),
    ("airlock-jail", &["wasmtime", "wgpu-core", "ash", "clap", "airlock-protocol", "airlock", "gpu-daemon"]),
    ("gpu-daemon", &["wasmtime", "wasmtime-wasi", "airlock", "tokio", "hyper", "tonic", "prost"]),
    ("airlock-device-plugin", &["wasmtime", "wgpu-core", "ash", "gpu-daemon", "airlock", "axum", "rustls"]),
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
        assert!(tree.len() > 1, "the tree of {package} was not read: {tree:?}");
        for name in forbidden {
            assert!(!tree.iter().any(|found| found == name), "{package} depends on {name}");
        }
    }
}

/// The client library depends on no other package of this repository than the protocol, and beside that only on error
/// types and logging.
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

/// The strings of a list in `deny.toml`.
fn denied(key: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join("deny.toml")).expect("deny.toml");
    let start = text.find(&format!("\n{key} = [")).unwrap_or_else(|| panic!("no {key} in deny.toml"));
    let list = text[start..].split_once('[').and_then(|(_, rest)| rest.split_once(']')).expect("a list").0;
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// True when a licence expression (SPDX) is satisfied by these. Only a few forms of it occur.
fn fits(expression: &str, allowed: &[String]) -> bool {
    let expression = expression.trim();
    if let Some((left, right)) = expression.rsplit_once(" AND ") {
        return fits(left, allowed) && fits(right, allowed);
    }
    let expression = expression.trim_start_matches('(').trim_end_matches(')');
    expression.split(" OR ").flat_map(|one| one.split('/')).any(|one| allowed.iter().any(|name| name == one.trim()))
}

/// Licences of the packages that are built here; sources of the whole lock file.
#[test]
fn every_dependency_has_a_licence_and_a_source_that_are_allowed() {
    let system = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--offline", "--format-version", "1", "--filter-platform", &system])
        .current_dir(root())
        .output()
        .expect("cargo metadata runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("its JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    assert!(packages.len() > 200, "{} packages", packages.len());
    let (licences, registries, banned) = (denied("allow"), denied("allow-registry"), denied("deny"));
    for package in packages {
        let text = |key: &str| package[key].as_str().unwrap_or_default();
        let name = text("name");
        assert!(fits(text("license"), &licences), "{name} has the licence {:?}", text("license"));
        assert!(!banned.iter().any(|ban| ban == name), "{name} is banned");
    }
    let lock = fs::read_to_string(root().join("Cargo.lock")).expect("the lock file");
    let sources: Vec<_> = lock.lines().filter_map(|line| line.strip_prefix("source = ")).collect();
    assert!(sources.len() > 300, "{} sources", sources.len());
    for source in sources {
        let known = |registry: &String| source.trim_matches('"') == format!("registry+{registry}");
        assert!(registries.iter().any(known), "a package comes from {source}");
    }
}

#[test]
fn licences_are_read_as_they_are_meant() {
    let allowed = ["MIT".to_owned(), "Zlib".to_owned()];
    for (expression, fit) in [
        ("MIT", true),
        ("GPL-3.0-only", false),
        ("GPL-3.0-only OR MIT", true),
        ("MIT AND GPL-3.0-only", false),
        ("(GPL-3.0-only OR Zlib) AND MIT", true),
        ("(MIT OR Zlib) AND GPL-3.0-only", false),
        ("Unlicense/MIT", true),
        ("", false),
    ] {
        assert_eq!(fits(expression, &allowed), fit, "{expression}");
    }
}
