//! Admission. Tests with other users run only as root; the rules themselves have unit tests.

use std::{
    os::unix::net::UnixStream,
    process::{Command, Stdio},
};

use airlock_protocol::{
    Event,
    codec::decode_event,
    connect::{self, Link},
    handshake::Hello,
};
use rustix::process::{Signal, getegid, geteuid};

use crate::server::{Server, as_user, is_root, kill, until, value};

/// An unused user and group.
const STRANGER: u32 = 54_321;
const GROUP: u32 = 54_322;

fn refused(line: &str) -> String {
    Hello::check(line).unwrap_err().to_string()
}

#[test]
fn clients_beyond_the_bound_are_refused() {
    let server = Server::start("bound", &["--max-sessions", "1"]);
    let (first, line) = server.connect();
    assert!(Hello::check(&line).is_ok());
    assert!(refused(&server.connect().1).contains("1 sessions are running already"));
    assert!(server.metric("airlock_sessions_refused_total{reason=\"sessions\"}") >= 1.0);
    drop(first);
    until("the place is not free again", || Hello::check(&server.connect().1).is_ok());
}

#[test]
fn unlisted_users_are_refused() {
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    for (number, allowed, list) in [
        (0, false, format!("--allow-uid={STRANGER}")),
        (1, false, format!("--allow-gid={GROUP}")),
        (2, true, format!("--allow-uid={uid}")),
        (3, true, format!("--allow-gid={gid}")),
    ] {
        let server = Server::start(&format!("list-{number}"), &[&list]);
        let (_connection, line) = server.connect();
        assert_eq!(Hello::check(&line).is_ok(), allowed, "{list}: {line}");
        let refusals = f64::from(u8::from(!allowed));
        assert_eq!(server.metric("airlock_sessions_refused_total{reason=\"user\"}"), refusals);
        if !allowed {
            assert!(refused(&line).contains(&format!("user {uid} may not use this GPU daemon")), "{line}");
            assert!(server.workers().is_empty());
            server.logged(|line| line.contains("session refused") && line.contains("reason=\"user\""));
        }
    }
}

#[test]
fn a_stranger_is_refused_and_supplementary_groups_of_the_process_count() {
    if !is_root() {
        return;
    }
    let server = Server::start("strangers", &["--socket-mode=0666"]);
    assert!(refused(&server.connect_as(STRANGER, STRANGER, &[]).1).contains("may not use"));

    let server = Server::start("groups", &["--socket-mode=0666", &format!("--allow-gid={GROUP}")]);
    // More groups than the first attempt reads.
    let many: Vec<u32> = (100_000..100_200).chain([GROUP]).collect();
    for (gid, groups, allowed) in [
        (STRANGER, &[][..], false),
        (STRANGER, &[STRANGER, 1][..], false),
        (GROUP, &[][..], true),
        (STRANGER, &[STRANGER, GROUP][..], true),
        (STRANGER, &many[..], true),
    ] {
        let (_connection, line) = server.connect_as(STRANGER, gid, groups);
        assert_eq!(Hello::check(&line).is_ok(), allowed, "{gid} {groups:?}: {line}");
    }
}

#[test]
fn each_user_has_a_bound_of_its_own() {
    let other = format!("--allow-uid={STRANGER}");
    let own = format!("--allow-uid={}", geteuid().as_raw());
    let server = Server::start("per-user", &["--max-sessions-per-user=1", "--socket-mode=0666", &own, &other]);
    let (first, line) = server.connect();
    assert!(Hello::check(&line).is_ok());
    assert!(refused(&server.connect().1).contains("has 1 sessions already"));
    if is_root() {
        let (_connection, line) = server.connect_as(STRANGER, STRANGER, &[]);
        assert!(Hello::check(&line).is_ok(), "{line}");
        assert!(refused(&server.connect_as(STRANGER, STRANGER, &[]).1).contains("has 1 sessions already"));
    }
    drop(first);
    until("the place is not free again", || Hello::check(&server.connect().1).is_ok());
}

