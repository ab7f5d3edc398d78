//! A worker with quotas and deadlines, and the client's side of its session.

use std::{
    fs::File,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::net::UnixStream,
    },
    process::{Child, Command as Process, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use airlock_protocol::{
    Command, Event,
    codec::{BatchWriter, decode_event},
    commands::{
        adapter::RequestDevice,
        buffer::{BufferUsage, CreateBuffer, MapBuffer, MapMode},
        error::{ErrorFilter, GpuError, PopErrorScope, PushErrorScope},
        instance::{AdapterSelector, RequestAdapter},
        queue::OnSubmittedWorkDone,
    },
    connect::{self, Folder, Link},
    events::RequestDeviceError,
    ids::{AdapterId, BufferId, DeviceId, RequestId},
    transport::{BatchSender, EventReceiver, RingWriter},
};
use gpu_daemon::status::{End, Status};

/// Timeout of all waits: longer than any operation takes on a slow and loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(300);
pub const DEVICE: DeviceId = DeviceId(0);

pub struct Client {
    pub process: Child,
    link: Option<Link>,
    status: File,
    pub batches: BatchSender,
    pub ring: RingWriter,
    pub writer: BatchWriter,
    events: Receiver<Vec<u8>>,
    unread: Option<EventReceiver>,
    requests: u64,
}

/// End of a session.
#[derive(Debug)]
pub struct Loss {
    pub lost: Vec<String>,
    pub closed: String,
}

impl Client {
    pub fn start(options: &[&str]) -> Self {
        let mut client = Self::deaf(options);
        client.listen();
        client.expect(|event| matches!(event, Event::Welcome).then_some(()));
        client
    }

    /// A client that does not read its events until [`listen`](Self::listen) is called.
    pub fn deaf(options: &[&str]) -> Self {
        // Inherited: it is not close-on-exec.
        let status = rustix::fs::memfd_create("status", rustix::fs::MemfdFlags::empty()).unwrap();
        let folder = Folder::new().unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        let theirs = OwnedFd::from(theirs);
        let mut command = Process::new(env!("CARGO_BIN_EXE_gpu-daemon"));
        folder.give_to(&mut command);
        let process = command
            .arg("worker")
            .args(options)
            .arg(format!("--status-fd={}", status.as_raw_fd()))
            .env("RUST_LOG", "off")
            .stdin(Stdio::from(theirs.try_clone().unwrap()))
            .stdout(Stdio::from(theirs))
            .spawn()
            .expect("the worker starts");
        drop(command);
        let link = Link::from(ours);
        let channels = connect::open(&link, "of the test").expect("a session");
        Self {
            process,
            link: Some(link),
            status: File::from(status),
            batches: channels.commands,
            ring: channels.ring,
            writer: BatchWriter::default(),
            events: channel().1,
            unread: Some(channels.events),
            requests: 0,
        }
    }

    /// Starts reading events.
    pub fn listen(&mut self) {
        let (sender, events) = channel();
        let receiver = self.unread.take().expect("events are not read yet");
        // The thread ends with the worker.
        thread::spawn(move || {
            while let Ok(event) = receiver.recv() {
                if sender.send(event).is_err() {
                    break;
                }
            }
        });
        self.events = events;
    }

    /// A client with a device on an adapter without a driver.
    pub fn noop(options: &[&str]) -> Self {
        let mut client = Self::start(options);
        client.request_adapter(AdapterSelector::Noop).expect("the noop adapter");
        client.request_device(DEVICE).expect("a device");
        client
    }

    /// A client with a device on any adapter.
    pub fn real(options: &[&str]) -> Self {
        let mut client = Self::start(options);
        client
            .request_adapter(AdapterSelector::Any)
            .expect("no adapter: a machine without a GPU needs lavapipe, which is in the package mesa-vulkan-drivers");
        client.request_device(DEVICE).expect("a device");
        client
    }

    pub fn request_adapter(&mut self, selector: AdapterSelector<'_>) -> Result<(), String> {
        let (request, power_preference, adapter) = (self.request(), None, AdapterId(0));
        self.push(RequestAdapter { request, adapter, power_preference, force_fallback_adapter: false, selector });
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

    pub fn request(&mut self) -> RequestId {
        self.requests += 1;
        RequestId(self.requests)
    }

    pub fn push<'a>(&mut self, command: impl Into<Command<'a>>) {
        self.writer.push(&command.into()).unwrap();
    }

    pub fn flush(&mut self) {
        // A dead worker is noticed where events are received.
        let _ = self.writer.finish(|bytes| self.batches.send(bytes));
    }

    /// Sends the pending batch and waits for an event that `pick` accepts; skips others.
    pub fn wait<T>(&mut self, pick: impl FnMut(Event<'_>) -> Option<T>) -> T {
        self.flush();
        self.expect(pick)
    }

    pub fn expect<T>(&mut self, mut pick: impl FnMut(Event<'_>) -> Option<T>) -> T {
        loop {
            let bytes = match self.events.recv_timeout(PATIENCE) {
                Ok(bytes) => bytes,
                Err(RecvTimeoutError::Timeout) => panic!("the worker does not answer"),
                Err(RecvTimeoutError::Disconnected) => panic!("the worker is gone"),
            };
            let event = decode_event(&bytes).unwrap();
            if let Event::Credit { consumed } = event {
                self.ring.credit(consumed);
            }
            if let Event::Uncaptured { error, .. } = &event {
                println!("uncaptured: {}", error.message);
            }
            if let Some(picked) = pick(event) {
                return picked;
            }
        }
    }

    /// Runs `commands` in a scope and returns its error.
    pub fn caught(&mut self, filter: ErrorFilter, commands: impl FnOnce(&mut Self)) -> Option<GpuError> {
        self.push(PushErrorScope { device: DEVICE, filter });
        commands(self);
        let request = self.request();
        self.push(PopErrorScope { request, device: DEVICE });
        self.wait(|event| match event {
            Event::ScopePopped { request: of, result } if of == request => Some(result.expect("a scope is open")),
            _ => None,
        })
    }

    /// Message of the out-of-memory error of `commands`.
    pub fn out_of_memory(&mut self, commands: impl FnOnce(&mut Self)) -> Option<String> {
        self.caught(ErrorFilter::OutOfMemory, commands).map(|error| error.message)
    }

    pub fn create_buffer(&mut self, id: u32, size: u64, usage: BufferUsage) -> BufferId {
        let buffer = BufferId(id);
        self.push(CreateBuffer { device: DEVICE, buffer, label: "", size, usage, mapped_at_creation: false });
        buffer
    }

    pub fn map(&mut self, buffer: BufferId, size: u64) -> Result<Vec<u8>, String> {
        let request = self.request();
        self.push(MapBuffer { request, buffer, mode: MapMode::Read, offset: 0, size });
        let mut contents = Vec::new();
        self.wait(|event| match event {
            Event::MapData { request: of, data } if of == request => {
                contents.extend_from_slice(data);
                None
            }
            Event::Mapped { request: of, result } if of == request => Some(result),
            _ => None,
        })
        .map(|()| contents)
        .map_err(|error| error.message)
    }

    pub fn work_done(&mut self) {
        let request = self.request();
        self.push(OnSubmittedWorkDone { request, device: DEVICE });
        self.wait(|event| matches!(event, Event::WorkDone { request: of } if of == request).then_some(()));
    }

    /// Waits for the worker to end the session.
    pub fn loss(&mut self) -> Loss {
        let mut lost = Vec::new();
        let closed = self.expect(|event| match event {
            Event::DeviceLost { message, .. } => {
                lost.push(message);
                None
            }
            Event::Closed { reason } => Some(reason),
            _ => None,
        });
        Loss { lost, closed }
    }

    /// Disconnects.
    pub fn hang_up(&mut self) {
        self.link = None;
    }

    /// Waits for the worker's exit and returns its code.
    pub fn exit(&mut self) -> Option<i32> {
        until("the worker does not end", || self.process.try_wait().unwrap().is_some());
        self.process.wait().unwrap().code()
    }

    /// The worker's status file.
    pub fn status(&self) -> Status {
        Status::read(&self.status).unwrap()
    }

    /// Waits until `is` holds for the counters.
    pub fn status_when(&self, is: impl Fn(&Status) -> bool) -> Status {
        until("the counters are others", || is(&self.status()));
        self.status()
    }

    /// Reason of the session's end.
    pub fn end(&self) -> Option<End> {
        End::of(self.status().end)
    }
}

/// Waits until a condition holds; fails after [`PATIENCE`] with the given text.
#[track_caller]
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        thread::sleep(Duration::from_millis(2));
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
