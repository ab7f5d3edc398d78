//! `GPUComputePipeline` and `GPURenderPipeline`.

use airlock_protocol::{
    Record,
    commands::{
        pipeline::{
            self as wire, BlendFactor, BlendOperation, ColorWrite, CompareFunction, CreateComputePipeline,
            CreateRenderPipeline, CullMode, FrontFace, GetBindGroupLayout, IndexFormat, PipelineId, PrimitiveTopology,
            StencilOperation, VertexAttribute, VertexStepMode,
        },
        texture::TextureFormat,
    },
    events::PipelineError,
    ids::{Id, PipelineLayoutId, RequestId, ShaderModuleId},
    limits::{MAX_LABEL, MAX_PIPELINE_LIST, cut},
};

use crate::{
    binding::{BindGroupLayout, PipelineLayout},
    client::Client,
    device::{Device, DeviceState},
    object::{Base, DeviceObject, objects},
    session::{Gone, PipelineReply, Wait},
    shader::ShaderModule,
};

objects! {
    /// `GPUComputePipeline`.
    ComputePipeline: ComputePipelineId {}
    /// `GPURenderPipeline`.
    RenderPipeline: RenderPipelineId {}
}

/// `GPUProgrammableStage`.
#[derive(Clone, Debug)]
pub struct ProgrammableStage<'a> {
    /// The module.
    pub module: &'a ShaderModule,
    /// The module's only entry point of the stage by default.
    pub entry_point: Option<&'a str>,
    /// Values of overridable constants, by their names or numbers.
    pub constants: Vec<(&'a str, f64)>,
}

/// The layout of a pipeline (WebGPU, GPUPipelineLayout or "auto").
#[derive(Clone, Copy, Debug)]
pub enum Layout<'a> {
    /// Derived from the shaders.
    Auto,
    /// This one.
    Specific(&'a PipelineLayout),
}

/// `GPUComputePipelineDescriptor`.
#[derive(Clone, Debug)]
pub struct ComputePipelineDescriptor<'a> {
    /// The label.
    pub label: Option<String>,
    /// The layout.
    pub layout: Layout<'a>,
    /// The shader.
    pub compute: ProgrammableStage<'a>,
}

/// `GPURenderPipelineDescriptor`.
#[derive(Clone, Debug)]
pub struct RenderPipelineDescriptor<'a> {
    /// The label.
    pub label: Option<String>,
    /// The layout.
    pub layout: Layout<'a>,
    /// The vertex shader.
    pub vertex: ProgrammableStage<'a>,
    /// The vertex buffers, by slot, truncated together with their attributes to the bound of a command.
    pub vertex_buffers: Vec<Option<VertexBufferLayout>>,
    /// The assembly of primitives.
    pub primitive: PrimitiveState,
    /// Depth and stencil tests.
    pub depth_stencil: Option<DepthStencilState>,
    /// Samples.
    pub multisample: MultisampleState,
    /// The fragment shader and its targets.
    pub fragment: Option<FragmentState<'a>>,
}

/// `GPUVertexBufferLayout`.
#[derive(Clone, Debug)]
pub struct VertexBufferLayout {
    /// Bytes from one element's start to the next one's.
    pub array_stride: u64,
    /// Vertex by default.
    pub step_mode: Option<VertexStepMode>,
    /// The attributes of an element.
    pub attributes: Vec<VertexAttribute>,
}

/// `GPUPrimitiveState`.
#[derive(Clone, Copy, Debug, Default)]
pub struct PrimitiveState {
    /// A list of triangles by default.
    pub topology: Option<PrimitiveTopology>,
    /// Required for indexed strips.
    pub strip_index_format: Option<IndexFormat>,
    /// Counter-clockwise by default.
    pub front_face: Option<FrontFace>,
    /// None by default.
    pub cull_mode: Option<CullMode>,
    /// False by default.
    pub unclipped_depth: Option<bool>,
}

/// `GPUMultisampleState`.
#[derive(Clone, Copy, Debug, Default)]
pub struct MultisampleState {
    /// 1 by default.
    pub count: Option<u32>,
    /// All samples by default.
    pub mask: Option<u32>,
    /// False by default.
    pub alpha_to_coverage_enabled: Option<bool>,
}

/// `GPUDepthStencilState`.
#[derive(Clone, Copy, Debug)]
pub struct DepthStencilState {
    /// The format of the attachment.
    pub format: TextureFormat,
    /// Whether depth is written; required for formats with depth.
    pub depth_write_enabled: Option<bool>,
    /// The comparison of depths; required for formats with depth.
    pub depth_compare: Option<CompareFunction>,
    /// The stencil's operations for front faces.
    pub stencil_front: StencilFaceState,
    /// The stencil's operations for back faces.
    pub stencil_back: StencilFaceState,
    /// All bits by default.
    pub stencil_read_mask: Option<u32>,
    /// All bits by default.
    pub stencil_write_mask: Option<u32>,
    /// 0 by default.
    pub depth_bias: Option<i32>,
    /// 0 by default.
    pub depth_bias_slope_scale: Option<f32>,
    /// 0 by default.
    pub depth_bias_clamp: Option<f32>,
}

