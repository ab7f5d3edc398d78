//! The relay of a worker's output: its own messages, and those of its driver.
//!
//! A worker's standard error is always a pipe: a compromised worker could read from a terminal, or inject input into it. The
//! process that starts a worker relays its output as truncated lines, at a bounded rate and up to a bounded number, with
//! control characters escaped. A worker that prints faster is slowed down: its pipe is drained in steps.

use std::{
    io::{Read, Write},
    process::ChildStderr,
    sync::{
        Mutex, PoisonError,
        mpsc::{Receiver, channel},
    },
    thread,
    time::{Duration, Instant},
};

#[cfg(unix)]
use std::{
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
};

#[cfg(unix)]
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::{ioctl_fionread, retry_on_intr},
};

use crate::{throttle::Throttle, visible::visible};

/// Bytes of a line that are relayed.
pub const MAX_LINE: usize = 1 << 10;
/// Bytes of one read: the size of a pipe.
pub const CHUNK: usize = 64 << 10;
/// The pause after a chunk with dropped lines.
pub const SLOW_DOWN: Duration = Duration::from_millis(10);

/// Lines of one worker that reach a terminal: a verbose log is much longer than `serve` allows.
const TO_TERMINAL: Rate = Rate { burst: 1_000, every: Duration::from_millis(10), total: 1_000_000 };
/// Precedes each line of a worker on a terminal, so that it cannot imitate a message of this program or of a shell.
const PREFIX: &str = "worker: ";

/// The rate of relayed lines.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Lines that pass at once.
    pub burst: u32,
    /// Afterwards one line passes in this time.
    pub every: Duration,
    /// Lines that pass in all.
    pub total: u64,
}

/// A line to be relayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The text, with control characters escaped.
    pub text: &'a str,
    /// The line was truncated.
    pub cut: bool,
    /// The number of lines that were dropped before it.
    pub missing: u64,
}

/// Assembles lines from pieces.
#[derive(Debug)]
pub struct Lines {
    /// An unfinished line.
    line: Vec<u8>,
    /// The unfinished line was truncated.
    cut: bool,
    throttle: Throttle,
    left: u64,
    dropped: u64,
}

impl Lines {
    /// No lines yet.
    pub fn new(rate: Rate, now: Instant) -> Self {
        let throttle = Throttle::new(rate.burst, rate.every, now);
        Self { line: Vec::new(), cut: false, throttle, left: rate.total, dropped: 0 }
    }

