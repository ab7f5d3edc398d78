//! One session: the objects that its client made, and the means to execute its commands.

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
            Adapter, Buffer, CommandBuffer, CommandEncoder, Object, Pipeline, PipelineLayout, QuerySet, RenderBundle,
            ShaderModule, Texture, TextureView,
        },
        passes::{ComputePass, RenderBundleEncoder, RenderPass},
        payloads::Payloads,
        slab::Slab,
    },
    options::Quotas,
    pending::completions::Completions,
    worker::vitals::Vitals,
};

/// The state of a session, owned by the executor's thread. What the poll thread shares is in [`Completions`].
#[derive(Debug)]
pub struct Session {
    /// wgpu's instances.
    pub instances: Instances,
    /// The instance that all devices belong to, from the first device on. Ids of two instances look alike and must
    /// never meet in one call.
    pub global: Option<Arc<Global>>,
    /// What ends on its own time.
    pub completions: Arc<Completions>,
    /// What it may use.
    pub quotas: Quotas,
    /// The GPU memory of its objects.
    pub memory: Rc<Memory>,
    /// The devices whose counters are read.
    pub counted: Vec<Counted>,
    /// What the watchdog reads.
    pub vitals: Arc<Vitals>,
    /// Something new is waited for on the GPU, and the poll thread does not know it yet.
    pub waiting: bool,
    /// Bulk data.
    pub payloads: Payloads<RingReader>,
    /// What has been done, for `ReportStats`.
    pub report: Report,
    /// When the batch came that is being executed.
    pub batch_start: Instant,
    /// How many devices there were.
    pub serial: u64,
    /// The objects, by kind.
    pub adapters: Slab<AdapterId, Adapter>,
    /// See [`Session::adapters`].
    pub devices: Slab<DeviceId, Rc<Device>>,
    /// See [`Session::adapters`].
    pub buffers: Slab<BufferId, Buffer>,
    /// See [`Session::adapters`].
    pub textures: Slab<TextureId, Texture>,
    /// See [`Session::adapters`].
    pub texture_views: Slab<TextureViewId, TextureView>,
    /// See [`Session::adapters`].
    pub samplers: Slab<SamplerId, Object<id::SamplerId>>,
    /// See [`Session::adapters`].
    pub bind_group_layouts: Slab<BindGroupLayoutId, Object<id::BindGroupLayoutId>>,
    /// See [`Session::adapters`].
    pub pipeline_layouts: Slab<PipelineLayoutId, PipelineLayout>,
    /// See [`Session::adapters`].
    pub bind_groups: Slab<BindGroupId, Object<id::BindGroupId>>,
    /// See [`Session::adapters`].
    pub shader_modules: Slab<ShaderModuleId, ShaderModule>,
    /// See [`Session::adapters`].
    pub compute_pipelines: Slab<ComputePipelineId, Pipeline<id::ComputePipelineId>>,
    /// See [`Session::adapters`].
    pub render_pipelines: Slab<RenderPipelineId, Pipeline<id::RenderPipelineId>>,
    /// See [`Session::adapters`].
    pub command_encoders: Slab<CommandEncoderId, Rc<CommandEncoder>>,
    /// See [`Session::adapters`].
    pub command_buffers: Slab<CommandBufferId, CommandBuffer>,
    /// See [`Session::adapters`].
    pub render_passes: Slab<RenderPassId, RenderPass>,
    /// See [`Session::adapters`].
    pub compute_passes: Slab<ComputePassId, ComputePass>,
    /// See [`Session::adapters`].
    pub render_bundle_encoders: Slab<RenderBundleEncoderId, RenderBundleEncoder>,
    /// See [`Session::adapters`].
    pub render_bundles: Slab<RenderBundleId, RenderBundle>,
    /// See [`Session::adapters`].
    pub query_sets: Slab<QuerySetId, QuerySet>,
}

impl Session {
    /// A session without objects.
    pub fn new(
        completions: Arc<Completions>,
        vitals: Arc<Vitals>,
        ring: RingReader,
        quotas: &Quotas,
        instances: Instances,
    ) -> Self {
        let most = quotas.max_objects.min(MAX_OBJECTS);
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
            adapters: Slab::new(most.min(MAX_ADAPTERS)),
            devices: Slab::new(most.min(MAX_DEVICES)),
            buffers: Slab::new(most),
            textures: Slab::new(most),
            texture_views: Slab::new(most),
            samplers: Slab::new(most),
            bind_group_layouts: Slab::new(most),
            pipeline_layouts: Slab::new(most),
            bind_groups: Slab::new(most),
            shader_modules: Slab::new(most),
            compute_pipelines: Slab::new(most),
            render_pipelines: Slab::new(most),
            command_encoders: Slab::new(most),
            command_buffers: Slab::new(most),
            render_passes: Slab::new(most),
            compute_passes: Slab::new(most),
            render_bundle_encoders: Slab::new(most),
            render_bundles: Slab::new(most),
            query_sets: Slab::new(most),
        }
    }

    /// Nanoseconds spent on batches, this one so far included.
    pub fn busy_ns(&self) -> u64 {
        let batch = u64::try_from(self.batch_start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.report.busy_ns.saturating_add(batch)
    }
}
