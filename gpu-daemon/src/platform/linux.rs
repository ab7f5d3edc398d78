//! Linux.

use std::os::unix::net::UnixStream;

use super::Peer;

/// Asks the kernel who connected: `SO_PEERCRED`.
pub fn peer(connection: &UnixStream) -> Peer {
    match rustix::net::sockopt::socket_peercred(connection) {
        Ok(credentials) => Peer {
            pid: u32::try_from(credentials.pid.as_raw_nonzero().get()).ok(),
            uid: Some(credentials.uid.as_raw()),
        },
        Err(_) => Peer::default(),
    }
}
