//! State of one session: the client's objects and the handles that executing its commands needs.

use std::{rc::Rc, sync::Arc, time::Instant};

use airlock_protocol::{
    events::Report,
    ids::{
        AdapterId, BindGroupId, BindGroupLayoutId, BufferId, CommandBufferId, CommandEncoderId, ComputePassId,
        ComputePipelineId, DeviceId, PipelineLayoutId, QuerySetId, RenderBundleEncoderId, RenderBundleId, RenderPassId,
        RenderPipelineId, SamplerId, ShaderModuleId, TextureId, TextureViewId,
    },
    limits::{MAX_ADAPTERS, MAX_DEVICES, MAX_OBJECTS},
    transport::RingReader,
};
use wgpu_core::{global::Global, id};

use crate::{
    gpu::{
        device::Device,
        instances::Instances,
        memory::{Counted, Memory},
        objects::{
            Adapter, BindGroup, BindGroupLayout, Buffer, CommandBuffer, CommandEncoder, Object, Pipeline,
            PipelineLayout, QuerySet, RenderBundle, ShaderModule, Texture, TextureView,
        },
        passes::{ComputePass, RenderBundleEncoder, RenderPass},
        payloads::Payloads,
        slab::Slab,
    },
    options::Quotas,
    pending::completions::Completions,
    worker::vitals::Vitals,
};

/// The state of a session, owned by the executor thread. State that the poll thread shares is in [`Completions`].
#[derive(Debug)]
pub struct Session {
    pub instances: Instances,
    /// The instance of all devices, from the first device on. Ids of two instances look alike and must never meet in
    /// one call.
    pub global: Option<Arc<Global>>,
    /// Asynchronous work: maps, work-done requests, losses.
    pub completions: Arc<Completions>,
    pub quotas: Quotas,
    /// GPU memory of the session's objects.
    pub memory: Rc<Memory>,
    /// Devices whose memory counters are read.
    pub counted: Vec<Counted>,
    /// Progress counters for the watchdog.
    pub vitals: Arc<Vitals>,
    /// A ticket was opened, and the poll thread was not woken for it yet.
    pub waiting: bool,
    /// Bulk data.
    pub payloads: Payloads<RingReader>,
    /// Totals for `ReportStats`.
    pub report: Report,
    /// Arrival of the batch that is being executed.
    pub batch_start: Instant,
    /// Devices created so far: the serial number of the next one.
    pub serial: u64,
    /// One slab per kind of object.
    pub adapters: Slab<AdapterId, Adapter>,
    pub devices: Slab<DeviceId, Rc<Device>>,
    pub buffers: Slab<BufferId, Buffer>,
    pub textures: Slab<TextureId, Texture>,
    pub texture_views: Slab<TextureViewId, TextureView>,
    pub samplers: Slab<SamplerId, Object<id::SamplerId>>,
    pub bind_group_layouts: Slab<BindGroupLayoutId, BindGroupLayout>,
    pub pipeline_layouts: Slab<PipelineLayoutId, PipelineLayout>,
    pub bind_groups: Slab<BindGroupId, BindGroup>,
    pub shader_modules: Slab<ShaderModuleId, ShaderModule>,
    pub compute_pipelines: Slab<ComputePipelineId, Pipeline<id::ComputePipelineId>>,
    pub render_pipelines: Slab<RenderPipelineId, Pipeline<id::RenderPipelineId>>,
    pub command_encoders: Slab<CommandEncoderId, Rc<CommandEncoder>>,
    pub command_buffers: Slab<CommandBufferId, CommandBuffer>,
    pub render_passes: Slab<RenderPassId, RenderPass>,
    pub compute_passes: Slab<ComputePassId, ComputePass>,
    pub render_bundle_encoders: Slab<RenderBundleEncoderId, RenderBundleEncoder>,
    pub render_bundles: Slab<RenderBundleId, RenderBundle>,
    pub query_sets: Slab<QuerySetId, QuerySet>,
}

impl Session {
    /// Creates a session without objects.
    pub fn new(
        completions: Arc<Completions>,
        vitals: Arc<Vitals>,
        ring: RingReader,
        quotas: &Quotas,
        instances: Instances,
    ) -> Self {
        let max_objects = quotas.max_objects.min(MAX_OBJECTS);
        Self {
            instances,
            global: None,
            completions,
            waiting: false,
            payloads: Payloads::new(ring, quotas.max_in_flight.0),
            memory: Memory::new(Arc::clone(&vitals)),
            counted: Vec::new(),
            quotas: quotas.clone(),
            vitals,
            report: Report::default(),
            batch_start: Instant::now(),
            serial: 0,
            adapters: Slab::new(max_objects.min(MAX_ADAPTERS)),
            devices: Slab::new(max_objects.min(MAX_DEVICES)),
            buffers: Slab::new(max_objects),
            textures: Slab::new(max_objects),
            texture_views: Slab::new(max_objects),
            samplers: Slab::new(max_objects),
            bind_group_layouts: Slab::new(max_objects),
            pipeline_layouts: Slab::new(max_objects),
            bind_groups: Slab::new(max_objects),
            shader_modules: Slab::new(max_objects),
            compute_pipelines: Slab::new(max_objects),
            render_pipelines: Slab::new(max_objects),
            command_encoders: Slab::new(max_objects),
            command_buffers: Slab::new(max_objects),
            render_passes: Slab::new(max_objects),
            compute_passes: Slab::new(max_objects),
            render_bundle_encoders: Slab::new(max_objects),
            render_bundles: Slab::new(max_objects),
            query_sets: Slab::new(max_objects),
        }
    }

    /// Nanoseconds spent on batches, including the current one so far.
    pub fn busy_ns(&self) -> u64 {
        let batch = u64::try_from(self.batch_start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.report.busy_ns.saturating_add(batch)
    }
}
