//! The guests in JavaScript: their pictures and files.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use airlock_tests::{
    pictures::Picture,
    processes::{peak_memory, while_running, workers_of},
    programs::{Running, airlock, root},
    scratch,
};

use super::{run_in, script};

/// Maximum peak memory of a script of 400 000 objects, of its host and its GPU process each, in bytes. They take a
/// third of it; if the objects stayed, they would take several times as much.
const CHURN: u64 = 96 << 20;

/// Runs a guest, and compares its picture with the one that the repository has.
#[track_caller]
fn draws(name: &str, folder: &Path, guest: &Path) -> Picture {
    run_in(folder, &[], guest, &[]).succeeded();
    let picture = Picture::read(&folder.join(name));
    picture.is_alike(&Picture::read(&script("expected").join(name)));
    picture
}

#[test]
fn triangle() {
    let folder = scratch();
    assert!(draws("triangle.png", folder.path(), &script("triangle.js")).colours() > 500);
}

/// Textured, lit, with depth and four samples, in plain JavaScript.
#[test]
fn scene() {
    let folder = scratch();
    assert!(draws("scene.png", folder.path(), &script("scene.js")).colours() > 500);
}

#[test]
fn image() {
    let folder = scratch();
    draws("filtered.png", folder.path(), &script("image.js"));
    // Its own result is its next input.
    run_in(folder.path(), &[], &script("image.js"), &["file:///out/filtered.png"]).succeeded();
}

/// A folder with `node_modules`: the one in `AIRLOCK_NPM`, or that of the guests. `guest-shim/js/npm.sh` fills it.
fn packages() -> Option<PathBuf> {
    let folder = env::var_os("AIRLOCK_NPM").map_or_else(|| root().join("tests/guests/js"), PathBuf::from);
    let found = folder.join("node_modules/@jax-js/jax/package.json").is_file();
    if !found {
        eprintln!(
            "skipped: no packages in {}/node_modules; guest-shim/js/npm.sh FOLDER fetches them",
            folder.display()
        );
    }
    found.then_some(folder)
}

/// A folder with a guest and its imported packages: the runtime searches for `node_modules` from the guest's folder
/// upwards.
fn with_packages(guest: &str, names: &[&str]) -> Option<(tempfile::TempDir, PathBuf)> {
    let packages = packages()?;
    let folder = scratch();
    let copied = folder.path().join(guest);
    fs::copy(script(guest), &copied).expect("the guest");
    for name in names {
        copy(&packages.join("node_modules").join(name), &folder.path().join("node_modules").join(name));
    }
    Some((folder, copied))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").map(|entry| entry.expect("an entry")) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        // Examples are most of three.js, and are not imported.
        if from.is_dir() && entry.file_name() != "examples" {
            copy(&from, &to);
        } else if from.is_file() {
            fs::copy(&from, &to).expect("a file");
        }
    }
}

/// `wgpu-matrix` and `webgpu-utils`, unmodified from npm.
#[test]
fn matrices_and_shapes_from_packages() {
    let Some((folder, guest)) = with_packages("packages.js", &["wgpu-matrix", "webgpu-utils"]) else { return };
    assert!(draws("packages.png", folder.path(), &guest).colours() > 500);
}

/// `three`, unmodified from npm, with its WebGPU renderer.
#[test]
fn three() {
    let Some((folder, guest)) = with_packages("three.js", &["three"]) else { return };
    assert!(draws("three.png", folder.path(), &guest).colours() > 500);
}

/// `@jax-js/jax`, unmodified from npm: trains a network, with the package's gradients and kernels.
#[test]
fn learning() {
    let Some((folder, guest)) = with_packages("learn.js", &["@jax-js/jax"]) else { return };
    let outcome = run_in(folder.path(), &[], &guest, &[]).succeeded();
    assert!(outcome.stdout.starts_with("jax-js: XOR is 0 1 1 0, "), "{outcome}");
}

/// 100 000 unreachable buffers, bind groups and views, in each of two shapes: freed at once, and in cycles. The host
/// limits a guest to fewer handles than that, and neither process grows with them.
#[test]
fn objects_that_are_not_reachable_are_dropped() {
    let mut command = airlock(["run", "--adapter", "noop"]);
    command.arg(script("churn.js"));
    let running = Running::start(command);
    let (mut host, mut worker) = (0, 0);
    while_running(running.id(), || {
        host = host.max(peak_memory(running.id()).unwrap_or(0));
        worker = workers_of(running.id()).into_iter().filter_map(peak_memory).fold(worker, u64::max);
    });
    let outcome = running.finish().succeeded();
    assert!(outcome.stdout.contains("100000 buffers in cycles"), "{outcome}");
    assert!(host > 0 && worker > 0, "nothing was measured: {host} and {worker} bytes");
    assert!(host < CHURN && worker < CHURN, "the host took {host} bytes, its GPU process {worker}: {outcome}");
}
