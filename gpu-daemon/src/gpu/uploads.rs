//! Uploads that the GPU copies out of the client's ring, without staging memory.
//!
//! wgpu keeps its own staged writes until the next submit and puts them before its command buffers. The copies out of the
//! ring are commands of an encoder of this module's. So that all take effect in the order of the calls, the encoder is
//! submitted before wgpu stages another write, before a submit of the client's, and before its buffers change state
//! ([`Session::flush_uploads`](crate::session::Session::flush_uploads)).
//!
//! The client can write to the ring while the GPU copies, and then changes its own data only: the ring is the source of
//! copies and nothing else, and nothing of it is checked. wgpu knows the ring as a buffer with the usage `COPY_SRC` alone, under
//! an id that no id of the client's refers to.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use wgpu_core::id::{BufferId, CommandEncoderId};

use crate::{gpu::credit::Hold, lock::lock};

/// Length in bytes from which a write is worth a command of its own.
const MIN_UPLOAD: u32 = 4 << 10;

/// Bytes that are worth a submit of their own, and the number of shorter writes that are staged after a submit that had fewer. A
/// client with one short write before each of its submits, or with short and long writes in turns, needs hardly more submits
/// than with staging memory.
const WORTH: (u64, u32) = (128 << 10, 32);

/// A copy starts at a multiple of this many bytes (WebGPU, `COPY_BUFFER_ALIGNMENT`).
const ALIGNMENT: u64 = 4;

/// Uploads of a device.
#[derive(Debug, Default)]
pub struct Uploads {
    /// The ring as a buffer; `None` where it was not imported.
    ring: Option<BufferId>,
    open: Mutex<Option<Open>>,
    /// Whether `open` is an encoder: each command that must follow the copies looks here first.
    is_open: AtomicBool,
    /// Writes to be staged, see [`WORTH`].
    staged: AtomicU32,
    /// The poll thread waits for the copies, because the client may wait for credit.
    awaited: AtomicBool,
}

/// An encoder with copies, and what it keeps of the ring.
#[derive(Debug)]
pub struct Open {
    pub encoder: CommandEncoderId,
    pub hold: Hold,
    bytes: u64,
}

impl Open {
    /// An encoder without copies.
    pub fn new(encoder: CommandEncoderId, hold: Hold) -> Self {
        Self { encoder, hold, bytes: 0 }
    }
}

impl Uploads {
    /// Uploads out of a ring, or none.
    pub fn new(ring: Option<BufferId>) -> Self {
        Self { ring, ..Self::default() }
    }

    /// The ring as a buffer, where the GPU is to copy this piece.
    pub fn source(&self, start: u64, len: u32) -> Option<BufferId> {
        let ring = self.ring.filter(|_| len >= MIN_UPLOAD && start.is_multiple_of(ALIGNMENT))?;
        let staged = self.staged.load(Ordering::Relaxed);
        if staged > 0 && u64::from(len) < WORTH.0 && !self.are_open() {
            self.staged.store(staged.saturating_sub(1), Ordering::Relaxed);
            return None;
        }
        Some(ring)
    }

    /// The encoder for the next copy, of `bytes`; `open` opens one.
    pub fn encoder(&self, bytes: u64, open: impl FnOnce() -> Open) -> CommandEncoderId {
        let mut current = lock(&self.open);
        let open = current.get_or_insert_with(open);
        open.bytes = open.bytes.saturating_add(bytes);
        self.is_open.store(true, Ordering::Release);
        open.encoder
    }

    /// Takes the encoder with its copies, to be submitted.
    pub fn take(&self) -> Option<Open> {
        let open = lock(&self.open).take()?;
        self.is_open.store(false, Ordering::Release);
        let (bytes, writes) = WORTH;
        if open.bytes < bytes {
            self.staged.store(writes, Ordering::Relaxed);
        }
        Some(open)
    }

    /// True when there are copies to be submitted.
    pub fn are_open(&self) -> bool {
        self.is_open.load(Ordering::Acquire)
    }

    /// Records that the poll thread waits for the copies; returns whether it did already.
    pub fn set_awaited(&self, awaited: bool) -> bool {
        self.awaited.swap(awaited, Ordering::AcqRel)
    }

    /// The ring's buffer and an encoder that was not submitted, to be dropped with the device.
    pub fn end(&mut self) -> (Option<BufferId>, Option<Open>) {
        (self.ring.take(), self.take())
    }
}
