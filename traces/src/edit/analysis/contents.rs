//! Turns commands into operations on contents, at the time when the queue executes them. Ids are resolved when a
//! command is recorded: an object lives on in the objects that refer to it after its id is reused.

use std::{collections::HashMap, sync::Arc};

use airlock_protocol::{
    Command, Payload,
    commands::{
        binding::{BindGroupLayoutEntry, BindingResource, CreateBindGroup},
        buffer::BufferUsage,
        command_encoder::{
            ClearBuffer, CopyBufferToBuffer, CopyBufferToTexture, CopyTextureToBuffer, CopyTextureToTexture,
            ResolveQuerySet,
        },
        pipeline::CreateRenderPipeline,
        render_bundle::{BundleDraw, BundleDrawIndexed, BundleDrawIndexedIndirect, BundleDrawIndirect},
        render_pass::{
            BeginRenderPass, RenderPassDraw, RenderPassDrawIndexed, RenderPassDrawIndexedIndirect,
            RenderPassDrawIndirect, TimestampWrites,
        },
    },
    ids::{BufferId, CommandBufferId, Id, Object},
    limits::MAX_OBJECTS,
};

use crate::edit::wgsl::StorageTypes;

use super::{
    form::Texels,
    operations::{Made, Operation},
    passes::{Access, Group, Recording, binding_range},
    resources::{Resource, Shape, Span, all, copy_rows, copy_target, part, view_spans, write_part},
};

/// Values by the id of an object.
#[derive(Clone, Debug)]
struct Table<T>(Vec<Option<T>>);

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Table<T> {
    fn put(&mut self, id: impl Id, value: T) {
        let index = id.index() as usize;
        // The daemon rejects higher ids.
        if id.index() >= MAX_OBJECTS {
            return;
        }
        if self.0.len() <= index {
            self.0.resize_with(index + 1, || None);
        }
        if let Some(slot) = self.0.get_mut(index) {
            *slot = Some(value);
        }
    }

    #[inline]
    fn get(&self, id: impl Id) -> Option<&T> {
        self.0.get(id.index() as usize)?.as_ref()
    }

    #[inline]
    fn get_mut(&mut self, id: impl Id) -> Option<&mut T> {
        self.0.get_mut(id.index() as usize)?.as_mut()
    }

    fn take(&mut self, id: impl Id) -> Option<T> {
        self.0.get_mut(id.index() as usize)?.take()
    }
}

/// The objects of one session, and the recorded operations.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contents {
    buffers: Table<Arc<Resource>>,
    textures: Table<Arc<Resource>>,
    views: Table<Vec<Span>>,
    query_sets: Table<Arc<Resource>>,
    layouts: Table<Arc<[BindGroupLayoutEntry]>>,
    groups: Table<Group>,
    modules: Table<Arc<StorageTypes>>,
    compute_pipelines: Table<Arc<StorageTypes>>,
    render_pipelines: Table<Arc<StorageTypes>>,
    bundles: Table<Group>,
    bundle_encoders: Table<Recording>,
    render_passes: Table<Recording>,
    compute_passes: Table<Recording>,
    encoders: Table<u64>,
    /// The operations of encoders, by their numbers.
    recorded: HashMap<u64, Vec<Operation>>,
    command_buffers: Table<Vec<Operation>>,
    serial: u64,
}

impl Contents {
    /// The resource that currently has an id.
    pub fn resource(&self, object: Object) -> Option<&Arc<Resource>> {
        match object {
            Object::Buffer(id) => self.buffers.get(id),
            Object::Texture(id) => self.textures.get(id),
            Object::QuerySet(id) => self.query_sets.get(id),
            _ => None,
        }
    }

    /// True for an encoder whose commands can still be executed, for a bundle encoder, and for a command buffer that is
    /// not yet submitted.
    pub fn is_pending(&self, object: Object) -> bool {
        match object {
            Object::CommandEncoder(id) => self.encoders.get(id).is_some(),
            Object::CommandBuffer(id) => self.command_buffers.get(id).is_some(),
            Object::RenderPass(id) => self.render_passes.get(id).is_some(),
            Object::ComputePass(id) => self.compute_passes.get(id).is_some(),
            Object::RenderBundleEncoder(id) => self.bundle_encoders.get(id).is_some(),
            _ => true,
        }
    }

