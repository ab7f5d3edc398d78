//! The channels of a session, over ipc-channel: batches one way, events the other, and the shared ring.
//!
//! ipc-channel's receivers trust their peer: malformed messages can end the process that reads them. That is why a worker serves one session only, why `gpu-daemon serve` never reads from a client, and why batches
//! and events are sent and received by code of our own on Linux. ipc-channel itself receives only the one message
//! by which a worker gets its channels.
//!
//! `setup` connects the two sides, `ends` are what they send and receive with, `channel` is a channel to another process
//! and `local` one to another thread, `packets` and `waiting` are its system calls, `bulk` and `ring` carry data through
//! the shared `memory`, and `received` says what can become of a wait.

#[cfg(target_os = "linux")]
mod bulk;
mod channel;
mod ends;
mod local;
mod memory;
#[cfg(target_os = "linux")]
mod packets;
mod received;
mod ring;
mod setup;
#[cfg(target_os = "linux")]
mod waiting;

pub use ends::{BatchReceiver, BatchSender, EventReceiver, EventSender, Incoming, Piece};
pub use memory::MemoryError;
pub use received::{Awaited, Gone, ReceiveError};
pub use ring::{RingError, RingReader, RingWriter, place as ring_place};
pub use setup::{
    Bootstrap, ClientChannels, DaemonChannels, Listener, ReceivedRing, TransportError, connect, in_memory,
};
