//! Channels between two processes on Linux: sequenced packet sockets with messages as ipc-channel lays them out ([`packets`]),
//! and a [`queue`] in shared memory that short messages take while the receiver is awake.
//!
//! Both ends come from one socket pair of the client's. The worker's ends cross as descriptors on the connection of the
//! hello line, each checked to be such a socket.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    sync::{Arc, Mutex},
    time::Duration,
};

use rustix::net::{
    AddressFamily, Shutdown, SocketFlags, SocketType, shutdown, socketpair,
    sockopt::{socket_domain, socket_type},
};

use super::{
    memory::NumbersWriter,
    packets,
    queue::{self, Put},
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
    order: Arc<Mutex<Order>>,
}

/// The order of messages on socket and queue. Its lock is held while a message is sent.
#[derive(Debug)]
struct Order {
    queue: queue::Writer,
    /// Messages sent on the socket.
    packets: u64,
}

impl Sender {
    pub(super) fn new(socket: OwnedFd, queue: queue::Writer) -> Self {
        let order = Arc::new(Mutex::new(Order { queue, packets: 0 }));
        Self { longest: packets::longest(&socket), socket: Arc::new(socket), order }
    }

    pub(super) fn send(&self, message: &[u8]) -> Result<(), Gone> {
        let mut order = lock(&self.order);
        if self.queued(&mut order, message)? {
            return Ok(());
        }
        order.packets = order.packets.wrapping_add(1);
        packets::send(&self.socket, self.longest, message)
    }

    /// Sends a message if there is room for it, and returns whether there was.
    pub(super) fn try_send(&self, message: &[u8]) -> Result<bool, Gone> {
        let mut order = lock(&self.order);
        if self.queued(&mut order, message)? {
            return Ok(true);
        }
        let sent = packets::try_send(&self.socket, self.longest, message)?;
        order.packets = order.packets.wrapping_add(u64::from(sent));
        Ok(sent)
    }

    /// Puts a message into the queue if the receiver looks there, and returns whether it is there.
    fn queued(&self, order: &mut Order, message: &[u8]) -> Result<bool, Gone> {
        match order.queue.put(message, order.packets) {
            Put::Refused => return Ok(false),
            Put::Queued => {}
            // Where the socket has no room, there are messages in it that wake the receiver.
            Put::Unseen => {
                let sent = packets::try_send(&self.socket, self.longest, &DOORBELL)?;
                order.packets = order.packets.wrapping_add(u64::from(sent));
            }
        }
        Ok(true)
    }

    /// Ends the channel: the receiver sees the end before this process ends.
    pub(super) fn close(&self) {
        close(&self.socket);
    }
}

/// A message on the socket that only wakes its receiver, because there may be one in the queue. Every batch is longer, and no event
/// begins so.
const DOORBELL: [u8; 8] = *b"doorbell";

/// The receiving end of a channel.
#[derive(Debug)]
pub(super) struct Receiver {
    socket: OwnedFd,
    inbound: Mutex<Inbound>,
    /// This side's numbers, in which it says that it is awake.
    numbers: NumbersWriter,
}

#[derive(Debug)]
struct Inbound {
    inbox: packets::Inbox,
    queue: queue::Reader,
    /// Messages received on the socket, the one in `held` included.
    packets: u64,
    /// A message of the socket before which others in the queue were sent.
    held: Option<Vec<u8>>,
}

impl Inbound {
    /// The next message that is here already.
    fn next(&mut self) -> Result<Option<Vec<u8>>, ReceiveError> {
        let before = self.packets.saturating_sub(u64::from(self.held.is_some()));
        Ok(self.queue.take(before)?.or_else(|| self.held.take()))
    }
}

impl Receiver {
    /// `numbers` are this side's.
    pub(super) fn new(socket: OwnedFd, queue: queue::Reader, numbers: NumbersWriter) -> Self {
        let inbound = Inbound { inbox: packets::Inbox::of(&socket), queue, packets: 0, held: None };
        Self { inbound: Mutex::new(inbound), socket, numbers }
    }

    /// Receives a message of at most `max` bytes. Calls `begun` when it begins to arrive. This side is awake afterwards.
    pub(super) fn recv(&self, max: usize, begun: impl FnOnce()) -> Result<Vec<u8>, ReceiveError> {
        let mut inbound = lock(&self.inbound);
        let mut begun = Some(begun);
        loop {
            self.set_awake(false);
            if let Some(message) = inbound.next()? {
                self.set_awake(true);
                once(&mut begun);
                return Ok(message);
            }
            self.receive(&mut inbound, true, max, &mut begun)?;
        }
    }

