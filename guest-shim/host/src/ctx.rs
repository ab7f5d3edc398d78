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

use crate::{
    passes::Tokens,
    stats::{Counters, Stats},
};

/// The GPU of one guest: one context per store.
///
/// The guest's first `request-adapter` starts a worker; [`WasiWebGpuCtx::connect`] starts it earlier. When the worker dies,
/// its devices are lost, calls on its objects do nothing, and the next `request-adapter` starts another worker.
#[derive(Debug)]
pub struct WasiWebGpuCtx {
    pub(crate) client: Client,
    pub(crate) counters: Counters,
    /// Names of objects in lists of `airlock:passes`.
    pub(crate) tokens: Tokens,
    /// Memory of the last list.
    pub(crate) list: Vec<u8>,
    /// Locked while a worker starts.
    connecting: Arc<Mutex<()>>,
}

/// Configures a [`WasiWebGpuCtx`].
#[derive(Debug, Default)]
pub struct WasiWebGpuCtxBuilder(ClientBuilder);

impl WasiWebGpuCtxBuilder {
    /// Source of workers. By default [`Daemon::find`] decides when the first worker is needed.
    pub fn daemon(self, daemon: Daemon) -> Self {
        Self(self.0.daemon(daemon))
    }

    /// Adapter for the guest. By default the guest's preferences decide.
    pub fn adapter(self, adapter: AdapterChoice) -> Self {
        Self(self.0.adapter(adapter))
    }

    /// Adds a [`Tap`] on the stream: one per session, made from the session's number (from 1). There may be several. A recorder of
    /// `airlock-traces` makes one with `Box::new(recorder.session())`; drop that recorder after the context.
    pub fn tap(self, make: impl FnMut(u32) -> Box<dyn Tap> + Send + Sync + 'static) -> Self {
        Self(self.0.tap(make))
    }

    /// Logs uncaptured errors that the guest reads from its streams, too.
    pub fn warn_of_all_errors(self) -> Self {
        Self(self.0.warn_of_all_errors())
    }

    /// Builds the context. No worker is started yet.
    pub fn build(self) -> WasiWebGpuCtx {
        WasiWebGpuCtx {
            client: self.0.build(),
            counters: Counters::default(),
            tokens: Tokens::default(),
            list: Vec::new(),
            connecting: Arc::default(),
        }
    }
}

impl WasiWebGpuCtx {
    /// Returns a builder with the defaults.
    pub fn builder() -> WasiWebGpuCtxBuilder {
        WasiWebGpuCtxBuilder::default()
    }

    /// The source of this context's workers.
    pub fn daemon(&self) -> Result<Daemon, ConnectError> {
        self.client.daemon()
    }

    /// Starts a worker now, so that a missing or incompatible daemon is an error before the guest runs. Blocks while the
    /// process starts.
    pub fn connect(&mut self) -> Result<(), ConnectError> {
        self.client.connect()
    }

    /// Adopts a connection that was made elsewhere, for example while the component was compiled.
    pub fn adopt(&mut self, connection: Connection) {
        self.client.adopt(connection);
    }

    /// Lock that is held while a worker starts, so that one starts at a time.
    pub(crate) fn connecting(&self) -> Arc<Mutex<()>> {
        Arc::clone(&self.connecting)
    }

    /// Adopts a connection, unless another task has adopted one in the meantime.
    pub(crate) fn adopt_unless_live(&mut self, connection: Connection) {
        if !self.client.is_live() {
            self.adopt(connection);
        }
    }

    /// All adapters of the worker, in the order of [`AdapterChoice::Index`]. Waits for the reply; `None` without a live worker.
    pub async fn list_adapters(&mut self) -> Option<Vec<Capabilities>> {
        self.client.list_adapters()?.spinning().await.ok()
    }

    /// The worker's statistics. Waits for the reply; `None` without a live worker.
    pub async fn report(&mut self) -> Option<Report> {
        self.client.report()?.spinning().await.ok()
    }

    /// The guest's statistics so far.
    pub fn stats(&self) -> Stats {
        self.counters.snapshot(&self.client.stats())
    }

    /// Reason for the end of the last session; `None` while it runs.
    pub fn ended(&self) -> Option<String> {
        self.client.ended()
    }

    /// Runs the request of a function, and counts the requests that it made.
    pub(crate) fn ask<R>(&mut self, function: usize, ask: impl FnOnce(&mut Client) -> R) -> R {
        let before = self.client.requests();
        let asked = ask(&mut self.client);
        self.counters.waits(function, self.client.requests().saturating_sub(before));
        asked
    }
}

/// Borrow of the state that host functions of `wasi:webgpu` work on.
#[derive(Debug)]
pub struct WasiWebGpuCtxView<'a> {
    /// Context of the GPU.
    pub ctx: &'a mut WasiWebGpuCtx,
    /// Resource table of the guest's handles.
    pub table: &'a mut ResourceTable,
}

/// Access to the GPU state in a store's data. Implement it for the store's type.
pub trait WasiWebGpuView: Send {
    /// Borrows the context and the table.
    fn webgpu(&mut self) -> WasiWebGpuCtxView<'_>;
}
