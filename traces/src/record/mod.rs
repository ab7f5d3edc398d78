//! Recording a live run: what crosses is handed to a thread of its own, which compresses and writes.
//!
//! The guest's thread copies each batch into a bounded queue before it is sent, and waits only when that is full. The
//! writing thread is not woken for a batch; it looks at the queue on its own, so that a run of many small submits does
//! not pay for it. What it finds reaches the file within a window of [`Options::window`]: so much is lost at most when the
//! host itself is killed. [`Durability`] has stricter ways.

mod file;
pub mod flight;
mod queue;
mod readback;
mod tap;

use std::{
    fmt,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use airlock_client::Blocked;
use airlock_protocol::{Event, ids::RequestId};

use crate::{format::Body, header::Header};
use queue::Queue;

pub use readback::KEPT;

/// How long what was handed over may stay in memory.
pub const WINDOW: Duration = Duration::from_millis(50);

/// What happens before a batch is sent to the daemon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// It is handed to the writing thread: it survives the daemon and the driver, and the host's own end up to the window.
    #[default]
    Window,
    /// It is written: it survives the host's end too.
    Batch,
    /// It is on the disk: it survives the machine's end too.
    Disk,
}

/// How a run is recorded.
#[derive(Clone, Debug)]
pub struct Options {
    /// The trace.
    pub path: PathBuf,
    /// Its header.
    pub header: Header,
    /// Bytes that the file may have; the recording stops when it is reached, and the run goes on.
    pub limit: Option<u64>,
    /// See [`WINDOW`].
    pub window: Duration,
    /// See [`Durability`].
    pub durability: Durability,
    /// Keep the bytes of every readback, not only of the short ones.
    pub readback_bytes: bool,
}

impl Options {
    /// The usual ones.
    pub fn new(path: PathBuf, header: Header) -> Self {
        Self { path, header, limit: None, window: WINDOW, durability: Durability::Window, readback_bytes: false }
    }
}

/// What a recorder has to tell a person: at most once that the recording is not whole.
pub type Notice = Box<dyn FnMut(&str) + Send>;

/// Does something with what is recorded, on the recorder's thread.
pub(crate) trait Consumer: Send {
    /// Takes a message. False ends the recording; the run goes on.
    fn message(&mut self, message: Message) -> bool;
    /// Writes what is older than the window, or everything.
    fn settle(&mut self, everything: bool) -> bool;
    /// The run is over.
    fn finish(self: Box<Self>);
}

/// What crosses the queue.
#[derive(Debug)]
pub(crate) struct Message {
    pub session: u32,
    /// Nanoseconds since the recording began.
    pub time: u64,
    pub what: Said,
}

/// See [`Message`].
#[derive(Debug)]
pub(crate) enum Said {
    Body(Body),
    /// Bulk data, put into the ring at `start`.
    Piece {
        start: u64,
        bytes: Vec<u8>,
    },
    /// A piece of what a map returns.
    MapData {
        request: RequestId,
        bytes: Vec<u8>,
    },
}

impl Said {
    /// Bytes that the message holds, itself included: a worker may send any number of events of two bytes.
    fn weight(&self) -> usize {
        size_of::<Message>().saturating_add(self.payload())
    }

    /// Bytes of what crossed.
    fn payload(&self) -> usize {
        match self {
            Said::Body(Body::Batch(bytes) | Body::Event(bytes)) => bytes.len(),
            Said::Piece { bytes, .. } | Said::MapData { bytes, .. } => bytes.len(),
            Said::Body(_) => 0,
        }
    }
}

/// A recording in progress. Dropping it, like [`Recorder::finish`], writes what is left and closes the trace.
pub struct Recorder {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
    strict: bool,
    sessions: AtomicU32,
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}

