//! Standard output and standard error of the programs. One rule for every command: a pipe whose reader has left ends quietly,
//! and any other failed write is an error.

use std::io::{self, Write as _};

#[cfg(unix)]
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Writes a text to standard output and flushes it, under the rule of [`unless_closed`].
pub fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    unless_closed(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Maps the error of a closed pipe to success: its reader (`head`) wants no more. Other failures stay errors, a full
/// disk above all.
pub fn unless_closed(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Writes a line to standard error. A failure is ignored: it could be reported nowhere.
pub fn note(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Whether standard output is a pipe or socket whose reader has left.
#[cfg(unix)]
pub fn is_closed() -> bool {
    let stdout = io::stdout();
    let mut ends = [PollFd::new(&stdout, PollFlags::OUT)];
    let polled = poll(&mut ends, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
    let [end] = &ends;
    polled.is_ok() && end.revents().intersects(PollFlags::ERR)
}

/// Whether standard output is a pipe or socket whose reader has left; not known here.
#[cfg(not(unix))]
pub fn is_closed() -> bool {
    false
}