    fn number(&mut self, made: u64) -> (u64, u64) {
        self.serial += 1;
        (self.serial, made)
    }

    /// Processes a command of the stream; `number` is the caller's number for it. Returns the operations that the queue
    /// executes now. Every command has an arm, so that a new one does not compile before its effect on contents is
    /// known here.
    pub fn command(&mut self, number: u64, command: &Command<'_>) -> Vec<Operation> {
        match command {
            // Writes of the queue, and of maps.
            Command::WriteBuffer(c) => return self.write_buffer(c.buffer, c.offset, &c.data, BufferUsage::COPY_DST),
            Command::WriteMapped(c) => return self.write_buffer(c.buffer, c.offset, &c.data, BufferUsage::empty()),
            Command::WriteTexture(c) => {
                let write = self.textures.get(c.destination.texture);
                let write = write.map(|texture| copy_target(texture, &c.destination, c.size));
                return write.map(Operation::write).into_iter().collect();
            }
            Command::Submit(c) => {
                let buffers = c.command_buffers.iter().filter_map(|&id| self.command_buffers.take(id));
                return buffers.flatten().collect();
            }

            // Objects.
            Command::CreateBuffer(c) => {
                let resource = Resource::buffer(c, self.number(number));
                self.buffers.put(c.buffer, resource);
            }
            Command::CreateTexture(c) => {
                let resource = Resource::texture(c, self.number(number));
                self.textures.put(c.texture, resource);
            }
            Command::CreateQuerySet(c) => {
                let resource = Resource::queries(c, self.number(number));
                self.query_sets.put(c.query_set, resource);
            }
            Command::CreateTextureView(c) => {
                let spans = self.textures.get(c.texture).map(|texture| view_spans(texture, c));
                self.views.put(c.view, spans.unwrap_or_default());
            }
            Command::CreateBindGroupLayout(c) => self.layouts.put(c.layout, c.entries.as_slice().into()),
            Command::CreateBindGroup(c) => self.bind_group(c),
            Command::CreateShaderModule(c) => self.modules.put(c.module, Arc::new(StorageTypes::of(c.code))),
            Command::CreateComputePipeline(c) => {
                let types = self.modules.get(c.compute.module).cloned().unwrap_or_default();
                self.compute_pipelines.put(c.pipeline, types);
            }
            Command::CreateRenderPipeline(c) => self.render_pipeline(c),
            Command::CreateRenderBundleEncoder(c) => self.bundle_encoders.put(c.encoder, Recording::default()),
            Command::FinishRenderBundle(c) => {
                let recording = self.bundle_encoders.take(c.encoder).unwrap_or_default();
                self.bundles.put(c.bundle, recording.into_group());
            }
            Command::CreateCommandEncoder(c) => {
                let (serial, _) = self.number(number);
                self.encoders.put(c.encoder, serial);
            }
            Command::FinishCommandEncoder(c) => {
                let operations = self.encoders.take(c.encoder).and_then(|serial| self.recorded.remove(&serial));
                self.command_buffers.put(c.command_buffer, operations.unwrap_or_default());
            }
            Command::DropObject(c) => self.drop_object(c.object),

            // Copies of encoders.
            Command::CopyBufferToBuffer(c) => self.copy_buffer_to_buffer(c),
            Command::CopyBufferToTexture(c) => self.copy_buffer_to_texture(c),
            Command::CopyTextureToBuffer(c) => self.copy_texture_to_buffer(c),
            Command::CopyTextureToTexture(c) => self.copy_texture_to_texture(c),
            Command::ClearBuffer(c) => self.clear_buffer(c),
            Command::ResolveQuerySet(c) => self.resolve_query_set(number, c),

            // Passes and bundles: their beginning and end, and their bindings.
            Command::BeginRenderPass(c) => self.begin_render_pass(c),
            Command::BeginComputePass(c) => {
                let encoder = self.encoders.get(c.encoder).copied().unwrap_or_default();
                let mut recording = Recording::of(encoder);
                self.timestamps(&mut recording, c.timestamp_writes.as_ref());
                self.compute_passes.put(c.pass, recording);
            }
            Command::EndRenderPass(c) => {
                let recording = self.render_passes.take(c.pass);
                self.end(recording);
            }
            Command::EndComputePass(c) => {
                let recording = self.compute_passes.take(c.pass);
                self.end(recording);
            }
            Command::RenderPassSetBindGroup(c) => {
                let group = c.bind_group.and_then(|id| self.groups.get(id));
                bind(self.render_passes.get_mut(c.pass), c.index, group);
            }
            Command::ComputePassSetBindGroup(c) => {
                let group = c.bind_group.and_then(|id| self.groups.get(id));
                bind(self.compute_passes.get_mut(c.pass), c.index, group);
            }
            Command::BundleSetBindGroup(c) => {
                let group = c.bind_group.and_then(|id| self.groups.get(id));
                bind(self.bundle_encoders.get_mut(c.encoder), c.index, group);
            }
            Command::ExecuteBundles(c) => {
                for &bundle in &c.bundles {
                    if let (Some(pass), Some(bundle)) = (self.render_passes.get_mut(c.pass), self.bundles.get(bundle)) {
                        pass.bundle(bundle);
                    }
                }
            }
            Command::BeginOcclusionQuery(c) => {
                if let Some(pass) = self.render_passes.get_mut(c.pass) {
                    pass.occlusion(c.query_index);
                }
            }
            Command::RenderPassSetPipeline(c) => {
                set_pipeline(self.render_passes.get_mut(c.pass), self.render_pipelines.get(c.pipeline));
            }
            Command::ComputePassSetPipeline(c) => {
                set_pipeline(self.compute_passes.get_mut(c.pass), self.compute_pipelines.get(c.pipeline));
            }
            Command::BundleSetPipeline(c) => {
                set_pipeline(self.bundle_encoders.get_mut(c.encoder), self.render_pipelines.get(c.pipeline));
            }
            Command::RenderPassSetIndexBuffer(c) => {
                read(self.render_passes.get_mut(c.pass), self.buffers.get(c.buffer));
            }
            Command::RenderPassSetVertexBuffer(c) => {
                read(self.render_passes.get_mut(c.pass), c.buffer.and_then(|id| self.buffers.get(id)));
            }
            Command::BundleSetIndexBuffer(c) => {
                read(self.bundle_encoders.get_mut(c.encoder), self.buffers.get(c.buffer));
            }
            Command::BundleSetVertexBuffer(c) => {
                read(self.bundle_encoders.get_mut(c.encoder), c.buffer.and_then(|id| self.buffers.get(id)));
            }

            // Draws and dispatches: shaders access the bindings.
            Command::RenderPassDraw(RenderPassDraw { pass, .. })
            | Command::RenderPassDrawIndexed(RenderPassDrawIndexed { pass, .. }) => {
                work(self.render_passes.get_mut(*pass), None);
            }
            Command::RenderPassDrawIndirect(RenderPassDrawIndirect { pass, buffer, .. })
            | Command::RenderPassDrawIndexedIndirect(RenderPassDrawIndexedIndirect { pass, buffer, .. }) => {
                work(self.render_passes.get_mut(*pass), self.buffers.get(*buffer));
            }
            Command::DispatchWorkgroups(c) => work(self.compute_passes.get_mut(c.pass), None),
            Command::DispatchWorkgroupsIndirect(c) => {
                work(self.compute_passes.get_mut(c.pass), self.buffers.get(c.buffer));
            }
            Command::BundleDraw(BundleDraw { encoder, .. })
            | Command::BundleDrawIndexed(BundleDrawIndexed { encoder, .. }) => {
                work(self.bundle_encoders.get_mut(*encoder), None);
            }
            Command::BundleDrawIndirect(BundleDrawIndirect { encoder, buffer, .. })
            | Command::BundleDrawIndexedIndirect(BundleDrawIndexedIndirect { encoder, buffer, .. }) => {
                work(self.bundle_encoders.get_mut(*encoder), self.buffers.get(*buffer));
            }

            // State of passes and bundles that affects the results of shaders, not the place of their writes.
            Command::RenderPassSetImmediates(_)
            | Command::ComputePassSetImmediates(_)
            | Command::BundleSetImmediates(_)
            | Command::SetViewport(_)
            | Command::SetScissorRect(_)
            | Command::SetBlendConstant(_)
            | Command::SetStencilReference(_)
            | Command::EndOcclusionQuery(_) => {}

            // No contents: adapters and devices, objects without any, state of maps, labels, errors, requests.
            Command::RequestAdapter(_)
            | Command::ListAdapters(_)
            | Command::RequestDevice(_)
            | Command::DestroyDevice(_)
            | Command::OnSubmittedWorkDone(_)
            | Command::MapBuffer(_)
            | Command::UnmapBuffer(_)
            | Command::DestroyBuffer(_)
            | Command::DestroyTexture(_)
            | Command::DestroyQuerySet(_)
            | Command::CreateSampler(_)
            | Command::CreatePipelineLayout(_)
            | Command::GetBindGroupLayout(_)
            | Command::GetCompilationInfo(_)
            | Command::EncoderPushDebugGroup(_)
            | Command::EncoderPopDebugGroup(_)
            | Command::EncoderInsertDebugMarker(_)
            | Command::RenderPassPushDebugGroup(_)
            | Command::RenderPassPopDebugGroup(_)
            | Command::RenderPassInsertDebugMarker(_)
            | Command::ComputePassPushDebugGroup(_)
            | Command::ComputePassPopDebugGroup(_)
            | Command::ComputePassInsertDebugMarker(_)
            | Command::BundlePushDebugGroup(_)
            | Command::BundlePopDebugGroup(_)
            | Command::BundleInsertDebugMarker(_)
            | Command::PushErrorScope(_)
            | Command::PopErrorScope(_)
            | Command::RaiseError(_)
            | Command::SetLabel(_)
            | Command::Stage(_)
            | Command::ReportStats(_) => {}
        }
        Vec::new()
    }

