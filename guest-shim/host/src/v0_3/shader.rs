//! `gpu-shader-module`, `gpu-compilation-info`, `gpu-compilation-message`.

use std::sync::Arc;

use airlock_client::session::{DeviceState, Reply};
use airlock_protocol::{
    commands::{
        error::ErrorFilter,
        shader::{CreateShaderModule, GetCompilationInfo},
    },
    limits::MAX_SHADER_SOURCE,
};
use wasmtime::component::{Accessor, Resource};

use super::{WasiWebGpu, convert::FromWire, object_functions};
use crate::{
    WasiWebGpuCtxView, shadow,
    v0_3::bindings::webgpu::{self, *},
    v0_3::functions::called,
};

impl webgpu::HostGpuShaderModule for WasiWebGpuCtxView<'_> {
    object_functions!(GpuShaderModule, "gpu-shader-module.label", "gpu-shader-module.set-label");
}

impl<T: Send> webgpu::HostGpuShaderModuleWithStore<T> for WasiWebGpu {
    async fn get_compilation_info(
        accessor: &Accessor<T, Self>,
        module: Resource<GpuShaderModule>,
    ) -> wasmtime::Result<Resource<GpuCompilationInfo>> {
        let answer = accessor.with(|mut access| -> wasmtime::Result<_> {
            let view = access.get();
            called!(view, "gpu-shader-module.get-compilation-info");
            let base = &view.table.get(&module)?.base;
            let asked = base
                .id
                .and_then(|module| view.ctx.ask(&base.device, 0, |request| GetCompilationInfo { request, module }));
            Ok(asked)
        })?;
        let messages = match answer {
            Some(answer) => match answer.await {
                Ok(Reply::CompilationInfo(messages)) => messages,
                _ => Vec::new(),
            },
            None => Vec::new(),
        };
        accessor.with(|mut access| Ok(access.get().table.push(shadow::CompilationInfo(messages))?))
    }
}

impl WasiWebGpuCtxView<'_> {
    pub(super) fn new_shader_module(
        &mut self,
        device: &Arc<DeviceState>,
        descriptor: GpuShaderModuleDescriptor,
    ) -> wasmtime::Result<Resource<GpuShaderModule>> {
        let GpuShaderModuleDescriptor { code, compilation_hints: _, label } = descriptor;
        if code.len() > MAX_SHADER_SOURCE {
            let message =
                format!("create-shader-module: {} bytes of source, more than {MAX_SHADER_SOURCE}", code.len());
            self.ctx.raise(device, ErrorFilter::Validation, &message);
            let base = Self::inert(device, label);
            return Ok(self.table.push(shadow::ShaderModule { base })?);
        }
        let base = self.create(device, label);
        if let Some(module) = base.id {
            self.ctx.send(device, CreateShaderModule { device: device.id, module, label: &base.label, code: &code });
        }
        Ok(self.table.push(shadow::ShaderModule { base })?)
    }
}

impl webgpu::HostGpuCompilationInfo for WasiWebGpuCtxView<'_> {
    fn messages(
        &mut self,
        info: Resource<GpuCompilationInfo>,
    ) -> wasmtime::Result<Vec<Resource<GpuCompilationMessage>>> {
        called!(self, "gpu-compilation-info.messages");
        let messages = self.table.get(&info)?.0.clone();
        messages.into_iter().map(|message| Ok(self.table.push(shadow::Message(message))?)).collect()
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
