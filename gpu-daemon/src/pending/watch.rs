//! Tickets: what waits for the GPU, by device.
//!
//! The lock is a leaf: no call into wgpu is made with it held, and no handle of a device dropped.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Condvar, Mutex, PoisonError},
};

use crate::{gpu::device::CoreDevice, lock::lock};

/// One thing that is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket(u64);

/// What is waited for, by device.
#[derive(Debug, Default)]
pub struct Watch {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    devices: HashMap<u64, Watched>,
    next: u64,
    /// Counts what opened and closed: while it stands still, so does what is waited for.
    changes: u64,
    /// The devices with submits are to be polled once.
    nudged: bool,
}

/// What is to be polled.
#[derive(Debug)]
pub struct Due {
    /// Counts what opened and closed: while it stands still, so does what is waited for.
    pub changes: u64,
    /// The devices that a ticket is open for.
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
    /// Opens a ticket. It comes before the call into wgpu, whose callback may close it at once.
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
        // Perhaps the last handle of the device: it must not go down with the lock held.
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

    /// How many tickets are open.
    pub fn len(&self) -> usize {
        lock(&self.state).devices.values().map(|watched| watched.tickets.len()).sum()
    }

    /// True when nothing is waited for.
    pub fn is_empty(&self) -> bool {
        lock(&self.state).devices.is_empty()
    }

    /// Has the devices with submits polled once, unless the poll thread is busy anyway.
    pub fn nudge(&self) {
        lock(&self.state).nudged = true;
        self.wake();
    }

    /// The devices that a ticket is open for.
    pub fn devices(&self) -> Vec<Arc<CoreDevice>> {
        lock(&self.state).devices.values().map(|watched| Arc::clone(&watched.device)).collect()
    }

    /// Blocks until something is to be polled.
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
