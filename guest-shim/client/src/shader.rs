//! `GPUShaderModule` and its compilation messages.

use airlock_protocol::{
    commands::shader::{CompilationMessage, CreateShaderModule, GetCompilationInfo},
    limits::MAX_SHADER_SOURCE,
};

use crate::{
    client::Client,
    device::Device,
    object::{Base, objects},
    session::Wait,
};

objects! {
    /// `GPUShaderModule`.
    ShaderModule: ShaderModuleId {}
}

impl Device {
    /// `GPUDevice.createShaderModule` of WGSL source of at most [`MAX_SHADER_SOURCE`] bytes; longer source is a
    /// validation error and an inert module.
    pub fn create_shader_module(&self, client: &mut Client, label: Option<String>, code: &str) -> ShaderModule {
        let device = &self.state;
        if code.len() > MAX_SHADER_SOURCE {
            let message =
                format!("create-shader-module: {} bytes of source, more than {MAX_SHADER_SOURCE}", code.len());
            client.invalid(device, &message);
            return ShaderModule { base: Base::inert(device, label) };
        }
        let base = Base::new(client, device, label);
        base.encode(client, |module| CreateShaderModule { device: device.id, module, label: &base.label, code });
        ShaderModule { base }
    }
}

impl ShaderModule {
    /// `GPUShaderModule.getCompilationInfo`. There are no messages without a session.
    pub fn compilation_info(&self, client: &mut Client) -> Wait<Vec<CompilationMessage>> {
        let Base { id, device, .. } = &self.base;
        let wait = id.and_then(|module| client.request(device, 0, |request| GetCompilationInfo { request, module }));
        wait.unwrap_or_else(|| Wait::ready(Vec::new()))
    }
}
