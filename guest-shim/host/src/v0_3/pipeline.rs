//! `gpu-compute-pipeline` and `gpu-render-pipeline`.

use std::sync::Arc;

use airlock_client::session::{Answer, DeviceState, Reply};
use airlock_protocol::{
    commands::pipeline::{
        BlendComponent, BlendFactor, BlendOperation, ColorTargetState, ColorWrite, CompareFunction,
        CreateComputePipeline, CreateRenderPipeline, CullMode, DepthStencilState, FragmentState, FrontFace,
        GetBindGroupLayout, MultisampleState, PipelineId, PrimitiveState, PrimitiveTopology, ProgrammableStage,
        StencilFaceState, StencilOperation, VertexAttribute, VertexBufferLayout, VertexStepMode,
    },
    events::{PipelineError, PipelineErrorReason},
    ids::{PipelineLayoutId, RequestId, ShaderModuleId},
    limits::{MAX_LABEL, MAX_PIPELINE_LIST, cut},
};
use wasmtime::component::{Accessor, Resource};

use super::{WasiWebGpu, convert::ToWire, object_functions};
use crate::{
    WasiWebGpuCtxView,
    shadow::{self, Base, Based},
    v0_3::bindings::webgpu::{self, *},
    v0_3::functions::called,
};

impl webgpu::HostGpuComputePipeline for WasiWebGpuCtxView<'_> {
    object_functions!(GpuComputePipeline, "gpu-compute-pipeline.label", "gpu-compute-pipeline.set-label");

    fn get_bind_group_layout(
        &mut self,
        pipeline: Resource<GpuComputePipeline>,
        index: u32,
    ) -> wasmtime::Result<Resource<GpuBindGroupLayout>> {
        called!(self, "gpu-compute-pipeline.get-bind-group-layout");
        self.layout_of(&pipeline, index, PipelineId::Compute)
    }
}

impl webgpu::HostGpuRenderPipeline for WasiWebGpuCtxView<'_> {
    object_functions!(GpuRenderPipeline, "gpu-render-pipeline.label", "gpu-render-pipeline.set-label");

    fn get_bind_group_layout(
        &mut self,
        pipeline: Resource<GpuRenderPipeline>,
        index: u32,
    ) -> wasmtime::Result<Resource<GpuBindGroupLayout>> {
        called!(self, "gpu-render-pipeline.get-bind-group-layout");
        self.layout_of(&pipeline, index, PipelineId::Render)
    }
}

/// A pipeline that was asked for and is not answered yet.
pub(super) struct Unfinished<T> {
    pipeline: T,
    answer: Option<Answer>,
}

impl<P: Based + Send + 'static> Unfinished<P> {
    /// Waits for the answer. A lost device makes pipelines that do nothing (WebGPU, createComputePipelineAsync).
    pub(super) async fn finish<T: Send>(
        self,
        accessor: &Accessor<T, WasiWebGpu>,
    ) -> wasmtime::Result<Result<Resource<P>, CreatePipelineError>> {
        let reply = match self.answer {
            Some(answer) => answer.await.ok(),
            None => None,
        };
        accessor.with(|mut access| {
            let view = access.get();
            Ok(match reply {
                Some(Reply::Pipeline(Err(error))) => {
                    let base = self.pipeline.into_base();
                    view.ctx.release(base.device, base.id);
                    Err(pipeline_error(error))
                }
                _ => Ok(view.table.push(self.pipeline)?),
            })
        })
    }
}

fn pipeline_error(error: PipelineError) -> CreatePipelineError {
    let reason = match error.reason {
        PipelineErrorReason::Validation => GpuPipelineErrorReason::Validation,
        PipelineErrorReason::Internal => GpuPipelineErrorReason::Internal,
    };
    CreatePipelineError { kind: CreatePipelineErrorKind::GpuPipelineError(reason), message: error.message }
}

/// The stages of a pipeline, resolved; the strings live as long as the command.
struct Stage {
    module: ShaderModuleId,
    entry_point: Option<String>,
    constants: Vec<(String, f64)>,
}

