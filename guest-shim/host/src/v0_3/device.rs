//! `gpu-device`. Create functions are in the file of the created object.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use airlock_client::{ErrorStream, Lost, Wait, error::EmptyScopeStack, error::popped};
use wasmtime::{
    StoreContextMut,
    component::{
        Access, Accessor, Destination, FutureReader, Resource, StreamProducer, StreamReader, StreamResult, VecBuffer,
    },
};

use super::{
    WasiWebGpu,
    bindings::webgpu::{self, *},
    convert::ToWire,
    functions::{ask, called, number},
    pipeline::pipeline_error,
    resources,
};
use crate::WasiWebGpuCtxView;

impl webgpu::HostGpuDevice for WasiWebGpuCtxView<'_> {
    fn features(&mut self, device: Resource<GpuDevice>) -> wasmtime::Result<Resource<GpuSupportedFeatures>> {
        called!(self, "gpu-device.features");
        let shown = Arc::clone(self.table.get(&device)?.capabilities());
        Ok(self.table.push(resources::SupportedFeatures(shown))?)
    }

    fn limits(&mut self, device: Resource<GpuDevice>) -> wasmtime::Result<Resource<GpuSupportedLimits>> {
        called!(self, "gpu-device.limits");
        let shown = Arc::clone(self.table.get(&device)?.capabilities());
        Ok(self.table.push(resources::SupportedLimits(shown))?)
    }

    fn adapter_info(&mut self, device: Resource<GpuDevice>) -> wasmtime::Result<Resource<GpuAdapterInfo>> {
        called!(self, "gpu-device.adapter-info");
        let shown = Arc::clone(self.table.get(&device)?.capabilities());
        Ok(self.table.push(resources::AdapterInfo(shown))?)
    }

    fn queue(&mut self, device: Resource<GpuDevice>) -> wasmtime::Result<Resource<GpuQueue>> {
        called!(self, "gpu-device.queue");
        let queue = self.table.get(&device)?.queue();
        Ok(self.table.push(queue)?)
    }

    fn destroy(&mut self, device: Resource<GpuDevice>) -> wasmtime::Result<()> {
        called!(self, "gpu-device.destroy");
        self.table.get(&device)?.destroy(&mut self.ctx.client);
        Ok(())
    }

    fn create_buffer(
        &mut self,
        device: Resource<GpuDevice>,
        descriptor: GpuBufferDescriptor,
    ) -> wasmtime::Result<Resource<GpuBuffer>> {
        called!(self, "gpu-device.create-buffer");
        self.new_buffer(&device, descriptor)
    }

    fn create_texture(
        &mut self,
        device: Resource<GpuDevice>,
        descriptor: GpuTextureDescriptor,
    ) -> wasmtime::Result<Resource<GpuTexture>> {
        called!(self, "gpu-device.create-texture");
        self.new_texture(&device, descriptor)
    }

    fn create_sampler(
        &mut self,
        device: Resource<GpuDevice>,
        descriptor: Option<GpuSamplerDescriptor>,
    ) -> wasmtime::Result<Resource<GpuSampler>> {
        called!(self, "gpu-device.create-sampler");
        self.new_sampler(&device, descriptor)
    }

    fn create_bind_group_layout(
        &mut self,
        device: Resource<GpuDevice>,
        descriptor: GpuBindGroupLayoutDescriptor,
    ) -> wasmtime::Result<Resource<GpuBindGroupLayout>> {
        called!(self, "gpu-device.create-bind-group-layout");
        self.new_bind_group_layout(&device, descriptor)
    }

    fn create_pipeline_layout(
        &mut self,
        device: Resource<GpuDevice>,
        descriptor: GpuPipelineLayoutDescriptor,
    ) -> wasmtime::Result<Resource<GpuPipelineLayout>> {
        called!(self, "gpu-device.create-pipeline-layout");
        self.new_pipeline_layout(&device, descriptor)
    }

    fn create_bind_group(
        &mut self,
        device: Resource<GpuDevice>,
        descriptor: GpuBindGroupDescriptor,
    ) -> wasmtime::Result<Resource<GpuBindGroup>> {
        called!(self, "gpu-device.create-bind-group");
        self.new_bind_group(&device, descriptor)
    }

    fn create_shader_module(
        &mut self,
        device: Resource<GpuDevice>,
        descriptor: GpuShaderModuleDescriptor,
    ) -> wasmtime::Result<Resource<GpuShaderModule>> {
        called!(self, "gpu-device.create-shader-module");
        self.new_shader_module(&device, descriptor)
    }

    fn create_compute_pipeline(
        &mut self,
        device: Resource<GpuDevice>,
        descriptor: GpuComputePipelineDescriptor,
    ) -> wasmtime::Result<Resource<GpuComputePipeline>> {
        called!(self, "gpu-device.create-compute-pipeline");
        let pipeline = self.compute_pipeline(&device, descriptor, |device, ctx, descriptor| {
            device.create_compute_pipeline(&mut ctx.client, descriptor)
        })?;
        Ok(self.table.push(pipeline)?)
    }

    fn create_render_pipeline(
        &mut self,
        device: Resource<GpuDevice>,
        descriptor: GpuRenderPipelineDescriptor,
    ) -> wasmtime::Result<Resource<GpuRenderPipeline>> {
        called!(self, "gpu-device.create-render-pipeline");
        let pipeline = self.render_pipeline(&device, descriptor, |device, ctx, descriptor| {
            device.create_render_pipeline(&mut ctx.client, descriptor)
        })?;
        Ok(self.table.push(pipeline)?)
    }

    fn create_command_encoder(
        &mut self,
        device: Resource<GpuDevice>,
        descriptor: Option<GpuCommandEncoderDescriptor>,
    ) -> wasmtime::Result<Resource<GpuCommandEncoder>> {
        called!(self, "gpu-device.create-command-encoder");
        self.new_command_encoder(&device, descriptor)
    }

    fn create_render_bundle_encoder(
        &mut self,
        device: Resource<GpuDevice>,
        descriptor: GpuRenderBundleEncoderDescriptor,
    ) -> wasmtime::Result<Resource<GpuRenderBundleEncoder>> {
        called!(self, "gpu-device.create-render-bundle-encoder");
        self.new_render_bundle_encoder(&device, descriptor)
    }

    fn create_query_set(
        &mut self,
        device: Resource<GpuDevice>,
        descriptor: GpuQuerySetDescriptor,
    ) -> wasmtime::Result<Result<Resource<GpuQuerySet>, CreateQuerySetError>> {
        called!(self, "gpu-device.create-query-set");
        self.new_query_set(&device, descriptor)
    }

    fn label(&mut self, device: Resource<GpuDevice>) -> wasmtime::Result<String> {
        called!(self, "gpu-device.label");
        Ok(self.table.get(&device)?.label().to_owned())
    }

    fn set_label(&mut self, device: Resource<GpuDevice>, label: String) -> wasmtime::Result<()> {
        called!(self, "gpu-device.set-label");
        self.table.get_mut(&device)?.set_label(&mut self.ctx.client, label);
        Ok(())
    }

    fn push_error_scope(&mut self, device: Resource<GpuDevice>, filter: GpuErrorFilter) -> wasmtime::Result<()> {
        called!(self, "gpu-device.push-error-scope");
        self.table.get(&device)?.push_error_scope(&mut self.ctx.client, filter.to_wire());
        Ok(())
    }

    fn drop(&mut self, device: Resource<GpuDevice>) -> wasmtime::Result<()> {
        self.table.delete(device)?.release(&mut self.ctx.client);
        Ok(())
    }
}

