//! Lazy initialization: unwritten or discarded memory reads as zeros, and other memory keeps its contents.

use airlock_protocol::{
    Payload,
    commands::{buffer::*, command_encoder::*, pipeline::*, queue::*, render_pass::*, session::DropObject, texture::*},
    ids::*,
};

use crate::{
    common::client::DEVICE,
    kit::{Gpu, color},
};

const RED: [f64; 4] = [1.0, 0.0, 0.0, 1.0];
const FORMATS: [TextureFormat; 3] = [TextureFormat::Rgba8unorm, TextureFormat::Bgra8unorm, TextureFormat::R32float];

/// Fills and frees memory of this size, so that the next allocation does not start as zeros.
fn litter(gpu: &mut Gpu, size: Extent3d, format: TextureFormat) {
    let texture = gpu.texture(|texture| {
        (texture.size, texture.format, texture.dimension) = (size, format, TextureDimension::D3);
        texture.usage = TextureUsage::COPY_DST;
    });
    let data = vec![0xab; 1024];
    for slice in 0..size.depth_or_array_layers {
        let origin = Origin3d { x: 0, y: 0, z: slice };
        let destination = TexelCopyTextureInfo { texture, mip_level: 0, origin, aspect: TextureAspect::All };
        let layout = TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(size.width * 4), rows_per_image: None };
        let size = Extent3d { depth_or_array_layers: 1, ..size };
        let data = Payload::Inline(&data[..(size.width * 4 * size.height) as usize]);
        gpu.push(WriteTexture { device: DEVICE, destination, layout, size, data });
    }
    gpu.encode(|_, _| {});
    gpu.push(DropObject { object: Object::Texture(texture) });
    // Dropped memory is free once the GPU is done with it.
    let buffer = gpu.buffer(4, BufferUsage::COPY_SRC);
    gpu.read(buffer, 4);
}

fn slice(view: TextureViewId, slice: u32, clear: [f64; 4], load_op: LoadOp, store_op: StoreOp) -> ColorAttachment {
    ColorAttachment { depth_slice: Some(slice), clear_value: clear, load_op, store_op, ..color(view) }
}

fn volume(gpu: &mut Gpu, format: TextureFormat, levels: u32) -> TextureId {
    gpu.texture(|texture| {
        texture.dimension = TextureDimension::D3;
        texture.size =
            Extent3d { width: 4 << (levels - 1), height: 4 << (levels - 1), depth_or_array_layers: 4 << (levels - 1) };
        texture.mip_level_count = levels;
        texture.format = format;
    })
}

/// A red texel.
fn red(format: TextureFormat) -> [u8; 4] {
    match format {
        TextureFormat::Bgra8unorm => [0, 0, 255, 255],
        TextureFormat::R32float => 1.0_f32.to_le_bytes(),
        _ => [255, 0, 0, 255],
    }
}

#[test]
fn slices_that_were_never_written_are_zeros() {
    let mut gpu = Gpu::new();
    for format in FORMATS {
        for levels in [1, 2] {
            let size = 4 << (levels - 1);
            litter(&mut gpu, Extent3d { width: size, height: size, depth_or_array_layers: size }, format);
            let texture = volume(&mut gpu, format, levels);
            let view = gpu.view_of(texture, |view| (view.base_mip_level, view.mip_level_count) = (levels - 1, Some(1)));
            gpu.valid("a pass", |gpu| {
                gpu.encode(|gpu, encoder| {
                    let attachment = slice(view, 1, RED, LoadOp::Clear, StoreOp::Store);
                    gpu.render_pass(encoder, vec![attachment], None, |_, _| {});
                });
            });
            for z in 0..4 {
                let found = level(&mut gpu, texture, levels - 1, z);
                let expected = if z == 1 { red(format) } else { [0; 4] };
                assert_eq!(found, [expected; 16], "{format:?}, {levels} levels, slice {z}");
            }
        }
    }
}

