//! Tools of a hostile client: the connection to `serve` step by step, sessions over it with the crate's own channels,
//! and sessions whose channels are plain sockets, for arbitrary bytes.

use std::{
    fs::File,
    io::{IoSlice, Read},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::Path,
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use airlock_protocol::{
    Command, Event,
    codec::{BatchWriter, decode_event},
    commands::{
        adapter::RequestDevice,
        buffer::{BufferUsage, CreateBuffer},
        error::{ErrorFilter, PopErrorScope, PushErrorScope},
        instance::{AdapterSelector, RequestAdapter},
        session::ReportStats,
    },
    connect::Link,
    descriptors,
    events::{Report, RequestDeviceError},
    handshake::Hello,
    ids::{AdapterId, BufferId, DeviceId, RequestId},
    limits::SHARED_SIZE,
    transport::{self, BatchSender, ClientChannels, EventReceiver, RingWriter},
};
use rustix::{
    fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create},
    net::{
        AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, sendmsg,
        socketpair,
    },
};

/// Timeout far above any duration on a slow machine.
pub const PATIENCE: Duration = Duration::from_secs(300);
pub const DEVICE: DeviceId = DeviceId(0);
pub const BUFFER: BufferId = BufferId(0);
pub const SEALS: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::SEAL);

/// Connects to a server.
pub fn dial(socket: &Path) -> UnixStream {
    let stream = UnixStream::connect(socket).expect("the server takes connections");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

/// The next line on a connection, byte by byte; empty at its end.
fn line(mut stream: &UnixStream) -> String {
    let (mut line, mut byte) = (Vec::new(), [0]);
    while let Ok(1) = stream.read(&mut byte) {
        line.extend(byte);
        if byte == *b"\n" {
            break;
        }
    }
    String::from_utf8_lossy(&line).into_owned()
}

/// The first line that is not `WAIT`.
pub fn first_line(stream: &UnixStream) -> String {
    loop {
        let next = line(stream);
        if !Hello::is_wait(&next) {
            return next;
        }
    }
}

/// Connects and reads the hello line.
pub fn greeted(socket: &Path) -> UnixStream {
    let stream = dial(socket);
    let hello = first_line(&stream);
    Hello::check(&hello).unwrap_or_else(|error| panic!("{error}: {hello:?}"));
    stream
}

/// The last line of a connection: the worker's end.
pub fn ended(stream: &UnixStream) -> String {
    let mut last = String::new();
    loop {
        match line(stream) {
            next if next.is_empty() => return last.trim_end().to_owned(),
            next => last = next,
        }
    }
}

/// Memory of a size and with seals.
pub fn memory(size: u64, seals: SealFlags) -> OwnedFd {
    let file = memfd_create("ring", MemfdFlags::ALLOW_SEALING | MemfdFlags::CLOEXEC).expect("memory");
    ftruncate(&file, size).expect("its size");
    fcntl_add_seals(&file, seals).expect("its seals");
    file
}

/// A valid ring.
pub fn good_ring() -> OwnedFd {
    memory(u64::from(SHARED_SIZE), SEALS)
}

/// Sends bytes with descriptors.
pub fn send(to: impl AsFd, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> rustix::io::Result<usize> {
    let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(253))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(descriptors.is_empty() || control.push(SendAncillaryMessage::ScmRights(descriptors)));
    sendmsg(to, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)
}

/// A packet in ipc-channel's format: its own length, the length of the whole message, the message or its start.
pub fn packet(length: u64, total: u64, message: &[u8]) -> Vec<u8> {
    [&length.to_ne_bytes()[..], &total.to_ne_bytes(), message].concat()
}

/// A packet that is a whole message.
pub fn whole(message: &[u8]) -> Vec<u8> {
    packet(16 + message.len() as u64, message.len() as u64, message)
}

/// Two ends of a channel.
pub fn channel_pair() -> (OwnedFd, OwnedFd) {
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).expect("sockets")
}

/// Sends a ring and two channels, one after the other, as the worker expects them; returns this side's ends of the channels.
pub fn hand_over(link: &UnixStream, ring: &OwnedFd) -> (OwnedFd, OwnedFd) {
    let ((batches, theirs), (events, their_events)) = (channel_pair(), channel_pair());
    for descriptor in [ring, &theirs, &their_events] {
        send(link, b"+", &[descriptor.as_fd()]).expect("it is sent");
    }
    (batches, events)
}

