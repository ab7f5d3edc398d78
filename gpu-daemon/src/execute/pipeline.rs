//! `GPUComputePipeline` and `GPURenderPipeline`.

use std::{borrow::Cow, rc::Rc};

use airlock_protocol::{
    Event,
    commands::{
        error::ErrorFilter,
        pipeline::{
            CreateComputePipeline, CreateRenderPipeline, DepthStencilState, GetBindGroupLayout, PipelineId,
            ProgrammableStage,
        },
    },
    events::{PipelineError, PipelineErrorReason},
    ids::{PipelineLayoutId, RequestId, ShaderModuleId},
};
use naga::{ShaderStage, valid::ImmediateSlots};
use wgpu_core::{id, pipeline as wgc};
use wgpu_types::{self as wgt, ColorTargetState, error::WebGpuError};

use crate::{
    convert::{
        self,
        pipeline::{color_target, depth_stencil, multisample, primitive, vertex_buffer},
    },
    gpu::{
        aliases::{self, Layout},
        device::{Device, Reason},
        errors,
        objects::{BindGroupLayout, Object, Pipeline},
        violation::{Outcome, Violation, check_list},
    },
    session::Session,
    shaders::{Stage, coverage_flaw, interface_flaw, output_flaw, prepare, used},
    worker::vitals::Phase,
};

use super::shader::void_module;

impl Session {
    pub(super) fn create_compute_pipeline(&mut self, c: CreateComputePipeline<'_>) -> Outcome {
        let device = Rc::clone(self.devices.get(c.device)?);
        self.compute_pipelines.vacant(c.pipeline)?;
        let descriptor = wgc::ComputePipelineDescriptor {
            label: convert::label(c.label),
            layout: self.layout(c.layout)?,
            stage: self.stage_of(&c.compute)?,
            cache: None,
        };
        let check = || {
            let limits = device.global.device_limits(device.id);
            prepare(&self.checked(&c.compute, ShaderStage::Compute)?, &limits)
        };
        if let Some(reason) = self.vitals.during(Phase::Compile, check) {
            self.pipeline_refused(&device, "GPUDevice.createComputePipeline", c.label, c.request, &reason);
            let object = Object { id: invalid_compute_pipeline(&device), device };
            let (immediates, layout) = (0, Layout::default());
            return self.compute_pipelines.insert(c.pipeline, Pipeline { object, immediates, layout });
        }
        let make = || device.global.device_create_compute_pipeline(device.id, &descriptor, None);
        let (id, error) = self.vitals.during(Phase::Compile, make);
        self.pipeline_made(&device, "GPUDevice.createComputePipeline", c.label, c.request, error);
        let immediates = self.immediates(c.layout, &[c.compute.module]);
        let layout = self.overlapping_of(c.layout, [self.checked(&c.compute, ShaderStage::Compute), None]);
        self.compute_pipelines.insert(c.pipeline, Pipeline { object: Object { id, device }, immediates, layout })
    }

    pub(super) fn create_render_pipeline(&mut self, c: CreateRenderPipeline<'_>) -> Outcome {
        check_list(&c.vertex_buffers)?;
        for buffer in c.vertex_buffers.iter().flatten() {
            check_list(&buffer.attributes)?;
        }
        let device = Rc::clone(self.devices.get(c.device)?);
        self.render_pipelines.vacant(c.pipeline)?;
        let mut buffers: Vec<_> = c.vertex_buffers.iter().map(|buffer| buffer.as_ref().map(vertex_buffer)).collect();
        let limits = device.global.device_limits(device.id);
        // Unused slots at the end do not count towards the limit that vertex buffers share with bind groups (WebGPU,
        // "validating GPURenderPipelineDescriptor"), but wgpu counts them.
        convert::used_slots(&mut buffers, limits.max_vertex_buffers);
        let vertex = wgc::VertexState { stage: self.stage_of(&c.vertex)?, buffers: Cow::Owned(buffers) };
        let fragment = match &c.fragment {
            None => None,
            Some(state) => {
                check_list(&state.targets)?;
                let mut targets: Vec<Option<ColorTargetState>> =
                    state.targets.iter().map(|target| target.as_ref().map(color_target)).collect();
                convert::used_slots(&mut targets, limits.max_color_attachments);
                Some(wgc::FragmentState { stage: self.stage_of(&state.stage)?, targets: Cow::Owned(targets) })
            }
        };
        let mut multisample = multisample(&c.multisample);
        if c.depth_stencil.as_ref().is_some_and(|state| !has_finite_bias(state)) {
            // wgpu passes the bias to the driver unchecked, but refuses a sample count of zero.
            multisample.count = 0;
        }
        let descriptor = wgc::RenderPipelineDescriptor {
            label: convert::label(c.label),
            layout: self.layout(c.layout)?,
            vertex,
            primitive: primitive(&c.primitive),
            depth_stencil: c.depth_stencil.as_ref().map(depth_stencil),
            multisample,
            fragment,
            multiview_mask: None,
            cache: None,
        };
        let targets = descriptor.fragment.as_ref().map(|fragment| &*fragment.targets);
        if let Some(reason) = self.vitals.during(Phase::Compile, || self.render_flaw(&device, &c, targets)) {
            self.pipeline_refused(&device, "GPUDevice.createRenderPipeline", c.label, c.request, &reason);
            let object = Object { id: invalid_render_pipeline(&device), device };
            let (immediates, layout) = (0, Layout::default());
            return self.render_pipelines.insert(c.pipeline, Pipeline { object, immediates, layout });
        }
        let make = || device.global.device_create_render_pipeline(device.id, &descriptor, None);
        let (id, error) = self.vitals.during(Phase::Compile, make);
        self.pipeline_made(&device, "GPUDevice.createRenderPipeline", c.label, c.request, error);
        let fragment = c.fragment.as_ref().map_or(c.vertex.module, |fragment| fragment.stage.module);
        let immediates = self.immediates(c.layout, &[c.vertex.module, fragment]);
        let fragment = c.fragment.as_ref().and_then(|state| self.checked(&state.stage, ShaderStage::Fragment));
        let layout = self.overlapping_of(c.layout, [self.checked(&c.vertex, ShaderStage::Vertex), fragment]);
        self.render_pipelines.insert(c.pipeline, Pipeline { object: Object { id, device }, immediates, layout })
    }

