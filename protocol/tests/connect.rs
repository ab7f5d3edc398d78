//! Clients and workers that break their connection, with shell scripts as workers.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use std::{
    fs,
    io::Write,
    os::unix::{fs::PermissionsExt, net::UnixListener},
    path::PathBuf,
    sync::mpsc::RecvTimeoutError,
    thread,
    time::Duration,
};

use airlock_protocol::{
    connect::{ConnectError, Daemon},
    descriptors,
    handshake::{Hello, SCHEMA_HASH},
};

/// A shell script in place of a worker; it records its folder, process id and arguments.
struct Script {
    folder: tempfile::TempDir,
    daemon: Daemon,
}

impl Script {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("worker");
        let notes = folder.path().display();
        let text = format!(
            "#!/bin/sh\necho $TMPDIR >{notes}/tmpdir\necho $$ >{notes}/pid\necho \"$@\" >{notes}/arguments\n{text}\n"
        );
        fs::write(&program, text).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let arguments = vec!["--jail=off".to_owned()];
        Self { daemon: Daemon::Spawn { program, arguments }, folder }
    }

    fn note(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap().trim().to_owned()
    }

    fn fail(&self) -> ConnectError {
        let error = self.daemon.connect().unwrap_err();
        let private = PathBuf::from(self.note("tmpdir"));
        assert!(private.file_name().unwrap().to_str().unwrap().starts_with("airlock-worker-"));
        assert!(!private.exists(), "{} is left behind", private.display());
        assert!(!PathBuf::from(format!("/proc/{}", self.note("pid"))).exists(), "the worker runs on");
        error
    }
}

#[test]
fn a_worker_that_ends_before_its_line_is_explained() {
    let script = Script::new("exit 7");
    assert!(script.fail().to_string().contains("it ended with exit code 7"));
    assert_eq!(script.note("arguments"), "worker --jail=off");
    let said = Script::new("touch $TMPDIR/a; kill -9 $$").fail().to_string();
    assert!(said.contains("it was killed (signal 9, SIGKILL)"), "{said}");
}

#[test]
fn a_worker_that_does_not_fit_is_ended_and_its_folder_removed() {
    let hello = Hello::Ready { version: 0, schema: SCHEMA_HASH.to_owned(), server: None }.to_line();
    let script = Script::new(&format!("mkdir $TMPDIR/b; touch $TMPDIR/b/c; echo '{}'; exec sleep 60", hello.trim()));
    assert!(matches!(script.fail(), ConnectError::Hello { .. }));
    let foreign = Script::new("echo hello; exec sleep 60").fail();
    assert!(matches!(foreign, ConnectError::Hello { .. }), "{foreign}");
    let refused = Script::new("echo REFUSED for now; exec sleep 60").fail().to_string();
    assert!(refused.contains("for now"), "{refused}");
}

/// Connects to a daemon that sends a hello line and then `last`, after the client has sent its descriptors. With `hold`, the
/// daemon keeps the connection open until the client has returned its explanation, which is the result.
fn behind_a_socket(last: &'static [u8], hold: bool) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let hello = Hello::ready(None).to_line();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let daemon = thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        connection.write_all(hello.as_bytes()).unwrap();
        let _handed_over = [(); 3].map(|()| descriptors::receive(&connection, Some(Duration::from_secs(300))).unwrap());
        connection.write_all(last).unwrap();
        // Bounds the wait of a client that waits for the connection's end.
        !hold || released.recv_timeout(Duration::from_secs(300)) == Err(RecvTimeoutError::Disconnected)
    });
    let mut connection = Daemon::Socket(path).connect().unwrap();
    let said = connection.worker.explain();
    drop(release);
    assert!(daemon.join().unwrap(), "the end of the connection was waited for");
    said
}

#[test]
fn the_last_line_of_a_connection_says_how_a_worker_ended() {
    let gone = "the GPU worker is gone: it was killed (signal 9, SIGKILL)";
    assert_eq!(behind_a_socket(b"ENDED signal 9\n", false), gone);
    assert_eq!(behind_a_socket(b"printed by a driver\n\xff\nENDED signal 9\n", false), gone);
    let closed = "the GPU daemon closed the connection";
    for last in [&b""[..], b"ENDED", b"ENDED signal 9\nENDED you\n", b"ENDED exit code 0x7\n", &[b'x'; 20_000]] {
        assert_eq!(behind_a_socket(last, false), closed);
    }
    // The client does not wait for a line that never ends.
    assert_eq!(behind_a_socket(b"ENDED sig", true), closed);
}
