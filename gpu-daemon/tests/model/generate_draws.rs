//! Random pipelines, bundles and draws.

use airlock_protocol::{
    Command,
    commands::{buffer::*, pipeline::*, render_bundle::*, render_pass::*, texture::TextureFormat},
    ids::*,
};

use crate::{
    common::client::DEVICE,
    generate::Random,
    model::Model,
    texture::{FORMATS, format},
};

pub fn create_pipeline(r: &mut Random, id: u32) -> Command<'static> {
    let module = r.of(&[1, 2]);
    let color = target(r.mostly(TextureFormat::Rgba8unorm, &FORMATS));
    let targets = match r.below(10) {
        0 => vec![],
        1 => vec![Some(color), None],
        2 => vec![None, Some(color)],
        3 => vec![None],
        _ => vec![Some(color)],
    };
    let has_buffer = (module == 2) != r.one_in(8);
    let vertex_buffers = match has_buffer {
        false => vec![],
        true => {
            let attribute = VertexAttribute {
                format: VertexFormat::Float32x4,
                offset: r.mostly(0, &[4, 2, 16, 2032, 2036]),
                shader_location: r.mostly(0, &[1, 15, 16]),
            };
            let buffer = VertexBufferLayout {
                array_stride: r.mostly(16, &[0, 8, 18, 32, 2048, 2052]),
                step_mode: r.of(&[VertexStepMode::Vertex, VertexStepMode::Instance]),
                attributes: vec![attribute],
            };
            if r.one_in(4) { vec![None, Some(buffer)] } else { vec![Some(buffer)] }
        }
    };
    CreateRenderPipeline {
        depth_stencil: if targets.is_empty() || r.one_in(4) { Some(depth_stencil(r)) } else { None },
        multisample: MultisampleState {
            count: r.mostly(1, &[4, 4, 0, 2, 16]),
            mask: u32::MAX,
            alpha_to_coverage_enabled: false,
        },
        ..plain_pipeline(id, module, targets, vertex_buffers)
    }
    .into()
}

fn depth_stencil(r: &mut Random) -> DepthStencilState {
    let of = r.mostly(TextureFormat::Depth24plusStencil8, &FORMATS);
    let can = format(of);
    let face = StencilFaceState {
        compare: CompareFunction::Always,
        fail_op: StencilOperation::Keep,
        depth_fail_op: StencilOperation::Keep,
        pass_op: if can.stencil && r.one_in(3) || r.one_in(12) {
            StencilOperation::Replace
        } else {
            StencilOperation::Keep
        },
    };
    DepthStencilState {
        format: of,
        depth_write_enabled: if can.depth {
            r.mostly(Some(true), &[Some(false), Some(false), None])
        } else {
            r.mostly(None, &[Some(false), Some(true)])
        },
        depth_compare: r.mostly(Some(CompareFunction::Always), &[Some(CompareFunction::Less), None]),
        stencil_front: face,
        stencil_back: face,
        stencil_read_mask: u32::MAX,
        stencil_write_mask: r.mostly(u32::MAX, &[0]),
        depth_bias: 0,
        depth_bias_slope_scale: 0.0,
        depth_bias_clamp: 0.0,
    }
}

pub fn create_bundle_encoder(r: &mut Random, id: u32) -> Command<'static> {
    let color = r.mostly(TextureFormat::Rgba8unorm, &FORMATS);
    let color_formats = match r.below(8) {
        0 => vec![],
        1 => vec![Some(color), None],
        2 => vec![None, Some(color)],
        3 => vec![Some(color); r.of(&[2, 4, 5, 8, 9])],
        _ => vec![Some(color)],
    };
    let depth_stencil_format =
        (color_formats.is_empty() || r.one_in(4)).then(|| r.mostly(TextureFormat::Depth24plusStencil8, &FORMATS));
    CreateRenderBundleEncoder {
        device: DEVICE,
        encoder: RenderBundleEncoderId(id),
        label: "",
        color_formats,
        depth_stencil_format,
        // What a count that no texture has gives is not said by the specification.
        sample_count: r.mostly(1, &[4]),
        depth_read_only: r.one_in(4),
        stencil_read_only: r.one_in(4),
    }
    .into()
}

