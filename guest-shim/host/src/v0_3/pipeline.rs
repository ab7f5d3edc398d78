//! `gpu-compute-pipeline` and `gpu-render-pipeline`.

use airlock_client::{
    device::Device,
    object::DeviceObject as _,
    pipeline::{
        BlendComponent, ColorTargetState, ComputePipelineDescriptor, DepthStencilState, FragmentState, Layout,
        MultisampleState, PrimitiveState, ProgrammableStage, RenderPipelineDescriptor, StencilFaceState,
        VertexBufferLayout,
    },
};
use airlock_protocol::{
    commands::pipeline::VertexAttribute,
    events::{PipelineError, PipelineErrorReason},
};
use wasmtime::component::{Resource, ResourceTable};

use super::{
    bindings::webgpu::{self, *},
    convert::ToWire,
    functions::called,
    object_functions,
    resources::Constants,
};
use crate::{WasiWebGpuCtx, WasiWebGpuCtxView};

impl webgpu::HostGpuComputePipeline for WasiWebGpuCtxView<'_> {
    object_functions!(GpuComputePipeline, "gpu-compute-pipeline.label", "gpu-compute-pipeline.set-label");

    fn get_bind_group_layout(
        &mut self,
        pipeline: Resource<GpuComputePipeline>,
        index: u32,
    ) -> wasmtime::Result<Resource<GpuBindGroupLayout>> {
        called!(self, "gpu-compute-pipeline.get-bind-group-layout");
        let layout = self.table.get(&pipeline)?.bind_group_layout(&mut self.ctx.client, index);
        Ok(self.table.push(layout)?)
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
        let layout = self.table.get(&pipeline)?.bind_group_layout(&mut self.ctx.client, index);
        Ok(self.table.push(layout)?)
    }
}

/// The error of a pipeline that was requested asynchronously.
pub(crate) fn pipeline_error(error: PipelineError) -> CreatePipelineError {
    let reason = match error.reason {
        PipelineErrorReason::Validation => GpuPipelineErrorReason::Validation,
        PipelineErrorReason::Internal => GpuPipelineErrorReason::Internal,
    };
    CreatePipelineError { kind: CreatePipelineErrorKind::GpuPipelineError(reason), message: error.message }
}

impl WasiWebGpuCtxView<'_> {
    /// Creates a compute pipeline, synchronously or asynchronously.
    pub(crate) fn compute_pipeline<R>(
        &mut self,
        device: &Resource<Device>,
        descriptor: GpuComputePipelineDescriptor,
        create: impl FnOnce(&Device, &mut WasiWebGpuCtx, ComputePipelineDescriptor<'_>) -> R,
    ) -> wasmtime::Result<R> {
        let GpuComputePipelineDescriptor { compute, layout, label } = descriptor;
        let constants = take(self.table, compute.constants)?;
        let table = &*self.table;
        let descriptor = ComputePipelineDescriptor {
            label,
            layout: pipeline_layout(table, &layout)?,
            compute: stage(table, &compute.module, compute.entry_point.as_deref(), &constants)?,
        };
        Ok(create(table.get(device)?, self.ctx, descriptor))
    }

    /// Creates a render pipeline, synchronously or asynchronously.
    pub(crate) fn render_pipeline<R>(
        &mut self,
        device: &Resource<Device>,
        descriptor: GpuRenderPipelineDescriptor,
        create: impl FnOnce(&Device, &mut WasiWebGpuCtx, RenderPipelineDescriptor<'_>) -> R,
    ) -> wasmtime::Result<R> {
        let GpuRenderPipelineDescriptor { vertex, primitive, depth_stencil, multisample, mut fragment, layout, label } =
            descriptor;
        let constants = take(self.table, vertex.constants)?;
        let fragment_constants = take(self.table, fragment.as_mut().and_then(|fragment| fragment.constants.take()))?;
        let table = &*self.table;
        let fragment = match &fragment {
            Some(fragment) => Some(FragmentState {
                stage: stage(table, &fragment.module, fragment.entry_point.as_deref(), &fragment_constants)?,
                targets: fragment.targets.iter().map(|target| target.as_ref().map(color_target)).collect(),
            }),
            None => None,
        };
        let vertex_buffers = vertex.buffers.unwrap_or_default();
        let descriptor = RenderPipelineDescriptor {
            label,
            layout: pipeline_layout(table, &layout)?,
            vertex: stage(table, &vertex.module, vertex.entry_point.as_deref(), &constants)?,
            vertex_buffers: vertex_buffers.into_iter().map(|layout| layout.map(vertex_buffer_layout)).collect(),
            primitive: primitive.map_or(PrimitiveState::default(), primitive_state),
            depth_stencil: depth_stencil.map(depth_stencil_state),
            multisample: multisample.map_or(MultisampleState::default(), |state| MultisampleState {
                count: state.count,
                mask: state.mask,
                alpha_to_coverage_enabled: state.alpha_to_coverage_enabled,
            }),
            fragment,
        };
        Ok(create(table.get(device)?, self.ctx, descriptor))
    }
}

/// The constants of a stage. The record is owned and dropped with the call.
fn take(
    table: &mut ResourceTable,
    record: Option<Resource<RecordGpuPipelineConstantValue>>,
) -> wasmtime::Result<Constants> {
    Ok(match record {
        Some(record) => table.delete(record)?,
        None => Constants::default(),
    })
}

fn stage<'a>(
    table: &'a ResourceTable,
    module: &Resource<GpuShaderModule>,
    entry_point: Option<&'a str>,
    constants: &'a Constants,
) -> wasmtime::Result<ProgrammableStage<'a>> {
    Ok(ProgrammableStage {
        module: table.get(module)?,
        entry_point,
        constants: constants.0.iter().map(|(name, value)| (name.as_str(), *value)).collect(),
    })
}