/// `GPUStencilFaceState`.
#[derive(Clone, Copy, Debug, Default)]
pub struct StencilFaceState {
    /// Always by default.
    pub compare: Option<CompareFunction>,
    /// Keep by default.
    pub fail_op: Option<StencilOperation>,
    /// Keep by default.
    pub depth_fail_op: Option<StencilOperation>,
    /// Keep by default.
    pub pass_op: Option<StencilOperation>,
}

/// `GPUFragmentState`.
#[derive(Clone, Debug)]
pub struct FragmentState<'a> {
    /// The shader.
    pub stage: ProgrammableStage<'a>,
    /// The color targets.
    pub targets: Vec<Option<ColorTargetState>>,
}

/// `GPUColorTargetState`.
#[derive(Clone, Copy, Debug)]
pub struct ColorTargetState {
    /// The format of the attachment.
    pub format: TextureFormat,
    /// Blending of color and of alpha.
    pub blend: Option<(BlendComponent, BlendComponent)>,
    /// All channels by default.
    pub write_mask: Option<ColorWrite>,
}

/// `GPUBlendComponent`.
#[derive(Clone, Copy, Debug, Default)]
pub struct BlendComponent {
    /// Add by default.
    pub operation: Option<BlendOperation>,
    /// One by default.
    pub src_factor: Option<BlendFactor>,
    /// Zero by default.
    pub dst_factor: Option<BlendFactor>,
}

/// A requested pipeline.
#[derive(Debug)]
pub struct RequestedPipeline<P>(P);

/// The daemon's reply to a request for a pipeline, for [`RequestedPipeline::finish`].
pub type PipelineWait = Wait<PipelineReply>;

impl<P: DeviceObject> RequestedPipeline<P> {
    /// The pipeline, once the reply has arrived. On a lost device it is a pipeline that does nothing (WebGPU,
    /// createComputePipelineAsync).
    pub fn finish(self, client: &mut Client, reply: Result<PipelineReply, Gone>) -> Result<P, PipelineError> {
        match reply {
            Ok(Err(error)) => {
                self.0.release(client);
                Err(error)
            }
            Ok(Ok(())) | Err(Gone) => Ok(self.0),
        }
    }
}

impl Device {
    /// `GPUDevice.createComputePipeline`.
    pub fn create_compute_pipeline(
        &self,
        client: &mut Client,
        descriptor: ComputePipelineDescriptor<'_>,
    ) -> ComputePipeline {
        self.compute_pipeline(client, descriptor, false).0
    }

    /// `GPUDevice.createComputePipelineAsync`.
    pub fn create_compute_pipeline_async(
        &self,
        client: &mut Client,
        descriptor: ComputePipelineDescriptor<'_>,
    ) -> (PipelineWait, RequestedPipeline<ComputePipeline>) {
        let (pipeline, wait) = self.compute_pipeline(client, descriptor, true);
        (wait.unwrap_or_else(|| Wait::ready(Ok(()))), RequestedPipeline(pipeline))
    }

    fn compute_pipeline(
        &self,
        client: &mut Client,
        descriptor: ComputePipelineDescriptor<'_>,
        wait: bool,
    ) -> (ComputePipeline, Option<PipelineWait>) {
        let device = &self.state;
        let ComputePipelineDescriptor { label, layout, compute } = descriptor;
        let stage = Stage::resolve(compute, client, device);
        let layout = layout.name(client, device);
        let (Some(stage), Some(layout)) = (stage, layout) else {
            return (ComputePipeline { base: Base::inert(device, label) }, None);
        };
        let mut base = Base::new(client, device, label);
        let reply = create(client, &base, wait, |pipeline, request, label| CreateComputePipeline {
            device: device.id,
            pipeline,
            request,
            label,
            layout,
            compute: stage.wire(),
        });
        check_sent(client, &mut base, wait && reply.is_none());
        (ComputePipeline { base }, reply)
    }

    /// `GPUDevice.createRenderPipeline`.
    pub fn create_render_pipeline(
        &self,
        client: &mut Client,
        descriptor: RenderPipelineDescriptor<'_>,
    ) -> RenderPipeline {
        self.render_pipeline(client, descriptor, false).0
    }

