//! Unfinished submits per device, with the bytes of data in flight with them.
//!
//! The clock of a submit starts when it becomes the first in its queue: at the submit, or when its predecessor is done. So
//! a long queue of short submits does not count as a hang, and the deadline applies to each submit's own work.
//!
//! The lock is a leaf: with it held, no call waits or leaves this module. A write takes no lock: it adds to counters.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    gpu::{device::CoreDevice, held::Held},
    lock::lock,
};

/// Unfinished submits.
#[derive(Debug, Default)]
pub struct Submits {
    /// By the device's serial, while anything is pending.
    queues: Mutex<HashMap<u64, Queue>>,
    /// Bytes in flight to the GPU, of all devices.
    bytes: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Queue {
    device: Weak<CoreDevice>,
    /// In the order of submission.
    pending: VecDeque<Pending>,
    next: u64,
    /// Time at which the first one became the first, or of the last [`Submits::restart`].
    since: Instant,
    /// The same, not affected by restarts.
    first: Instant,
}

#[derive(Debug)]
struct Pending {
    number: u64,
    bytes: u64,
}

/// Handle of an entry.
#[derive(Clone, Copy, Debug)]
pub struct Submit {
    device: u64,
    number: u64,
}

impl Queue {
    fn new(device: &Arc<CoreDevice>) -> Self {
        let (device, since) = (Arc::downgrade(device), Instant::now());
        Self { device, pending: VecDeque::new(), next: 0, since, first: since }
    }

    fn bytes(&self) -> u64 {
        self.pending.iter().fold(0, |sum, pending| sum.saturating_add(pending.bytes))
    }
}

impl Submits {
    /// Creates the counter of staged bytes for a new device.
    pub fn held(&self) -> Held {
        Held::new(&self.bytes)
    }

    /// Adds a submit, before the call into wgpu, which may itself never return.
    pub fn begin(&self, device: &Arc<CoreDevice>) -> Submit {
        let mut queues = lock(&self.queues);
        let queue = queues.entry(device.serial).or_insert_with(|| Queue::new(device));
        if queue.pending.is_empty() {
            queue.since = Instant::now();
            queue.first = queue.since;
        }
        let number = queue.next;
        queue.next = number.wrapping_add(1);
        queue.pending.push_back(Pending { number, bytes: device.held.take() });
        Submit { device: device.serial, number }
    }

    /// Removes a finished submit and its bytes.
    pub fn done(&self, submit: Submit) {
        let bytes = self.remove(submit);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Removes a refused submit; wgpu keeps its staged bytes for the next one.
    pub fn refused(&self, device: &CoreDevice, submit: Submit) {
        let bytes = self.remove(submit);
        device.held.put_back(bytes);
    }

    /// Removes a submit from its queue, if it is still there; returns its bytes, which the caller accounts for.
    fn remove(&self, submit: Submit) -> u64 {
        let mut queues = lock(&self.queues);
        let Some(queue) = queues.get_mut(&submit.device) else { return 0 };
        let at = queue.pending.iter().position(|pending| pending.number == submit.number);
        let removed = at.and_then(|at| queue.pending.remove(at));
        if at == Some(0) {
            queue.since = Instant::now();
            queue.first = queue.since;
        }
        if queue.pending.is_empty() {
            queues.remove(&submit.device);
        }
        removed.map_or(0, |pending| pending.bytes)
    }

    /// Removes all submits of a lost device.
    pub fn forget(&self, device: &CoreDevice) {
        let queue = lock(&self.queues).remove(&device.serial);
        let bytes = queue.map_or(0, |queue| queue.bytes()).saturating_add(device.held.take());
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Unfinished submits of the device.
    pub fn len(&self, device: &CoreDevice) -> usize {
        lock(&self.queues).get(&device.serial).map_or(0, |queue| queue.pending.len())
    }

    /// Bytes in flight to the GPU, of all devices.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// True when no submit is unfinished.
    pub fn is_empty(&self) -> bool {
        lock(&self.queues).is_empty()
    }

    /// Time that the GPU has worked on the oldest submit, since the last restart.
    pub fn oldest(&self) -> Option<Duration> {
        lock(&self.queues).values().map(|queue| queue.since.elapsed()).max()
    }

    /// As [`Submits::oldest`], without restarts.
    pub fn eldest(&self) -> Option<Duration> {
        lock(&self.queues).values().map(|queue| queue.first.elapsed()).max()
    }

    /// Restarts the clocks, because the GPU was not working in the meantime.
    pub fn restart(&self) {
        for queue in lock(&self.queues).values_mut() {
            queue.since = Instant::now();
        }
    }

    /// The devices with unfinished submits.
    pub fn devices(&self) -> Vec<Arc<CoreDevice>> {
        lock(&self.queues).values().filter_map(|queue| queue.device.upgrade()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staged_bytes_count_until_done_or_dropped() {
        let submits = Submits::default();
        let (one, other) = (submits.held(), submits.held());
        one.add(10);
        other.add(5);
        assert_eq!(submits.bytes(), 15);
        // Submitted bytes are still in flight.
        assert_eq!(one.take(), 10);
        assert_eq!(submits.bytes(), 15);
        drop(other);
        assert_eq!(submits.bytes(), 10);
    }
}
