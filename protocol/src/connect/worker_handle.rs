//! The handle of a worker: kills it, and reports how it ended.

use std::{
    mem,
    process::Child,
    thread,
    time::{Duration, Instant},
};

#[cfg(target_os = "linux")]
use std::{fmt, sync::Arc};

use crate::{handshake::Ended, output::Relay, platform::Link};

/// The reason of a session that its client closed. It is part of the trace format.
pub const CLOSED: &str = "the session is closed";

/// The wait for a worker's exit status.
pub(super) const EXIT_STATUS_WAIT: Duration = Duration::from_millis(500);

/// The wait for an ended worker's output.
const OUTPUT_WAIT: Duration = Duration::from_millis(500);

/// Owns the worker: its connection closes when this value is dropped, and the worker ends with it.
#[derive(Debug)]
pub struct WorkerHandle(Owned);

#[derive(Debug)]
enum Owned {
    /// A child process, its connection, and the relay of its output.
    Child(Child, #[allow(dead_code)] Link, Option<Relay>),
    /// The child of another process, which reports its end on the connection.
    Link {
        link: Link,
        /// The broker whose child it is, which must not end before.
        #[cfg(target_os = "linux")]
        _broker: Option<Arc<dyn fmt::Debug + Send + Sync>>,
    },
    /// No process: the other side is in this process.
    Here,
    /// It was killed.
    Killed,
}

impl WorkerHandle {
    pub(super) fn of_child(child: Child, link: Link, output: Option<Relay>) -> Self {
        Self(Owned::Child(child, link, output))
    }

    pub(super) fn of_link(link: Link) -> Self {
        Self(Owned::Link {
            link,
            #[cfg(target_os = "linux")]
            _broker: None,
        })
    }

    #[cfg(target_os = "linux")]
    pub(super) fn of_broker(link: Link, broker: Arc<dyn fmt::Debug + Send + Sync>) -> Self {
        Self(Owned::Link { link, _broker: Some(broker) })
    }

    /// For a session whose other side is in this process, and ends with its channels.
    pub(super) fn of_memory() -> Self {
        Self(Owned::Here)
    }

    /// Reports how the worker ended, once its channels are closed.
    pub fn explain(&mut self) -> String {
        match (self.exit(), &self.0) {
            (Some(ended), _) => format!("the GPU worker is gone: {ended}"),
            (None, Owned::Child(..)) => "the GPU worker closed the connection".to_owned(),
            (None, Owned::Link { .. }) => "the GPU daemon closed the connection".to_owned(),
            (None, Owned::Here) => "the daemon's side closed the connection".to_owned(),
            (None, Owned::Killed) => CLOSED.to_owned(),
        }
    }

    /// The reason of a session that its client has closed: [`CLOSED`], unless the worker broke on its last work.
    pub fn explain_close(&mut self) -> String {
        match self.exit() {
            Some(ended) if !ended.is_success() => format!("the GPU worker is gone: {ended}"),
            _ => CLOSED.to_owned(),
        }
    }

    /// The worker's exit status, if it has exited or is about to.
    pub(super) fn exit(&mut self) -> Option<Ended> {
        match &mut self.0 {
            Owned::Child(child, _, output) => {
                let ended = wait_briefly(child);
                if let (Some(_), Some(output)) = (ended, output) {
                    // Its last messages precede the report of its end.
                    output.finish(OUTPUT_WAIT);
                }
                ended
            }
            Owned::Link { link, .. } => link.ended(EXIT_STATUS_WAIT),
            Owned::Here | Owned::Killed => None,
        }
    }

    /// Kills the worker, unless it has ended.
    pub fn kill(&mut self) {
        if let Owned::Child(mut child, _link, output) = mem::replace(&mut self.0, Owned::Killed) {
            let _ = child.kill();
            match (wait_briefly(&mut child), output) {
                (Some(_), Some(output)) => output.finish(OUTPUT_WAIT),
                (Some(_), None) => {}
                // A worker that hangs in its driver is reaped on another thread when it exits.
                (None, _) => drop(thread::spawn(move || child.wait())),
            }
        }
    }
}

impl Drop for WorkerHandle {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Reaps a process that was told to end: here if it ends soon, else on another thread.
pub(super) fn reap(mut child: Child) {
    if wait_briefly(&mut child).is_none() {
        thread::spawn(move || child.wait());
    }
}

/// The exit status of a worker that has ended or is about to; `None` when it runs on.
fn wait_briefly(child: &mut Child) -> Option<Ended> {
    let deadline = Instant::now() + EXIT_STATUS_WAIT;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(Ended::of(status)),
            Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(1)),
            _ => return None,
        }
    }
}