    /// The operations that a command buffer will execute.
    pub fn recorded(&self, command_buffer: CommandBufferId) -> &[Operation] {
        self.command_buffers.get(command_buffer).map(Vec::as_slice).unwrap_or_default()
    }

    fn write_buffer(&self, buffer: BufferId, offset: u64, data: &Payload<'_>, usage: BufferUsage) -> Vec<Operation> {
        let write = self.buffers.get(buffer).map(|buffer| write_part(buffer, offset, data.len(), usage));
        write.map(Operation::write).into_iter().collect()
    }

    fn bind_group(&mut self, c: &CreateBindGroup<'_>) {
        let layout = self.layouts.get(c.layout);
        let mut accesses = Vec::new();
        for entry in &c.entries {
            let slot = layout.and_then(|layout| layout.iter().find(|slot| slot.binding == entry.binding));
            let spans = match entry.resource {
                BindingResource::Buffer { buffer, offset, size } => {
                    let buffer = self.buffers.get(buffer);
                    buffer.map(|buffer| binding_range(buffer, offset, size, slot)).into_iter().collect()
                }
                BindingResource::Texture(texture) => self.textures.get(texture).map(all).into_iter().collect(),
                BindingResource::TextureView(view) => self.views.get(view).cloned().unwrap_or_default(),
                BindingResource::Sampler(_) => Vec::new(),
            };
            accesses.extend(spans.into_iter().map(|span| Access::bound(span, entry, slot)));
        }
        self.groups.put(c.bind_group, accesses.into());
    }