    /// wgpu returns an invalid layout for an index out of range.
    pub(super) fn get_bind_group_layout(&mut self, c: GetBindGroupLayout) -> Outcome {
        const CALL: &str = "getBindGroupLayout";
        self.bind_group_layouts.vacant(c.layout)?;
        let (id, device, layout) = match c.pipeline {
            PipelineId::Compute(pipeline) => {
                let pipeline = self.compute_pipelines.get(pipeline)?;
                let global = &pipeline.device.global;
                let made = global.compute_pipeline_get_bind_group_layout(pipeline.id, c.index, None);
                (pipeline.device.created(CALL, "", made), Rc::clone(&pipeline.device), &pipeline.layout)
            }
            PipelineId::Render(pipeline) => {
                let pipeline = self.render_pipelines.get(pipeline)?;
                let global = &pipeline.device.global;
                let made = global.render_pipeline_get_bind_group_layout(pipeline.id, c.index, None);
                (pipeline.device.created(CALL, "", made), Rc::clone(&pipeline.device), &pipeline.layout)
            }
        };
        let slots = usize::try_from(c.index).ok().and_then(|index| layout.get(index)?.clone());
        let (object, slots) = (Object { id, device }, slots.unwrap_or_else(|| aliases::slots(&[])));
        self.bind_group_layouts.insert(c.layout, BindGroupLayout { object, slots })
    }

