//! The poll thread: it drives wgpu while something is waited for, and sleeps otherwise.
//!
//! wgpu fires its callbacks only from inside calls, and a client that waits makes none. So this thread calls
//! `device_poll`, which waits for the GPU, whenever a map, a work-done request or a loss is pending.
//!
//! Why the waits are short: inside a waiting poll, wgpu-core 30 holds the device's snatch lock for reading
//! (`Device::poll_and_return_closures` takes it before `maintain` waits). Submits, writes and creations take it for
//! reading too and go on, but `destroy` of a buffer, texture or query set takes it for writing and would stand still
//! until the GPU is done. A wait of [`SLICE`] bounds that; a fence that is signalled ends the wait at once, so the
//! slices cost no latency.

use std::{
    collections::HashMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use wgpu_core::{SubmissionIndex, device::WaitIdleError};
use wgpu_types::PollType;

use crate::{completions::Completions, device::CoreDevice};

/// The longest that one poll waits: how long a `destroy` can be held up by it.
const SLICE: Duration = Duration::from_millis(1);

/// Locks, whether or not another thread panicked with it: the state is whole between any two statements.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One thing that is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket(u64);

/// What must have happened on the GPU for a ticket to close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Until {
    /// A submission is done.
    Submission(SubmissionIndex),
    /// Everything is done.
    Idle,
}

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
    /// Counts opened and closed tickets, to tell a poll that moved something from one that did not.
    changes: u64,
}

#[derive(Debug)]
struct Watched {
    device: Arc<CoreDevice>,
    tickets: HashMap<Ticket, Option<Until>>,
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
            .or_insert_with(|| Watched { device: Arc::clone(device), tickets: HashMap::new() });
        watched.tickets.insert(ticket, None);
        ticket
    }

    /// Says what the ticket waits for, which starts the poll thread. Nothing happens when it has closed already.
    pub fn until(&self, device: &CoreDevice, ticket: Ticket, until: Until) {
        let mut state = lock(&self.state);
        let Some(watched) = state.devices.get_mut(&device.serial) else { return };
        if let Some(open) = watched.tickets.get_mut(&ticket) {
            *open = Some(until);
            drop(state);
            self.changed.notify_one();
        }
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

    /// Waits until something is waited for; gives each such device with the nearest event on it.
    fn due(&self) -> (u64, Vec<(Arc<CoreDevice>, Until)>) {
        let mut state = lock(&self.state);
        loop {
            let due: Vec<_> = state
                .devices
                .values()
                .filter_map(|watched| {
                    let nearest = watched.tickets.values().filter_map(|until| *until).min()?;
                    Some((Arc::clone(&watched.device), nearest))
                })
                .collect();
            if !due.is_empty() {
                return (state.changes, due);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn changes(&self) -> u64 {
        lock(&self.state).changes
    }
}

/// The poll thread's body.
pub fn run(completions: &Completions) {
    loop {
        let (before, due) = completions.watch.due();
        let slice = SLICE / u32::try_from(due.len()).unwrap_or(u32::MAX);
        let mut waited = false;
        for (device, until) in due {
            let submission_index = match until {
                Until::Submission(index) => Some(index),
                Until::Idle => None,
            };
            let poll = PollType::Wait { submission_index, timeout: Some(slice) };
            waited |= matches!(device.global.device_poll(device.id, poll), Err(WaitIdleError::Timeout));
            completions.settle_losses();
        }
        // Every completed poll closes the ticket that it was for. Should one not, this keeps the thread from spinning.
        if !waited && completions.watch.changes() == before {
            thread::sleep(SLICE);
        }
    }
}
