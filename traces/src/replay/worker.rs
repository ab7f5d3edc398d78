//! A worker with its channels on threads of their own, so that neither a send nor a wait can block for ever.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, RecvTimeoutError, TryRecvError},
    },
    thread,
    time::Duration,
};

use airlock_protocol::{
    connect::{ConnectError, Connection, Daemon, WorkerHandle},
    limits::{MAX_BATCH, MAX_EVENT, MAX_MAPPED},
    transport::{BatchSender, EventReceiver, RingWriter},
};

/// Maximum bytes of unsent batches. Above, the replay waits for the worker, as a run does.
const MAX_UNSENT: usize = 2 * MAX_BATCH;

/// Maximum bytes of unprocessed events. A session cannot map more at a time, so that a worker which sends more is
/// broken.
const MAX_UNHEARD: usize = MAX_MAPPED as usize + 16 * MAX_EVENT;

/// A message of the threads.
#[derive(Debug)]
enum News {
    Event(Vec<u8>),
    /// A batch of this many bytes was sent.
    Sent(usize),
    /// No more events will arrive, for this reason if it is known.
    Over(Option<&'static str>),
}

/// The result of a wait.
#[derive(Debug)]
pub(super) enum Heard {
    /// The bytes of an event.
    Event(Vec<u8>),
    /// A batch was sent.
    Sent,
    /// No message within the timeout.
    Nothing,
    /// The worker is gone; no more messages will arrive.
    Over,
}

/// A worker of one session.
pub(super) struct Worker {
    /// The ring for bulk data.
    pub ring: RingWriter,
    news: mpsc::Receiver<News>,
    batches: mpsc::Sender<Vec<u8>>,
    unsent: usize,
    unheard: Arc<AtomicUsize>,
    why: Option<&'static str>,
    worker: WorkerHandle,
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("worker", &self.worker).finish_non_exhaustive()
    }
}

impl Worker {
    /// Connects a fresh worker.
    pub fn start(daemon: &Daemon) -> Result<Self, ConnectError> {
        let Connection { channels, worker } = daemon.connect()?;
        let (send_news, news) = mpsc::channel();
        let (batches, receive_batches) = mpsc::channel();
        let unheard = Arc::new(AtomicUsize::new(0));
        let (events, heard, queued) = (channels.events, send_news.clone(), Arc::clone(&unheard));
        spawn(daemon, "replay-events", move || receive(&events, &heard, &queued))?;
        let commands = channels.commands;
        spawn(daemon, "replay-batches", move || send(&commands, &receive_batches, &send_news))?;
        Ok(Self { ring: channels.ring, news, batches, unsent: 0, unheard, why: None, worker })
    }

    /// Sends a batch, in the background.
    pub fn send(&mut self, batch: &[u8]) {
        self.unsent = self.unsent.saturating_add(batch.len());
        // The thread ends with the worker, which the events report.
        let _ = self.batches.send(batch.to_vec());
    }

    /// True while too many batches are unsent.
    pub fn is_full(&self) -> bool {
        self.unsent >= MAX_UNSENT
    }

    /// Waits for a message; polls when `wait` is zero.
    pub fn hear(&mut self, wait: Duration) -> Heard {
        let news = if wait.is_zero() {
            self.news.try_recv().map_err(|error| match error {
                TryRecvError::Empty => RecvTimeoutError::Timeout,
                TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
            })
        } else {
            self.news.recv_timeout(wait)
        };
        match news {
            Ok(News::Event(bytes)) => {
                self.unheard.fetch_sub(bytes.len(), Ordering::Relaxed);
                Heard::Event(bytes)
            }
            Ok(News::Sent(bytes)) => {
                self.unsent = self.unsent.saturating_sub(bytes);
                Heard::Sent
            }
            Ok(News::Over(why)) => {
                self.why = why;
                Heard::Over
            }
            Err(RecvTimeoutError::Timeout) => Heard::Nothing,
            Err(RecvTimeoutError::Disconnected) => Heard::Over,
        }
    }

    /// The cause of the worker's end.
    pub fn explain(&mut self) -> String {
        self.why.map_or_else(|| self.worker.explain(), str::to_owned)
    }
}

impl Drop for Worker {
    /// Kills the worker, which ends its threads.
    fn drop(&mut self) {
        self.worker.kill();
    }
}

fn spawn(daemon: &Daemon, name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), ConnectError> {
    let thread = thread::Builder::new().name(name.to_owned()).spawn(run);
    let fail = |error| ConnectError::Silent { who: daemon.to_string(), cause: format!("no thread for it: {error}") };
    thread.map(|_| ()).map_err(fail)
}

fn receive(events: &EventReceiver, news: &mpsc::Sender<News>, unheard: &AtomicUsize) {
    let mut why = None;
    while let Ok(bytes) = events.recv() {
        let before = unheard.fetch_add(bytes.len(), Ordering::Relaxed);
        if before.saturating_add(bytes.len()) > MAX_UNHEARD {
            why = Some("it sent more than it was asked for");
            break;
        }
        if news.send(News::Event(bytes)).is_err() {
            return;
        }
    }
    let _ = news.send(News::Over(why));
}

fn send(commands: &BatchSender, batches: &mpsc::Receiver<Vec<u8>>, news: &mpsc::Sender<News>) {
    while let Ok(batch) = batches.recv() {
        if commands.send(&batch).is_err() || news.send(News::Sent(batch.len())).is_err() {
            break;
        }
    }
}
