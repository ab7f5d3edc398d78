//! The channels of a session, over ipc-channel: batches one way, events the other, and the shared ring.
//!
//! ipc-channel's receivers trust their peer: malformed messages can end the process that reads them. Hence a worker serves
//! one session only, `gpu-daemon serve` never reads from a client, and batches and events cross on Linux in socket pairs of
//! our own. ipc-channel itself receives one message there, the worker's own [`Bootstrap`], which completes the set-up.
//!
//! `setup` connects the two sides, `ends` are their senders and receivers, `channel` is a channel to another process
//! and `local` one to another thread, `packets` are its system calls, `queue` carries short messages, `bulk` and `ring` data
//! through the shared `memory`, and `received` lists the results of a wait.

#[cfg(target_os = "linux")]
mod bulk;
#[cfg_attr(target_os = "linux", path = "transport/sockets.rs")]
#[cfg_attr(not(target_os = "linux"), path = "transport/messages.rs")]
mod channel;
mod ends;
mod local;
mod memory;
#[cfg(target_os = "linux")]
mod packets;
#[cfg(target_os = "linux")]
mod queue;
mod received;
mod ring;
mod setup;

pub use ends::{BatchReceiver, BatchSender, EventReceiver, EventSender, Incoming, Piece};
pub use memory::MemoryError;
#[cfg(target_os = "linux")]
pub use memory::RingMemory;
pub use received::{Awaited, Gone, ReceiveError};
pub use ring::{RingError, RingReader, RingWriter, place as ring_place};
pub use setup::{Bootstrap, ClientChannels, DaemonChannels, HandedOver, Listener, TransportError, connect, in_memory};