    /// As [`Receiver::recv`] where a message has begun to arrive; `None` otherwise.
    pub(super) fn try_recv(&self, max: usize, begun: impl FnOnce()) -> Result<Option<Vec<u8>>, ReceiveError> {
        let mut inbound = lock(&self.inbound);
        let mut begun = Some(begun);
        loop {
            if let Some(message) = inbound.next()? {
                once(&mut begun);
                return Ok(Some(message));
            }
            let received = self.receive(&mut inbound, false, max, &mut begun)?;
            if !received {
                return Ok(None);
            }
        }
    }

    /// Waits for a message to begin to arrive, for at most a time. This side is awake afterwards.
    pub(super) fn nap(&self, time: Duration) -> Result<(), ReceiveError> {
        self.set_awake(false);
        let napped = if self.has_next() { Ok(()) } else { packets::wait_at_most(&self.socket, time) };
        self.set_awake(true);
        napped
    }

    /// Receives a message from the socket into `held`; returns whether there was any, doorbells included.
    fn receive(
        &self,
        inbound: &mut Inbound,
        wait: bool,
        max: usize,
        begun: &mut Option<impl FnOnce()>,
    ) -> Result<bool, ReceiveError> {
        let message = packets::receive(&self.socket, &mut inbound.inbox, wait, max, || once(begun))?;
        let Some(message) = message else { return if wait { Err(Gone.into()) } else { Ok(false) } };
        inbound.packets = inbound.packets.wrapping_add(1);
        inbound.held = Some(message).filter(|message| *message != DOORBELL);
        Ok(true)
    }

    /// Says whether this side polls, and will take messages from the queue.
    pub(super) fn set_awake(&self, awake: bool) {
        queue::set_awake(&self.numbers, awake);
    }

    /// True where a message, or an error, is here already.
    pub(super) fn has_next(&self) -> bool {
        let inbound = lock(&self.inbound);
        inbound.held.is_some() || inbound.queue.is_ready(inbound.packets)
    }

    /// See [`Sender::close`].
    pub(super) fn close(&self) {
        close(&self.socket);
    }
}

