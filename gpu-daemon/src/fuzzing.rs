//! In-process session for the fuzzer and for tests: the executor as in a worker, without the jail, the watchdog and the
//! poll thread. Panics reach the caller; an error that would end a worker's session is returned as text.
//!
//! Devices are polled between commands, not on another thread, so that the same commands always have the same results. Use
//! the noop backend, except in a fuzzer of a driver's: real drivers do not belong in a process without a jail.

use std::{
    collections::HashSet,
    io,
    os::unix::net::UnixStream,
    sync::{Arc, atomic::Ordering},
    thread::{self, JoinHandle},
    time::Instant,
};

use airlock_jail::worker::{Jail, JailError, Mode, Plan};
use airlock_protocol::{
    Command, Event, Payload,
    codec::{BatchReader, decode_event},
    commands::session::SetLabel,
    connect::Link,
    ids::{BufferId, Object, RequestId},
    size::Size,
    transport::{DaemonChannels, HandedOver, Listener, ReceiveError, RingWriter, TransportError, connect},
};
use thiserror::Error;
use wgpu_types as wgt;

use crate::{
    execute::{execute, shader_bounds::excess},
    gpu::instances::Instances,
    options::Quotas,
    pending::{
        completions::{Completions, Current},
        poll,
    },
    session::Session,
    shaders,
    worker::{EXECUTOR_STACK, events::Events, vitals::Vitals},
};

/// Stack size in bytes of the thread that compiles shaders, as in a worker.
pub const STACK: usize = EXECUTOR_STACK;

/// A session cannot be created.
#[derive(Debug, Error)]
pub enum FuzzingError {
    /// The socket pair cannot be created.
    #[error("cannot make a pair of sockets: {0}")]
    Sockets(#[source] io::Error),
    /// The channels cannot be opened.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// Unreachable in practice: a jail that is off refuses nothing.
    #[error(transparent)]
    Jail(#[from] JailError),
}

/// Session of the executor in this process.
#[derive(Debug)]
pub struct LocalSession {
    session: Session,
    completions: Arc<Completions>,
    ring: RingWriter,
    reader: JoinHandle<Answers>,
}

/// Summary of the session's events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// Requests with a reply.
    pub requests: HashSet<RequestId>,
    /// Count of all events.
    pub events: u64,
    /// Count of uncaptured errors.
    pub uncaptured: u64,
    /// Count of lost devices.
    pub losses: u64,
    /// Decoding error of the last malformed event.
    pub malformed: Option<String>,
}

impl LocalSession {
    /// Creates a session without objects. A thread of its own reads and checks the events.
    pub fn new() -> Result<Self, FuzzingError> {
        let (ours, theirs) = UnixStream::pair().map_err(FuzzingError::Sockets)?;
        let listener = Listener::new()?;
        // All messages fit the socket buffers, so that one thread can be both sides.
        let client = connect(listener.told(), &Link::from(ours))?;
        let DaemonChannels { ring, events, .. } = listener.accept(HandedOver::receive(&theirs)?)?;
        let receiver = client.events;
        let reader = thread::spawn(move || {
            let mut answers = Answers::default();
            while let Ok(bytes) = receiver.recv() {
                answers.read(&bytes);
            }
            answers
        });
        let vitals = Arc::new(Vitals::new(None));
        let completions = Arc::new(Completions::new(Events::new(events, Arc::clone(&vitals))));
        let jail = Jail::enter(Mode::Off, Plan::default())?;
        let session = Session::new(Arc::clone(&completions), vitals, ring, &quotas(), Instances::new(jail, None));
        Ok(Self { session, completions, ring: client.ring, reader })
    }

    /// Executes one command; returns the text of an error that would end a session.
    pub fn execute(&mut self, command: Command<'_>) -> Result<(), String> {
        self.session.batch_start = Instant::now();
        let outcome = execute(&mut self.session, command);
        self.completions.settle_losses();
        let free = free_ring(&mut self.session);
        self.ring.credit(free);
        outcome.map_err(|violation| violation.to_string())
    }

    /// Polls wgpu once.
    pub fn poll(&self) {
        poll::poll_now(&self.completions);
    }

    /// True when the object exists.
    pub fn is_alive(&mut self, object: Object) -> bool {
        execute(&mut self.session, SetLabel { object, label: "" }.into()).is_ok()
    }

    /// True when the buffer is mapped, not pending.
    pub fn is_mapped(&self, buffer: BufferId) -> bool {
        self.completions.current(buffer) == Current::Mapped
    }

    /// True when the buffer is neither mapped nor pending.
    pub fn is_unmapped(&self, buffer: BufferId) -> bool {
        self.completions.current(buffer) == Current::None
    }

    /// Read position of the ring.
    pub fn consumed(&self) -> u64 {
        self.session.payloads.consumed()
    }

