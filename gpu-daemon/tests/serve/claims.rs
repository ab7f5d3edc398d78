//! Claims: a socket for each tenant, with its own quotas, for any user who can reach it.

use std::{
    fs,
    os::{
        fd::AsRawFd as _,
        unix::{fs::PermissionsExt as _, net::UnixStream},
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use airlock_protocol::{connect::Daemon, handshake::Hello};
use rustix::process::Signal;

use crate::server::{Server, as_user, first_line, is_root, until};

/// A user of a user namespace, without a rule.
const TENANT: u32 = 200_000;

fn start(name: &str, claims: &[&str]) -> (Server, PathBuf) {
    let folder = Server::folder(name);
    let parent = folder.join("claims");
    let mut arguments = vec![format!("--claims={}", parent.display())];
    arguments.extend(claims.iter().map(|claim| format!("--claim={claim}")));
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    (Server::start_in(folder, &arguments), parent)
}

fn connect(parent: &Path, claim: &str) -> (UnixStream, String) {
    first_line(UnixStream::connect(parent.join(claim).join("gpu.sock")).unwrap())
}

fn refused(line: &str) -> String {
    Hello::check(line).unwrap_err().to_string()
}

#[test]
fn sessions_are_counted_by_claim() {
    let (server, parent) = start("claims", &["a,max-sessions=1", "b"]);
    let (first, line) = connect(&parent, "a");
    assert!(Hello::check(&line).is_ok(), "{line}");
    assert!(refused(&connect(&parent, "a").1).contains("the claim a has 1 sessions already"));
    // Another tenant has its own number, and so has the common socket.
    let (_second, line) = connect(&parent, "b");
    assert!(Hello::check(&line).is_ok(), "{line}");
    let (_third, line) = server.connect();
    assert!(Hello::check(&line).is_ok(), "{line}");
    assert_eq!(server.metric("airlock_claim_sessions{claim=\"a\"}"), 1.0);
    assert_eq!(server.metric("airlock_claim_sessions{claim=\"b\"}"), 1.0);
    assert_eq!(server.metric("airlock_sessions"), 3.0);
    assert_eq!(server.metric("airlock_sessions_refused_total{reason=\"claim_sessions\"}"), 1.0);
    server.logged(|line| line.contains("session starts") && line.contains("claim=\"b\""));
    drop(first);
    until("the place is not free again", || Hello::check(&connect(&parent, "a").1).is_ok());
    assert_eq!(server.metric("airlock_claim_sessions{claim=\"b\"}"), 1.0);
}

/// A container sees the claim's folder only, and in it its socket only.
#[test]
fn all_that_a_client_needs_is_the_claim_s_socket() {
    let (_server, parent) = start("claim-folder", &["a"]);
    let files = || fs::read_dir(parent.join("a")).unwrap().count();
    assert_eq!(files(), 1);
    let (waiting, _) = connect(&parent, "a");
    assert_eq!(files(), 1);
    drop(waiting);
    let connection = Daemon::Socket(parent.join("a/gpu.sock")).connect().unwrap();
    assert_eq!(files(), 1);
    drop(connection);
}

/// A user without a rule has a session through the claim's folder, and none without it.
#[test]
fn whoever_has_the_folder_has_the_claim() {
    if !is_root() {
        eprintln!("skipped: this takes root");
        return;
    }
    let (server, parent) = start("claim-user", &["a,max-objects=77"]);
    let path = parent.join("a/gpu.sock");
    let refused_by_the_kernel = as_user(TENANT, TENANT, &[], move || UnixStream::connect(path).is_err());
    assert!(refused_by_the_kernel, "the folder of all claims is open");
    // As through a mount: the folder is reached without its parents.
    let folder = fs::File::open(parent.join("a")).unwrap();
    let through = PathBuf::from(format!("/proc/self/fd/{}/gpu.sock", folder.as_raw_fd()));
    let connection = as_user(TENANT, TENANT, &[], move || UnixStream::connect(through).unwrap());
    let (_connection, line) = first_line(connection);
    assert!(Hello::check(&line).is_ok(), "{line}");
    server.logged(|line| line.contains("session starts") && line.contains(&format!("uid={TENANT}")));
    // The worker has the claim's quota.
    let worker = server.workers()[0];
    let arguments = fs::read(format!("/proc/{worker}/cmdline")).unwrap();
    assert!(String::from_utf8_lossy(&arguments).contains("--max-objects=77"));
    // The common socket still admits by user.
    let socket = server.socket.clone();
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o666)).unwrap();
    let stranger = as_user(TENANT, TENANT, &[], move || UnixStream::connect(socket).unwrap());
    assert!(refused(&first_line(stranger).1).contains("may not use this GPU daemon"));
}

#[test]
fn claims_need_no_common_socket_and_their_sockets_go_with_the_server() {
    let folder = Server::folder("claims-only");
    let parent = folder.join("claims");
    let mut command = Command::new(env!("CARGO_BIN_EXE_gpu-daemon"));
    command.arg("serve").arg("--claims").arg(&parent).args(["--claim", "a", "--claim", "b"]).stderr(Stdio::piped());
    let mut server = Server::run(command, folder);
    server.logged(|line| line.contains("serving on") && line.contains("b/gpu.sock"));
    let (_connection, line) = connect(&parent, "b");
    assert!(Hello::check(&line).is_ok(), "{line}");
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code(), Some(0));
    assert!(!parent.join("a/gpu.sock").exists() && !parent.join("b/gpu.sock").exists());
    assert!(parent.join("a").is_dir(), "a container's mount would point to nothing");
}

#[test]
fn a_cdi_file_names_the_claims() {
    let (_server, parent) = start("claim-cdi", &["a", "b"]);
    let cdi = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gpu-daemon"));
        command.arg("cdi").arg("--claims").arg(&parent).args(arguments);
        command.output().unwrap()
    };
    let output = cdi(&[]);
    assert!(output.status.success());
    let spec: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let variable = spec["devices"][0]["containerEdits"]["env"][0].as_str().unwrap();
    let socket = variable.strip_prefix("AIRLOCK_DAEMON=").unwrap();
    assert!(Hello::check(&first_line(UnixStream::connect(socket).unwrap()).1).is_ok());
    let missing = cdi(&["--claim", "c"]);
    assert_eq!(missing.status.code(), Some(2));
    let text = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(text.lines().count() == 1 && text.contains("there is no claim c in") && text.contains("a, b"), "{text}");
}
