//! What a worker prints: its messages, and those of its driver.
//!
//! A driver may print without end, a guest may have a hand in what it prints, and the log is on somebody's disk. So lines
//! are cut, let through at a bounded rate and up to a bounded number, and logged as a value, whose control characters the
//! log escapes. A worker that prints faster than that is slowed down: its pipe is emptied in steps.

use std::{
    io::{self, Read},
    os::fd::{AsFd, BorrowedFd},
    process::ChildStderr,
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::ioctl_fionbio,
};

use super::throttle::Throttle;
use crate::launch::Rest;

/// Bytes of a line that are logged.
const MAX_LINE: usize = 1 << 10;
/// Lines of a session that are logged at once.
const LINES_AT_ONCE: u32 = 100;
/// After those, one in this time.
const LINE_EVERY: Duration = Duration::from_secs(1);
/// Lines of a session that are logged at all.
const MAX_LINES: u64 = 10_000;
/// Bytes that are read at a time: what a pipe holds.
const CHUNK: usize = 64 << 10;
/// How long a worker may go on when its client is gone.
const AFTER_CLIENT: Duration = Duration::from_secs(5);
/// How often that is looked at then.
const PATIENCE: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };
/// The pause after a chunk with lines that were not logged.
const SLOW_DOWN: Duration = Duration::from_millis(10);

/// Logs what a worker prints until its process ends, and removes its folder as soon as its client is connected. Gives how
/// many lines were not logged.
///
/// The end of the process is waited for and not the end of its output, which another process might keep open.
/// A worker that goes on for longer than [`AFTER_CLIENT`] when its client is gone is not the one that was started: `kill`
/// ends it.
pub fn follow(session: u64, mut output: ChildStderr, exit: BorrowedFd<'_>, rest: &mut Rest, kill: impl Fn()) -> u64 {
    let mut gone: Option<Instant> = None;
    let mut lines = Lines::new(session, Instant::now());
    let mut chunk = vec![0; CHUNK];
    let mut open = ioctl_fionbio(&output, true).is_ok();
    loop {
        let descriptors = [Some(exit), open.then(|| output.as_fd()), rest.watched()];
        let watch = |descriptor| PollFd::from_borrowed_fd(descriptor, PollFlags::IN);
        let mut ready: Vec<PollFd<'_>> = descriptors.into_iter().flatten().map(watch).collect();
        if gone.is_none() {
            // For its end only, which poll tells unasked.
            ready.push(PollFd::from_borrowed_fd(rest.client(), PollFlags::empty()));
        }
        let wait = gone.map(|_| PATIENCE);
        // Whatever the poll says, the reads below do not wait.
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
            let dropped = lines.dropped;
            open = lines.read(&mut output, &mut chunk);
            if !ended && lines.dropped > dropped {
                thread::sleep(SLOW_DOWN);
            }
        }
        if ended {
            return lines.finish();
        }
    }
}

/// Lines as they come in pieces.
#[derive(Debug)]
struct Lines {
    session: u64,
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    /// It is longer than what is kept of it.
    cut: bool,
    throttle: Throttle,
    logged: u64,
    dropped: u64,
}

impl Lines {
    fn new(session: u64, now: Instant) -> Self {
        let throttle = Throttle::new(LINES_AT_ONCE, LINE_EVERY, now);
        Self { session, line: Vec::new(), cut: false, throttle, logged: 0, dropped: 0 }
    }

    /// Takes what is there, once. False at the end of it all.
    fn read(&mut self, output: &mut impl Read, chunk: &mut [u8]) -> bool {
        match output.read(chunk) {
            Ok(0) => false,
            Ok(count) => {
                self.take(chunk.get(..count).unwrap_or_default(), Instant::now());
                true
            }
            Err(error) => matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted),
        }
    }

    fn take(&mut self, bytes: &[u8], now: Instant) {
        let mut pieces = bytes.split(|&byte| byte == b'\n').peekable();
        while let Some(piece) = pieces.next() {
            let (kept, rest) = piece.split_at(piece.len().min(MAX_LINE - self.line.len()));
            self.line.extend(kept);
            self.cut |= !rest.is_empty();
            if pieces.peek().is_some() {
                self.end_line(now);
            }
        }
    }

    fn end_line(&mut self, now: Instant) {
        let (line, cut) = (std::mem::take(&mut self.line), std::mem::take(&mut self.cut));
        if line.is_empty() {
            return;
        }
        match (self.logged < MAX_LINES).then(|| self.throttle.pass(now)).flatten() {
            Some(missing) => {
                self.logged += 1;
                let text = String::from_utf8_lossy(&line);
                let (cut, missing) = (cut.then_some(true), (missing > 0).then_some(missing));
                tracing::info!(session = self.session, line = &*text, cut, missing, "worker");
            }
            None => self.dropped = self.dropped.saturating_add(1),
        }
    }

    fn finish(mut self) -> u64 {
        self.end_line(Instant::now());
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_put_together_and_cut() {
        let now = Instant::now();
        let mut lines = Lines::new(1, now);
        lines.take(b"one\ntw", now);
        assert_eq!((lines.logged, &lines.line[..]), (1, &b"tw"[..]));
        lines.take(b"o\n\n\nthree", now);
        assert_eq!((lines.logged, &lines.line[..]), (2, &b"three"[..]));
        for _ in 0..100 {
            lines.take(&[b'x'; CHUNK], now);
        }
        assert!(lines.line.len() == MAX_LINE && lines.cut);
        lines.take(b"\n", now);
        assert!(lines.logged == 3 && lines.line.is_empty() && !lines.cut);
    }

    #[test]
    fn lines_without_end_are_dropped() {
        let start = Instant::now();
        let mut lines = Lines::new(1, start);
        for _ in 0..1000 {
            lines.take(&b"again\n".repeat(100), start);
        }
        assert_eq!((lines.logged, lines.dropped), (u64::from(LINES_AT_ONCE), 99_900));
        for second in 0..20_000 {
            lines.take(b"again\n", start + LINE_EVERY * second);
        }
        assert_eq!(lines.logged, MAX_LINES);
        assert_eq!(lines.finish(), 100_000 + 20_000 - MAX_LINES);
    }
}
