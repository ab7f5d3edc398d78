//! The context that an embedder keeps beside its `ResourceTable`, and the view through which host functions reach both.

use std::{fmt, sync::Arc};

use airlock_client::session::{Answer, DeviceKey, DeviceState, News, Reply, Session, Tap, TooLong};
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
    ids::{AdapterId, DeviceId, Id, RequestId},
    limits::{MAX_MAPPED, MAX_MESSAGE, cut},
};
use tokio::sync::Mutex;
use wasmtime::component::ResourceTable;

use crate::{
    shadow::{Base, Contents},
    stats::{Counters, Stats},
};

/// Which adapter a guest gets.
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
    /// Reads what a person types: a number, `noop`, or a part of a name.
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

/// The GPU as a guest sees it: one per store.
///
/// A worker is started at the guest's first `request-adapter`, or earlier with [`WasiWebGpuCtx::connect`]. When it dies,
/// its devices are lost, calls on its objects do nothing, and the next `request-adapter` starts another.
#[derive(Debug)]
pub struct WasiWebGpuCtx {
    daemon: Option<Daemon>,
    pub(crate) adapter: AdapterChoice,
    session: Option<Box<Session>>,
    taps: TapSources,
    pub(crate) stats: Counters,
    /// Bytes that the guest has mapped; their contents are in this process.
    mapped: u64,
    /// Held while a worker starts.
    connecting: Arc<Mutex<()>>,
}

/// Makes a tap of a new session, from its number.
type TapSource = Box<dyn FnMut(u32) -> Box<dyn Tap> + Send>;

#[derive(Default)]
struct TapSources(Vec<TapSource>);

impl fmt::Debug for TapSources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} taps", self.0.len())
    }
}

/// Configures a [`WasiWebGpuCtx`].
#[derive(Debug, Default)]
pub struct WasiWebGpuCtxBuilder {
    daemon: Option<Daemon>,
    adapter: AdapterChoice,
    taps: TapSources,
}

impl WasiWebGpuCtxBuilder {
    /// Where workers come from. By default [`Daemon::find`] decides when the first is needed.
    pub fn daemon(mut self, daemon: Daemon) -> Self {
        self.daemon = Some(daemon);
        self
    }

    /// Which adapter the guest gets. By default the guest's preferences decide.
    pub fn adapter(mut self, adapter: AdapterChoice) -> Self {
        self.adapter = adapter;
        self
    }

    /// Shows the stream to a [`Tap`]; each session, by its number from 1, has its own. There may be several. A recorder of
    /// `airlock-traces` makes one with `Box::new(recorder.session())`; drop that recorder after the context.
    pub fn tap(mut self, make: impl FnMut(u32) -> Box<dyn Tap> + Send + 'static) -> Self {
        self.taps.0.push(Box::new(make));
        self
    }

    /// Makes the context. Nothing is started yet.
    pub fn build(self) -> WasiWebGpuCtx {
        WasiWebGpuCtx {
            daemon: self.daemon,
            adapter: self.adapter,
            session: None,
            taps: self.taps,
            stats: Counters::default(),
            mapped: 0,
            connecting: Arc::default(),
        }
    }
}

impl WasiWebGpuCtx {
    /// Starts configuring a context.
    pub fn builder() -> WasiWebGpuCtxBuilder {
        WasiWebGpuCtxBuilder::default()
    }

    /// Where this context's workers come from.
    pub fn daemon(&self) -> Result<Daemon, ConnectError> {
        self.daemon.clone().map_or_else(Daemon::find, Ok)
    }

    /// Starts a worker now, so that a missing or foreign daemon is found before the guest runs. Blocks for the time that
    /// a process takes to start.
    pub fn connect(&mut self) -> Result<(), ConnectError> {
        let connection = self.daemon()?.connect()?;
        self.adopt(connection);
        Ok(())
    }

    /// Uses a connection that was made elsewhere, while a component was compiled for example.
    pub fn adopt(&mut self, connection: Connection) {
        self.retire();
        self.stats.sessions += 1;
        let number = self.stats.sessions;
        let taps = self.taps.0.iter_mut().map(|make| make(number)).collect();
        self.session = Some(Box::new(Session::start(connection, number, taps)));
    }

    /// Held while a worker starts, so that one starts at a time.
    pub(crate) fn connecting(&self) -> Arc<Mutex<()>> {
        Arc::clone(&self.connecting)
    }

    /// Uses a connection, unless another task has brought one meanwhile.
    pub(crate) fn adopt_unless_live(&mut self, connection: Connection) {
        if self.live_session().is_none() {
            self.adopt(connection);
        }
    }

