//! The uncertain parts of readbacks, tested from outside.
#![allow(missing_docs, clippy::unwrap_used)]

use airlock_protocol::{
    Command, Payload,
    commands::{
        binding::*, buffer::*, command_encoder::*, compute_pass::*, pipeline::*, query_set::*, queue::*,
        render_pass::*, session::*, shader::*, texture::*,
    },
    ids::*,
};
use airlock_traces::analysis::Uncertainty;

const DEVICE: DeviceId = DeviceId(0);
const ENCODER: CommandEncoderId = CommandEncoderId(0);

struct Stream {
    uncertainty: Uncertainty,
    number: u64,
}

impl Stream {
    fn new() -> Self {
        let mut uncertainty = Uncertainty::default();
        uncertainty.session();
        Self { uncertainty, number: 0 }
    }

    fn put(&mut self, command: impl Into<Command<'static>>) -> u64 {
        self.uncertainty.command(self.number, &command.into());
        self.number += 1;
        self.number - 1
    }

    fn buffer(&mut self, id: u32, size: u64) -> BufferId {
        let usage = BufferUsage::COPY_DST | BufferUsage::COPY_SRC | BufferUsage::STORAGE | BufferUsage::QUERY_RESOLVE;
        let buffer = BufferId(id);
        let label = if id == 3 { "three" } else { "" };
        self.put(CreateBuffer { device: DEVICE, buffer, label, size, usage, mapped_at_creation: false });
        buffer
    }

    fn texture(&mut self, id: u32, layers: u32) -> TextureId {
        let size = Extent3d { width: 8, height: 4, depth_or_array_layers: layers };
        self.put(CreateTexture {
            device: DEVICE,
            texture: TextureId(id),
            label: "",
            size,
            mip_level_count: 2,
            sample_count: 1,
            dimension: TextureDimension::D2,
            format: TextureFormat::Rgba8unorm,
            usage: TextureUsage::COPY_DST | TextureUsage::COPY_SRC | TextureUsage::RENDER_ATTACHMENT,
            view_formats: Vec::new(),
        });
        TextureId(id)
    }

    fn begin(&mut self) {
        self.put(CreateCommandEncoder { device: DEVICE, encoder: ENCODER, label: "" });
    }

    fn submit(&mut self) {
        let command_buffer = CommandBufferId(0);
        self.put(FinishCommandEncoder { encoder: ENCODER, command_buffer, label: "" });
        self.put(Submit { device: DEVICE, command_buffers: vec![command_buffer] });
        self.put(DropObject { object: Object::CommandBuffer(command_buffer) });
        self.put(DropObject { object: Object::CommandEncoder(ENCODER) });
    }

    fn copy(
        &mut self,
        source: BufferId,
        source_offset: u64,
        destination: BufferId,
        destination_offset: u64,
        size: u64,
    ) {
        let size = Some(size);
        self.put(CopyBufferToBuffer { encoder: ENCODER, source, source_offset, destination, destination_offset, size });
    }

    /// Resolves timestamps into a buffer, at an offset. Returns the number of the command.
    fn timestamps(&mut self, destination: BufferId, destination_offset: u64, query_count: u32) -> u64 {
        let query_set = QuerySetId(0);
        self.put(CreateQuerySet { device: DEVICE, query_set, label: "", ty: QueryType::Timestamp, count: 8 });
        self.begin();
        let number = self.put(ResolveQuerySet {
            encoder: ENCODER,
            query_set,
            first_query: 0,
            query_count,
            destination,
            destination_offset,
        });
        self.submit();
        self.put(DropObject { object: Object::QuerySet(query_set) });
        number
    }

    fn read(&mut self, buffer: BufferId, offset: u64, size: u64) -> Vec<(u64, u64, String)> {
        let request = RequestId(self.number);
        self.put(MapBuffer { request, buffer, mode: MapMode::Read, offset, size });
        let found = self.uncertainty.readback(request).uncertain;
        assert!(found.windows(2).all(|two| two[0].range.end <= two[1].range.start));
        found.into_iter().map(|uncertain| (uncertain.range.start, uncertain.range.end, uncertain.why)).collect()
    }

    fn forms(&mut self, buffer: BufferId, size: u64) -> Vec<(u64, u64, &'static str)> {
        let request = RequestId(self.number);
        self.put(MapBuffer { request, buffer, mode: MapMode::Read, offset: 0, size });
        let forms = self.uncertainty.readback(request).forms;
        forms.into_iter().map(|formed| (formed.range.start, formed.range.end, formed.kind())).collect()
    }

