//! Events on their way to the client.

use airlock_protocol::{Event, codec::encode_event, transport::EventSender};

/// Sends events, from any thread.
#[derive(Clone, Debug)]
pub struct Events(EventSender);

impl Events {
    /// Wraps the session's channel.
    pub fn new(sender: EventSender) -> Self {
        Self(sender)
    }

    /// Sends one event. A client that went away is noticed where batches are received, so nothing is returned here.
    pub fn send(&self, event: &Event<'_>) {
        let mut bytes = Vec::new();
        match encode_event(event, &mut bytes) {
            Ok(()) => {
                if self.0.send(&bytes).is_err() {
                    tracing::debug!("an event has no one to go to: the client is gone");
                }
            }
            Err(error) => tracing::error!("{error}"),
        }
    }
}
