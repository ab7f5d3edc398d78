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
//! ([`Watch::nudge`](crate::pending::watch::Watch::nudge)): that is how it learns what is done.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use wgpu_types::PollType;

use crate::{gpu::device::CoreDevice, pending::completions::Completions, worker::vitals::Vitals};

/// How long polls follow each other without a pause: a small readback is done by then.
const EAGER: Duration = Duration::from_micros(60);
/// A pause is this part of the time already waited.
const PART: u32 = 16;
/// The longest pause: the most that is added to a long wait.
const LONGEST: Duration = Duration::from_micros(250);

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
    let waited_for = completions.watch.devices();
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