    /// A shader that stores in a buffer at binding 1, dispatched with it.
    fn store(&mut self, ty: &str, buffer: BufferId, offset: u64) {
        let (pipeline, module, layout, bind_group) =
            (ComputePipelineId(0), ShaderModuleId(0), BindGroupLayoutId(0), BindGroupId(0));
        let code = format!("@group(0) @binding(1) var<storage, read_write> out: {ty}; // ...").leak();
        self.put(CreateShaderModule { device: DEVICE, module, label: "", code });
        let compute = ProgrammableStage { module, entry_point: None, constants: Vec::new() };
        self.put(CreateComputePipeline { device: DEVICE, pipeline, request: None, label: "", layout: None, compute });
        let ty = BindingType::Buffer { ty: BufferBindingType::Storage, has_dynamic_offset: false, min_binding_size: 0 };
        let entries = vec![BindGroupLayoutEntry { binding: 1, visibility: ShaderStage::COMPUTE, ty }];
        self.put(CreateBindGroupLayout { device: DEVICE, layout, label: "", entries });
        let resource = BindingResource::Buffer { buffer, offset, size: Some(64) };
        let entries = vec![BindGroupEntry { binding: 1, resource }];
        self.put(CreateBindGroup { device: DEVICE, bind_group, label: "", layout, entries });
        self.begin();
        let pass = ComputePassId(0);
        self.put(BeginComputePass { encoder: ENCODER, pass, label: "", timestamp_writes: None });
        self.put(ComputePassSetPipeline { pass, pipeline });
        let bind_group = Some(bind_group);
        self.put(ComputePassSetBindGroup { pass, index: 0, bind_group, dynamic_offsets: Vec::new() });
        self.put(DispatchWorkgroups { pass, x: 1, y: 1, z: 1 });
        self.put(EndComputePass { pass });
        self.submit();
    }

    fn ranges(&mut self, buffer: BufferId, size: u64) -> Vec<(u64, u64)> {
        self.read(buffer, 0, size).into_iter().map(|(start, end, _)| (start, end)).collect()
    }
}

#[test]
fn what_a_shader_stores_has_its_type_and_takes_it_along() {
    let mut s = Stream::new();
    let (a, b) = (s.buffer(0, 256), s.buffer(1, 256));
    assert_eq!(s.forms(a, 256), []);
    s.store("array<f32>", a, 64);
    assert_eq!(s.forms(a, 256), [(64, 128, "values")]);
    s.begin();
    s.copy(a, 96, b, 8, 64);
    s.submit();
    assert_eq!(s.forms(b, 256), [(8, 40, "values")]);
    // The guest's own bytes are exact.
    let data = Payload::Inline(&[0; 16]);
    s.put(WriteBuffer { device: DEVICE, buffer: b, offset: 16, data });
    assert_eq!(s.forms(b, 256), [(8, 16, "values"), (32, 40, "values")]);
    // A part of a structure, and a type that cannot be parsed.
    s.store("array<S>", b, 128);
    assert_eq!(s.forms(b, 256)[2..], [(128, 192, "unknown")]);
}

#[test]
fn texels_have_a_form_when_the_gpu_made_them() {
    let mut s = Stream::new();
    let (buffer, texture) = (s.buffer(0, 4096), s.texture(0, 1));
    let copy = |s: &mut Stream| {
        s.begin();
        let source =
            TexelCopyTextureInfo { texture, mip_level: 0, origin: Origin3d::default(), aspect: TextureAspect::All };
        let layout = TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(256), rows_per_image: None };
        let size = Extent3d { width: 8, height: 4, depth_or_array_layers: 1 };
        let destination = TexelCopyBufferInfo { buffer, layout };
        s.put(CopyTextureToBuffer { encoder: ENCODER, source, destination, size });
        s.submit();
    };
    copy(&mut s);
    assert_eq!(s.forms(buffer, 4096), []);
    s.begin();
    let view = TextureViewId(0);
    s.put(CreateTextureView {
        texture,
        view,
        label: "",
        format: None,
        dimension: None,
        usage: None,
        aspect: TextureAspect::All,
        base_mip_level: 0,
        mip_level_count: Some(1),
        base_array_layer: 0,
        array_layer_count: None,
    });
    let attachment = ColorAttachment {
        view,
        depth_slice: None,
        resolve_target: None,
        clear_value: [0.0; 4],
        load_op: LoadOp::Clear,
        store_op: StoreOp::Store,
    };
    let pass = RenderPassId(0);
    s.put(BeginRenderPass {
        encoder: ENCODER,
        pass,
        label: "",
        color_attachments: vec![Some(attachment)],
        depth_stencil_attachment: None,
        occlusion_query_set: None,
        timestamp_writes: None,
    });
    s.put(EndRenderPass { pass });
    s.submit();
    copy(&mut s);
    let rows = [0, 256, 512, 768].map(|row| (row, row + 32, "texels"));
    assert_eq!(s.forms(buffer, 4096), rows);
}

