//! SIGTERM and SIGINT as a descriptor that can be polled together with the listening socket.

use std::{
    io::{self, Read},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    low_level::pipe,
};

/// Pending signals: one byte each.
#[derive(Debug)]
pub struct Signals(UnixStream);

impl Signals {
    /// Installs the handlers: from here on the signals are only queued.
    pub fn new() -> io::Result<Self> {
        let (signals, handler) = UnixStream::pair()?;
        signals.set_nonblocking(true)?;
        pipe::register(SIGTERM, handler.try_clone()?)?;
        pipe::register(SIGINT, handler)?;
        Ok(Self(signals))
    }

    /// Takes one signal; false when none is pending.
    pub fn take(&mut self) -> bool {
        matches!(self.0.read(&mut [0]), Ok(1))
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
