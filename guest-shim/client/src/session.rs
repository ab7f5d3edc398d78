//! A session: the encoder of the command stream, the ids, and the questions that wait for an event. It knows nothing of
//! the generated bindings, so that other versions of the interface can be served beside this one.
//!
//! Commands are encoded into a batch on the guest's thread without a lock; a thread of its own waits for a full socket. Another
//! receives the events, and so does the guest's for a moment while it waits; both share with the encoder only the table of
//! waiting questions and the state of devices.

mod devices;
mod events;
mod ids;
mod outbox;
mod tap;
mod turns;

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use crate::reply;
use airlock_protocol::{
    Payload, Record,
    codec::BatchWriter,
    commands::{adapter::Capabilities, session as wire},
    connect::{Connection, Lifeline},
    events::{MapError, PipelineError, Report, RequestDeviceError},
    ids::{DeviceId, Id, RequestId},
    limits::{BATCH_TARGET, INLINE_PAYLOAD, MAX_PENDING, MAX_PIECE, MAX_STAGED},
    transport::RingWriter,
};

pub use crate::reply::Gone;

pub use devices::{DeviceKey, DeviceState, ErrorStream, Lost, News};
pub use events::Answer;
use events::Receiver;
use ids::IdPools;
use outbox::Outbox;
pub use tap::{EventTap, Tap};

/// An answer of the daemon's.
#[derive(Debug)]
pub enum Reply {
    /// To `RequestAdapter`.
    Adapter(Result<Box<Capabilities>, String>),
    /// To `ListAdapters`.
    AdapterList(Vec<Capabilities>),
    /// To `RequestDevice`.
    Device(Result<Box<Capabilities>, RequestDeviceError>),
    /// To `MapBuffer`, with the contents.
    Mapped(Result<Vec<u8>, MapError>),
    /// To `OnSubmittedWorkDone`.
    WorkDone,
    /// To a pipeline that is made asynchronously.
    Pipeline(Result<(), PipelineError>),
    /// To `GetCompilationInfo`.
    CompilationInfo(Vec<airlock_protocol::commands::shader::CompilationMessage>),
    /// To `PopErrorScope`; an error says that there is no scope.
    Scope(Result<Option<airlock_protocol::commands::error::GpuError>, ()>),
    /// To `ReportStats`.
    Report(Report),
}

/// A question that waits. Dropping it tells its asker that the session is over.
#[derive(Debug)]
struct Pending {
    answer: reply::Sender<Reply>,
    /// Where a map's contents gather, and how long they may become.
    data: Vec<u8>,
    expected: usize,
}

/// What the encoder and the thread that receives events have in common.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pending: Mutex<HashMap<u64, Pending>>,
    devices: Mutex<HashMap<u32, Arc<News>>>,
    credit: Mutex<Credit>,
    credited: Condvar,
    /// The host itself ends the session.
    closing: AtomicBool,
}

#[derive(Debug, Default)]
struct Credit {
    consumed: u64,
    /// Why the session is over, once it is.
    ended: Option<String>,
}

/// A poisoned lock guards plain data that stays valid, whatever its last holder was doing.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counters of the stream.
#[derive(Clone, Copy, Debug, Default)]
pub struct StreamStats {
    /// Commands sent.
    pub commands: u64,
    /// Batches sent.
    pub batches: u64,
    /// Bytes of batches.
    pub stream_bytes: u64,
    /// Bytes of buffer and texture data, in batches or through the ring.
    pub data_bytes: u64,
    /// How often an upload waited for room in the ring.
    pub ring_waits: u64,
    /// How long those waits took.
    pub ring_wait: Duration,
}

impl StreamStats {
    /// Adds those of another session.
    pub fn add(&mut self, other: StreamStats) {
        self.commands += other.commands;
        self.batches += other.batches;
        self.stream_bytes += other.stream_bytes;
        self.data_bytes += other.data_bytes;
        self.ring_waits += other.ring_waits;
        self.ring_wait += other.ring_wait;
    }
}