#[test]
fn timestamps_are_followed_byte_by_byte() {
    let mut s = Stream::new();
    let (a, b) = (s.buffer(0, 256), s.buffer(1, 256));
    assert_eq!(s.ranges(a, 256), []);
    let number = s.timestamps(a, 32, 2);
    assert_eq!(s.read(a, 0, 256), [(32, 48, format!("timestamps that command {number} (ResolveQuerySet) wrote"))]);
    assert_eq!(s.read(a, 40, 4), [(0, 4, format!("timestamps that command {number} (ResolveQuerySet) wrote"))]);
    assert_eq!(s.ranges(b, 256), []);
    s.begin();
    s.copy(a, 40, b, 0, 100);
    assert_eq!(s.ranges(b, 256), [], "nothing is copied before the submit");
    s.submit();
    assert_eq!(s.ranges(b, 256), [(0, 8)]);
    s.put(WriteBuffer { device: DEVICE, buffer: b, offset: 4, data: Payload::Inline(&[0; 4]) });
    assert_eq!(s.ranges(b, 256), [(0, 4)]);
    s.put(WriteBuffer { device: DEVICE, buffer: b, offset: 252, data: Payload::Inline(&[0; 8]) });
    s.put(WriteBuffer { device: DEVICE, buffer: b, offset: 1, data: Payload::Inline(&[0; 3]) });
    assert_eq!(s.ranges(b, 256), [(0, 4)], "writes that WebGPU refuses take nothing away");
    s.begin();
    s.put(ClearBuffer { encoder: ENCODER, buffer: b, offset: 0, size: None });
    s.submit();
    assert_eq!(s.ranges(b, 256), []);
    assert_eq!(s.ranges(a, 256), [(32, 48)]);
}

#[test]
fn a_new_object_with_an_old_id_is_another() {
    let mut s = Stream::new();
    let (a, b) = (s.buffer(0, 64), s.buffer(1, 64));
    s.timestamps(a, 0, 1);
    s.begin();
    s.copy(a, 0, b, 0, 64);
    s.put(DropObject { object: Object::Buffer(a) });
    let a = s.buffer(0, 64);
    assert_eq!(s.ranges(a, 64), []);
    s.submit();
    assert_eq!(s.ranges(b, 64), [(0, 8)], "the encoder has the old one");
    s.uncertainty.session();
    assert_eq!(s.ranges(b, 64), []);
}

#[test]
fn what_a_pass_reads_decides_over_what_it_writes() {
    for (slot, expected) in [
        (BufferBindingType::Storage, vec![(0, 64)]),
        (BufferBindingType::ReadOnlyStorage, vec![]),
        (BufferBindingType::Uniform, vec![]),
    ] {
        let mut s = Stream::new();
        let (input, output) = (s.buffer(0, 64), s.buffer(1, 64));
        s.timestamps(input, 0, 1);
        let ty = |ty| BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: 0 };
        let visibility = ShaderStage::COMPUTE;
        let entries = vec![
            BindGroupLayoutEntry { binding: 0, visibility, ty: ty(BufferBindingType::ReadOnlyStorage) },
            BindGroupLayoutEntry { binding: 1, visibility, ty: ty(slot) },
        ];
        s.put(CreateBindGroupLayout { device: DEVICE, layout: BindGroupLayoutId(0), label: "", entries });
        let entry = |binding, buffer| BindGroupEntry {
            binding,
            resource: BindingResource::Buffer { buffer, offset: 0, size: None },
        };
        let entries = vec![entry(0, input), entry(1, output)];
        let (bind_group, layout) = (BindGroupId(0), BindGroupLayoutId(0));
        s.put(CreateBindGroup { device: DEVICE, bind_group, label: "", layout, entries });
        s.begin();
        let pass = ComputePassId(0);
        s.put(BeginComputePass { encoder: ENCODER, pass, label: "", timestamp_writes: None });
        s.put(ComputePassSetBindGroup { pass, index: 0, bind_group: Some(bind_group), dynamic_offsets: Vec::new() });
        s.put(DropObject { object: Object::BindGroup(bind_group) });
        s.put(DispatchWorkgroups { pass, x: 1, y: 1, z: 1 });
        s.put(EndComputePass { pass });
        s.submit();
        let why = s.read(output, 0, 64);
        assert_eq!(s.ranges(output, 64), expected, "{slot:?}");
        assert!(why.iter().all(|(_, _, why)| why.starts_with("made from timestamps that command ")), "{why:?}");
        assert_eq!(s.ranges(input, 64), [(0, 8)]);
    }
}

