//! A client: the source of its workers, the session with the current one, and statistics.

use std::{fmt, sync::Arc};

use airlock_protocol::{
    Payload, Record,
    commands::{
        adapter::Capabilities,
        error::{ErrorFilter, RaiseError},
        instance::{AdapterSelector, ListAdapters},
        session::ReportStats,
    },
    connect::{ConnectError, Connection, Daemon},
    events::Report,
    ids::{DeviceId, Id, RequestId},
    limits::{MAX_MAPPED, MAX_MESSAGE, cut},
};

use crate::{
    device::{DeviceKey, DeviceState},
    session::{Blocked, Blocks, Session, StreamStats, Tap, TooLong, Wait, Warnings},
};

/// The adapter that a guest receives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AdapterChoice {
    /// The guest's preferences decide.
    #[default]
    Any,
    /// The adapter with this number in `airlock doctor`'s list.
    Index(u32),
    /// The first adapter whose name contains this, case ignored.
    Name(String),
    /// wgpu's noop backend, which executes nothing: for measurements.
    Noop,
}

impl AdapterChoice {
    /// Parses a command-line value: a number, `noop`, or a part of a name.
    pub fn parse(text: &str) -> Self {
        match text.parse() {
            Ok(index) => AdapterChoice::Index(index),
            Err(_) if text.eq_ignore_ascii_case("noop") => AdapterChoice::Noop,
            Err(_) => AdapterChoice::Name(text.to_owned()),
        }
    }

    pub(crate) fn selector(&self) -> AdapterSelector<'_> {
        match self {
            AdapterChoice::Any => AdapterSelector::Any,
            AdapterChoice::Index(index) => AdapterSelector::Index(*index),
            AdapterChoice::Name(name) => AdapterSelector::Name(name),
            AdapterChoice::Noop => AdapterSelector::Noop,
        }
    }
}

/// The GPU as one program sees it.
///
/// A client has one session at a time, with one worker. When the session has ended, its devices are lost, calls on its
/// objects do nothing, and [`Client::connect`] or [`Client::adopt`] begins another. Objects are values of their
/// owner's; every call on one takes the client. It is `Send` and `Sync`: an owner whose objects are on several threads
/// shares it behind a lock, and waits ([`Wait`]) do not hold it.
#[derive(Debug)]
pub struct Client {
    daemon: Option<Daemon>,
    pub(crate) adapter: AdapterChoice,
    session: Option<Box<Session>>,
    taps: TapSources,
    /// Of the sessions that have ended.
    stream: StreamStats,
    sessions: u32,
    requests: u64,
    blocks: Arc<Blocks>,
    /// Bytes of all mappings, whose contents are in this process.
    mapped: u64,
    warn_of_all: bool,
}

/// Makes a tap of a new session, from its number.
type TapSource = Box<dyn FnMut(u32) -> Box<dyn Tap> + Send + Sync>;

#[derive(Default)]
struct TapSources(Vec<TapSource>);

impl fmt::Debug for TapSources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} taps", self.0.len())
    }
}

/// Configures a [`Client`].
#[derive(Debug, Default)]
pub struct ClientBuilder {
    daemon: Option<Daemon>,
    adapter: AdapterChoice,
    taps: TapSources,
    warn_of_all: bool,
}

impl ClientBuilder {
    /// Sets the source of workers. By default [`Daemon::find`] decides when the first worker is needed.
    pub fn daemon(mut self, daemon: Daemon) -> Self {
        self.daemon = Some(daemon);
        self
    }

    /// Sets the adapter that the program receives. By default its preferences decide.
    pub fn adapter(mut self, adapter: AdapterChoice) -> Self {
        self.adapter = adapter;
        self
    }

    /// Shows the stream to a [`Tap`]; each session, by its number from 1, has its own. There may be several.
    pub fn tap(mut self, make: impl FnMut(u32) -> Box<dyn Tap> + Send + Sync + 'static) -> Self {
        self.taps.0.push(Box::new(make));
        self
    }

    /// Warns also of uncaptured errors that the program's streams receive, for a program that reads them and reports
    /// nothing. The first few of each session are logged, and the rest is counted.
    pub fn warn_of_all_errors(mut self) -> Self {
        self.warn_of_all = true;
        self
    }

    /// Builds the client. It starts nothing.
    pub fn build(self) -> Client {
        Client {
            daemon: self.daemon,
            adapter: self.adapter,
            session: None,
            taps: self.taps,
            stream: StreamStats::default(),
            sessions: 0,
            requests: 0,
            blocks: Arc::default(),
            mapped: 0,
            warn_of_all: self.warn_of_all,
        }
    }
}

/// Statistics of a client, across its sessions.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClientStats {
    /// The stream.
    pub stream: StreamStats,
    /// Workers used.
    pub sessions: u32,
    /// Requests of the program, each of which waits for a reply.
    pub requests: u64,
    /// Count and duration of blocks of the program's threads: in a call that waits for room in the ring, in the send
    /// queue or in a recording, in [`Wait::wait`], or for the end of a worker.
    pub blocked: Blocked,
}

