//! Sender of events to the client.

use std::sync::Arc;

use airlock_protocol::{
    Event,
    codec::{encode_event, encode_map_data},
    events::map_pieces,
    ids::RequestId,
    transport::{EventSender, Gone},
};

use crate::worker::vitals::Vitals;

/// Sends events from any thread.
#[derive(Clone, Debug)]
pub struct Events {
    sender: EventSender,
    vitals: Arc<Vitals>,
}

impl Events {
    /// Creates a sender on the session's channel.
    pub fn new(sender: EventSender, vitals: Arc<Vitals>) -> Self {
        Self { sender, vitals }
    }

    /// Sends one event. Blocks while the client does not read, up to the watchdog's deadline. Returns no error: the receiver
    /// of batches detects a disconnected client.
    pub fn send(&self, event: &Event<'_>) {
        let mut bytes = Vec::new();
        match encode_event(event, &mut bytes) {
            Ok(()) => self.sent(bytes.len(), || self.sender.send(&bytes)),
            Err(error) => tracing::error!("{error}"),
        }
    }

    /// Sends the contents of a map as [`Event::MapData`] events.
    pub fn send_contents(&self, request: RequestId, contents: &[u8]) {
        for piece in map_pieces(contents) {
            self.send_map_data(request, piece);
        }
    }

    /// Sends the one event with bulk data, copied once, into the shared ring.
    fn send_map_data(&self, request: RequestId, data: &[u8]) {
        let mut start = Vec::new();
        match encode_map_data(request, data.len(), &mut start) {
            Ok(()) => self.sent(start.len().saturating_add(data.len()), || self.sender.send_with_data(&start, data)),
            Err(error) => tracing::error!("{error}"),
        }
    }

    /// Closes the channel: the client sees its end.
    pub fn close(&self) {
        self.sender.close();
    }

    fn sent(&self, bytes: usize, send: impl FnOnce() -> Result<(), Gone>) {
        if self.vitals.sends.run(send).is_err() {
            tracing::debug!("event dropped: the client is gone");
        }
        Vitals::add(&self.vitals.bytes_out, bytes as u64);
    }
}
