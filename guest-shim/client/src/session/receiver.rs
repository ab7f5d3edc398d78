//! Receives events and delivers them to their waiters.
//!
//! A thread of its own receives them. A guest's thread that waits for a reply receives for a moment too, because waking
//! a sleeping thread takes several times as long as a small readback; [`Turns`] coordinates the two. The thread that
//! receives holds the lock, so that events are handled in order and one at a time.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use airlock_protocol::{
    Event, codec,
    connect::WorkerHandle,
    ids::RequestId,
    limits::{MAX_MESSAGE, cut},
    spin::SpinPolicy,
    transport::{Awaited, EventReceiver, Incoming, Piece, ReceiveError},
};

use super::{blocks::Blocks, pending::Shared, slot::Sender, sync::lock, tap::EventTap, turns::Turns};

/// The reason of a session that a panic ends.
const UNRECEIVED: &str = "what the GPU daemon sent cannot be received";

/// The receiving end of a session.
pub(crate) struct Receiver {
    events: EventReceiver,
    shared: Arc<Shared>,
    worker: Arc<Mutex<WorkerHandle>>,
    state: Mutex<State>,
    /// Decides how long a waiting thread receives by itself before it blocks.
    spin: Mutex<SpinPolicy>,
    turns: Turns,
    /// Held while it is decided whether the daemon may rely on a poll: a guest that begins to spin and a waiter that begins
    /// to rely on the thread must not both decide it.
    awake: Mutex<()>,
    blocks: Arc<Blocks>,
}

struct State {
    /// Called with every event, before its waiter.
    taps: Vec<Box<dyn EventTap>>,
    /// A buffer that is reused for each event.
    bytes: Vec<u8>,
    /// The reason of the session's end, if an event or an invalid message has decided it.
    reason: Option<String>,
    /// Nothing is received any more.
    over: bool,
}

impl Receiver {
    pub(super) fn new(
        events: EventReceiver,
        shared: Arc<Shared>,
        worker: Arc<Mutex<WorkerHandle>>,
        taps: Vec<Box<dyn EventTap>>,
        blocks: Arc<Blocks>,
    ) -> Self {
        let state = State { taps, bytes: Vec::new(), reason: None, over: false };
        let (state, spin) = (Mutex::new(state), Mutex::default());
        Self { events, shared, worker, state, spin, turns: Turns::new(), awake: Mutex::default(), blocks }
    }

    /// The thread's body: runs until the session ends. `done` is dropped then, which notifies the session.
    pub(super) fn run(&self, done: Sender<()>) {
        // A panic here, in ipc-channel for example, must not leave the guest waiting.
        let reason = catch_unwind(AssertUnwindSafe(|| self.receive())).unwrap_or_else(|_| UNRECEIVED.to_owned());
        tracing::debug!("session over: {reason}");
        for tap in &mut lock(&self.state).taps {
            tap.ended(&reason);
        }
        self.shared.end(&reason);
        lock(&self.worker).kill();
        drop(done);
    }

    /// Receives events to the end of the session; returns the reason of the end.
    fn receive(&self) -> String {
        loop {
            self.turns.wait();
            // Without the lock, so that a waiting guest can take it meanwhile.
            let there = match self.events.wait() {
                Ok(Awaited::Interrupted) => continue,
                Ok(Awaited::Event) if self.turns.is_guests() => continue,
                there => there,
            };
            let mut state = lock(&self.state);
            let state = &mut *state;
            match there {
                Ok(Awaited::Unknown) => {
                    let incoming = self.events.recv_into(&mut state.bytes);
                    self.received(state, incoming);
                }
                Ok(_) => {
                    self.drain(state);
                }
                Err(error) => self.received(state, Err(error)),
            }
            if state.over {
                return state.reason.take().unwrap_or_else(|| {
                    let mut worker = lock(&self.worker);
                    if self.shared.is_closing() { worker.explain_close() } else { worker.explain() }
                });
            }
        }
    }

    /// Receives the events that have arrived, unless another thread is receiving; returns whether there were any.
    pub(super) fn look(&self) -> bool {
        let Ok(mut state) = self.state.try_lock() else { return false };
        if state.over {
            return false;
        }
        // As for the thread: a panic ends the session, and not the guest's call.
        let any = catch_unwind(AssertUnwindSafe(|| self.drain(&mut state))).unwrap_or_else(|_| {
            state.reason = Some(UNRECEIVED.to_owned());
            state.over = true;
            true
        });
        if any && state.over {
            // The thread handles the session's end, even where the daemon never sends anything again.
            self.events.close();
            self.rely();
        }
        any
    }