impl Recorder {
    /// Begins a recording. A file that cannot be made is told through `notice`, as is everything that stops the recording
    /// later: the run itself goes on in every case.
    pub fn start(options: Options, notice: Notice) -> Self {
        let strict = options.durability != Durability::Window;
        let window = options.window;
        Self::with(window, strict, move || {
            file::FileConsumer::new(options, notice).map(|consumer| Box::new(consumer) as _)
        })
    }

    /// Begins with any consumer, which is made on the recorder's thread.
    pub(crate) fn with(
        window: Duration,
        strict: bool,
        make: impl FnOnce() -> Option<Box<dyn Consumer>> + Send + 'static,
    ) -> Self {
        let queue = Arc::new(Queue::new(window, strict));
        let consumed = Arc::clone(&queue);
        let thread = thread::Builder::new().name("airlock-record".to_owned()).spawn(move || {
            // However this thread ends, nobody waits for it any more.
            let _stop = queue::StopAtEnd(Arc::clone(&consumed));
            if let Some(consumer) = make() {
                consumed.consume(consumer);
            }
        });
        let thread = thread.inspect_err(|error| {
            tracing::warn!("no thread for the recording: {error}");
            queue.stop();
        });
        Self { queue, thread: thread.ok(), strict, sessions: AtomicU32::new(0) }
    }

    /// Begins a session: a new worker, with ids of its own.
    pub fn session(&self) -> SessionRecorder {
        // Counted here, so that several contexts may share a recorder.
        let session = self.sessions.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let (queue, blocked) = (Arc::clone(&self.queue), Arc::default());
        let recorder = SessionRecorder { queue, session, strict: self.strict, blocked };
        recorder.push(Said::Body(Body::Session));
        recorder
    }

    /// Writes what is left and closes the trace.
    pub fn finish(self) {}
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.queue.end();
        if let Some(thread) = self.thread.take() {
            // A panic there was reported there; the run has ended well all the same.
            let _ = thread.join();
        }
    }
}

/// Records one session. Each of the two directions may have a clone of its own, on any thread.
#[derive(Clone, Debug)]
pub struct SessionRecorder {
    queue: Arc<Queue>,
    session: u32,
    strict: bool,
    /// How often and how long its callers have waited.
    blocked: Arc<Mutex<Blocked>>,
}

impl SessionRecorder {
    fn push(&self, what: Said) -> u64 {
        let (ticket, waited) = self.queue.push(self.session, what);
        self.waited(waited);
        ticket
    }

    fn waited(&self, time: Option<Duration>) {
        if let Some(time) = time {
            let mut blocked = self.blocked.lock().unwrap_or_else(PoisonError::into_inner);
            blocked.count += 1;
            blocked.time += time;
        }
    }

    /// How often and how long those who record have waited for the recording's thread: for room, or with a strict
    /// [`Durability`] for each batch.
    pub fn blocked(&self) -> Blocked {
        *self.blocked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A batch is about to be sent.
    pub fn batch(&self, bytes: &[u8]) {
        let ticket = self.push(Said::Body(Body::Batch(bytes.to_vec())));
        if self.strict {
            self.waited(self.queue.wait_for(ticket));
        }
    }

    /// A piece of bulk data was put into the ring, for a batch that is not sent yet.
    pub fn piece(&self, start: u64, bytes: &[u8]) {
        self.push(Said::Piece { start, bytes: bytes.to_vec() });
    }

    /// An event has arrived and nobody has heard of it yet.
    pub fn event(&self, bytes: &[u8], event: &Event<'_>) {
        match event {
            // These say how the transport is, not what the GPU answers.
            Event::Welcome | Event::Credit { .. } => {}
            Event::MapData { request, data } => {
                self.push(Said::MapData { request: *request, bytes: data.to_vec() });
            }
            _ => {
                self.push(Said::Body(Body::Event(bytes.to_vec())));
            }
        }
    }

    /// The session is over.
    pub fn ended(&self, reason: &str) {
        self.push(Said::Body(Body::End(reason.to_owned())));
    }
}
