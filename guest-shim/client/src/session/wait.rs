//! Waiting for the daemon. A [`Wait`] can be polled, taken from, awaited as a future, or blocked on; all of that may be
//! mixed, on any thread. None of it spins: spinning is the caller's policy, and [`Spinning`] is the one that this
//! library has.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    thread,
    time::Instant,
};

use super::{
    receiver::Receiver,
    slot::{Gone, Slot},
};

/// The reply to a request, or another value that arrives once.
///
/// It keeps nothing alive and holds no lock. When it is dropped, the reply is discarded on arrival.
#[must_use = "the reply is thrown away when its wait is dropped"]
pub struct Wait<T> {
    slot: Arc<Slot<T>>,
    /// Receives the reply; `None` for a value that arrives without a request, or is present.
    receiver: Option<Arc<Receiver>>,
    /// The receiving thread must receive until this wait ends.
    relies: bool,
}

impl<T> fmt::Debug for Wait<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").field("ready", &self.slot.is_settled()).finish_non_exhaustive()
    }
}

impl<T> Wait<T> {
    pub(crate) fn new(slot: Arc<Slot<T>>, receiver: Option<Arc<Receiver>>) -> Self {
        Self { slot, receiver, relies: false }
    }

    /// A wait whose value is present, for a function that needs no request.
    pub(crate) fn ready(value: T) -> Self {
        Self::new(Slot::full(value), None)
    }

    /// True once [`Wait::try_take`] returns a result: the reply has arrived, or the session has ended.
    pub fn is_ready(&self) -> bool {
        self.slot.is_settled()
    }

    /// Takes the reply, once. `None` while it may still arrive; [`Gone`] when it never will.
    pub fn try_take(&mut self) -> Option<Result<T, Gone>> {
        self.slot.take()
    }

    /// Receives all events that have arrived on the calling thread, for any waiter, without blocking. Returns whether
    /// there were any. Only [`Wait::spinning`] keeps the receiving thread away from its socket; a caller that polls in
    /// a loop of its own competes with that thread, and both may receive, one after the other.
    pub fn look(&self) -> bool {
        self.receiver.as_ref().is_some_and(|receiver| receiver.look())
    }

    /// Blocks until the reply has arrived, or the session has ended. It is counted in
    /// [`Client::stats`](crate::Client::stats) where it blocks. Must not be called on a thread that the reply depends
    /// on: one that drives tasks of a guest, for example.
    pub fn wait(mut self) -> Result<T, Gone> {
        if let Some(reply) = self.slot.take() {
            return reply;
        }
        self.rely();
        match &self.receiver {
            Some(receiver) => receiver.blocks().during(|| self.slot.wait()),
            None => self.slot.wait(),
        }
        self.slot.take().unwrap_or(Err(Gone))
    }

    /// Spins for the reply before it sleeps, as long as the spin policy allows. See [`Spinning`].
    pub fn spinning(self) -> Spinning<T> {
        Spinning { since: Instant::now(), eager: None, wait: self }
    }

    /// Stops spinning: from now on the receiving thread must receive.
    fn rely(&mut self) {
        if let Some(receiver) = &self.receiver
            && !std::mem::replace(&mut self.relies, true)
        {
            receiver.rely();
        }
    }
}

impl<T> Future for Wait<T> {
    type Output = Result<T, Gone>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = self.slot.poll(context.waker());
        if polled.is_pending() {
            self.rely();
        }
        polled
    }
}

impl<T> Drop for Wait<T> {
    fn drop(&mut self) {
        if self.relies
            && let Some(receiver) = &self.receiver
        {
            receiver.release();
        }
    }
}

/// Adaptive spinning before sleeping: a future that receives on the thread that polls it while replies have come soon,
/// and then relies on the receiving thread. Waking a sleeping thread takes several times as long as a small readback.
/// Other tasks of the same thread run between two polls.
#[must_use = "the reply is thrown away when its wait is dropped"]
#[derive(Debug)]
pub struct Spinning<T> {
    wait: Wait<T>,
    /// Start of the wait, or the time of the last received event.
    since: Instant,
    /// End of the spin window.
    eager: Option<Instant>,
}

impl<T> Spinning<T> {
    /// Starts or renews the spin window.
    fn look_on(&mut self) {
        let Some(receiver) = &self.wait.receiver else { return };
        let (end, turn) = receiver.window();
        self.eager = Some(end);
        match turn {
            Some(until) => receiver.take_turn(until),
            None => self.wait.rely(),
        }
    }
}

impl<T> Future for Spinning<T> {
    type Output = Result<T, Gone>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.wait.receiver.is_none() {
            return Pin::new(&mut self.wait).poll(context);
        }
        let now = Instant::now();
        let Some(until) = self.eager else {
            // The guest's own call: it sees the request pending, however fast the reply is (WebGPU, mapAsync:
            // "pending").
            self.look_on();
            context.waker().wake_by_ref();
            return Poll::Pending;
        };
        if now >= until {
            return Pin::new(&mut self.wait).poll(context);
        }
        let any = self.wait.look();
        let polled = self.wait.slot.poll(context.waker());
        if polled.is_pending() {
            if any {
                // More events are probably on their way.
                self.since = now;
                self.look_on();
            }
            // Yields to all other runnable tasks.
            thread::yield_now();
            context.waker().wake_by_ref();
        }
        polled
    }
}

impl<T> Drop for Spinning<T> {
    fn drop(&mut self) {
        if let Some(receiver) = &self.wait.receiver {
            receiver.waited(self.since.elapsed());
        }
    }
}
