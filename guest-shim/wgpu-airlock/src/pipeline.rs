//! Pipeline layouts, compute pipelines and render pipelines.

use std::sync::Arc;

use airlock_client::binding as client_binding;
use airlock_client::device::Device as Gpu;
use airlock_client::object::DeviceObject;
use airlock_client::pipeline as client;
use airlock_protocol::commands::pipeline::{
    BlendFactor, BlendOperation, ColorWrite, CullMode, FrontFace, IndexFormat, PrimitiveTopology, StencilOperation,
    VertexAttribute, VertexStepMode,
};
use wgpu::custom::*;

use crate::binding::BindGroupLayout;
use crate::context::{Object, State};
use crate::device::{Shared, label, own};
use crate::error::Absent;
use crate::format::{texture_format, vertex_format};
use crate::shader::{self, ShaderModule};
use crate::texture::compare;

/// `wgpu::PipelineLayout` of this backend.
#[derive(Debug)]
pub struct PipelineLayout(Object<client_binding::PipelineLayout>);

/// `wgpu::ComputePipeline` of this backend.
#[derive(Debug)]
pub struct ComputePipeline {
    pub gpu: Object<client::ComputePipeline>,
    device: Arc<Shared>,
}

/// `wgpu::RenderPipeline` of this backend.
#[derive(Debug)]
pub struct RenderPipeline {
    pub gpu: Object<client::RenderPipeline>,
    device: Arc<Shared>,
}

impl PipelineLayoutInterface for PipelineLayout {}

impl ComputePipelineInterface for ComputePipeline {
    fn get_bind_group_layout(&self, index: u32) -> DispatchBindGroupLayout {
        let layout = self.gpu.bind_group_layout(&mut self.device.lock().client, index);
        DispatchBindGroupLayout::custom(BindGroupLayout(Object::new(layout, &self.device.context)))
    }
}

impl RenderPipelineInterface for RenderPipeline {
    fn get_bind_group_layout(&self, index: u32) -> DispatchBindGroupLayout {
        let layout = self.gpu.bind_group_layout(&mut self.device.lock().client, index);
        DispatchBindGroupLayout::custom(BindGroupLayout(Object::new(layout, &self.device.context)))
    }
}

pub fn create_layout(device: &Arc<Shared>, desc: &wgpu::PipelineLayoutDescriptor<'_>) -> PipelineLayout {
    let layouts = desc.bind_group_layouts.iter();
    let layouts = layouts.map(|layout| layout.map(|layout| &*own!(layout, BindGroupLayout).0)).collect();
    let size = Some(desc.immediate_size);
    let layout = device.gpu.create_pipeline_layout(&mut device.lock().client, label(desc.label), layouts, size);
    PipelineLayout(Object::new(layout, &device.context))
}

fn layout(layout: Option<&wgpu::PipelineLayout>) -> client::Layout<'_> {
    match layout {
        Some(layout) => client::Layout::Specific(&own!(layout, PipelineLayout).0),
        None => client::Layout::Auto,
    }
}

fn stage<'a>(
    module: &'a wgpu::ShaderModule,
    entry_point: Option<&'a str>,
    options: &wgpu::PipelineCompilationOptions<'a>,
) -> client::ProgrammableStage<'a> {
    let constants = options.constants.to_vec();
    client::ProgrammableStage { module: own!(module, ShaderModule).gpu(), entry_point, constants }
}

/// Creates a compute pipeline. The worker compiles it asynchronously; an invalid one is a validation error of this
/// call.
pub fn create_compute(device: &Arc<Shared>, desc: &wgpu::ComputePipelineDescriptor<'_>) -> ComputePipeline {
    let descriptor = client::ComputePipelineDescriptor {
        label: label(desc.label),
        layout: layout(desc.layout),
        compute: stage(desc.module, desc.entry_point, &desc.compilation_options),
    };
    let pipeline = device.gpu.create_compute_pipeline(&mut device.lock().client, descriptor);
    ComputePipeline { gpu: Object::new(pipeline, &device.context), device: device.clone() }
}

pub fn create_render(device: &Arc<Shared>, desc: &wgpu::RenderPipelineDescriptor<'_>) -> RenderPipeline {
    let pipeline = device.made_or_invalid(
        "Device::create_render_pipeline",
        desc.label,
        render_descriptor(desc),
        |device, state, descriptor| device.create_render_pipeline(&mut state.client, descriptor),
        make_invalid,
    );
    RenderPipeline { gpu: Object::new(pipeline, &device.context), device: device.clone() }
}

/// Creates an invalid pipeline, whose error has been reported.
pub fn invalid_render(device: &Arc<Shared>) -> RenderPipeline {
    let pipeline = device.invalid(&mut device.lock(), make_invalid);
    RenderPipeline { gpu: Object::new(pipeline, &device.context), device: device.clone() }
}

