//! The jail from outside: the kernel's view of a live worker, the report of `gpu-daemon jail`, and the worker's
//! behavior where a layer is missing.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::{
    fs,
    io::{BufRead, BufReader},
    os::{fd::OwnedFd, unix::net::UnixStream},
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;

const LAYERS: [&str; 12] = [
    "descriptors",
    "standard-streams",
    "user-namespace",
    "network-namespace",
    "no-new-privileges",
    "minimal-root",
    "capabilities",
    "limits",
    "landlock-files",
    "landlock-tcp",
    "landlock-scope",
    "seccomp",
];

fn daemon() -> Command {
    Command::new(env!("CARGO_BIN_EXE_gpu-daemon"))
}

fn jail(arguments: &[&str]) -> Output {
    daemon().arg("jail").args(arguments).output().unwrap()
}

fn layers(output: &Output) -> Vec<(String, bool, String)> {
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let layers = report["layers"].as_array().unwrap().iter();
    layers
        .map(|layer| {
            let text = |key: &str| layer[key].as_str().unwrap_or_default().to_owned();
            (text("layer"), layer["holds"].as_bool().unwrap(), text("why"))
        })
        .collect()
}

/// Starts a worker that waits for its client; returns it with the connection.
struct Worker {
    process: Child,
    connection: Option<UnixStream>,
}

impl Worker {
    fn start(arguments: &[&str]) -> Self {
        let mut command = daemon();
        command.arg("worker").args(arguments);
        Self::of(command)
    }

    fn of(mut command: Command) -> Self {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let theirs = OwnedFd::from(theirs);
        command.stdin(Stdio::from(theirs.try_clone().unwrap())).stdout(Stdio::from(theirs));
        let process = command.stderr(Stdio::piped()).spawn().unwrap();
        drop(command);
        let mut line = String::new();
        BufReader::new(&ours).read_line(&mut line).unwrap();
        assert!(line.starts_with("AIRLOCK "), "{line:?}");
        Self { process, connection: Some(ours) }
    }

    fn status(&self, key: &str) -> Vec<String> {
        let mut values = Vec::new();
        // All threads: a layer must cover each.
        for thread in fs::read_dir(format!("/proc/{}/task", self.process.id())).unwrap() {
            let status = fs::read_to_string(thread.unwrap().path().join("status")).unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
            values.push(line.trim_start_matches(':').trim().to_owned());
        }
        values
    }

    fn namespace(&self, name: &str) -> std::path::PathBuf {
        fs::read_link(format!("/proc/{}/ns/{name}", self.process.id())).unwrap()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.connection.take());
        let _ = self.process.wait();
    }
}

/// Each layer is tested by an operation that it forbids, before the next is applied; on a kernel that lacks a layer
/// this test fails and names it.
#[test]
fn every_layer_holds() {
    let output = jail(&["--json"]);
    let missing: Vec<_> = layers(&output).into_iter().filter(|(_, holds, _)| !holds).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert_eq!(layers(&output).into_iter().map(|(layer, ..)| layer).collect::<Vec<_>>(), LAYERS);
    assert_eq!(output.status.code(), Some(0));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(!report["drivers"].as_array().unwrap().is_empty(), "{report}");
    assert_eq!(report["shader-cache"]["holds"], true, "{report}");
}

#[test]
fn without_a_shader_cache_every_layer_holds_too() {
    let output = jail(&["--json", "--no-shader-cache", "--jail=strict"]);
    assert_eq!(output.status.code(), Some(0));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report["shader-cache"].is_null(), "{report}");
}

#[test]
fn the_kernel_says_that_a_worker_is_jailed_before_it_has_a_client() {
    let worker = Worker::start(&["--jail=strict"]);
    for key in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert!(worker.status(key).iter().all(|set| set == "0000000000000000"), "{key}: {:?}", worker.status(key));
    }
    assert!(worker.status("NoNewPrivs").iter().all(|bit| bit == "1"));
    assert!(worker.status("Seccomp").iter().all(|mode| mode == "2"));
    for name in ["user", "net", "ipc", "mnt"] {
        assert_ne!(worker.namespace(name), fs::read_link(format!("/proc/self/ns/{name}")).unwrap(), "{name}");
    }
    let limits = fs::read_to_string(format!("/proc/{}/limits", worker.process.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
}

#[test]
fn inherited_descriptors_are_closed() {
    // A shell passes on every descriptor.
    let script = r#"exec 7</etc/hostname 9>/dev/null; exec "$0" worker --jail=strict"#;
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_gpu-daemon")]);
    let worker = Worker::of(command);
    for entry in fs::read_dir(format!("/proc/{}/fd", worker.process.id())).unwrap() {
        let target = fs::read_link(entry.unwrap().path()).unwrap();
        assert!(!target.starts_with("/etc") && !target.ends_with("null"), "{}", target.display());
    }
}

/// Runs in a user namespace that allows no further ones, as on a kernel without them.
fn without_user_namespaces(arguments: &str) -> Output {
    let script = format!(r#"echo 0 >/proc/sys/user/max_user_namespaces && exec "$0" {arguments}"#);
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "sh", "-c", &script, env!("CARGO_BIN_EXE_gpu-daemon")]);
    let (_ours, theirs) = UnixStream::pair().unwrap();
    command.stdin(Stdio::from(OwnedFd::from(theirs))).output().unwrap()
}

#[test]
fn strict_refuses_to_start_without_a_layer() {
    let output = without_user_namespaces("worker --jail=strict");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(output.stdout.is_empty(), "it says hello all the same");
    assert!(said.contains("the jail lacks a layer: user-namespace"), "{said}");
    assert!(said.contains("--jail=best-effort"), "{said}");
}

#[test]
fn best_effort_goes_on_without_a_layer_and_says_so() {
    let output = without_user_namespaces("jail --jail=best-effort --json");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("the jail lacks user-namespace"), "{said}");
    assert_eq!(output.status.code(), Some(1), "{said}");
    let missing: Vec<_> = layers(&output).into_iter().filter(|(_, holds, _)| !holds).map(|(layer, ..)| layer).collect();
    assert_eq!(missing, ["user-namespace"]);
}

#[test]
fn off_is_off() {
    let worker = Worker::start(&["--jail=off"]);
    assert!(worker.status("Seccomp").iter().all(|mode| mode == "0"));
    assert_eq!(worker.namespace("net"), fs::read_link("/proc/self/ns/net").unwrap());
    let output = jail(&["--jail=off"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("seccomp            missing: the jail is off"));
}
