//! Unix systems.
#![allow(unsafe_code)]

use std::{
    ffi::c_int,
    fs::{self, Permissions},
    io,
    os::{
        fd::{FromRawFd, OwnedFd, RawFd},
        unix::fs::PermissionsExt,
    },
    path::Path,
};

// SAFETY: this is POSIX's `_exit`, whose signature this is. It may be called at any time and does not return.
unsafe extern "C" {
    safe fn _exit(status: c_int) -> !;
}

/// Ends the process at once, without the exit handlers that `std::process::exit` runs: a GPU driver's handlers wait for
/// its threads, and would never be done when the GPU hangs.
pub fn quit(code: u8) -> ! {
    _exit(c_int::from(code))
}

/// Has this process end with the one that started it. Only Linux can; elsewhere a worker ends with its client.
#[cfg(not(target_os = "linux"))]
pub fn end_with_parent(_: u32) -> std::io::Result<bool> {
    Ok(true)
}

/// True when standard input is a connection to somebody who holds it.
pub fn stdin_is_connection() -> bool {
    use rustix::net::{SocketType, sockopt::socket_type};
    socket_type(std::io::stdin()) == Ok(SocketType::STREAM)
}

/// Sends what is written to standard output from now on to standard error: drivers print, and the connection is not
/// theirs.
pub fn leave_stdout() -> io::Result<()> {
    Ok(rustix::stdio::dup2_stdout(io::stderr())?)
}

/// Waits for a connection on standard input, and puts it in the place of standard input and output. `false` when there
/// will be none.
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

/// Nobody hands connections over here.
#[cfg(not(target_os = "linux"))]
pub fn take_connection() -> io::Result<bool> {
    Ok(false)
}

/// Writes a last line to the connection that is standard input, and ends it in this direction, for all who hold it.
pub fn say_last(line: &str) {
    use rustix::net::{SendFlags, Shutdown, send, shutdown};
    let stdin = io::stdin();
    // It fails where the client is gone, who then needs no word. The line fits an empty socket's buffer.
    let _ = send(&stdin, line.as_bytes(), SendFlags::DONTWAIT);
    let _ = shutdown(&stdin, Shutdown::Write);
}

/// Folders cannot be looked at here.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
pub struct FolderWatch;

#[cfg(not(target_os = "linux"))]
impl FolderWatch {
    /// There is none.
    pub fn new(_: &std::path::Path) -> Option<Self> {
        None
    }

    /// Nothing can be said.
    pub fn wait(&self, _: &std::path::Path, _: &std::process::Child) -> bool {
        false
    }
}

/// A descriptor that the parent has given and named on the command line; `None` when there is none of this number.
pub fn inherited(number: RawFd) -> Option<OwnedFd> {
    if number <= 2 {
        return None;
    }
    // SAFETY: called once per number, before this process opens anything: whatever has the number was there when it
    // started, so nothing else in it owns the descriptor. A number that is free is found out by the call below, and the
    // value is forgotten instead of closed then.
    let descriptor = unsafe { OwnedFd::from_raw_fd(number) };
    match rustix::io::fcntl_getfd(&descriptor) {
        Ok(_) => Some(descriptor),
        Err(_) => {
            std::mem::forget(descriptor);
            None
        }
    }
}

/// Lets other users connect to a socket: its folder can be passed and not listed, so that its name must be known.
pub fn open_to_others(socket: &Path) -> io::Result<()> {
    if let Some(folder) = socket.parent() {
        fs::set_permissions(folder, Permissions::from_mode(0o711))?;
    }
    fs::set_permissions(socket, Permissions::from_mode(0o666))
}