    /// The end of the spin of a wait that begins now, and the time until which the receiving thread is kept away, if
    /// any.
    pub(super) fn window(&self) -> (Instant, Option<Instant>) {
        let (now, spin) = (Instant::now(), *lock(&self.spin));
        let end = now.checked_add(spin.window()).unwrap_or(now);
        (end, Some(end).filter(|_| spin.should_spin()))
    }

    /// Receives until `happened` returns true, for at most the spin window. A caller that then blocks relies on the
    /// thread.
    pub(super) fn look_until(&self, happened: impl Fn() -> bool) {
        let (end, turn) = self.window();
        if let Some(until) = turn {
            self.take_turn(until);
        }
        while !happened() && Instant::now() < end {
            self.look();
            thread::yield_now();
        }
    }

    /// Keeps the receiving thread away from a spinning guest's events, until this time.
    pub(super) fn take_turn(&self, until: Instant) {
        if !self.events.sees_arrivals() {
            return;
        }
        let _deciding = lock(&self.awake);
        if self.turns.take(until) {
            self.events.interrupt();
        }
        // The thread is away now, or on its way; before it waits at the socket again, it takes this back.
        if !self.turns.is_relied_on() {
            self.events.set_awake(true);
        }
    }

    /// Makes the thread receive for a waiter that does not poll, until [`Receiver::release`].
    pub(super) fn rely(&self) {
        let _deciding = lock(&self.awake);
        self.turns.rely();
        self.events.set_awake(false);
        // An event from before that has no packet on the socket, where the thread may wait.
        if self.events.is_ready() {
            self.events.interrupt();
        }
    }

    /// Ends one [`Receiver::rely`].
    pub(super) fn release(&self) {
        self.turns.release();
    }

    /// Receives all events that have arrived; returns whether there were any.
    fn drain(&self, state: &mut State) -> bool {
        let mut any = false;
        while !state.over {
            let incoming = self.events.try_recv_into(&mut state.bytes);
            if let Ok(Incoming::Nothing) = incoming {
                break;
            }
            self.received(state, incoming);
            any = true;
        }
        any
    }

    /// Handles the event in `state.bytes`, or the failure to receive one.
    fn received(&self, state: &mut State, incoming: Result<Incoming, ReceiveError>) {
        let received = match incoming {
            // Without taps, the data is copied straight to its destination.
            Ok(Incoming::Data(piece)) if state.taps.is_empty() => {
                match codec::decode_map_data(&state.bytes, piece.bytes()) {
                    Ok(request) => match self.gather(request, &piece, &mut state.bytes) {
                        Ok(()) => return,
                        Err(error) => Err(error),
                    },
                    Err(error) => Ok(Err(error)),
                }
            }
            Ok(Incoming::Data(piece)) => {
                self.events.fetch(&piece, &mut state.bytes).map(|()| codec::decode_event(&state.bytes))
            }
            Ok(Incoming::Event | Incoming::Nothing) => Ok(codec::decode_event(&state.bytes)),
            Err(error) => Err(error),
        };
        match received {
            Ok(Ok(event)) => {
                for tap in &mut state.taps {
                    tap.event(&state.bytes, &event);
                }
                match event {
                    Event::Closed { reason } => {
                        let reason = cut(&reason, MAX_MESSAGE);
                        state.reason = Some(format!("the GPU daemon ended the session: {reason}"));
                    }
                    event => self.shared.dispatch(event),
                }
            }
            Ok(Err(error)) => {
                state.reason = Some(format!("the GPU daemon sent what is no event ({error})"));
                state.over = true;
            }
            Err(ReceiveError::Gone(_)) => state.over = true,
            Err(error) => {
                state.reason.get_or_insert_with(|| format!("the GPU daemon broke the connection ({error})"));
                state.over = true;
            }
        }
    }

    /// Appends a piece of a map's contents to the earlier ones, if the map has room for it; else to `aside`.
    fn gather(&self, request: RequestId, piece: &Piece, aside: &mut Vec<u8>) -> Result<(), ReceiveError> {
        self.shared.append(request, piece.bytes(), |room| self.events.fetch(piece, room.unwrap_or(aside)))
    }

    /// Records the duration of a wait for a reply, for the spin policy.
    pub(super) fn waited(&self, time: Duration) {
        lock(&self.spin).waited(time);
    }

    /// The counts of blocking waits.
    pub(super) fn blocks(&self) -> &Blocks {
        &self.blocks
    }
}