type Popped = Result<Option<Resource<GpuError>>, PopErrorScopeError>;

impl<T: Send> webgpu::HostGpuDeviceWithStore<T> for WasiWebGpu {
    async fn create_compute_pipeline_async(
        accessor: &Accessor<T, Self>,
        device: Resource<GpuDevice>,
        descriptor: GpuComputePipelineDescriptor,
    ) -> wasmtime::Result<Result<Resource<GpuComputePipeline>, CreatePipelineError>> {
        let (reply, requested) = accessor.with(|mut access| -> wasmtime::Result<_> {
            let mut view = access.get();
            called!(view, "gpu-device.create-compute-pipeline-async");
            view.compute_pipeline(&device, descriptor, |device, ctx, descriptor| {
                const FUNCTION: usize = number("gpu-device.create-compute-pipeline-async");
                ctx.ask(FUNCTION, |client| device.create_compute_pipeline_async(client, descriptor))
            })
        })?;
        let reply = reply.spinning().await;
        accessor.with(|mut access| {
            let view = access.get();
            Ok(match requested.finish(&mut view.ctx.client, reply) {
                Ok(pipeline) => Ok(view.table.push(pipeline)?),
                Err(error) => Err(pipeline_error(error)),
            })
        })
    }

    async fn create_render_pipeline_async(
        accessor: &Accessor<T, Self>,
        device: Resource<GpuDevice>,
        descriptor: GpuRenderPipelineDescriptor,
    ) -> wasmtime::Result<Result<Resource<GpuRenderPipeline>, CreatePipelineError>> {
        let (reply, requested) = accessor.with(|mut access| -> wasmtime::Result<_> {
            let mut view = access.get();
            called!(view, "gpu-device.create-render-pipeline-async");
            view.render_pipeline(&device, descriptor, |device, ctx, descriptor| {
                const FUNCTION: usize = number("gpu-device.create-render-pipeline-async");
                ctx.ask(FUNCTION, |client| device.create_render_pipeline_async(client, descriptor))
            })
        })?;
        let reply = reply.spinning().await;
        accessor.with(|mut access| {
            let view = access.get();
            Ok(match requested.finish(&mut view.ctx.client, reply) {
                Ok(pipeline) => Ok(view.table.push(pipeline)?),
                Err(error) => Err(pipeline_error(error)),
            })
        })
    }

