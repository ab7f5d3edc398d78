//! The socket of one end of a channel.
//!
//! ipc-channel cuts a long message into pieces and waits for all of them in one call, so a receiver that waits for a
//! message cannot be told from one that waits for the rest of it: the first is any idle session, the second is a client
//! that has stopped in the middle. It gives no access to its sockets either. What shows the number is an end's debug
//! text, and the number is checked: where it cannot be had, ipc-channel sends and receives, and the rest works as ever.
#![allow(unsafe_code)]

use std::os::fd::{BorrowedFd, OwnedFd, RawFd};

use rustix::net::{SocketType, sockopt::socket_type};

/// A duplicate of the socket of the sender or receiver with this debug text, which lives.
pub fn socket_of(text: &str) -> Option<OwnedFd> {
    let number: RawFd = number(text)?;
    // SAFETY: a sender or receiver owns a descriptor for as long as it lives, and this is what it says its number is. It
    // is only duplicated, at once; should the text ever mean something else, the call fails or finds a socket of another
    // type, and nothing is done with it.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    let socket = rustix::io::fcntl_dupfd_cloexec(borrowed, 3).ok()?;
    (socket_type(&socket) == Ok(SocketType::SEQPACKET)).then_some(socket)
}

/// The number in `IpcBytesReceiver { os_receiver: OsIpcReceiver { fd: Cell { value: 7 } } }` and in
/// `IpcBytesSender { os_sender: OsIpcSender { fd: SharedFileDescriptor(7) } }`.
fn number(text: &str) -> Option<RawFd> {
    let receiver = text.split_once("fd: Cell { value: ").and_then(|(_, rest)| rest.split_once(' '));
    let sender = || text.split_once("fd: SharedFileDescriptor(").and_then(|(_, rest)| rest.split_once(')'));
    let (number, _) = receiver.or_else(sender)?;
    number.parse().ok().filter(|&number| number > 2)
}

#[cfg(test)]
mod tests {
    use ipc_channel::ipc::bytes_channel;
    use rustix::net::{RecvFlags, recv};

    use super::*;

    #[test]
    fn the_socket_of_each_end_is_found() {
        let (sender, receiver) = bytes_channel().unwrap();
        let socket = socket_of(&format!("{receiver:?}")).expect("ipc-channel says which socket a receiver has");
        let look = || recv(&socket, &mut [0; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT);
        assert!(look().is_err());
        sender.send(b"one").unwrap();
        assert!(look().is_ok());
        assert_eq!(receiver.recv().unwrap(), b"one");
        let other = socket_of(&format!("{sender:?}")).expect("ipc-channel says which socket a sender has");
        let [ours, theirs] = [&socket, &other].map(|socket| rustix::fs::fstat(socket).unwrap().st_ino);
        assert_ne!(ours, theirs);
    }

    #[test]
    fn other_texts_have_no_number() {
        for text in ["", "IpcBytesReceiver", "fd: Cell { value: x }", "fd: Cell { value: -1 }", "fd: Cell { value: 2 }"]
        {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
