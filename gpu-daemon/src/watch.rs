//! The poll thread: it drives wgpu while something is waited for, and sleeps otherwise.
//!
//! wgpu fires its callbacks only from inside calls, and a client that waits makes none. So this thread calls
//! `device_poll` whenever a map, a work-done request or a loss is pending. It is woken for what takes longer than the
//! executor polls itself after a batch, while it looks for the next one: a short readback wakes nobody.
//!
//! Why it asks again and again instead of waiting inside wgpu, of which wgpu-core 30 allows neither form beside another
//! thread that submits:
//!
//! - A poll that waits holds the device's snatch lock for reading (`Device::poll_and_return_closures` takes it before
//!   `maintain` waits), and `destroy` of a buffer, texture or query set takes it for writing: with a wait to the end,
//!   the executor would stand still until the GPU is done.
//! - A wait with a timeout asserts, after it has read how far the GPU is, that an empty queue means that all is done.
//!   A submit on another thread can see to the rest and empty the queue just between the two
//!   (`assert!(current_finished_submission >= wait_submission_index)`): a panic in a session that did nothing wrong.
//!   `tests/arbitrary` finds it within minutes.
//!
//! A poll that does not wait has neither problem and costs a microsecond or two. The pauses between them start short,
//! for a readback that is all but done, and grow with the time already waited, so that they add a small part to it.
//!
//! While nothing is waited for but submits are not done, the watchdog has the devices polled now and then
//! ([`Watch::nudge`]): that is how it learns what is done.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError},
    thread,
    time::{Duration, Instant},
};

use wgpu_types::PollType;

use crate::{completions::Completions, device::CoreDevice, vitals::Vitals};

/// How long polls follow each other without a pause: a small readback is done by then.
const EAGER: Duration = Duration::from_micros(60);
/// A pause is this part of the time already waited.
const PART: u32 = 16;
/// The longest pause: the most that is added to a long wait.
const LONGEST: Duration = Duration::from_micros(250);

/// Locks, whether or not another thread panicked with it: the state is whole between any two statements.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As [`lock`], but gives up after a time: for what is better done without than not at all.
pub fn lock_within<T>(mutex: &Mutex<T>, limit: Duration) -> Option<MutexGuard<'_, T>> {
    let start = Instant::now();
    loop {
        match mutex.try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) if start.elapsed() >= limit => return None,
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(1)),
        }
    }
}

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
struct Due {
    /// What [`State::changes`] is.
    changes: u64,
    waited_for: Vec<Arc<CoreDevice>>,
    nudged: bool,
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

    /// Waits until something is to be polled.
    fn due(&self) -> Due {
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

/// The poll thread's body.
pub fn run(completions: &Completions, vitals: &Vitals) {
    let mut seen = 0;
    let mut since = Instant::now();
    loop {
        let due = completions.watch.due();
        if due.changes != seen {
            (seen, since) = (due.changes, Instant::now());
        }
        if due.nudged {
            vitals.polls.run(|| poll(completions, completions.submits.devices()));
        }
        if due.waited_for.is_empty() {
            continue;
        }
        vitals.polls.run(|| poll(completions, due.waited_for));
        let waited = since.elapsed();
        if waited < EAGER {
            thread::yield_now();
        } else {
            thread::sleep((waited / PART).min(LONGEST));
        }
    }
}

/// Polls once what the poll thread would poll, where there is none.
pub fn poll_now(completions: &Completions) {
    poll_waited_for(completions);
    poll(completions, completions.submits.devices());
}

/// Polls once what is waited for; false when nothing is.
pub fn poll_waited_for(completions: &Completions) -> bool {
    let waited_for: Vec<_> =
        lock(&completions.watch.state).devices.values().map(|watched| Arc::clone(&watched.device)).collect();
    let any = !waited_for.is_empty();
    poll(completions, waited_for);
    any
}

/// Polls devices. Dropping the last handle of one calls into wgpu too.
fn poll(completions: &Completions, devices: Vec<Arc<CoreDevice>>) {
    for device in devices {
        if let Err(error) = device.global.device_poll(device.id, PollType::Poll) {
            // A lost device, which is told by its closure.
            tracing::debug!("poll of device {}: {error}", device.client.0);
        }
        completions.settle_losses();
    }
}