    /// `GPUDevice.createRenderPipelineAsync`.
    pub fn create_render_pipeline_async(
        &self,
        client: &mut Client,
        descriptor: RenderPipelineDescriptor<'_>,
    ) -> (PipelineWait, RequestedPipeline<RenderPipeline>) {
        let (pipeline, wait) = self.render_pipeline(client, descriptor, true);
        (wait.unwrap_or_else(|| Wait::ready(Ok(()))), RequestedPipeline(pipeline))
    }

    fn render_pipeline(
        &self,
        client: &mut Client,
        descriptor: RenderPipelineDescriptor<'_>,
        wait: bool,
    ) -> (RenderPipeline, Option<PipelineWait>) {
        let device = &self.state;
        let RenderPipelineDescriptor {
            label,
            layout,
            vertex,
            vertex_buffers,
            primitive,
            depth_stencil,
            multisample,
            fragment,
        } = descriptor;
        let vertex = Stage::resolve(vertex, client, device);
        // A layout without an id is not the same as no layout.
        let (fragment, targets) = match fragment {
            Some(FragmentState { stage, targets }) => (Some(Stage::resolve(stage, client, device)), targets),
            None => (None, Vec::new()),
        };
        let layout = layout.name(client, device);
        let (Some(vertex), Some(layout), true) = (vertex, layout, fragment.as_ref().is_none_or(Option::is_some)) else {
            return (RenderPipeline { base: Base::inert(device, label) }, None);
        };
        // One budget for all buffers together: a list of long lists would not fit a batch.
        let mut room = MAX_PIPELINE_LIST;
        let vertex_buffers: Vec<_> = short(vertex_buffers)
            .into_iter()
            .map(|layout| layout.map(|layout| vertex_buffer_layout(layout, &mut room)))
            .collect();
        let targets: Vec<_> = short(targets).iter().map(|target| target.as_ref().map(color_target)).collect();
        let fragment = fragment.flatten();
        let mut base = Base::new(client, device, label);
        let reply = create(client, &base, wait, |pipeline, request, label| CreateRenderPipeline {
            device: device.id,
            pipeline,
            request,
            label,
            layout,
            vertex: vertex.wire(),
            vertex_buffers,
            primitive: primitive_state(primitive),
            depth_stencil: depth_stencil.as_ref().map(depth_stencil_state),
            multisample: multisample_state(multisample),
            fragment: fragment.as_ref().map(|stage| wire::FragmentState { stage: stage.wire(), targets }),
        });
        check_sent(client, &mut base, wait && reply.is_none());
        (RenderPipeline { base }, reply)
    }
}

impl ComputePipeline {
    /// `GPUPipelineBase.getBindGroupLayout`.
    pub fn bind_group_layout(&self, client: &mut Client, index: u32) -> BindGroupLayout {
        bind_group_layout(&self.base, client, index, PipelineId::Compute)
    }
}

impl RenderPipeline {
    /// `GPUPipelineBase.getBindGroupLayout`.
    pub fn bind_group_layout(&self, client: &mut Client, index: u32) -> BindGroupLayout {
        bind_group_layout(&self.base, client, index, PipelineId::Render)
    }
}

fn bind_group_layout<I: Id>(
    pipeline: &Base<I>,
    client: &mut Client,
    index: u32,
    kind: impl FnOnce(I) -> PipelineId,
) -> BindGroupLayout {
    let device = &pipeline.device;
    let Some(pipeline) = pipeline.name(client, device) else {
        return BindGroupLayout { base: Base::inert(device, None) };
    };
    let base = Base::new(client, device, None);
    base.encode(client, |layout| GetBindGroupLayout { pipeline: kind(pipeline), index, layout });
    BindGroupLayout { base }
}

/// Sends the creation of a pipeline; with `wait`, as a request.
fn create<'a, I: Id, R: Record>(
    client: &mut Client,
    base: &'a Base<I>,
    wait: bool,
    command: impl FnOnce(I, Option<RequestId>, &'a str) -> R,
) -> Option<PipelineWait> {
    let id = base.id?;
    if wait {
        return client.request(&base.device, 0, |request| command(id, Some(request), &base.label));
    }
    client.send(&base.device, command(id, None, &base.label));
    None
}

/// Makes a pipeline inert whose request could not be sent: the daemon never creates it.
fn check_sent<I: Id>(client: &mut Client, base: &mut Base<I>, refused: bool) {
    if refused && let Some(id) = base.id.take() {
        client.reclaim(base.device.session, id);
    }
}

/// A stage with its module named; the strings live as long as the command.
struct Stage<'a> {
    module: ShaderModuleId,
    entry_point: Option<&'a str>,
    constants: Vec<(&'a str, f64)>,
}