fn make_invalid(device: &Gpu, state: &mut State) -> client::RenderPipeline {
    let module = shader::invalid_module(device, state);
    let descriptor = client::RenderPipelineDescriptor {
        label: None,
        layout: client::Layout::Auto,
        vertex: client::ProgrammableStage { module: &module, entry_point: None, constants: Vec::new() },
        vertex_buffers: Vec::new(),
        primitive: client::PrimitiveState::default(),
        depth_stencil: None,
        multisample: client::MultisampleState::default(),
        fragment: None,
    };
    let pipeline = device.create_render_pipeline(&mut state.client, descriptor);
    module.release(&mut state.client);
    pipeline
}

fn render_descriptor<'a>(
    desc: &'a wgpu::RenderPipelineDescriptor<'a>,
) -> Result<client::RenderPipelineDescriptor<'a>, Absent> {
    if desc.multiview_mask.is_some() {
        return Err(Absent::Features(wgpu::Features::MULTIVIEW));
    }
    let buffers: Result<Vec<_>, _> =
        desc.vertex.buffers.iter().map(|buffer| buffer.as_ref().map(vertex_buffer).transpose()).collect();
    Ok(client::RenderPipelineDescriptor {
        label: label(desc.label),
        layout: layout(desc.layout),
        vertex: stage(desc.vertex.module, desc.vertex.entry_point, &desc.vertex.compilation_options),
        vertex_buffers: buffers?,
        primitive: primitive(&desc.primitive)?,
        depth_stencil: desc.depth_stencil.as_ref().map(depth_stencil).transpose()?,
        multisample: client::MultisampleState {
            count: Some(desc.multisample.count),
            // WebGPU has one bit per sample, of at most 32.
            mask: Some(desc.multisample.mask as u32),
            alpha_to_coverage_enabled: Some(desc.multisample.alpha_to_coverage_enabled),
        },
        fragment: desc.fragment.as_ref().map(fragment).transpose()?,
    })
}

fn vertex_buffer(layout: &wgpu::VertexBufferLayout<'_>) -> Result<client::VertexBufferLayout, Absent> {
    let attributes: Result<Vec<_>, _> = layout
        .attributes
        .iter()
        .map(|attribute| {
            Ok(VertexAttribute {
                format: vertex_format(attribute.format)?,
                offset: attribute.offset,
                shader_location: attribute.shader_location,
            })
        })
        .collect();
    Ok(client::VertexBufferLayout {
        array_stride: layout.array_stride,
        step_mode: Some(match layout.step_mode {
            wgpu::VertexStepMode::Vertex => VertexStepMode::Vertex,
            wgpu::VertexStepMode::Instance => VertexStepMode::Instance,
        }),
        attributes: attributes?,
    })
}

fn primitive(state: &wgpu::PrimitiveState) -> Result<client::PrimitiveState, Absent> {
    match state.polygon_mode {
        wgpu::PolygonMode::Fill => {}
        wgpu::PolygonMode::Line => return Err(Absent::Features(wgpu::Features::POLYGON_MODE_LINE)),
        wgpu::PolygonMode::Point => return Err(Absent::Features(wgpu::Features::POLYGON_MODE_POINT)),
    }
    if state.conservative {
        return Err(Absent::Features(wgpu::Features::CONSERVATIVE_RASTERIZATION));
    }
    Ok(client::PrimitiveState {
        topology: Some(match state.topology {
            wgpu::PrimitiveTopology::PointList => PrimitiveTopology::PointList,
            wgpu::PrimitiveTopology::LineList => PrimitiveTopology::LineList,
            wgpu::PrimitiveTopology::LineStrip => PrimitiveTopology::LineStrip,
            wgpu::PrimitiveTopology::TriangleList => PrimitiveTopology::TriangleList,
            wgpu::PrimitiveTopology::TriangleStrip => PrimitiveTopology::TriangleStrip,
        }),
        strip_index_format: state.strip_index_format.map(index_format),
        front_face: Some(match state.front_face {
            wgpu::FrontFace::Ccw => FrontFace::Ccw,
            wgpu::FrontFace::Cw => FrontFace::Cw,
        }),
        cull_mode: Some(match state.cull_mode {
            None => CullMode::None,
            Some(wgpu::Face::Front) => CullMode::Front,
            Some(wgpu::Face::Back) => CullMode::Back,
        }),
        unclipped_depth: Some(state.unclipped_depth),
    })
}

pub fn index_format(format: wgpu::IndexFormat) -> IndexFormat {
    match format {
        wgpu::IndexFormat::Uint16 => IndexFormat::Uint16,
        wgpu::IndexFormat::Uint32 => IndexFormat::Uint32,
    }
}

