//! The driver is loaded in the worker's process, and only there.
#![allow(clippy::expect_used, clippy::panic, missing_docs)]

use std::process::Command;

use airlock_tests::{
    processes::{mapped_files, wait_for, while_running, worker_of},
    programs::{LIMIT, Running, airlock, guest, program},
};

/// Parts of file names of Vulkan, GL and Mesa libraries.
const DRIVERS: [&str; 9] = ["vulkan", "libGL", "libEGL", "libgallium", "lvp", "swrast", "mesa", "nvidia", "libdrm"];

fn drivers(files: &[String]) -> Vec<&String> {
    files.iter().filter(|file| DRIVERS.iter().any(|part| file.contains(part))).collect()
}

#[test]
fn the_host_maps_no_driver_while_scene_runs() {
    let mut command = airlock(["run"]);
    command.arg(guest("scene"));
    let running = Running::start(command);
    let worker = worker_of(running.id());
    // Once the worker has its driver the guest is past its request for an adapter.
    let worker_files = wait_for("driver in the worker", LIMIT, || {
        let files = mapped_files(worker);
        (!drivers(&files).is_empty()).then_some(files)
    });
    assert!(!worker_files.iter().any(|file| file.contains("wasmtime")), "{worker_files:?}");
    // A process that ends has no files any more.
    let mut looks = 0;
    while_running(running.id(), || {
        let files = mapped_files(running.id());
        assert_eq!(drivers(&files), Vec::<&String>::new());
        looks += usize::from(files.iter().any(|file| file.ends_with("/airlock")));
    });
    assert!(looks > 0, "the host was not looked at");
    running.finish().succeeded();
}

#[test]
fn the_programs_are_linked_to_no_driver() {
    for name in ["airlock", "gpu-daemon"] {
        let output = Command::new("ldd").arg(program(name)).output().expect("ldd runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("libc.so"), "ldd says nothing of {name}: {text}");
        let libraries: Vec<_> = text.lines().map(str::to_owned).collect();
        assert_eq!(drivers(&libraries), Vec::<&String>::new(), "{name}");
    }
}
