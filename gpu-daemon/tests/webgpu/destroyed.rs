//! Destroyed resources: views and groups of them are valid, and a submit of commands that use them is not.

use airlock_protocol::{
    commands::{
        binding::*, buffer::*, command_encoder::*, compute_pass::*, pipeline::*, queue::*, render_pass::*, texture::*,
    },
    ids::*,
};

use crate::{
    common::client::DEVICE,
    kit::{Gpu, color},
};

/// Expects an error at the submit, and none before.
fn fails_at_the_submit(gpu: &mut Gpu, what: &str, record: impl FnOnce(&mut Gpu, CommandEncoderId)) {
    let (encoder, command_buffer) = (CommandEncoderId(gpu.id()), CommandBufferId(gpu.id()));
    gpu.valid(what, |gpu| {
        gpu.push(CreateCommandEncoder { device: DEVICE, encoder, label: "" });
        record(gpu, encoder);
        gpu.push(FinishCommandEncoder { encoder, command_buffer, label: "" });
    });
    let command_buffers = vec![command_buffer];
    gpu.invalid(what, |gpu| gpu.push(Submit { device: DEVICE, command_buffers }));
}

/// WebGPU, "createView": a destroyed texture is as valid as it was.
#[test]
fn views_of_destroyed_textures_are_valid() {
    let mut gpu = Gpu::new();
    for dimension in [TextureDimension::D2, TextureDimension::D3] {
        let texture = gpu.texture(|texture| (texture.dimension, texture.mip_level_count) = (dimension, 2));
        let early = gpu.view_of(texture, |view| view.mip_level_count = Some(1));
        gpu.push(DestroyTexture { texture });
        let late = gpu.valid("a view", |gpu| gpu.view_of(texture, |view| view.mip_level_count = Some(1)));
        gpu.invalid("levels that are not there", |gpu| gpu.view_of(texture, |view| view.base_mip_level = 2));
        for view in [early, late] {
            fails_at_the_submit(&mut gpu, "a pass", |gpu, encoder| {
                let depth_slice = (dimension == TextureDimension::D3).then_some(0);
                gpu.render_pass(encoder, vec![ColorAttachment { depth_slice, ..color(view) }], None, |_, _| {});
            });
        }
    }
    let invalid = gpu.id();
    gpu.invalid("no texture", |gpu| {
        gpu.texture(|texture| (texture.texture, texture.mip_level_count) = (TextureId(invalid), 100))
    });
    gpu.push(DestroyTexture { texture: TextureId(invalid) });
    gpu.invalid("a view of nothing", |gpu| gpu.view(TextureId(invalid)));
}

/// WebGPU, "createBindGroup": as [`views_of_destroyed_textures_are_valid`], whenever the view was made.
#[test]
fn groups_of_destroyed_resources_are_valid() {
    let mut gpu = Gpu::new();
    let code =
        "@group(0) @binding(0) var<storage, read_write> b: array<u32>; @group(0) @binding(1) var t: texture_2d<f32>;
        @compute @workgroup_size(1) fn main() { b[0] = u32(textureLoad(t, vec2u(), 0).x); }";
    let module = gpu.module(code);
    let pipeline = gpu.compute(module, &[]);
    let dispatch = |gpu: &mut Gpu, encoder, group| {
        gpu.compute_pass(encoder, |gpu, pass| {
            gpu.push(ComputePassSetPipeline { pass, pipeline });
            let bind_group = Some(group);
            gpu.push(ComputePassSetBindGroup { pass, index: 0, bind_group, dynamic_offsets: vec![] });
            gpu.push(DispatchWorkgroups { pass, x: 1, y: 1, z: 1 });
        });
    };
    for bits in 0..8 {
        let [buffer_goes, texture_goes, by_view] = [0, 1, 2].map(|n| bits >> n & 1 == 1);
        let buffer = gpu.buffer(16, BufferUsage::STORAGE);
        let texture = gpu.texture(|texture| texture.usage = TextureUsage::TEXTURE_BINDING);
        let view = gpu.view(texture);
        if buffer_goes {
            gpu.push(DestroyBuffer { buffer });
        }
        if texture_goes {
            gpu.push(DestroyTexture { texture });
        }
        let bound = if by_view { BindingResource::TextureView(view) } else { BindingResource::Texture(texture) };
        let resources = [BindingResource::Buffer { buffer, offset: 0, size: None }, bound];
        let group = gpu.valid("a group", |gpu| gpu.group_of(PipelineId::Compute(pipeline), resources));
        let too_far = [BindingResource::Buffer { buffer, offset: 256, size: None }, bound];
        gpu.invalid("beyond it", |gpu| gpu.group_of(PipelineId::Compute(pipeline), too_far));
        if buffer_goes || texture_goes {
            fails_at_the_submit(&mut gpu, "a dispatch", |gpu, encoder| dispatch(gpu, encoder, group));
        } else {
            gpu.valid("a dispatch", |gpu| gpu.encode(|gpu, encoder| dispatch(gpu, encoder, group)));
        }
    }
}

/// A copy of nothing uses its resources all the same.
#[test]
fn copies_of_nothing_name_their_resources() {
    let mut gpu = Gpu::new();
    let empty = Extent3d { width: 4, height: 0, depth_or_array_layers: 1 };
    let whole = |texture| TexelCopyTextureInfo {
        texture,
        mip_level: 0,
        origin: Origin3d { x: 0, y: 0, z: 0 },
        aspect: TextureAspect::All,
    };
    let layout = TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(256), rows_per_image: None };
    for kind in 0..3 {
        for bits in 0..4 {
            let textures = [0, 1].map(|_| {
                let usage = TextureUsage::COPY_SRC | TextureUsage::COPY_DST;
                gpu.texture(|texture| texture.usage = usage)
            });
            let buffer = gpu.buffer(256, BufferUsage::COPY_SRC | BufferUsage::COPY_DST);
            let (from, to) = (whole(textures[0]), whole(textures[1]));
            let of_buffer = TexelCopyBufferInfo { buffer, layout };
            let record = move |gpu: &mut Gpu, encoder| match kind {
                0 => gpu.push(CopyBufferToTexture { encoder, source: of_buffer, destination: to, size: empty }),
                1 => gpu.push(CopyTextureToBuffer { encoder, source: from, destination: of_buffer, size: empty }),
                _ => gpu.push(CopyTextureToTexture { encoder, source: from, destination: to, size: empty }),
            };
            let (encoder, command_buffer) = (CommandEncoderId(gpu.id()), CommandBufferId(gpu.id()));
            gpu.valid("a recording", |gpu| {
                gpu.push(CreateCommandEncoder { device: DEVICE, encoder, label: "" });
                record(gpu, encoder);
                gpu.push(FinishCommandEncoder { encoder, command_buffer, label: "" });
            });
            let [texture_goes, other_goes] = [0, 1].map(|n| bits >> n & 1 == 1);
            if texture_goes {
                gpu.push(DestroyTexture { texture: if kind == 0 { textures[1] } else { textures[0] } });
            }
            if other_goes && kind == 2 {
                gpu.push(DestroyTexture { texture: textures[1] });
            } else if other_goes {
                gpu.push(DestroyBuffer { buffer });
            }
            let submit = |gpu: &mut Gpu| gpu.push(Submit { device: DEVICE, command_buffers: vec![command_buffer] });
            let error = gpu.error(submit);
            assert_eq!(error.is_none(), bits == 0, "{kind} {bits}: {error:?}");
            gpu.invalid("again", submit);
        }
    }
}