impl Stage {
    fn wire(&self) -> ProgrammableStage<'_> {
        ProgrammableStage {
            module: self.module,
            entry_point: self.entry_point.as_deref(),
            constants: self.constants.iter().map(|(name, value)| (name.as_str(), *value)).collect(),
        }
    }
}

/// A layout of a pipeline: given, or derived from its shaders.
type Layout = Option<PipelineLayoutId>;

impl WasiWebGpuCtxView<'_> {
    pub(super) fn new_compute_pipeline(
        &mut self,
        device: &Arc<DeviceState>,
        descriptor: GpuComputePipelineDescriptor,
    ) -> wasmtime::Result<Resource<GpuComputePipeline>> {
        let (pipeline, _) = self.compute_pipeline(device, descriptor, false)?;
        Ok(self.table.push(pipeline)?)
    }

    pub(super) fn new_compute_pipeline_async(
        &mut self,
        device: &Arc<DeviceState>,
        descriptor: GpuComputePipelineDescriptor,
    ) -> wasmtime::Result<Unfinished<shadow::ComputePipeline>> {
        let (pipeline, answer) = self.compute_pipeline(device, descriptor, true)?;
        Ok(Unfinished { pipeline, answer })
    }

    fn compute_pipeline(
        &mut self,
        device: &Arc<DeviceState>,
        descriptor: GpuComputePipelineDescriptor,
        wait: bool,
    ) -> wasmtime::Result<(shadow::ComputePipeline, Option<Answer>)> {
        let GpuComputePipelineDescriptor { compute, layout, label } = descriptor;
        let stage = self.stage(compute.module, compute.entry_point, compute.constants, device)?;
        let layout = self.layout_mode(&layout, device)?;
        let (Some(stage), Some(layout)) = (stage, layout) else {
            return Ok((shadow::ComputePipeline { base: Self::inert(device, label) }, None));
        };
        let mut base = self.create(device, label);
        let answer = self.create_pipeline(device, &base, wait, |pipeline, request, label| CreateComputePipeline {
            device: device.id,
            pipeline,
            request,
            label,
            layout,
            compute: stage.wire(),
        });
        self.check_sent(&mut base, wait && answer.is_none());
        Ok((shadow::ComputePipeline { base }, answer))
    }

    pub(super) fn new_render_pipeline(
        &mut self,
        device: &Arc<DeviceState>,
        descriptor: GpuRenderPipelineDescriptor,
    ) -> wasmtime::Result<Resource<GpuRenderPipeline>> {
        let (pipeline, _) = self.render_pipeline(device, descriptor, false)?;
        Ok(self.table.push(pipeline)?)
    }

    pub(super) fn new_render_pipeline_async(
        &mut self,
        device: &Arc<DeviceState>,
        descriptor: GpuRenderPipelineDescriptor,
    ) -> wasmtime::Result<Unfinished<shadow::RenderPipeline>> {
        let (pipeline, answer) = self.render_pipeline(device, descriptor, true)?;
        Ok(Unfinished { pipeline, answer })
    }

    fn render_pipeline(
        &mut self,
        device: &Arc<DeviceState>,
        descriptor: GpuRenderPipelineDescriptor,
        wait: bool,
    ) -> wasmtime::Result<(shadow::RenderPipeline, Option<Answer>)> {
        let GpuRenderPipelineDescriptor { vertex, primitive, depth_stencil, multisample, fragment, layout, label } =
            descriptor;
        let vertex_stage = self.stage(vertex.module, vertex.entry_point, vertex.constants, device)?;
        let (fragment_stage, targets) = match fragment {
            Some(fragment) => {
                let stage = self.stage(fragment.module, fragment.entry_point, fragment.constants, device)?;
                (Some(stage), short(fragment.targets))
            }
            None => (None, Vec::new()),
        };
        let layout = self.layout_mode(&layout, device)?;
        let (Some(vertex_stage), Some(layout), true) =
            (vertex_stage, layout, fragment_stage.as_ref().is_none_or(Option::is_some))
        else {
            return Ok((shadow::RenderPipeline { base: Self::inert(device, label) }, None));
        };
        // Of all buffers together: a list of long lists would not fit a batch.
        let mut room = MAX_PIPELINE_LIST;
        let vertex_buffers: Vec<_> = short(vertex.buffers.unwrap_or_default())
            .into_iter()
            .map(|layout| layout.map(|layout| vertex_buffer_layout(layout, &mut room)))
            .collect();
        let targets: Vec<_> = targets.iter().map(|target| target.as_ref().map(color_target)).collect();
        let fragment_stage = fragment_stage.flatten();
        let mut base = self.create(device, label);
        let answer = self.create_pipeline(device, &base, wait, |pipeline, request, label| CreateRenderPipeline {
            device: device.id,
            pipeline,
            request,
            label,
            layout,
            vertex: vertex_stage.wire(),
            vertex_buffers,
            primitive: primitive_state(primitive.as_ref()),
            depth_stencil: depth_stencil.as_ref().map(depth_stencil_state),
            multisample: multisample_state(multisample.as_ref()),
            fragment: fragment_stage.as_ref().map(|stage| FragmentState { stage: stage.wire(), targets }),
        });
        self.check_sent(&mut base, wait && answer.is_none());
        Ok((shadow::RenderPipeline { base }, answer))
    }

    /// Sends the creation; with `wait`, as a question.
    fn create_pipeline<'a, I: airlock_protocol::ids::Id, R: airlock_protocol::Record>(
        &mut self,
        device: &Arc<DeviceState>,
        base: &'a Base<I>,
        wait: bool,
        command: impl FnOnce(I, Option<RequestId>, &'a str) -> R,
    ) -> Option<Answer> {
        let id = base.id?;
        if wait {
            return self.ctx.ask(device, 0, |request| command(id, Some(request), &base.label));
        }
        self.ctx.send(device, command(id, None, &base.label));
        None
    }

    /// Makes a pipeline inert whose question nobody could take: the daemon never made it.
    fn check_sent<I: airlock_protocol::ids::Id>(&mut self, base: &mut Base<I>, refused: bool) {
        if refused && let Some(id) = base.id.take() {
            self.ctx.reclaim(&base.device, id);
        }
    }

    fn stage(
        &mut self,
        module: Resource<GpuShaderModule>,
        entry_point: Option<String>,
        constants: Option<Resource<RecordGpuPipelineConstantValue>>,
        device: &Arc<DeviceState>,
    ) -> wasmtime::Result<Option<Stage>> {
        // The record is owned: it goes with the call, also when the module cannot be named.
        let constants = match constants {
            Some(record) => self.table.delete(record)?.0,
            None => Default::default(),
        };
        if constants.len() > MAX_PIPELINE_LIST {
            let message = format!("{} constants of one stage, more than {MAX_PIPELINE_LIST}", constants.len());
            self.ctx.invalid(device, &message);
            return Ok(None);
        }
        // No entry point has so long a name: what is cut names none either.
        let entry_point = entry_point.map(|name| cut(&name, MAX_LABEL).to_owned());
        let module = self.name(&module, device)?;
        Ok(module.map(|module| Stage { module, entry_point, constants: constants.into_iter().collect() }))
    }

    fn layout_mode(&mut self, layout: &GpuLayoutMode, device: &Arc<DeviceState>) -> wasmtime::Result<Option<Layout>> {
        Ok(match layout {
            GpuLayoutMode::Auto => Some(None),
            GpuLayoutMode::Specific(layout) => self.name(layout, device)?.map(Some),
        })
    }

    fn layout_of<P: Based + Send + 'static>(
        &mut self,
        pipeline: &Resource<P>,
        index: u32,
        kind: impl FnOnce(P::Id) -> PipelineId,
    ) -> wasmtime::Result<Resource<GpuBindGroupLayout>> {
        let device = self.device_of(pipeline)?;
        let base = match self.name(pipeline, &device)? {
            Some(pipeline) => {
                let base = self.create(&device, None);
                if let Some(layout) = base.id {
                    self.ctx.send(&device, GetBindGroupLayout { pipeline: kind(pipeline), index, layout });
                }
                base
            }
            None => Self::inert(&device, None),
        };
        Ok(self.table.push(shadow::BindGroupLayout { base })?)
    }
}