    fn render_pipeline(&mut self, c: &CreateRenderPipeline<'_>) {
        let mut types = self.modules.get(c.vertex.module).cloned().unwrap_or_default();
        if let Some(fragment) = c.fragment.as_ref().and_then(|state| self.modules.get(state.stage.module))
            && !Arc::ptr_eq(fragment, &types)
        {
            Arc::make_mut(&mut types).extend(fragment);
        }
        self.render_pipelines.put(c.pipeline, types);
    }

    fn copy_buffer_to_buffer(&mut self, c: &CopyBufferToBuffer) {
        let (from, to) = (self.buffers.get(c.source), self.buffers.get(c.destination));
        let Some((from, to)) = from.zip(to) else { return };
        let size = c.size.unwrap_or(from.len.saturating_sub(c.source_offset));
        let to = write_part(to, c.destination_offset, size, BufferUsage::COPY_DST);
        let from = part(from, c.source_offset, size);
        self.record(c.encoder, Operation::Copy { from, to });
    }

    fn copy_buffer_to_texture(&mut self, c: &CopyBufferToTexture) {
        let (from, to) = (self.buffers.get(c.source.buffer), self.textures.get(c.destination.texture));
        let Some((from, to)) = from.zip(to) else { return };
        let rows = copy_rows(from, &c.source.layout, to, c.size);
        let reads = rows.into_iter().map(|row| row.span).collect();
        let writes = vec![copy_target(to, &c.destination, c.size)];
        self.record(c.encoder, Operation::Work { reads, writes, made: Made::Moved });
    }

