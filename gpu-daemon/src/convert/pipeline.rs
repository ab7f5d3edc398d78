//! Conversion of pipeline descriptors.

use std::borrow::Cow;

use airlock_protocol::commands::pipeline::{
    BlendComponent, BlendFactor, BlendOperation, ColorTargetState, CullMode, DepthStencilState, FrontFace, IndexFormat,
    MultisampleState, PrimitiveState, PrimitiveTopology, StencilFaceState, StencilOperation, VertexAttribute,
    VertexBufferLayout, VertexFormat, VertexStepMode,
};
use wgpu_core::pipeline as wgc;
use wgpu_types as wgt;

use super::texture::{compare_function, texture_format};

/// `GPUIndexFormat`.
pub fn index_format(format: IndexFormat) -> wgt::IndexFormat {
    match format {
        IndexFormat::Uint16 => wgt::IndexFormat::Uint16,
        IndexFormat::Uint32 => wgt::IndexFormat::Uint32,
    }
}

/// `GPUPrimitiveState`.
pub fn primitive(state: &PrimitiveState) -> wgt::PrimitiveState {
    wgt::PrimitiveState {
        topology: match state.topology {
            PrimitiveTopology::PointList => wgt::PrimitiveTopology::PointList,
            PrimitiveTopology::LineList => wgt::PrimitiveTopology::LineList,
            PrimitiveTopology::LineStrip => wgt::PrimitiveTopology::LineStrip,
            PrimitiveTopology::TriangleList => wgt::PrimitiveTopology::TriangleList,
            PrimitiveTopology::TriangleStrip => wgt::PrimitiveTopology::TriangleStrip,
        },
        strip_index_format: state.strip_index_format.map(index_format),
        front_face: match state.front_face {
            FrontFace::Ccw => wgt::FrontFace::Ccw,
            FrontFace::Cw => wgt::FrontFace::Cw,
        },
        cull_mode: match state.cull_mode {
            CullMode::None => None,
            CullMode::Front => Some(wgt::Face::Front),
            CullMode::Back => Some(wgt::Face::Back),
        },
        unclipped_depth: state.unclipped_depth,
        polygon_mode: wgt::PolygonMode::Fill,
        conservative: false,
    }
}

/// `GPUDepthStencilState`.
pub fn depth_stencil(state: &DepthStencilState) -> wgt::DepthStencilState {
    wgt::DepthStencilState {
        format: texture_format(state.format),
        depth_write_enabled: state.depth_write_enabled,
        depth_compare: state.depth_compare.map(compare_function),
        stencil: wgt::StencilState {
            front: stencil_face(&state.stencil_front),
            back: stencil_face(&state.stencil_back),
            read_mask: state.stencil_read_mask,
            write_mask: state.stencil_write_mask,
        },
        bias: wgt::DepthBiasState {
            constant: state.depth_bias,
            slope_scale: state.depth_bias_slope_scale,
            clamp: state.depth_bias_clamp,
        },
    }
}

fn stencil_face(state: &StencilFaceState) -> wgt::StencilFaceState {
    wgt::StencilFaceState {
        compare: compare_function(state.compare),
        fail_op: stencil_operation(state.fail_op),
        depth_fail_op: stencil_operation(state.depth_fail_op),
        pass_op: stencil_operation(state.pass_op),
    }
}

fn stencil_operation(operation: StencilOperation) -> wgt::StencilOperation {
    match operation {
        StencilOperation::Keep => wgt::StencilOperation::Keep,
        StencilOperation::Zero => wgt::StencilOperation::Zero,
        StencilOperation::Replace => wgt::StencilOperation::Replace,
        StencilOperation::Invert => wgt::StencilOperation::Invert,
        StencilOperation::IncrementClamp => wgt::StencilOperation::IncrementClamp,
        StencilOperation::DecrementClamp => wgt::StencilOperation::DecrementClamp,
        StencilOperation::IncrementWrap => wgt::StencilOperation::IncrementWrap,
        StencilOperation::DecrementWrap => wgt::StencilOperation::DecrementWrap,
    }
}

/// `GPUMultisampleState`.
pub fn multisample(state: &MultisampleState) -> wgt::MultisampleState {
    wgt::MultisampleState {
        count: state.count,
        mask: u64::from(state.mask),
        alpha_to_coverage_enabled: state.alpha_to_coverage_enabled,
    }
}

/// `GPUColorTargetState`. wgpu rejects the same write bits that WebGPU does not define.
pub fn color_target(state: &ColorTargetState) -> wgt::ColorTargetState {
    wgt::ColorTargetState {
        format: texture_format(state.format),
        blend: state
            .blend
            .map(|(color, alpha)| wgt::BlendState { color: blend_component(color), alpha: blend_component(alpha) }),
        write_mask: wgt::ColorWrites::from_bits_retain(state.write_mask.bits()),
    }
}

fn blend_component(component: BlendComponent) -> wgt::BlendComponent {
    wgt::BlendComponent {
        src_factor: blend_factor(component.src_factor),
        dst_factor: blend_factor(component.dst_factor),
        operation: match component.operation {
            BlendOperation::Add => wgt::BlendOperation::Add,
            BlendOperation::Subtract => wgt::BlendOperation::Subtract,
            BlendOperation::ReverseSubtract => wgt::BlendOperation::ReverseSubtract,
            BlendOperation::Min => wgt::BlendOperation::Min,
            BlendOperation::Max => wgt::BlendOperation::Max,
        },
    }
}

