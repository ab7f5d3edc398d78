//! `GPUAdapter`: features, limits, and the request for a device.

use airlock_protocol_derive::{command, wire};

use crate::{
    ids::{AdapterId, DeviceId, RequestId},
    wire::{Schema, Use, VisitIds, Wire},
};

/// `GPUAdapter.requestDevice`. The reply is [`Event::DeviceReply`](crate::Event::DeviceReply).
#[command(effect = Create, makes = device, reply = DeviceReply)]
#[derive(Clone, Debug, PartialEq)]
pub struct RequestDevice<'a> {
    pub request: RequestId,
    pub adapter: AdapterId,
    /// The id of the device, if the request succeeds.
    pub device: DeviceId,
    pub label: &'a str,
    pub required_features: Vec<FeatureName>,
    /// Minimum limits; the others are WebGPU's defaults.
    pub required_limits: Vec<(LimitName, u64)>,
}

/// `GPUFeatureName`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FeatureName {
    CoreFeaturesAndLimits,
    DepthClipControl,
    Depth32floatStencil8,
    TextureCompressionBc,
    TextureCompressionBcSliced3d,
    TextureCompressionEtc2,
    TextureCompressionAstc,
    TextureCompressionAstcSliced3d,
    TimestampQuery,
    IndirectFirstInstance,
    ShaderF16,
    Rg11b10ufloatRenderable,
    Bgra8unormStorage,
    Float32Filterable,
    Float32Blendable,
    ClipDistances,
    DualSourceBlending,
    Subgroups,
    TextureFormatsTier1,
    TextureFormatsTier2,
    PrimitiveIndex,
    TextureComponentSwizzle,
}

impl FeatureName {
    /// Every feature, in WIT order.
    pub const ALL: &'static [FeatureName] = &[
        FeatureName::CoreFeaturesAndLimits,
        FeatureName::DepthClipControl,
        FeatureName::Depth32floatStencil8,
        FeatureName::TextureCompressionBc,
        FeatureName::TextureCompressionBcSliced3d,
        FeatureName::TextureCompressionEtc2,
        FeatureName::TextureCompressionAstc,
        FeatureName::TextureCompressionAstcSliced3d,
        FeatureName::TimestampQuery,
        FeatureName::IndirectFirstInstance,
        FeatureName::ShaderF16,
        FeatureName::Rg11b10ufloatRenderable,
        FeatureName::Bgra8unormStorage,
        FeatureName::Float32Filterable,
        FeatureName::Float32Blendable,
        FeatureName::ClipDistances,
        FeatureName::DualSourceBlending,
        FeatureName::Subgroups,
        FeatureName::TextureFormatsTier1,
        FeatureName::TextureFormatsTier2,
        FeatureName::PrimitiveIndex,
        FeatureName::TextureComponentSwizzle,
    ];

    /// The name as WebGPU spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            FeatureName::CoreFeaturesAndLimits => "core-features-and-limits",
            FeatureName::DepthClipControl => "depth-clip-control",
            FeatureName::Depth32floatStencil8 => "depth32float-stencil8",
            FeatureName::TextureCompressionBc => "texture-compression-bc",
            FeatureName::TextureCompressionBcSliced3d => "texture-compression-bc-sliced-3d",
            FeatureName::TextureCompressionEtc2 => "texture-compression-etc2",
            FeatureName::TextureCompressionAstc => "texture-compression-astc",
            FeatureName::TextureCompressionAstcSliced3d => "texture-compression-astc-sliced-3d",
            FeatureName::TimestampQuery => "timestamp-query",
            FeatureName::IndirectFirstInstance => "indirect-first-instance",
            FeatureName::ShaderF16 => "shader-f16",
            FeatureName::Rg11b10ufloatRenderable => "rg11b10ufloat-renderable",
            FeatureName::Bgra8unormStorage => "bgra8unorm-storage",
            FeatureName::Float32Filterable => "float32-filterable",
            FeatureName::Float32Blendable => "float32-blendable",
            FeatureName::ClipDistances => "clip-distances",
            FeatureName::DualSourceBlending => "dual-source-blending",
            FeatureName::Subgroups => "subgroups",
            FeatureName::TextureFormatsTier1 => "texture-formats-tier1",
            FeatureName::TextureFormatsTier2 => "texture-formats-tier2",
            FeatureName::PrimitiveIndex => "primitive-index",
            FeatureName::TextureComponentSwizzle => "texture-component-swizzle",
        }
    }
}

