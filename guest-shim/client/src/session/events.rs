//! Receiving events, and handing them to whoever waits.
//!
//! A thread of its own receives them. A guest's thread that waits for an answer receives for a moment too: to wake a sleeping
//! thread takes several times as long as a small readback, and [`Turns`] keeps the two apart. Whoever receives holds the
//! lock meanwhile, so that events are handled in order and one at a time.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, Mutex, atomic::Ordering, mpsc},
    task::{Context, Poll},
    thread,
    time::Instant,
};

use super::{EventTap, Lost, News, Pending, Reply, Shared, lock, turns::Turns};
use crate::reply::{self, Gone};
use airlock_protocol::{
    Event, codec,
    connect::Lifeline,
    eager::Eagerness,
    ids::RequestId,
    limits::{MAX_MESSAGE, cut},
    transport::{Awaited, EventReceiver, Incoming, Piece, ReceiveError},
};

/// Why a session ends that a panic ends.
const UNRECEIVED: &str = "what the GPU daemon sent cannot be received";

/// The receiving end of a session.
pub(super) struct Receiver {
    events: EventReceiver,
    shared: Arc<Shared>,
    life: Arc<Mutex<Lifeline>>,
    state: Mutex<State>,
    /// How long a thread that waits for an answer receives itself before it sleeps. Other tasks of the guest go on meanwhile.
    eagerness: Mutex<Eagerness>,
    turns: Turns,
}

struct State {
    /// They hear of everything first.
    taps: Vec<Box<dyn EventTap>>,
    /// Memory that serves again for each event.
    bytes: Vec<u8>,
    /// Why the session ends, as far as an event or a mistake in one has said.
    reason: Option<String>,
    /// Nothing is received any more.
    over: bool,
}

impl Receiver {
    pub(super) fn new(
        events: EventReceiver,
        shared: Arc<Shared>,
        life: Arc<Mutex<Lifeline>>,
        taps: Vec<Box<dyn EventTap>>,
    ) -> Self {
        let state = State { taps, bytes: Vec::new(), reason: None, over: false };
        Self { events, shared, life, state: Mutex::new(state), eagerness: Mutex::default(), turns: Turns::new() }
    }

    /// The thread's body: runs until the session ends, whoever ends it. `done` is dropped then, which tells the session.
    pub(super) fn run(&self, done: mpsc::Sender<()>) {
        // A panic here, in ipc-channel for example, must not leave the guest waiting.
        let reason = catch_unwind(AssertUnwindSafe(|| self.receive())).unwrap_or_else(|_| UNRECEIVED.to_owned());
        tracing::debug!("session over: {reason}");
        for tap in &mut lock(&self.state).taps {
            tap.ended(&reason);
        }
        self.shared.end(&reason);
        lock(&self.life).cut();
        drop(done);
    }

    /// Receives events to the end of the session; gives the reason of the end.
    fn receive(&self) -> String {
        loop {
            self.turns.wait();
            // Without the lock, which a waiting guest may take meanwhile.
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
                    let closing = self.shared.closing.load(Ordering::Relaxed);
                    let mut life = lock(&self.life);
                    if closing { life.explain_close() } else { life.explain() }
                });
            }
        }
    }

    /// Receives what is there, unless another thread is at it; says whether anything was there.
    fn look(&self) -> bool {
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
            // The thread sees to the rest, whether or not the daemon ever says anything again.
            self.events.close();
            self.rely();
        }
        any
    }

    /// The end of the time in which a wait that begins now is eager; nothing, where it is not worth keeping the thread away.
    fn window(&self) -> (Instant, Option<Instant>) {
        let (now, eagerness) = (Instant::now(), *lock(&self.eagerness));
        let end = now.checked_add(eagerness.window()).unwrap_or(now);
        (end, Some(end).filter(|_| eagerness.hopes()))
    }

    /// Receives until something has happened, but no longer than is worth the while. Who then waits relies on the thread.
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

    /// Keeps the thread away until then, from events that a guest looks for.
    fn take_turn(&self, until: Instant) {
        if self.events.sees_arrivals() && self.turns.take(until) {
            self.events.interrupt();
        }
    }

    /// Somebody waits from now on who does not look, so that the thread must; until [`Receiver::release`].
    pub(super) fn rely(&self) {
        self.turns.rely();
    }

    /// Ends what [`Receiver::rely`] has begun.
    pub(super) fn release(&self) {
        self.turns.release();
    }

    /// Receives all that is there; says whether that was anything.
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

    /// Handles the event in `state.bytes`, or what came in its place.
    fn received(&self, state: &mut State, incoming: Result<Incoming, ReceiveError>) {
        let received = match incoming {
            // The data goes where it belongs at once, unless somebody wants to see the event.
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

    /// Appends a piece of a map's contents to those that are there, if the map has room for it; else it goes to `aside`.
    fn gather(&self, request: RequestId, piece: &Piece, aside: &mut Vec<u8>) -> Result<(), ReceiveError> {
        let mut pending = lock(&self.shared.pending);
        match pending.get_mut(&request.0).and_then(|pending| pending.room(piece.bytes())) {
            Some(data) => self.events.fetch(piece, data),
            None => self.events.fetch(piece, aside),
        }
    }
}

/// The answer to a question, to be awaited. An error means that the session is over.
pub struct Answer {
    reply: reply::Receiver<Reply>,
    receiver: Arc<Receiver>,
    /// When it was asked for, or when its thread last received something.
    since: Instant,
    /// Until when its thread receives itself.
    eager: Option<Instant>,
    /// It has given that up, or never hoped for it.
    relies: bool,
}

impl Answer {
    pub(super) fn new(reply: reply::Receiver<Reply>, receiver: Arc<Receiver>) -> Self {
        Self { reply, receiver, since: Instant::now(), eager: None, relies: false }
    }

    /// Begins to look, or goes on for as long again.
    fn look_on(&mut self) {
        let (end, turn) = self.receiver.window();
        self.eager = Some(end);
        match turn {
            Some(until) => self.receiver.take_turn(until),
            None => self.rely(),
        }
    }

    fn rely(&mut self) {
        if !std::mem::replace(&mut self.relies, true) {
            self.receiver.rely();
        }
    }
}

impl Future for Answer {
    type Output = Result<Reply, Gone>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let now = Instant::now();
        let Some(until) = self.eager else {
            // The guest's own call: it sees the question pending, however fast the answer is (WebGPU, mapAsync: "pending").
            self.look_on();
            context.waker().wake_by_ref();
            return Poll::Pending;
        };
        if now >= until {
            self.rely();
            return self.reply.poll(context);
        }
        let any = self.receiver.look();
        let polled = self.reply.poll(context);
        if polled.is_pending() {
            if any {
                // More is on its way.
                self.since = now;
                self.look_on();
            }
            // To the end of the queue, behind all else that can go on.
            thread::yield_now();
            context.waker().wake_by_ref();
        }
        polled
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if self.relies {
            self.receiver.release();
        }
        lock(&self.receiver.eagerness).waited(self.since.elapsed());
    }
}