/// A live session with one worker.
pub struct Session {
    number: u32,
    writer: BatchWriter,
    /// `None` once the session closes.
    batches: Option<Outbox>,
    ring: RingWriter,
    ids: IdPools,
    next_request: u64,
    /// Bytes in the ring that belong to commands of the batch.
    unsent: usize,
    shared: Arc<Shared>,
    receiver: Arc<Receiver>,
    taps: Vec<Box<dyn Tap>>,
    life: Arc<Mutex<Lifeline>>,
    receiver_done: mpsc::Receiver<()>,
    stats: StreamStats,
}

/// A batch leaves when its commands have this many bytes in the ring: the daemon reads them while the guest writes more, and
/// both use few enough of them to find them in a cache.
const DATA_TARGET: usize = 256 << 10;

/// How long a worker may take to end by itself when its session closes.
const CLOSE_WAIT: Duration = Duration::from_millis(300);

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Session {
    /// Takes over a connection. `number` tells this session from the ones before it.
    pub fn start(connection: Connection, number: u32, mut taps: Vec<Box<dyn Tap>>) -> Self {
        let Connection { channels, life } = connection;
        let shared = Arc::new(Shared::default());
        let life = Arc::new(Mutex::new(life));
        let (done, receiver_done) = mpsc::channel();
        let heard = taps.iter_mut().filter_map(|tap| tap.events()).collect();
        let receiver = Arc::new(Receiver::new(channels.events, Arc::clone(&shared), Arc::clone(&life), heard));
        let receiving = Arc::clone(&receiver);
        let spawned = thread::Builder::new().name("airlock-events".to_owned()).spawn(move || receiving.run(done));
        if let Err(error) = spawned {
            shared.end(&format!("no thread for its events: {error}"));
        }
        Self {
            number,
            writer: BatchWriter::default(),
            batches: Some(Outbox::new(channels.commands)),
            ring: channels.ring,
            ids: IdPools::default(),
            next_request: 0,
            unsent: 0,
            shared,
            receiver,
            taps,
            life,
            receiver_done,
            stats: StreamStats::default(),
        }
    }

    /// Tells this session from the ones before it.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// What it has sent.
    pub fn stats(&self) -> StreamStats {
        self.stats
    }

    /// Why the session is over, once it is.
    pub fn ended(&self) -> Option<String> {
        lock(&self.shared.credit).ended.clone()
    }

    /// A free id of a kind; `None` when the session has as many objects of it as a session may have.
    #[inline]
    pub fn allocate<I: Id>(&mut self) -> Option<I> {
        self.ids.allocate()
    }

    /// Tells the daemon that an object is dropped, and frees its id.
    #[inline]
    pub fn release<I: Id>(&mut self, id: I) {
        self.send(wire::DropObject { object: id.object() });
        self.ids.free(id);
    }

    /// Frees an id that the daemon never gave to an object.
    pub fn reclaim<I: Id>(&mut self, id: I) {
        self.ids.free(id);
    }

    /// Appends a command to the batch, and sends the batch when it is full.
    #[inline]
    pub fn send<R: Record>(&mut self, command: R) {
        if let Err(error) = self.writer.push_record(&command) {
            tracing::error!("{}: {error}", R::NAME);
        }
        if self.writer.len() >= BATCH_TARGET {
            self.flush();
        }
    }

    /// Sends what has gathered.
    pub fn flush(&mut self) {
        self.unsent = 0;
        if self.writer.is_empty() {
            return;
        }
        self.stats.batches += 1;
        self.stats.commands += u64::from(self.writer.commands());
        let Some(batches) = &mut self.batches else { return };
        let (taps, stats) = (&mut self.taps, &mut self.stats);
        self.writer.finish(|bytes| {
            for tap in taps {
                tap.batch(bytes);
            }
            stats.stream_bytes += bytes.len() as u64;
            batches.send(bytes);
        });
    }

    /// Registers a question. `None` when too many wait already: its asker then gets no answer.
    pub fn ask(&mut self, map_bytes: usize) -> Option<(RequestId, Answer)> {
        let (answer, reply) = reply::channel();
        let mut pending = lock(&self.shared.pending);
        if pending.len() >= MAX_PENDING {
            return None;
        }
        let request = self.next_request;
        self.next_request += 1;
        // After the end nobody would take the question from the table.
        if lock(&self.shared.credit).ended.is_none() {
            pending.insert(request, Pending { answer, data: Vec::new(), expected: map_bytes });
        }
        Some((RequestId(request), Answer::new(reply, Arc::clone(&self.receiver))))
    }

    /// Registers a question for an object, with the id that the object will have.
    pub fn ask_for<I: Id>(&mut self) -> Option<(I, RequestId, Answer)> {
        let id: I = self.allocate()?;
        match self.ask(0) {
            Some((request, answer)) => Some((id, request, answer)),
            None => {
                self.reclaim(id);
                None
            }
        }
    }

    /// Gathers the news of a device from before it is asked for, so that none is missed.
    pub fn watch(&self, id: DeviceId) -> Arc<News> {
        let news = Arc::new(News::default());
        lock(&self.shared.devices).insert(id.0, Arc::clone(&news));
        if let Some(reason) = self.ended() {
            news.lose(Lost::unknown(&reason));
        }
        news
    }

    /// The device was not granted, or has no objects any more.
    pub fn forget(&self, id: DeviceId) {
        lock(&self.shared.devices).remove(&id.0);
    }

    /// Sends a command that carries bulk data: inside it when it is short, through the ring when it is long. Gives the
    /// data back as an error when it is longer than a daemon gathers.
    pub fn send_with_data<'a, R: Record>(
        &mut self,
        data: &'a [u8],
        command: impl FnOnce(Payload<'a>) -> R,
    ) -> Result<(), TooLong> {
        self.stats.data_bytes += data.len() as u64;
        if data.len() <= INLINE_PAYLOAD {
            self.send(command(Payload::Inline(data)));
            return Ok(());
        }
        if data.len() as u64 > MAX_STAGED {
            return Err(TooLong { len: data.len() });
        }
        if data.len() <= MAX_PIECE as usize {
            let payload = self.put(data);
            self.send(command(payload));
            self.unsent = self.unsent.saturating_add(data.len());
            if self.unsent >= DATA_TARGET {
                self.flush();
            }
        } else {
            for piece in data.chunks(MAX_PIECE as usize) {
                let data = self.put(piece);
                self.send(wire::Stage { data });
                // The daemon copies this piece while the next one is put into the ring.
                self.flush();
            }
            self.send(command(Payload::Staged { len: data.len() as u64 }));
        }
        Ok(())
    }

    /// Puts a piece into the ring, waiting for room if need be.
    fn put<'a>(&mut self, piece: &'a [u8]) -> Payload<'a> {
        let len = u32::try_from(piece.len()).unwrap_or(MAX_PIECE);
        loop {
            let seen = lock(&self.shared.credit).consumed;
            self.ring.credit(seen);
            if let Some(start) = self.ring.write(piece) {
                for tap in &mut self.taps {
                    tap.piece(start, piece);
                }
                return Payload::Shared { start, len };
            }
            // What the daemon must read before there is room may still be in our batch.
            self.flush();
            let since = Instant::now();
            self.receiver.look_until(|| lock(&self.shared.credit).consumed != seen);
            self.receiver.rely();
            let credit = self
                .shared
                .credited
                .wait_while(lock(&self.shared.credit), |credit| credit.ended.is_none() && credit.consumed == seen)
                .unwrap_or_else(PoisonError::into_inner);
            let ended = credit.ended.is_some();
            drop(credit);
            self.receiver.release();
            self.stats.ring_waits += 1;
            self.stats.ring_wait += since.elapsed();
            if ended {
                // Nobody reads the command; it only needs some payload.
                return Payload::Inline(&[]);
            }
        }
    }
}

impl Drop for Session {
    /// Closes the channel, which ends the worker, and sees to it that it has ended.
    fn drop(&mut self) {
        self.flush();
        self.shared.closing.store(true, Ordering::Relaxed);
        self.batches = None;
        // For good: nobody looks any more.
        self.receiver.rely();
        let _ = self.receiver_done.recv_timeout(CLOSE_WAIT);
        lock(&self.life).cut();
        // What the session's end says belongs into recordings; it comes at once where it has not come before.
        let _ = self.receiver_done.recv_timeout(CLOSE_WAIT);
    }
}

/// Data that is longer than a daemon gathers for one command.
#[derive(Debug, thiserror::Error)]
#[error("{len} bytes of data are more than the {MAX_STAGED} that one call may carry")]
pub struct TooLong {
    len: usize,
}
