//! `gpu-device`. What it creates is in the file of the created object.

use std::{
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
};

use airlock_client::session::{DeviceState, ErrorStream, News, Reply};
use airlock_protocol::{
    commands::{
        device::DestroyDevice,
        error::{PopErrorScope, PushErrorScope},
        session::SetLabel,
    },
    ids::Id,
    limits::MAX_SCOPES,
};
use wasmtime::{
    StoreContextMut,
    component::{
        Access, Accessor, Destination, FutureReader, Resource, StreamProducer, StreamReader, StreamResult, VecBuffer,
    },
};

use super::{WasiWebGpu, bounded_label, convert::ToWire};
use crate::{
    WasiWebGpuCtxView, WasiWebGpuView, shadow,
    v0_3::bindings::webgpu::{self, *},
    v0_3::functions::called,
};

impl webgpu::HostGpuDevice for WasiWebGpuCtxView<'_> {
    fn features(&mut self, device: Resource<GpuDevice>) -> wasmtime::Result<Resource<GpuSupportedFeatures>> {
        called!(self, "gpu-device.features");
        let shown = Arc::clone(&self.table.get(&device)?.device.capabilities);
        Ok(self.table.push(shadow::SupportedFeatures(shown))?)
    }

    fn limits(&mut self, device: Resource<GpuDevice>) -> wasmtime::Result<Resource<GpuSupportedLimits>> {
        called!(self, "gpu-device.limits");
        let shown = Arc::clone(&self.table.get(&device)?.device.capabilities);
        Ok(self.table.push(shadow::SupportedLimits(shown))?)
    }

    fn adapter_info(&mut self, device: Resource<GpuDevice>) -> wasmtime::Result<Resource<GpuAdapterInfo>> {
        called!(self, "gpu-device.adapter-info");
        let shown = Arc::clone(&self.table.get(&device)?.device.capabilities);
        Ok(self.table.push(shadow::AdapterInfo(shown))?)
    }

    fn queue(&mut self, device: Resource<GpuDevice>) -> wasmtime::Result<Resource<GpuQueue>> {
        called!(self, "gpu-device.queue");
        let device = self.state_of(&device)?;
        Ok(self.table.push(shadow::Queue { device })?)
    }

    fn destroy(&mut self, device: Resource<GpuDevice>) -> wasmtime::Result<()> {
        called!(self, "gpu-device.destroy");
        let device = self.state_of(&device)?;
        device.set_destroyed();
        self.ctx.send(&device, DestroyDevice { device: device.id });
        // The guest may await `lost` next, which asks nothing and so sends nothing.
        self.ctx.flush(&device);
        Ok(())
    }

    fn create_buffer(
        &mut self,
        device: Resource<GpuDevice>,
        descriptor: GpuBufferDescriptor,
    ) -> wasmtime::Result<Resource<GpuBuffer>> {
        called!(self, "gpu-device.create-buffer");
        let device = self.state_of(&device)?;
        self.new_buffer(&device, descriptor)
    }

    fn create_texture(
        &mut self,
        device: Resource<GpuDevice>,
        descriptor: GpuTextureDescriptor,
    ) -> wasmtime::Result<Resource<GpuTexture>> {
        called!(self, "gpu-device.create-texture");
        let device = self.state_of(&device)?;
        self.new_texture(&device, descriptor)
    }

    fn create_sampler(
        &mut self,
        device: Resource<GpuDevice>,
        descriptor: Option<GpuSamplerDescriptor>,
    ) -> wasmtime::Result<Resource<GpuSampler>> {
        called!(self, "gpu-device.create-sampler");
        let device = self.state_of(&device)?;
        self.new_sampler(&device, descriptor)
    }

    fn create_bind_group_layout(
        &mut self,
        device: Resource<GpuDevice>,
        descriptor: GpuBindGroupLayoutDescriptor,
    ) -> wasmtime::Result<Resource<GpuBindGroupLayout>> {
        called!(self, "gpu-device.create-bind-group-layout");
        let device = self.state_of(&device)?;
        self.new_bind_group_layout(&device, descriptor)
    }

    fn create_pipeline_layout(
        &mut self,
        device: Resource<GpuDevice>,
        descriptor: GpuPipelineLayoutDescriptor,
    ) -> wasmtime::Result<Resource<GpuPipelineLayout>> {
        called!(self, "gpu-device.create-pipeline-layout");
        let device = self.state_of(&device)?;
        self.new_pipeline_layout(&device, descriptor)
    }

    fn create_bind_group(
        &mut self,
        device: Resource<GpuDevice>,
        descriptor: GpuBindGroupDescriptor,
    ) -> wasmtime::Result<Resource<GpuBindGroup>> {
        called!(self, "gpu-device.create-bind-group");
        let device = self.state_of(&device)?;
        self.new_bind_group(&device, descriptor)
    }

    fn create_shader_module(
        &mut self,
        device: Resource<GpuDevice>,
        descriptor: GpuShaderModuleDescriptor,
    ) -> wasmtime::Result<Resource<GpuShaderModule>> {
        called!(self, "gpu-device.create-shader-module");
        let device = self.state_of(&device)?;
        self.new_shader_module(&device, descriptor)
    }

    fn create_compute_pipeline(
        &mut self,
        device: Resource<GpuDevice>,
        descriptor: GpuComputePipelineDescriptor,
    ) -> wasmtime::Result<Resource<GpuComputePipeline>> {
        called!(self, "gpu-device.create-compute-pipeline");
        let device = self.state_of(&device)?;
        self.new_compute_pipeline(&device, descriptor)
    }

    fn create_render_pipeline(
        &mut self,
        device: Resource<GpuDevice>,
        descriptor: GpuRenderPipelineDescriptor,
    ) -> wasmtime::Result<Resource<GpuRenderPipeline>> {
        called!(self, "gpu-device.create-render-pipeline");
        let device = self.state_of(&device)?;
        self.new_render_pipeline(&device, descriptor)
    }

    fn create_command_encoder(
        &mut self,
        device: Resource<GpuDevice>,
        descriptor: Option<GpuCommandEncoderDescriptor>,
    ) -> wasmtime::Result<Resource<GpuCommandEncoder>> {
        called!(self, "gpu-device.create-command-encoder");
        let device = self.state_of(&device)?;
        self.new_command_encoder(&device, descriptor)
    }

    fn create_render_bundle_encoder(
        &mut self,
        device: Resource<GpuDevice>,
        descriptor: GpuRenderBundleEncoderDescriptor,
    ) -> wasmtime::Result<Resource<GpuRenderBundleEncoder>> {
        called!(self, "gpu-device.create-render-bundle-encoder");
        let device = self.state_of(&device)?;
        self.new_render_bundle_encoder(&device, descriptor)
    }

    fn create_query_set(
        &mut self,
        device: Resource<GpuDevice>,
        descriptor: GpuQuerySetDescriptor,
    ) -> wasmtime::Result<Result<Resource<GpuQuerySet>, CreateQuerySetError>> {
        called!(self, "gpu-device.create-query-set");
        let device = self.state_of(&device)?;
        self.new_query_set(&device, descriptor)
    }

    fn label(&mut self, device: Resource<GpuDevice>) -> wasmtime::Result<String> {
        called!(self, "gpu-device.label");
        Ok(self.table.get(&device)?.label.clone())
    }

    fn set_label(&mut self, device: Resource<GpuDevice>, label: String) -> wasmtime::Result<()> {
        called!(self, "gpu-device.set-label");
        let device = self.table.get_mut(&device)?;
        device.label = bounded_label(Some(label));
        self.ctx.send(&device.device, SetLabel { object: device.device.id.object(), label: &device.label });
        Ok(())
    }

    fn push_error_scope(&mut self, device: Resource<GpuDevice>, filter: GpuErrorFilter) -> wasmtime::Result<()> {
        called!(self, "gpu-device.push-error-scope");
        let device = self.state_of(&device)?;
        // Scopes beyond the limit are counted here only: they catch nothing.
        if device.scopes.fetch_add(1, Ordering::Relaxed) < MAX_SCOPES as u32 {
            self.ctx.send(&device, PushErrorScope { device: device.id, filter: filter.to_wire() });
        }
        Ok(())
    }

    fn drop(&mut self, device: Resource<GpuDevice>) -> wasmtime::Result<()> {
        let device = self.table.delete(device)?;
        self.ctx.release_device(device.device);
        Ok(())
    }
}

