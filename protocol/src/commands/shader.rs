//! `GPUShaderModule`.

use airlock_protocol_derive::{command, wire};

use crate::ids::{DeviceId, RequestId, ShaderModuleId};

/// `GPUDevice.createShaderModule`. Compilation hints are not sent: WebGPU lets an implementation ignore them.
#[command(effect = Create, makes = module)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreateShaderModule<'a> {
    /// The device.
    pub device: DeviceId,
    /// The new module.
    pub module: ShaderModuleId,
    /// Its label.
    pub label: &'a str,
    /// WGSL source.
    pub code: &'a str,
}

/// `GPUShaderModule.getCompilationInfo`. Answered by [`Event::CompilationInfo`](crate::Event::CompilationInfo).
#[command(effect = Query, reply = CompilationInfo)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetCompilationInfo {
    /// The answer's number.
    pub request: RequestId,
    /// The module.
    pub module: ShaderModuleId,
}

/// `GPUCompilationMessage`.
#[wire]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompilationMessage {
    /// What the compiler says.
    pub message: String,
    /// How grave it is.
    pub ty: CompilationMessageType,
    /// Line in the source, from 1; 0 when there is no position.
    pub line_num: u64,
    /// Column in UTF-16 code units, from 1; 0 when there is no position.
    pub line_pos: u64,
    /// Start in UTF-16 code units from the source's start.
    pub offset: u64,
    /// Length in UTF-16 code units.
    pub length: u64,
}

/// `GPUCompilationMessageType`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum CompilationMessageType {
    Error,
    Warning,
    Info,
}
