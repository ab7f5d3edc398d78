//! Valid objects for the random commands.

use airlock_protocol::{
    Command,
    commands::{
        binding::{BindGroupEntry, BindingResource, CreateBindGroup},
        buffer::{BufferUsage, CreateBuffer},
        pipeline::{
            ColorTargetState, ColorWrite, CreateComputePipeline, CreateRenderPipeline, CullMode, FragmentState,
            FrontFace, GetBindGroupLayout, MultisampleState, PipelineId, PrimitiveState, PrimitiveTopology,
            ProgrammableStage,
        },
        query_set::{CreateQuerySet, QueryType},
        render_bundle::CreateRenderBundleEncoder,
        render_pass::{BeginRenderPass, ColorAttachment, LoadOp, StoreOp},
        shader::CreateShaderModule,
        texture::{
            CreateTexture, CreateTextureView, Extent3d, TextureAspect, TextureDimension, TextureFormat, TextureUsage,
        },
    },
    ids::{
        BindGroupId, BindGroupLayoutId, BufferId, CommandEncoderId, ComputePipelineId, DeviceId, QuerySetId,
        RenderBundleEncoderId, RenderPassId, RenderPipelineId, ShaderModuleId, TextureId, TextureViewId,
    },
};

pub const DEVICE: DeviceId = DeviceId(0);
pub const COMPUTE: ComputePipelineId = ComputePipelineId(0);
pub const RENDER: RenderPipelineId = RenderPipelineId(0);
pub const GROUP: BindGroupId = BindGroupId(0);
const TARGET: TextureViewId = TextureViewId(0);
const QUERIES: QuerySetId = QuerySetId(0);

fn stage(module: u32) -> ProgrammableStage<'static> {
    ProgrammableStage { module: ShaderModuleId(module), entry_point: None, constants: vec![] }
}

