//! `gpu-shader-module`, `gpu-compilation-info`, `gpu-compilation-message`.

use airlock_client::{device::Device, object::DeviceObject as _};
use wasmtime::component::{Accessor, Resource};

use super::{
    WasiWebGpu,
    bindings::webgpu::{self, *},
    convert::FromWire,
    functions::{ask, called},
    object_functions, resources,
};
use crate::WasiWebGpuCtxView;

impl webgpu::HostGpuShaderModule for WasiWebGpuCtxView<'_> {
    object_functions!(GpuShaderModule, "gpu-shader-module.label", "gpu-shader-module.set-label");
}

impl<T: Send> webgpu::HostGpuShaderModuleWithStore<T> for WasiWebGpu {
    async fn get_compilation_info(
        accessor: &Accessor<T, Self>,
        module: Resource<GpuShaderModule>,
    ) -> wasmtime::Result<Resource<GpuCompilationInfo>> {
        let reply = accessor.with(|mut access| -> wasmtime::Result<_> {
            let view = access.get();
            called!(view, "gpu-shader-module.get-compilation-info");
            let module = view.table.get(&module)?;
            Ok(ask!(view, "gpu-shader-module.get-compilation-info", |client| module.compilation_info(client)))
        })?;
        let messages = reply.spinning().await.unwrap_or_default();
        accessor.with(|mut access| Ok(access.get().table.push(resources::CompilationInfo(messages))?))
    }
}

impl WasiWebGpuCtxView<'_> {
    pub(super) fn new_shader_module(
        &mut self,
        device: &Resource<Device>,
        descriptor: GpuShaderModuleDescriptor,
    ) -> wasmtime::Result<Resource<GpuShaderModule>> {
        let GpuShaderModuleDescriptor { code, compilation_hints: _, label } = descriptor;
        let module = self.table.get(device)?.create_shader_module(&mut self.ctx.client, label, &code);
        Ok(self.table.push(module)?)
    }
}

impl webgpu::HostGpuCompilationInfo for WasiWebGpuCtxView<'_> {
    fn messages(
        &mut self,
        info: Resource<GpuCompilationInfo>,
    ) -> wasmtime::Result<Vec<Resource<GpuCompilationMessage>>> {
        called!(self, "gpu-compilation-info.messages");
        let messages = self.table.get(&info)?.0.clone();
        messages.into_iter().map(|message| Ok(self.table.push(resources::Message(message))?)).collect()
    }

    fn drop(&mut self, info: Resource<GpuCompilationInfo>) -> wasmtime::Result<()> {
        self.table.delete(info)?;
        Ok(())
    }
}

impl webgpu::HostGpuCompilationMessage for WasiWebGpuCtxView<'_> {
    fn message(&mut self, message: Resource<GpuCompilationMessage>) -> wasmtime::Result<String> {
        called!(self, "gpu-compilation-message.message");
        Ok(self.table.get(&message)?.0.message.clone())
    }

    fn type_(&mut self, message: Resource<GpuCompilationMessage>) -> wasmtime::Result<GpuCompilationMessageType> {
        called!(self, "gpu-compilation-message.type");
        Ok(GpuCompilationMessageType::from_wire(self.table.get(&message)?.0.ty))
    }

    fn line_num(&mut self, message: Resource<GpuCompilationMessage>) -> wasmtime::Result<u64> {
        called!(self, "gpu-compilation-message.line-num");
        Ok(self.table.get(&message)?.0.line_num)
    }

    fn line_pos(&mut self, message: Resource<GpuCompilationMessage>) -> wasmtime::Result<u64> {
        called!(self, "gpu-compilation-message.line-pos");
        Ok(self.table.get(&message)?.0.line_pos)
    }

    fn offset(&mut self, message: Resource<GpuCompilationMessage>) -> wasmtime::Result<u64> {
        called!(self, "gpu-compilation-message.offset");
        Ok(self.table.get(&message)?.0.offset)
    }

    fn length(&mut self, message: Resource<GpuCompilationMessage>) -> wasmtime::Result<u64> {
        called!(self, "gpu-compilation-message.length");
        Ok(self.table.get(&message)?.0.length)
    }

    fn drop(&mut self, message: Resource<GpuCompilationMessage>) -> wasmtime::Result<()> {
        self.table.delete(message)?;
        Ok(())
    }
}