    /// Every adapter that the worker finds, in the order that [`AdapterChoice::Index`] counts. Waits for the answer;
    /// `None` when there is no live worker.
    pub async fn list_adapters(&mut self) -> Option<Vec<Capabilities>> {
        match self.question(|request| ListAdapters { request }).await? {
            Reply::AdapterList(adapters) => Some(adapters),
            _ => None,
        }
    }

    /// What the worker has done so far. Waits for the answer; `None` when there is no live worker.
    pub async fn report(&mut self) -> Option<Report> {
        match self.question(|request| ReportStats { request }).await? {
            Reply::Report(report) => Some(report),
            _ => None,
        }
    }

    async fn question<R: Record>(&mut self, question: impl FnOnce(RequestId) -> R) -> Option<Reply> {
        let session = self.session.as_mut()?;
        let (request, answer) = session.ask(0)?;
        session.send(question(request));
        session.flush();
        answer.await.ok()
    }

    /// What the guest has done so far.
    pub fn stats(&self) -> Stats {
        self.stats.snapshot(self.session.as_ref().map(|session| session.stats()))
    }

    /// The session when it lives.
    pub(crate) fn live_session(&mut self) -> Option<&mut Session> {
        self.session.as_deref_mut().filter(|session| session.ended().is_none())
    }

    /// Why the last session is over, if it is.
    pub fn ended(&self) -> Option<String> {
        self.session.as_deref().and_then(Session::ended)
    }

    /// The session with this number, which is the current one or over.
    #[inline]
    pub(crate) fn session(&mut self, number: u32) -> Option<&mut Session> {
        self.session.as_deref_mut().filter(|session| session.number() == number)
    }

    /// Closes the current session and keeps its counters.
    fn retire(&mut self) {
        if let Some(mut session) = self.session.take() {
            session.flush();
            self.stats.stream.add(session.stats());
        }
    }

    /// Sends a command of a device's objects. Commands for a session that is over are dropped.
    #[inline]
    pub(crate) fn send(&mut self, device: &DeviceState, command: impl Record) {
        if let Some(session) = self.session(device.session) {
            session.send(command);
        }
    }

    /// Sends what has gathered for a device's session.
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

    /// Has the session of a device send bulk data.
    pub(crate) fn send_data(&mut self, device: DeviceKey, send: impl FnOnce(&mut Session) -> Result<(), TooLong>) {
        if let Some(session) = self.session(device.session) {
            let sent = send(session);
            self.sent(device, sent);
        }
    }

    /// Data that is longer than a call may carry becomes an out-of-memory error.
    #[inline]
    pub(crate) fn sent(&mut self, device: DeviceKey, sent: Result<(), TooLong>) {
        if let Err(error) = sent {
            self.raise_on(device, ErrorFilter::OutOfMemory, &error.to_string());
        }
    }

    /// Takes the session of a device out, if it is the current one, for who cannot hold the context meanwhile.
    #[inline]
    pub(crate) fn lift(&mut self, device: DeviceKey) -> Option<Box<Session>> {
        self.session.take_if(|session| session.number() == device.session)
    }

    /// Puts a session back that was lifted out.
    pub(crate) fn put_back(&mut self, session: Box<Session>) {
        self.session = Some(session);
    }

    /// True when so many bytes more may be mapped.
    pub(crate) fn mapped_fits(&self, bytes: u64) -> bool {
        self.mapped.checked_add(bytes).is_some_and(|total| total <= MAX_MAPPED)
    }

    /// Zeroed memory for a mapping; `None` when too much is mapped already.
    pub(crate) fn map_memory(&mut self, bytes: u64) -> Option<Contents> {
        let length = usize::try_from(bytes).ok().filter(|_| self.mapped_fits(bytes))?;
        self.mapped(length);
        Some(vec![0; length].into())
    }

    /// So many bytes more are mapped.
    pub(crate) fn mapped(&mut self, bytes: usize) {
        self.mapped = self.mapped.saturating_add(bytes as u64);
    }

    /// So many bytes fewer are mapped.
    pub(crate) fn unmapped(&mut self, bytes: usize) {
        self.mapped = self.mapped.saturating_sub(bytes as u64);
    }

    /// An id for a new object of a device. Without one (the session is over, or has too many objects of the kind) the
    /// object is inert: it has shadow state, and no command names it.
    pub(crate) fn allocate<I: Id>(&mut self, device: &DeviceState) -> Option<I> {
        let id = self.session(device.session)?.allocate::<I>();
        if id.is_none() {
            self.raise(device, ErrorFilter::OutOfMemory, &format!("too many objects of the kind {}", I::KIND));
        }
        id
    }

    /// An error that the host found: the daemon puts it into the device's innermost matching scope.
    pub(crate) fn raise(&mut self, device: &DeviceState, kind: ErrorFilter, message: &str) {
        self.raise_on(device.key(), kind, message);
    }

