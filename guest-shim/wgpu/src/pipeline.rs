//! Pipeline layouts, compute pipelines and render pipelines.

use std::sync::Arc;

use wgpu::custom::*;

use crate::binding::BindGroupLayout;
use crate::bindings::webgpu as gpu;
use crate::device::{Shared, label, own};
use crate::encoder::Object;
use crate::error::Absent;
use crate::format::{texture_format, vertex_format};
use crate::shader::{self, ShaderModule};
use crate::texture::compare;

/// `wgpu::PipelineLayout` of this backend.
#[derive(Debug)]
pub struct PipelineLayout(gpu::GpuPipelineLayout);

/// `wgpu::ComputePipeline` of this backend.
#[derive(Debug)]
pub struct ComputePipeline(pub Object<gpu::GpuComputePipeline>);

/// `wgpu::RenderPipeline` of this backend.
#[derive(Debug)]
pub struct RenderPipeline(pub Object<gpu::GpuRenderPipeline>);

impl PipelineLayoutInterface for PipelineLayout {}

impl ComputePipelineInterface for ComputePipeline {
    fn get_bind_group_layout(&self, index: u32) -> DispatchBindGroupLayout {
        DispatchBindGroupLayout::custom(BindGroupLayout(self.0.get_bind_group_layout(index)))
    }
}

impl RenderPipelineInterface for RenderPipeline {
    fn get_bind_group_layout(&self, index: u32) -> DispatchBindGroupLayout {
        DispatchBindGroupLayout::custom(BindGroupLayout(self.0.get_bind_group_layout(index)))
    }
}

pub fn create_layout(device: &Arc<Shared>, desc: &wgpu::PipelineLayoutDescriptor<'_>) -> PipelineLayout {
    let bind_group_layouts =
        desc.bind_group_layouts.iter().map(|layout| layout.map(|layout| &own!(layout, BindGroupLayout).0)).collect();
    PipelineLayout(device.gpu.create_pipeline_layout(&gpu::GpuPipelineLayoutDescriptor {
        bind_group_layouts,
        immediate_size: (desc.immediate_size > 0).then_some(desc.immediate_size),
        label: label(desc.label),
    }))
}

fn layout_mode(layout: Option<&wgpu::PipelineLayout>) -> gpu::GpuLayoutMode<'_> {
    match layout {
        Some(layout) => gpu::GpuLayoutMode::Specific(&own!(layout, PipelineLayout).0),
        None => gpu::GpuLayoutMode::Auto,
    }
}

fn constants(options: &wgpu::PipelineCompilationOptions<'_>) -> Option<gpu::RecordGpuPipelineConstantValue> {
    if options.constants.is_empty() {
        return None;
    }
    let record = gpu::RecordGpuPipelineConstantValue::new();
    for (name, value) in options.constants {
        record.add(name, *value);
    }
    Some(record)
}

/// Creates a compute pipeline. The host compiles it asynchronously; an invalid one is a validation error of this call.
pub fn create_compute(device: &Arc<Shared>, desc: &wgpu::ComputePipelineDescriptor<'_>) -> ComputePipeline {
    ComputePipeline(Object::new(device.gpu.create_compute_pipeline(gpu::GpuComputePipelineDescriptor {
        compute: gpu::GpuProgrammableStage {
            module: own!(desc.module, ShaderModule).gpu(),
            entry_point: desc.entry_point.map(str::to_owned),
            constants: constants(&desc.compilation_options),
        },
        layout: layout_mode(desc.layout),
        label: label(desc.label),
    })))
}

pub fn create_render(device: &Arc<Shared>, desc: &wgpu::RenderPipelineDescriptor<'_>) -> RenderPipeline {
    RenderPipeline(Object::new(device.made_or_invalid(
        "Device::create_render_pipeline",
        desc.label,
        render_descriptor(desc),
        |device, descriptor| device.create_render_pipeline(descriptor),
        make_invalid,
    )))
}

/// Creates an invalid pipeline, whose error has been reported.
pub fn invalid_render(device: &Arc<Shared>) -> RenderPipeline {
    RenderPipeline(Object::new(device.invalid(make_invalid)))
}

fn make_invalid(device: &gpu::GpuDevice) -> gpu::GpuRenderPipeline {
    let module = shader::invalid_module(device);
    device.create_render_pipeline(gpu::GpuRenderPipelineDescriptor {
        vertex: gpu::GpuVertexState { buffers: None, module: &module, entry_point: None, constants: None },
        primitive: None,
        depth_stencil: None,
        multisample: None,
        fragment: None,
        layout: gpu::GpuLayoutMode::Auto,
        label: None,
    })
}

