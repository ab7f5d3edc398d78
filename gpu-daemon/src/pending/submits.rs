//! Submits that the GPU has not finished, per device, with the data that is on its way with them.
//!
//! The clock of a submit starts when it is the first in its queue: when it is made, or when the one before it is done. So
//! a long queue of short submits is none that hangs, and the deadline is one on each submit's own work.
//!
//! The lock is a leaf: nothing that waits or calls out is done with it. A write takes none: it adds to two counters.

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

/// See the module's header.
#[derive(Debug, Default)]
pub struct Submits {
    /// By the device's serial, while anything is pending.
    queues: Mutex<HashMap<u64, Queue>>,
    /// Bytes on their way to the GPU, of all devices.
    bytes: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Queue {
    device: Weak<CoreDevice>,
    /// In the order of submission.
    pending: VecDeque<Pending>,
    next: u64,
    /// When the first of them became the first.
    since: Instant,
    /// The same, whatever was found since to excuse it.
    first: Instant,
}

#[derive(Debug)]
struct Pending {
    number: u64,
    bytes: u64,
}

/// One submit.
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
    /// What a new device counts the bytes with that wgpu holds for it.
    pub fn held(&self) -> Held {
        Held::new(&self.bytes)
    }

    /// A submit is about to be made. It comes before the call into wgpu, which may itself never return.
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

    /// A submit is done.
    pub fn done(&self, submit: Submit) {
        let bytes = self.remove(submit);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// A submit was refused: what wgpu held for it, it holds for the next.
    pub fn refused(&self, device: &CoreDevice, submit: Submit) {
        let bytes = self.remove(submit);
        device.held.put_back(bytes);
    }

    /// Takes a submit out of its queue, if it is still there; gives its bytes, which are the caller's to account for.
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

    /// The device is lost: nothing of it will be done.
    pub fn forget(&self, device: &CoreDevice) {
        let queue = lock(&self.queues).remove(&device.serial);
        let bytes = queue.map_or(0, |queue| queue.bytes()).saturating_add(device.held.take());
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// How many submits of the device are not done.
    pub fn len(&self, device: &CoreDevice) -> usize {
        lock(&self.queues).get(&device.serial).map_or(0, |queue| queue.pending.len())
    }

    /// Bytes on their way to the GPU, of all devices.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// True when no submit is waited for.
    pub fn is_empty(&self) -> bool {
        lock(&self.queues).is_empty()
    }

    /// How long the oldest has been worked on.
    pub fn oldest(&self) -> Option<Duration> {
        lock(&self.queues).values().map(|queue| queue.since.elapsed()).max()
    }

    /// How long the oldest has been waited for, excused or not.
    pub fn eldest(&self) -> Option<Duration> {
        lock(&self.queues).values().map(|queue| queue.first.elapsed()).max()
    }

    /// Starts the clocks anew: the time that has passed was not the GPU's.
    pub fn restart(&self) {
        for queue in lock(&self.queues).values_mut() {
            queue.since = Instant::now();
        }
    }

    /// The devices whose submits are not done.
    pub fn devices(&self) -> Vec<Arc<CoreDevice>> {
        lock(&self.queues).values().filter_map(|queue| queue.device.upgrade()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_counts_until_it_is_done_or_gone() {
        let submits = Submits::default();
        let (one, other) = (submits.held(), submits.held());
        one.add(10);
        other.add(5);
        assert_eq!(submits.bytes(), 15);
        // What is submitted is on its way still.
        assert_eq!(one.take(), 10);
        assert_eq!(submits.bytes(), 15);
        drop(other);
        assert_eq!(submits.bytes(), 10);
    }
}
