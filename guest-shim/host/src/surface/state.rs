//! State of a surface, shared by the guest and the embedder.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

use super::events::{Event, Input, Kind, Queue};

/// Maximum number of streams of a surface; a guest has one of each kind.
const MAX_STREAMS: usize = 64;

/// A surface's size, streams and frame buffer.
#[derive(Debug)]
pub struct State(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    size: (u32, u32),
    closed: bool,
    streams: BTreeMap<u64, Stream>,
    next: u64,
    /// Texels of the frame buffer, if there is one; empty until they are set.
    texels: Vec<u8>,
    /// Tasks that wait for a beat.
    wakers: Vec<Waker>,
}

#[derive(Debug)]
struct Stream {
    kind: Kind,
    queue: Queue,
    waker: Option<Waker>,
}

impl State {
    pub(super) fn new(size: (u32, u32), closed: bool) -> Self {
        Self(Mutex::new(Inner {
            size,
            closed,
            streams: BTreeMap::new(),
            next: 0,
            texels: Vec::new(),
            wakers: Vec::new(),
        }))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Width and height in texels.
    pub(super) fn size(&self) -> (u32, u32) {
        self.inner().size
    }

    /// Changes the size, with an event for the guest.
    pub(super) fn resize(&self, size: (u32, u32)) {
        let mut inner = self.inner();
        if inner.size == size {
            return;
        }
        inner.size = size;
        inner.texels = Vec::new();
        let (width, height) = size;
        inner.tell(Kind::Resize, 0, &Event::Resize { width, height });
    }

    /// Queues an event for the surface's streams.
    pub(super) fn input(&self, number: u64, input: &Input) {
        let (kind, event) = input.event();
        self.inner().tell(kind, number, &event);
    }

    /// Ends the surface's streams. A context may keep the surface, but not its texels: a guest could have any number of them.
    pub(super) fn close(&self) {
        let mut inner = self.inner();
        inner.closed = true;
        inner.texels = Vec::new();
        let wakers = std::mem::take(&mut inner.wakers);
        wakers
            .into_iter()
            .chain(inner.streams.values_mut().filter_map(|stream| stream.waker.take()))
            .for_each(Waker::wake);
    }

    /// True once the surface is closed; otherwise the waker is woken when it closes.
    pub(super) fn is_closed(&self, waker: &Waker) -> bool {
        let mut inner = self.inner();
        if !inner.closed && !inner.wakers.iter().any(|other| other.will_wake(waker)) {
            // A task may register a different waker on each poll.
            if inner.wakers.len() >= MAX_STREAMS {
                inner.wakers.drain(..).for_each(Waker::wake);
            }
            inner.wakers.push(waker.clone());
        }
        inner.closed
    }

    /// Opens a stream; `None` at the limit of [`MAX_STREAMS`].
    pub(super) fn open_stream(&self, kind: Kind) -> Option<u64> {
        let mut inner = self.inner();
        if inner.streams.len() >= MAX_STREAMS {
            return None;
        }
        let number = inner.next;
        inner.next = inner.next.saturating_add(1);
        inner.streams.insert(number, Stream { kind, queue: Queue::default(), waker: None });
        Some(number)
    }

    /// Removes a stream that the guest has dropped.
    pub(super) fn close_stream(&self, number: u64) {
        self.inner().streams.remove(&number);
    }

    /// Unread events of a stream; `None` at its end.
    pub(super) fn poll_stream(&self, number: u64, waker: &Waker) -> Poll<Option<Vec<(u64, Event)>>> {
        let mut inner = self.inner();
        let closed = inner.closed;
        let Some(stream) = inner.streams.get_mut(&number) else { return Poll::Ready(None) };
        let events = stream.queue.take();
        match events.is_empty() {
            false => Poll::Ready(Some(events)),
            true if closed => Poll::Ready(None),
            true => {
                stream.waker = Some(waker.clone());
                Poll::Pending
            }
        }
    }

    /// Ready while a stream has an unread event, or is at its end; otherwise the waker is woken when that changes.
    pub(super) fn poll_unread(&self, number: u64, waker: &Waker) -> Poll<()> {
        let mut inner = self.inner();
        let closed = inner.closed;
        match inner.streams.get_mut(&number) {
            Some(stream) if stream.queue.is_empty() && !closed => {
                stream.waker = Some(waker.clone());
                Poll::Pending
            }
            _ => Poll::Ready(()),
        }
    }

    /// Takes the oldest unread event of a stream.
    pub(super) fn next_event(&self, number: u64) -> Option<(u64, Event)> {
        self.inner().streams.get_mut(&number)?.queue.pop()
    }

    /// Texels of the frame buffer.
    pub(super) fn texels(&self) -> Vec<u8> {
        let inner = self.inner();
        let mut texels = inner.texels.clone();
        texels.resize(bytes(inner.size), 0);
        texels
    }

    /// Sets the first texels of the frame buffer.
    pub(super) fn set_texels(&self, data: &[u8]) {
        let mut inner = self.inner();
        if inner.closed {
            return;
        }
        let len = bytes(inner.size);
        inner.texels.resize(len, 0);
        let set = data.len().min(len);
        if let (Some(to), Some(from)) = (inner.texels.get_mut(..set), data.get(..set)) {
            to.copy_from_slice(from);
        }
    }
}

/// Bytes of a frame buffer.
fn bytes((width, height): (u32, u32)) -> usize {
    (width as usize).saturating_mul(height as usize).saturating_mul(4)
}

impl Inner {
    fn tell(&mut self, kind: Kind, number: u64, event: &Event) {
        for stream in self.streams.values_mut().filter(|stream| stream.kind == kind) {
            stream.queue.push(kind, number, event.clone());
            if let Some(waker) = stream.waker.take() {
                waker.wake();
            }
        }
    }
}
