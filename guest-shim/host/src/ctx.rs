//! The context that an embedder keeps beside its `ResourceTable`, and the view through which host functions reach both.

use std::sync::Arc;

use airlock_client::{AdapterChoice, Client, ClientBuilder, Tap};
use airlock_protocol::{
    commands::adapter::Capabilities,
    connect::{ConnectError, Connection, Daemon},
    events::Report,
};
use tokio::sync::Mutex;
use wasmtime::component::ResourceTable;

use crate::stats::{Counters, Stats};

/// The GPU as a guest sees it: one per store.
///
/// A worker is started at the guest's first `request-adapter`, or earlier with [`WasiWebGpuCtx::connect`]. When it dies,
/// its devices are lost, calls on its objects do nothing, and the next `request-adapter` starts another.
#[derive(Debug)]
pub struct WasiWebGpuCtx {
    pub(crate) client: Client,
    pub(crate) counters: Counters,
    /// Held while a worker starts.
    connecting: Arc<Mutex<()>>,
}

/// Configures a [`WasiWebGpuCtx`].
#[derive(Debug, Default)]
pub struct WasiWebGpuCtxBuilder(ClientBuilder);

impl WasiWebGpuCtxBuilder {
    /// Where workers come from. By default [`Daemon::find`] decides when the first is needed.
    pub fn daemon(self, daemon: Daemon) -> Self {
        Self(self.0.daemon(daemon))
    }

    /// Which adapter the guest gets. By default the guest's preferences decide.
    pub fn adapter(self, adapter: AdapterChoice) -> Self {
        Self(self.0.adapter(adapter))
    }

    /// Shows the stream to a [`Tap`]; each session, by its number from 1, has its own. There may be several. A recorder of
    /// `airlock-traces` makes one with `Box::new(recorder.session())`; drop that recorder after the context.
    pub fn tap(self, make: impl FnMut(u32) -> Box<dyn Tap> + Send + Sync + 'static) -> Self {
        Self(self.0.tap(make))
    }

    /// Warns of uncaptured errors that the guest's streams take as well, for a guest that reads them and says nothing.
    pub fn warn_of_all_errors(self) -> Self {
        Self(self.0.warn_of_all_errors())
    }

    /// Makes the context. Nothing is started yet.
    pub fn build(self) -> WasiWebGpuCtx {
        WasiWebGpuCtx { client: self.0.build(), counters: Counters::default(), connecting: Arc::default() }
    }
}

impl WasiWebGpuCtx {
    /// Starts configuring a context.
    pub fn builder() -> WasiWebGpuCtxBuilder {
        WasiWebGpuCtxBuilder::default()
    }

    /// Where this context's workers come from.
    pub fn daemon(&self) -> Result<Daemon, ConnectError> {
        self.client.daemon()
    }

    /// Starts a worker now, so that a missing or foreign daemon is found before the guest runs. Blocks for the time that
    /// a process takes to start.
    pub fn connect(&mut self) -> Result<(), ConnectError> {
        self.client.connect()
    }

    /// Uses a connection that was made elsewhere, while a component was compiled for example.
    pub fn adopt(&mut self, connection: Connection) {
        self.client.adopt(connection);
    }

    /// Held while a worker starts, so that one starts at a time.
    pub(crate) fn connecting(&self) -> Arc<Mutex<()>> {
        Arc::clone(&self.connecting)
    }

    /// Uses a connection, unless another task has brought one meanwhile.
    pub(crate) fn adopt_unless_live(&mut self, connection: Connection) {
        if !self.client.is_live() {
            self.adopt(connection);
        }
    }

    /// Every adapter that the worker finds, in the order that [`AdapterChoice::Index`] counts. Waits for the answer;
    /// `None` when there is no live worker.
    pub async fn list_adapters(&mut self) -> Option<Vec<Capabilities>> {
        self.client.list_adapters()?.spinning().await.ok()
    }

    /// What the worker has done so far. Waits for the answer; `None` when there is no live worker.
    pub async fn report(&mut self) -> Option<Report> {
        self.client.report()?.spinning().await.ok()
    }

    /// What the guest has done so far.
    pub fn stats(&self) -> Stats {
        self.counters.snapshot(&self.client.stats())
    }

    /// Why the last session is over, if it is.
    pub fn ended(&self) -> Option<String> {
        self.client.ended()
    }

    /// Has a function make its request, and counts it where there is one.
    pub(crate) fn ask<R>(&mut self, function: usize, ask: impl FnOnce(&mut Client) -> R) -> R {
        let before = self.client.requests();
        let asked = ask(&mut self.client);
        self.counters.waits(function, self.client.requests().saturating_sub(before));
        asked
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