/// A list of a pipeline, no longer than [`MAX_PIPELINE_LIST`]: what remains is still far beyond WebGPU's limits.
fn short<T>(mut list: Vec<T>) -> Vec<T> {
    list.truncate(MAX_PIPELINE_LIST);
    list
}

/// A layout with as many of its attributes as there is room for.
fn vertex_buffer_layout(mut layout: GpuVertexBufferLayout, room: &mut usize) -> VertexBufferLayout {
    layout.attributes.truncate(*room);
    *room = room.saturating_sub(layout.attributes.len());
    VertexBufferLayout {
        array_stride: layout.array_stride,
        step_mode: layout.step_mode.map_or(VertexStepMode::Vertex, ToWire::to_wire),
        attributes: layout
            .attributes
            .into_iter()
            .map(|attribute| VertexAttribute {
                format: attribute.format.to_wire(),
                offset: attribute.offset,
                shader_location: attribute.shader_location,
            })
            .collect(),
    }
}

fn color_target(target: &GpuColorTargetState) -> ColorTargetState {
    let component = |component: &GpuBlendComponent| BlendComponent {
        operation: component.operation.map_or(BlendOperation::Add, ToWire::to_wire),
        src_factor: component.src_factor.map_or(BlendFactor::One, ToWire::to_wire),
        dst_factor: component.dst_factor.map_or(BlendFactor::Zero, ToWire::to_wire),
    };
    ColorTargetState {
        format: target.format.to_wire(),
        blend: target.blend.as_ref().map(|blend| (component(&blend.color), component(&blend.alpha))),
        write_mask: target.write_mask.map_or(ColorWrite::all(), ToWire::to_wire),
    }
}