/// A session whose channels are sockets of the client's own.
pub struct Raw {
    pub link: UnixStream,
    pub batches: OwnedFd,
    pub events: OwnedFd,
}

impl Raw {
    /// Opens one, without receiving its first event.
    pub fn open(socket: &Path) -> Self {
        Self::over(socket, &good_ring())
    }

    /// The same over a ring that the caller keeps.
    pub fn over(socket: &Path, ring: &OwnedFd) -> Self {
        let link = greeted(socket);
        let (batches, events) = hand_over(&link, ring);
        Self { link, batches, events }
    }

    /// The next event, which is short; `None` when the worker is gone.
    pub fn event(&self) -> Option<Vec<u8>> {
        let mut bytes = vec![0; 256 << 10];
        let timeout = rustix::net::sockopt::Timeout::Recv;
        rustix::net::sockopt::set_socket_timeout(&self.events, timeout, Some(PATIENCE)).expect("a timeout");
        let (_, length) =
            rustix::net::recv(&self.events, bytes.as_mut_slice(), rustix::net::RecvFlags::empty()).ok()?;
        bytes.truncate(length);
        (length > 16).then(|| bytes.split_off(16))
    }

    /// Waits for the worker's reason of the session's end.
    pub fn closed(&self) -> String {
        while let Some(event) = self.event() {
            if let Ok(Event::Closed { reason }) = decode_event(&event) {
                return reason;
            }
        }
        panic!("the worker went without a word: {}", ended(&self.link))
    }
}

/// A session.
pub struct Client {
    pub link: UnixStream,
    /// The ring's memory, to be written to without [`Client::ring`].
    pub memory: File,
    pub ring: RingWriter,
    pub batches: BatchSender,
    pub writer: BatchWriter,
    events: Receiver<Vec<u8>>,
    /// The channel of a client that does not read it: open, and full at some time.
    #[allow(dead_code)]
    unread: Option<EventReceiver>,
    requests: u64,
}

impl Client {
    /// Opens a session and receives its first event.
    pub fn open(socket: &Path) -> Self {
        let mut client = Self::bootstrap(greeted(socket), true);
        client.expect(|event| matches!(event, Event::Welcome).then_some(()));
        client
    }

    /// A session of a client that never reads an event.
    pub fn deaf(socket: &Path) -> Self {
        Self::bootstrap(greeted(socket), false)
    }

    fn bootstrap(link: UnixStream, listens: bool) -> Self {
        // The descriptors are sent through a socket pair, so that the ring's memory is accessible here.
        let (around, here) = UnixStream::pair().expect("a pair of sockets");
        let channels = transport::connect(None, &Link::from(around)).expect("a ring and channels");
        let ClientChannels { commands, events, ring } = channels;
        let [memory, commands_end, events_end] = ["the ring", "the commands", "the events"]
            .map(|what| descriptors::receive(&here, Some(PATIENCE)).expect(what));
        for descriptor in [&memory, &commands_end, &events_end] {
            descriptors::send(&link, descriptor.as_fd()).expect("it is sent");
        }
        let (sender, receiver) = channel();
        let unread = if listens {
            // The thread ends with the worker.
            thread::spawn(move || while events.recv().is_ok_and(|event| sender.send(event).is_ok()) {});
            None
        } else {
            Some(events)
        };
        let writer = BatchWriter::default();
        Self { link, memory: memory.into(), ring, batches: commands, writer, events: receiver, unread, requests: 0 }
    }

    /// A session with a device on the noop adapter, which needs no driver.
    pub fn noop(socket: &Path) -> Self {
        let mut client = Self::open(socket);
        client.request_adapter(AdapterId(0)).expect("the noop adapter");
        client.request_device(DEVICE).expect("a device");
        client
    }

    /// As [`Client::with_buffer`], on the first real adapter, whose driver may import the ring.
    pub fn with_real_buffer(socket: &Path) -> Self {
        let mut client = Self::open(socket);
        let request = client.request();
        client.push(RequestAdapter { selector: AdapterSelector::Any, ..noop_adapter(request, AdapterId(0)) });
        let adapter = client.wait(|event| match event {
            Event::AdapterReply { request: of, result } if of == request => Some(result),
            _ => None,
        });
        adapter.expect("an adapter: a machine without a GPU needs lavapipe");
        client.request_device(DEVICE).expect("a device");
        client.create_buffer(BUFFER, 4 << 20);
        client
    }

