//! Conversion of the interface's enums and flags to the stream's, name by name, and back where a getter needs it. A case that one
//! side lacks does not compile.

use airlock_protocol::commands::{
    adapter, binding, buffer, error, instance, pipeline, query_set, render_pass, shader, texture,
};

use super::bindings::webgpu::*;

/// A value of the interface as one of the stream.
pub(crate) trait ToWire {
    type Wire;
    fn to_wire(self) -> Self::Wire;
}

/// A value of the stream as one of the interface.
pub(crate) trait FromWire: ToWire {
    fn from_wire(wire: Self::Wire) -> Self;
}

macro_rules! enums {
    ($($Wit:ident => $stem:ident::$Wire:ident { $($Case:ident),* })*) => {
        $(
            impl ToWire for $Wit {
                type Wire = $stem::$Wire;
                #[inline]
                fn to_wire(self) -> Self::Wire {
                    match self {
                        $($Wit::$Case => $stem::$Wire::$Case,)*
                    }
                }
            }

            impl FromWire for $Wit {
                fn from_wire(wire: Self::Wire) -> Self {
                    match wire {
                        $($stem::$Wire::$Case => $Wit::$Case,)*
                    }
                }
            }
        )*
    };
}

macro_rules! flags {
    ($($Wit:ident => $stem:ident::$Wire:ident { $($FLAG:ident),* })*) => {
        $(
            impl ToWire for $Wit {
                type Wire = $stem::$Wire;
                fn to_wire(self) -> Self::Wire {
                    let mut wire = $stem::$Wire::empty();
                    $(wire.set($stem::$Wire::$FLAG, self.contains($Wit::$FLAG));)*
                    wire
                }
            }

            impl FromWire for $Wit {
                fn from_wire(wire: Self::Wire) -> Self {
                    let mut wit = $Wit::empty();
                    $(if wire.contains($stem::$Wire::$FLAG) {
                        wit |= $Wit::$FLAG;
                    })*
                    wit
                }
            }
        )*
    };
}

