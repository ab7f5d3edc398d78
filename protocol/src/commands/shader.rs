//! `GPUShaderModule`.

use airlock_protocol_derive::{command, wire};

use crate::ids::{DeviceId, RequestId, ShaderModuleId};

/// `GPUDevice.createShaderModule`. Compilation hints are not sent: WebGPU lets an implementation ignore them.
#[command(effect = Create, makes = module)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreateShaderModule<'a> {
    pub device: DeviceId,
    pub module: ShaderModuleId,
    pub label: &'a str,
    /// WGSL source.
    pub code: &'a str,
}

/// `GPUShaderModule.getCompilationInfo`. The reply is [`Event::CompilationInfo`](crate::Event::CompilationInfo).
#[command(effect = Query, reply = CompilationInfo)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetCompilationInfo {
    pub request: RequestId,
    pub module: ShaderModuleId,
}

/// `GPUCompilationMessage`.
#[wire]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompilationMessage {
    pub message: String,
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
pub enum CompilationMessageType {
    Error,
    Warning,
    Info,
}
