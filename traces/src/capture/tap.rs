//! A recorder as a session's tap.

use airlock_client::{Blocked, EventTap, Tap};
use airlock_protocol::Event;

use super::SessionRecorder;

impl Tap for SessionRecorder {
    fn batch(&mut self, bytes: &[u8]) {
        SessionRecorder::batch(self, bytes);
    }

    fn piece(&mut self, start: u64, bytes: &[u8]) {
        SessionRecorder::piece(self, start, bytes);
    }

    fn blocked(&self) -> Blocked {
        SessionRecorder::blocked(self)
    }

    fn events(&mut self) -> Option<Box<dyn EventTap>> {
        Some(Box::new(self.clone()))
    }
}

impl EventTap for SessionRecorder {
    fn event(&mut self, bytes: &[u8], event: &Event<'_>) {
        SessionRecorder::event(self, bytes, event);
    }

    fn ended(&mut self, reason: &str) {
        SessionRecorder::ended(self, reason);
    }
}
