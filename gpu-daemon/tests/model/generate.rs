//! Random programs: mostly valid, with a mistake here and there.

use std::collections::BTreeMap;

use airlock_protocol::{
    Command, Payload,
    commands::{
        binding::*, buffer::*, command_encoder::*, compute_pass::*, query_set::*, queue::*, render_pass::*, texture::*,
    },
    ids::*,
};

use crate::{
    common::client::DEVICE,
    generate_contents::{computation, in_compute_pass},
    generate_draws::{bundle_with_a_draw, create_bundle_encoder, create_pipeline, in_bundle, in_pass},
    model::{Model, Pass},
    prepare,
    texture::{FORMATS, format},
};

static ZEROS: [u8; 1024] = [0; 1024];

/// Pseudo-random numbers from a seed.
#[derive(Clone)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    pub fn below(&mut self, end: u32) -> u32 {
        (self.next() % u64::from(end.max(1))) as u32
    }

    /// True with a probability of 1 in `times`.
    pub fn one_in(&mut self, times: u32) -> bool {
        self.below(times) == 0
    }

    pub fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u32) as usize]
    }

    /// The usual value, or seldom one of the others.
    pub fn mostly<T: Copy>(&mut self, usual: T, others: &[T]) -> T {
        if self.one_in(6) { self.of(others) } else { usual }
    }

    /// The usual value, or one of the others where programs should have hardly a mistake.
    pub fn seldom<T: Copy>(&mut self, usual: T, others: &[T]) -> T {
        if self.one_in(40) { self.of(others) } else { usual }
    }

    /// A pass that has begun.
    pub fn pass(&mut self, passes: &BTreeMap<u32, Pass>) -> Option<u32> {
        self.key(passes).filter(|id| passes.get(id).is_some_and(|pass| pass.begun))
    }

    /// An object of a kind, if there is one.
    pub fn key<T>(&mut self, objects: &BTreeMap<u32, T>) -> Option<u32> {
        let keys: Vec<u32> = objects.keys().copied().collect();
        // The newest are the most likely, so that open recordings continue.
        (!keys.is_empty()).then(|| if self.one_in(2) { keys[keys.len() - 1] } else { self.of(&keys) })
    }
}

/// A program of so many calls; `model` is where it would leave a device.
pub fn program(random: &mut Random, calls: usize, first_id: u32) -> Vec<Command<'static>> {
    let (mut model, mut program, mut id) = (prepare(), Vec::new(), first_id);
    while program.len() < calls {
        id += 1;
        if random.one_in(30) {
            for command in bundle_with_a_draw(random, id) {
                model.call(&command);
                program.push(command);
            }
        } else if random.one_in(40) {
            for command in computation(random, &model, id).unwrap_or_default() {
                model.call(&command);
                program.push(command);
            }
        } else if let Some(command) = command(random, &model, id) {
            model.call(&command);
            program.push(command);
        }
    }
    program
}

