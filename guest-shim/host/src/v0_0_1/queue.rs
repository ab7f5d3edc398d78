//! `gpu-queue`.

use wasmtime::component::Resource;

use super::bindings::webgpu::{self, *};
use crate::{
    WasiWebGpuCtxView,
    v0_3::{
        bindings::webgpu as later,
        functions::{ask, called},
    },
};

impl webgpu::HostGpuQueue for WasiWebGpuCtxView<'_> {
    async fn on_submitted_work_done(&mut self, queue: Resource<GpuQueue>) -> wasmtime::Result<()> {
        called!(self, "gpu-queue.on-submitted-work-done");
        let queue = self.table.get(&queue)?;
        let reply = ask!(self, "gpu-queue.on-submitted-work-done", |client| queue.on_submitted_work_done(client));
        // The end of the session completes all work, too.
        let _ = reply.spinning().await;
        Ok(())
    }

    fn drop(&mut self, queue: Resource<GpuQueue>) -> wasmtime::Result<()> {
        later::HostGpuQueue::drop(self, queue)
    }
}