#[test]
fn a_discarded_slice_is_zeros_and_the_others_stay() {
    let mut gpu = Gpu::new();
    for format in FORMATS {
        for load in [LoadOp::Load, LoadOp::Clear] {
            for encoders in [1, 2] {
                let texture = volume(&mut gpu, format, 1);
                let view = gpu.view(texture);
                let passes = [
                    vec![
                        slice(view, 0, RED, LoadOp::Clear, StoreOp::Store),
                        slice(view, 1, RED, LoadOp::Clear, StoreOp::Store),
                    ],
                    vec![slice(view, 1, RED, load, StoreOp::Discard)],
                    vec![
                        slice(view, 2, RED, load, StoreOp::Discard),
                        slice(view, 3, RED, LoadOp::Clear, StoreOp::Store),
                    ],
                ];
                gpu.valid("passes", |gpu| {
                    for passes in passes.chunks(if encoders == 1 { 3 } else { 1 }) {
                        gpu.encode(|gpu, encoder| {
                            for attachments in passes {
                                gpu.render_pass(encoder, attachments.clone(), None, |_, _| {});
                            }
                        });
                    }
                });
                for (z, is_red) in [true, false, false, true].into_iter().enumerate() {
                    let found = gpu.texels(texture, z as u32);
                    let expected = if is_red { red(format) } else { [0; 4] };
                    assert_eq!(found, [expected; 16], "{format:?}, {load:?}, {encoders} encoders, slice {z}");
                }
            }
        }
    }
}

/// The encoder and the view may be dropped before the pass ends.
#[test]
fn a_discard_outlives_its_handles() {
    let mut gpu = Gpu::new();
    let texture = volume(&mut gpu, TextureFormat::Rgba8unorm, 1);
    let view = gpu.view(texture);
    let (encoder, command_buffer, pass) =
        (CommandEncoderId(gpu.id()), CommandBufferId(gpu.id()), RenderPassId(gpu.id()));
    gpu.valid("a pass", |gpu| {
        gpu.push(CreateCommandEncoder { device: DEVICE, encoder, label: "" });
        gpu.push(BeginRenderPass {
            encoder,
            pass,
            label: "",
            color_attachments: vec![Some(slice(view, 0, RED, LoadOp::Clear, StoreOp::Discard))],
            depth_stencil_attachment: None,
            occlusion_query_set: None,
            timestamp_writes: None,
        });
        gpu.push(DropObject { object: Object::TextureView(view) });
        gpu.push(EndRenderPass { pass });
        gpu.push(FinishCommandEncoder { encoder, command_buffer, label: "" });
        gpu.push(Submit { device: DEVICE, command_buffers: vec![command_buffer] });
    });
    assert_eq!(gpu.texels(texture, 0), [[0; 4]; 16]);
    // Also after the encoder and the texture are dropped.
    let (encoder, pass) = (CommandEncoderId(gpu.id()), RenderPassId(gpu.id()));
    let view = gpu.view(texture);
    gpu.push(CreateCommandEncoder { device: DEVICE, encoder, label: "" });
    gpu.push(BeginRenderPass {
        encoder,
        pass,
        label: "",
        color_attachments: vec![Some(slice(view, 0, RED, LoadOp::Clear, StoreOp::Discard))],
        depth_stencil_attachment: None,
        occlusion_query_set: None,
        timestamp_writes: None,
    });
    gpu.push(DropObject { object: Object::CommandEncoder(encoder) });
    gpu.push(DropObject { object: Object::TextureView(view) });
    gpu.push(DropObject { object: Object::Texture(texture) });
    gpu.push(EndRenderPass { pass });
    gpu.push(DropObject { object: Object::RenderPass(pass) });
    gpu.valid("the session goes on", |_| {});
}

