//! `gpu-shader-module`.

use wasmtime::component::Resource;

use super::bindings::webgpu::{self, *};
use crate::{
    WasiWebGpuCtxView,
    v0_3::{
        bindings::webgpu as later,
        functions::{ask, called},
        resources,
    },
};

impl webgpu::HostGpuShaderModule for WasiWebGpuCtxView<'_> {
    async fn get_compilation_info(
        &mut self,
        module: Resource<GpuShaderModule>,
    ) -> wasmtime::Result<Resource<GpuCompilationInfo>> {
        called!(self, "gpu-shader-module.get-compilation-info");
        let module = self.table.get(&module)?;
        let reply = ask!(self, "gpu-shader-module.get-compilation-info", |client| module.compilation_info(client));
        let messages = reply.spinning().await.unwrap_or_default();
        Ok(self.table.push(resources::CompilationInfo(messages))?)
    }

    fn drop(&mut self, module: Resource<GpuShaderModule>) -> wasmtime::Result<()> {
        later::HostGpuShaderModule::drop(self, module)
    }
}
