//! Messages between the server's processes, besides HTTP: descriptors with one byte each (`airlock_protocol::descriptors`) and
//! frames of fixed length.
//!
//! | from | to | what |
//! |---|---|---|
//! | supervisor | front | the listening sockets, then a connection to each guest process as it is started; the end of the stream: stop |
//! | supervisor | guest | the compiled component, as a sealed file in memory |
//! | front | guest | a connection for each request |
//! | guest | front | [`Ready`] |
//! | front | supervisor | [`Notice`] |
//!
//! Each process has its stream as standard input.

use std::{
    io::{self, Read, Write},
    os::{fd::AsFd as _, unix::net::UnixStream},
};

/// Duplicates standard input as the stream to the parent. Standard input stays open and unread.
pub fn of_standard_input() -> io::Result<UnixStream> {
    Ok(UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?))
}

/// Report of a guest process: an instance is ready for the next request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// GPU sessions opened since the last report.
    pub sessions: u64,
    /// Nanoseconds that GPU workers spent on commands since the last report.
    pub gpu_ns: u64,
    /// Instances created since the last report.
    pub instances: u64,
}

impl Ready {
    /// Encoded length in bytes.
    pub const LENGTH: usize = 24;

    /// Encodes as three little-endian numbers.
    pub fn to_bytes(self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        for (to, number) in bytes.chunks_exact_mut(8).zip([self.sessions, self.gpu_ns, self.instances]) {
            to.copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    /// Decodes; every byte string is valid.
    pub fn of_bytes(bytes: [u8; Self::LENGTH]) -> Self {
        let mut numbers = bytes.chunks_exact(8).map(|number| number.try_into().map_or(0, u64::from_le_bytes));
        let mut next = || numbers.next().unwrap_or_default();
        Self { sessions: next(), gpu_ns: next(), instances: next() }
    }
}

/// Notice of the front about the guest process with this number. Guest processes are numbered from 0 in the order of their
/// streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Its first instance is ready.
    Ready(u64),
    /// Request to kill it: it exceeded a deadline or violated the protocol.
    Kill(u64),
}

impl Notice {
    /// Encoded length in bytes.
    pub const LENGTH: usize = 9;

    /// Encodes as a letter and a little-endian number.
    pub fn to_bytes(self) -> [u8; Self::LENGTH] {
        let (letter, number) = match self {
            Notice::Ready(number) => (b'R', number),
            Notice::Kill(number) => (b'K', number),
        };
        let mut bytes = [letter; Self::LENGTH];
        for (to, from) in bytes.iter_mut().skip(1).zip(number.to_le_bytes()) {
            *to = from;
        }
        bytes
    }

    /// Decodes; `None` for an unknown letter.
    pub fn of_bytes(bytes: [u8; Self::LENGTH]) -> Option<Self> {
        let (letter, number) = bytes.split_first()?;
        let number = u64::from_le_bytes(number.try_into().ok()?);
        match letter {
            b'R' => Some(Notice::Ready(number)),
            b'K' => Some(Notice::Kill(number)),
            _ => None,
        }
    }

    /// Writes the notice.
    pub fn send(self, mut to: &UnixStream) -> io::Result<()> {
        to.write_all(&self.to_bytes())
    }

    /// Blocks until a notice arrives; `None` at the end of the stream.
    pub fn receive(mut from: &UnixStream) -> io::Result<Option<Self>> {
        let mut bytes = [0; Self::LENGTH];
        match from.read_exact(&mut bytes) {
            Ok(()) => Self::of_bytes(bytes).map(Some).ok_or_else(|| io::Error::other("a notice of no known kind")),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_as_they_were() {
        let ready = Ready { sessions: 1, gpu_ns: u64::MAX, instances: 3 << 40 };
        assert_eq!(Ready::of_bytes(ready.to_bytes()), ready);
        for notice in [Notice::Ready(0), Notice::Kill(u64::MAX - 7)] {
            assert_eq!(Notice::of_bytes(notice.to_bytes()), Some(notice));
        }
        assert_eq!(Notice::of_bytes([b'x'; 9]), None);
    }

    #[test]
    fn a_stream_ends_between_notices_and_garbage_is_an_error() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        Notice::Kill(7).send(&ours).unwrap();
        (&ours).write_all(&[0; 9]).unwrap();
        drop(ours);
        assert_eq!(Notice::receive(&theirs).unwrap(), Some(Notice::Kill(7)));
        assert!(Notice::receive(&theirs).is_err());
        assert_eq!(Notice::receive(&theirs).unwrap(), None);
    }
}
