//! Messages over a sequenced packet socket, to and from a peer that is not trusted.
//!
//! The layout is ipc-channel's on Linux; its code is not used, because it trusts the peer: a false length ends the process,
//! a long message without the socket for its rest is a panic, and descriptors that come with a message stay open. Its sender
//! holds both ends of the socket for the rest of a long message, and blocks for ever when the peer goes in the middle. A
//! host must outlive a worker that its driver has taken over, and a worker must report a client's fault.
//!
//! | bytes of the first packet | meaning |
//! |---|---|
//! | 0..8 | length of this packet, in the machine's byte order |
//! | 8..16 | length of the whole message without these 16 bytes |
//! | 16.. | the message, or its start |
//!
//! A message that is longer than its first packet comes with one descriptor, a socket on which the rest follows in
//! packets without a header.

use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, OwnedFd},
    time::Duration,
};

use rustix::{
    buffer::spare_capacity,
    event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll},
    io::{Errno, retry_on_intr},
    net::{
        AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
        SendFlags, SocketFlags, SocketType, recv, recvmsg, send as send_packet, sendmsg, socketpair,
        sockopt::{socket_send_buffer_size, socket_type},
    },
};

use super::received::{Awaited, Gone, ReceiveError};

/// Length of the first packet's header in bytes.
const HEADER: usize = 16;

/// Bytes of a socket's buffer that the kernel keeps for itself. It is more than ipc-channel reserves, whose receiver
/// has room for no longer packets than its sender's.
const RESERVED: usize = 1 << 10;
/// Length of a packet in bytes below which a send is not retried when the kernel has no memory.
const SMALLEST: usize = 4 << 10;

/// The length of the longest packet that a socket can send.
pub fn longest(socket: &OwnedFd) -> usize {
    socket_send_buffer_size(socket).unwrap_or(0).saturating_sub(RESERVED).max(SMALLEST)
}

/// Sends a message in packets of at most `longest` bytes. It blocks while the peer does not read, and only while the
/// peer exists.
pub fn send(socket: &OwnedFd, mut longest: usize, message: &[u8]) -> Result<(), Gone> {
    loop {
        let (start, rest) = message.split_at_checked(longest.saturating_sub(HEADER)).unwrap_or((message, &[]));
        match send_start(socket, start, rest, SendFlags::empty()) {
            Ok(Some(socket)) => return send_rest(&socket, longest, rest),
            Ok(None) => return Ok(()),
            Err(Errno::NOBUFS) if longest > SMALLEST => longest /= 2,
            Err(_) => return Err(Gone),
        }
    }
}

/// Sends a message if it is one packet that the socket has room for; returns whether it was sent.
pub fn try_send(socket: &OwnedFd, longest: usize, message: &[u8]) -> Result<bool, Gone> {
    if message.len() > longest.saturating_sub(HEADER) {
        return Ok(false);
    }
    match send_start(socket, message, &[], SendFlags::DONTWAIT) {
        Ok(_) => Ok(true),
        Err(Errno::AGAIN | Errno::NOBUFS) => Ok(false),
        Err(_) => Err(Gone),
    }
}

/// Sends the first packet; returns the socket for the rest, if there is one.
fn send_start(socket: &OwnedFd, start: &[u8], rest: &[u8], flags: SendFlags) -> Result<Option<OwnedFd>, Errno> {
    let flags = flags | SendFlags::NOSIGNAL;
    let packet = (HEADER.saturating_add(start.len()) as u64).to_ne_bytes();
    let total = (start.len().saturating_add(rest.len()) as u64).to_ne_bytes();
    let parts = [IoSlice::new(&packet), IoSlice::new(&total), IoSlice::new(start)];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if rest.is_empty() {
        retry_on_intr(|| sendmsg(socket, &parts, &mut control, flags))?;
        return Ok(None);
    }
    // The peer's end is closed here at the end of this call, so that our end sees when the peer closes it.
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    let rights = [theirs.as_fd()];
    control.push(SendAncillaryMessage::ScmRights(&rights));
    retry_on_intr(|| sendmsg(socket, &parts, &mut control, flags))?;
    Ok(Some(ours))
}