fn command(r: &mut Random, model: &Model, id: u32) -> Option<Command<'static>> {
    Some(match r.below(58) {
        0..4 => create_buffer(r, id),
        4 if r.one_in(3) => DestroyBuffer { buffer: BufferId(r.key(&model.buffers)?) }.into(),
        5 => MapBuffer {
            request: RequestId(u64::from(id) << 32),
            buffer: BufferId(r.key(&model.buffers)?),
            mode: r.of(&[MapMode::Read, MapMode::Write]),
            offset: r.mostly(0, &[8, 4, 1 << 60]),
            size: r.mostly(8, &[0, 2, 4, 64, 4096]),
        }
        .into(),
        6 => UnmapBuffer { buffer: BufferId(r.key(&model.buffers)?) }.into(),
        7 => WriteBuffer {
            device: DEVICE,
            buffer: BufferId(r.key(&model.buffers)?),
            offset: r.mostly(0, &[4, 2, 256, u64::MAX - 3]),
            data: Payload::Inline(&ZEROS[..r.mostly(4, &[0, 2, 64, 300])]),
        }
        .into(),
        8..12 => create_texture(r, id),
        12 if r.one_in(3) => DestroyTexture { texture: TextureId(r.key(&model.textures)?) }.into(),
        13..16 => create_view(r, model, id)?,
        16 => WriteTexture {
            device: DEVICE,
            destination: texture_info(r, model)?,
            layout: layout(r),
            size: copy_size(r, model)?,
            data: Payload::Inline(&ZEROS[..r.mostly(1024, &[0, 4, 16, 64, 256])]),
        }
        .into(),
        17 => CreateBindGroupLayout {
            device: DEVICE,
            layout: BindGroupLayoutId(id),
            label: "",
            entries: vec![layout_entry(r)],
        }
        .into(),
        18 => create_group(r, model, id)?,
        19 if r.one_in(2) => CreateQuerySet {
            device: DEVICE,
            query_set: QuerySetId(id),
            label: "",
            ty: QueryType::Occlusion,
            count: r.mostly(4, &[0, 1, 4096, 4097]),
        }
        .into(),
        20 if r.one_in(4) => DestroyQuerySet { query_set: QuerySetId(r.key(&model.query_sets)?) }.into(),
        21 => CreateCommandEncoder { device: DEVICE, encoder: CommandEncoderId(id), label: "" }.into(),
        22 => {
            let encoder = encoder(r, model)?;
            match r.one_in(2) {
                true => EncoderPushDebugGroup { encoder, label: "" }.into(),
                false => EncoderPopDebugGroup { encoder }.into(),
            }
        }
        23 => CopyBufferToBuffer {
            encoder: encoder(r, model)?,
            source: BufferId(r.key(&model.buffers)?),
            source_offset: r.mostly(0, &[4, 2, 256, u64::MAX - 3]),
            destination: BufferId(r.key(&model.buffers)?),
            destination_offset: r.mostly(0, &[4, 2, 256, u64::MAX - 3]),
            size: r.mostly(Some(4), &[None, Some(0), Some(2), Some(256), Some(u64::MAX - 3)]),
        }
        .into(),
        24 => ClearBuffer {
            encoder: encoder(r, model)?,
            buffer: BufferId(r.key(&model.buffers)?),
            offset: r.mostly(0, &[4, 2, 256, u64::MAX - 3]),
            size: r.mostly(None, &[Some(4), Some(0), Some(2), Some(256), Some(u64::MAX - 3)]),
        }
        .into(),
        25 => ResolveQuerySet {
            encoder: encoder(r, model)?,
            query_set: QuerySetId(r.key(&model.query_sets)?),
            first_query: r.mostly(0, &[1, 4, 5, u32::MAX]),
            query_count: r.mostly(1, &[0, 4, 5, u32::MAX]),
            destination: BufferId(r.key(&model.buffers)?),
            destination_offset: r.mostly(0, &[8, 256, u64::MAX - 255]),
        }
        .into(),
        26 => CopyBufferToTexture {
            encoder: encoder(r, model)?,
            source: buffer_info(r, model)?,
            destination: texture_info(r, model)?,
            size: copy_size(r, model)?,
        }
        .into(),
        27 => CopyTextureToBuffer {
            encoder: encoder(r, model)?,
            source: texture_info(r, model)?,
            destination: buffer_info(r, model)?,
            size: copy_size(r, model)?,
        }
        .into(),
        28 | 29 => CopyTextureToTexture {
            encoder: encoder(r, model)?,
            source: texture_info(r, model)?,
            destination: texture_info(r, model)?,
            size: copy_size(r, model)?,
        }
        .into(),
        30 => {
            FinishCommandEncoder { encoder: encoder(r, model)?, command_buffer: CommandBufferId(id), label: "" }.into()
        }
        31 => {
            let mut command_buffers = vec![CommandBufferId(r.key(&model.commands)?)];
            if r.one_in(4) {
                let other = CommandBufferId(r.key(&model.commands)?);
                command_buffers.extend((other != command_buffers[0]).then_some(other));
            }
            Submit { device: DEVICE, command_buffers }.into()
        }
        32 if r.one_in(2) => {
            let (encoder, pass) = (encoder(r, model)?, ComputePassId(id));
            BeginComputePass { encoder, pass, label: "", timestamp_writes: None }.into()
        }
        33 => {
            let pass = ComputePassId(r.pass(&model.compute_passes)?);
            match r.below(3) {
                0 => ComputePassPushDebugGroup { pass, label: "" }.into(),
                1 => ComputePassPopDebugGroup { pass }.into(),
                _ => EndComputePass { pass }.into(),
            }
        }
        34 | 35 => begin_render_pass(r, model, id)?,
        36..39 => {
            let pass = RenderPassId(r.pass(&model.render_passes)?);
            in_render_pass(r, pass)
        }
        39 => {
            // Ends all open recordings.
            let open = model.render_passes.iter().find(|(_, pass)| pass.begun && !pass.ended);
            EndRenderPass { pass: RenderPassId(*open?.0) }.into()
        }
        40..42 => create_pipeline(r, id),
        42 => create_bundle_encoder(r, id),
        43..49 => in_bundle(r, model, id)?,
        49..56 => in_pass(r, model)?,
        56 | 57 => in_compute_pass(r, model, id)?,
        _ => return None,
    })
}