impl Shared {
    fn dispatch(&self, event: Event<'_>) {
        match event {
            Event::Welcome | Event::Closed { .. } => {}
            Event::Credit { consumed } => {
                // The ring ignores what cannot be; the next credit then counts again.
                lock(&self.credit).consumed = consumed;
                self.credited.notify_all();
            }
            Event::AdapterReply { request, result } => self.answer(request, Reply::Adapter(result)),
            Event::AdapterList { request, adapters } => self.answer(request, Reply::AdapterList(adapters)),
            Event::DeviceReply { request, result } => self.answer(request, Reply::Device(result)),
            Event::MapData { request, data } => {
                if let Some(pending) = lock(&self.pending).get_mut(&request.0) {
                    pending.gather(data);
                }
            }
            Event::Mapped { request, result } => {
                if let Some(Pending { answer, data, .. }) = self.take(request) {
                    answer.send(Reply::Mapped(result.map(|()| data)));
                }
            }
            Event::WorkDone { request } => self.answer(request, Reply::WorkDone),
            Event::PipelineReply { request, result } => self.answer(request, Reply::Pipeline(result)),
            Event::CompilationInfo { request, messages } => self.answer(request, Reply::CompilationInfo(messages)),
            Event::ScopePopped { request, result } => self.answer(request, Reply::Scope(result)),
            Event::Report { request, report } => self.answer(request, Reply::Report(report)),
            Event::Uncaptured { device, error } => {
                tracing::warn!(device = device.0, kind = ?error.kind, "uncaptured error: {}", error.message);
                if let Some(news) = self.device(device.0) {
                    news.uncaptured(error);
                }
            }
            Event::DeviceLost { device, reason, message } => {
                if let Some(news) = self.device(device.0) {
                    news.lose(Lost { reason, message });
                }
            }
        }
    }

    fn take(&self, request: RequestId) -> Option<Pending> {
        lock(&self.pending).remove(&request.0)
    }

    fn answer(&self, request: RequestId, reply: Reply) {
        if let Some(pending) = self.take(request) {
            pending.answer.send(reply);
        }
    }

    fn device(&self, id: u32) -> Option<Arc<News>> {
        lock(&self.devices).get(&id).map(Arc::clone)
    }

    /// Ends every wait. The first reason stays.
    pub(super) fn end(&self, reason: &str) {
        lock(&self.credit).ended.get_or_insert_with(|| reason.to_owned());
        self.credited.notify_all();
        let devices: Vec<_> = lock(&self.devices).values().map(Arc::clone).collect();
        for news in devices {
            news.lose(Lost::unknown(reason));
        }
        lock(&self.pending).clear();
    }
}

impl Pending {
    /// Takes a piece of a map's contents, never more than the map asked for.
    fn gather(&mut self, data: &[u8]) {
        let left = self.left();
        self.data.extend_from_slice(data.get(..left.min(data.len())).unwrap_or_default());
    }

    /// Where a piece of a map's contents goes; nowhere, when it is more than the map asked for.
    fn room(&mut self, len: usize) -> Option<&mut Vec<u8>> {
        (len <= self.left()).then_some(&mut self.data)
    }

    /// How much is missing. The first time, memory is made for it.
    fn left(&mut self) -> usize {
        if self.data.capacity() == 0 {
            self.data.reserve_exact(self.expected);
        }
        self.expected.saturating_sub(self.data.len())
    }
}