    /// Writes data to the ring; `None` when it is full.
    pub fn share(&mut self, data: &[u8]) -> Option<Payload<'static>> {
        let start = self.ring.write(data)?;
        Some(Payload::Shared { start, len: u32::try_from(data.len()).ok()? })
    }

    /// Ends the session and returns the summary of its events. Blocks until all senders are dropped, so a leaked handle
    /// shows as a hang.
    pub fn end(self) -> Answers {
        let Self { session, completions, ring, reader } = self;
        poll::finish(&completions);
        drop((session, completions, ring));
        match reader.join() {
            Ok(answers) => answers,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// Compiles a shader as a worker does: the bounds on its text, naga's front end and validator with the rules beside them, and
/// the code generator for each entry point. Returns the number of entry points with code; `None` for an invalid shader.
///
/// Runs on the calling thread, whose stack must be [`STACK`] long.
pub fn compile(text: &str) -> Option<usize> {
    if excess(text).is_some() {
        return None;
    }
    let features = wgt::Features::all_webgpu_mask();
    let code = shaders::read(text, "", features, wgt::DownlevelFlags::all()).ok()?;
    let entries = code.module.entry_points.iter();
    let stages = entries.map(|entry| shaders::Stage {
        code: &code,
        stage: entry.stage,
        entry_point: Some(&entry.name),
        constants: &[],
    });
    Some(stages.filter(|stage| shaders::prepare(stage, &wgt::Limits::default()).is_none()).count())
}

/// Executes a session's batches on a thread of its own, as a worker does, until the client disconnects. The thread
/// returns the error that would end a worker's session.
pub fn serve(channels: DaemonChannels) -> Result<JoinHandle<Result<(), String>>, io::Error> {
    thread::Builder::new().name("session".to_owned()).stack_size(STACK).spawn(move || {
        let DaemonChannels { commands, events, ring } = channels;
        let vitals = Arc::new(Vitals::new(None));
        let completions = Arc::new(Completions::new(Events::new(events, Arc::clone(&vitals))));
        let jail = Jail::enter(Mode::Off, Plan::default()).map_err(|error| error.to_string())?;
        let mut session = Session::new(Arc::clone(&completions), vitals, ring, &quotas(), Instances::new(jail, None));
        completions.events.send(&Event::Welcome);
        loop {
            let batch = match commands.recv() {
                Ok(batch) => batch,
                Err(ReceiveError::Gone(_)) => return Ok(()),
                Err(error) => return Err(error.to_string()),
            };
            run(&mut session, &batch)?;
            completions.settle_losses();
            poll::poll_now(&completions);
            free_ring(&mut session);
        }
    })
}

/// Sends credit and returns how much of the ring is free. Waits for the GPU where a client may wait for it, as a worker's
/// poll thread does.
fn free_ring(session: &mut Session) -> u64 {
    let completions = Arc::clone(&session.completions);
    completions.credit.settle(session.payloads.consumed());
    if completions.credit.is_short() {
        session.await_uploads();
    }
    while completions.credit.is_short() {
        poll::poll_now(&completions);
        completions.credit.settle(session.payloads.consumed());
    }
    completions.credit.position()
}

fn run(session: &mut Session, batch: &[u8]) -> Result<(), String> {
    session.batch_start = Instant::now();
    let mut reader = BatchReader::new(batch, session.report.batches).map_err(|error| error.to_string())?;
    session.report.batches = session.report.batches.saturating_add(1);
    loop {
        let outcome = reader.next_to(|command| {
            session.vitals.commands.fetch_add(1, Ordering::Relaxed);
            execute(session, command)
        });
        match outcome.map_err(|error| error.to_string())? {
            Some(outcome) => outcome.map_err(|violation| violation.to_string())?,
            None => return Ok(()),
        }
    }
}

impl Answers {
    fn read(&mut self, bytes: &[u8]) {
        self.events += 1;
        let event = decode_event(bytes);
        if let Ok(Some(request)) = event.as_ref().map(Event::request) {
            self.requests.insert(request);
        }
        match event {
            Ok(Event::Uncaptured { .. }) => self.uncaptured += 1,
            Ok(Event::DeviceLost { .. }) => self.losses += 1,
            Ok(_) => {}
            Err(error) => self.malformed = Some(error.to_string()),
        }
    }
}

/// Small quotas, because the noop backend allocates real memory for its buffers.
fn quotas() -> Quotas {
    Quotas {
        max_gpu_memory: Size(32 << 20),
        max_texture_memory: Size(16 << 20),
        max_objects: 4096,
        max_in_flight: Size(4 << 20),
        max_shader_source: Size(64 << 10),
        max_queue_depth: 64,
        max_memory: Size(1 << 30),
    }
}
