//! Probes look on while a trace is replayed, and put commands of their own between the recorded ones.

use airlock_protocol::{
    Command, Event,
    ids::{BufferId, RequestId},
};

/// Questions from this number on are not the trace's: probes and the replayer itself ask them.
pub const INJECTED: u64 = 1 << 62;

/// Looks on while a trace is replayed, and may put commands of its own between the recorded ones.
pub trait Probe {
    /// A command is about to be put into the batch. It may be changed, and others put before it.
    fn before(&mut self, session: u32, number: u64, command: &mut Command<'_>, to: &mut dyn Inject) {
        let _ = (session, number, command, to);
    }

    /// The command was put into the batch. Others may follow.
    fn after(&mut self, session: u32, number: u64, command: &Command<'_>, to: &mut dyn Inject) {
        let _ = (session, number, command, to);
    }

    /// A session's commands are all there, up to its end or the last that was asked for. What is asked here is waited for.
    fn end(&mut self, session: u32, to: &mut dyn Inject) {
        let _ = (session, to);
    }

    /// A reply to a request that was injected, `MapData` included. Answers are handed over after the call has returned in
    /// which they came.
    fn event(&mut self, event: &Event<'_>) {
        let _ = event;
    }

    /// The contents that a `MapBuffer` of the trace, by its number, returned in this replay.
    fn readback(&mut self, session: u32, number: u64, buffer: BufferId, bytes: &[u8]) {
        let _ = (session, number, buffer, bytes);
    }

    /// So many commands were sent: for progress bars.
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
    /// Sends what has gathered and waits until every injected request has its reply. [`Probe::event`] hears of them once
    /// the probe has returned. When it takes too long, the replay ends after that.
    fn settle(&mut self);
}