fn render_descriptor<'a>(
    desc: &'a wgpu::RenderPipelineDescriptor<'a>,
) -> Result<gpu::GpuRenderPipelineDescriptor<'a>, Absent> {
    if desc.multiview_mask.is_some() {
        return Err(Absent::Features(wgpu::Features::MULTIVIEW));
    }
    let buffers: Result<Vec<_>, _> =
        desc.vertex.buffers.iter().map(|buffer| buffer.as_ref().map(vertex_buffer).transpose()).collect();
    Ok(gpu::GpuRenderPipelineDescriptor {
        vertex: gpu::GpuVertexState {
            buffers: Some(buffers?),
            module: own!(desc.vertex.module, ShaderModule).gpu(),
            entry_point: desc.vertex.entry_point.map(str::to_owned),
            constants: constants(&desc.vertex.compilation_options),
        },
        primitive: Some(primitive(&desc.primitive)?),
        depth_stencil: desc.depth_stencil.as_ref().map(depth_stencil).transpose()?,
        multisample: Some(gpu::GpuMultisampleState {
            count: Some(desc.multisample.count),
            // WebGPU has one bit per sample, of at most 32.
            mask: Some(desc.multisample.mask as u32),
            alpha_to_coverage_enabled: Some(desc.multisample.alpha_to_coverage_enabled),
        }),
        fragment: desc.fragment.as_ref().map(fragment).transpose()?,
        layout: layout_mode(desc.layout),
        label: label(desc.label),
    })
}

fn vertex_buffer(layout: &wgpu::VertexBufferLayout<'_>) -> Result<gpu::GpuVertexBufferLayout, Absent> {
    let attributes: Result<Vec<_>, _> = layout
        .attributes
        .iter()
        .map(|attribute| {
            Ok(gpu::GpuVertexAttribute {
                format: vertex_format(attribute.format)?,
                offset: attribute.offset,
                shader_location: attribute.shader_location,
            })
        })
        .collect();
    Ok(gpu::GpuVertexBufferLayout {
        array_stride: layout.array_stride,
        step_mode: Some(match layout.step_mode {
            wgpu::VertexStepMode::Vertex => gpu::GpuVertexStepMode::Vertex,
            wgpu::VertexStepMode::Instance => gpu::GpuVertexStepMode::Instance,
        }),
        attributes: attributes?,
    })
}

fn primitive(state: &wgpu::PrimitiveState) -> Result<gpu::GpuPrimitiveState, Absent> {
    match state.polygon_mode {
        wgpu::PolygonMode::Fill => {}
        wgpu::PolygonMode::Line => return Err(Absent::Features(wgpu::Features::POLYGON_MODE_LINE)),
        wgpu::PolygonMode::Point => return Err(Absent::Features(wgpu::Features::POLYGON_MODE_POINT)),
    }
    if state.conservative {
        return Err(Absent::Features(wgpu::Features::CONSERVATIVE_RASTERIZATION));
    }
    Ok(gpu::GpuPrimitiveState {
        topology: Some(match state.topology {
            wgpu::PrimitiveTopology::PointList => gpu::GpuPrimitiveTopology::PointList,
            wgpu::PrimitiveTopology::LineList => gpu::GpuPrimitiveTopology::LineList,
            wgpu::PrimitiveTopology::LineStrip => gpu::GpuPrimitiveTopology::LineStrip,
            wgpu::PrimitiveTopology::TriangleList => gpu::GpuPrimitiveTopology::TriangleList,
            wgpu::PrimitiveTopology::TriangleStrip => gpu::GpuPrimitiveTopology::TriangleStrip,
        }),
        strip_index_format: state.strip_index_format.map(index_format),
        front_face: Some(match state.front_face {
            wgpu::FrontFace::Ccw => gpu::GpuFrontFace::Ccw,
            wgpu::FrontFace::Cw => gpu::GpuFrontFace::Cw,
        }),
        cull_mode: Some(match state.cull_mode {
            None => gpu::GpuCullMode::None,
            Some(wgpu::Face::Front) => gpu::GpuCullMode::Front,
            Some(wgpu::Face::Back) => gpu::GpuCullMode::Back,
        }),
        unclipped_depth: Some(state.unclipped_depth),
    })
}

pub fn index_format(format: wgpu::IndexFormat) -> gpu::GpuIndexFormat {
    match format {
        wgpu::IndexFormat::Uint16 => gpu::GpuIndexFormat::Uint16,
        wgpu::IndexFormat::Uint32 => gpu::GpuIndexFormat::Uint32,
    }
}

fn depth_stencil(state: &wgpu::DepthStencilState) -> Result<gpu::GpuDepthStencilState, Absent> {
    Ok(gpu::GpuDepthStencilState {
        format: texture_format(state.format)?,
        depth_write_enabled: state.depth_write_enabled,
        depth_compare: state.depth_compare.map(compare),
        stencil_front: Some(stencil_face(&state.stencil.front)),
        stencil_back: Some(stencil_face(&state.stencil.back)),
        stencil_read_mask: Some(state.stencil.read_mask),
        stencil_write_mask: Some(state.stencil.write_mask),
        depth_bias: Some(state.bias.constant),
        depth_bias_slope_scale: Some(state.bias.slope_scale),
        depth_bias_clamp: Some(state.bias.clamp),
    })
}

