//! `gpu-queue`.

use std::sync::Arc;

use airlock_protocol::{
    commands::queue::{OnSubmittedWorkDone, Submit, WriteBuffer, WriteTexture},
    limits::MAX_LIST,
};
use wasmtime::component::{Accessor, Resource};

use super::{WasiWebGpu, bounded_label};
use crate::{
    WasiWebGpuCtxView,
    bindings::webgpu::{self, *},
    functions::called,
};

impl webgpu::HostGpuQueue for WasiWebGpuCtxView<'_> {
    fn submit(
        &mut self,
        queue: Resource<GpuQueue>,
        command_buffers: Vec<Resource<GpuCommandBuffer>>,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-queue.submit");
        let device = Arc::clone(&self.table.get(&queue)?.device);
        let mut ids = Vec::with_capacity(command_buffers.len());
        for command_buffer in &command_buffers {
            // One that cannot be named makes the whole submit invalid (WebGPU, submit).
            match self.name(command_buffer, &device)? {
                Some(id) => ids.push(id),
                None => return Ok(()),
            }
        }
        if ids.len() > MAX_LIST {
            self.ctx.invalid(&device, &format!("a submit of {} command buffers, more than {MAX_LIST}", ids.len()));
            return Ok(());
        }
        self.ctx.send(&device, Submit { device: device.id, command_buffers: ids });
        self.ctx.flush(&device);
        Ok(())
    }

    fn write_buffer_with_copy(
        &mut self,
        queue: Resource<GpuQueue>,
        buffer: Resource<GpuBuffer>,
        buffer_offset: GpuSize64,
        data: Vec<u8>,
        data_offset: Option<GpuSize64>,
        size: Option<GpuSize64>,
    ) -> wasmtime::Result<Result<(), WriteBufferError>> {
        called!(self, "gpu-queue.write-buffer-with-copy");
        let data = match part(&data, data_offset, size) {
            Some(data) if data.len() % 4 == 0 => data,
            Some(data) => {
                return Ok(Err(operation_error(format!("{} bytes are not a multiple of 4", data.len()))));
            }
            None => {
                return Ok(Err(operation_error(format!(
                    "offset {} and size {size:?} do not lie within the {} bytes of data",
                    data_offset.unwrap_or(0),
                    data.len()
                ))));
            }
        };
        let device = Arc::clone(&self.table.get(&queue)?.device);
        let Some(buffer) = self.name(&buffer, &device)? else { return Ok(Ok(())) };
        self.ctx.send_with_data(&device, data, |data| {
            WriteBuffer { device: device.id, buffer, offset: buffer_offset, data }.into()
        });
        Ok(Ok(()))
    }

    fn write_texture_with_copy(
        &mut self,
        queue: Resource<GpuQueue>,
        destination: GpuTexelCopyTextureInfo,
        data: Vec<u8>,
        data_layout: GpuTexelCopyBufferLayout,
        size: GpuExtent3D,
    ) -> wasmtime::Result<()> {
        called!(self, "gpu-queue.write-texture-with-copy");
        let device = Arc::clone(&self.table.get(&queue)?.device);
        let Some(destination) = self.texel_copy_texture(&destination, &device)? else { return Ok(()) };
        let layout = super::texture::layout(data_layout.offset, data_layout.bytes_per_row, data_layout.rows_per_image);
        let size = super::texture::extent(&size);
        self.ctx.send_with_data(&device, &data, |data| {
            WriteTexture { device: device.id, destination, layout, size, data }.into()
        });
        Ok(())
    }

    fn label(&mut self, queue: Resource<GpuQueue>) -> wasmtime::Result<String> {
        called!(self, "gpu-queue.label");
        Ok(self.table.get(&queue)?.device.queue_label())
    }

    fn set_label(&mut self, queue: Resource<GpuQueue>, label: String) -> wasmtime::Result<()> {
        called!(self, "gpu-queue.set-label");
        self.table.get(&queue)?.device.set_queue_label(bounded_label(Some(label)));
        Ok(())
    }

    fn drop(&mut self, queue: Resource<GpuQueue>) -> wasmtime::Result<()> {
        let queue = self.table.delete(queue)?;
        self.ctx.release_device(queue.device);
        Ok(())
    }
}

/// The part of `data` from `offset`, `size` bytes long or to its end; `None` when it is not within.
fn part(data: &[u8], offset: Option<u64>, size: Option<u64>) -> Option<&[u8]> {
    let start = usize::try_from(offset.unwrap_or(0)).ok()?;
    let rest = data.get(start..)?;
    match size {
        Some(size) => rest.get(..usize::try_from(size).ok()?),
        None => Some(rest),
    }
}

fn operation_error(message: String) -> WriteBufferError {
    WriteBufferError { kind: WriteBufferErrorKind::OperationError, message }
}

/// The offset and bytes that a `set-immediates` names. Where WebGPU throws, the interface gives the function no result:
/// then it is an offset that is never valid, so that the daemon spoils the recording.
pub(super) fn immediates(range_offset: u32, data: &[u8], offset: Option<u64>, size: Option<u64>) -> (u32, &[u8]) {
    /// No device has more (WebGPU, "maxImmediateSize"; wgpu's largest is 256).
    const MAX_IMMEDIATES: usize = 4096;
    match part(data, offset, size) {
        Some(part) if part.len() <= MAX_IMMEDIATES => (range_offset, part),
        _ => (u32::MAX, &[]),
    }
}

impl<T: Send> webgpu::HostGpuQueueWithStore<T> for WasiWebGpu {
    async fn on_submitted_work_done(accessor: &Accessor<T, Self>, queue: Resource<GpuQueue>) -> wasmtime::Result<()> {
        let answer = accessor.with(|mut access| -> wasmtime::Result<_> {
            let view = access.get();
            called!(view, "gpu-queue.on-submitted-work-done");
            let device = Arc::clone(&view.table.get(&queue)?.device);
            Ok(view.ctx.ask(&device, 0, |request| OnSubmittedWorkDone { request, device: device.id }.into()))
        })?;
        if let Some(answer) = answer {
            // When the session ends there is no more work: that is an answer too.
            let _ = answer.await;
        }
        Ok(())
    }
}