/// Calls a function that has not been called yet.
fn once(call: &mut Option<impl FnOnce()>) {
    if let Some(call) = call.take() {
        call();
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
        self.receiver.set_awake(false);
        if self.receiver.has_next() {
            return Ok(Awaited::Event);
        }
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
    use std::{os::unix::net::UnixStream, thread, time::Instant};

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;
    use crate::transport::memory::{Shared, SharedPeer};

    /// A channel from client to daemon.
    fn ends(link: &UnixStream, there: &UnixStream) -> (Sender, Receiver) {
        let (ours, file) = Shared::create().unwrap();
        let theirs = SharedPeer::open(file).unwrap();
        let sender = Sender::new(pair(link).unwrap(), queue::Writer::new(ours.batch_queue, ours.ours, ours.theirs));
        let received = descriptors::receive(there, None).unwrap();
        let numbers = theirs.ours.clone();
        let reader = queue::Reader::new(theirs.batch_queue, theirs.ours, theirs.theirs);
        (sender, Receiver::new(check(received).unwrap(), reader, numbers))
    }

    /// Packets that wait on the receiver's socket.
    fn on_the_socket(receiver: &Receiver) -> bool {
        let mut socket = [PollFd::new(&receiver.socket, PollFlags::IN)];
        poll(&mut socket, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() > 0
    }

    #[test]
    fn an_awake_receiver_gets_short_messages_without_the_socket() {
        let (link, there) = UnixStream::pair().unwrap();
        let (sender, receiver) = ends(&link, &there);
        sender.send(b"asleep").unwrap();
        assert!(on_the_socket(&receiver));
        receiver.set_awake(true);
        sender.send(b"second").unwrap();
        sender.send(&[3; 10_000]).unwrap();
        assert!(sender.try_send(b"fourth").unwrap());
        assert_eq!(receiver.recv(100, || {}).unwrap(), b"asleep");
        assert_eq!(receiver.recv(100, || {}).unwrap(), b"second");
        assert_eq!(receiver.try_recv(10_000, || {}).unwrap().unwrap(), [3; 10_000]);
        assert!(!on_the_socket(&receiver));
        let mut begun = 0;
        assert_eq!(receiver.try_recv(100, || begun += 1).unwrap().unwrap(), b"fourth");
        assert!(receiver.try_recv(100, || begun += 1).unwrap().is_none());
        assert_eq!(begun, 1);
        sender.close();
        assert!(matches!(receiver.recv(10, || {}), Err(ReceiveError::Gone(_))));
    }

    #[test]
    fn a_doorbell_is_no_message_and_begins_none() {
        let (link, there) = UnixStream::pair().unwrap();
        let (sender, receiver) = ends(&link, &there);
        sender.send(&DOORBELL).unwrap();
        let mut begun = false;
        assert!(receiver.try_recv(100, || begun = true).unwrap().is_none());
        assert!(!begun);
        // An empty message is one.
        sender.send(b"").unwrap();
        assert_eq!(receiver.try_recv(100, || begun = true).unwrap().unwrap(), b"");
        assert!(begun);
    }

    #[test]
    fn an_order_that_its_sender_made_up_delays_only_its_messages() {
        let (link, there) = UnixStream::pair().unwrap();
        let (sender, receiver) = ends(&link, &there);
        receiver.set_awake(true);
        // The queue says that 7 packets come first, and there is none.
        assert_eq!(lock(&sender.order).queue.put(b"late", 7), Put::Queued);
        assert!(receiver.try_recv(100, || {}).unwrap().is_none());
        lock(&sender.order).packets = 1;
        receiver.set_awake(false);
        sender.send(b"packet").unwrap();
        assert_eq!(receiver.recv(100, || {}).unwrap(), b"packet");
        for _ in 1..7 {
            sender.send(&[0; 4000]).unwrap();
            assert_eq!(receiver.recv(10_000, || {}).unwrap(), [0; 4000]);
        }
        assert_eq!(receiver.recv(100, || {}).unwrap(), b"late");
    }

    #[test]
    fn a_nap_ends_with_its_time_or_a_message() {
        const SHORT: Duration = Duration::from_millis(20);
        const LONG: Duration = Duration::from_secs(3600);
        let (link, there) = UnixStream::pair().unwrap();
        let (sender, receiver) = ends(&link, &there);
        let start = Instant::now();
        receiver.nap(SHORT).unwrap();
        assert!(start.elapsed() >= SHORT);
        // It is awake after a nap, so that this takes the queue, which the next nap looks into.
        sender.send(b"queued").unwrap();
        assert!(!on_the_socket(&receiver));
        receiver.nap(LONG).unwrap();
        assert_eq!(receiver.try_recv(10, || {}).unwrap().unwrap(), b"queued");
        let napping = thread::spawn(move || {
            receiver.nap(LONG).unwrap();
            let message = receiver.try_recv(10, || {}).unwrap();
            receiver.nap(LONG).unwrap();
            (message, receiver.try_recv(10, || {}))
        });
        sender.send(b"wakes").unwrap();
        drop(sender);
        let (message, end) = napping.join().unwrap();
        assert_eq!(message.unwrap(), b"wakes");
        assert!(matches!(end, Err(ReceiveError::Gone(_))));
        assert!(start.elapsed() < LONG);
    }

    /// Each number once and in order, through a receiver that polls for a while, naps and sleeps for a while, from a sender whose
    /// messages are short and long.
    #[test]
    fn no_message_is_lost_or_overtaken_between_sleep_and_wake() {
        const MESSAGES: u32 = 40_000;
        let (link, there) = UnixStream::pair().unwrap();
        let (sender, receiver) = ends(&link, &there);
        let sending = thread::spawn(move || {
            for number in 0..MESSAGES {
                let mut message = number.to_le_bytes().to_vec();
                message.resize(if number % 13 == 0 { 5000 } else { 4 }, 0);
                sender.send(&message).unwrap();
                (0..number % 300).for_each(|_| std::hint::spin_loop());
            }
        });
        for number in 0..MESSAGES {
            let mut polled = None;
            for turn in 0..number % 7 {
                polled = polled.or_else(|| receiver.try_recv(10_000, || {}).unwrap());
                if turn == 3 && polled.is_none() {
                    receiver.nap(Duration::from_micros(20)).unwrap();
                }
            }
            let message = polled.map_or_else(|| receiver.recv(10_000, || {}), Ok).unwrap();
            assert_eq!(message[..4], number.to_le_bytes());
        }
        sending.join().unwrap();
        assert!(matches!(receiver.recv(10, || {}), Err(ReceiveError::Gone(_))));
    }

    #[test]
    fn messages_cross_between_the_two_ends() {
        let (link, there) = UnixStream::pair().unwrap();
        let (sender, receiver) = ends(&link, &there);
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
