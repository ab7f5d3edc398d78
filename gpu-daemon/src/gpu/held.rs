//! Staged writes: writes that wgpu keeps in staging memory until the next submit.

use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicU64, Ordering},
};

/// Maximum bytes and number of staged writes. At either, the writes are submitted.
const MAX_HELD: (u64, u32) = (2 << 20, 512);

/// Staged writes of a device. They are dropped with the device.
#[derive(Debug)]
pub struct Held {
    bytes: AtomicU64,
    writes: AtomicU32,
    /// Total of all devices, which includes `bytes`.
    all: Arc<AtomicU64>,
}

impl Held {
    /// Creates a counter at zero; `all` is the total of all devices.
    pub fn new(all: &Arc<AtomicU64>) -> Self {
        Self { bytes: AtomicU64::new(0), writes: AtomicU32::new(0), all: Arc::clone(all) }
    }

    /// Restores the bytes of a refused submit, which the total still includes.
    pub fn put_back(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Adds a write of this many bytes.
    pub fn add(&self, bytes: u64) {
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.all.fetch_add(bytes, Ordering::Relaxed);
    }

    /// True when the staged writes should be submitted.
    pub fn is_much(&self) -> bool {
        let (bytes, writes) = MAX_HELD;
        self.bytes.load(Ordering::Relaxed) >= bytes || self.writes.load(Ordering::Relaxed) >= writes
    }

    /// Resets the counter, because a submit takes the writes; the total still includes them.
    pub fn take(&self) -> u64 {
        self.writes.store(0, Ordering::Relaxed);
        self.bytes.swap(0, Ordering::Relaxed)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.all.fetch_sub(self.take(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_writes_are_much_and_so_is_a_long_one() {
        let (bytes, writes) = MAX_HELD;
        let held = Held::new(&Arc::default());
        held.add(bytes - 1);
        assert!(!held.is_much());
        held.add(1);
        assert!(held.is_much());
        held.take();
        for _ in 1..writes {
            held.add(0);
        }
        assert!(!held.is_much());
        held.add(0);
        assert!(held.is_much());
    }
}
