//! Pending work of a script: calls of the host, and timers.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures_util::stream::{FuturesUnordered, StreamExt};

use crate::bindings::wasi::clocks::monotonic_clock;
use crate::js::{self, JSValue};

type Work = Pin<Box<dyn Future<Output = Kind>>>;

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// The script does not end before this work.
    Awaited,
    /// Work that reports an event if it happens: a lost device, an uncaptured error. It does not keep the script running.
    Background,
}

#[derive(Default)]
struct Timers {
    /// By deadline, then in order of creation.
    queue: BTreeMap<(u64, u32), u32>,
    keys: HashMap<u32, (u64, u32)>,
    made: u32,
}

thread_local! {
    static NEW: RefCell<Vec<(Kind, Work)>> = const { RefCell::new(Vec::new()) };
    static TIMERS: RefCell<Timers> = RefCell::default();
    /// Unfinished work has called the script since the last turn.
    static CALLED: Cell<bool> = const { Cell::new(false) };
    /// The number of unfinished calls.
    static WAITING: Cell<usize> = const { Cell::new(0) };
}

/// A promise's resolving functions.
pub struct Capability {
    pub ctx: js::Context,
    pub resolve: JSValue,
    pub reject: JSValue,
}

impl Capability {
    pub fn settle(self, result: Result<JSValue, JSValue>) {
        let (function, value) = match result {
            Ok(value) => (self.resolve, value),
            Err(error) => (self.reject, error),
        };
        drop(js::call(self.ctx, function, js::UNDEFINED, &mut [value]));
        js::free(self.ctx, value);
    }

    /// Rejects with the pending exception.
    pub fn reject(self) {
        let error = unsafe { rquickjs::qjs::JS_GetException(self.ctx) };
        self.settle(Err(error));
    }
}

impl Drop for Capability {
    fn drop(&mut self) {
        js::free(self.ctx, self.resolve);
        js::free(self.ctx, self.reject);
    }
}

pub fn add(work: impl Future<Output = ()> + 'static) {
    WAITING.set(WAITING.get() + 1);
    push(Kind::Awaited, async move {
        work.await;
        WAITING.set(WAITING.get() - 1);
    });
}

/// The number of calls whose promises are pending.
pub fn waiting() -> usize {
    WAITING.get()
}

pub fn add_background(work: impl Future<Output = ()> + 'static) {
    push(Kind::Background, work);
}

/// Ends the turn: unfinished work has called the script, whose new jobs must run.
pub fn called() {
    CALLED.set(true);
}

fn push(kind: Kind, work: impl Future<Output = ()> + 'static) {
    let mut work: Work = Box::pin(async move {
        work.await;
        kind
    });
    // The call starts at once, before the script's next one: error scopes and queues depend on the order.
    if work.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
        NEW.with_borrow_mut(|new| new.push((kind, work)));
    }
}

pub fn start_timer(id: u32, milliseconds: f64) {
    let nanoseconds = (milliseconds.max(0.0) * 1e6) as u64;
    let deadline = monotonic_clock::now().saturating_add(nanoseconds);
    TIMERS.with_borrow_mut(|timers| {
        timers.made = timers.made.wrapping_add(1);
        let key = (deadline, timers.made);
        timers.queue.insert(key, id);
        timers.keys.insert(id, key);
    });
}

pub fn stop_timer(id: u32) {
    TIMERS.with_borrow_mut(|timers| {
        if let Some(key) = timers.keys.remove(&id) {
            timers.queue.remove(&key);
        }
    });
}

/// Removes and returns the next timer whose deadline has passed.
pub fn due(before: u64) -> Option<u32> {
    TIMERS.with_borrow_mut(|timers| {
        let (&key, &id) = timers.queue.first_key_value().filter(|((deadline, _), _)| *deadline <= before)?;
        timers.queue.remove(&key);
        timers.keys.remove(&id);
        Some(id)
    })
}

fn next_deadline() -> Option<u64> {
    TIMERS.with_borrow(|timers| timers.queue.first_key_value().map(|((deadline, _), _)| *deadline))
}

/// All pending work.
#[derive(Default)]
pub struct Pending {
    work: FuturesUnordered<Work>,
    awaited: usize,
    /// The sleep until the earliest deadline, kept between turns.
    sleep: Option<(u64, Pin<Box<dyn Future<Output = ()>>>)>,
}

impl Pending {
    /// Takes the work that was added since the last turn.
    fn collect(&mut self) {
        for (kind, work) in NEW.with_borrow_mut(std::mem::take) {
            self.awaited += usize::from(kind == Kind::Awaited);
            self.work.push(work);
        }
    }

    /// Waits until something has happened; returns false when nothing is pending, or `limit` has passed. Work in the
    /// background counts as pending only if `background` is set.
    pub async fn turn(&mut self, limit: Option<u64>, background: bool) -> bool {
        self.collect();
        let timer = next_deadline();
        if self.awaited == 0 && timer.is_none() && (!background || self.work.is_empty()) {
            return false;
        }
        let deadline = timer.into_iter().chain(limit).min();
        let now = monotonic_clock::now();
        if limit.is_some_and(|limit| limit <= now) {
            return false;
        }
        let at_once = deadline.is_some_and(|deadline| deadline <= now);
        match deadline {
            Some(deadline) if !at_once && self.sleep.as_ref().is_none_or(|(at, _)| *at != deadline) => {
                self.sleep = Some((deadline, Box::pin(monotonic_clock::wait_until(deadline))));
            }
            Some(_) if !at_once => {}
            _ => self.sleep = None,
        }
        if at_once {
            // Host completions get a turn even if timers are always due.
            wit_bindgen::yield_async().await;
        }
        poll_fn(|cx| {
            let mut happened = at_once;
            while let Poll::Ready(Some(kind)) = self.work.poll_next_unpin(cx) {
                self.awaited -= usize::from(kind == Kind::Awaited);
                happened = true;
            }
            if let Some((_, sleep)) = &mut self.sleep
                && sleep.as_mut().poll(cx).is_ready()
            {
                self.sleep = None;
                happened = true;
            }
            if happened | CALLED.take() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        true
    }
}
