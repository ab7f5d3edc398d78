//! Test client with one-line constructors, which assigns ids itself.
#![allow(dead_code)]

use std::ops::{Deref, DerefMut};

use airlock_protocol::{
    Payload,
    commands::{
        adapter::{LimitName, Limits},
        binding::*,
        buffer::*,
        command_encoder::*,
        compute_pass::*,
        error::GpuError,
        pipeline::*,
        queue::*,
        render_pass::*,
        session::DropObject,
        shader::*,
        texture::*,
    },
    ids::*,
};

use crate::common::client::{Client, DEVICE};

/// Draws one triangle over everything, in the color of `@location(0)`'s one line.
pub const WHOLE: &str = "@vertex fn whole(@builtin(vertex_index) n: u32) -> @builtin(position) vec4f {
        return vec4f(array(vec2f(-1, -1), vec2f(3, -1), vec2f(-1, 3))[n], 0.5, 1);
    }\n";

/// A client with a device on a real adapter.
pub struct Gpu {
    client: Client,
    next: u32,
    /// The adapter's name.
    pub adapter: String,
    /// The device's limits.
    pub limits: Limits,
}

impl Deref for Gpu {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl DerefMut for Gpu {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}

impl Gpu {
    pub fn new() -> Self {
        Self::with_limits(|_| vec![])
    }

    /// A client whose device has every limit of the adapter.
    pub fn with_all_limits() -> Self {
        Self::with_limits(|adapter| LimitName::ALL.iter().map(|&name| (name, adapter.get(name))).collect())
    }

    fn with_limits(required: impl FnOnce(&Limits) -> Vec<(LimitName, u64)>) -> Self {
        let (mut client, adapter) = Client::with_adapter();
        let limits = client.request_device_with(required(&adapter.limits)).limits;
        let adapter = client.adapter.clone();
        // `Client` uses the first ids for itself.
        Self { client, next: 16, adapter, limits }
    }

