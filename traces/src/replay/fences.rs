//! The progress of the worker: every batch ends with a request of the replayer's own, whose reply shows that the batch
//! was executed.

use std::collections::VecDeque;

use airlock_protocol::ids::RequestId;

/// Commands of one session, by their numbers in the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
}

impl Window {
    /// The command, if it is only one.
    pub fn exact(self) -> Option<u64> {
        (self.first == self.last).then_some(self.first)
    }
}

/// The fences of one session.
#[derive(Debug, Default)]
pub(super) struct Fences {
    /// The batches that were sent and may not be executed yet.
    sent: VecDeque<(RequestId, Option<Window>)>,
    /// The last batch that is known to be executed.
    done: Option<Window>,
}

impl Fences {
    /// Records a batch that is sent, with this request at its end. Without a window it adds no commands to the earlier
    /// ones.
    pub fn sent(&mut self, request: RequestId, window: Option<Window>) {
        let before = self.sent.back().map_or(self.done, |&(_, window)| window);
        self.sent.push_back((request, window.or(before)));
    }

    /// Processes a reply; true when it belongs to a fence.
    pub fn answered(&mut self, request: RequestId) -> bool {
        let Some(place) = self.sent.iter().position(|&(sent, _)| sent == request) else { return false };
        if let Some((_, window)) = self.sent.drain(..=place).next_back() {
            self.done = window.or(self.done);
        }
        true
    }

    /// True while a fence is pending.
    pub fn wait(&self) -> bool {
        !self.sent.is_empty()
    }

    /// The last command that is known to be executed.
    pub fn after(&self) -> Option<u64> {
        self.done.map(|window| window.last)
    }

    /// The first batch that may not be executed yet.
    pub fn running(&self) -> Option<Window> {
        // A batch with only fences has the window of the one before.
        let mut windows = self.sent.iter().filter_map(|&(_, window)| window);
        windows.find(|window| self.after().is_none_or(|done| window.last > done))
    }

    /// The commands that may have caused an event that arrives now. Errors arrive while their batch is executed; losses
    /// arrive between batches.
    pub fn cause(&self, between: bool) -> Option<Window> {
        let next = self.sent.front().and_then(|&(_, window)| window);
        match (self.done, next) {
            (Some(done), Some(next)) if between => Some(Window { first: done.first, last: next.last }),
            (done, next) => next.or(done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Window = Window { first: 0, last: 3 };
    const B: Window = Window { first: 4, last: 4 };

    #[test]
    fn events_are_put_between_fences() {
        let mut fences = Fences::default();
        assert_eq!((fences.cause(false), fences.after(), fences.wait()), (None, None, false));
        fences.sent(RequestId(10), Some(A));
        fences.sent(RequestId(11), Some(B));
        assert_eq!((fences.cause(false), fences.running()), (Some(A), Some(A)));
        assert!(!fences.answered(RequestId(9)));
        assert!(fences.answered(RequestId(10)));
        assert_eq!((fences.cause(false), fences.after()), (Some(B), Some(3)));
        assert_eq!(fences.cause(true), Some(Window { first: 0, last: 4 }));
        assert!(fences.answered(RequestId(11)));
        assert_eq!((fences.cause(false), fences.cause(true), fences.wait()), (Some(B), Some(B), false));
        assert_eq!(B.exact(), Some(4));
    }

    #[test]
    fn a_fence_of_its_own_belongs_to_the_batch_before() {
        let mut fences = Fences::default();
        fences.sent(RequestId(1), Some(B));
        fences.answered(RequestId(1));
        fences.sent(RequestId(2), None);
        assert_eq!((fences.cause(true), fences.running()), (Some(B), None));
    }
}