fn depth_stencil(state: &wgpu::DepthStencilState) -> Result<client::DepthStencilState, Absent> {
    Ok(client::DepthStencilState {
        format: texture_format(state.format)?,
        depth_write_enabled: state.depth_write_enabled,
        depth_compare: state.depth_compare.map(compare),
        stencil_front: stencil_face(&state.stencil.front),
        stencil_back: stencil_face(&state.stencil.back),
        stencil_read_mask: Some(state.stencil.read_mask),
        stencil_write_mask: Some(state.stencil.write_mask),
        depth_bias: Some(state.bias.constant),
        depth_bias_slope_scale: Some(state.bias.slope_scale),
        depth_bias_clamp: Some(state.bias.clamp),
    })
}

fn stencil_face(state: &wgpu::StencilFaceState) -> client::StencilFaceState {
    let operation = |operation| match operation {
        wgpu::StencilOperation::Keep => StencilOperation::Keep,
        wgpu::StencilOperation::Zero => StencilOperation::Zero,
        wgpu::StencilOperation::Replace => StencilOperation::Replace,
        wgpu::StencilOperation::Invert => StencilOperation::Invert,
        wgpu::StencilOperation::IncrementClamp => StencilOperation::IncrementClamp,
        wgpu::StencilOperation::DecrementClamp => StencilOperation::DecrementClamp,
        wgpu::StencilOperation::IncrementWrap => StencilOperation::IncrementWrap,
        wgpu::StencilOperation::DecrementWrap => StencilOperation::DecrementWrap,
    };
    client::StencilFaceState {
        compare: Some(compare(state.compare)),
        fail_op: Some(operation(state.fail_op)),
        depth_fail_op: Some(operation(state.depth_fail_op)),
        pass_op: Some(operation(state.pass_op)),
    }
}

fn fragment<'a>(state: &'a wgpu::FragmentState<'a>) -> Result<client::FragmentState<'a>, Absent> {
    let targets: Result<Vec<_>, _> =
        state.targets.iter().map(|target| target.as_ref().map(color_target).transpose()).collect();
    let stage = stage(state.module, state.entry_point, &state.compilation_options);
    Ok(client::FragmentState { stage, targets: targets? })
}

fn color_target(state: &wgpu::ColorTargetState) -> Result<client::ColorTargetState, Absent> {
    use ColorWrite as G;
    use wgpu::ColorWrites as W;
    let write_mask = [(W::RED, G::RED), (W::GREEN, G::GREEN), (W::BLUE, G::BLUE), (W::ALPHA, G::ALPHA)]
        .into_iter()
        .filter(|(flag, _)| state.write_mask.contains(*flag))
        .fold(G::empty(), |all, (_, flag)| all | flag);
    Ok(client::ColorTargetState {
        format: texture_format(state.format)?,
        blend: state.blend.as_ref().map(|blend| (blend_component(&blend.color), blend_component(&blend.alpha))),
        write_mask: Some(write_mask),
    })
}

fn blend_component(component: &wgpu::BlendComponent) -> client::BlendComponent {
    let factor = |factor| match factor {
        wgpu::BlendFactor::Zero => BlendFactor::Zero,
        wgpu::BlendFactor::One => BlendFactor::One,
        wgpu::BlendFactor::Src => BlendFactor::Src,
        wgpu::BlendFactor::OneMinusSrc => BlendFactor::OneMinusSrc,
        wgpu::BlendFactor::SrcAlpha => BlendFactor::SrcAlpha,
        wgpu::BlendFactor::OneMinusSrcAlpha => BlendFactor::OneMinusSrcAlpha,
        wgpu::BlendFactor::Dst => BlendFactor::Dst,
        wgpu::BlendFactor::OneMinusDst => BlendFactor::OneMinusDst,
        wgpu::BlendFactor::DstAlpha => BlendFactor::DstAlpha,
        wgpu::BlendFactor::OneMinusDstAlpha => BlendFactor::OneMinusDstAlpha,
        wgpu::BlendFactor::SrcAlphaSaturated => BlendFactor::SrcAlphaSaturated,
        wgpu::BlendFactor::Constant => BlendFactor::Constant,
        wgpu::BlendFactor::OneMinusConstant => BlendFactor::OneMinusConstant,
        wgpu::BlendFactor::Src1 => BlendFactor::Src1,
        wgpu::BlendFactor::OneMinusSrc1 => BlendFactor::OneMinusSrc1,
        wgpu::BlendFactor::Src1Alpha => BlendFactor::Src1Alpha,
        wgpu::BlendFactor::OneMinusSrc1Alpha => BlendFactor::OneMinusSrc1Alpha,
    };
    client::BlendComponent {
        operation: Some(match component.operation {
            wgpu::BlendOperation::Add => BlendOperation::Add,
            wgpu::BlendOperation::Subtract => BlendOperation::Subtract,
            wgpu::BlendOperation::ReverseSubtract => BlendOperation::ReverseSubtract,
            wgpu::BlendOperation::Min => BlendOperation::Min,
            wgpu::BlendOperation::Max => BlendOperation::Max,
        }),
        src_factor: Some(factor(component.src_factor)),
        dst_factor: Some(factor(component.dst_factor)),
    }
}