    /// Takes a piece and calls `pass` with each whole line.
    pub fn take(&mut self, bytes: &[u8], now: Instant, mut pass: impl FnMut(Line<'_>)) {
        let mut pieces = bytes.split(|&byte| byte == b'\n').peekable();
        while let Some(piece) = pieces.next() {
            let (kept, rest) = piece.split_at(piece.len().min(MAX_LINE.saturating_sub(self.line.len())));
            self.line.extend(kept);
            self.cut |= !rest.is_empty();
            if pieces.peek().is_some() {
                self.end_line(now, &mut pass);
            }
        }
    }

    /// Passes on an unfinished line.
    pub fn finish(&mut self, now: Instant, mut pass: impl FnMut(Line<'_>)) {
        self.end_line(now, &mut pass);
    }

    /// The number of dropped lines.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    fn end_line(&mut self, now: Instant, pass: &mut impl FnMut(Line<'_>)) {
        let (line, cut) = (std::mem::take(&mut self.line), std::mem::take(&mut self.cut));
        if line.is_empty() {
            return;
        }
        match (self.left > 0).then(|| self.throttle.pass(now)).flatten() {
            Some(missing) => {
                self.left = self.left.saturating_sub(1);
                let text = String::from_utf8_lossy(&line);
                pass(Line { text: &visible(&text), cut, missing });
            }
            None => self.dropped = self.dropped.saturating_add(1),
        }
    }
}

/// Relays a worker's output to this process's standard error, on a thread of its own.
#[derive(Debug)]
pub struct Relay {
    over: Mutex<Receiver<()>>,
    #[cfg(unix)]
    drain: Drain,
}

impl Relay {
    /// Starts the relay. Without a thread for it the output is lost, and the worker goes on.
    pub fn start(output: ChildStderr) -> Self {
        let (done, over) = channel();
        #[cfg(unix)]
        let drain = Drain { pipe: output.as_fd().try_clone_to_owned().ok(), printing: Arc::default() };
        #[cfg(unix)]
        let printing = Arc::clone(&drain.printing);
        let pass = move || {
            let mut output = output;
            let mut lines = Lines::new(TO_TERMINAL, Instant::now());
            let mut chunk = vec![0; CHUNK];
            loop {
                #[cfg(unix)]
                let _printing = {
                    let mut ready = [PollFd::new(&output, PollFlags::IN)];
                    let _ = retry_on_intr(|| poll(&mut ready, None));
                    printing.lock().unwrap_or_else(PoisonError::into_inner)
                };
                let dropped = lines.dropped();
                match output.read(&mut chunk) {
                    Ok(0) => break,
                    Ok(count) => lines.take(chunk.get(..count).unwrap_or_default(), Instant::now(), print),
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
                if lines.dropped() > dropped {
                    thread::sleep(SLOW_DOWN);
                }
            }
            lines.finish(Instant::now(), print);
            if lines.dropped() > 0 {
                let text = format!("{} lines were too many to be shown", lines.dropped());
                print(Line { text: &text, cut: false, missing: 0 });
            }
            let _ = done.send(());
        };
        let _ = thread::Builder::new().name("worker's output".to_owned()).spawn(pass);
        Self {
            over: Mutex::new(over),
            #[cfg(unix)]
            drain,
        }
    }

    /// Waits until the output of an ended worker is relayed, at most for `patience`: another process might hold its pipe.
    pub fn finish(&self, patience: Duration) {
        // The thread drops its end when the pipe has ended.
        let _ = self.over.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(patience);
    }

    /// Waits until the pipe's present contents are relayed, at most for `patience`, without waiting for the worker's exit,
    /// which takes the kernel a while.
    #[cfg(unix)]
    pub fn drain(&self, patience: Duration) {
        let Drain { pipe: Some(pipe), printing } = &self.drain else { return };
        let deadline = Instant::now() + patience;
        while ioctl_fionread(pipe).is_ok_and(|left| left > 0) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
        drop(printing.lock());
    }
}

/// The state for [`Relay::drain`].
#[cfg(unix)]
#[derive(Debug)]
struct Drain {
    pipe: Option<OwnedFd>,
    /// Locked from before a read of the pipe until its lines are printed.
    printing: Arc<Mutex<()>>,
}

fn print(line: Line<'_>) {
    let Line { text, cut, missing } = line;
    let (before, after) = (if missing > 0 { "[...] " } else { "" }, if cut { " [...]" } else { "" });
    // Without a reader of standard error there is no loss.
    let _ = std::io::stderr().lock().write_all(format!("{PREFIX}{before}{text}{after}\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 100, every: Duration::from_secs(1), total: 10_000 };

    #[test]
    fn lines_are_put_together_and_cut_and_harmless() {
        let now = Instant::now();
        let mut lines = Lines::new(RATE, now);
        let mut passed = Vec::new();
        let mut take = |bytes: &[u8]| lines.take(bytes, now, |line| passed.push((line.text.to_owned(), line.cut)));
        take(b"one\ntw");
        take(b"o\n\n\n\x1b]0;three");
        for _ in 0..100 {
            take(&[b'x'; CHUNK]);
        }
        take(b"\n");
        assert_eq!(passed[..2], [("one".to_owned(), false), ("two".to_owned(), false)]);
        let (text, cut) = &passed[2];
        assert!(text.starts_with("\\u{1b}]0;threexx") && text.len() < MAX_LINE + 16 && *cut, "{text}");
        assert_eq!(passed.len(), 3);
        assert!(lines.line.is_empty());
    }

    #[test]
    fn lines_without_end_are_dropped() {
        let start = Instant::now();
        let mut lines = Lines::new(RATE, start);
        let mut passed = 0;
        for _ in 0..1000 {
            lines.take(&b"again\n".repeat(100), start, |_| passed += 1);
        }
        assert_eq!((passed, lines.dropped()), (100, 99_900));
        for second in 0..20_000 {
            lines.take(b"again\n", start + RATE.every * second, |_| passed += 1);
        }
        assert_eq!(passed, RATE.total);
        assert_eq!(lines.dropped(), 100_000 + 20_000 - RATE.total);
    }
}
