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
    /// The device.
    pub device: DeviceId,
    /// The new layout.
    pub layout: BindGroupLayoutId,
    /// Its label.
    pub label: &'a str,
    /// Its bindings.
    pub entries: Vec<BindGroupLayoutEntry>,
}

/// `GPUBindGroupLayoutEntry`. WebGPU demands exactly one of the four; the daemon reports anything else.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindGroupLayoutEntry {
    /// The `@binding` number.
    pub binding: u32,
    /// Which stages see it.
    pub visibility: ShaderStage,
    /// What is bound.
    pub ty: BindingType,
}

/// What a binding holds.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindingType {
    /// `GPUBufferBindingLayout`.
    Buffer {
        /// Uniform or storage.
        ty: BufferBindingType,
        /// Each `set-bind-group` gives an offset.
        has_dynamic_offset: bool,
        /// Smallest bound size in bytes; 0 leaves the check to each draw.
        min_binding_size: u64,
    },
    /// `GPUSamplerBindingLayout`.
    Sampler(SamplerBindingType),
    /// `GPUTextureBindingLayout`.
    Texture {
        /// What a sample of it is.
        sample_type: TextureSampleType,
        /// How shaders see it.
        view_dimension: TextureViewDimension,
        /// It is `texture_multisampled_2d`.
        multisampled: bool,
    },
    /// `GPUStorageTextureBindingLayout`.
    StorageTexture {
        /// Read, write or both.
        access: StorageTextureAccess,
        /// The texels' format.
        format: TextureFormat,
        /// How shaders see it.
        view_dimension: TextureViewDimension,
    },
    /// None of the four was given, or several: an invalid layout.
    Invalid {
        /// How many were given.
        given: u32,
    },
}

/// `GPUDevice.createPipelineLayout`.
#[command(effect = Create, makes = layout)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatePipelineLayout<'a> {
    /// The device.
    pub device: DeviceId,
    /// The new layout.
    pub layout: PipelineLayoutId,
    /// Its label.
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
    /// The device.
    pub device: DeviceId,
    /// The new group.
    pub bind_group: BindGroupId,
    /// Its label.
    pub label: &'a str,
    /// What it must fit.
    pub layout: BindGroupLayoutId,
    /// What is bound.
    pub entries: Vec<BindGroupEntry>,
}

/// `GPUBindGroupEntry`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindGroupEntry {
    /// The `@binding` number.
    pub binding: u32,
    /// What is bound there.
    pub resource: BindingResource,
}

/// `GPUBindingResource`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindingResource {
    /// A range of a buffer.
    Buffer {
        /// The buffer.
        buffer: BufferId,
        /// Start in bytes.
        offset: u64,
        /// Length in bytes; absent up to the buffer's end.
        size: Option<u64>,
    },
    /// A sampler.
    Sampler(SamplerId),
    /// A texture, bound by its default view.
    Texture(TextureId),
    /// A texture view.
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
#[allow(missing_docs)]
pub enum BufferBindingType {
    Uniform,
    Storage,
    ReadOnlyStorage,
}

/// `GPUSamplerBindingType`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum SamplerBindingType {
    Filtering,
    NonFiltering,
    Comparison,
}

/// `GPUTextureSampleType`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
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
#[allow(missing_docs)]
pub enum StorageTextureAccess {
    WriteOnly,
    ReadOnly,
    ReadWrite,
}