    fn copy_texture_to_buffer(&mut self, c: &CopyTextureToBuffer) {
        let (from, to) = (self.textures.get(c.source.texture), self.buffers.get(c.destination.buffer));
        let Some((from, to)) = from.zip(to) else { return };
        let reads = vec![copy_target(from, &c.source, c.size).span];
        let writes = copy_rows(to, &c.destination.layout, from, c.size);
        let made = Made::Texels(texels(from, c));
        self.record(c.encoder, Operation::Work { reads, writes, made });
    }

    fn copy_texture_to_texture(&mut self, c: &CopyTextureToTexture) {
        let (from, to) = (self.textures.get(c.source.texture), self.textures.get(c.destination.texture));
        let Some((from, to)) = from.zip(to) else { return };
        let reads = vec![copy_target(from, &c.source, c.size).span];
        let writes = vec![copy_target(to, &c.destination, c.size)];
        self.record(c.encoder, Operation::Work { reads, writes, made: Made::Moved });
    }

    fn clear_buffer(&mut self, c: &ClearBuffer) {
        let Some(buffer) = self.buffers.get(c.buffer) else { return };
        let size = c.size.unwrap_or(buffer.len.saturating_sub(c.offset));
        let write = write_part(buffer, c.offset, size, BufferUsage::COPY_DST);
        self.record(c.encoder, Operation::write(write));
    }

    fn resolve_query_set(&mut self, number: u64, c: &ResolveQuerySet) {
        let (from, to) = (self.query_sets.get(c.query_set), self.buffers.get(c.destination));
        let Some((from, to)) = from.zip(to) else { return };
        let from = part(from, c.first_query.into(), c.query_count.into());
        let size = u64::from(c.query_count).saturating_mul(8);
        let to = write_part(to, c.destination_offset, size, BufferUsage::QUERY_RESOLVE);
        self.record(c.encoder, Operation::Resolve { number, from, to });
    }

    fn record(&mut self, encoder: impl Id, operation: Operation) {
        if let Some(&serial) = self.encoders.get(encoder) {
            self.recorded.entry(serial).or_default().push(operation);
        }
    }

    fn end(&mut self, recording: Option<Recording>) {
        let Some(recording) = recording else { return };
        let encoder = recording.encoder;
        let (reads, writes, stored) = recording.finish();
        if encoder > 0 {
            let operation = Operation::Work { reads, writes, made: Made::Pass(stored) };
            self.recorded.entry(encoder).or_default().push(operation);
        }
    }