enums! {
    GpuFeatureName => adapter::FeatureName { CoreFeaturesAndLimits, DepthClipControl, Depth32floatStencil8, TextureCompressionBc, TextureCompressionBcSliced3d, TextureCompressionEtc2, TextureCompressionAstc, TextureCompressionAstcSliced3d, TimestampQuery, IndirectFirstInstance, ShaderF16, Rg11b10ufloatRenderable, Bgra8unormStorage, Float32Filterable, Float32Blendable, ClipDistances, DualSourceBlending, Subgroups, TextureFormatsTier1, TextureFormatsTier2, PrimitiveIndex, TextureComponentSwizzle }
    GpuBufferBindingType => binding::BufferBindingType { Uniform, Storage, ReadOnlyStorage }
    GpuSamplerBindingType => binding::SamplerBindingType { Filtering, NonFiltering, Comparison }
    GpuTextureSampleType => binding::TextureSampleType { Float, UnfilterableFloat, Depth, Sint, Uint }
    GpuStorageTextureAccess => binding::StorageTextureAccess { WriteOnly, ReadOnly, ReadWrite }
    GpuErrorFilter => error::ErrorFilter { Validation, OutOfMemory, Internal }
    GpuPowerPreference => instance::PowerPreference { LowPower, HighPerformance }
    GpuCompareFunction => pipeline::CompareFunction { Never, Less, Equal, LessEqual, Greater, NotEqual, GreaterEqual, Always }
    GpuStencilOperation => pipeline::StencilOperation { Keep, Zero, Replace, Invert, IncrementClamp, DecrementClamp, IncrementWrap, DecrementWrap }
    GpuBlendFactor => pipeline::BlendFactor { Zero, One, Src, OneMinusSrc, SrcAlpha, OneMinusSrcAlpha, Dst, OneMinusDst, DstAlpha, OneMinusDstAlpha, SrcAlphaSaturated, Constant, OneMinusConstant, Src1, OneMinusSrc1, Src1Alpha, OneMinusSrc1Alpha }
    GpuBlendOperation => pipeline::BlendOperation { Add, Subtract, ReverseSubtract, Min, Max }
    GpuPrimitiveTopology => pipeline::PrimitiveTopology { PointList, LineList, LineStrip, TriangleList, TriangleStrip }
    GpuFrontFace => pipeline::FrontFace { Ccw, Cw }
    GpuCullMode => pipeline::CullMode { None, Front, Back }
    GpuIndexFormat => pipeline::IndexFormat { Uint16, Uint32 }
    GpuVertexStepMode => pipeline::VertexStepMode { Vertex, Instance }
    GpuVertexFormat => pipeline::VertexFormat { Uint8, Uint8x2, Uint8x4, Sint8, Sint8x2, Sint8x4, Unorm8, Unorm8x2, Unorm8x4, Snorm8, Snorm8x2, Snorm8x4, Uint16, Uint16x2, Uint16x4, Sint16, Sint16x2, Sint16x4, Unorm16, Unorm16x2, Unorm16x4, Snorm16, Snorm16x2, Snorm16x4, Float16, Float16x2, Float16x4, Float32, Float32x2, Float32x3, Float32x4, Uint32, Uint32x2, Uint32x3, Uint32x4, Sint32, Sint32x2, Sint32x3, Sint32x4, Unorm1010102, Unorm8x4Bgra }
    GpuQueryType => query_set::QueryType { Occlusion, Timestamp }
    GpuLoadOp => render_pass::LoadOp { Load, Clear }
    GpuStoreOp => render_pass::StoreOp { Store, Discard }
    GpuCompilationMessageType => shader::CompilationMessageType { Error, Warning, Info }
    GpuTextureDimension => texture::TextureDimension { D1, D2, D3 }
    GpuTextureViewDimension => texture::TextureViewDimension { D1, D2, D2Array, Cube, CubeArray, D3 }
    GpuTextureAspect => texture::TextureAspect { All, StencilOnly, DepthOnly }
    GpuAddressMode => texture::AddressMode { ClampToEdge, Repeat, MirrorRepeat }
    GpuFilterMode => texture::FilterMode { Nearest, Linear }
    GpuMipmapFilterMode => texture::FilterMode { Nearest, Linear }
    GpuTextureFormat => texture::TextureFormat { R8unorm, R8snorm, R8uint, R8sint, R16unorm, R16snorm, R16uint, R16sint, R16float, Rg8unorm, Rg8snorm, Rg8uint, Rg8sint, R32uint, R32sint, R32float, Rg16unorm, Rg16snorm, Rg16uint, Rg16sint, Rg16float, Rgba8unorm, Rgba8unormSrgb, Rgba8snorm, Rgba8uint, Rgba8sint, Bgra8unorm, Bgra8unormSrgb, Rgb9e5ufloat, Rgb10a2uint, Rgb10a2unorm, Rg11b10ufloat, Rg32uint, Rg32sint, Rg32float, Rgba16unorm, Rgba16snorm, Rgba16uint, Rgba16sint, Rgba16float, Rgba32uint, Rgba32sint, Rgba32float, Stencil8, Depth16unorm, Depth24plus, Depth24plusStencil8, Depth32float, Depth32floatStencil8, Bc1RgbaUnorm, Bc1RgbaUnormSrgb, Bc2RgbaUnorm, Bc2RgbaUnormSrgb, Bc3RgbaUnorm, Bc3RgbaUnormSrgb, Bc4RUnorm, Bc4RSnorm, Bc5RgUnorm, Bc5RgSnorm, Bc6hRgbUfloat, Bc6hRgbFloat, Bc7RgbaUnorm, Bc7RgbaUnormSrgb, Etc2Rgb8unorm, Etc2Rgb8unormSrgb, Etc2Rgb8a1unorm, Etc2Rgb8a1unormSrgb, Etc2Rgba8unorm, Etc2Rgba8unormSrgb, EacR11unorm, EacR11snorm, EacRg11unorm, EacRg11snorm, Astc4x4Unorm, Astc4x4UnormSrgb, Astc5x4Unorm, Astc5x4UnormSrgb, Astc5x5Unorm, Astc5x5UnormSrgb, Astc6x5Unorm, Astc6x5UnormSrgb, Astc6x6Unorm, Astc6x6UnormSrgb, Astc8x5Unorm, Astc8x5UnormSrgb, Astc8x6Unorm, Astc8x6UnormSrgb, Astc8x8Unorm, Astc8x8UnormSrgb, Astc10x5Unorm, Astc10x5UnormSrgb, Astc10x6Unorm, Astc10x6UnormSrgb, Astc10x8Unorm, Astc10x8UnormSrgb, Astc10x10Unorm, Astc10x10UnormSrgb, Astc12x10Unorm, Astc12x10UnormSrgb, Astc12x12Unorm, Astc12x12UnormSrgb }
}

flags! {
    GpuBufferUsage => buffer::BufferUsage { MAP_READ, MAP_WRITE, COPY_SRC, COPY_DST, INDEX, VERTEX, UNIFORM, STORAGE, INDIRECT, QUERY_RESOLVE }
    GpuTextureUsage => texture::TextureUsage { COPY_SRC, COPY_DST, TEXTURE_BINDING, STORAGE_BINDING, RENDER_ATTACHMENT, TRANSIENT_ATTACHMENT }
    GpuShaderStage => binding::ShaderStage { VERTEX, FRAGMENT, COMPUTE }
}

impl ToWire for GpuColorWrite {
    type Wire = pipeline::ColorWrite;
    /// `all` is a flag of its own in WIT, and the union of the other four in WebGPU.
    fn to_wire(self) -> Self::Wire {
        if self.contains(GpuColorWrite::ALL) {
            return pipeline::ColorWrite::all();
        }
        let mut wire = pipeline::ColorWrite::empty();
        wire.set(pipeline::ColorWrite::RED, self.contains(GpuColorWrite::RED));
        wire.set(pipeline::ColorWrite::GREEN, self.contains(GpuColorWrite::GREEN));
        wire.set(pipeline::ColorWrite::BLUE, self.contains(GpuColorWrite::BLUE));
        wire.set(pipeline::ColorWrite::ALPHA, self.contains(GpuColorWrite::ALPHA));
        wire
    }
}
