//! `gpu-render-pass-encoder`: every draw, viewport, scissor, blend constant, stencil, several attachments, and invalid
//! commands.

use guest_support::gpu::*;
use guest_support::passes::{color_attachment, color_target, render_descriptor, render_pass};
use guest_support::textures::extent;
use guest_support::{Gpu, Outcome};

use crate::check::{Check, check_error, check_label, check_success, needed, plain_device};

const FORMAT: GpuTextureFormat = GpuTextureFormat::Rgba8unorm;
const SIZE: u32 = 8;

/// A quad per instance over the whole target, in the colour that the second vertex buffer holds.
pub const QUADS: &str = "
    struct Corner { @builtin(position) at: vec4<f32>, @location(0) @interpolate(flat) color: vec4<f32> }
    @vertex fn vertex(@location(0) at: vec2<f32>, @location(1) color: vec4<f32>) -> Corner {
        return Corner(vec4(at, 0.5, 1.0), color);
    }
    @fragment fn fragment(corner: Corner) -> @location(0) vec4<f32> { return corner.color; }";

/// A pipeline for [`QUADS`] with its resources: corners, colours, indices and arguments of indirect draws.
pub struct Quads {
    pub pipeline: GpuRenderPipeline,
    /// Two triangles over the whole target, then two over its left half.
    pub corners: GpuBuffer,
    /// Red, green, blue, half transparent white.
    pub colors: GpuBuffer,
    /// The first two triangles, then the other two relative to vertex 6; 16 bits.
    pub indices: GpuBuffer,
    /// An indexed draw at 0, a draw at 20.
    pub indirect: GpuBuffer,
}

pub const RED: [u8; 4] = [255, 0, 0, 255];
pub const GREEN: [u8; 4] = [0, 255, 0, 255];
pub const BLUE: [u8; 4] = [0, 0, 255, 255];
const BLACK: [u8; 4] = [0, 0, 0, 255];

impl Quads {
    pub async fn new(gpu: &Gpu, change: impl FnOnce(&mut GpuRenderPipelineDescriptor<'_>)) -> Outcome<Quads> {
        let module = gpu.shader("quads", QUADS).await?;
        let mut descriptor = render_descriptor("quads", &module, color_target(FORMAT));
        let layout = |array_stride, step, format, shader_location| {
            Some(GpuVertexBufferLayout {
                array_stride,
                step_mode: Some(step),
                attributes: vec![GpuVertexAttribute { format, offset: 0, shader_location }],
            })
        };
        descriptor.vertex.buffers = Some(vec![
            layout(8, GpuVertexStepMode::Vertex, GpuVertexFormat::Float32x2, 0),
            layout(4, GpuVertexStepMode::Instance, GpuVertexFormat::Unorm8x4, 1),
        ]);
        change(&mut descriptor);
        let quad = |left: f32, right: f32| {
            [[left, 1.0], [left, -1.0], [right, -1.0], [left, 1.0], [right, -1.0], [right, 1.0]]
        };
        let corners: Vec<[f32; 2]> = [quad(-1.0, 1.0), quad(-1.0, 0.0)].concat();
        let colors = [RED, GREEN, BLUE, [255, 255, 255, 128]].concat();
        let indices: [u16; 6] = [0, 1, 2, 3, 4, 5];
        let vertex = GpuBufferUsage::VERTEX;
        Ok(Quads {
            pipeline: gpu.render_pipeline(descriptor).await?,
            corners: gpu.buffer_with("corners", &corners, vertex)?,
            colors: gpu.buffer_with("colors", &colors, vertex)?,
            indices: gpu.buffer_with("indices", &indices, GpuBufferUsage::INDEX)?,
            // Index count, instance count, first index, base vertex, first instance; vertex count, instance count, both
            // firsts.
            indirect: gpu.buffer_with("indirect", &[6u32, 1, 0, 6, 0, 6, 1, 0, 0], GpuBufferUsage::INDIRECT)?,
        })
    }

    fn set(&self, pass: &GpuRenderPassEncoder) {
        pass.set_pipeline(&self.pipeline);
        pass.set_vertex_buffer(0, Some(&self.corners), None, None);
        pass.set_vertex_buffer(1, Some(&self.colors), Some(0), Some(16));
        pass.set_index_buffer(&self.indices, GpuIndexFormat::Uint16, Some(0), None);
    }
}

/// A render target that can be read back.
pub struct Target {
    texture: GpuTexture,
    pub view: GpuTextureView,
}

impl Target {
    pub fn new(gpu: &Gpu) -> Target {
        let usage = GpuTextureUsage::RENDER_ATTACHMENT | GpuTextureUsage::COPY_SRC;
        let texture = gpu.texture("target", SIZE, SIZE, FORMAT, usage);
        let view = texture.create_view(None);
        Target { texture, view }
    }