    fn timestamps(&self, recording: &mut Recording, writes: Option<&TimestampWrites>) {
        if let Some(writes) = writes
            && let Some(queries) = self.query_sets.get(writes.query_set)
        {
            recording.timestamps(queries, writes);
        }
    }

    fn begin_render_pass(&mut self, c: &BeginRenderPass<'_>) {
        let encoder = self.encoders.get(c.encoder).copied().unwrap_or_default();
        let mut recording = Recording::of(encoder);
        for attachment in c.color_attachments.iter().flatten() {
            let resolve = attachment.resolve_target.and_then(|view| self.views.get(view));
            if let Some(view) = self.views.get(attachment.view) {
                recording.color(attachment, view, resolve.map(Vec::as_slice));
            }
        }
        if let Some(attachment) = &c.depth_stencil_attachment
            && let Some(view) = self.views.get(attachment.view)
        {
            recording.depth_stencil(attachment, view);
        }
        recording.queries = c.occlusion_query_set.and_then(|set| self.query_sets.get(set).cloned());
        self.timestamps(&mut recording, c.timestamp_writes.as_ref());
        self.render_passes.put(c.pass, recording);
    }

    fn drop_object(&mut self, object: Object) {
        match object {
            Object::Buffer(id) => drop(self.buffers.take(id)),
            Object::Texture(id) => drop(self.textures.take(id)),
            Object::TextureView(id) => drop(self.views.take(id)),
            Object::QuerySet(id) => drop(self.query_sets.take(id)),
            Object::BindGroupLayout(id) => drop(self.layouts.take(id)),
            Object::BindGroup(id) => drop(self.groups.take(id)),
            Object::ShaderModule(id) => drop(self.modules.take(id)),
            Object::ComputePipeline(id) => drop(self.compute_pipelines.take(id)),
            Object::RenderPipeline(id) => drop(self.render_pipelines.take(id)),
            Object::RenderBundle(id) => drop(self.bundles.take(id)),
            Object::RenderBundleEncoder(id) => drop(self.bundle_encoders.take(id)),
            Object::RenderPass(id) => drop(self.render_passes.take(id)),
            Object::ComputePass(id) => drop(self.compute_passes.take(id)),
            Object::CommandBuffer(id) => drop(self.command_buffers.take(id)),
            Object::CommandEncoder(id) => {
                if let Some(serial) = self.encoders.take(id) {
                    self.recorded.remove(&serial);
                }
            }
            // Objects without contents.
            Object::Adapter(_) | Object::Device(_) | Object::Sampler(_) | Object::PipelineLayout(_) => {}
        }
    }
}

fn bind(pass: Option<&mut Recording>, index: u32, group: Option<&Group>) {
    if let (Some(pass), Some(group)) = (pass, group) {
        pass.group(index, group);
    }
}

fn set_pipeline(pass: Option<&mut Recording>, types: Option<&Arc<StorageTypes>>) {
    if let (Some(pass), Some(types)) = (pass, types) {
        pass.pipeline(types);
    }
}

/// Records the read of a vertex or index buffer.
fn read(pass: Option<&mut Recording>, buffer: Option<&Arc<Resource>>) {
    if let (Some(pass), Some(buffer)) = (pass, buffer) {
        pass.buffer(buffer);
    }
}

/// Records a draw or a dispatch, with the buffer of its arguments where it is indirect.
fn work(pass: Option<&mut Recording>, arguments: Option<&Arc<Resource>>) {
    if let Some(pass) = pass {
        arguments.into_iter().for_each(|buffer| pass.buffer(buffer));
        pass.work();
    }
}

/// The texels that a copy from a texture puts into a buffer.
fn texels(texture: &Resource, c: &CopyTextureToBuffer) -> Option<Arc<Texels>> {
    let Shape::Texture { format, .. } = texture.shape else { return None };
    let layout = &c.destination.layout;
    let place = (layout.offset, layout.bytes_per_row, layout.rows_per_image);
    Texels::new((format, c.source.aspect), place, c.size).map(Arc::new)
}
