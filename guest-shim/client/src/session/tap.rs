//! Taps: the one place where the stream can be observed, by recordings and by the text form of commands.

use airlock_protocol::Event;

use super::blocks::Blocked;

/// Observes everything that a session sends, before it is sent.
pub trait Tap: Send + Sync {
    /// A batch's bytes, header included.
    fn batch(&mut self, bytes: &[u8]);

    /// Bulk data in the shared ring, before the batch with the command that refers to it by this start.
    fn piece(&mut self, start: u64, bytes: &[u8]) {
        let _ = (start, bytes);
    }

    /// Observes the other direction too, on the threads that receive events: one at a time, the guest's among them.
    fn events(&mut self) -> Option<Box<dyn EventTap>> {
        None
    }

    /// Count and duration of blocks of callers in [`Tap::batch`] and [`Tap::piece`], for the statistics.
    fn blocked(&self) -> Blocked {
        Blocked::default()
    }
}

/// Observes everything that a session receives, before the event's waiter: calls that a guest makes because of an event
/// come after it.
pub trait EventTap: Send {
    /// An event, and its bytes.
    fn event(&mut self, bytes: &[u8], event: &Event<'_>);

    /// The session has ended, for this reason.
    fn ended(&mut self, reason: &str);
}