fn encoder(r: &mut Random, model: &Model) -> Option<CommandEncoderId> {
    r.key(&model.encoders).map(CommandEncoderId)
}

fn create_buffer(r: &mut Random, id: u32) -> Command<'static> {
    const COPIES: BufferUsage = BufferUsage::COPY_SRC.union(BufferUsage::COPY_DST);
    let usage = r.mostly(
        COPIES
            .union(BufferUsage::QUERY_RESOLVE)
            .union(BufferUsage::UNIFORM)
            .union(BufferUsage::STORAGE)
            .union(BufferUsage::VERTEX)
            .union(BufferUsage::INDEX),
        &[
            BufferUsage::empty(),
            BufferUsage::MAP_READ | BufferUsage::COPY_DST,
            BufferUsage::MAP_WRITE | BufferUsage::COPY_SRC,
            BufferUsage::MAP_READ | BufferUsage::COPY_SRC,
            BufferUsage::MAP_READ | BufferUsage::MAP_WRITE,
            BufferUsage::MAP_WRITE,
            BufferUsage::UNIFORM,
            COPIES,
        ],
    );
    let size = r.mostly(1024, &[0, 2, 4, 16, 256, 4096, (256 << 20) + 4]);
    let mapped_at_creation = r.one_in(8);
    CreateBuffer { device: DEVICE, buffer: BufferId(id), label: "", size, usage, mapped_at_creation }.into()
}

fn create_texture(r: &mut Random, id: u32) -> Command<'static> {
    let of = r.of(&FORMATS);
    let can = format(of);
    let dimension = match of {
        _ if !can.is_color() => r.mostly(TextureDimension::D2, &[TextureDimension::D1, TextureDimension::D3]),
        _ => r.mostly(TextureDimension::D2, &[TextureDimension::D1, TextureDimension::D3, TextureDimension::D3]),
    };
    let sample_count =
        if dimension == TextureDimension::D2 { r.mostly(1, &[4, 4, 2, 0, 16]) } else { r.mostly(1, &[4]) };
    let mut usage = TextureUsage::COPY_SRC | TextureUsage::COPY_DST | TextureUsage::TEXTURE_BINDING;
    usage.set(
        TextureUsage::RENDER_ATTACHMENT,
        if dimension == TextureDimension::D1 { r.one_in(8) } else { can.renderable },
    );
    usage.set(TextureUsage::STORAGE_BINDING, if sample_count == 1 { can.storage } else { r.one_in(8) });
    let usage = r.mostly(
        usage,
        &[
            TextureUsage::empty(),
            TextureUsage::RENDER_ATTACHMENT,
            TextureUsage::STORAGE_BINDING,
            TextureUsage::COPY_SRC,
        ],
    );
    let height = if dimension == TextureDimension::D1 { r.mostly(1, &[4]) } else { r.mostly(4, &[0, 1, 8]) };
    let depth = match dimension {
        TextureDimension::D1 => r.mostly(1, &[2]),
        TextureDimension::D2 => r.mostly(1, &[0, 2, 6, 12, 257]),
        TextureDimension::D3 => r.mostly(4, &[1, 0, 2049]),
    };
    CreateTexture {
        device: DEVICE,
        texture: TextureId(id),
        label: "",
        size: Extent3d { width: r.mostly(4, &[0, 1, 8, 8193]), height, depth_or_array_layers: depth },
        mip_level_count: r.mostly(1, &[0, 2, 3, 4, 5]),
        sample_count,
        dimension,
        format: of,
        usage,
        view_formats: vec![],
    }
    .into()
}

fn create_view(r: &mut Random, model: &Model, id: u32) -> Option<Command<'static>> {
    use TextureViewDimension as D;
    Some(
        CreateTextureView {
            texture: TextureId(r.key(&model.textures)?),
            view: TextureViewId(id),
            label: "",
            format: None,
            dimension: r.mostly(None, &[D::D1, D::D2, D::D2Array, D::Cube, D::CubeArray, D::D3].map(Some)),
            usage: r.mostly(
                None,
                &[
                    Some(TextureUsage::empty()),
                    Some(TextureUsage::RENDER_ATTACHMENT),
                    Some(TextureUsage::TEXTURE_BINDING),
                ],
            ),
            aspect: r.mostly(TextureAspect::All, &[TextureAspect::DepthOnly, TextureAspect::StencilOnly]),
            base_mip_level: r.mostly(0, &[1, 2, 5, u32::MAX]),
            mip_level_count: r.mostly(Some(1), &[None, Some(0), Some(2), Some(u32::MAX)]),
            base_array_layer: r.mostly(0, &[1, 2, 6, u32::MAX]),
            array_layer_count: r.mostly(None, &[Some(0), Some(1), Some(2), Some(6), Some(u32::MAX)]),
        }
        .into(),
    )
}

