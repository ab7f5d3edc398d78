//! `airlock run` has given up unneeded rights before the guest runs.
#![cfg(target_os = "linux")]
#![allow(clippy::expect_used, clippy::panic, missing_docs)]

use std::{
    collections::BTreeSet,
    fs,
    process::{Command, Stdio},
};

use airlock_tests::{
    processes::{arguments, children, name, of_threads, open_files, runs, wait_until, worker_of},
    programs::{LIMIT, Running, Serve, airlock, guest, program, run},
    scratch,
};

fn long_run(options: &[&str]) -> Running {
    let mut command = airlock(["run"]);
    command.args(options).arg(guest("nbody")).args(["1024", "100000"]);
    Running::start(command)
}

#[test]
fn every_thread_of_the_host_is_confined_while_a_guest_runs() {
    let running = long_run(&["--jail=strict"]);
    // The guest's first line: by then it has an adapter and a device.
    running.prints("adapter: ");
    let all = |key: &str, value: &str| {
        let values = of_threads(running.id(), key);
        assert!(values.len() > 1, "{values:?}");
        assert!(values.iter().all(|found| found == value), "{key}: {values:?}");
    };
    all("NoNewPrivs", "1");
    all("Seccomp", "2");
    all("CapPrm", "0000000000000000");
    all("CapEff", "0000000000000000");
    // The broker starts workers for it; it has no other child.
    let children: Vec<_> = children(running.id()).into_iter().map(|id| (name(id), arguments(id))).collect();
    let [(name, arguments)] = children.as_slice() else { panic!("{children:?}") };
    assert_eq!((name.as_str(), arguments.get(1).map(String::as_str)), ("gpu-daemon", Some("broker")));
}

/// With a server's workers, its only child is the process that connects, which keeps nothing open but its end of the requests.
#[test]
fn a_host_has_one_child_that_connects_to_a_server() {
    let serve = Serve::start(&[]);
    let socket = serve.socket().to_str().expect("a printable path").to_owned();
    let running = long_run(&["--jail=strict", "--daemon", &socket]);
    running.prints("adapter: ");
    let children = children(running.id());
    let [connector] = children.as_slice() else { panic!("{children:?}") };
    let words = arguments(*connector);
    let [program, command] = [0, 1].map(|place| words.get(place).map(String::as_str));
    assert_eq!((program, command), (Some("airlock"), Some("connect")), "{words:?}");
    let environment = fs::read(format!("/proc/{connector}/environ")).expect("its environment");
    assert!(!String::from_utf8_lossy(&environment).contains("HOME="));
    let opened = open_files(*connector);
    let known = |name: &&String| !name.starts_with("socket:") && *name != "/dev/null";
    assert_eq!(opened.iter().find(known), None, "{opened:?}");
    assert!(opened.len() <= 3, "{opened:?}");
    let connector = *connector;
    drop(running);
    wait_until("end of the connector", LIMIT, || !runs(connector));
}

#[test]
fn a_worker_inherits_no_secret() {
    let mut command = airlock(["run"]);
    command.env("AIRLOCK_TEST_SECRET", "hush").arg(guest("nbody")).args(["1024", "100000"]);
    let running = Running::start(command);
    let worker = worker_of(running.id());
    let environment = fs::read(format!("/proc/{worker}/environ")).expect("its environment");
    let environment = String::from_utf8_lossy(&environment);
    assert!(environment.contains("MESA_SHADER_CACHE_DISABLE=true"), "{environment}");
    assert!(!environment.contains("SECRET") && !environment.contains("HOME="), "{environment}");
}

/// A machine has drivers for hardware that it lacks.
#[test]
fn drivers_that_have_no_gpu_to_find_are_not_loaded() {
    let Err(_) = fs::read_dir("/dev/dri") else { return };
    let mut command = airlock(["run", "--adapter", "llvmpipe"]);
    command.arg(guest("nbody")).args(["1024", "100000"]);
    let running = Running::start(command);
    // The loader has tried all drivers when the guest has a device.
    running.prints("adapter: ");
    let worker = worker_of(running.id());
    let loaded = fs::read_to_string(format!("/proc/{worker}/maps")).expect("its memory");
    let drivers: BTreeSet<_> = loaded.lines().filter_map(|line| line.split("/libvulkan_").nth(1)).collect();
    assert!(drivers.contains("lvp.so"), "{drivers:?}");
    assert!(!drivers.contains("radeon.so") && !drivers.contains("intel.so"), "{drivers:?}");
}

/// A machine with a GPU node, in a /dev of the test's own; the node leads to memory. Files that the host's self-test
/// could open before confinement must not open afterwards.
#[test]
fn a_gpu_node_is_out_of_the_hosts_reach() {
    let folder = scratch();
    let script = r#"
        set -e
        mount -t tmpfs none "$1"
        mkdir "$1/dri"
        for node in null zero urandom; do touch "$1/$node"; mount --bind "/dev/$node" "$1/$node"; done
        touch "$1/dri/renderD128"
        mount --bind /dev/zero "$1/dri/renderD128"
        mount --rbind "$1" /dev
        shift
        exec "$@"
    "#;
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]).arg(folder.path());
    command
        .arg(program("airlock"))
        .args(["run", "--jail=strict", "--adapter", "noop"])
        .arg(guest("draws"))
        .args(["1", "10"]);
    command.env("RUST_LOG", "debug").stdin(Stdio::null());
    // The guest's picture is not checked: the adapter executes nothing.
    let outcome = run(command);
    assert!(outcome.stdout.contains("adapter: noop"), "{outcome}");
    assert!(outcome.stderr.contains("/dev/dri/renderD128 is out of reach"), "{outcome}");
}

/// The worker's layers are part of strict mode; a kernel without one of them is easily simulated.
#[test]
fn strict_refuses_to_run_where_a_layer_of_the_workers_is_missing() {
    let script = r#"echo 0 >/proc/sys/user/max_user_namespaces && exec "$@""#;
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "sh", "-c", script, "sh"]);
    command.arg(program("airlock")).args(["run", "--jail=strict"]).arg(guest("collatz")).stdin(Stdio::null());
    let outcome = run(command);
    assert_eq!(outcome.code(), Some(2), "{outcome}");
    assert!(outcome.stderr.contains("the jail lacks a layer: user-namespace"), "{outcome}");
}

#[test]
fn a_guest_writes_into_its_folder_and_recordings_go_where_they_were_told() {
    let folder = scratch();
    let trace = folder.path().join("run.airtrace");
    let pictures = folder.path().join("pictures");
    fs::create_dir(&pictures).expect("a folder");
    let mut command = airlock(["run", "--jail=strict", "--record"]);
    command.arg(&trace).arg("--dir").arg(format!("{}::/out", pictures.display()));
    command.arg(guest("triangle")).arg("/out/triangle.png");
    run(command).succeeded();
    assert!(pictures.join("triangle.png").is_file());
    assert!(fs::metadata(&trace).expect("the trace").len() > 1000);
}