#[test]
fn an_attachment_that_is_cleared_is_certain_again() {
    for (load_op, expected) in
        [(LoadOp::Clear, vec![]), (LoadOp::Load, vec![(0, 32), (256, 288), (512, 544), (768, 800)])]
    {
        let mut s = Stream::new();
        let out = s.buffer(0, 4096);
        let texture = s.texture(0, 1);
        s.uncertainty.unknown(&[Object::Texture(texture)]);
        s.put(CreateTextureView {
            texture,
            view: TextureViewId(0),
            label: "",
            format: None,
            dimension: None,
            usage: None,
            aspect: TextureAspect::All,
            base_mip_level: 0,
            mip_level_count: Some(1),
            base_array_layer: 0,
            array_layer_count: None,
        });
        s.begin();
        let attachment = ColorAttachment {
            view: TextureViewId(0),
            depth_slice: None,
            resolve_target: None,
            clear_value: [0.0; 4],
            load_op,
            store_op: StoreOp::Store,
        };
        let pass = RenderPassId(0);
        s.put(BeginRenderPass {
            encoder: ENCODER,
            pass,
            label: "",
            color_attachments: vec![Some(attachment)],
            depth_stencil_attachment: None,
            occlusion_query_set: None,
            timestamp_writes: None,
        });
        s.put(EndRenderPass { pass });
        s.put(CopyTextureToBuffer {
            encoder: ENCODER,
            source: at(texture, 0, 0),
            destination: TexelCopyBufferInfo {
                buffer: out,
                layout: TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(256), rows_per_image: None },
            },
            size: Extent3d { width: 8, height: 4, depth_or_array_layers: 1 },
        });
        s.submit();
        assert_eq!(s.ranges(out, 4096), expected, "rows, without what is between them");
    }
}

fn at(texture: TextureId, mip_level: u32, layer: u32) -> TexelCopyTextureInfo {
    let origin = Origin3d { x: 0, y: 0, z: layer };
    TexelCopyTextureInfo { texture, mip_level, origin, aspect: TextureAspect::All }
}

#[test]
fn unknown_contents_are_so_until_they_are_overwritten() {
    let mut s = Stream::new();
    let (buffer, out) = (s.buffer(3, 64), s.buffer(4, 64));
    let texture = s.texture(0, 2);
    s.uncertainty.unknown(&[Object::Buffer(buffer), Object::Texture(texture)]);
    assert_eq!(
        s.read(buffer, 0, 64),
        [(0, 64, "contents of Buffer 3 \"three\" that the trace does not have".to_owned())]
    );
    s.put(WriteBuffer { device: DEVICE, buffer, offset: 0, data: Payload::Inline(&[0; 32]) });
    assert_eq!(s.ranges(buffer, 64), [(32, 64)]);
    // One layer is written whole, the other in part.
    for (layer, width, uncertain) in [(0, 8, false), (1, 7, true)] {
        let size = Extent3d { width, height: 4, depth_or_array_layers: 1 };
        let layout = TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(width * 4), rows_per_image: None };
        let destination = at(texture, 0, layer);
        s.put(WriteTexture { device: DEVICE, destination, layout, size, data: Payload::Inline(&[0; 128]) });
        s.begin();
        s.put(CopyTextureToBuffer {
            encoder: ENCODER,
            source: destination,
            destination: TexelCopyBufferInfo { buffer: out, layout: TexelCopyBufferLayout::default() },
            size: Extent3d { width: 8, height: 1, depth_or_array_layers: 1 },
        });
        s.submit();
        assert_eq!(s.ranges(out, 64), if uncertain { vec![(0, 32)] } else { vec![] }, "layer {layer}");
    }
}
