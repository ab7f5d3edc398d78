//! The one place where the stream can be watched: recordings, and commands as text.

use airlock_protocol::Event;

use super::blocks::Blocked;

/// Sees everything that a session sends, before it is sent.
pub trait Tap: Send + Sync {
    /// A batch's bytes, header included.
    fn batch(&mut self, bytes: &[u8]);

    /// Bulk data in the shared ring, before the batch with the command that names it by this start.
    fn piece(&mut self, start: u64, bytes: &[u8]) {
        let _ = (start, bytes);
    }

    /// Watches the other direction too, on the threads that receive events: one at a time, the guest's among them.
    fn events(&mut self) -> Option<Box<dyn EventTap>> {
        None
    }

    /// How often and how long [`Tap::batch`] and [`Tap::piece`] have blocked their caller, for the statistics.
    fn blocked(&self) -> Blocked {
        Blocked::default()
    }
}

/// Sees everything that a session receives, before anyone who waits for it: what the guest does because of an event
/// comes after it.
pub trait EventTap: Send {
    /// An event, and its bytes.
    fn event(&mut self, bytes: &[u8], event: &Event<'_>);

    /// The session is over, for this reason.
    fn ended(&mut self, reason: &str);
}