macro_rules! limits {
    ($($field:ident $Name:ident $type:ty = $name:literal, $default:expr;)*) => {
        /// The name of one limit of [`Limits`].
        #[wire]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs)]
        pub enum LimitName {
            $($Name,)*
        }

        impl LimitName {
            /// Every limit, in WIT order.
            pub const ALL: &'static [LimitName] = &[$(LimitName::$Name,)*];

            /// The name as WebGPU spells it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(LimitName::$Name => $name,)*
                }
            }

            /// The limit of a name: WebGPU's `maxBufferSize` or WIT's `max-buffer-size`, in either case of letters.
            pub fn parse(name: &str) -> Option<LimitName> {
                fn letters(name: &str) -> impl Iterator<Item = char> + '_ {
                    name.chars().filter(|&c| c != '-').flat_map(char::to_lowercase)
                }
                LimitName::ALL.iter().copied().find(|limit| letters(limit.as_str()).eq(letters(name)))
            }
        }

        /// `GPUSupportedLimits`. Sizes are bytes.
        #[wire]
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub struct Limits {
            $(pub $field: $type,)*
        }

        impl Default for Limits {
            /// The defaults of WebGPU, "Limits".
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl Limits {
            /// One limit by name.
            pub fn get(&self, name: LimitName) -> u64 {
                match name {
                    $(LimitName::$Name => u64::from(self.$field),)*
                }
            }

            /// Sets one limit; a value above its type's range is the largest of the range.
            pub fn set(&mut self, name: LimitName, value: u64) {
                match name {
                    $(LimitName::$Name => self.$field = <$type>::try_from(value).unwrap_or(<$type>::MAX),)*
                }
            }
        }
    };
}

