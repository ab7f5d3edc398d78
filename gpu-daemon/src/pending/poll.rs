//! Poll thread: polls wgpu's devices while GPU work is pending, and blocks otherwise.
//!
//! wgpu calls its callbacks only from inside calls, and a waiting client causes none. So this thread calls
//! `device_poll` while a map, a work-done request or a loss is pending. It is woken only for work that takes longer
//! than the executor's own polls between two batches: a short readback costs no wake-up.
//!
//! It polls repeatedly instead of waiting inside wgpu, because wgpu-core 30 supports neither form of waiting beside
//! another thread that submits:
//!
//! - A poll that waits holds the device's snatch lock for reading (`Device::poll_and_return_closures` takes it before
//!   `maintain` waits), and `destroy` of a buffer, texture or query set takes it for writing: with an unbounded wait,
//!   the executor would block until the GPU is done.
//! - A wait with a timeout reads the GPU's progress and then asserts that an empty queue means that all is done. A
//!   submit on another thread can retire the rest and empty the queue just between the two
//!   (`assert!(current_finished_submission >= wait_submission_index)`): a panic in a session that did nothing wrong.
//!   `tests/arbitrary` finds it within minutes.
//!
//! A poll that does not wait has neither problem and costs one or two microseconds. The pauses between polls start
//! short, for a readback that is nearly done, and grow with the time already waited, so that they add a small part to
//! it.
//!
//! While submits are unfinished but no ticket is open, the watchdog has the devices polled at intervals
//! ([`Watch::nudge`](crate::pending::watch::Watch::nudge)), which keeps the list of submits current.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use wgpu_types::PollType;

use crate::{gpu::device::CoreDevice, pending::completions::Completions, worker::vitals::Vitals};

/// Polls follow each other without a pause for this long: a small readback is done by then.
const EAGER: Duration = Duration::from_micros(60);
/// Divisor: a pause is this part of the time already waited.
const PART: u32 = 16;
/// Upper bound of a pause, and so of the latency that it adds to a long wait.
const MAX_PAUSE: Duration = Duration::from_micros(250);

/// Main loop of the poll thread.
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
            thread::sleep((waited / PART).min(MAX_PAUSE));
        }
    }
}

/// Polls all pending work once, for sessions without a poll thread.
pub fn poll_now(completions: &Completions) {
    poll_waited_for(completions);
    poll(completions, completions.submits.devices());
}

/// Waits until the GPU has finished all work, and polls the devices: for a session in this process, to which nothing else submits.
pub fn finish(completions: &Completions) {
    let devices = completions.submits.devices().into_iter().chain(completions.watch.devices()).collect();
    poll_as(completions, devices, &PollType::wait_indefinitely());
}

/// Polls the devices with open tickets once; false when there are none.
pub fn poll_waited_for(completions: &Completions) -> bool {
    let waited_for = completions.watch.devices();
    let any = !waited_for.is_empty();
    poll(completions, waited_for);
    any
}

/// Polls devices. Dropping the last handle of one calls into wgpu too.
fn poll(completions: &Completions, devices: Vec<Arc<CoreDevice>>) {
    poll_as(completions, devices, &PollType::Poll);
}

fn poll_as(completions: &Completions, devices: Vec<Arc<CoreDevice>>, how: &PollType<u64>) {
    for device in devices {
        if let Err(error) = device.global.device_poll(device.id, how.clone()) {
            // A lost device; its callback reports the loss.
            tracing::debug!("poll of device {}: {error}", device.client.0);
        }
        completions.settle_losses();
    }
}
