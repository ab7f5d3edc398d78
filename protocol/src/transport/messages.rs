//! Channels between two processes where there are no sequenced packet sockets: ipc-channel's own messages.

use std::{io, sync::Mutex, time::Duration};

use ipc_channel::ipc::{IpcBytesReceiver, IpcBytesSender};

use super::received::{Awaited, Gone, ReceiveError, lock};

/// The sending end of a channel.
#[derive(Clone, Debug)]
pub(super) struct Sender(IpcBytesSender);

impl Sender {
    pub(super) fn new(sender: IpcBytesSender) -> Self {
        Self(sender)
    }

    pub(super) fn send(&self, message: &[u8]) -> Result<(), Gone> {
        self.0.send(message).map_err(|_| Gone)
    }

    /// Sends a message. Blocks: the platform does not report whether there is room.
    pub(super) fn try_send(&self, message: &[u8]) -> Result<bool, Gone> {
        self.send(message).map(|()| true)
    }

    /// Does nothing: the channel ends with the process.
    pub(super) fn close(&self) {}
}

/// The receiving end of a channel.
#[derive(Debug)]
pub(super) struct Receiver(Mutex<IpcBytesReceiver>);

impl Receiver {
    pub(super) fn new(receiver: IpcBytesReceiver) -> Self {
        Self(Mutex::new(receiver))
    }

    /// Receives a message of at most `max` bytes. The platform does not report when it begins to arrive.
    pub(super) fn recv(&self, max: usize, _begun: impl FnOnce()) -> Result<Vec<u8>, ReceiveError> {
        let message = lock(&self.0).recv().map_err(|_| Gone)?;
        if message.len() > max {
            return Err(ReceiveError::TooLong { found: message.len() as u64, max });
        }
        Ok(message)
    }

    /// Returns `None`: the platform does not report whether a message arrives.
    pub(super) fn try_recv(&self, _max: usize, _begun: impl FnOnce()) -> Result<Option<Vec<u8>>, ReceiveError> {
        Ok(None)
    }

    /// Returns at once: the platform does not report what arrives.
    pub(super) fn nap(&self, _time: Duration) -> Result<(), ReceiveError> {
        Ok(())
    }

    /// Does nothing: every message takes the channel.
    pub(super) fn set_awake(&self, _awake: bool) {}

    /// Returns `false`: no message is elsewhere than in the channel.
    pub(super) fn has_next(&self) -> bool {
        false
    }

    /// Does nothing: the channel ends with the process.
    pub(super) fn close(&self) {}
}

/// The receiving end of a channel. Waits cannot be interrupted here.
#[derive(Debug)]
pub(super) struct Interruptible(Receiver);

impl Interruptible {
    pub(super) fn new(receiver: Receiver) -> io::Result<Self> {
        Ok(Self(receiver))
    }

    pub(super) fn receiver(&self) -> &Receiver {
        &self.0
    }

    /// Returns at once: the platform does not report what arrives.
    pub(super) fn wait(&self) -> Result<Awaited, ReceiveError> {
        Ok(Awaited::Unknown)
    }

    /// Does nothing.
    pub(super) fn interrupt(&self) {}

    /// Whether waits see messages arrive.
    pub(super) fn sees_arrivals(&self) -> bool {
        false
    }
}
