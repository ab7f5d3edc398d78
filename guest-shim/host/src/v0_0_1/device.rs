//! `gpu-device`. Create functions are in the file of the created object.

use std::sync::Arc;

use airlock_client::{Lost, error::popped};
use airlock_protocol::events::DeviceLostReason;
use wasmtime::component::Resource;
use wasmtime_wasi_io::{bindings::wasi::io::poll::Pollable, poll::subscribe};

use super::{
    bindings::webgpu::{self, *},
    errors::UncapturedErrors,
};
use crate::{
    WasiWebGpuCtxView,
    surface::v0_0_1::Context,
    v0_3::{
        bindings::webgpu as later,
        device::empty_stack,
        functions::{ask, called, number},
        pipeline::pipeline_error,
        resources,
    },
};

type Popped = Result<Option<Resource<GpuError>>, PopErrorScopeError>;

impl webgpu::HostGpuDevice for WasiWebGpuCtxView<'_> {
    fn create_buffer(
        &mut self,
        device: Resource<GpuDevice>,
        descriptor: GpuBufferDescriptor,
    ) -> wasmtime::Result<Resource<GpuBuffer>> {
        called!(self, "gpu-device.create-buffer");
        self.new_buffer_of_bits(&device, descriptor)
    }

    fn create_texture(
        &mut self,
        device: Resource<GpuDevice>,
        descriptor: GpuTextureDescriptor,
    ) -> wasmtime::Result<Resource<GpuTexture>> {
        called!(self, "gpu-device.create-texture");
        self.new_texture_of_bits(&device, descriptor)
    }

    fn create_bind_group_layout(
        &mut self,
        device: Resource<GpuDevice>,
        descriptor: GpuBindGroupLayoutDescriptor,
    ) -> wasmtime::Result<Resource<GpuBindGroupLayout>> {
        called!(self, "gpu-device.create-bind-group-layout");
        self.new_bind_group_layout_of_bits(&device, descriptor)
    }

    fn create_pipeline_layout(
        &mut self,
        device: Resource<GpuDevice>,
        descriptor: GpuPipelineLayoutDescriptor,
    ) -> wasmtime::Result<Resource<GpuPipelineLayout>> {
        later::HostGpuDevice::create_pipeline_layout(self, device, descriptor.into())
    }

    fn create_bind_group(
        &mut self,
        device: Resource<GpuDevice>,
        descriptor: GpuBindGroupDescriptor,
    ) -> wasmtime::Result<Resource<GpuBindGroup>> {
        later::HostGpuDevice::create_bind_group(self, device, descriptor.into())
    }

    fn create_render_pipeline(
        &mut self,
        device: Resource<GpuDevice>,
        descriptor: GpuRenderPipelineDescriptor,
    ) -> wasmtime::Result<Resource<GpuRenderPipeline>> {
        called!(self, "gpu-device.create-render-pipeline");
        let pipeline = self.render_pipeline_of_bits(&device, descriptor, |device, ctx, descriptor| {
            device.create_render_pipeline(&mut ctx.client, descriptor)
        })?;
        Ok(self.table.push(pipeline)?)
    }

    async fn create_compute_pipeline_async(
        &mut self,
        device: Resource<GpuDevice>,
        descriptor: GpuComputePipelineDescriptor,
    ) -> wasmtime::Result<Result<Resource<GpuComputePipeline>, CreatePipelineError>> {
        called!(self, "gpu-device.create-compute-pipeline-async");
        let (reply, requested) = self.compute_pipeline(&device, descriptor, |device, ctx, descriptor| {
            const FUNCTION: usize = number("gpu-device.create-compute-pipeline-async");
            ctx.ask(FUNCTION, |client| device.create_compute_pipeline_async(client, descriptor))
        })?;
        let reply = reply.spinning().await;
        Ok(match requested.finish(&mut self.ctx.client, reply) {
            Ok(pipeline) => Ok(self.table.push(pipeline)?),
            Err(error) => Err(pipeline_error(error)),
        })
    }

    async fn create_render_pipeline_async(
        &mut self,
        device: Resource<GpuDevice>,
        descriptor: GpuRenderPipelineDescriptor,
    ) -> wasmtime::Result<Result<Resource<GpuRenderPipeline>, CreatePipelineError>> {
        called!(self, "gpu-device.create-render-pipeline-async");
        let (reply, requested) = self.render_pipeline_of_bits(&device, descriptor, |device, ctx, descriptor| {
            const FUNCTION: usize = number("gpu-device.create-render-pipeline-async");
            ctx.ask(FUNCTION, |client| device.create_render_pipeline_async(client, descriptor))
        })?;
        let reply = reply.spinning().await;
        Ok(match requested.finish(&mut self.ctx.client, reply) {
            Ok(pipeline) => Ok(self.table.push(pipeline)?),
            Err(error) => Err(pipeline_error(error)),
        })
    }

    fn create_render_bundle_encoder(
        &mut self,
        device: Resource<GpuDevice>,
        descriptor: GpuRenderBundleEncoderDescriptor,
    ) -> wasmtime::Result<Resource<GpuRenderBundleEncoder>> {
        later::HostGpuDevice::create_render_bundle_encoder(self, device, descriptor.into())
    }

    async fn lost(&mut self, device: Resource<GpuDevice>) -> wasmtime::Result<Resource<GpuDeviceLostInfo>> {
        called!(self, "gpu-device.lost");
        let lost = self.table.get(&device)?.lost(&mut self.ctx.client).await;
        let unknown = || Arc::new(Lost { reason: DeviceLostReason::Unknown, message: String::new() });
        Ok(self.table.push(resources::DeviceLostInfo(lost.unwrap_or_else(|_| unknown())))?)
    }

    async fn pop_error_scope(&mut self, device: Resource<GpuDevice>) -> wasmtime::Result<Popped> {
        called!(self, "gpu-device.pop-error-scope");
        let device = self.table.get(&device)?;
        let caught = match ask!(self, "gpu-device.pop-error-scope", |client| device.pop_error_scope(client)) {
            Ok(reply) => popped(reply.spinning().await),
            Err(error) => Err(error),
        };
        Ok(match caught {
            Ok(Some(error)) => Ok(Some(self.table.push(resources::GpuError(error))?)),
            Ok(None) => Ok(None),
            Err(error) => Err(empty_stack(error)),
        })
    }

    fn onuncapturederror_subscribe(&mut self, device: Resource<GpuDevice>) -> wasmtime::Result<Resource<Pollable>> {
        called!(self, "gpu-device.on-uncaptured-error");
        let errors = self.table.get(&device)?.uncaptured_errors(&mut self.ctx.client);
        let errors = self.table.push(UncapturedErrors::new(errors))?;
        subscribe(self.table, errors)
    }

    fn connect_graphics_context(
        &mut self,
        device: Resource<GpuDevice>,
        context: Resource<Context>,
    ) -> wasmtime::Result<()> {
        let device = self.table.get(&device)?.share();
        self.table.get_mut(&context)?.connect_gpu(&mut self.ctx.client, device);
        Ok(())
    }

    fn drop(&mut self, device: Resource<GpuDevice>) -> wasmtime::Result<()> {
        later::HostGpuDevice::drop(self, device)
    }
}
