//! Pool of guest processes: hands out idle instances and tracks the processes behind them.

use std::{
    collections::VecDeque,
    os::fd::AsFd as _,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use airlock_protocol::descriptors;
use tokio::{
    io::AsyncReadExt as _,
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{Notify, Semaphore, mpsc},
    time::timeout,
};

use super::{
    channel::{Notice, Ready},
    limits::{RENEW_TIMEOUT, START_TIMEOUT},
    metrics::Metrics,
};

/// A guest process.
#[derive(Debug)]
struct Guest {
    number: u64,
    /// Stream to the process, for requests' connections.
    channel: OwnedWriteHalf,
    /// Signals the end of a lease.
    released: Notify,
}

/// All guest processes.
#[derive(Debug)]
pub struct Pool {
    idle: Mutex<VecDeque<Arc<Guest>>>,
    /// A permit for each idle process; surplus permits of ended processes are skipped.
    available: Semaphore,
    waiting: AtomicUsize,
    queue: usize,
    /// Guest processes that are idle or handle a request.
    alive: AtomicUsize,
    /// Guest processes started so far.
    started: AtomicU64,
    first_ready: Notify,
    notices: std::os::unix::net::UnixStream,
    metrics: Arc<Metrics>,
}

/// Reason for the lack of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoInstance {
    /// The queue is full.
    Full,
    /// None became idle before the deadline.
    Late,
}

/// Exclusive use of an instance for one request, until dropped.
#[derive(Debug)]
pub struct Lease {
    guest: Arc<Guest>,
    pool: Arc<Pool>,
}

impl Pool {
    /// Creates an empty pool.
    pub fn new(queue: usize, notices: std::os::unix::net::UnixStream, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            idle: Mutex::default(),
            available: Semaphore::new(0),
            waiting: AtomicUsize::new(0),
            queue,
            alive: AtomicUsize::new(0),
            started: AtomicU64::new(0),
            first_ready: Notify::new(),
            notices,
            metrics,
        })
    }

    /// Number of guest processes that are idle or handle a request.
    pub fn alive(&self) -> usize {
        self.alive.load(Ordering::Relaxed)
    }

    /// Resolves when the first instance is ready. For one waiter.
    pub async fn first_ready(&self) {
        self.first_ready.notified().await;
    }

    /// Waits for an idle instance, in the order of calls.
    pub async fn take(self: &Arc<Self>, wait: Duration) -> Result<Lease, NoInstance> {
        if let Some(lease) = self.try_take() {
            return Ok(lease);
        }
        let waits = Waits::among(self).ok_or(NoInstance::Full)?;
        let taken = timeout(wait, async {
            loop {
                match self.available.acquire().await {
                    Ok(permit) => permit.forget(),
                    // The semaphore is never closed.
                    Err(_) => std::future::pending().await,
                }
                if let Some(lease) = self.pop() {
                    return lease;
                }
            }
        });
        let lease = taken.await.map_err(|_| NoInstance::Late);
        drop(waits);
        lease
    }

    fn try_take(self: &Arc<Self>) -> Option<Lease> {
        while let Ok(permit) = self.available.try_acquire() {
            permit.forget();
            if let Some(lease) = self.pop() {
                return Some(lease);
            }
        }
        None
    }

    fn pop(self: &Arc<Self>) -> Option<Lease> {
        let guest = self.lock().pop_front()?;
        Some(Lease { guest, pool: Arc::clone(self) })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Arc<Guest>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tracks a guest process from start to end. Processes are numbered in the order of calls, as in the supervisor.
    pub fn follow(self: Arc<Self>, channel: UnixStream) -> impl Future<Output = ()> {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        self.run(number, channel)
    }

    async fn run(self: Arc<Self>, number: u64, channel: UnixStream) {
        let (reader, writer) = channel.into_split();
        let guest = Arc::new(Guest { number, channel: writer, released: Notify::new() });
        let (sender, mut frames) = mpsc::channel(1);
        // In a task of its own, because reading a frame is not cancel-safe.
        let reading = tokio::spawn(read_frames(reader, sender));
        let first = timeout(START_TIMEOUT, frames.recv()).await;
        if let Ok(Some(ready)) = first {
            self.notify(Notice::Ready(number));
            self.alive.fetch_add(1, Ordering::Relaxed);
            self.first_ready.notify_one();
            self.lead(&guest, ready, &mut frames).await;
            self.alive.fetch_sub(1, Ordering::Relaxed);
        }
        self.lock().retain(|idle| idle.number != number);
        reading.abort();
        self.metrics.guest_ended();
        // The process has ended, or must be killed.
        self.notify(Notice::Kill(number));
    }

    /// Alternates between idle and leased, until the process ends or violates the protocol.
    async fn lead(&self, guest: &Arc<Guest>, mut ready: Ready, frames: &mut mpsc::Receiver<Ready>) {
        loop {
            self.metrics.guest_used(ready);
            self.lock().push_back(Arc::clone(guest));
            self.available.add_permits(1);
            tokio::select! {
                biased;
                () = guest.released.notified() => {}
                // End of the stream, or a frame, which is valid only while the process is leased.
                frame = frames.recv() => match frame {
                    Some(frame) if !self.is_idle(guest) => {
                        guest.released.notified().await;
                        ready = frame;
                        continue;
                    }
                    _ => return,
                },
            }
            match timeout(RENEW_TIMEOUT, frames.recv()).await {
                Ok(Some(frame)) => ready = frame,
                _ => return,
            }
        }
    }

    fn is_idle(&self, guest: &Guest) -> bool {
        self.lock().iter().any(|idle| idle.number == guest.number)
    }

    /// Sends a notice to the supervisor, which reads at all times.
    fn notify(&self, notice: Notice) {
        if let Err(error) = notice.send(&self.notices) {
            tracing::debug!("the supervisor takes no notice: {error}");
        }
    }
}

/// Guard of a place in the queue.
struct Waits<'a>(&'a Pool);

impl<'a> Waits<'a> {
    fn among(pool: &'a Pool) -> Option<Self> {
        let before = pool.waiting.fetch_add(1, Ordering::Relaxed);
        let waits = Self(pool);
        pool.metrics.waiting(1);
        (before < pool.queue).then_some(waits)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
        self.0.metrics.waiting(-1);
    }
}

async fn read_frames(mut reader: OwnedReadHalf, frames: mpsc::Sender<Ready>) {
    let mut bytes = [0; Ready::LENGTH];
    while reader.read_exact(&mut bytes).await.is_ok() {
        if frames.send(Ready::of_bytes(bytes)).await.is_err() {
            return;
        }
    }
}

impl Lease {
    /// Number of the guest process.
    pub fn guest(&self) -> u64 {
        self.guest.number
    }

    /// Passes one end of a new connection to the process and returns the other.
    pub fn connect(&self) -> std::io::Result<UnixStream> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        descriptors::send(self.guest.channel.as_ref(), theirs.as_fd())?;
        ours.set_nonblocking(true)?;
        UnixStream::from_std(ours)
    }

    /// Requests that the process be killed.
    pub fn kill(&self) {
        self.pool.notify(Notice::Kill(self.guest.number));
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.guest.released.notify_one();
    }
}