/// The objects, with the names of their id types and their numbers.
pub fn objects() -> Vec<(&'static str, u32, Command<'static>)> {
    let device = DEVICE;
    let mut objects: Vec<(&str, u32, Command<'static>)> = Vec::new();
    let usage = BufferUsage::all().difference(BufferUsage::MAP_READ | BufferUsage::MAP_WRITE);
    for (n, size) in [(0, 1024), (1, 65536)] {
        let buffer = BufferId(n);
        let create = CreateBuffer { device, buffer, label: "", size, usage, mapped_at_creation: false };
        objects.push(("BufferId", n, create.into()));
    }
    let textures = [
        (TextureFormat::Rgba8unorm, TextureDimension::D2, 1),
        (TextureFormat::Depth24plusStencil8, TextureDimension::D2, 2),
        (TextureFormat::R32float, TextureDimension::D3, 4),
        (TextureFormat::R32uint, TextureDimension::D2, 6),
        (TextureFormat::Stencil8, TextureDimension::D2, 1),
        (TextureFormat::Depth32float, TextureDimension::D2, 1),
        (TextureFormat::Rgba8uint, TextureDimension::D1, 1),
    ];
    for (n, (format, dimension, depth_or_array_layers)) in (0..).zip(textures) {
        let mut usage = TextureUsage::COPY_SRC | TextureUsage::COPY_DST | TextureUsage::TEXTURE_BINDING;
        if dimension == TextureDimension::D2 {
            usage |= TextureUsage::RENDER_ATTACHMENT;
        }
        let height = if dimension == TextureDimension::D1 { 1 } else { 16 };
        let create = CreateTexture {
            device,
            texture: TextureId(n),
            label: "",
            size: Extent3d { width: 16, height, depth_or_array_layers },
            mip_level_count: if dimension == TextureDimension::D1 { 1 } else { 3 },
            sample_count: 1,
            dimension,
            format,
            usage,
            view_formats: vec![],
        };
        objects.push(("TextureId", n, create.into()));
        let create = CreateTextureView {
            texture: TextureId(n),
            view: TextureViewId(n),
            label: "",
            format: None,
            dimension: None,
            usage: None,
            aspect: TextureAspect::All,
            base_mip_level: 0,
            mip_level_count: Some(1),
            base_array_layer: 0,
            array_layer_count: None,
        };
        objects.push(("TextureViewId", n, create.into()));
    }
    let codes = [
        "var<immediate> i: vec4u; @group(0) @binding(0) var<storage, read_write> a: array<vec4u>;
         @compute @workgroup_size(1) fn main() { a[0] += i; }",
        "@vertex fn v(@location(0) p: vec2f) -> @builtin(position) vec4f { return vec4f(p, 0, 1); }
         @fragment fn f() -> @location(0) vec4f { return vec4f(1); }",
        "@vertex fn v(@builtin(vertex_index) n: u32) -> @builtin(position) vec4f { return vec4f(f32(n), 0, 0, 1); }
         @fragment fn f() -> @location(0) vec4f { return vec4f(1); }",
    ];
    for (n, code) in (0..).zip(codes) {
        let module = ShaderModuleId(n);
        objects.push(("ShaderModuleId", n, CreateShaderModule { device, module, label: "", code }.into()));
    }
    let compute = stage(0);
    let (request, layout) = (None, None);
    let create = CreateComputePipeline { device, pipeline: COMPUTE, request, label: "", layout, compute };
    objects.push(("ComputePipelineId", 0, create.into()));
    let target = ColorTargetState { format: TextureFormat::Rgba8unorm, blend: None, write_mask: ColorWrite::all() };
    let create = CreateRenderPipeline {
        device,
        pipeline: RENDER,
        request: None,
        label: "",
        layout: None,
        vertex: stage(2),
        vertex_buffers: vec![],
        primitive: PrimitiveState {
            topology: PrimitiveTopology::TriangleList,
            strip_index_format: None,
            front_face: FrontFace::Ccw,
            cull_mode: CullMode::None,
            unclipped_depth: false,
        },
        depth_stencil: None,
        multisample: MultisampleState { count: 1, mask: u32::MAX, alpha_to_coverage_enabled: false },
        fragment: Some(FragmentState { stage: stage(2), targets: vec![Some(target)] }),
    };
    objects.push(("RenderPipelineId", 0, create.into()));
    let layout = BindGroupLayoutId(0);
    let get = GetBindGroupLayout { pipeline: PipelineId::Compute(COMPUTE), index: 0, layout };
    objects.push(("BindGroupLayoutId", 0, get.into()));
    let resource = BindingResource::Buffer { buffer: BufferId(1), offset: 0, size: None };
    let entries = vec![BindGroupEntry { binding: 0, resource }];
    let create = CreateBindGroup { device, bind_group: GROUP, label: "", layout, entries };
    objects.push(("BindGroupId", 0, create.into()));
    let create = CreateQuerySet { device, query_set: QUERIES, label: "", ty: QueryType::Occlusion, count: 8 };
    objects.push(("QuerySetId", 0, create.into()));
    objects
}

/// A pass that clears the first texture.
pub fn render_pass(encoder: CommandEncoderId, pass: RenderPassId) -> Command<'static> {
    let attachment = ColorAttachment {
        view: TARGET,
        depth_slice: None,
        resolve_target: None,
        clear_value: [0.0; 4],
        load_op: LoadOp::Clear,
        store_op: StoreOp::Store,
    };
    BeginRenderPass {
        encoder,
        pass,
        label: "",
        color_attachments: vec![Some(attachment)],
        depth_stencil_attachment: None,
        occlusion_query_set: Some(QUERIES),
        timestamp_writes: None,
    }
    .into()
}

/// A bundle encoder for the pass of [`render_pass`].
pub fn bundle_encoder(encoder: RenderBundleEncoderId) -> Command<'static> {
    CreateRenderBundleEncoder {
        device: DEVICE,
        encoder,
        label: "",
        color_formats: vec![Some(TextureFormat::Rgba8unorm)],
        depth_stencil_format: None,
        sample_count: 1,
        depth_read_only: false,
        stencil_read_only: false,
    }
    .into()
}