fn primitive_state(state: Option<&GpuPrimitiveState>) -> PrimitiveState {
    PrimitiveState {
        topology: state.and_then(|state| state.topology).map_or(PrimitiveTopology::TriangleList, ToWire::to_wire),
        strip_index_format: state.and_then(|state| state.strip_index_format).map(ToWire::to_wire),
        front_face: state.and_then(|state| state.front_face).map_or(FrontFace::Ccw, ToWire::to_wire),
        cull_mode: state.and_then(|state| state.cull_mode).map_or(CullMode::None, ToWire::to_wire),
        unclipped_depth: state.and_then(|state| state.unclipped_depth).unwrap_or(false),
    }
}

fn multisample_state(state: Option<&GpuMultisampleState>) -> MultisampleState {
    MultisampleState {
        count: state.and_then(|state| state.count).unwrap_or(1),
        mask: state.and_then(|state| state.mask).unwrap_or(u32::MAX),
        alpha_to_coverage_enabled: state.and_then(|state| state.alpha_to_coverage_enabled).unwrap_or(false),
    }
}

fn depth_stencil_state(state: &GpuDepthStencilState) -> DepthStencilState {
    DepthStencilState {
        format: state.format.to_wire(),
        depth_write_enabled: state.depth_write_enabled,
        depth_compare: state.depth_compare.map(ToWire::to_wire),
        stencil_front: stencil_face(state.stencil_front.as_ref()),
        stencil_back: stencil_face(state.stencil_back.as_ref()),
        stencil_read_mask: state.stencil_read_mask.unwrap_or(u32::MAX),
        stencil_write_mask: state.stencil_write_mask.unwrap_or(u32::MAX),
        depth_bias: state.depth_bias.unwrap_or(0),
        depth_bias_slope_scale: state.depth_bias_slope_scale.unwrap_or(0.0),
        depth_bias_clamp: state.depth_bias_clamp.unwrap_or(0.0),
    }
}

fn stencil_face(state: Option<&GpuStencilFaceState>) -> StencilFaceState {
    let operation = |operation: Option<GpuStencilOperation>| operation.map_or(StencilOperation::Keep, ToWire::to_wire);
    StencilFaceState {
        compare: state.and_then(|state| state.compare).map_or(CompareFunction::Always, ToWire::to_wire),
        fail_op: operation(state.and_then(|state| state.fail_op)),
        depth_fail_op: operation(state.and_then(|state| state.depth_fail_op)),
        pass_op: operation(state.and_then(|state| state.pass_op)),
    }
}