/// Depth and stencil, each cleared or loaded, each stored or discarded.
#[test]
fn discarded_depth_and_stencil_are_zeros() {
    let mut gpu = Gpu::new();
    for bits in 0..16 {
        let [load_depth, load_stencil, keep_depth, keep_stencil] = [0, 1, 2, 3].map(|n| bits >> n & 1 == 1);
        let texture = gpu.texture(|texture| texture.format = TextureFormat::Depth24plusStencil8);
        let view = gpu.view(texture);
        let attachment = |depth: (LoadOp, StoreOp), stencil: (LoadOp, StoreOp)| DepthStencilAttachment {
            view,
            depth_clear_value: Some(1.0),
            depth_load_op: Some(depth.0),
            depth_store_op: Some(depth.1),
            depth_read_only: false,
            stencil_clear_value: 0x5a,
            stencil_load_op: Some(stencil.0),
            stencil_store_op: Some(stencil.1),
            stencil_read_only: false,
        };
        let load = |is: bool| if is { LoadOp::Load } else { LoadOp::Clear };
        let store = |is: bool| if is { StoreOp::Store } else { StoreOp::Discard };
        let both = (LoadOp::Clear, StoreOp::Store);
        let first = attachment(both, both);
        let second = attachment((load(load_depth), store(keep_depth)), (load(load_stencil), store(keep_stencil)));
        let module = gpu.module(
            "@vertex fn v(@builtin(vertex_index) n: u32) -> @builtin(position) vec4f {
                return vec4f(array(vec2f(-1, -1), vec2f(3, -1), vec2f(-1, 3))[n], 0.5, 1);
            }
            @fragment fn f() -> @location(0) vec4f { return vec4f(0, 1, 0, 1); }",
        );
        // Draws where the depth is still 1.
        let face = StencilFaceState {
            compare: CompareFunction::Always,
            fail_op: StencilOperation::Keep,
            depth_fail_op: StencilOperation::Keep,
            pass_op: StencilOperation::Keep,
        };
        let pipeline = gpu.render(module, |pipeline| {
            pipeline.depth_stencil = Some(DepthStencilState {
                format: TextureFormat::Depth24plusStencil8,
                depth_write_enabled: Some(false),
                depth_compare: Some(CompareFunction::Less),
                stencil_front: face,
                stencil_back: face,
                stencil_read_mask: 0xff,
                stencil_write_mask: 0xff,
                depth_bias: 0,
                depth_bias_slope_scale: 0.0,
                depth_bias_clamp: 0.0,
            });
        });
        let target = gpu.texture(|_| {});
        let target_view = gpu.view(target);
        gpu.valid("passes", |gpu| {
            gpu.encode(|gpu, encoder| gpu.render_pass(encoder, vec![], Some(first), |_, _| {}));
            gpu.encode(|gpu, encoder| gpu.render_pass(encoder, vec![], Some(second), |_, _| {}));
            gpu.encode(|gpu, encoder| {
                let keep = (LoadOp::Load, StoreOp::Store);
                let third = attachment(keep, keep);
                gpu.render_pass(encoder, vec![color(target_view)], Some(third), |gpu, pass| {
                    gpu.push(RenderPassSetPipeline { pass, pipeline });
                    let (vertex_count, instance_count, first_vertex, first_instance) = (3, 1, 0, 0);
                    gpu.push(RenderPassDraw { pass, vertex_count, instance_count, first_vertex, first_instance });
                });
            });
        });
        let stencil = gpu.texels_of(texture, 0, TextureAspect::StencilOnly, 1);
        let depth = gpu.texels(target, 0);
        let expected = |is_kept: bool, value| if is_kept { value } else { [0; 4] };
        assert_eq!(stencil, [expected(keep_stencil, [0x5a; 4])[0]; 16], "stencil, {bits:04b}");
        assert_eq!(depth, [expected(keep_depth, [0, 255, 0, 255]); 16], "depth, {bits:04b}");
    }
}

/// The texels of a 4 x 4 part of a level's slice.
fn level(gpu: &mut Gpu, texture: TextureId, mip_level: u32, z: u32) -> Vec<[u8; 4]> {
    let buffer = gpu.buffer(1024, BufferUsage::MAP_READ | BufferUsage::COPY_DST);
    gpu.encode(|gpu, encoder| {
        let origin = Origin3d { x: 0, y: 0, z };
        let source = TexelCopyTextureInfo { texture, mip_level, origin, aspect: TextureAspect::All };
        let layout = TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(256), rows_per_image: Some(4) };
        let size = Extent3d { width: 4, height: 4, depth_or_array_layers: 1 };
        gpu.push(CopyTextureToBuffer { encoder, source, destination: TexelCopyBufferInfo { buffer, layout }, size });
    });
    let data = gpu.map(buffer, MapMode::Read, 1024).unwrap();
    data.chunks(256)
        .flat_map(|row| row[..16].chunks(4).map(|texel| texel.try_into().unwrap()).collect::<Vec<_>>())
        .collect()
}
