//! Store data of a guest. `run` and `serve` share its type: wasmtime's host functions are generic over it, so that a second type
//! would be a second copy of all of them, some megabytes of code.

use airlock::{
    WasiWebGpuCtx, WasiWebGpuCtxView, WasiWebGpuView,
    surface::{SurfaceCtx, WasiSurfaceCtxView, WasiSurfaceView},
};
use hyper::{Request, Response};
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView};

use crate::limits::Memory;

/// Store data of a guest.
pub struct State {
    /// Files, streams, arguments, variables, clocks.
    pub wasi: WasiCtx,
    /// The GPU.
    pub gpu: WasiWebGpuCtx,
    /// Surfaces; a service has none.
    pub surfaces: SurfaceCtx,
    /// Requests and responses; a command has none.
    http: WasiHttpCtx,
    outgoing: NoNetwork,
    /// Table of the guest's handles.
    pub table: ResourceTable,
    /// Limiter of linear memory.
    pub memory: Memory,
}

impl State {
    /// Store data with an empty table.
    pub fn new(wasi: WasiCtx, gpu: WasiWebGpuCtx, surfaces: SurfaceCtx, memory: Memory) -> Self {
        Self { wasi, gpu, surfaces, http: WasiHttpCtx::new(), outgoing: NoNetwork, table: ResourceTable::new(), memory }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiWebGpuView for State {
    fn webgpu(&mut self) -> WasiWebGpuCtxView<'_> {
        WasiWebGpuCtxView { ctx: &mut self.gpu, table: &mut self.table }
    }
}

impl WasiSurfaceView for State {
    fn surfaces(&mut self) -> WasiSurfaceCtxView<'_> {
        WasiSurfaceCtxView { surfaces: &mut self.surfaces, gpu: &mut self.gpu, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.outgoing }
    }
}

/// Denies every outgoing request: a guest process has no network.
#[derive(Debug)]
struct NoNetwork;

type Done = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = Box<dyn Future<Output = Result<(Response<WasiBody>, Done), Error>> + Send>;

impl WasiHttpHooks for NoNetwork {
    fn send_request(&mut self, _: Request<WasiBody>, _: Option<RequestOptions>, _: Done) -> Sent {
        Box::new(async { Err(Error::HttpRequestDenied) })
    }
}
