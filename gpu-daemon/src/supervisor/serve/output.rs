//! Output of a worker, logged with rate limits ([`airlock_protocol::output`]): the log is on the operator's disk.

use std::{
    io::{self, Read},
    os::fd::{AsFd, BorrowedFd},
    process::ChildStderr,
    thread,
    time::{Duration, Instant},
};

use airlock_protocol::output::{CHUNK, Line, Lines, Rate, SLOW_DOWN};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::ioctl_fionbio,
};

use crate::supervisor::launch::Rest;

/// Rate limit of a session's logged lines.
const LOGGED: Rate = Rate { burst: 100, every: Duration::from_secs(1), total: 10_000 };
/// Time limit for a worker's exit after its client has disconnected.
const AFTER_CLIENT: Duration = Duration::from_secs(5);
/// Interval of checks of that limit.
const TICK: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// Logs a worker's output until its process exits, and removes its folder as soon as its client is connected. Returns
/// the number of lines that were not logged.
///
/// It waits for the end of the process and not of its output, which another process might keep open. A worker that
/// continues for longer than [`AFTER_CLIENT`] after its client's disconnect is compromised: `kill` ends it.
pub fn follow(session: u64, mut output: ChildStderr, exit: BorrowedFd<'_>, rest: &mut Rest, kill: impl Fn()) -> u64 {
    let mut gone: Option<Instant> = None;
    let mut lines = Lines::new(LOGGED, Instant::now());
    let log = |line: Line<'_>| {
        let (cut, missing) = (line.cut.then_some(true), (line.missing > 0).then_some(line.missing));
        tracing::info!(session, line = line.text, cut, missing, "worker");
    };
    let mut chunk = vec![0; CHUNK];
    let mut open = ioctl_fionbio(&output, true).is_ok();
    loop {
        let descriptors = [Some(exit), open.then(|| output.as_fd()), rest.watched()];
        let watch = |descriptor| PollFd::from_borrowed_fd(descriptor, PollFlags::IN);
        let mut ready: Vec<PollFd<'_>> = descriptors.into_iter().flatten().map(watch).collect();
        if gone.is_none() {
            // Hang-ups only, which poll reports without being asked.
            ready.push(PollFd::from_borrowed_fd(rest.client(), PollFlags::empty()));
        }
        let wait = gone.map(|_| TICK);
        // The result does not matter for the reads below, which do not block.
        let polled = poll(&mut ready, wait.as_ref());
        let ended = polled.is_ok() && ready.first().is_some_and(|exit| !exit.revents().is_empty());
        if gone.is_none() && polled.is_ok() && ready.last().is_some_and(|client| !client.revents().is_empty()) {
            gone = Some(Instant::now());
        }
        if !ended && gone.is_some_and(|since| since.elapsed() > AFTER_CLIENT) {
            kill();
        }
        rest.tidy_now();
        if open {
            let dropped = lines.dropped();
            open = match output.read(&mut chunk) {
                Ok(0) => false,
                Ok(count) => {
                    lines.take(chunk.get(..count).unwrap_or_default(), Instant::now(), log);
                    true
                }
                Err(error) => matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted),
            };
            if !ended && lines.dropped() > dropped {
                thread::sleep(SLOW_DOWN);
            }
        }
        if ended {
            lines.finish(Instant::now(), log);
            return lines.dropped();
        }
    }
}