fn pipeline_layout<'a>(table: &'a ResourceTable, layout: &GpuLayoutMode) -> wasmtime::Result<Layout<'a>> {
    Ok(match layout {
        GpuLayoutMode::Auto => Layout::Auto,
        GpuLayoutMode::Specific(layout) => Layout::Specific(table.get(layout)?),
    })
}

fn vertex_buffer_layout(layout: GpuVertexBufferLayout) -> VertexBufferLayout {
    VertexBufferLayout {
        array_stride: layout.array_stride,
        step_mode: layout.step_mode.map(ToWire::to_wire),
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
        operation: component.operation.map(ToWire::to_wire),
        src_factor: component.src_factor.map(ToWire::to_wire),
        dst_factor: component.dst_factor.map(ToWire::to_wire),
    };
    ColorTargetState {
        format: target.format.to_wire(),
        blend: target.blend.as_ref().map(|blend| (component(&blend.color), component(&blend.alpha))),
        write_mask: target.write_mask.map(ToWire::to_wire),
    }
}

fn primitive_state(state: GpuPrimitiveState) -> PrimitiveState {
    PrimitiveState {
        topology: state.topology.map(ToWire::to_wire),
        strip_index_format: state.strip_index_format.map(ToWire::to_wire),
        front_face: state.front_face.map(ToWire::to_wire),
        cull_mode: state.cull_mode.map(ToWire::to_wire),
        unclipped_depth: state.unclipped_depth,
    }
}

fn depth_stencil_state(state: GpuDepthStencilState) -> DepthStencilState {
    let face = |state: Option<GpuStencilFaceState>| {
        state.map_or(StencilFaceState::default(), |state| StencilFaceState {
            compare: state.compare.map(ToWire::to_wire),
            fail_op: state.fail_op.map(ToWire::to_wire),
            depth_fail_op: state.depth_fail_op.map(ToWire::to_wire),
            pass_op: state.pass_op.map(ToWire::to_wire),
        })
    };
    DepthStencilState {
        format: state.format.to_wire(),
        depth_write_enabled: state.depth_write_enabled,
        depth_compare: state.depth_compare.map(ToWire::to_wire),
        stencil_front: face(state.stencil_front),
        stencil_back: face(state.stencil_back),
        stencil_read_mask: state.stencil_read_mask,
        stencil_write_mask: state.stencil_write_mask,
        depth_bias: state.depth_bias,
        depth_bias_slope_scale: state.depth_bias_slope_scale,
        depth_bias_clamp: state.depth_bias_clamp,
    }
}
