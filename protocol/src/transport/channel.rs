//! Channels between two processes: packets of our own in the sockets of ipc-channel's ends on Linux, and ipc-channel's own
//! messages elsewhere.

use std::sync::Mutex;
#[cfg(target_os = "linux")]
use std::{os::fd::OwnedFd, sync::Arc};

use ipc_channel::ipc::{IpcBytesReceiver, IpcBytesSender};

use super::received::{Awaited, Gone, ReceiveError, lock};
#[cfg(target_os = "linux")]
use super::{packets, waiting};

/// The sending end of a channel.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    sender: IpcBytesSender,
    /// With the longest packet that it takes.
    #[cfg(target_os = "linux")]
    socket: Option<(Arc<OwnedFd>, usize)>,
}

impl Sender {
    pub(super) fn new(sender: IpcBytesSender) -> Self {
        Self {
            #[cfg(target_os = "linux")]
            socket: waiting::socket_of(&format!("{sender:?}")).map(|socket| {
                let longest = packets::longest(&socket);
                (Arc::new(socket), longest)
            }),
            sender,
        }
    }

    pub(super) fn send(&self, message: &[u8]) -> Result<(), Gone> {
        #[cfg(target_os = "linux")]
        if let Some((socket, longest)) = &self.socket {
            return packets::send(socket, *longest, message);
        }
        self.sender.send(message).map_err(|_| Gone)
    }

    /// Sends a message unless that would block; returns whether it was sent. On platforms that cannot tell, it blocks.
    pub(super) fn try_send(&self, message: &[u8]) -> Result<bool, Gone> {
        #[cfg(target_os = "linux")]
        if let Some((socket, longest)) = &self.socket {
            return packets::try_send(socket, *longest, message);
        }
        self.send(message).map(|()| true)
    }

    /// Closes the channel: its receiver sees that before this process exits. Without effect on platforms that cannot do it.
    pub(super) fn close(&self) {
        #[cfg(target_os = "linux")]
        if let Some((socket, _)) = &self.socket {
            // It fails where the channel has ended by itself.
            let _ = rustix::net::shutdown(socket, rustix::net::Shutdown::Both);
        }
    }
}

/// The receiving end of a channel.
#[derive(Debug)]
pub(super) struct Receiver {
    /// ipc-channel's own end is not `Sync`.
    receiver: Mutex<IpcBytesReceiver>,
    #[cfg(target_os = "linux")]
    socket: Option<OwnedFd>,
    #[cfg(target_os = "linux")]
    inbox: Mutex<packets::Inbox>,
}

impl Receiver {
    pub(super) fn new(receiver: IpcBytesReceiver) -> Self {
        #[cfg(target_os = "linux")]
        let socket = waiting::socket_of(&format!("{receiver:?}"));
        Self {
            #[cfg(target_os = "linux")]
            inbox: Mutex::new(socket.as_ref().map_or_else(packets::Inbox::default, packets::Inbox::of)),
            #[cfg(target_os = "linux")]
            socket,
            receiver: Mutex::new(receiver),
        }
    }

    /// Receives a message of at most `max` bytes. Calls `begun` when it has begun to arrive, on platforms
    /// that can tell.
    pub(super) fn recv(&self, max: usize, begun: impl FnOnce()) -> Result<Vec<u8>, ReceiveError> {
        #[cfg(target_os = "linux")]
        if let Some(socket) = &self.socket {
            let received = packets::receive(socket, &mut lock(&self.inbox), true, max, begun)?;
            return received.ok_or_else(|| Gone.into());
        }
        let _ = begun;
        let message = lock(&self.receiver).recv().map_err(|_| Gone)?;
        if message.len() > max {
            return Err(ReceiveError::TooLong { found: message.len() as u64, max });
        }
        Ok(message)
    }

    /// As [`Receiver::recv`] if a message has begun to arrive; otherwise `None`, as always on platforms that cannot tell.
    pub(super) fn try_recv(&self, max: usize, begun: impl FnOnce()) -> Result<Option<Vec<u8>>, ReceiveError> {
        #[cfg(target_os = "linux")]
        if let Some(socket) = &self.socket {
            return packets::receive(socket, &mut lock(&self.inbox), false, max, begun);
        }
        let _ = (max, begun);
        Ok(None)
    }

    /// See [`Sender::close`].
    pub(super) fn close(&self) {
        #[cfg(target_os = "linux")]
        if let Some(socket) = &self.socket {
            // It fails where the channel has ended by itself.
            let _ = rustix::net::shutdown(socket, rustix::net::Shutdown::Both);
        }
    }

    /// The socket, on platforms that can poll it.
    #[cfg(target_os = "linux")]
    pub(super) fn socket(&self) -> Option<&OwnedFd> {
        self.socket.as_ref()
    }
}

/// The receiving end of a channel whose waits another thread can interrupt.
#[derive(Debug)]
pub(super) struct Interruptible {
    receiver: Receiver,
    #[cfg(target_os = "linux")]
    interrupt: packets::Interrupt,
}

impl Interruptible {
    pub(super) fn new(receiver: Receiver) -> std::io::Result<Self> {
        Ok(Self {
            receiver,
            #[cfg(target_os = "linux")]
            interrupt: packets::Interrupt::new()?,
        })
    }

    pub(super) fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    /// Waits for a message to begin to arrive, or for [`Interruptible::interrupt`].
    pub(super) fn wait(&self) -> Result<Awaited, ReceiveError> {
        #[cfg(target_os = "linux")]
        if let Some(socket) = self.receiver.socket() {
            return packets::wait_for_either(socket, &self.interrupt);
        }
        Ok(Awaited::Unknown)
    }

    /// Interrupts a wait of another thread, or the next one.
    pub(super) fn interrupt(&self) {
        #[cfg(target_os = "linux")]
        self.interrupt.ring();
    }

    /// True where waits can poll for messages.
    pub(super) fn sees_arrivals(&self) -> bool {
        #[cfg(target_os = "linux")]
        return self.receiver.socket().is_some();
        #[cfg(not(target_os = "linux"))]
        false
    }
}