fn layout(r: &mut Random) -> TexelCopyBufferLayout {
    TexelCopyBufferLayout {
        offset: r.mostly(0, &[1, 2, 4, 8, 256, u64::MAX]),
        bytes_per_row: r.mostly(Some(256), &[None, None, Some(0), Some(4), Some(16), Some(255), Some(512)]),
        rows_per_image: r.mostly(None, &[Some(0), Some(1), Some(4), Some(4), Some(8)]),
    }
}

fn buffer_info(r: &mut Random, model: &Model) -> Option<TexelCopyBufferInfo> {
    Some(TexelCopyBufferInfo { buffer: BufferId(r.key(&model.buffers)?), layout: layout(r) })
}

fn texture_info(r: &mut Random, model: &Model) -> Option<TexelCopyTextureInfo> {
    Some(TexelCopyTextureInfo {
        texture: TextureId(r.key(&model.textures)?),
        mip_level: r.mostly(0, &[1, 2, 5]),
        origin: Origin3d { x: r.mostly(0, &[1, 4, u32::MAX]), y: r.mostly(0, &[1, 4]), z: r.mostly(0, &[1, 2, 3]) },
        aspect: r.mostly(TextureAspect::All, &[TextureAspect::DepthOnly, TextureAspect::StencilOnly]),
    })
}

fn copy_size(r: &mut Random, model: &Model) -> Option<Extent3d> {
    let size = model.textures.get(&r.key(&model.textures)?)?.size;
    Some(Extent3d {
        width: r.mostly(size.width, &[0, 1, 2]),
        height: r.mostly(size.height, &[0, 1, 2]),
        depth_or_array_layers: r.mostly(1, &[0, 2, 4]),
    })
}

fn layout_entry(r: &mut Random) -> BindGroupLayoutEntry {
    use TextureViewDimension as D;
    let view_dimension = r.mostly(D::D2, &[D::D1, D::D2Array, D::Cube, D::CubeArray, D::D3]);
    let ty = match r.below(3) {
        0 => BindingType::Buffer {
            ty: r.of(&[BufferBindingType::Uniform, BufferBindingType::Storage, BufferBindingType::ReadOnlyStorage]),
            has_dynamic_offset: false,
            min_binding_size: r.mostly(0, &[4, 16, 4096]),
        },
        1 => BindingType::Texture {
            sample_type: r.of(&[
                TextureSampleType::Float,
                TextureSampleType::UnfilterableFloat,
                TextureSampleType::Depth,
                TextureSampleType::Uint,
                TextureSampleType::Sint,
            ]),
            view_dimension,
            multisampled: r.one_in(6),
        },
        _ => BindingType::StorageTexture {
            access: r.of(&[
                StorageTextureAccess::WriteOnly,
                StorageTextureAccess::ReadOnly,
                StorageTextureAccess::ReadWrite,
            ]),
            format: r.of(&FORMATS),
            view_dimension,
        },
    };
    let visibility = r.mostly(ShaderStage::COMPUTE, &[ShaderStage::empty(), ShaderStage::VERTEX, ShaderStage::all()]);
    BindGroupLayoutEntry { binding: r.mostly(0, &[1, 999, 1000]), visibility, ty }
}

fn create_group(r: &mut Random, model: &Model, id: u32) -> Option<Command<'static>> {
    let layout = r.key(&model.layouts)?;
    let of = model.layouts.get(&layout)?.0;
    let wants_buffer = of.is_some_and(|entry| matches!(entry.ty, BindingType::Buffer { .. }));
    let resource = match wants_buffer != r.one_in(10) {
        true => BindingResource::Buffer {
            buffer: BufferId(r.key(&model.buffers)?),
            offset: r.mostly(0, &[4, 256, 1024, u64::MAX - 255]),
            size: r.mostly(None, &[Some(0), Some(2), Some(16), Some(256), Some(u64::MAX)]),
        },
        false => BindingResource::TextureView(TextureViewId(r.key(&model.views)?)),
    };
    let binding = r.mostly(of.map_or(0, |entry| entry.binding), &[0, 1]);
    let entries = vec![BindGroupEntry { binding, resource }];
    let (bind_group, layout) = (BindGroupId(id), BindGroupLayoutId(layout));
    Some(CreateBindGroup { device: DEVICE, bind_group, label: "", layout, entries }.into())
}

