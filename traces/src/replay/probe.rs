//! Probes observe a replay, and put commands of their own between the recorded ones.

use airlock_protocol::{
    Command, Event,
    ids::{BufferId, RequestId},
};

/// Numbers of requests from here on are not the trace's: probes and the replayer itself use them.
pub const INJECTED: u64 = 1 << 62;

/// Observes a replay, and may put commands of its own between the recorded ones.
pub trait Probe {
    /// Called before a command is added to the batch. The command may be changed, and others put before it.
    fn before(&mut self, session: u32, number: u64, command: &mut Command<'_>, to: &mut dyn Inject) {
        let _ = (session, number, command, to);
    }

    /// Called after the command was added to the batch. Others may follow.
    fn after(&mut self, session: u32, number: u64, command: &Command<'_>, to: &mut dyn Inject) {
        let _ = (session, number, command, to);
    }

    /// Called after a session's last command, or the last one to be replayed. The replay waits for the requests made
    /// here.
    fn end(&mut self, session: u32, to: &mut dyn Inject) {
        let _ = (session, to);
    }

    /// A reply to an injected request, `MapData` included. Replies that arrive during a call of the probe are passed
    /// after it has returned.
    fn event(&mut self, event: &Event<'_>) {
        let _ = event;
    }

    /// The contents that a `MapBuffer` of the trace, by its number, returned in this replay.
    fn readback(&mut self, session: u32, number: u64, buffer: BufferId, bytes: &[u8]) {
        let _ = (session, number, buffer, bytes);
    }

    /// Number of commands sent so far, for progress bars.
    fn progress(&mut self, commands: u64) {
        let _ = commands;
    }
}

/// The interface for a probe's own commands.
pub trait Inject {
    /// Puts a command into the batch. Its ids must be free in the trace, its request from [`INJECTED`] on.
    fn send(&mut self, command: Command<'_>);
    /// A number for a request.
    fn request(&mut self) -> RequestId;
    /// Sends the gathered commands and waits until every injected request has its reply. [`Probe::event`] receives them
    /// once the probe has returned. On a timeout, the replay ends after that.
    fn settle(&mut self);
}
