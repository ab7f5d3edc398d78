//! Events on their way to the client.

use std::sync::Arc;

use airlock_protocol::{Event, codec::encode_event, transport::EventSender};

use crate::vitals::Vitals;

/// Sends events, from any thread.
#[derive(Clone, Debug)]
pub struct Events {
    sender: EventSender,
    vitals: Arc<Vitals>,
}

impl Events {
    /// Wraps the session's channel.
    pub fn new(sender: EventSender, vitals: Arc<Vitals>) -> Self {
        Self { sender, vitals }
    }

    /// Sends one event. A client that went away is noticed where batches are received, so nothing is returned here; one
    /// that does not read makes this wait, which the watchdog sees.
    pub fn send(&self, event: &Event<'_>) {
        let mut bytes = Vec::new();
        match encode_event(event, &mut bytes) {
            Ok(()) => {
                if self.vitals.sends.run(|| self.sender.send(&bytes)).is_err() {
                    tracing::debug!("an event has no one to go to: the client is gone");
                }
                Vitals::add(&self.vitals.bytes_out, bytes.len() as u64);
            }
            Err(error) => tracing::error!("{error}"),
        }
    }
}