fn blend_factor(factor: BlendFactor) -> wgt::BlendFactor {
    match factor {
        BlendFactor::Zero => wgt::BlendFactor::Zero,
        BlendFactor::One => wgt::BlendFactor::One,
        BlendFactor::Src => wgt::BlendFactor::Src,
        BlendFactor::OneMinusSrc => wgt::BlendFactor::OneMinusSrc,
        BlendFactor::SrcAlpha => wgt::BlendFactor::SrcAlpha,
        BlendFactor::OneMinusSrcAlpha => wgt::BlendFactor::OneMinusSrcAlpha,
        BlendFactor::Dst => wgt::BlendFactor::Dst,
        BlendFactor::OneMinusDst => wgt::BlendFactor::OneMinusDst,
        BlendFactor::DstAlpha => wgt::BlendFactor::DstAlpha,
        BlendFactor::OneMinusDstAlpha => wgt::BlendFactor::OneMinusDstAlpha,
        BlendFactor::SrcAlphaSaturated => wgt::BlendFactor::SrcAlphaSaturated,
        BlendFactor::Constant => wgt::BlendFactor::Constant,
        BlendFactor::OneMinusConstant => wgt::BlendFactor::OneMinusConstant,
        BlendFactor::Src1 => wgt::BlendFactor::Src1,
        BlendFactor::OneMinusSrc1 => wgt::BlendFactor::OneMinusSrc1,
        BlendFactor::Src1Alpha => wgt::BlendFactor::Src1Alpha,
        BlendFactor::OneMinusSrc1Alpha => wgt::BlendFactor::OneMinusSrc1Alpha,
    }
}

/// `GPUVertexBufferLayout`.
pub fn vertex_buffer(layout: &VertexBufferLayout) -> wgc::VertexBufferLayout<'static> {
    wgc::VertexBufferLayout {
        array_stride: layout.array_stride,
        step_mode: match layout.step_mode {
            VertexStepMode::Vertex => wgt::VertexStepMode::Vertex,
            VertexStepMode::Instance => wgt::VertexStepMode::Instance,
        },
        attributes: Cow::Owned(layout.attributes.iter().map(vertex_attribute).collect()),
    }
}

fn vertex_attribute(attribute: &VertexAttribute) -> wgt::VertexAttribute {
    wgt::VertexAttribute {
        format: vertex_format(attribute.format),
        // wgpu adds the format's size before it compares; at this bound the comparison fails without overflowing.
        offset: attribute.offset.min(1 << 60),
        shader_location: attribute.shader_location,
    }
}

fn vertex_format(format: VertexFormat) -> wgt::VertexFormat {
    use wgt::VertexFormat as F;
    match format {
        VertexFormat::Uint8 => F::Uint8,
        VertexFormat::Uint8x2 => F::Uint8x2,
        VertexFormat::Uint8x4 => F::Uint8x4,
        VertexFormat::Sint8 => F::Sint8,
        VertexFormat::Sint8x2 => F::Sint8x2,
        VertexFormat::Sint8x4 => F::Sint8x4,
        VertexFormat::Unorm8 => F::Unorm8,
        VertexFormat::Unorm8x2 => F::Unorm8x2,
        VertexFormat::Unorm8x4 => F::Unorm8x4,
        VertexFormat::Snorm8 => F::Snorm8,
        VertexFormat::Snorm8x2 => F::Snorm8x2,
        VertexFormat::Snorm8x4 => F::Snorm8x4,
        VertexFormat::Uint16 => F::Uint16,
        VertexFormat::Uint16x2 => F::Uint16x2,
        VertexFormat::Uint16x4 => F::Uint16x4,
        VertexFormat::Sint16 => F::Sint16,
        VertexFormat::Sint16x2 => F::Sint16x2,
        VertexFormat::Sint16x4 => F::Sint16x4,
        VertexFormat::Unorm16 => F::Unorm16,
        VertexFormat::Unorm16x2 => F::Unorm16x2,
        VertexFormat::Unorm16x4 => F::Unorm16x4,
        VertexFormat::Snorm16 => F::Snorm16,
        VertexFormat::Snorm16x2 => F::Snorm16x2,
        VertexFormat::Snorm16x4 => F::Snorm16x4,
        VertexFormat::Float16 => F::Float16,
        VertexFormat::Float16x2 => F::Float16x2,
        VertexFormat::Float16x4 => F::Float16x4,
        VertexFormat::Float32 => F::Float32,
        VertexFormat::Float32x2 => F::Float32x2,
        VertexFormat::Float32x3 => F::Float32x3,
        VertexFormat::Float32x4 => F::Float32x4,
        VertexFormat::Uint32 => F::Uint32,
        VertexFormat::Uint32x2 => F::Uint32x2,
        VertexFormat::Uint32x3 => F::Uint32x3,
        VertexFormat::Uint32x4 => F::Uint32x4,
        VertexFormat::Sint32 => F::Sint32,
        VertexFormat::Sint32x2 => F::Sint32x2,
        VertexFormat::Sint32x3 => F::Sint32x3,
        VertexFormat::Sint32x4 => F::Sint32x4,
        VertexFormat::Unorm1010102 => F::Unorm10_10_10_2,
        VertexFormat::Unorm8x4Bgra => F::Unorm8x4Bgra,
    }
}