/// A bundle that draws, valid but for one or two numbers: by single calls, few programs come to a draw.
pub fn bundle_with_a_draw(r: &mut Random, id: u32) -> Vec<Command<'static>> {
    let (buffer, pipeline) = (BufferId(id), RenderPipelineId(id));
    let (encoder, bundle) = (RenderBundleEncoderId(id), RenderBundleId(id));
    let size = r.mostly(1024, &[64, 1008, 1026]);
    let usage = BufferUsage::VERTEX | BufferUsage::INDEX;
    let made = CreateBuffer { device: DEVICE, buffer, label: "", size, usage, mapped_at_creation: false };
    let attribute = VertexAttribute { format: VertexFormat::Float32x4, offset: 0, shader_location: 0 };
    let slot = VertexBufferLayout {
        array_stride: r.of(&[16, 16, 0, 32]),
        step_mode: r.of(&[VertexStepMode::Vertex, VertexStepMode::Instance]),
        attributes: vec![attribute],
    };
    let pipeline_of = plain_pipeline(id, 2, vec![Some(target(TextureFormat::Rgba8unorm))], vec![Some(slot)]);
    let encoder_of = CreateRenderBundleEncoder {
        device: DEVICE,
        encoder,
        label: "",
        color_formats: vec![Some(TextureFormat::Rgba8unorm)],
        depth_stencil_format: None,
        sample_count: 1,
        depth_read_only: false,
        stencil_read_only: false,
    };
    let format = r.of(&[IndexFormat::Uint16, IndexFormat::Uint32]);
    let [count, instance_count, first, first_instance] = numbers(r);
    let draw = match r.one_in(2) {
        true => BundleDraw { encoder, vertex_count: count, instance_count, first_vertex: first, first_instance }.into(),
        false => {
            let (index_count, first_index) = (count, first);
            BundleDrawIndexed { encoder, index_count, instance_count, first_index, base_vertex: 0, first_instance }
                .into()
        }
    };
    vec![
        made.into(),
        pipeline_of.into(),
        encoder_of.into(),
        BundleSetPipeline { encoder, pipeline }.into(),
        BundleSetVertexBuffer { encoder, slot: 0, buffer: Some(buffer), offset: 0, size: None }.into(),
        BundleSetIndexBuffer { encoder, buffer, format, offset: r.mostly(0, &[4, 512]), size: None }.into(),
        draw,
        FinishRenderBundle { encoder, bundle, label: "" }.into(),
    ]
}

fn target(format: TextureFormat) -> ColorTargetState {
    ColorTargetState { format, blend: None, write_mask: ColorWrite::all() }
}

/// A pipeline of one of the modules.
fn plain_pipeline(
    id: u32,
    module: u32,
    targets: Vec<Option<ColorTargetState>>,
    vertex_buffers: Vec<Option<VertexBufferLayout>>,
) -> CreateRenderPipeline<'static> {
    let stage = ProgrammableStage { module: ShaderModuleId(module), entry_point: None, constants: vec![] };
    CreateRenderPipeline {
        device: DEVICE,
        pipeline: RenderPipelineId(id),
        request: None,
        label: "",
        layout: None,
        vertex: stage.clone(),
        vertex_buffers,
        primitive: PrimitiveState {
            topology: PrimitiveTopology::TriangleList,
            strip_index_format: None,
            front_face: FrontFace::Ccw,
            cull_mode: CullMode::None,
            unclipped_depth: false,
        },
        depth_stencil: None,
        multisample: MultisampleState { count: 1, mask: u32::MAX, alpha_to_coverage_enabled: false },
        fragment: Some(FragmentState { stage, targets }),
    }
}

