//! Unix systems: exit, standard streams, inherited descriptors, permissions.
#![allow(unsafe_code)]

use std::{
    ffi::c_int,
    io,
    os::fd::{FromRawFd, OwnedFd, RawFd},
};

// SAFETY: this is the signature of POSIX's `_exit`, which may be called at any time and does not return.
unsafe extern "C" {
    safe fn _exit(status: c_int) -> !;
}

/// Exits the process at once, without the exit handlers that `std::process::exit` runs: a GPU driver's handlers wait
/// for its threads, and would never return when the GPU hangs.
pub fn quit(code: u8) -> ! {
    _exit(c_int::from(code))
}

/// Does nothing outside Linux.
#[cfg(not(target_os = "linux"))]
pub fn sleep_precisely() -> std::io::Result<()> {
    Ok(())
}

/// Unsupported outside Linux: a worker exits with its client only.
#[cfg(not(target_os = "linux"))]
pub fn end_with_parent(_: u32) -> std::io::Result<bool> {
    Ok(true)
}

/// True when standard input is a stream socket.
pub fn stdin_is_connection() -> bool {
    use rustix::net::{SocketType, sockopt::socket_type};
    socket_type(std::io::stdin()) == Ok(SocketType::STREAM)
}

/// True when standard input is a socket of whole messages.
#[cfg(target_os = "linux")]
pub fn stdin_is_messages() -> bool {
    use rustix::net::{SocketType, sockopt::socket_type};
    socket_type(std::io::stdin()) == Ok(SocketType::SEQPACKET)
}

/// Redirects standard output to standard error: drivers print, and must not write to the connection.
pub fn leave_stdout() -> io::Result<()> {
    Ok(rustix::stdio::dup2_stdout(io::stderr())?)
}

/// Receives a connection on standard input and installs it as standard input and output. Returns `false` at the end of
/// input.
#[cfg(target_os = "linux")]
pub fn take_connection() -> io::Result<bool> {
    use airlock_protocol::descriptors::{DescriptorError, receive};
    let connection = match receive(io::stdin(), None) {
        Ok(connection) => connection,
        Err(DescriptorError::Ended) => return Ok(false),
        Err(error) => return Err(io::Error::other(error)),
    };
    rustix::stdio::dup2_stdin(&connection)?;
    rustix::stdio::dup2_stdout(&connection)?;
    Ok(stdin_is_connection())
}

/// Unsupported outside Linux: standby workers need descriptor passing.
#[cfg(not(target_os = "linux"))]
pub fn take_connection() -> io::Result<bool> {
    Ok(false)
}

/// Writes a last line to the connection on standard input and shuts it down for writing, for all holders of it.
pub fn say_last(line: &str) {
    use rustix::net::{SendFlags, Shutdown, send, shutdown};
    let stdin = io::stdin();
    // Fails only where the client is gone. The line fits an empty socket's buffer.
    let _ = send(&stdin, line.as_bytes(), SendFlags::DONTWAIT);
    let _ = shutdown(&stdin, Shutdown::Write);
}

/// Placeholder for inotify, which only Linux has.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
pub struct FolderWatch;

#[cfg(not(target_os = "linux"))]
impl FolderWatch {
    /// Returns `None`.
    pub fn new(_: &std::path::Path) -> Option<Self> {
        None
    }

    /// Returns `false`: unknown.
    pub fn wait(&self, _: &std::path::Path, _: rustix::process::Pid) -> bool {
        false
    }
}

/// Takes an inherited descriptor that the parent named on the command line; `None` when the number is not open.
pub fn inherited(number: RawFd) -> Option<OwnedFd> {
    if number <= 2 {
        return None;
    }
    // SAFETY: called once per number, before this process opens a descriptor: an open descriptor with the number was
    // inherited, so no other value owns it. The call below detects a number that is not open; the value is then forgotten
    // instead of closed.
    let descriptor = unsafe { OwnedFd::from_raw_fd(number) };
    match rustix::io::fcntl_getfd(&descriptor) {
        Ok(_) => Some(descriptor),
        Err(_) => {
            std::mem::forget(descriptor);
            None
        }
    }
}
