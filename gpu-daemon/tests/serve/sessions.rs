//! A client's session, and the server's socket.

use std::{
    fs,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
};

use airlock_protocol::{
    Event,
    codec::decode_event,
    connect::{self, Link},
    handshake::Hello,
};
use rustix::process::getegid;

use crate::server::{Server, until};

#[test]
fn a_client_gets_a_worker_that_ends_with_its_connection() {
    let server = Server::start("session", &[]);
    let connection = Link::from(UnixStream::connect(&server.socket).unwrap());
    let channels = connect::open(&connection, "of the test").unwrap();
    let welcome = channels.events.recv().unwrap();
    assert_eq!(decode_event(&welcome).unwrap(), Event::Welcome);
    assert_eq!(server.workers().len(), 1);
    drop(connection);
    until("the worker outlives its connection", || server.workers().is_empty());
}

#[test]
fn a_live_socket_is_left_alone_and_a_stale_one_replaced() {
    let server = Server::start("live", &[]);
    let output = Server::command(&server.socket, &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("is already served by another process") && said.lines().count() == 1, "{said}");
    assert!(Hello::check(&server.connect().1).is_ok());

    let folder = Server::folder("stale");
    drop(UnixListener::bind(folder.join("socket")).unwrap());
    let server = Server::start_in(folder, &[]);
    assert!(Hello::check(&server.connect().1).is_ok());

    let folder = Server::folder("file");
    let socket = folder.join("socket");
    fs::write(&socket, "mine").unwrap();
    let output = Server::command(&socket, &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(fs::read_to_string(&socket).unwrap(), "mine");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_socket_has_the_mode_and_group_that_it_is_given() {
    let server = Server::start("mode", &[]);
    let metadata = |server: &Server| fs::metadata(&server.socket).unwrap();
    assert_eq!(metadata(&server).permissions().mode() & 0o777, 0o660);
    // Every user may assign the process's own group to a file.
    let group = getegid().as_raw();
    let server = Server::start("group", &["--socket-mode=0606", &format!("--socket-group={group}")]);
    let metadata = metadata(&server);
    assert!(metadata.file_type().is_socket());
    assert_eq!((metadata.permissions().mode() & 0o777, metadata.gid()), (0o606, group));
}