    fn lost(
        mut access: Access<'_, T, Self>,
        device: Resource<GpuDevice>,
    ) -> wasmtime::Result<FutureReader<Resource<GpuDeviceLostInfo>>> {
        let view = access.get();
        called!(view, "gpu-device.lost");
        let lost = view.table.get(&device)?.lost(&mut view.ctx.client);
        let view = access.getter();
        FutureReader::new(access, LostProducer { lost, view })
    }

    async fn pop_error_scope(accessor: &Accessor<T, Self>, device: Resource<GpuDevice>) -> wasmtime::Result<Popped> {
        let requested = accessor.with(|mut access| -> wasmtime::Result<_> {
            let view = access.get();
            called!(view, "gpu-device.pop-error-scope");
            let device = view.table.get(&device)?;
            Ok(ask!(view, "gpu-device.pop-error-scope", |client| device.pop_error_scope(client)))
        })?;
        let caught = match requested {
            Ok(reply) => popped(reply.spinning().await),
            Err(error) => Err(error),
        };
        Ok(match caught {
            Ok(Some(error)) => {
                Ok(Some(accessor.with(|mut access| access.get().table.push(resources::GpuError(error)))?))
            }
            Ok(None) => Ok(None),
            Err(error) => Err(empty_stack(error)),
        })
    }

    fn on_uncaptured_error(
        mut access: Access<'_, T, Self>,
        device: Resource<GpuDevice>,
    ) -> wasmtime::Result<StreamReader<Resource<GpuError>>> {
        let view = access.get();
        called!(view, "gpu-device.on-uncaptured-error");
        let errors = view.table.get(&device)?.uncaptured_errors(&mut view.ctx.client);
        let view = access.getter();
        StreamReader::new(access, ErrorProducer { errors, view })
    }
}

/// The error of a scope that was never opened.
pub(crate) fn empty_stack(error: EmptyScopeStack) -> PopErrorScopeError {
    PopErrorScopeError { kind: PopErrorScopeErrorKind::OperationError, message: error.to_string() }
}

/// Produces the reason once the device is lost.
struct LostProducer<T> {
    lost: Wait<Arc<Lost>>,
    view: fn(&mut T) -> WasiWebGpuCtxView<'_>,
}

impl<T: Send + 'static> wasmtime::component::FutureProducer<T> for LostProducer<T> {
    type Item = Resource<GpuDeviceLostInfo>;

    fn poll_produce(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut store: StoreContextMut<'_, T>,
        finish: bool,
    ) -> Poll<wasmtime::Result<Option<Self::Item>>> {
        let Self { lost, view } = self.get_mut();
        match Pin::new(lost).poll(context) {
            Poll::Ready(Ok(lost)) => {
                let info = view(store.data_mut()).table.push(resources::DeviceLostInfo(lost));
                Poll::Ready(info.map(Some).map_err(Into::into))
            }
            // The only value was taken.
            Poll::Ready(Err(_)) => Poll::Ready(Ok(None)),
            Poll::Pending if finish => Poll::Ready(Ok(None)),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// Produces uncaptured errors until the device is lost.
struct ErrorProducer<T> {
    errors: ErrorStream,
    view: fn(&mut T) -> WasiWebGpuCtxView<'_>,
}

impl<T: Send + 'static> StreamProducer<T> for ErrorProducer<T> {
    type Item = Resource<GpuError>;
    type Buffer = VecBuffer<Resource<GpuError>>;

    fn poll_produce<'a>(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut store: StoreContextMut<'a, T>,
        mut destination: Destination<'a, Self::Item, Self::Buffer>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        if destination.remaining(&mut store) == Some(0) {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        match self.errors.poll_next(context.waker()) {
            Poll::Ready(Some(error)) => {
                let error = (self.view)(store.data_mut()).table.push(resources::GpuError(error))?;
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