fn send_rest(socket: &OwnedFd, mut longest: usize, mut rest: &[u8]) -> Result<(), Gone> {
    while !rest.is_empty() {
        let (packet, after) = rest.split_at_checked(longest).unwrap_or((rest, &[]));
        match retry_on_intr(|| send_packet(socket, packet, SendFlags::NOSIGNAL)) {
            Ok(_) => rest = after,
            Err(Errno::NOBUFS) if longest > SMALLEST => longest /= 2,
            Err(_) => return Err(Gone),
        }
    }
    Ok(())
}

/// Interrupts the wait of another thread.
#[derive(Debug)]
pub struct Interrupt(OwnedFd);

impl Interrupt {
    pub fn new() -> io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    pub fn ring(&self) {
        // The write fails only where the count is at its maximum, and then the wait ends too.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }
}

/// Waits for a packet, which stays where it is, or for the interrupt.
pub fn wait_for_either(socket: &OwnedFd, interrupt: &Interrupt) -> Result<Awaited, ReceiveError> {
    let mut either = [PollFd::new(socket, PollFlags::IN), PollFd::new(&interrupt.0, PollFlags::IN)];
    retry_on_intr(|| poll(&mut either, None)).map_err(broken)?;
    let [packet, interrupted] = either.map(|descriptor| !descriptor.revents().is_empty());
    if interrupted {
        // One interrupt ends one wait. Nothing else reads the count, so the read does not block.
        let _ = rustix::io::read(&interrupt.0, &mut [0_u8; 8]);
    }
    Ok(if packet { Awaited::Event } else { Awaited::Interrupted })
}

/// Waits for a packet, which stays where it is, for at most a time.
pub fn wait_at_most(socket: &OwnedFd, time: Duration) -> Result<(), ReceiveError> {
    let Ok(time) = Timespec::try_from(time) else { return Ok(()) };
    match poll(&mut [PollFd::new(socket, PollFlags::IN)], Some(&time)) {
        // Waiting was interrupted: shorter, then.
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(broken(error)),
    }
}

/// The buffer for the first packet of a message, reused for each.
#[derive(Debug, Default)]
pub struct Inbox(Vec<u8>);

impl Inbox {
    /// A buffer for packets on this socket, whose sender has as long a buffer as its receiver.
    pub fn of(socket: &OwnedFd) -> Self {
        Self(vec![0; socket_send_buffer_size(socket).unwrap_or(0).max(SMALLEST)])
    }
}

/// Receives a message of at most `max` bytes. With `wait` it blocks until one begins to arrive, without it returns `None`.
/// Calls `begun` before it waits for the rest of a message that is longer than its first packet.
pub fn receive(
    socket: &OwnedFd,
    inbox: &mut Inbox,
    wait: bool,
    max: usize,
    begun: impl FnOnce(),
) -> Result<Option<Vec<u8>>, ReceiveError> {
    let flags = if wait { RecvFlags::empty() } else { RecvFlags::DONTWAIT };
    // The packet's real length, not the length of the space.
    let flags = flags | RecvFlags::CMSG_CLOEXEC | RecvFlags::TRUNC;
    let mut header = [0; HEADER];
    let mut parts = [IoSliceMut::new(&mut header), IoSliceMut::new(&mut inbox.0)];
    // The kernel closes the descriptors that do not fit; the others are owned from here on.
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let packet = match retry_on_intr(|| recvmsg(socket, &mut parts, &mut control, flags)) {
        Ok(received) if received.bytes == 0 => return Err(Gone.into()),
        Ok(received) => received.bytes,
        Err(Errno::AGAIN) if !wait => return Ok(None),
        Err(error) => return Err(broken(error)),
    };
    let mut sockets = Vec::new();
    for with in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = with {
            sockets.extend(rights.filter(|descriptor| socket_type(descriptor) == Ok(SocketType::SEQPACKET)));
        }
    }
    let length = packet.checked_sub(HEADER).ok_or(ReceiveError::NoMessage("it has no header"))?;
    if length > max {
        return Err(ReceiveError::TooLong { found: length as u64, max });
    }
    let start = inbox.0.get(..length).ok_or(ReceiveError::NoMessage("its packet is longer than a socket's buffer"))?;
    let [p0, p1, p2, p3, p4, p5, p6, p7, m0, m1, m2, m3, m4, m5, m6, m7] = header;
    if u64::from_ne_bytes([p0, p1, p2, p3, p4, p5, p6, p7]) != packet as u64 {
        return Err(ReceiveError::NoMessage("its header says another length"));
    }
    let found = u64::from_ne_bytes([m0, m1, m2, m3, m4, m5, m6, m7]);
    let total = usize::try_from(found).ok().filter(|&total| total <= max);
    let total = total.ok_or(ReceiveError::TooLong { found, max })?;
    if total < length {
        return Err(ReceiveError::NoMessage("it is longer than it says"));
    }
    let mut message = start.to_vec();
    if total > length {
        let rest = sockets.pop().ok_or(ReceiveError::NoMessage("its rest cannot come"))?;
        begun();
        finish(&rest, &mut message, total)?;
    }
    Ok(Some(message))
}

