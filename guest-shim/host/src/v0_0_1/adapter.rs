//! `gpu-adapter`.

use wasmtime::component::Resource;

use super::bindings::webgpu::{self, *};
use crate::{
    WasiWebGpuCtxView,
    v0_3::{bindings::webgpu as later, functions::called},
};

impl webgpu::HostGpuAdapter for WasiWebGpuCtxView<'_> {
    fn is_fallback_adapter(&mut self, adapter: Resource<GpuAdapter>) -> wasmtime::Result<bool> {
        called!(self, "gpu-adapter-info.is-fallback-adapter");
        Ok(self.table.get(&adapter)?.capabilities().info.is_fallback_adapter)
    }

    async fn request_device(
        &mut self,
        adapter: Resource<GpuAdapter>,
        descriptor: Option<GpuDeviceDescriptor>,
    ) -> wasmtime::Result<Result<Resource<GpuDevice>, RequestDeviceError>> {
        let descriptor = descriptor.map(|descriptor| {
            let GpuDeviceDescriptor { required_features, required_limits, default_queue, label } = descriptor;
            let required_features = required_features.map(|names| names.into_iter().map(Into::into).collect());
            later::GpuDeviceDescriptor { required_features, required_limits, default_queue, label }
        });
        let (reply, requested) = match self.ask_for_device(&adapter, descriptor)? {
            Ok(requested) => requested,
            Err(error) => return Ok(Err(error)),
        };
        let reply = reply.spinning().await;
        self.requested_device(&adapter, requested, reply)
    }

    fn drop(&mut self, adapter: Resource<GpuAdapter>) -> wasmtime::Result<()> {
        later::HostGpuAdapter::drop(self, adapter)
    }
}
