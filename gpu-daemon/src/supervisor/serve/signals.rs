//! The signals that stop `serve`, as something that can be waited for together with clients.

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

/// SIGTERM and SIGINT that have come and were not taken yet: a byte for each.
#[derive(Debug)]
pub struct Signals(UnixStream);

impl Signals {
    /// From here on, the signals do nothing but be counted.
    pub fn new() -> io::Result<Self> {
        let (signals, handler) = UnixStream::pair()?;
        signals.set_nonblocking(true)?;
        pipe::register(SIGTERM, handler.try_clone()?)?;
        pipe::register(SIGINT, handler)?;
        Ok(Self(signals))
    }

    /// Takes one; false when none has come.
    pub fn take(&mut self) -> bool {
        matches!(self.0.read(&mut [0]), Ok(1))
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
