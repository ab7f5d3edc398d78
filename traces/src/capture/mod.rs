//! Recording of a live run: a thread of its own compresses and writes the stream.
//!
//! The guest's thread copies each batch into a bounded queue before it is sent, and blocks only when that is full. The
//! writing thread is not woken for a batch; it polls the queue, so that a run of many small submits does not pay for
//! wake-ups. Messages reach the file within a window of [`Options::window`], which is the most that is lost when the
//! host itself is killed. [`Durability`] has stricter modes.

mod file;
pub mod flight;
mod message;
mod queue;
mod readback;
mod tap;

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use airlock_client::Blocked;
use airlock_protocol::Event;

use crate::file::format::Body;
use queue::Queue;

pub(crate) use message::{Consumer, Message, Said};
pub use message::{Durability, Notice, Options, WINDOW};
pub use readback::KEPT;

/// A recording in progress. Dropping it, like [`Recorder::finish`], writes the pending messages and closes the trace.
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
    /// Begins a recording. Errors are reported through `notice`, when the file cannot be created and when the recording
    /// stops later: the run itself goes on in every case.
    pub fn start(options: Options, notice: Notice) -> Self {
        let strict = options.durability != Durability::Window;
        let window = options.window;
        Self::with(window, strict, move || {
            file::FileConsumer::new(options, notice).map(|consumer| Box::new(consumer) as _)
        })
    }

    /// Begins with any consumer, which is created on the recorder's thread.
    pub(crate) fn with(
        window: Duration,
        strict: bool,
        make: impl FnOnce() -> Option<Box<dyn Consumer>> + Send + 'static,
    ) -> Self {
        let queue = Arc::new(Queue::new(window, strict));
        let consumed = Arc::clone(&queue);
        let thread = thread::Builder::new().name("airlock-record".to_owned()).spawn(move || {
            // At any end of this thread, waiting callers are released.
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

    /// Has a flight recorder write its trace now, as if something had gone wrong. Nothing to a recording of another kind.
    pub fn snapshot(&self) {
        self.queue.push(0, Said::Snapshot);
    }

    /// Writes the pending messages and closes the trace.
    pub fn finish(self) {}
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.queue.end();
        if let Some(thread) = self.thread.take() {
            // A panic was reported on that thread, and does not affect the run.
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
    /// The number and duration of its callers' waits.
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

    /// The number and duration of waits for the recording's thread: for space in the queue, or with a strict
    /// [`Durability`] for each batch.
    pub fn blocked(&self) -> Blocked {
        *self.blocked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a batch before it is sent.
    pub fn batch(&self, bytes: &[u8]) {
        let ticket = self.push(Said::Body(Body::Batch(bytes.to_vec())));
        if self.strict {
            self.waited(self.queue.wait_for(ticket));
        }
    }

    /// Records a piece of bulk data in the ring, before the batch that refers to it.
    pub fn piece(&self, start: u64, bytes: &[u8]) {
        self.push(Said::Piece { start, bytes: bytes.to_vec() });
    }

    /// Records an event before it is delivered.
    pub fn event(&self, bytes: &[u8], event: &Event<'_>) {
        match event {
            // These belong to the transport.
            Event::Welcome | Event::Credit { .. } => {}
            Event::MapData { request, data } => {
                self.push(Said::MapData { request: *request, bytes: data.to_vec() });
            }
            _ => {
                self.push(Said::Body(Body::Event(bytes.to_vec())));
            }
        }
    }

    /// Records the end of the session.
    pub fn ended(&self, reason: &str) {
        self.push(Said::Body(Body::End(reason.to_owned())));
    }
}
