//! Submits that the GPU has not finished, per device, with the data that is on its way with them.
//!
//! The clock of a submit starts when it is the first in its queue: when it is made, or when the one before it is done. So
//! a long queue of short submits is none that hangs, and the deadline is one on each submit's own work.
//!
//! The lock is a leaf: nothing that waits or calls out is done with it.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, Weak},
    time::{Duration, Instant},
};

use crate::{device::CoreDevice, watch::lock};

/// See the module's header.
#[derive(Debug, Default)]
pub struct Submits(Mutex<HashMap<u64, Queue>>);

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
    /// Bytes that wgpu holds for the next submit.
    unsubmitted: u64,
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
        Self { device, pending: VecDeque::new(), next: 0, since, first: since, unsubmitted: 0 }
    }

    fn bytes(&self) -> u64 {
        self.pending.iter().fold(self.unsubmitted, |sum, pending| sum.saturating_add(pending.bytes))
    }
}

impl Submits {
    /// A submit is about to be made. It comes before the call into wgpu, which may itself never return.
    pub fn begin(&self, device: &Arc<CoreDevice>) -> Submit {
        let mut queues = lock(&self.0);
        let queue = queues.entry(device.serial).or_insert_with(|| Queue::new(device));
        if queue.pending.is_empty() {
            queue.since = Instant::now();
            queue.first = queue.since;
        }
        let number = queue.next;
        queue.next = number.wrapping_add(1);
        queue.pending.push_back(Pending { number, bytes: std::mem::take(&mut queue.unsubmitted) });
        Submit { device: device.serial, number }
    }

    /// A submit is done, or was refused.
    pub fn done(&self, submit: Submit) {
        let mut queues = lock(&self.0);
        let Some(queue) = queues.get_mut(&submit.device) else { return };
        let first = queue.pending.front().is_some_and(|pending| pending.number == submit.number);
        if first {
            queue.pending.pop_front();
            queue.since = Instant::now();
            queue.first = queue.since;
        } else {
            queue.pending.retain(|pending| pending.number != submit.number);
        }
        if queue.pending.is_empty() && queue.unsubmitted == 0 {
            queues.remove(&submit.device);
        }
    }

    /// wgpu holds this many bytes more for the device's next submit.
    pub fn hold(&self, device: &Arc<CoreDevice>, bytes: u64) {
        let mut queues = lock(&self.0);
        let queue = queues.entry(device.serial).or_insert_with(|| Queue::new(device));
        queue.unsubmitted = queue.unsubmitted.saturating_add(bytes);
    }

    /// The device is lost: nothing of it will be done.
    pub fn forget(&self, device: &CoreDevice) {
        lock(&self.0).remove(&device.serial);
    }

    /// How many submits of the device are not done.
    pub fn len(&self, device: &CoreDevice) -> usize {
        lock(&self.0).get(&device.serial).map_or(0, |queue| queue.pending.len())
    }

    /// Bytes on their way to the GPU, of all devices.
    pub fn bytes(&self) -> u64 {
        let mut queues = lock(&self.0);
        // What a device held goes with it.
        queues.retain(|_, queue| !queue.pending.is_empty() || queue.device.strong_count() > 0);
        queues.values().fold(0, |sum: u64, queue| sum.saturating_add(queue.bytes()))
    }

    /// True when no submit is waited for.
    pub fn is_empty(&self) -> bool {
        lock(&self.0).values().all(|queue| queue.pending.is_empty())
    }

    /// How long the oldest has been worked on.
    pub fn oldest(&self) -> Option<Duration> {
        let queues = lock(&self.0);
        queues.values().filter(|queue| !queue.pending.is_empty()).map(|queue| queue.since.elapsed()).max()
    }

    /// How long the oldest has been waited for, excused or not.
    pub fn eldest(&self) -> Option<Duration> {
        let queues = lock(&self.0);
        queues.values().filter(|queue| !queue.pending.is_empty()).map(|queue| queue.first.elapsed()).max()
    }

    /// A submit was refused: what wgpu held for it, it holds for the next.
    pub fn refused(&self, submit: Submit) {
        let mut queues = lock(&self.0);
        let Some(queue) = queues.get_mut(&submit.device) else { return };
        let bytes = queue.pending.iter().find(|pending| pending.number == submit.number).map_or(0, |one| one.bytes);
        queue.unsubmitted = queue.unsubmitted.saturating_add(bytes);
        drop(queues);
        self.done(submit);
    }

    /// Starts the clocks anew: the time that has passed was not the GPU's.
    pub fn restart(&self) {
        for queue in lock(&self.0).values_mut() {
            queue.since = Instant::now();
        }
    }

    /// The devices whose submits are not done.
    pub fn devices(&self) -> Vec<Arc<CoreDevice>> {
        let queues = lock(&self.0);
        queues.values().filter(|queue| !queue.pending.is_empty()).filter_map(|queue| queue.device.upgrade()).collect()
    }
}
