//! Channels between two processes on Linux: sequenced packet sockets with messages as ipc-channel lays them out ([`packets`]).
//!
//! Both ends come from one socket pair of the client's. The worker's ends cross as descriptors on the connection of the
//! hello line, each checked to be such a socket.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    sync::{Arc, Mutex},
};

use rustix::net::{
    AddressFamily, Shutdown, SocketFlags, SocketType, shutdown, socketpair,
    sockopt::{socket_domain, socket_type},
};

use super::{
    packets,
    received::{Awaited, Gone, ReceiveError, lock},
};
use crate::platform::descriptors;

/// Makes a channel and sends its other end on `link`.
pub(super) fn pair(link: impl AsFd) -> io::Result<OwnedFd> {
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    descriptors::send(link, theirs.as_fd())?;
    Ok(ours)
}

/// Checks the type of a socket that a peer sent: packets of any other would not be messages.
pub(super) fn check(socket: OwnedFd) -> io::Result<OwnedFd> {
    if socket_domain(&socket)? != AddressFamily::UNIX || socket_type(&socket)? != SocketType::SEQPACKET {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the descriptor is no sequenced packet socket"));
    }
    Ok(socket)
}

/// The sending end of a channel.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    socket: Arc<OwnedFd>,
    /// The longest packet of the socket, in bytes.
    longest: usize,
}

impl Sender {
    pub(super) fn new(socket: OwnedFd) -> Self {
        Self { longest: packets::longest(&socket), socket: Arc::new(socket) }
    }

    pub(super) fn send(&self, message: &[u8]) -> Result<(), Gone> {
        packets::send(&self.socket, self.longest, message)
    }

    /// Sends a message if the socket has room for it, and returns whether it had.
    pub(super) fn try_send(&self, message: &[u8]) -> Result<bool, Gone> {
        packets::try_send(&self.socket, self.longest, message)
    }

    /// Ends the channel: the receiver sees the end before this process ends.
    pub(super) fn close(&self) {
        close(&self.socket);
    }
}

/// The receiving end of a channel.
#[derive(Debug)]
pub(super) struct Receiver {
    socket: OwnedFd,
    inbox: Mutex<packets::Inbox>,
}

impl Receiver {
    pub(super) fn new(socket: OwnedFd) -> Self {
        Self { inbox: Mutex::new(packets::Inbox::of(&socket)), socket }
    }

    /// Receives a message of at most `max` bytes. Calls `begun` when it begins to arrive.
    pub(super) fn recv(&self, max: usize, begun: impl FnOnce()) -> Result<Vec<u8>, ReceiveError> {
        packets::receive(&self.socket, &mut lock(&self.inbox), true, max, begun)?.ok_or_else(|| Gone.into())
    }

    /// As [`Receiver::recv`] where a message has begun to arrive; `None` otherwise.
    pub(super) fn try_recv(&self, max: usize, begun: impl FnOnce()) -> Result<Option<Vec<u8>>, ReceiveError> {
        packets::receive(&self.socket, &mut lock(&self.inbox), false, max, begun)
    }

    /// See [`Sender::close`].
    pub(super) fn close(&self) {
        close(&self.socket);
    }
}

/// The receiving end of a channel whose waits another thread can end.
#[derive(Debug)]
pub(super) struct Interruptible {
    receiver: Receiver,
    interrupt: packets::Interrupt,
}

impl Interruptible {
    pub(super) fn new(receiver: Receiver) -> io::Result<Self> {
        Ok(Self { receiver, interrupt: packets::Interrupt::new()? })
    }

    pub(super) fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    /// Waits for a message to begin to arrive, or for [`Interruptible::interrupt`].
    pub(super) fn wait(&self) -> Result<Awaited, ReceiveError> {
        packets::wait_for_either(&self.receiver.socket, &self.interrupt)
    }

    /// Ends a wait of another thread, or the next wait.
    pub(super) fn interrupt(&self) {
        self.interrupt.ring();
    }

    /// Whether waits see messages arrive.
    pub(super) fn sees_arrivals(&self) -> bool {
        true
    }
}

fn close(socket: &OwnedFd) {
    // It fails where the channel has ended already.
    let _ = shutdown(socket, Shutdown::Both);
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn messages_cross_between_the_two_ends() {
        let (link, there) = UnixStream::pair().unwrap();
        let sender = Sender::new(pair(&link).unwrap());
        let received = descriptors::receive(&there, None).unwrap();
        let receiver = Receiver::new(check(received).unwrap());
        sender.send(b"one").unwrap();
        assert_eq!(receiver.recv(10, || {}).unwrap(), b"one");
        assert!(receiver.try_recv(10, || {}).unwrap().is_none());
        sender.close();
        assert!(matches!(receiver.recv(10, || {}), Err(ReceiveError::Gone(_))));
    }

    #[test]
    fn other_descriptors_are_no_channels() {
        let (stream, _) = UnixStream::pair().unwrap();
        let (datagrams, _) = socketpair(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None).unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        for descriptor in [OwnedFd::from(stream), datagrams, OwnedFd::from(file)] {
            assert!(check(descriptor).is_err());
        }
    }
}