fn stencil_face(state: &wgpu::StencilFaceState) -> gpu::GpuStencilFaceState {
    let operation = |operation| match operation {
        wgpu::StencilOperation::Keep => gpu::GpuStencilOperation::Keep,
        wgpu::StencilOperation::Zero => gpu::GpuStencilOperation::Zero,
        wgpu::StencilOperation::Replace => gpu::GpuStencilOperation::Replace,
        wgpu::StencilOperation::Invert => gpu::GpuStencilOperation::Invert,
        wgpu::StencilOperation::IncrementClamp => gpu::GpuStencilOperation::IncrementClamp,
        wgpu::StencilOperation::DecrementClamp => gpu::GpuStencilOperation::DecrementClamp,
        wgpu::StencilOperation::IncrementWrap => gpu::GpuStencilOperation::IncrementWrap,
        wgpu::StencilOperation::DecrementWrap => gpu::GpuStencilOperation::DecrementWrap,
    };
    gpu::GpuStencilFaceState {
        compare: Some(compare(state.compare)),
        fail_op: Some(operation(state.fail_op)),
        depth_fail_op: Some(operation(state.depth_fail_op)),
        pass_op: Some(operation(state.pass_op)),
    }
}

fn fragment<'a>(state: &'a wgpu::FragmentState<'a>) -> Result<gpu::GpuFragmentState<'a>, Absent> {
    let targets: Result<Vec<_>, _> =
        state.targets.iter().map(|target| target.as_ref().map(color_target).transpose()).collect();
    Ok(gpu::GpuFragmentState {
        targets: targets?,
        module: own!(state.module, ShaderModule).gpu(),
        entry_point: state.entry_point.map(str::to_owned),
        constants: constants(&state.compilation_options),
    })
}

fn color_target(state: &wgpu::ColorTargetState) -> Result<gpu::GpuColorTargetState, Absent> {
    use gpu::GpuColorWrite as G;
    use wgpu::ColorWrites as W;
    let write_mask = [(W::RED, G::RED), (W::GREEN, G::GREEN), (W::BLUE, G::BLUE), (W::ALPHA, G::ALPHA)]
        .into_iter()
        .filter(|(flag, _)| state.write_mask.contains(*flag))
        .fold(G::empty(), |all, (_, flag)| all | flag);
    Ok(gpu::GpuColorTargetState {
        format: texture_format(state.format)?,
        blend: state.blend.as_ref().map(|blend| gpu::GpuBlendState {
            color: blend_component(&blend.color),
            alpha: blend_component(&blend.alpha),
        }),
        write_mask: Some(write_mask),
    })
}

fn blend_component(component: &wgpu::BlendComponent) -> gpu::GpuBlendComponent {
    let factor = |factor| match factor {
        wgpu::BlendFactor::Zero => gpu::GpuBlendFactor::Zero,
        wgpu::BlendFactor::One => gpu::GpuBlendFactor::One,
        wgpu::BlendFactor::Src => gpu::GpuBlendFactor::Src,
        wgpu::BlendFactor::OneMinusSrc => gpu::GpuBlendFactor::OneMinusSrc,
        wgpu::BlendFactor::SrcAlpha => gpu::GpuBlendFactor::SrcAlpha,
        wgpu::BlendFactor::OneMinusSrcAlpha => gpu::GpuBlendFactor::OneMinusSrcAlpha,
        wgpu::BlendFactor::Dst => gpu::GpuBlendFactor::Dst,
        wgpu::BlendFactor::OneMinusDst => gpu::GpuBlendFactor::OneMinusDst,
        wgpu::BlendFactor::DstAlpha => gpu::GpuBlendFactor::DstAlpha,
        wgpu::BlendFactor::OneMinusDstAlpha => gpu::GpuBlendFactor::OneMinusDstAlpha,
        wgpu::BlendFactor::SrcAlphaSaturated => gpu::GpuBlendFactor::SrcAlphaSaturated,
        wgpu::BlendFactor::Constant => gpu::GpuBlendFactor::Constant,
        wgpu::BlendFactor::OneMinusConstant => gpu::GpuBlendFactor::OneMinusConstant,
        wgpu::BlendFactor::Src1 => gpu::GpuBlendFactor::Src1,
        wgpu::BlendFactor::OneMinusSrc1 => gpu::GpuBlendFactor::OneMinusSrc1,
        wgpu::BlendFactor::Src1Alpha => gpu::GpuBlendFactor::Src1Alpha,
        wgpu::BlendFactor::OneMinusSrc1Alpha => gpu::GpuBlendFactor::OneMinusSrc1Alpha,
    };
    gpu::GpuBlendComponent {
        operation: Some(match component.operation {
            wgpu::BlendOperation::Add => gpu::GpuBlendOperation::Add,
            wgpu::BlendOperation::Subtract => gpu::GpuBlendOperation::Subtract,
            wgpu::BlendOperation::ReverseSubtract => gpu::GpuBlendOperation::ReverseSubtract,
            wgpu::BlendOperation::Min => gpu::GpuBlendOperation::Min,
            wgpu::BlendOperation::Max => gpu::GpuBlendOperation::Max,
        }),
        src_factor: Some(factor(component.src_factor)),
        dst_factor: Some(factor(component.dst_factor)),
    }
}
