//! `gpu`.

use wasmtime::component::Resource;

use super::bindings::webgpu::{self, *};
use crate::{
    WasiWebGpuCtxView,
    v0_3::{
        bindings::webgpu as later,
        functions::{ask, called},
        instance::{WORKERS, adapter_options, connect},
    },
};

impl webgpu::Host for WasiWebGpuCtxView<'_> {}

impl webgpu::HostGpu for WasiWebGpuCtxView<'_> {
    async fn request_adapter(
        &mut self,
        _: Resource<Gpu>,
        options: Option<GpuRequestAdapterOptions>,
    ) -> wasmtime::Result<Option<Resource<GpuAdapter>>> {
        called!(self, "gpu.request-adapter");
        let Some(options) = adapter_options(options) else { return Ok(None) };
        for _ in 0..WORKERS {
            if !self.has_worker().await {
                return Ok(None);
            }
            let requested = ask!(self, "gpu.request-adapter", |client| client.request_adapter(options));
            let Some((reply, requested)) = requested else { return Ok(None) };
            let reply = reply.spinning().await;
            if reply.is_err() && !self.ctx.client.is_live() {
                continue;
            }
            let adapter = requested.finish(&mut self.ctx.client, reply);
            return Ok(adapter.map(|adapter| self.table.push(adapter)).transpose()?);
        }
        Ok(None)
    }

    fn get_preferred_canvas_format(&mut self, gpu: Resource<Gpu>) -> wasmtime::Result<GpuTextureFormat> {
        later::HostGpu::get_preferred_canvas_format(self, gpu)?;
        // The same one; a context has it, too.
        Ok(GpuTextureFormat::Bgra8unorm)
    }

    fn drop(&mut self, gpu: Resource<Gpu>) -> wasmtime::Result<()> {
        later::HostGpu::drop(self, gpu)
    }
}

impl WasiWebGpuCtxView<'_> {
    /// Starts a worker if none is live; returns false on failure.
    async fn has_worker(&mut self) -> bool {
        if self.ctx.client.is_live() {
            return true;
        }
        match connect(self.ctx.daemon()).await {
            Ok(connection) => {
                self.ctx.adopt_unless_live(connection);
                true
            }
            Err(error) => {
                tracing::error!("{error}");
                false
            }
        }
    }
}
