//! Writes that wgpu holds until a submit.

use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicU64, Ordering},
};

/// Bytes of writes, and how many writes, that wait for a submit at most. Then they have one of their own.
const MAX_HELD: (u64, u32) = (2 << 20, 512);

/// Writes that wgpu holds for a device's next submit. They are gone with the device.
#[derive(Debug)]
pub struct Held {
    bytes: AtomicU64,
    writes: AtomicU32,
    /// The sum that the bytes are part of.
    all: Arc<AtomicU64>,
}

impl Held {
    /// Nothing is held yet; `all` is the sum that it is part of.
    pub fn new(all: &Arc<AtomicU64>) -> Self {
        Self { bytes: AtomicU64::new(0), writes: AtomicU32::new(0), all: Arc::clone(all) }
    }

    /// Holds the bytes of a refused submit again, which the sum still counts.
    pub fn put_back(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// wgpu holds a write of this many bytes more.
    pub fn add(&self, bytes: u64) {
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.all.fetch_add(bytes, Ordering::Relaxed);
    }

    /// It holds as much as is good.
    pub fn is_much(&self) -> bool {
        let (bytes, writes) = MAX_HELD;
        self.bytes.load(Ordering::Relaxed) >= bytes || self.writes.load(Ordering::Relaxed) >= writes
    }

    /// wgpu holds none any more; they still count.
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
