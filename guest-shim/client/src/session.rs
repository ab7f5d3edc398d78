//! A session: the encoder of the command stream, the ids, and the pending requests. It knows nothing of WebGPU's
//! objects.
//!
//! Commands are encoded into a batch on the caller's thread without a lock; a second thread blocks on a full socket. A
//! third thread receives the events, and so does the caller's for a moment while it waits; both share with the encoder
//! only the table of requests and the news of devices.

mod blocks;
mod ids;
mod news;
mod pending;
mod receiver;
mod send_queue;
mod slot;
mod sync;
mod tap;
mod turns;
mod wait;
mod warnings;

use std::{
    fmt,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use airlock_protocol::{
    Payload, Record,
    codec::BatchWriter,
    commands::session as wire,
    connect::{Connection, WorkerHandle},
    ids::{DeviceId, Id, RequestId},
    limits::{BATCH_TARGET, INLINE_PAYLOAD, MAX_PIECE, MAX_STAGED},
    transport::RingWriter,
};

use ids::IdPools;
use pending::Shared;
use receiver::Receiver;
use send_queue::SendQueue;
use slot::Slot;
pub(crate) use sync::lock;

pub use blocks::Blocked;
pub(crate) use blocks::Blocks;
pub(crate) use news::News;
pub use news::{ErrorStream, Lost};
pub(crate) use pending::{AdapterReply, DeviceReply, MapReply, PipelineReply, Reply, ScopeReply};
pub use slot::Gone;
pub use tap::{EventTap, Tap};
pub use wait::{Spinning, Wait};
pub(crate) use warnings::Warnings;

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
    /// The number of uploads that waited for space in the ring.
    pub ring_waits: u64,
    /// The duration of those waits.
    pub ring_wait: Duration,
}

