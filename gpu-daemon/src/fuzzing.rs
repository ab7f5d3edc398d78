//! A session in the caller's own process, for the fuzzer and for tests: the executor as in a worker, without the jail,
//! the watchdog and the poll thread. A panic is the caller's; what would end a worker's session comes back as a text.
//!
//! Devices are polled after a command and not beside it, so that the same commands always do the same. Only the noop
//! backend is meant to be used: real drivers do not belong into a process without a jail.

use std::{
    collections::HashSet,
    io,
    os::unix::net::UnixStream,
    sync::{Arc, atomic::Ordering},
    thread::{self, JoinHandle},
    time::Instant,
};

use airlock_protocol::{
    Command, Event, Payload,
    codec::{BatchReader, decode_event},
    commands::session::SetLabel,
    connect::Link,
    ids::{BufferId, Object, RequestId},
    size::Size,
    transport::{DaemonChannels, Listener, ReceiveError, ReceivedRing, RingWriter, TransportError, connect},
};
use thiserror::Error;

use crate::{
    execute::execute,
    gpu::instances::Instances,
    jail::{Jail, JailError, Plan},
    options::{JailMode, Quotas},
    pending::{
        completions::{Completions, Current},
        poll,
    },
    session::Session,
    worker::{events::Events, vitals::Vitals},
};

/// Why there is no session.
#[derive(Debug, Error)]
pub enum FuzzingError {
    /// The operating system gives no sockets.
    #[error("cannot make a pair of sockets: {0}")]
    Sockets(#[source] io::Error),
    /// There are no channels.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// A jail that is off does not refuse anything.
    #[error(transparent)]
    Jail(#[from] JailError),
}

/// See the module's header.
#[derive(Debug)]
pub struct LocalSession {
    session: Session,
    completions: Arc<Completions>,
    ring: RingWriter,
    reader: JoinHandle<Answers>,
}

/// What the session has said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// The questions that were answered.
    pub requests: HashSet<RequestId>,
    /// Events of any kind.
    pub events: u64,
    /// Errors that no scope caught.
    pub uncaptured: u64,
    /// Devices that were lost.
    pub losses: u64,
    /// What is wrong with an event that cannot be decoded.
    pub malformed: Option<String>,
}

impl LocalSession {
    /// A session without objects, whose events are read and checked by a thread of its own.
    pub fn new() -> Result<Self, FuzzingError> {
        let (ours, theirs) = UnixStream::pair().map_err(FuzzingError::Sockets)?;
        let listener = Listener::new()?;
        // All that crosses fits into the sockets, so that one thread can be both sides.
        let client = connect(listener.name().to_owned(), &Link::from(ours))?;
        let DaemonChannels { ring, events, .. } = listener.accept(ReceivedRing::receive(&theirs)?)?;
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
        let jail = Jail::enter(JailMode::Off, Plan::default())?;
        let session = Session::new(Arc::clone(&completions), vitals, ring, &quotas(), Instances::new(jail, None));
        Ok(Self { session, completions, ring: client.ring, reader })
    }

    /// Executes one command; the error is what ends a session.
    pub fn execute(&mut self, command: Command<'_>) -> Result<(), String> {
        self.session.batch_start = Instant::now();
        let outcome = execute(&mut self.session, command);
        self.completions.settle_losses();
        self.ring.credit(self.session.payloads.consumed());
        outcome.map_err(|violation| violation.to_string())
    }

    /// Lets wgpu finish what it can.
    pub fn poll(&self) {
        poll::poll_now(&self.completions);
    }

    /// True when the object is there.
    pub fn is_alive(&mut self, object: Object) -> bool {
        execute(&mut self.session, SetLabel { object, label: "" }.into()).is_ok()
    }

    /// True when the buffer is mapped and not only about to be.
    pub fn is_mapped(&self, buffer: BufferId) -> bool {
        self.completions.current(buffer) == Current::Mapped
    }

    /// True when the buffer is neither mapped nor about to be.
    pub fn is_unmapped(&self, buffer: BufferId) -> bool {
        self.completions.current(buffer) == Current::None
    }

    /// How far the ring has been read.
    pub fn consumed(&self) -> u64 {
        self.session.payloads.consumed()
    }

    /// Puts data into the ring, while it has room.
    pub fn share(&mut self, data: &[u8]) -> Option<Payload<'static>> {
        let start = self.ring.write(data)?;
        Some(Payload::Shared { start, len: u32::try_from(data.len()).ok()? })
    }

    /// Ends the session and gives what it has said. It waits until nothing is left that could say more, so a handle that
    /// is never dropped shows.
    pub fn end(self) -> Answers {
        let Self { session, completions, ring, reader } = self;
        poll::poll_now(&completions);
        drop((session, completions, ring));
        match reader.join() {
            Ok(answers) => answers,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// Executes a session's batches on a thread of its own, as a worker does, until its client is gone. What would end a worker's
/// session is the thread's result.
pub fn serve(channels: DaemonChannels) -> Result<JoinHandle<Result<(), String>>, io::Error> {
    /// Shader compilers recurse.
    const STACK: usize = 64 << 20;
    thread::Builder::new().name("session".to_owned()).stack_size(STACK).spawn(move || {
        let DaemonChannels { commands, events, ring } = channels;
        let vitals = Arc::new(Vitals::new(None));
        let completions = Arc::new(Completions::new(Events::new(events, Arc::clone(&vitals))));
        let jail = Jail::enter(JailMode::Off, Plan::default()).map_err(|error| error.to_string())?;
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
            completions.events.send(&Event::Credit { consumed: session.payloads.consumed() });
        }
    })
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

/// Small ones, because the noop backend has real memory behind its buffers.
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