    /// As [`Client::noop`], with a buffer of 4 MiB.
    pub fn with_buffer(socket: &Path) -> Self {
        let mut client = Self::noop(socket);
        client.create_buffer(BUFFER, 4 << 20);
        client
    }

    pub fn request(&mut self) -> RequestId {
        self.requests += 1;
        RequestId(self.requests)
    }

    pub fn request_adapter(&mut self, adapter: AdapterId) -> Result<(), String> {
        let request = self.request();
        self.push(noop_adapter(request, adapter));
        self.wait(|event| match event {
            Event::AdapterReply { request: of, result } if of == request => Some(result.map(drop)),
            _ => None,
        })
    }

    pub fn request_device(&mut self, device: DeviceId) -> Result<(), RequestDeviceError> {
        let (request, adapter) = (self.request(), AdapterId(0));
        let (required_features, required_limits) = (vec![], vec![]);
        self.push(RequestDevice { request, adapter, device, label: "", required_features, required_limits });
        self.wait(|event| match event {
            Event::DeviceReply { request: of, result } if of == request => Some(result.map(drop)),
            _ => None,
        })
    }

    pub fn create_buffer(&mut self, buffer: BufferId, size: u64) {
        self.push(create_buffer(buffer, size, ""));
    }

    pub fn push<'a>(&mut self, command: impl Into<Command<'a>>) {
        self.writer.push(&command.into()).expect("it has an encoding");
    }

    /// Sends the gathered commands. The loss of a worker is noticed in a later wait for an event.
    pub fn flush(&mut self) {
        let _ = self.writer.finish(|bytes| self.batches.send(bytes));
    }

    /// Sends the gathered commands and waits for an event for which `pick` returns a value; others are skipped.
    pub fn wait<T>(&mut self, pick: impl FnMut(Event<'_>) -> Option<T>) -> T {
        self.flush();
        self.expect(pick)
    }

    pub fn expect<T>(&mut self, mut pick: impl FnMut(Event<'_>) -> Option<T>) -> T {
        let since = Instant::now();
        loop {
            let bytes = match self.events.recv_timeout(PATIENCE.saturating_sub(since.elapsed())) {
                Ok(bytes) => bytes,
                Err(RecvTimeoutError::Timeout) => panic!("the worker does not answer"),
                Err(RecvTimeoutError::Disconnected) => panic!("the worker is gone: {}", ended(&self.link)),
            };
            let event = decode_event(&bytes).expect("an event");
            if let Event::Credit { consumed } = event {
                self.ring.credit(consumed);
            }
            let end = match &event {
                Event::Closed { reason } => Some(reason.clone()),
                _ => None,
            };
            if let Some(picked) = pick(event) {
                return picked;
            }
            assert!(end.is_none(), "the session ended: {end:?}");
        }
    }

    /// Checks that the session continues.
    pub fn lives(&mut self) -> Report {
        let request = self.request();
        self.push(ReportStats { request });
        self.wait(|event| match event {
            Event::Report { request: of, report } if of == request => Some(report),
            _ => None,
        })
    }

    /// Waits for the end of the session, with a reason that contains `what`, and of the worker.
    pub fn expect_closed(mut self, what: &str) {
        let reason = self.expect(|event| match event {
            Event::Closed { reason } => Some(reason),
            _ => None,
        });
        assert!(reason.contains(what), "the reason is {reason:?} and not {what:?}");
        assert_eq!(ended(&self.link), "ENDED exit code 1");
    }

    /// Runs `commands` in a scope of a device and returns the message of the error that it caught.
    pub fn caught(&mut self, device: DeviceId, commands: impl FnOnce(&mut Self)) -> Option<String> {
        self.push(PushErrorScope { device, filter: ErrorFilter::Validation });
        commands(self);
        let request = self.request();
        self.push(PopErrorScope { request, device });
        self.wait(|event| match event {
            Event::ScopePopped { request: of, result } if of == request => Some(result.expect("a scope is open")),
            _ => None,
        })
        .map(|error| error.message)
    }
}

pub fn noop_adapter(request: RequestId, adapter: AdapterId) -> RequestAdapter<'static> {
    let selector = AdapterSelector::Noop;
    RequestAdapter { request, adapter, power_preference: None, force_fallback_adapter: false, selector }
}

pub fn create_buffer(buffer: BufferId, size: u64, label: &str) -> CreateBuffer<'_> {
    let usage = BufferUsage::COPY_DST | BufferUsage::COPY_SRC;
    CreateBuffer { device: DEVICE, buffer, label, size, usage, mapped_at_creation: false }
}