impl WasiWebGpuCtxView<'_> {
    fn state_of(&self, device: &Resource<GpuDevice>) -> wasmtime::Result<Arc<DeviceState>> {
        Ok(Arc::clone(&self.table.get(device)?.device))
    }
}

type Popped = Result<Option<Resource<GpuError>>, PopErrorScopeError>;

impl<T: WasiWebGpuView + 'static> webgpu::HostGpuDeviceWithStore<T> for WasiWebGpu {
    async fn create_compute_pipeline_async(
        accessor: &Accessor<T, Self>,
        device: Resource<GpuDevice>,
        descriptor: GpuComputePipelineDescriptor,
    ) -> wasmtime::Result<Result<Resource<GpuComputePipeline>, CreatePipelineError>> {
        let pipeline = accessor.with(|mut access| -> wasmtime::Result<_> {
            let mut view = access.get();
            called!(view, "gpu-device.create-compute-pipeline-async");
            let device = view.state_of(&device)?;
            view.new_compute_pipeline_async(&device, descriptor)
        })?;
        pipeline.finish(accessor).await
    }

    async fn create_render_pipeline_async(
        accessor: &Accessor<T, Self>,
        device: Resource<GpuDevice>,
        descriptor: GpuRenderPipelineDescriptor,
    ) -> wasmtime::Result<Result<Resource<GpuRenderPipeline>, CreatePipelineError>> {
        let pipeline = accessor.with(|mut access| -> wasmtime::Result<_> {
            let mut view = access.get();
            called!(view, "gpu-device.create-render-pipeline-async");
            let device = view.state_of(&device)?;
            view.new_render_pipeline_async(&device, descriptor)
        })?;
        pipeline.finish(accessor).await
    }

    fn lost(
        mut access: Access<'_, T, Self>,
        device: Resource<GpuDevice>,
    ) -> wasmtime::Result<FutureReader<Resource<GpuDeviceLostInfo>>> {
        let view = access.get();
        called!(view, "gpu-device.lost");
        let device = view.state_of(&device)?;
        // The loss may be caused by what has gathered.
        view.ctx.flush(&device);
        FutureReader::new(access, LostProducer(Arc::clone(&device.news)))
    }

    async fn pop_error_scope(accessor: &Accessor<T, Self>, device: Resource<GpuDevice>) -> wasmtime::Result<Popped> {
        let answer = accessor.with(|mut access| -> wasmtime::Result<_> {
            let view = access.get();
            called!(view, "gpu-device.pop-error-scope");
            let device = view.state_of(&device)?;
            let depth = device.scopes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |depth| depth.checked_sub(1));
            Ok(match depth {
                Err(_) => Err(empty_stack()),
                Ok(depth) if depth > MAX_SCOPES as u32 => Ok(None),
                Ok(_) => {
                    let question = |request| PopErrorScope { request, device: device.id };
                    let answer = view.ctx.ask(&device, 0, question);
                    if answer.is_none() {
                        // The daemon's stack still has it.
                        device.scopes.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(answer)
                }
            })
        })?;
        let answer = match answer {
            Ok(Some(answer)) => answer,
            Ok(None) => return Ok(Ok(None)),
            Err(error) => return Ok(Err(error)),
        };
        match answer.await {
            Ok(Reply::Scope(Ok(Some(error)))) => {
                accessor.with(|mut access| Ok(Ok(Some(access.get().table.push(shadow::GpuError(error))?))))
            }
            Ok(Reply::Scope(Err(()))) => Ok(Err(empty_stack())),
            // A lost device has no errors (WebGPU, popErrorScope).
            _ => Ok(Ok(None)),
        }
    }

    fn on_uncaptured_error(
        mut access: Access<'_, T, Self>,
        device: Resource<GpuDevice>,
    ) -> wasmtime::Result<StreamReader<Resource<GpuError>>> {
        let view = access.get();
        called!(view, "gpu-device.on-uncaptured-error");
        let device = view.state_of(&device)?;
        view.ctx.flush(&device);
        let stream = device.open_stream();
        StreamReader::new(access, ErrorProducer(stream))
    }
}