/// End to end: nothing of a worker's that its client needs is in folders of the server's user.
#[test]
fn another_user_gets_a_session() {
    if !is_root() {
        return;
    }
    let server = Server::start("foreign", &["--socket-mode=0666", &format!("--allow-uid={STRANGER}")]);
    let socket = server.socket.clone();
    let open = move || {
        let link = Link::from(UnixStream::connect(socket).map_err(|error| error.to_string())?);
        let channels = connect::open(&link, "of the test").map_err(|error| error.to_string())?;
        let event = channels.events.recv().map_err(|_| "it ends".to_owned())?;
        decode_event(&event).map(|event| event == Event::Welcome).map_err(|error| error.to_string())
    };
    assert_eq!(as_user(STRANGER, STRANGER, &[], open), Ok(true));
}

/// A server on a machine with a GPU node, simulated by a /dev of its own; the node is a memory device, which no driver
/// recognises as a GPU.
fn with_a_gpu(name: &str, arguments: &[&str]) -> Server {
    let script = r#"
        set -e
        mount -t tmpfs none "$1"
        mkdir "$1/dri"
        for node in null zero urandom random; do touch "$1/$node"; mount --bind "/dev/$node" "$1/$node"; done
        touch "$1/dri/renderD128"
        mount --bind /dev/zero "$1/dri/renderD128"
        mount --rbind "$1" /dev
        shift
        exec "$@"
    "#;
    let folder = Server::folder(name);
    let dev = folder.join("dev");
    std::fs::create_dir(&dev).unwrap();
    let serve = Server::command(&folder.join("socket"), arguments);
    let mut command = Command::new("unshare");
    // Root needs no user namespace for it, in which other users would have no names.
    command.args(if is_root() { &["--mount"][..] } else { &["--user", "--map-current-user", "--mount"] });
    command.args(["sh", "-c", script, "sh"]).arg(&dev).arg(serve.get_program()).args(serve.get_args());
    command.arg(format!("--metrics=unix:{}", folder.join("metrics").display()));
    command.stdin(Stdio::null()).stderr(Stdio::piped());
    let server = Server::run(command, folder);
    server.logged(|line| line.contains("serving"));
    server
}

/// Without a GPU no crash can reset one, and a killed worker has not crashed.
#[test]
fn ends_that_reset_no_gpu_are_counted_without_refusals() {
    for (name, server, signal) in [
        ("SIGABRT", Server::start("aborts", &["--crash-limit=1", "--start-drivers"]), Signal::ABORT),
        ("SIGKILL", with_a_gpu("kills", &["--crash-limit=1", "--start-drivers"]), Signal::KILL),
    ] {
        if name == "SIGABRT" && std::fs::read_dir("/dev/dri").is_ok() {
            continue;
        }
        for round in 1..=7 {
            let (_connection, worker) = server.session();
            kill(worker, signal);
            let counted = format!("airlock_worker_crashes_total{{signal=\"{name}\"}} {round}");
            until("the end is not counted", || server.scrape().contains(&counted));
        }
        assert!(Hello::check(&server.connect().1).is_ok(), "{name}");
    }
}

#[test]
fn a_user_whose_workers_crash_a_gpu_waits_and_others_do_not() {
    let other = format!("--allow-uid={STRANGER}");
    let own = format!("--allow-uid={}", geteuid().as_raw());
    let server = with_a_gpu("crashes", &["--crash-limit=2", "--socket-mode=0666", "--start-drivers", &own, &other]);
    for _ in 0..2 {
        let (_connection, worker) = server.session();
        // A signal for which Rust installs no handler, unlike SIGSEGV.
        kill(worker, Signal::ABORT);
        until("the worker is there", || server.workers().is_empty());
    }
    until("the crashes are not counted", || server.metric("airlock_sessions") == 0.0);
    let said = refused(&server.connect().1);
    assert!(said.contains("crashed too often; try again in 1 seconds"), "{said}");
    if is_root() {
        let (_connection, line) = server.connect_as(STRANGER, STRANGER, &[]);
        assert!(Hello::check(&line).is_ok(), "{line}");
    }
    let text = server.scrape();
    assert_eq!(value(&text, "airlock_worker_crashes_total{signal=\"SIGABRT\"}"), 2.0);
    assert_eq!(value(&text, "airlock_sessions_refused_total{reason=\"crashes\"}"), 1.0);
    // Attempts during the pause do not extend it.
    until("the user waits for ever", || {
        let (_connection, line) = server.connect();
        let is_in = Hello::check(&line).is_ok();
        assert!(is_in || refused(&line).contains("try again in 1 seconds"), "{line}");
        is_in
    });
}