fn begin_render_pass(r: &mut Random, model: &Model, id: u32) -> Option<Command<'static>> {
    let color = |r: &mut Random| {
        let view = r.key(&model.views)?;
        let is_volume = model.views.get(&view).is_some_and(|view| view.dimension == TextureViewDimension::D3);
        let depth_slice = match is_volume {
            true => r.mostly(Some(0), &[None, Some(1), Some(3), Some(4)]),
            false => r.mostly(None, &[Some(0)]),
        };
        Some(ColorAttachment {
            view: TextureViewId(view),
            depth_slice,
            resolve_target: if r.one_in(4) { r.key(&model.views).map(TextureViewId) } else { None },
            clear_value: [0.0; 4],
            load_op: r.of(&[LoadOp::Load, LoadOp::Clear]),
            store_op: r.of(&[StoreOp::Store, StoreOp::Discard]),
        })
    };
    let mut color_attachments = Vec::new();
    for _ in 0..r.mostly(1, &[0, 2, 2, 5, 9]) {
        color_attachments.push(if r.one_in(8) { None } else { color(r) });
    }
    let depth_stencil_attachment = if color_attachments.is_empty() || r.one_in(4) {
        let view = r.key(&model.views)?;
        let texture = model.textures.get(&model.views.get(&view)?.texture)?;
        let of = format(texture.format);
        let (depth_read_only, stencil_read_only) = (r.one_in(5), r.one_in(5));
        let load = |r: &mut Random, is: bool| (is != r.one_in(12)).then(|| r.of(&[LoadOp::Load, LoadOp::Clear]));
        let store = |r: &mut Random, is: bool| (is != r.one_in(12)).then(|| r.of(&[StoreOp::Store, StoreOp::Discard]));
        Some(DepthStencilAttachment {
            view: TextureViewId(view),
            depth_clear_value: r.mostly(Some(0.5), &[None, Some(-0.5), Some(1.5), Some(f32::NAN), Some(1.0)]),
            depth_load_op: load(r, of.depth && !depth_read_only),
            depth_store_op: store(r, of.depth && !depth_read_only),
            depth_read_only,
            stencil_clear_value: 0,
            stencil_load_op: load(r, of.stencil && !stencil_read_only),
            stencil_store_op: store(r, of.stencil && !stencil_read_only),
            stencil_read_only,
        })
    } else {
        None
    };
    let occlusion_query_set = if r.one_in(2) { r.key(&model.query_sets).map(QuerySetId) } else { None };
    Some(
        BeginRenderPass {
            encoder: encoder(r, model)?,
            pass: RenderPassId(id),
            label: "",
            color_attachments,
            depth_stencil_attachment,
            occlusion_query_set,
            timestamp_writes: None,
        }
        .into(),
    )
}

fn in_render_pass(r: &mut Random, pass: RenderPassId) -> Command<'static> {
    match r.below(8) {
        0 => RenderPassPushDebugGroup { pass, label: "" }.into(),
        1 => RenderPassPopDebugGroup { pass }.into(),
        2 => SetViewport {
            pass,
            x: r.mostly(0.0, &[-16384.0, -16385.0, 16000.0, 16383.0, f32::NAN, f32::INFINITY]),
            y: r.mostly(0.0, &[-1.0, 16384.0]),
            width: r.mostly(4.0, &[0.0, -1.0, 8192.0, 8193.0]),
            height: r.mostly(4.0, &[0.0, -1.0, 8192.0, 8193.0]),
            min_depth: r.mostly(0.0, &[1.0, -0.1, f32::NAN]),
            max_depth: r.mostly(1.0, &[0.0, 1.1]),
        }
        .into(),
        3 => SetScissorRect {
            pass,
            x: r.mostly(0, &[1, 4, u32::MAX]),
            y: r.mostly(0, &[1, 4]),
            width: r.mostly(1, &[0, 4, 5, u32::MAX]),
            height: r.mostly(1, &[0, 4, 5]),
        }
        .into(),
        4 => BeginOcclusionQuery { pass, query_index: r.mostly(0, &[1, 2, 3, 4, u32::MAX]) }.into(),
        5 => EndOcclusionQuery { pass }.into(),
        _ => EndRenderPass { pass }.into(),
    }
}