/// A command of a bundle encoder.
pub fn in_bundle(r: &mut Random, model: &Model, id: u32) -> Option<Command<'static>> {
    let encoder = RenderBundleEncoderId(r.key(&model.bundle_encoders)?);
    Some(match r.below(12) {
        0..3 => BundleSetPipeline { encoder, pipeline: RenderPipelineId(r.key(&model.pipelines)?) }.into(),
        3 | 4 => {
            let (slot, buffer, offset, size) = vertices(r, model)?;
            BundleSetVertexBuffer { encoder, slot, buffer: Some(buffer), offset, size }.into()
        }
        5 => {
            let (buffer, format, offset, size) = indices(r, model)?;
            BundleSetIndexBuffer { encoder, buffer, format, offset, size }.into()
        }
        6 | 7 => {
            let [vertex_count, instance_count, first_vertex, first_instance] = numbers(r);
            BundleDraw { encoder, vertex_count, instance_count, first_vertex, first_instance }.into()
        }
        8 => {
            let [index_count, instance_count, first_index, first_instance] = numbers(r);
            BundleDrawIndexed { encoder, index_count, instance_count, first_index, base_vertex: 0, first_instance }
                .into()
        }
        9 => match r.one_in(2) {
            true => BundlePushDebugGroup { encoder, label: "" }.into(),
            false => BundlePopDebugGroup { encoder }.into(),
        },
        _ => FinishRenderBundle { encoder, bundle: RenderBundleId(id), label: "" }.into(),
    })
}

/// A command of a render pass that draws, or makes ready for it.
pub fn in_pass(r: &mut Random, model: &Model) -> Option<Command<'static>> {
    let pass = RenderPassId(r.pass(&model.render_passes)?);
    Some(match r.below(12) {
        0..3 => RenderPassSetPipeline { pass, pipeline: RenderPipelineId(r.key(&model.pipelines)?) }.into(),
        3 | 4 => {
            let (slot, buffer, offset, size) = vertices(r, model)?;
            RenderPassSetVertexBuffer { pass, slot, buffer: Some(buffer), offset, size }.into()
        }
        5 => {
            let (buffer, format, offset, size) = indices(r, model)?;
            RenderPassSetIndexBuffer { pass, buffer, format, offset, size }.into()
        }
        6 | 7 => {
            let [vertex_count, instance_count, first_vertex, first_instance] = numbers(r);
            RenderPassDraw { pass, vertex_count, instance_count, first_vertex, first_instance }.into()
        }
        8 => {
            let [index_count, instance_count, first_index, first_instance] = numbers(r);
            RenderPassDrawIndexed { pass, index_count, instance_count, first_index, base_vertex: 0, first_instance }
                .into()
        }
        _ => {
            let mut bundles = Vec::new();
            for _ in 0..r.mostly(1, &[0, 2]) {
                bundles.push(RenderBundleId(r.key(&model.bundles)?));
            }
            ExecuteBundles { pass, bundles }.into()
        }
    })
}

fn vertices(r: &mut Random, model: &Model) -> Option<(u32, BufferId, u64, Option<u64>)> {
    let buffer = BufferId(r.key(&model.buffers)?);
    let slot = r.mostly(0, &[1, 1, 7, 8]);
    Some((
        slot,
        buffer,
        r.mostly(0, &[4, 2, 1024, 1028]),
        r.mostly(None, &[Some(0), Some(16), Some(48), Some(u64::MAX - 3)]),
    ))
}

fn indices(r: &mut Random, model: &Model) -> Option<(BufferId, IndexFormat, u64, Option<u64>)> {
    let buffer = BufferId(r.key(&model.buffers)?);
    let format = r.of(&[IndexFormat::Uint16, IndexFormat::Uint32]);
    Some((
        buffer,
        format,
        r.mostly(0, &[1, 2, 4, 1024]),
        r.mostly(None, &[Some(0), Some(6), Some(16), Some(u64::MAX - 3)]),
    ))
}

/// How many vertices or indices and instances, and the first of each.
fn numbers(r: &mut Random) -> [u32; 4] {
    [
        r.mostly(3, &[0, 1, 64, 65, 256, u32::MAX]),
        r.mostly(1, &[0, 2, 64, 65, u32::MAX]),
        r.mostly(0, &[1, 61, u32::MAX]),
        r.mostly(0, &[1, 63, u32::MAX]),
    ]
}
