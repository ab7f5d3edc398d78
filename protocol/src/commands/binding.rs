//! `GPUBindGroupLayout`, `GPUPipelineLayout`, `GPUBindGroup`.

use airlock_protocol_derive::{command, wire};
use serde::{Deserialize, Serialize};

use crate::{
    commands::texture::{TextureFormat, TextureViewDimension},
    ids::{BindGroupId, BindGroupLayoutId, BufferId, DeviceId, PipelineLayoutId, SamplerId, TextureId, TextureViewId},
};

/// `GPUDevice.createBindGroupLayout`.
#[command(effect = Create, makes = layout)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateBindGroupLayout<'a> {
    pub device: DeviceId,
    pub layout: BindGroupLayoutId,
    pub label: &'a str,
    pub entries: Vec<BindGroupLayoutEntry>,
}

/// `GPUBindGroupLayoutEntry`. WebGPU requires exactly one of the four types; the daemon reports an error for any other
/// number.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindGroupLayoutEntry {
    /// The `@binding` number.
    pub binding: u32,
    pub visibility: ShaderStage,
    pub ty: BindingType,
}

/// The type of a binding.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindingType {
    /// `GPUBufferBindingLayout`.
    Buffer {
        ty: BufferBindingType,
        /// Each `set-bind-group` passes an offset for it.
        has_dynamic_offset: bool,
        /// Smallest bound size in bytes; 0 leaves the check to each draw.
        min_binding_size: u64,
    },
    /// `GPUSamplerBindingLayout`.
    Sampler(SamplerBindingType),
    /// `GPUTextureBindingLayout`.
    Texture { sample_type: TextureSampleType, view_dimension: TextureViewDimension, multisampled: bool },
    /// `GPUStorageTextureBindingLayout`.
    StorageTexture {
        /// Read, write or both.
        access: StorageTextureAccess,
        format: TextureFormat,
        view_dimension: TextureViewDimension,
    },
    /// An invalid layout: none of the four types was given, or several.
    Invalid { given: u32 },
}

/// `GPUDevice.createPipelineLayout`.
#[command(effect = Create, makes = layout)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatePipelineLayout<'a> {
    pub device: DeviceId,
    pub layout: PipelineLayoutId,
    pub label: &'a str,
    /// One layout per group; absent for an empty group.
    pub bind_group_layouts: Vec<Option<BindGroupLayoutId>>,
    /// Bytes of immediate data.
    pub immediate_size: u32,
}

/// `GPUDevice.createBindGroup`.
#[command(effect = Create, makes = bind_group)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateBindGroup<'a> {
    pub device: DeviceId,
    pub bind_group: BindGroupId,
    pub label: &'a str,
    pub layout: BindGroupLayoutId,
    pub entries: Vec<BindGroupEntry>,
}

/// `GPUBindGroupEntry`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindGroupEntry {
    /// The `@binding` number.
    pub binding: u32,
    pub resource: BindingResource,
}

/// `GPUBindingResource`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindingResource {
    /// A range of a buffer.
    Buffer {
        buffer: BufferId,
        /// Start in bytes.
        offset: u64,
        /// Length in bytes; absent up to the buffer's end.
        size: Option<u64>,
    },
    Sampler(SamplerId),
    /// A texture, bound by its default view.
    Texture(TextureId),
    TextureView(TextureViewId),
}

bitflags::bitflags! {
    /// `GPUShaderStage`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
    pub struct ShaderStage: u32 {
        /// `GPUShaderStage.VERTEX`.
        const VERTEX = 1 << 0;
        /// `GPUShaderStage.FRAGMENT`.
        const FRAGMENT = 1 << 1;
        /// `GPUShaderStage.COMPUTE`.
        const COMPUTE = 1 << 2;
    }
}

crate::wire::flags!(ShaderStage);

/// `GPUBufferBindingType`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BufferBindingType {
    Uniform,
    Storage,
    ReadOnlyStorage,
}

/// `GPUSamplerBindingType`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SamplerBindingType {
    Filtering,
    NonFiltering,
    Comparison,
}

/// `GPUTextureSampleType`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TextureSampleType {
    Float,
    UnfilterableFloat,
    Depth,
    Sint,
    Uint,
}

/// `GPUStorageTextureAccess`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StorageTextureAccess {
    WriteOnly,
    ReadOnly,
    ReadWrite,
}