    /// Bindings of a pipeline's layout that can overlap, explicit or automatic.
    fn overlapping_of(&self, layout: Option<PipelineLayoutId>, stages: [Option<Stage<'_>>; 2]) -> Layout {
        match layout {
            Some(layout) => {
                self.pipeline_layouts.get(layout).map(|layout| Rc::clone(&layout.layout)).unwrap_or_default()
            }
            None => aliases::automatic(&stages.iter().flatten().flat_map(used).collect::<Vec<_>>()),
        }
    }

    fn layout(&self, layout: Option<PipelineLayoutId>) -> Result<Option<id::PipelineLayoutId>, Violation> {
        layout.map(|layout| self.pipeline_layouts.get(layout).map(|layout| layout.id)).transpose()
    }

    fn stage_of<'a>(&self, stage: &ProgrammableStage<'a>) -> Result<wgc::ProgrammableStageDescriptor<'a>, Violation> {
        check_list(&stage.constants)?;
        Ok(wgc::ProgrammableStageDescriptor {
            module: self.shader_modules.get(stage.module)?.object.id,
            entry_point: stage.entry_point.map(Cow::Borrowed),
            constants: stage.constants.iter().map(|&(name, value)| (name.to_owned(), value)).collect(),
            // WGSL requires zeroed workgroup memory; otherwise a shader could read data of earlier work.
            zero_initialize_workgroup_memory: true,
        })
    }

    /// Bytes of immediate data of a pipeline's layout, explicit or automatic.
    fn immediates(&self, layout: Option<PipelineLayoutId>, modules: &[ShaderModuleId]) -> u32 {
        if let Some(layout) = layout {
            return self.pipeline_layouts.get(layout).map_or(0, |layout| layout.immediates);
        }
        let codes = modules.iter().filter_map(|&module| self.shader_modules.get(module).ok()?.code.as_deref());
        codes.map(|code| ImmediateSlots::size_for_module(&code.module)).max().unwrap_or(0)
    }

    /// The stage for the daemon's checks; `None` where the module is invalid, which wgpu reports.
    fn checked<'a>(&'a self, of: &'a ProgrammableStage<'_>, stage: ShaderStage) -> Option<Stage<'a>> {
        let code = self.shader_modules.get(of.module).ok()?.code.as_deref()?;
        Some(Stage { code, stage, entry_point: of.entry_point, constants: &of.constants })
    }

    /// Checks a render pipeline before wgpu; returns the reason if it is invalid.
    fn render_flaw(
        &self,
        device: &Device,
        c: &CreateRenderPipeline<'_>,
        targets: Option<&[Option<ColorTargetState>]>,
    ) -> Option<String> {
        let limits = device.global.device_limits(device.id);
        let targets = targets.unwrap_or_default();
        let fragment = c.fragment.as_ref().and_then(|state| self.checked(&state.stage, ShaderStage::Fragment));
        if c.multisample.alpha_to_coverage_enabled {
            let features = device.global.device_features(device.id);
            if let Some(reason) = coverage_flaw(fragment.as_ref(), targets, c.multisample.count, features) {
                return Some(reason);
            }
        }
        let vertex = self.checked(&c.vertex, ShaderStage::Vertex)?;
        prepare(&vertex, &limits).or_else(|| {
            let fragment = fragment?;
            prepare(&fragment, &limits)
                .or_else(|| interface_flaw(&vertex, &fragment))
                .or_else(|| output_flaw(&fragment, targets))
        })
    }

    /// Reports an error of the daemon's own checks.
    fn pipeline_refused(&self, device: &Device, call: &str, label: &str, request: Option<RequestId>, reason: &str) {
        let Some(request) = request else { return device.invalid(call, label, reason) };
        let result = match device.is_lost() {
            true => Ok(()),
            false => Err(PipelineError {
                reason: PipelineErrorReason::Validation,
                message: errors::describe(call, label, &Reason(reason.to_owned())),
            }),
        };
        self.completions.events.send(&Event::PipelineReply { request, result });
    }

    /// Reports the result: the synchronous form raises an error, the asynchronous form replies with it.
    fn pipeline_made<E: WebGpuError>(
        &self,
        device: &Device,
        call: &str,
        label: &str,
        request: Option<RequestId>,
        error: Option<E>,
    ) {
        let Some(request) = request else {
            if let Some(error) = error {
                device.report(call, label, &error);
            }
            return;
        };
        let result = match error {
            None => Ok(()),
            // WebGPU, "createRenderPipelineAsync": on a lost device it resolves with a pipeline without effect.
            Some(error) => match errors::kind(error.webgpu_error_type()) {
                None => Ok(()),
                Some(kind) => Err(PipelineError {
                    reason: match kind {
                        ErrorFilter::Validation => PipelineErrorReason::Validation,
                        ErrorFilter::OutOfMemory | ErrorFilter::Internal => PipelineErrorReason::Internal,
                    },
                    message: errors::describe(call, label, &error),
                }),
            },
        };
        self.completions.events.send(&Event::PipelineReply { request, result });
    }
}

/// Creates an invalid pipeline, in place of a rejected one, from an invalid module.
fn invalid_compute_pipeline(device: &Device) -> id::ComputePipelineId {
    let module = void_module(device, "");
    let descriptor =
        wgc::ComputePipelineDescriptor { label: None, layout: None, stage: void_stage(module), cache: None };
    let (id, _) = device.global.device_create_compute_pipeline(device.id, &descriptor, None);
    device.global.shader_module_drop(module);
    id
}

/// See [`invalid_compute_pipeline`].
fn invalid_render_pipeline(device: &Device) -> id::RenderPipelineId {
    let module = void_module(device, "");
    let descriptor = wgc::RenderPipelineDescriptor {
        label: None,
        layout: None,
        vertex: wgc::VertexState { stage: void_stage(module), buffers: Cow::Borrowed(&[]) },
        primitive: wgt::PrimitiveState::default(),
        depth_stencil: None,
        multisample: wgt::MultisampleState::default(),
        fragment: None,
        multiview_mask: None,
        cache: None,
    };
    let (id, _) = device.global.device_create_render_pipeline(device.id, &descriptor, None);
    device.global.shader_module_drop(module);
    id
}

fn void_stage(module: id::ShaderModuleId) -> wgc::ProgrammableStageDescriptor<'static> {
    wgc::ProgrammableStageDescriptor {
        module,
        entry_point: None,
        constants: Default::default(),
        zero_initialize_workgroup_memory: true,
    }
}

/// True when both floating-point parts of a depth bias are finite.
fn has_finite_bias(state: &DepthStencilState) -> bool {
    state.depth_bias_slope_scale.is_finite() && state.depth_bias_clamp.is_finite()
}