    pub fn black(&self) -> GpuRenderPassColorAttachment<'_> {
        color_attachment(&self.view, [0.0, 0.0, 0.0, 1.0])
    }

    /// Checks the middle pixel of the left half, and that of the right half.
    pub async fn halves(&self, check: &mut Check, gpu: &Gpu, what: &str, left: [u8; 4], right: [u8; 4]) -> Outcome {
        let rgba = gpu.download_rgba(&self.texture, SIZE, SIZE).await?;
        let pixel = |x: usize| &rgba[(4 * SIZE as usize + x) * 4..][..4];
        for (side, found, expected) in [("left", pixel(2), left), ("right", pixel(6), right)] {
            // Blending may round up or down.
            let near = found.iter().zip(expected).all(|(f, e)| f.abs_diff(e) <= 1);
            check.that(&format!("{what}, {side}: {found:?}, expected {expected:?}"), near);
        }
        Ok(())
    }
}

pub async fn tour(check: &mut Check) -> Outcome {
    let gpu = plain_device("render pass").await?;
    draws(check, &gpu).await?;
    areas(check, &gpu).await?;
    blending(check, &gpu).await?;
    stencil(check, &gpu).await?;
    attachments(check, &gpu).await?;
    refusals(check, &gpu).await
}

async fn draws(check: &mut Check, gpu: &Gpu) -> Outcome {
    let quads = Quads::new(gpu, |_| ()).await?;
    let target = Target::new(gpu);
    type Draw<'a> = &'a dyn Fn(&GpuRenderPassEncoder);
    let cases: [(&str, Draw<'_>, [u8; 4], [u8; 4]); 8] = [
        ("draw", &|pass| pass.draw(6, None, None, None), RED, RED),
        ("draw of two instances", &|pass| pass.draw(6, Some(2), Some(0), Some(0)), GREEN, GREEN),
        ("draw from a vertex and an instance", &|pass| pass.draw(6, Some(1), Some(6), Some(2)), BLUE, BLACK),
        ("draw of nothing", &|pass| pass.draw(0, Some(0), None, None), BLACK, BLACK),
        ("draw-indexed", &|pass| pass.draw_indexed(6, None, None, None, None), RED, RED),
        (
            "draw-indexed from a base vertex and an instance",
            &|pass| pass.draw_indexed(6, Some(1), Some(0), Some(6), Some(1)),
            GREEN,
            BLACK,
        ),
        ("draw-indirect", &|pass| pass.draw_indirect(&quads.indirect, 20), RED, RED),
        ("draw-indexed-indirect", &|pass| pass.draw_indexed_indirect(&quads.indirect, 0), RED, BLACK),
    ];
    for (what, draw, left, right) in cases {
        let encoder = gpu.encoder("draw");
        let pass = render_pass(&encoder, "pass", vec![target.black()]);
        quads.set(&pass);
        draw(&pass);
        pass.end();
        check.valid(&gpu.device, what, || gpu.submit(&encoder)).await;
        target.halves(check, gpu, what, left, right).await?;
    }

    let encoder = gpu.encoder("names");
    let pass = render_pass(&encoder, "pass", vec![target.black()]);
    check_label!(check, pass, "pass");
    pass.push_debug_group("group");
    pass.insert_debug_marker("marker");
    pass.pop_debug_group();
    quads.set(&pass);
    // A buffer in another slot is set and unset; an offset skips red.
    pass.set_vertex_buffer(2, Some(&quads.corners), None, None);
    pass.set_vertex_buffer(2, None, None, None);
    pass.set_vertex_buffer(1, Some(&quads.colors), Some(4), None);
    pass.draw(6, None, None, None);
    pass.end();
    check.valid(&gpu.device, "names and offsets", || gpu.submit(&encoder)).await;
    target.halves(check, gpu, "a vertex buffer from its second colour on", GREEN, GREEN).await
}

async fn areas(check: &mut Check, gpu: &Gpu) -> Outcome {
    let quads = Quads::new(gpu, |_| ()).await?;
    let target = Target::new(gpu);
    let encoder = gpu.encoder("areas");
    let pass = render_pass(&encoder, "areas", vec![target.black()]);
    quads.set(&pass);
    pass.set_viewport(0.0, 0.0, 4.0, 8.0, 0.0, 1.0);
    pass.draw(6, None, None, None);
    pass.set_viewport(0.0, 0.0, 8.0, 8.0, 0.25, 0.75);
    pass.set_scissor_rect(4, 0, 4, 8);
    pass.draw(6, None, None, Some(2));
    pass.set_scissor_rect(0, 0, 0, 0);
    pass.draw(6, None, None, Some(1));
    pass.end();
    check.valid(&gpu.device, "viewport and scissor", || gpu.submit(&encoder)).await;
    target.halves(check, gpu, "viewport left, scissor right", RED, BLUE).await
}

async fn blending(check: &mut Check, gpu: &Gpu) -> Outcome {
    let component = |src, dst| GpuBlendComponent {
        operation: Some(GpuBlendOperation::Add),
        src_factor: Some(src),
        dst_factor: Some(dst),
    };
    let quads = Quads::new(gpu, |descriptor| {
        if let Some(fragment) = &mut descriptor.fragment {
            fragment.targets = vec![Some(GpuColorTargetState {
                format: FORMAT,
                blend: Some(GpuBlendState {
                    color: component(GpuBlendFactor::Constant, GpuBlendFactor::OneMinusConstant),
                    alpha: component(GpuBlendFactor::One, GpuBlendFactor::Zero),
                }),
                write_mask: Some(GpuColorWrite::RED | GpuColorWrite::GREEN | GpuColorWrite::BLUE),
            })];
        }
    })
    .await?;
    let target = Target::new(gpu);
    let encoder = gpu.encoder("blending");
    let pass = render_pass(&encoder, "blending", vec![color_attachment(&target.view, [0.0, 0.0, 1.0, 0.2])]);
    quads.set(&pass);
    pass.set_blend_constant(GpuColor { r: 0.2, g: 0.0, b: 0.6, a: 0.0 });
    pass.draw(6, None, None, None);
    pass.end();
    check.valid(&gpu.device, "blending", || gpu.submit(&encoder)).await;
    // Red over blue: 0.2 of the red, 0.4 of the blue, the destination's alpha.
    let mixed = [51, 0, 102, 51];
    target.halves(check, gpu, "a blend constant", mixed, mixed).await
}

/// The left half writes 5 to the stencil buffer; then a quad is drawn where the stencil is 5, and the buffer is read.
async fn stencil(check: &mut Check, gpu: &Gpu) -> Outcome {
    let state = |compare, pass_op| {
        let face =
            || Some(GpuStencilFaceState { compare: Some(compare), pass_op: Some(pass_op), ..Default::default() });
        Some(GpuDepthStencilState {
            format: GpuTextureFormat::Depth24plusStencil8,
            depth_write_enabled: Some(false),
            depth_compare: Some(GpuCompareFunction::Always),
            stencil_front: face(),
            stencil_back: face(),
            stencil_read_mask: None,
            stencil_write_mask: None,
            depth_bias: None,
            depth_bias_slope_scale: None,
            depth_bias_clamp: None,
        })
    };
    let mark = Quads::new(gpu, |d| {
        d.depth_stencil = state(GpuCompareFunction::Always, GpuStencilOperation::Replace);
    })
    .await?;
    let draw = Quads::new(gpu, |d| {
        d.depth_stencil = state(GpuCompareFunction::Equal, GpuStencilOperation::Keep);
    })
    .await?;
    let target = Target::new(gpu);
    let usage = GpuTextureUsage::RENDER_ATTACHMENT | GpuTextureUsage::COPY_SRC;
    let texture = gpu.texture("stencil", SIZE, SIZE, GpuTextureFormat::Depth24plusStencil8, usage);
    let view = texture.create_view(None);
    let encoder = gpu.encoder("stencil");
    let pass = encoder.begin_render_pass(&GpuRenderPassDescriptor {
        color_attachments: vec![Some(target.black())],
        depth_stencil_attachment: Some(GpuRenderPassDepthStencilAttachment {
            view: &view,
            depth_clear_value: Some(0.5),
            depth_load_op: Some(GpuLoadOp::Clear),
            depth_store_op: Some(GpuStoreOp::Discard),
            depth_read_only: Some(false),
            stencil_clear_value: Some(9),
            stencil_load_op: Some(GpuLoadOp::Clear),
            stencil_store_op: Some(GpuStoreOp::Store),
            stencil_read_only: Some(false),
        }),
        occlusion_query_set: None,
        timestamp_writes: None,
        max_draw_count: Some(1000),
        label: None,
    });
    pass.set_stencil_reference(5);
    mark.set(&pass);
    pass.draw(6, None, Some(6), Some(1));
    draw.set(&pass);
    pass.draw(6, None, None, Some(2));
    pass.end();
    check.valid(&gpu.device, "stencil", || gpu.submit(&encoder)).await;
    target.halves(check, gpu, "drawn where the stencil is 5", BLUE, BLACK).await?;

    let buffer = gpu.buffer("stencil", 256 * u64::from(SIZE), GpuBufferUsage::COPY_DST | GpuBufferUsage::COPY_SRC);
    let encoder = gpu.encoder("read the stencil");
    let source = GpuTexelCopyTextureInfo {
        texture: &texture,
        mip_level: None,
        origin: None,
        aspect: Some(GpuTextureAspect::StencilOnly),
    };
    let to = GpuTexelCopyBufferInfo { buffer: &buffer, offset: None, bytes_per_row: Some(256), rows_per_image: None };
    encoder.copy_texture_to_buffer(&source, &to, extent(SIZE, SIZE));
    check.valid(&gpu.device, "a copy of the stencil", || gpu.submit(&encoder)).await;
    let found = gpu.download::<u8>(&buffer).await?;
    check.same_list("a row of the stencil", &found[256..264], &[5, 5, 5, 5, 9, 9, 9, 9]);
    Ok(())
}

/// Two targets with a gap between them, four samples resolved, a slice of a 3D texture, load and discard.
async fn attachments(check: &mut Check, gpu: &Gpu) -> Outcome {
    let device = &gpu.device;
    let code = "
        @vertex fn vertex(@builtin(vertex_index) i: u32) -> @builtin(position) vec4<f32> {
            // Covers a little less than the left half: its edge cuts through the pixels of column 3.
            let x = select(-0.05, -1.0, (i & 1u) == 0u);
            return vec4(x, select(1.0, -1.0, i > 1u), 0.0, 1.0);
        }
        struct Two { @location(0) a: vec4<f32>, @location(2) b: vec4<f32> }
        @fragment fn fragment() -> Two { return Two(vec4(1.0, 0.0, 0.0, 1.0), vec4(0.0, 1.0, 0.0, 1.0)); }";
    let module = gpu.shader("two targets", code).await?;
    let mut descriptor = render_descriptor("two targets", &module, None);
    descriptor.primitive =
        Some(GpuPrimitiveState { topology: Some(GpuPrimitiveTopology::TriangleStrip), ..Default::default() });
    descriptor.multisample = Some(GpuMultisampleState { count: Some(4), ..Default::default() });
    if let Some(fragment) = &mut descriptor.fragment {
        fragment.targets = vec![color_target(FORMAT), None, color_target(FORMAT)];
    }
    let pipeline = gpu.render_pipeline(descriptor).await?;
    let samples = || {
        let wanted = GpuTextureDescriptor {
            sample_count: Some(4),
            ..guest_support::textures::descriptor("samples", SIZE, SIZE, FORMAT, GpuTextureUsage::RENDER_ATTACHMENT)
        };
        device.create_texture(&wanted).create_view(None)
    };
    let (a, b, target_a, target_b) = (samples(), samples(), Target::new(gpu), Target::new(gpu));
    fn resolved<'a>(view: &'a GpuTextureView, target: &'a Target) -> Option<GpuRenderPassColorAttachment<'a>> {
        Some(GpuRenderPassColorAttachment {
            resolve_target: Some(&target.view),
            store_op: GpuStoreOp::Discard,
            ..color_attachment(view, [0.0, 0.0, 0.0, 1.0])
        })
    }
    let encoder = gpu.encoder("two targets");
    let pass = encoder.begin_render_pass(&GpuRenderPassDescriptor {
        color_attachments: vec![resolved(&a, &target_a), None, resolved(&b, &target_b)],
        depth_stencil_attachment: None,
        occlusion_query_set: None,
        timestamp_writes: None,
        max_draw_count: None,
        label: None,
    });
    pass.set_pipeline(&pipeline);
    pass.draw(4, None, None, None);
    pass.end();
    check.valid(device, "two resolved targets", || gpu.submit(&encoder)).await;
    target_a.halves(check, gpu, "the first target", RED, BLACK).await?;
    target_b.halves(check, gpu, "the second target", GREEN, BLACK).await?;
    let edge = gpu.download_rgba(&target_a.texture, SIZE, SIZE).await?[(4 * SIZE as usize + 3) * 4];
    check.that(&format!("the edge is smooth: {edge} of 255"), (32..=224).contains(&edge));

    // Slice 2 of a 3D texture is cleared to blue, then loaded and stored.
    let block = device.create_texture(&GpuTextureDescriptor {
        size: GpuExtent3D { width: 4, height: Some(4), depth_or_array_layers: Some(3) },
        dimension: Some(GpuTextureDimension::D3),
        ..guest_support::textures::descriptor(
            "block",
            0,
            0,
            FORMAT,
            GpuTextureUsage::RENDER_ATTACHMENT | GpuTextureUsage::COPY_SRC,
        )
    });
    let view = block.create_view(None);
    let slice = |load_op| GpuRenderPassColorAttachment {
        depth_slice: Some(2),
        load_op,
        ..color_attachment(&view, [0.0, 0.0, 1.0, 1.0])
    };
    let encoder = gpu.encoder("slice");
    render_pass(&encoder, "clear", vec![slice(GpuLoadOp::Clear)]).end();
    render_pass(&encoder, "load", vec![slice(GpuLoadOp::Load)]).end();
    check.valid(device, "a slice of a block", || gpu.submit(&encoder)).await;
    let buffer = gpu.buffer("slice", 1024, GpuBufferUsage::COPY_DST | GpuBufferUsage::COPY_SRC);
    let encoder = gpu.encoder("read the slice");
    let source = GpuTexelCopyTextureInfo {
        origin: Some(GpuOrigin3D { x: None, y: None, z: Some(2) }),
        ..guest_support::textures::whole(&block)
    };
    let to = GpuTexelCopyBufferInfo { buffer: &buffer, offset: None, bytes_per_row: Some(256), rows_per_image: None };
    encoder.copy_texture_to_buffer(&source, &to, extent(4, 4));
    gpu.submit(&encoder);
    check.same_list("a texel of the slice", &gpu.download::<u8>(&buffer).await?[..4], &BLUE);
    Ok(())
}

async fn refusals(check: &mut Check, gpu: &Gpu) -> Outcome {
    let device = &gpu.device;
    let quads = Quads::new(gpu, |_| ()).await?;
    let target = Target::new(gpu);
    let limit = device.limits().max_immediate_size();
    type Mistake<'a> = &'a dyn Fn(&GpuRenderPassEncoder);
    let mistakes: [(&str, Mistake<'_>); 14] = [
        ("no pipeline", &|pass| pass.draw(3, None, None, None)),
        ("no vertex buffer", &|pass| {
            pass.set_pipeline(&quads.pipeline);
            pass.draw(3, None, None, None);
        }),
        ("more vertices than there are", &|pass| {
            quads.set(pass);
            pass.draw(13, None, None, None);
        }),
        ("more indices than there are", &|pass| {
            quads.set(pass);
            pass.draw_indexed(7, None, None, None, None);
        }),
        ("no index buffer", &|pass| {
            pass.set_pipeline(&quads.pipeline);
            pass.set_vertex_buffer(0, Some(&quads.corners), None, None);
            pass.set_vertex_buffer(1, Some(&quads.colors), None, None);
            pass.draw_indexed(3, None, None, None, None);
        }),
        ("an index buffer without the usage", &|pass| {
            pass.set_index_buffer(&quads.corners, GpuIndexFormat::Uint32, None, None);
        }),
        ("a vertex buffer over the end", &|pass| {
            pass.set_vertex_buffer(0, Some(&quads.corners), Some(64), Some(64));
        }),
        ("a slot above the limit", &|pass| pass.set_vertex_buffer(8, Some(&quads.corners), None, None)),
        ("a scissor outside", &|pass| pass.set_scissor_rect(4, 4, 8, 1)),
        ("a viewport's depth the wrong way", &|pass| pass.set_viewport(0.0, 0.0, 8.0, 8.0, 0.8, 0.2)),
        ("an open debug group", &|pass| pass.push_debug_group("never closed")),
        ("an indirect draw over the end", &|pass| {
            quads.set(pass);
            pass.draw_indirect(&quads.indirect, 28);
        }),
        ("an occlusion query without a set", &|pass| {
            pass.begin_occlusion_query(0);
            pass.end_occlusion_query();
        }),
        ("immediates above the limit", &|pass| pass.set_immediates(limit, &[0; 4], None, None)),
    ];
    for (what, mistake) in mistakes {
        let encoder = gpu.encoder("mistake");
        let pass = render_pass(&encoder, "mistake", vec![target.black()]);
        mistake(&pass);
        pass.end();
        check.invalid(device, what, || encoder.finish(None)).await;
    }

    let uniform = gpu.buffer("uniform", 256, GpuBufferUsage::UNIFORM);
    let layout = device.create_bind_group_layout(&GpuBindGroupLayoutDescriptor {
        entries: vec![GpuBindGroupLayoutEntry {
            buffer: Some(GpuBufferBindingLayout { has_dynamic_offset: Some(true), ..Default::default() }),
            ..crate::binding::entry(0, GpuShaderStage::FRAGMENT)
        }],
        label: None,
    });
    let group = gpu.bind_group(&layout, vec![GpuBindingResource::GpuBuffer(&uniform)]);
    let encoder = gpu.encoder("groups");
    let pass = render_pass(&encoder, "groups", vec![target.black()]);
    check_success!(check, "set a group", pass.set_bind_group(3, Some(&group), Some(&[0]), None, None));
    check_success!(check, "take it away", pass.set_bind_group(3, None, None, None, None));
    let wrong = pass.set_bind_group(0, Some(&group), Some(&[0]), Some(1), Some(1));
    check_error!(check, "offsets over the end", wrong, SetBindGroupErrorKind::RangeError);
    pass.end();
    check.valid(device, "groups", || encoder.finish(None)).await;

    for (what, attachments) in [
        ("no attachment", vec![]),
        ("a slice of a plane", vec![GpuRenderPassColorAttachment { depth_slice: Some(0), ..target.black() }]),
        ("one view twice", vec![target.black(), target.black()]),
        (
            "a resolve of one sample",
            vec![GpuRenderPassColorAttachment { resolve_target: Some(&target.view), ..target.black() }],
        ),
    ] {
        let encoder = gpu.encoder("attachments");
        render_pass(&encoder, "attachments", attachments).end();
        check.invalid(device, what, || encoder.finish(None)).await;
    }
    // A pipeline for another format.
    let module = gpu.shader("quads", QUADS).await?;
    let mut other = render_descriptor("other", &module, color_target(GpuTextureFormat::Bgra8unorm));
    other.vertex.buffers = Some(vec![
        Some(GpuVertexBufferLayout {
            array_stride: 8,
            step_mode: None,
            attributes: vec![GpuVertexAttribute { format: GpuVertexFormat::Float32x2, offset: 0, shader_location: 0 }],
        }),
        Some(GpuVertexBufferLayout {
            array_stride: 4,
            step_mode: None,
            attributes: vec![GpuVertexAttribute { format: GpuVertexFormat::Unorm8x4, offset: 0, shader_location: 1 }],
        }),
    ]);
    let other = needed("a pipeline for bgra", device.create_render_pipeline_async(other).await)?;
    let encoder = gpu.encoder("formats");
    let pass = render_pass(&encoder, "formats", vec![target.black()]);
    pass.set_pipeline(&other);
    pass.end();
    check.invalid(device, "a pipeline for another format", || encoder.finish(None)).await;
    Ok(())
}