    fn raise_on(&mut self, device: DeviceKey, kind: ErrorFilter, message: &str) {
        if let Some(session) = self.session(device.session) {
            session.send(RaiseError { device: device.id, kind, message: cut(message, MAX_MESSAGE) });
        }
    }

    /// A validation error that the host found.
    pub(crate) fn invalid(&mut self, device: &DeviceState, message: &str) {
        self.raise(device, ErrorFilter::Validation, message);
    }

    /// The id by which commands of `device` name an object; `None`, with a validation error raised, when they cannot. An
    /// object of an earlier session has an id that now belongs to another object.
    #[inline]
    pub(crate) fn name<I: Id>(&mut self, base: &Base<I>, device: &DeviceState) -> Option<I> {
        let id = base.id.filter(|_| base.device.session == device.session);
        if id.is_none() {
            self.foreign::<I>(device);
        }
        id
    }

    #[cold]
    fn foreign<I: Id>(&mut self, device: &DeviceState) {
        self.invalid(device, &format!("the {} belongs to a device that is lost, or was never made", I::KIND));
    }

    /// The guest dropped an object.
    #[inline]
    pub(crate) fn release<I: Id>(&mut self, device: Arc<DeviceState>, id: Option<I>) {
        if let (Some(id), Some(session)) = (id, self.session(device.session)) {
            session.release(id);
        }
        self.release_device(device);
    }

    /// A holder of the device is gone; with the last one, the device is dropped.
    pub(crate) fn release_device(&mut self, device: Arc<DeviceState>) {
        if let Some(device) = Arc::into_inner(device)
            && let Some(session) = self.session(device.session)
        {
            session.forget(device.id);
            session.release(device.id);
        }
    }

    /// Asks a question about a device and sends what has gathered. `None` when nobody can answer.
    pub(crate) fn ask<R: Record>(
        &mut self,
        device: &DeviceState,
        map_bytes: usize,
        question: impl FnOnce(RequestId) -> R,
    ) -> Option<Answer> {
        let session = self.session(device.session)?;
        let (request, answer) = session.ask(map_bytes)?;
        session.send(question(request));
        session.flush();
        self.stats.waits();
        Some(answer)
    }

    /// Asks for an adapter; gives the session's number and the id that the adapter will have.
    pub(crate) fn ask_for_adapter(
        &mut self,
        question: impl FnOnce(RequestId, AdapterId, AdapterSelector<'_>, &mut Session),
    ) -> Option<(u32, AdapterId, Answer)> {
        let session = self.session.as_mut()?;
        let (adapter, request, answer) = session.ask_for()?;
        question(request, adapter, self.adapter.selector(), session);
        session.flush();
        self.stats.waits();
        Some((session.number(), adapter, answer))
    }

    /// Asks for a device of an adapter of the session with this number; gives the id that the device will have.
    pub(crate) fn ask_for_device<R: Record>(
        &mut self,
        session: u32,
        question: impl FnOnce(RequestId, DeviceId) -> R,
    ) -> Option<(DeviceId, Arc<News>, Answer)> {
        let session = self.session(session)?;
        let (device, request, answer) = session.ask_for()?;
        let news = session.watch(device);
        session.send(question(request, device));
        session.flush();
        self.stats.waits();
        Some((device, news, answer))
    }

    /// There is no adapter behind this id: it is free without a drop.
    pub(crate) fn no_adapter(&mut self, session: u32, adapter: AdapterId) {
        if let Some(session) = self.session(session) {
            session.reclaim(adapter);
        }
    }

    /// An adapter is not needed any more.
    pub(crate) fn free_adapter(&mut self, session: u32, adapter: AdapterId) {
        if let Some(session) = self.session(session) {
            session.release(adapter);
        }
    }

    /// There is no device behind this id.
    pub(crate) fn no_device(&mut self, session: u32, device: DeviceId) {
        if let Some(session) = self.session(session) {
            session.forget(device);
        }
    }

    /// Frees the id of an object whose create command was not sent.
    pub(crate) fn reclaim<I: Id>(&mut self, device: &DeviceState, id: I) {
        if let Some(session) = self.session(device.session) {
            session.reclaim(id);
        }
    }
}

impl Drop for WasiWebGpuCtx {
    fn drop(&mut self) {
        self.retire();
    }
}

/// What a store's data gives to host functions of `wasi:webgpu`.
#[derive(Debug)]
pub struct WasiWebGpuCtxView<'a> {
    /// The GPU.
    pub ctx: &'a mut WasiWebGpuCtx,
    /// Where the guest's handles point to.
    pub table: &'a mut ResourceTable,
}

/// Implemented by a store's data so that its guest has a GPU.
pub trait WasiWebGpuView: Send {
    /// Lends the context and the table.
    fn webgpu(&mut self) -> WasiWebGpuCtxView<'_>;
}
