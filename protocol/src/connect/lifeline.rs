//! What holds a worker, ends it, and says how it ended.

use std::{
    mem,
    process::Child,
    thread,
    time::{Duration, Instant},
};

#[cfg(target_os = "linux")]
use std::sync::Arc;

#[cfg(target_os = "linux")]
use super::Broker;
use super::{CLOSED, Link};
use crate::{handshake::Ended, output::Relay};

/// How long the news of how a worker ended is waited for.
pub(super) const EXIT_STATUS_WAIT: Duration = Duration::from_millis(500);

/// How long what an ended worker has printed is waited for.
const OUTPUT_WAIT: Duration = Duration::from_millis(500);

/// Holds the worker: its connection ends with this value, and the worker with it.
#[derive(Debug)]
pub struct Lifeline(Life);

#[derive(Debug)]
enum Life {
    /// Our own child, whose end can be seen, its connection, and what it prints.
    Child(Child, #[allow(dead_code)] Link, Option<Relay>),
    /// Another's child, whose end is told on the connection.
    Link {
        link: Link,
        /// The broker whose child it is, which must not end before.
        #[cfg(target_os = "linux")]
        _broker: Option<Arc<Broker>>,
    },
    /// Nothing but the channels: the other side is in this process.
    Here,
    /// It is over.
    Cut,
}

impl Lifeline {
    pub(super) fn of_child(child: Child, link: Link, output: Option<Relay>) -> Self {
        Self(Life::Child(child, link, output))
    }

    pub(super) fn of_link(link: Link) -> Self {
        Self(Life::Link {
            link,
            #[cfg(target_os = "linux")]
            _broker: None,
        })
    }

    #[cfg(target_os = "linux")]
    pub(super) fn of_broker(link: Link, broker: Arc<Broker>) -> Self {
        Self(Life::Link { link, _broker: Some(broker) })
    }

    /// Of a session whose other side is in this process, and ends with its channels.
    pub(super) fn of_memory() -> Self {
        Self(Life::Here)
    }

    /// Says how the worker ended, once its channels are closed.
    pub fn explain(&mut self) -> String {
        match (self.exit(), &self.0) {
            (Some(ended), _) => format!("the GPU worker is gone: {ended}"),
            (None, Life::Child(..)) => "the GPU worker closed the connection".to_owned(),
            (None, Life::Link { .. }) => "the GPU daemon closed the connection".to_owned(),
            (None, Life::Here) => "the daemon's side closed the connection".to_owned(),
            (None, Life::Cut) => CLOSED.to_owned(),
        }
    }

    /// Why a session is over that its client has closed: [`CLOSED`], unless the worker broke on its last work.
    pub fn explain_close(&mut self) -> String {
        match self.exit() {
            Some(ended) if !ended.is_success() => format!("the GPU worker is gone: {ended}"),
            _ => CLOSED.to_owned(),
        }
    }

    /// How the worker ended, if it has or is about to.
    pub(super) fn exit(&mut self) -> Option<Ended> {
        match &mut self.0 {
            Life::Child(child, _, output) => {
                let ended = wait_briefly(child);
                if let (Some(_), Some(output)) = (ended, output) {
                    // Its last words come before those about its end.
                    output.finish(OUTPUT_WAIT);
                }
                ended
            }
            Life::Link { link, .. } => link.ended(EXIT_STATUS_WAIT),
            Life::Here | Life::Cut => None,
        }
    }

    /// Ends the worker, if it has not ended.
    pub fn cut(&mut self) {
        if let Life::Child(mut child, _link, output) = mem::replace(&mut self.0, Life::Cut) {
            let _ = child.kill();
            match (wait_briefly(&mut child), output) {
                (Some(_), Some(output)) => output.finish(OUTPUT_WAIT),
                (Some(_), None) => {}
                // A worker that hangs in its driver is not waited for here, only reaped when it ends.
                (None, _) => drop(thread::spawn(move || child.wait())),
            }
        }
    }
}

impl Drop for Lifeline {
    fn drop(&mut self) {
        self.cut();
    }
}

/// The exit status of a worker that has ended or is about to; `None` when it runs on.
pub(super) fn wait_briefly(child: &mut Child) -> Option<Ended> {
    let deadline = Instant::now() + EXIT_STATUS_WAIT;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(Ended::of(status)),
            Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(1)),
            _ => return None,
        }
    }
}