    /// A free id.
    pub fn id(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    /// The error of some calls, if any.
    pub fn error(&mut self, calls: impl FnOnce(&mut Self)) -> Option<GpuError> {
        use airlock_protocol::commands::error::{ErrorFilter, PushErrorScope};
        self.push(PushErrorScope { device: DEVICE, filter: ErrorFilter::Validation });
        calls(self);
        self.pop().expect("a scope is open")
    }

    /// Runs calls that WebGPU accepts.
    pub fn valid<T>(&mut self, what: &str, calls: impl FnOnce(&mut Self) -> T) -> T {
        let mut result = None;
        let error = self.error(|gpu| result = Some(calls(gpu)));
        assert_eq!(error, None, "{what}");
        result.expect("the calls were made")
    }

    /// Runs calls that WebGPU rejects with a validation error; returns its message.
    pub fn invalid<T>(&mut self, what: &str, calls: impl FnOnce(&mut Self) -> T) -> String {
        self.error(|gpu| drop(calls(gpu))).unwrap_or_else(|| panic!("no error: {what}")).message
    }

    pub fn buffer(&mut self, size: u64, usage: BufferUsage) -> BufferId {
        let id = self.id();
        self.create_buffer(id, size, usage)
    }

    pub fn buffer_of(&mut self, data: &[u8], usage: BufferUsage) -> BufferId {
        let buffer = self.buffer(data.len() as u64, usage | BufferUsage::COPY_DST);
        for (piece, n) in data.chunks(512).zip(0..) {
            self.push(WriteBuffer { device: DEVICE, buffer, offset: n * 512, data: Payload::Inline(piece) });
        }
        buffer
    }

    pub fn module(&mut self, code: &str) -> ShaderModuleId {
        let module = ShaderModuleId(self.id());
        self.push(CreateShaderModule { device: DEVICE, module, label: "the shader", code });
        module
    }

    pub fn compute(&mut self, module: ShaderModuleId, constants: &[(&str, f64)]) -> ComputePipelineId {
        let pipeline = ComputePipelineId(self.id());
        let compute = ProgrammableStage { module, entry_point: None, constants: constants.to_vec() };
        let (request, label, layout) = (None, "", None);
        self.push(CreateComputePipeline { device: DEVICE, pipeline, request, label, layout, compute });
        pipeline
    }

    pub fn texture(&mut self, texture: impl FnOnce(&mut CreateTexture<'_>)) -> TextureId {
        let id = TextureId(self.id());
        let mut descriptor = CreateTexture {
            device: DEVICE,
            texture: id,
            label: "",
            size: Extent3d { width: 4, height: 4, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: TextureDimension::D2,
            format: TextureFormat::Rgba8unorm,
            usage: TextureUsage::RENDER_ATTACHMENT | TextureUsage::COPY_SRC,
            view_formats: vec![],
        };
        texture(&mut descriptor);
        self.push(descriptor);
        id
    }

    pub fn view(&mut self, texture: TextureId) -> TextureViewId {
        self.view_of(texture, |_| {})
    }

    pub fn view_of(&mut self, texture: TextureId, view: impl FnOnce(&mut CreateTextureView<'_>)) -> TextureViewId {
        let id = TextureViewId(self.id());
        let mut descriptor = CreateTextureView {
            texture,
            view: id,
            label: "",
            format: None,
            dimension: None,
            usage: None,
            aspect: TextureAspect::All,
            base_mip_level: 0,
            mip_level_count: None,
            base_array_layer: 0,
            array_layer_count: None,
        };
        view(&mut descriptor);
        self.push(descriptor);
        id
    }

    /// A pipeline of a module's only vertex and fragment entry points, on one `rgba8unorm` target.
    pub fn render(
        &mut self,
        module: ShaderModuleId,
        pipeline: impl FnOnce(&mut CreateRenderPipeline<'_>),
    ) -> RenderPipelineId {
        let id = RenderPipelineId(self.id());
        let stage = ProgrammableStage { module, entry_point: None, constants: vec![] };
        let mut descriptor = CreateRenderPipeline {
            device: DEVICE,
            pipeline: id,
            request: None,
            label: "",
            layout: None,
            vertex: stage.clone(),
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
            fragment: Some(FragmentState { stage, targets: vec![Some(target(TextureFormat::Rgba8unorm))] }),
        };
        pipeline(&mut descriptor);
        self.push(descriptor);
        id
    }

    /// The first bind group of a compute pipeline, of whole buffers.
    pub fn group(&mut self, pipeline: PipelineId, buffers: &[BufferId]) -> BindGroupId {
        let resource = |&buffer| BindingResource::Buffer { buffer, offset: 0, size: None };
        self.group_of(pipeline, buffers.iter().map(resource))
    }

    pub fn group_of(
        &mut self,
        pipeline: PipelineId,
        resources: impl IntoIterator<Item = BindingResource>,
    ) -> BindGroupId {
        let (layout, bind_group) = (BindGroupLayoutId(self.id()), BindGroupId(self.id()));
        self.push(GetBindGroupLayout { pipeline, index: 0, layout });
        let entries = (0..).zip(resources).map(|(binding, resource)| BindGroupEntry { binding, resource }).collect();
        self.push(CreateBindGroup { device: DEVICE, bind_group, label: "", layout, entries });
        bind_group
    }

    /// Encodes and submits.
    pub fn encode(&mut self, record: impl FnOnce(&mut Self, CommandEncoderId)) {
        let (encoder, command_buffer) = (CommandEncoderId(self.id()), CommandBufferId(self.id()));
        self.push(CreateCommandEncoder { device: DEVICE, encoder, label: "" });
        record(self, encoder);
        self.push(FinishCommandEncoder { encoder, command_buffer, label: "" });
        self.push(Submit { device: DEVICE, command_buffers: vec![command_buffer] });
        self.push(DropObject { object: Object::CommandEncoder(encoder) });
        self.push(DropObject { object: Object::CommandBuffer(command_buffer) });
    }

    pub fn compute_pass(&mut self, encoder: CommandEncoderId, record: impl FnOnce(&mut Self, ComputePassId)) {
        let pass = ComputePassId(self.id());
        self.push(BeginComputePass { encoder, pass, label: "", timestamp_writes: None });
        record(self, pass);
        self.push(EndComputePass { pass });
        self.push(DropObject { object: Object::ComputePass(pass) });
    }

    pub fn render_pass(
        &mut self,
        encoder: CommandEncoderId,
        colors: Vec<ColorAttachment>,
        depth_stencil_attachment: Option<DepthStencilAttachment>,
        record: impl FnOnce(&mut Self, RenderPassId),
    ) {
        let pass = RenderPassId(self.id());
        self.push(BeginRenderPass {
            encoder,
            pass,
            label: "",
            color_attachments: colors.into_iter().map(Some).collect(),
            depth_stencil_attachment,
            occlusion_query_set: None,
            timestamp_writes: None,
        });
        record(self, pass);
        self.push(EndRenderPass { pass });
        self.push(DropObject { object: Object::RenderPass(pass) });
    }

    /// Dispatches workgroups and submits.
    pub fn dispatch(&mut self, pipeline: ComputePipelineId, bind_group: BindGroupId, [x, y, z]: [u32; 3]) {
        self.encode(|gpu, encoder| {
            gpu.compute_pass(encoder, |gpu, pass| {
                gpu.push(ComputePassSetPipeline { pass, pipeline });
                let bind_group = Some(bind_group);
                gpu.push(ComputePassSetBindGroup { pass, index: 0, bind_group, dynamic_offsets: vec![] });
                gpu.push(DispatchWorkgroups { pass, x, y, z });
            });
        });
    }

    /// Contents of a buffer with COPY_SRC.
    pub fn read(&mut self, source: BufferId, size: u64) -> Vec<u8> {
        let destination = self.buffer(size, BufferUsage::MAP_READ | BufferUsage::COPY_DST);
        self.encode(|gpu, encoder| {
            let (source_offset, destination_offset, size) = (0, 0, Some(size));
            gpu.push(CopyBufferToBuffer { encoder, source, source_offset, destination, destination_offset, size });
        });
        self.map(destination, MapMode::Read, size).expect("the buffer can be mapped")
    }

    /// The texels of a 4 x 4 level, or of one slice or layer of it, of 4 bytes each.
    pub fn texels(&mut self, texture: TextureId, slice: u32) -> Vec<[u8; 4]> {
        self.texels_of(texture, slice, TextureAspect::All, 4).chunks(4).map(|texel| texel.try_into().unwrap()).collect()
    }

    /// As [`Gpu::texels`], with texels of another aspect and size.
    pub fn texels_of(&mut self, texture: TextureId, slice: u32, aspect: TextureAspect, bytes: usize) -> Vec<u8> {
        let buffer = self.buffer(1024, BufferUsage::MAP_READ | BufferUsage::COPY_DST);
        self.encode(|gpu, encoder| {
            let origin = Origin3d { x: 0, y: 0, z: slice };
            let source = TexelCopyTextureInfo { texture, mip_level: 0, origin, aspect };
            let layout = TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(256), rows_per_image: Some(4) };
            let size = Extent3d { width: 4, height: 4, depth_or_array_layers: 1 };
            let destination = TexelCopyBufferInfo { buffer, layout };
            gpu.push(CopyTextureToBuffer { encoder, source, destination, size });
        });
        let data = self.map(buffer, MapMode::Read, 1024).expect("the buffer can be mapped");
        data.chunks(256).flat_map(|row| row[..4 * bytes].to_vec()).collect()
    }
}

/// A target that is written and not blended.
pub fn target(format: TextureFormat) -> ColorTargetState {
    ColorTargetState { format, blend: None, write_mask: ColorWrite::all() }
}

/// An attachment that is cleared to zeros and stored.
pub fn color(view: TextureViewId) -> ColorAttachment {
    ColorAttachment {
        view,
        depth_slice: None,
        resolve_target: None,
        clear_value: [0.0; 4],
        load_op: LoadOp::Clear,
        store_op: StoreOp::Store,
    }
}

/// Numbers as bytes.
pub fn floats(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}