fn empty_stack() -> PopErrorScopeError {
    PopErrorScopeError {
        kind: PopErrorScopeErrorKind::OperationError,
        message: "there is no error scope to pop".to_owned(),
    }
}

/// Gives the reason when the device is lost.
struct LostProducer(Arc<News>);

impl<D: WasiWebGpuView + 'static> wasmtime::component::FutureProducer<D> for LostProducer {
    type Item = Resource<GpuDeviceLostInfo>;

    fn poll_produce(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut store: StoreContextMut<'_, D>,
        finish: bool,
    ) -> Poll<wasmtime::Result<Option<Self::Item>>> {
        match self.0.poll_lost(context.waker()) {
            Poll::Ready(lost) => {
                let info = store.data_mut().webgpu().table.push(shadow::DeviceLostInfo(lost));
                Poll::Ready(info.map(Some).map_err(Into::into))
            }
            Poll::Pending if finish => Poll::Ready(Ok(None)),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// Gives the errors that no scope caught, until the device is lost.
struct ErrorProducer(ErrorStream);

impl<D: WasiWebGpuView + 'static> StreamProducer<D> for ErrorProducer {
    type Item = Resource<GpuError>;
    type Buffer = VecBuffer<Resource<GpuError>>;

    fn poll_produce<'a>(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut store: StoreContextMut<'a, D>,
        mut destination: Destination<'a, Self::Item, Self::Buffer>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        if destination.remaining(&mut store) == Some(0) {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        match self.0.poll_error(context.waker()) {
            Poll::Ready(Some(error)) => {
                let error = store.data_mut().webgpu().table.push(shadow::GpuError(error))?;
                destination.set_buffer(vec![error].into());
                Poll::Ready(Ok(StreamResult::Completed))
            }
            Poll::Ready(None) => Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Pending if finish => Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl webgpu::HostGpuDeviceLostInfo for WasiWebGpuCtxView<'_> {
    fn reason(&mut self, info: Resource<GpuDeviceLostInfo>) -> wasmtime::Result<GpuDeviceLostReason> {
        called!(self, "gpu-device-lost-info.reason");
        Ok(match self.table.get(&info)?.0.reason {
            airlock_protocol::events::DeviceLostReason::Unknown => GpuDeviceLostReason::Unknown,
            airlock_protocol::events::DeviceLostReason::Destroyed => GpuDeviceLostReason::Destroyed,
        })
    }

    fn message(&mut self, info: Resource<GpuDeviceLostInfo>) -> wasmtime::Result<String> {
        called!(self, "gpu-device-lost-info.message");
        Ok(self.table.get(&info)?.0.message.clone())
    }

    fn drop(&mut self, info: Resource<GpuDeviceLostInfo>) -> wasmtime::Result<()> {
        self.table.delete(info)?;
        Ok(())
    }
}