/// Receives the rest of a message of `total` bytes.
fn finish(rest: impl AsFd, message: &mut Vec<u8>, total: usize) -> Result<(), ReceiveError> {
    message.reserve_exact(total.saturating_sub(message.len()));
    while message.len() < total {
        let (before, left) = (message.len(), total.saturating_sub(message.len()));
        // The packet's real length, not the length of the space.
        let receive = || recv(&rest, spare_capacity(message), RecvFlags::TRUNC);
        match retry_on_intr(receive).map_err(broken)? {
            (_, 0) => return Err(Gone.into()),
            (_, length) if length > left || message.len() != before.saturating_add(length) => {
                return Err(ReceiveError::NoMessage("its rest is longer than it says"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Maps a reset, by a peer that closed with unread data, to `Gone`.
fn broken(error: Errno) -> ReceiveError {
    match error {
        Errno::CONNRESET => Gone.into(),
        error => ReceiveError::System(io::Error::from(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, thread, time::Duration};

    use super::*;

    const MOST: usize = 1 << 20;

    fn pair() -> (OwnedFd, OwnedFd) {
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap()
    }

    fn next(socket: &OwnedFd) -> Result<Vec<u8>, String> {
        let received = receive(socket, &mut Inbox::of(socket), true, MOST, || {});
        received.map(Option::unwrap).map_err(|error| error.to_string())
    }

    fn packet(length: u64, total: u64, message: &[u8]) -> Vec<u8> {
        [&length.to_ne_bytes()[..], &total.to_ne_bytes(), message].concat()
    }

    fn send_with(to: &OwnedFd, bytes: &[u8], descriptors: &[&OwnedFd]) {
        let descriptors: Vec<_> = descriptors.iter().map(|descriptor| descriptor.as_fd()).collect();
        let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(64))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() {
            assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
        }
        sendmsg(to, &[IoSlice::new(bytes)], &mut control, SendFlags::empty()).unwrap();
    }

    #[test]
    fn an_interrupt_ends_one_wait() {
        let ((ours, theirs), interrupt) = (pair(), Interrupt::new().unwrap());
        let wait = || wait_for_either(&ours, &interrupt).unwrap();
        thread::scope(|scope| {
            let waiting = scope.spawn(wait);
            interrupt.ring();
            assert_eq!(waiting.join().unwrap(), Awaited::Interrupted);
        });
        interrupt.ring();
        interrupt.ring();
        assert_eq!(wait(), Awaited::Interrupted);
        assert!(send(&theirs, SMALLEST, b"event").is_ok());
        assert_eq!(wait(), Awaited::Event);
        interrupt.ring();
        assert_eq!(wait(), Awaited::Event);
        assert_eq!(next(&ours), Ok(b"event".to_vec()));
        thread::scope(|scope| {
            let waiting = scope.spawn(wait);
            // Right either way; the pause makes it likely that the other thread waits by now, which it does not tell.
            thread::sleep(Duration::from_millis(20));
            drop(theirs);
            assert_eq!(waiting.join().unwrap(), Awaited::Event, "the end, and no interrupt is left");
        });
    }

    #[test]
    fn messages_of_every_length_come_through() {
        let (ours, theirs) = pair();
        let longest = longest(&theirs);
        assert!(longest > 16 << 10, "{longest}");
        let lengths = [0, 1, 15, 4096, longest - 17, longest - 16, longest - 15, 2 * longest, 2 * longest + 1, MOST];
        thread::spawn(move || {
            for length in lengths {
                send(&theirs, longest, &vec![length as u8; length]).unwrap();
            }
            // A smaller buffer than the kernel's is cut smaller.
            send(&theirs, SMALLEST, &[7; 100_000]).unwrap();
        });
        for length in lengths {
            assert!(next(&ours) == Ok(vec![length as u8; length]), "{length}");
        }
        assert!(next(&ours) == Ok(vec![7; 100_000]));
        assert_eq!(next(&ours), Err(Gone.to_string()));
    }

    #[test]
    fn a_peer_that_goes_in_the_middle_of_a_message_holds_nobody_up() {
        let (ours, theirs) = pair();
        let sending = thread::spawn(move || send(&ours, longest(&ours), &vec![0; 64 << 20]).is_err());
        assert!(next(&theirs).unwrap_err().contains("longer"));
        assert!(sending.join().unwrap());
        let (ours, theirs) = pair();
        let sending = thread::spawn(move || send(&ours, longest(&ours), &vec![0; 64 << 20]).is_err());
        poll(&mut [PollFd::new(&theirs, PollFlags::IN)], None).unwrap();
        drop(theirs);
        assert!(sending.join().unwrap());
    }

    #[test]
    fn a_message_above_the_bound_is_refused_before_memory_is_made_for_it() {
        let (ours, theirs) = pair();
        thread::spawn(move || send(&theirs, longest(&theirs), &vec![0; MOST + 1]));
        assert!(next(&ours).unwrap_err().contains("longer than the 1048576 bytes"));
        let (ours, theirs) = pair();
        for total in [MOST as u64 + 1, 1 << 60, u64::MAX] {
            send_with(&theirs, &packet(20, total, b"abcd"), &[&pair().0]);
            assert!(next(&ours).unwrap_err().contains("longer than the 1048576 bytes"), "{total}");
        }
    }

    #[test]
    fn what_is_no_message_is_an_error_and_leaves_no_descriptor() {
        let open = || {
            fs::read_dir("/proc/self/fd")
                .unwrap()
                .filter(|entry| fs::read_link(entry.as_ref().unwrap().path()).is_ok_and(|to| to.ends_with("full")))
                .count()
        };
        let file = OwnedFd::from(fs::File::open("/dev/full").unwrap());
        for (bytes, error) in [
            (vec![1], "no header"),
            (vec![0; 15], "no header"),
            (packet(19, 4, b"abcd"), "another length"),
            (packet(u64::MAX, 4, b"abcd"), "another length"),
            (packet(20, 3, b"abcd"), "longer than it says"),
            (packet(20, 5, b"abcd"), "its rest cannot come"),
        ] {
            let (ours, theirs) = pair();
            send_with(&theirs, &bytes, &[&file; 60]);
            let found = next(&ours).unwrap_err();
            assert!(found.contains(error), "{found} instead of {error}");
        }
        assert_eq!(open(), 1);
        let (ours, theirs) = pair();
        // Descriptors beside a message are closed, and the message is received.
        send_with(&theirs, &packet(20, 4, b"abcd"), &[&file; 60]);
        assert_eq!(next(&ours), Ok(b"abcd".to_vec()));
        assert_eq!(open(), 1);
        // A packet that exceeds the space, and an empty socket.
        let receive = |wait| receive(&ours, &mut Inbox(vec![0; 10]), wait, MOST, || {});
        send_with(&theirs, &packet(27, 11, &[7; 11]), &[]);
        assert!(receive(true).unwrap_err().to_string().contains("longer than a socket's buffer"));
        assert!(receive(false).unwrap().is_none());
        send_with(&theirs, &packet(26, 10, &[7; 10]), &[]);
        assert_eq!(receive(false).unwrap(), Some(vec![7; 10]));
        // A rest that is too long, and one that ends.
        let (rest, end) = pair();
        send_with(&theirs, &packet(20, 6, b"abcd"), &[&end]);
        rustix::io::write(&rest, b"efg").unwrap();
        assert!(next(&ours).unwrap_err().contains("longer"));
        let (rest, end) = pair();
        send_with(&theirs, &packet(20, 6, b"abcd"), &[&end]);
        drop((rest, end));
        assert_eq!(next(&ours), Err(Gone.to_string()));
        drop(theirs);
        assert_eq!(next(&ours), Err(Gone.to_string()));
    }
}
