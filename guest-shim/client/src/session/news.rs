//! News of a device, which arrive without a request: its loss, and errors that no scope caught.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    task::{Poll, Waker},
};

use airlock_protocol::{
    commands::error::GpuError,
    events::DeviceLostReason,
    ids::DeviceId,
    limits::{MAX_ERROR_STREAMS, MAX_QUEUED_ERRORS},
};

use super::{
    slot::{Sender, Slot},
    sync::lock,
    warnings::Warnings,
};

/// The loss of a device (WebGPU, GPUDeviceLostInfo).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// `Destroyed` when the guest called `destroy`.
    pub reason: DeviceLostReason,
    /// The cause, in words.
    pub message: String,
}

impl Lost {
    pub(crate) fn unknown(message: &str) -> Self {
        Self { reason: DeviceLostReason::Unknown, message: message.to_owned() }
    }
}

/// The loss of a device and its uncaptured errors. Kept apart from the device, so that a guest's open `lost` future or
/// error stream does not keep the device alive in the daemon.
#[derive(Debug)]
pub(crate) struct News {
    device: DeviceId,
    warnings: Arc<Warnings>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    lost: Option<Arc<Lost>>,
    /// Waits for the loss, and their number at which abandoned ones are swept.
    losses: Vec<Sender<Arc<Lost>>>,
    swept_at: usize,
    /// One queue per stream that the guest has opened, by the stream's number.
    streams: BTreeMap<u64, VecDeque<GpuError>>,
    next_stream: u64,
    /// Errors from before the guest opened its first stream, which receives them.
    early: VecDeque<GpuError>,
    wakers: Vec<Waker>,
}

/// One of the guest's streams of uncaptured errors (WebGPU, GPUUncapturedErrorEvent). It ends when the device is lost.
#[derive(Debug)]
pub struct ErrorStream {
    news: Arc<News>,
    number: u64,
}

impl News {
    /// News of a device without events so far.
    pub(crate) fn new(device: DeviceId, warnings: Arc<Warnings>) -> Self {
        Self { device, warnings, state: Mutex::default() }
    }

    /// Records the loss; the first reason stays.
    pub(crate) fn lose(&self, lost: Lost) {
        let mut losses = Vec::new();
        let lost = self.change(|state| {
            losses = std::mem::take(&mut state.losses);
            Arc::clone(state.lost.get_or_insert_with(|| Arc::new(lost)))
        });
        for loss in losses {
            loss.send(Arc::clone(&lost));
        }
    }

    /// True when the loss is known.
    pub(crate) fn is_lost(&self) -> bool {
        lock(&self.state).lost.is_some()
    }

    /// Queues an error for the guest's streams. Without a stream, it is logged as a warning.
    pub(crate) fn uncaptured(&self, error: GpuError) {
        self.change(|state| {
            if state.streams.is_empty() || self.warnings.all {
                self.warnings.tell(self.device, &error);
            }
            if state.next_stream == 0 {
                queue(&mut state.early, error);
                return;
            }
            for errors in state.streams.values_mut() {
                queue(errors, error.clone());
            }
        });
    }

    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let (result, wakers) = {
            let mut state = lock(&self.state);
            let result = change(&mut state);
            (result, std::mem::take(&mut state.wakers))
        };
        for waker in wakers {
            waker.wake();
        }
        result
    }

    /// A slot for the reason of the loss. Each caller has a slot of its own.
    pub(crate) fn loss(&self) -> Arc<Slot<Arc<Lost>>> {
        let mut state = lock(&self.state);
        if let Some(lost) = &state.lost {
            return Slot::full(Arc::clone(lost));
        }
        if state.losses.len() >= state.swept_at {
            state.losses.retain(Sender::is_awaited);
            state.swept_at = state.losses.len().saturating_mul(2).max(16);
        }
        let (sender, slot) = Slot::new();
        state.losses.push(sender);
        slot
    }

    /// Opens a stream; every stream receives every error.
    pub(crate) fn open_stream(self: &Arc<Self>) -> ErrorStream {
        let mut state = lock(&self.state);
        let number = state.next_stream;
        state.next_stream += 1;
        let early = std::mem::take(&mut state.early);
        if state.streams.len() < MAX_ERROR_STREAMS {
            state.streams.insert(number, early);
        }
        ErrorStream { news: Arc::clone(self), number }
    }
}

