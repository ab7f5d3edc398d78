//! `gpu-queue`. The functions that take data are in `data`.

use wasmtime::component::{Accessor, Resource};

use super::{
    WasiWebGpu,
    bindings::webgpu::{self, *},
    functions::{ask, called},
};
use crate::WasiWebGpuCtxView;

impl webgpu::HostGpuQueue for WasiWebGpuCtxView<'_> {
    fn submit(
        &mut self,
        queue: Resource<GpuQueue>,
        command_buffers: Vec<Resource<GpuCommandBuffer>>,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-queue.submit");
        let mut found = Vec::with_capacity(command_buffers.len());
        for command_buffer in &command_buffers {
            found.push(self.table.get(command_buffer)?);
        }
        self.table.get(&queue)?.submit(&mut self.ctx.client, found);
        Ok(())
    }

    fn label(&mut self, queue: Resource<GpuQueue>) -> wasmtime::Result<String> {
        called!(self, "gpu-queue.label");
        Ok(self.table.get(&queue)?.label())
    }

    fn set_label(&mut self, queue: Resource<GpuQueue>, label: String) -> wasmtime::Result<()> {
        called!(self, "gpu-queue.set-label");
        self.table.get(&queue)?.set_label(label);
        Ok(())
    }

    fn drop(&mut self, queue: Resource<GpuQueue>) -> wasmtime::Result<()> {
        self.table.delete(queue)?.release(&mut self.ctx.client);
        Ok(())
    }
}

impl<T: Send> webgpu::HostGpuQueueWithStore<T> for WasiWebGpu {
    async fn on_submitted_work_done(accessor: &Accessor<T, Self>, queue: Resource<GpuQueue>) -> wasmtime::Result<()> {
        let reply = accessor.with(|mut access| -> wasmtime::Result<_> {
            let view = access.get();
            called!(view, "gpu-queue.on-submitted-work-done");
            let queue = view.table.get(&queue)?;
            Ok(ask!(view, "gpu-queue.on-submitted-work-done", |client| queue.on_submitted_work_done(client)))
        })?;
        // The end of the session completes all work, too.
        let _ = reply.spinning().await;
        Ok(())
    }
}
