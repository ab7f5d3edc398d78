//! Listening sockets, bound by the supervisor before it starts other processes.

use std::net::{SocketAddr, TcpListener};

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind as bind_socket, ipproto, listen, socket_with, sockopt};

use crate::error::CliError;

/// Minimum backlog of connections.
const MIN_BACKLOG: u32 = 128;

/// Binds a socket and listens. An address in use is an error.
pub fn bind(address: SocketAddr, backlog: u32) -> Result<TcpListener, CliError> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let make = || {
        let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, Some(ipproto::TCP))?;
        // Connections in TIME_WAIT must not delay a restart.
        sockopt::set_socket_reuseaddr(&socket, true)?;
        bind_socket(&socket, &address)?;
        listen(&socket, i32::try_from(backlog.max(MIN_BACKLOG)).unwrap_or(i32::MAX))?;
        rustix::io::Result::Ok(socket)
    };
    let socket = make().map_err(|cause| CliError::Listen { address: address.to_string(), cause: cause.into() })?;
    Ok(TcpListener::from(socket))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_bound_once() {
        let first = bind("127.0.0.1:0".parse().unwrap(), 0).unwrap();
        let error = bind(first.local_addr().unwrap(), 0).unwrap_err().to_string();
        assert!(
            error.starts_with("cannot listen on 127.0.0.1:") && error.ends_with("address already in use"),
            "{error}"
        );
    }
}
