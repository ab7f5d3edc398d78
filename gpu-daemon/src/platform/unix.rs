//! Unix systems.
#![allow(unsafe_code)]

use std::{ffi::c_int, fmt, os::unix::net::UnixStream};

// SAFETY: this is POSIX's `_exit`, whose signature this is. It may be called at any time and does not return.
unsafe extern "C" {
    safe fn _exit(status: c_int) -> !;
}

/// Ends the process at once, without the exit handlers that `std::process::exit` runs: a GPU driver's handlers wait for
/// its threads, and would never be done when the GPU hangs.
pub fn quit(code: u8) -> ! {
    _exit(c_int::from(code))
}

/// Who is at the other end of a Unix connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct Peer {
    /// Its process, where the kernel says so.
    pub pid: Option<u32>,
    /// Its user, where the kernel says so.
    pub uid: Option<u32>,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.pid, self.uid) {
            (Some(pid), Some(uid)) => write!(f, "process {pid} of user {uid}"),
            (None, Some(uid)) => write!(f, "user {uid}"),
            (Some(pid), None) => write!(f, "process {pid}"),
            (None, None) => f.write_str("an unknown process"),
        }
    }
}

/// Asks the kernel who connected.
pub fn peer(connection: &UnixStream) -> Peer {
    #[cfg(target_os = "linux")]
    return super::linux::peer(connection);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = connection;
        Peer::default()
    }
}

/// True when standard input is the null device, which nobody holds open for anyone.
pub fn stdin_is_null() -> bool {
    let stat = |result: rustix::io::Result<rustix::fs::Stat>| result.map(|stat| (stat.st_mode, stat.st_rdev)).ok();
    let null = stat(rustix::fs::stat("/dev/null"));
    null.is_some() && stat(rustix::fs::fstat(std::io::stdin())) == null
}