impl StreamStats {
    /// Adds the counters of another session.
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
pub(crate) struct Session {
    number: u32,
    writer: BatchWriter,
    /// `None` once the session closes.
    batches: Option<SendQueue>,
    ring: RingWriter,
    ids: IdPools,
    next_request: u64,
    /// Bytes in the ring that belong to commands of the batch.
    unsent: usize,
    shared: Arc<Shared>,
    receiver: Arc<Receiver>,
    taps: Vec<Box<dyn Tap>>,
    worker: Arc<Mutex<WorkerHandle>>,
    received: Arc<Slot<()>>,
    blocks: Arc<Blocks>,
    stats: StreamStats,
}

/// Bytes in the ring at which a batch is sent: the daemon reads them while the guest writes more, and both use few
/// enough of them to stay within a cache.
const DATA_TARGET: usize = 256 << 10;

/// Timeout for a worker to exit by itself when its session closes.
const CLOSE_WAIT: Duration = Duration::from_millis(300);

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Session {
    /// Opens a session on a connection. `number` distinguishes it from earlier sessions.
    pub fn start(
        connection: Connection,
        number: u32,
        mut taps: Vec<Box<dyn Tap>>,
        blocks: Arc<Blocks>,
        warnings: Warnings,
    ) -> Self {
        let Connection { channels, worker } = connection;
        let shared = Arc::new(Shared::new(warnings));
        let worker = Arc::new(Mutex::new(worker));
        let (done, received) = Slot::new();
        let heard = taps.iter_mut().filter_map(|tap| tap.events()).collect();
        let receiver = Arc::new(Receiver::new(
            channels.events,
            Arc::clone(&shared),
            Arc::clone(&worker),
            heard,
            Arc::clone(&blocks),
        ));
        let receiving = Arc::clone(&receiver);
        let spawned = thread::Builder::new().name("airlock-events".to_owned()).spawn(move || receiving.run(done));
        if let Err(error) = spawned {
            shared.end(&format!("no thread for its events: {error}"));
        }
        Self {
            number,
            writer: BatchWriter::default(),
            batches: Some(SendQueue::new(channels.commands, Arc::clone(&blocks))),
            ring: channels.ring,
            ids: IdPools::default(),
            next_request: 0,
            unsent: 0,
            shared,
            receiver,
            taps,
            worker,
            received,
            blocks,
            stats: StreamStats::default(),
        }
    }

    /// Distinguishes this session from earlier ones.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The statistics of its stream.
    pub fn stats(&self) -> StreamStats {
        self.stats
    }

    /// Count and duration of callers' blocks in its taps.
    pub fn blocked_by_taps(&self) -> Blocked {
        let mut blocked = Blocked::default();
        for more in self.taps.iter().map(|tap| tap.blocked()) {
            blocked.count += more.count;
            blocked.time += more.time;
        }
        blocked
    }

    /// The reason of the session's end, once it has ended.
    pub fn ended(&self) -> Option<String> {
        self.shared.ended()
    }

    /// Allocates a free id of a kind; `None` when the session has the most objects of the kind that it may have.
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

    /// Frees an id for which the daemon never created an object.
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

    /// Sends the gathered commands.
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

    /// Registers a request. `None` when too many are pending: its caller then gets no reply. The contents of a map have
    /// at most `map_bytes` bytes.
    pub fn request<T: Reply>(&mut self, map_bytes: usize) -> Option<(RequestId, Wait<T>)> {
        let slot = self.shared.register(self.next_request, map_bytes)?;
        let request = RequestId(self.next_request);
        self.next_request += 1;
        Some((request, Wait::new(slot, Some(Arc::clone(&self.receiver)))))
    }

    /// Registers a request for an object, with the id that the object will have.
    pub fn request_object<I: Id, T: Reply>(&mut self) -> Option<(I, RequestId, Wait<T>)> {
        let id: I = self.allocate()?;
        match self.request(0) {
            Some((request, wait)) => Some((id, request, wait)),
            None => {
                self.reclaim(id);
                None
            }
        }
    }

    /// Gathers the news of a device from before its request is sent, so that none is missed.
    pub fn watch(&self, id: DeviceId) -> Arc<News> {
        self.shared.watch(id)
    }

    /// Ends the news of a device that was not granted, or has no objects any more.
    pub fn forget(&self, id: DeviceId) {
        self.shared.forget(id);
    }

    /// Sends a command that carries bulk data: inside it when it is short, through the ring when it is long. Data that
    /// is longer than a daemon gathers is an error.
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

    /// Puts a piece into the ring, and waits for room where there is none.
    fn put<'a>(&mut self, piece: &'a [u8]) -> Payload<'a> {
        let len = u32::try_from(piece.len()).unwrap_or(MAX_PIECE);
        loop {
            let seen = self.shared.consumed();
            self.ring.credit(seen);
            if let Some(start) = self.ring.write(piece) {
                for tap in &mut self.taps {
                    tap.piece(start, piece);
                }
                return Payload::Shared { start, len };
            }
            // The commands that free space in the ring may still be in our batch.
            self.flush();
            let since = Instant::now();
            self.receiver.look_until(|| self.shared.consumed() != seen);
            let ended = if self.shared.consumed() != seen {
                false
            } else {
                self.receiver.rely();
                let ended = self.blocks.during(|| self.shared.wait_for_credit(seen));
                self.receiver.release();
                ended
            };
            self.stats.ring_waits += 1;
            self.stats.ring_wait += since.elapsed();
            if ended {
                // The session has ended, so the command is never read; it only needs some payload.
                return Payload::Inline(&[]);
            }
        }
    }
}

impl Session {
    fn wait_for_end(&self) {
        if !self.received.is_settled() {
            self.blocks.during(|| self.received.wait_timeout(CLOSE_WAIT));
        }
    }
}

impl Drop for Session {
    /// Closes the channel, which ends the worker, and waits until it has ended.
    fn drop(&mut self) {
        self.flush();
        self.shared.close();
        self.batches = None;
        // No caller polls any more.
        self.receiver.rely();
        self.wait_for_end();
        lock(&self.worker).kill();
        // Recordings contain the reason of the session's end; after the kill it arrives at once.
        self.wait_for_end();
    }
}

/// Data that is longer than a daemon gathers for one command.
#[derive(Debug, thiserror::Error)]
#[error("{len} bytes of data are more than the {MAX_STAGED} that one call may carry")]
pub struct TooLong {
    len: usize,
}