impl<'a> Stage<'a> {
    /// `None`, with the error raised, when the module cannot be named, or when there are too many constants.
    fn resolve(stage: ProgrammableStage<'a>, client: &mut Client, device: &DeviceState) -> Option<Self> {
        let ProgrammableStage { module, entry_point, constants } = stage;
        if constants.len() > MAX_PIPELINE_LIST {
            let message = format!("{} constants of one stage, more than {MAX_PIPELINE_LIST}", constants.len());
            client.invalid(device, &message);
            return None;
        }
        // No entry point has so long a name, and the truncated name matches none either.
        let entry_point = entry_point.map(|name| cut(name, MAX_LABEL));
        Some(Self { module: module.base.name(client, device)?, entry_point, constants })
    }

    fn wire(&self) -> wire::ProgrammableStage<'a> {
        wire::ProgrammableStage {
            module: self.module,
            entry_point: self.entry_point,
            constants: self.constants.clone(),
        }
    }
}

impl Layout<'_> {
    /// `None`, with the error raised, when the layout cannot be named.
    fn name(self, client: &mut Client, device: &DeviceState) -> Option<Option<PipelineLayoutId>> {
        match self {
            Layout::Auto => Some(None),
            Layout::Specific(layout) => layout.base.name(client, device).map(Some),
        }
    }
}

/// Truncates a list of a pipeline to [`MAX_PIPELINE_LIST`], which is still far beyond WebGPU's limits.
fn short<T>(mut list: Vec<T>) -> Vec<T> {
    list.truncate(MAX_PIPELINE_LIST);
    list
}

/// A layout with as many of its attributes as `room` allows.
fn vertex_buffer_layout(mut layout: VertexBufferLayout, room: &mut usize) -> wire::VertexBufferLayout {
    layout.attributes.truncate(*room);
    *room = room.saturating_sub(layout.attributes.len());
    wire::VertexBufferLayout {
        array_stride: layout.array_stride,
        step_mode: layout.step_mode.unwrap_or(VertexStepMode::Vertex),
        attributes: layout.attributes,
    }
}

fn color_target(target: &ColorTargetState) -> wire::ColorTargetState {
    let component = |component: &BlendComponent| wire::BlendComponent {
        operation: component.operation.unwrap_or(BlendOperation::Add),
        src_factor: component.src_factor.unwrap_or(BlendFactor::One),
        dst_factor: component.dst_factor.unwrap_or(BlendFactor::Zero),
    };
    wire::ColorTargetState {
        format: target.format,
        blend: target.blend.as_ref().map(|(color, alpha)| (component(color), component(alpha))),
        write_mask: target.write_mask.unwrap_or(ColorWrite::all()),
    }
}

fn primitive_state(state: PrimitiveState) -> wire::PrimitiveState {
    wire::PrimitiveState {
        topology: state.topology.unwrap_or(PrimitiveTopology::TriangleList),
        strip_index_format: state.strip_index_format,
        front_face: state.front_face.unwrap_or(FrontFace::Ccw),
        cull_mode: state.cull_mode.unwrap_or(CullMode::None),
        unclipped_depth: state.unclipped_depth.unwrap_or(false),
    }
}

fn multisample_state(state: MultisampleState) -> wire::MultisampleState {
    wire::MultisampleState {
        count: state.count.unwrap_or(1),
        mask: state.mask.unwrap_or(u32::MAX),
        alpha_to_coverage_enabled: state.alpha_to_coverage_enabled.unwrap_or(false),
    }
}

fn depth_stencil_state(state: &DepthStencilState) -> wire::DepthStencilState {
    wire::DepthStencilState {
        format: state.format,
        depth_write_enabled: state.depth_write_enabled,
        depth_compare: state.depth_compare,
        stencil_front: stencil_face(state.stencil_front),
        stencil_back: stencil_face(state.stencil_back),
        stencil_read_mask: state.stencil_read_mask.unwrap_or(u32::MAX),
        stencil_write_mask: state.stencil_write_mask.unwrap_or(u32::MAX),
        depth_bias: state.depth_bias.unwrap_or(0),
        depth_bias_slope_scale: state.depth_bias_slope_scale.unwrap_or(0.0),
        depth_bias_clamp: state.depth_bias_clamp.unwrap_or(0.0),
    }
}

fn stencil_face(state: StencilFaceState) -> wire::StencilFaceState {
    let operation = |operation: Option<StencilOperation>| operation.unwrap_or(StencilOperation::Keep);
    wire::StencilFaceState {
        compare: state.compare.unwrap_or(CompareFunction::Always),
        fail_op: operation(state.fail_op),
        depth_fail_op: operation(state.depth_fail_op),
        pass_op: operation(state.pass_op),
    }
}
