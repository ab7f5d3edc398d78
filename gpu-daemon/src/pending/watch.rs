//! Tickets: requests that wait for the GPU, by device.
//!
//! The lock is a leaf: with it held, no code calls wgpu or drops a device handle.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Condvar, Mutex, PoisonError},
};

use crate::{gpu::device::CoreDevice, lock::lock};

/// A request that waits for the GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket(u64);

/// Open tickets by device.
#[derive(Debug, Default)]
pub struct Watch {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    devices: HashMap<u64, Watched>,
    next: u64,
    /// Counts tickets opened and closed: unchanged while the set of tickets is.
    changes: u64,
    /// The devices with submits are to be polled once.
    nudged: bool,
}

/// Devices to poll.
#[derive(Debug)]
pub struct Due {
    /// Counts tickets opened and closed: unchanged while the set of tickets is.
    pub changes: u64,
    /// The devices with open tickets.
    pub waited_for: Vec<Arc<CoreDevice>>,
    /// The devices with submits are to be polled once.
    pub nudged: bool,
}

#[derive(Debug)]
struct Watched {
    device: Arc<CoreDevice>,
    tickets: HashSet<Ticket>,
}

impl Watch {
    /// Opens a ticket. Call it before the call into wgpu, whose callback may close the ticket at once.
    pub fn open(&self, device: &Arc<CoreDevice>) -> Ticket {
        let mut state = lock(&self.state);
        let ticket = Ticket(state.next);
        state.next += 1;
        state.changes += 1;
        let watched = state
            .devices
            .entry(device.serial)
            .or_insert_with(|| Watched { device: Arc::clone(device), tickets: HashSet::new() });
        watched.tickets.insert(ticket);
        ticket
    }

    /// Wakes the poll thread, after the call into wgpu.
    pub fn wake(&self) {
        self.changed.notify_one();
    }

    /// Closes a ticket.
    pub fn close(&self, device: &CoreDevice, ticket: Ticket) {
        let mut state = lock(&self.state);
        let Some(watched) = state.devices.get_mut(&device.serial) else { return };
        watched.tickets.remove(&ticket);
        let last = if watched.tickets.is_empty() { state.devices.remove(&device.serial) } else { None };
        state.changes += 1;
        drop(state);
        // Possibly the last handle of the device: its drop calls into wgpu, so not with the lock held.
        drop(last);
    }

    /// Closes all tickets of a device.
    pub fn forget(&self, device: &CoreDevice) {
        let mut state = lock(&self.state);
        let last = state.devices.remove(&device.serial);
        state.changes += 1;
        drop(state);
        drop(last);
    }

    /// Number of open tickets.
    pub fn len(&self) -> usize {
        lock(&self.state).devices.values().map(|watched| watched.tickets.len()).sum()
    }

    /// True when no ticket is open.
    pub fn is_empty(&self) -> bool {
        lock(&self.state).devices.is_empty()
    }

    /// Requests one poll of the devices with submits.
    pub fn nudge(&self) {
        lock(&self.state).nudged = true;
        self.wake();
    }

    /// The devices with open tickets.
    pub fn devices(&self) -> Vec<Arc<CoreDevice>> {
        lock(&self.state).devices.values().map(|watched| Arc::clone(&watched.device)).collect()
    }

    /// Blocks until a device is to be polled.
    pub fn due(&self) -> Due {
        let mut state = lock(&self.state);
        while state.devices.is_empty() && !state.nudged {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Due {
            changes: state.changes,
            waited_for: state.devices.values().map(|watched| Arc::clone(&watched.device)).collect(),
            nudged: std::mem::take(&mut state.nudged),
        }
    }
}
