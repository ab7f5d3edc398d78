//! What the host knows of a device: what it was granted, whether it is lost, which errors nobody caught.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    task::{Poll, Waker},
};

use airlock_protocol::{
    commands::{adapter::Capabilities, error::GpuError},
    events::DeviceLostReason,
    ids::DeviceId,
    limits::{MAX_ERROR_STREAMS, MAX_QUEUED_ERRORS},
};

use super::lock;

/// Why a device is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// `Destroyed` when the guest asked for it.
    pub reason: DeviceLostReason,
    /// What happened.
    pub message: String,
}

impl Lost {
    /// A loss that the guest did not ask for.
    pub fn unknown(message: &str) -> Self {
        Self { reason: DeviceLostReason::Unknown, message: message.to_owned() }
    }
}

/// A device, shared by all of its objects and by the thread that receives events.
#[derive(Debug)]
pub struct DeviceState {
    /// The number of its session.
    pub session: u32,
    /// Its id in that session.
    pub id: DeviceId,
    /// What it was granted.
    pub capabilities: Arc<Capabilities>,
    /// The guest called `destroy`.
    destroyed: AtomicBool,
    /// Scopes on the guest's stack.
    pub scopes: AtomicU32,
    /// The queue's label; a queue has no id of its own.
    queue_label: Mutex<String>,
    /// What arrives about it.
    pub news: Arc<News>,
}

/// A device by its numbers, for who needs no more of it.
#[derive(Clone, Copy, Debug)]
pub struct DeviceKey {
    /// The number of its session.
    pub session: u32,
    /// Its id in that session.
    pub id: DeviceId,
}

/// What arrives about a device on its own. Kept apart from the device, so that a guest's open `lost` future or error
/// stream does not keep the device alive in the daemon.
#[derive(Debug, Default)]
pub struct News(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    lost: Option<Arc<Lost>>,
    /// One queue per stream that the guest has opened, by the stream's number.
    streams: BTreeMap<u64, VecDeque<GpuError>>,
    next_stream: u64,
    /// Errors from before the guest opened its first stream, which gets them.
    early: VecDeque<GpuError>,
    wakers: Vec<Waker>,
}

/// One of the guest's streams of uncaptured errors.
#[derive(Debug)]
pub struct ErrorStream {
    news: Arc<News>,
    number: u64,
}

impl DeviceState {
    /// A device that was granted.
    pub fn new(session: u32, id: DeviceId, capabilities: Arc<Capabilities>, news: Arc<News>) -> Self {
        Self {
            session,
            id,
            capabilities,
            destroyed: AtomicBool::new(false),
            scopes: AtomicU32::new(0),
            queue_label: Mutex::default(),
            news,
        }
    }

    /// Its numbers.
    pub fn key(&self) -> DeviceKey {
        DeviceKey { session: self.session, id: self.id }
    }

    /// The label of its queue.
    pub fn queue_label(&self) -> String {
        lock(&self.queue_label).clone()
    }

    /// Labels its queue.
    pub fn set_queue_label(&self, label: String) {
        *lock(&self.queue_label) = label;
    }

    /// The guest has destroyed it.
    pub fn is_destroyed(&self) -> bool {
        self.destroyed.load(Ordering::Relaxed)
    }

    /// The guest destroys it.
    pub fn set_destroyed(&self) {
        self.destroyed.store(true, Ordering::Relaxed);
    }

    /// Opens a stream; every stream gets every error.
    pub fn open_stream(&self) -> ErrorStream {
        let mut state = lock(&self.news.0);
        let number = state.next_stream;
        state.next_stream += 1;
        let early = std::mem::take(&mut state.early);
        if state.streams.len() < MAX_ERROR_STREAMS {
            state.streams.insert(number, early);
        }
        ErrorStream { news: Arc::clone(&self.news), number }
    }
}

/// Keeps an error, unless too many wait already.
fn queue(errors: &mut VecDeque<GpuError>, error: GpuError) {
    if errors.len() < MAX_QUEUED_ERRORS {
        errors.push_back(error);
    }
}

impl ErrorStream {
    /// The next error; `None` when the device is lost and there will be no more.
    pub fn poll_error(&self, waker: &Waker) -> Poll<Option<GpuError>> {
        let mut state = lock(&self.news.0);
        let next = state.streams.get_mut(&self.number).and_then(VecDeque::pop_front);
        match next {
            Some(error) => Poll::Ready(Some(error)),
            None if state.lost.is_some() => Poll::Ready(None),
            None => {
                remember(&mut state.wakers, waker);
                Poll::Pending
            }
        }
    }
}

impl Drop for ErrorStream {
    fn drop(&mut self) {
        lock(&self.news.0).streams.remove(&self.number);
    }
}

impl News {
    /// Notes the loss; the first reason stays.
    pub fn lose(&self, lost: Lost) {
        self.change(|state| {
            state.lost.get_or_insert_with(|| Arc::new(lost));
        });
    }

    /// Queues an error for the guest's streams.
    pub fn uncaptured(&self, error: GpuError) {
        self.change(|state| {
            if state.next_stream == 0 {
                queue(&mut state.early, error);
                return;
            }
            for errors in state.streams.values_mut() {
                queue(errors, error.clone());
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let wakers = {
            let mut state = lock(&self.0);
            change(&mut state);
            std::mem::take(&mut state.wakers)
        };
        for waker in wakers {
            waker.wake();
        }
    }

    /// Ends when the device is lost.
    pub fn poll_lost(&self, waker: &Waker) -> Poll<Arc<Lost>> {
        let mut state = lock(&self.0);
        match &state.lost {
            Some(lost) => Poll::Ready(Arc::clone(lost)),
            None => {
                remember(&mut state.wakers, waker);
                Poll::Pending
            }
        }
    }
}

/// Keeps one waker per waiting task, however often it is polled.
fn remember(wakers: &mut Vec<Waker>, waker: &Waker) {
    if !wakers.iter().any(|known| known.will_wake(waker)) {
        wakers.push(waker.clone());
    }
}