limits! {
    max_texture_dimension_1d MaxTextureDimension1D u32 = "maxTextureDimension1D", 8192;
    max_texture_dimension_2d MaxTextureDimension2D u32 = "maxTextureDimension2D", 8192;
    max_texture_dimension_3d MaxTextureDimension3D u32 = "maxTextureDimension3D", 2048;
    max_texture_array_layers MaxTextureArrayLayers u32 = "maxTextureArrayLayers", 256;
    max_bind_groups MaxBindGroups u32 = "maxBindGroups", 4;
    max_bind_groups_plus_vertex_buffers MaxBindGroupsPlusVertexBuffers u32 = "maxBindGroupsPlusVertexBuffers", 24;
    max_immediate_size MaxImmediateSize u32 = "maxImmediateSize", 64;
    max_bindings_per_bind_group MaxBindingsPerBindGroup u32 = "maxBindingsPerBindGroup", 1000;
    max_dynamic_uniform_buffers_per_pipeline_layout MaxDynamicUniformBuffersPerPipelineLayout u32 = "maxDynamicUniformBuffersPerPipelineLayout", 8;
    max_dynamic_storage_buffers_per_pipeline_layout MaxDynamicStorageBuffersPerPipelineLayout u32 = "maxDynamicStorageBuffersPerPipelineLayout", 4;
    max_sampled_textures_per_shader_stage MaxSampledTexturesPerShaderStage u32 = "maxSampledTexturesPerShaderStage", 16;
    max_samplers_per_shader_stage MaxSamplersPerShaderStage u32 = "maxSamplersPerShaderStage", 16;
    max_storage_buffers_per_shader_stage MaxStorageBuffersPerShaderStage u32 = "maxStorageBuffersPerShaderStage", 8;
    max_storage_buffers_in_vertex_stage MaxStorageBuffersInVertexStage u32 = "maxStorageBuffersInVertexStage", 8;
    max_storage_buffers_in_fragment_stage MaxStorageBuffersInFragmentStage u32 = "maxStorageBuffersInFragmentStage", 8;
    max_storage_textures_per_shader_stage MaxStorageTexturesPerShaderStage u32 = "maxStorageTexturesPerShaderStage", 4;
    max_storage_textures_in_vertex_stage MaxStorageTexturesInVertexStage u32 = "maxStorageTexturesInVertexStage", 4;
    max_storage_textures_in_fragment_stage MaxStorageTexturesInFragmentStage u32 = "maxStorageTexturesInFragmentStage", 4;
    max_uniform_buffers_per_shader_stage MaxUniformBuffersPerShaderStage u32 = "maxUniformBuffersPerShaderStage", 12;
    max_uniform_buffer_binding_size MaxUniformBufferBindingSize u64 = "maxUniformBufferBindingSize", 64 << 10;
    max_storage_buffer_binding_size MaxStorageBufferBindingSize u64 = "maxStorageBufferBindingSize", 128 << 20;
    min_uniform_buffer_offset_alignment MinUniformBufferOffsetAlignment u32 = "minUniformBufferOffsetAlignment", 256;
    min_storage_buffer_offset_alignment MinStorageBufferOffsetAlignment u32 = "minStorageBufferOffsetAlignment", 256;
    max_vertex_buffers MaxVertexBuffers u32 = "maxVertexBuffers", 8;
    max_buffer_size MaxBufferSize u64 = "maxBufferSize", 256 << 20;
    max_vertex_attributes MaxVertexAttributes u32 = "maxVertexAttributes", 16;
    max_vertex_buffer_array_stride MaxVertexBufferArrayStride u32 = "maxVertexBufferArrayStride", 2048;
    max_inter_stage_shader_variables MaxInterStageShaderVariables u32 = "maxInterStageShaderVariables", 16;
    max_color_attachments MaxColorAttachments u32 = "maxColorAttachments", 8;
    max_color_attachment_bytes_per_sample MaxColorAttachmentBytesPerSample u32 = "maxColorAttachmentBytesPerSample", 32;
    max_compute_workgroup_storage_size MaxComputeWorkgroupStorageSize u32 = "maxComputeWorkgroupStorageSize", 16 << 10;
    max_compute_invocations_per_workgroup MaxComputeInvocationsPerWorkgroup u32 = "maxComputeInvocationsPerWorkgroup", 256;
    max_compute_workgroup_size_x MaxComputeWorkgroupSizeX u32 = "maxComputeWorkgroupSizeX", 256;
    max_compute_workgroup_size_y MaxComputeWorkgroupSizeY u32 = "maxComputeWorkgroupSizeY", 256;
    max_compute_workgroup_size_z MaxComputeWorkgroupSizeZ u32 = "maxComputeWorkgroupSizeZ", 64;
    max_compute_workgroups_per_dimension MaxComputeWorkgroupsPerDimension u32 = "maxComputeWorkgroupsPerDimension", 65535;
}

impl LimitName {
    /// True for alignments, where a smaller value is better.
    pub const fn smaller_is_better(self) -> bool {
        matches!(self, LimitName::MinUniformBufferOffsetAlignment | LimitName::MinStorageBufferOffsetAlignment)
    }
}

/// `GPUAdapterInfo`, and fields that tell adapters of one machine apart.
#[wire]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdapterInfo {
    /// `GPUAdapterInfo.vendor`: empty or a normalized identifier.
    pub vendor: String,
    /// `GPUAdapterInfo.architecture`: empty or a normalized identifier.
    pub architecture: String,
    /// `GPUAdapterInfo.device`: empty or a vendor-specific identifier.
    pub device: String,
    /// `GPUAdapterInfo.description`: the driver's name for it.
    pub description: String,
    /// `GPUAdapterInfo.subgroupMinSize`.
    pub subgroup_min_size: u32,
    /// `GPUAdapterInfo.subgroupMaxSize`.
    pub subgroup_max_size: u32,
    /// `GPUAdapterInfo.isFallbackAdapter`: a software adapter.
    pub is_fallback_adapter: bool,
    /// wgpu's backend: `vulkan`, `gl`, `metal`, `dx12` or `noop`.
    pub backend: String,
    /// The driver's name.
    pub driver: String,
    /// The driver's version as it reports it.
    pub driver_info: String,
}

/// Features and limits of an adapter, or of a device.
#[wire]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    pub info: AdapterInfo,
    pub features: Vec<FeatureName>,
    pub limits: Limits,
}

/// An event is as large as its largest variant: the capabilities stand apart.
impl Wire for Box<Capabilities> {
    const SCHEMA: Schema = Capabilities::SCHEMA;

    fn visit_ids(&self, how: Use, to: &mut impl VisitIds) {
        (**self).visit_ids(how, to);
    }
}