/// Queues an error, unless the queue is full.
fn queue(errors: &mut VecDeque<GpuError>, error: GpuError) {
    if errors.len() < MAX_QUEUED_ERRORS {
        errors.push_back(error);
    }
}

impl ErrorStream {
    /// The next queued error; `Ready(None)` when the device is lost and there will be no more.
    pub fn try_next(&self) -> Poll<Option<GpuError>> {
        next(&mut lock(&self.news.state), self.number)
    }

    /// As [`ErrorStream::try_next`]; the task is woken when there may be more.
    pub fn poll_next(&self, waker: &Waker) -> Poll<Option<GpuError>> {
        let mut state = lock(&self.news.state);
        let next = next(&mut state, self.number);
        // One waker per waiting task, however often it polls.
        if next.is_pending() && !state.wakers.iter().any(|known| known.will_wake(waker)) {
            state.wakers.push(waker.clone());
        }
        next
    }
}

fn next(state: &mut State, stream: u64) -> Poll<Option<GpuError>> {
    match state.streams.get_mut(&stream).and_then(VecDeque::pop_front) {
        Some(error) => Poll::Ready(Some(error)),
        None if state.lost.is_some() => Poll::Ready(None),
        None => Poll::Pending,
    }
}

impl Drop for ErrorStream {
    /// Unread errors are logged where no other stream has them.
    fn drop(&mut self) {
        let mut state = lock(&self.news.state);
        let unread = state.streams.remove(&self.number).unwrap_or_default();
        if state.streams.is_empty() && !self.news.warnings.all {
            for error in &unread {
                self.news.warnings.tell(self.news.device, error);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use airlock_protocol::commands::error::ErrorFilter;

    use super::*;

    fn news() -> News {
        News::new(DeviceId(0), Arc::default())
    }

    fn error(message: &str) -> GpuError {
        GpuError { kind: ErrorFilter::Validation, message: message.to_owned() }
    }

    #[test]
    fn the_first_stream_gets_what_came_before_and_every_stream_what_comes_after() {
        let news = Arc::new(news());
        news.uncaptured(error("early"));
        let [first, second] = [(); 2].map(|()| news.open_stream());
        news.uncaptured(error("late"));
        assert_eq!(first.try_next(), Poll::Ready(Some(error("early"))));
        assert_eq!(first.try_next(), Poll::Ready(Some(error("late"))));
        assert_eq!(second.try_next(), Poll::Ready(Some(error("late"))));
        assert_eq!(second.try_next(), Poll::Pending);
        news.lose(Lost::unknown("gone"));
        assert_eq!(second.try_next(), Poll::Ready(None));
    }

    #[test]
    fn a_stream_keeps_a_bounded_number_of_errors() {
        let news = Arc::new(news());
        let stream = news.open_stream();
        for _ in 0..2 * MAX_QUEUED_ERRORS {
            news.uncaptured(error(""));
        }
        let kept = std::iter::from_fn(|| match stream.try_next() {
            Poll::Ready(error) => error,
            Poll::Pending => None,
        });
        assert_eq!(kept.count(), MAX_QUEUED_ERRORS);
    }

    #[test]
    fn only_errors_that_no_stream_takes_are_warned_of() {
        let warnings = Arc::new(Warnings::default());
        let news = Arc::new(News::new(DeviceId(0), Arc::clone(&warnings)));
        news.uncaptured(error("before"));
        let streams = [news.open_stream(), news.open_stream()];
        for _ in 0..100 {
            news.uncaptured(error("taken"));
        }
        assert_eq!(warnings.count(), 1);
        // The other stream still has them.
        let [first, second] = streams;
        drop(first);
        while second.try_next().is_ready() {}
        news.uncaptured(error("left unread"));
        drop(second);
        assert_eq!(warnings.count(), 2);
    }

    #[test]
    fn everyone_hears_of_the_loss_with_its_first_reason() {
        let news = news();
        let before = news.loss();
        news.lose(Lost::unknown("first"));
        news.lose(Lost::unknown("second"));
        for slot in [before, news.loss()] {
            assert_eq!(slot.take().unwrap().unwrap().message, "first");
        }
    }

    #[test]
    fn waits_for_the_loss_that_are_given_up_take_no_memory() {
        let news = news();
        let kept = news.loss();
        for _ in 0..10_000 {
            drop(news.loss());
        }
        assert!(lock(&news.state).losses.len() <= 32, "{}", lock(&news.state).losses.len());
        news.lose(Lost::unknown(""));
        assert!(kept.is_settled());
    }
}