/// A session that was lifted out of its client.
#[derive(Debug)]
pub struct Lifted(pub(crate) Box<Session>);

impl Client {
    /// Starts configuring a client.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// The source of this client's workers.
    pub fn daemon(&self) -> Result<Daemon, ConnectError> {
        self.daemon.clone().map_or_else(Daemon::find, Ok)
    }

    /// Starts a worker now. Blocks until the process has started.
    pub fn connect(&mut self) -> Result<(), ConnectError> {
        let connection = self.daemon()?.connect()?;
        self.adopt(connection);
        Ok(())
    }

    /// Uses a connection that was made elsewhere: on another thread, or in memory.
    pub fn adopt(&mut self, connection: Connection) {
        self.retire();
        self.sessions += 1;
        let number = self.sessions;
        let taps = self.taps.0.iter_mut().map(|make| make(number)).collect();
        self.session = Some(Box::new(Session::start(
            connection,
            number,
            taps,
            Arc::clone(&self.blocks),
            Warnings::new(self.warn_of_all),
        )));
    }

    /// True while there is a session that has not ended.
    pub fn is_live(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.ended().is_none())
    }

    /// The reason of the last session's end, if it has ended.
    pub fn ended(&self) -> Option<String> {
        self.session.as_deref().and_then(Session::ended)
    }

    /// The reason why a request could not be made, or got no reply.
    pub fn why_no_reply(&self) -> String {
        self.ended().unwrap_or_else(|| "too many calls wait for an answer".to_owned())
    }

    /// Requests every adapter that the worker finds, in the order that [`AdapterChoice::Index`] counts; `None` when
    /// there is no session.
    pub fn list_adapters(&mut self) -> Option<Wait<Vec<Capabilities>>> {
        let session = self.session.as_mut()?;
        let (request, wait) = session.request(0)?;
        session.send(ListAdapters { request });
        session.flush();
        Some(wait)
    }

    /// Requests the worker's statistics so far; `None` when there is no session.
    pub fn report(&mut self) -> Option<Wait<Report>> {
        let session = self.session.as_mut()?;
        let (request, wait) = session.request(0)?;
        session.send(ReportStats { request });
        session.flush();
        Some(wait)
    }

    /// The statistics so far.
    pub fn stats(&self) -> ClientStats {
        let (mut stream, mut blocked) = (self.stream, self.blocks.get());
        if let Some(session) = &self.session {
            stream.add(session.stats());
            let by_taps = session.blocked_by_taps();
            blocked.count += by_taps.count;
            blocked.time += by_taps.time;
        }
        ClientStats { stream, sessions: self.sessions, requests: self.requests, blocked }
    }

    /// Requests of the program so far, each of which waits for a reply.
    pub fn requests(&self) -> u64 {
        self.requests
    }

    /// Takes the session of a device out, if it is the current one, for callers that cannot borrow the client while
    /// data is sent. Until [`Client::put_back`], other calls find no session.
    #[inline]
    pub fn lift(&mut self, device: DeviceKey) -> Option<Lifted> {
        self.session.take_if(|session| session.number() == device.session).map(Lifted)
    }

    /// Puts back a session that was lifted out, with the result of sending for the device.
    #[inline]
    pub fn put_back(&mut self, session: Lifted, device: DeviceKey, sent: Result<(), TooLong>) {
        self.session = Some(session.0);
        self.sent(device, sent);
    }

    // Used by the objects.

    /// The session, live or ended, of any number.
    pub(crate) fn current(&mut self) -> Option<&mut Session> {
        self.session.as_deref_mut()
    }

    /// The session with this number, if it is the current one. It may have ended.
    #[inline]
    pub(crate) fn session(&mut self, number: u32) -> Option<&mut Session> {
        self.session.as_deref_mut().filter(|session| session.number() == number)
    }

    /// Sends the gathered commands, before the guest waits for their effects.
    pub fn send_gathered(&mut self) {
        if let Some(session) = &mut self.session {
            session.flush();
        }
    }

    /// Closes the current session and keeps its counters.
    fn retire(&mut self) {
        if let Some(mut session) = self.session.take() {
            session.flush();
            self.stream.add(session.stats());
            self.blocks.add(session.blocked_by_taps());
        }
    }

    /// Sends a command of a device's objects. Commands for a session that has ended are dropped.
    #[inline]
    pub(crate) fn send(&mut self, device: &DeviceState, command: impl Record) {
        if let Some(session) = self.session(device.session) {
            session.send(command);
        }
    }

    /// Sends the gathered commands for a device's session.
    pub(crate) fn flush(&mut self, device: &DeviceState) {
        if let Some(session) = self.session(device.session) {
            session.flush();
        }
    }

    /// Sends a command with bulk data.
    pub(crate) fn send_with_data<'a, R: Record>(
        &mut self,
        device: &DeviceState,
        data: &'a [u8],
        command: impl FnOnce(Payload<'a>) -> R,
    ) {
        self.send_data(device.key(), |session| session.send_with_data(data, command));
    }

    /// Sends bulk data through the session of a device.
    pub(crate) fn send_data(&mut self, device: DeviceKey, send: impl FnOnce(&mut Session) -> Result<(), TooLong>) {
        if let Some(session) = self.session(device.session) {
            let sent = send(session);
            self.sent(device, sent);
        }
    }

    /// Raises an out-of-memory error for data that exceeds the length of one call.
    #[inline]
    fn sent(&mut self, device: DeviceKey, sent: Result<(), TooLong>) {
        if let Err(error) = sent {
            self.raise_on(device, ErrorFilter::OutOfMemory, &error.to_string());
        }
    }

    /// True when `bytes` more may be mapped.
    pub(crate) fn mapped_fits(&self, bytes: u64) -> bool {
        self.mapped.checked_add(bytes).is_some_and(|total| total <= MAX_MAPPED)
    }

    /// Zeroed memory for a mapping; `None` when too much is mapped already.
    pub(crate) fn map_memory(&mut self, bytes: u64) -> Option<Vec<u8>> {
        let length = usize::try_from(bytes).ok().filter(|_| self.mapped_fits(bytes))?;
        self.mapped(length);
        Some(vec![0; length])
    }

    /// Adds `bytes` to the mapped bytes.
    pub(crate) fn mapped(&mut self, bytes: usize) {
        self.mapped = self.mapped.saturating_add(bytes as u64);
    }

    /// Subtracts `bytes` from the mapped bytes.
    pub(crate) fn unmapped(&mut self, bytes: usize) {
        self.mapped = self.mapped.saturating_sub(bytes as u64);
    }

    /// Allocates an id for a new object of a device. Without one (the session has ended, or has too many objects of the
    /// kind) the object is inert: it has shadow state, and no command names it.
    pub(crate) fn allocate<I: Id>(&mut self, device: &DeviceState) -> Option<I> {
        let id = self.session(device.session)?.allocate::<I>();
        if id.is_none() {
            self.raise(device, ErrorFilter::OutOfMemory, &format!("too many objects of the kind {}", I::KIND));
        }
        id
    }

    /// Raises an error that was found here: the daemon puts it into the device's innermost matching scope.
    pub(crate) fn raise(&mut self, device: &DeviceState, kind: ErrorFilter, message: &str) {
        self.raise_on(device.key(), kind, message);
    }

    fn raise_on(&mut self, device: DeviceKey, kind: ErrorFilter, message: &str) {
        if let Some(session) = self.session(device.session) {
            session.send(RaiseError { device: device.id, kind, message: cut(message, MAX_MESSAGE) });
        }
    }

    /// Raises a validation error that was found here.
    pub(crate) fn invalid(&mut self, device: &DeviceState, message: &str) {
        self.raise(device, ErrorFilter::Validation, message);
    }

    /// Raises the error of a command that names an object of another session, or an inert one.
    #[cold]
    pub(crate) fn foreign<I: Id>(&mut self, device: &DeviceState) {
        self.invalid(device, &format!("the {} belongs to a device that is lost, or was never made", I::KIND));
    }

    /// Drops an object's id for its owner.
    #[inline]
    pub(crate) fn release<I: Id>(&mut self, device: Arc<DeviceState>, id: Option<I>) {
        if let (Some(id), Some(session)) = (id, self.session(device.session)) {
            session.release(id);
        }
        self.release_device(device);
    }

    /// Drops a handle of the device. With the last one, the device is dropped.
    pub(crate) fn release_device(&mut self, device: Arc<DeviceState>) {
        if let Some(device) = Arc::into_inner(device)
            && let Some(session) = self.session(device.session)
        {
            session.forget(device.id);
            session.release(device.id);
        }
    }

    /// Makes a request about a device and sends the gathered commands. `None` when the session has ended.
    pub(crate) fn request<T: crate::session::Reply, R: Record>(
        &mut self,
        device: &DeviceState,
        map_bytes: usize,
        command: impl FnOnce(RequestId) -> R,
    ) -> Option<Wait<T>> {
        let session = self.session(device.session)?;
        let (request, wait) = session.request(map_bytes)?;
        session.send(command(request));
        session.flush();
        self.requested();
        Some(wait)
    }

    /// Counts a request of the program.
    pub(crate) fn requested(&mut self) {
        self.requests += 1;
    }

    /// Ends the news of an id that has no device.
    pub(crate) fn no_device(&mut self, session: u32, device: DeviceId) {
        if let Some(session) = self.session(session) {
            session.forget(device);
        }
    }

    /// Frees the id of an object whose create command was not sent.
    pub(crate) fn reclaim<I: Id>(&mut self, session: u32, id: I) {
        if let Some(session) = self.session(session) {
            session.reclaim(id);
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.retire();
    }
}
