//! Encoders, shaders, pipelines and bind groups, without the fields that most guests leave at their defaults.

use crate::device::Gpu;
use crate::errors::ErrorScopes;
use crate::gpu::{
    GpuBindGroup, GpuBindGroupDescriptor, GpuBindGroupEntry, GpuBindGroupLayout, GpuBindingResource, GpuColor,
    GpuColorTargetState, GpuCommandEncoder, GpuCommandEncoderDescriptor, GpuCompilationMessageType,
    GpuComputePassDescriptor, GpuComputePassEncoder, GpuComputePipeline, GpuComputePipelineDescriptor,
    GpuFragmentState, GpuLayoutMode, GpuLoadOp, GpuProgrammableStage, GpuRenderPassColorAttachment,
    GpuRenderPassDescriptor, GpuRenderPassEncoder, GpuRenderPipeline, GpuRenderPipelineDescriptor, GpuShaderModule,
    GpuShaderModuleDescriptor, GpuStoreOp, GpuTextureFormat, GpuTextureView, GpuVertexState,
};
use crate::start::{Failure, Outcome};

impl Gpu {
    pub fn encoder(&self, label: &str) -> GpuCommandEncoder {
        self.device.create_command_encoder(Some(&GpuCommandEncoderDescriptor { label: Some(label.to_string()) }))
    }

    /// Finishes the encoder and submits its commands.
    pub fn submit(&self, encoder: &GpuCommandEncoder) {
        let commands = encoder.finish(None);
        self.queue.submit(&[&commands]);
    }

    /// Compiles WGSL; an error has the compiler's message with its line.
    pub async fn shader(&self, label: &str, code: &str) -> Outcome<GpuShaderModule> {
        let scopes = ErrorScopes::open(&self.device);
        let module = self.device.create_shader_module(&GpuShaderModuleDescriptor {
            code: code.to_string(),
            compilation_hints: None,
            label: Some(label.to_string()),
        });
        if let Err(failure) = scopes.close(&format!("shader {label:?}")).await {
            let info = module.get_compilation_info().await;
            let errors = info.messages().into_iter().filter(|m| m.type_() == GpuCompilationMessageType::Error);
            let lines: Vec<String> =
                errors.map(|m| format!("  {label}.wgsl:{}:{}: {}", m.line_num(), m.line_pos(), m.message())).collect();
            return Err(Failure::new(format!("{}\n{}", failure.message, lines.join("\n"))));
        }
        Ok(module)
    }

    /// A compute pipeline with the layout that its shader implies.
    pub async fn compute_pipeline(&self, label: &str, code: &str, entry: &str) -> Outcome<GpuComputePipeline> {
        let module = self.shader(label, code).await?;
        self.device
            .create_compute_pipeline_async(GpuComputePipelineDescriptor {
                compute: GpuProgrammableStage {
                    module: &module,
                    entry_point: Some(entry.to_string()),
                    constants: None,
                },
                layout: GpuLayoutMode::Auto,
                label: Some(label.to_string()),
            })
            .await
            .map_err(|error| Failure::new(format!("pipeline {label:?}: {}", error.message)))
    }

    /// A bind group whose entries are numbered from 0 in the given order.
    pub fn bind_group(&self, layout: &GpuBindGroupLayout, resources: Vec<GpuBindingResource<'_>>) -> GpuBindGroup {
        let entries = (0..).zip(resources).map(|(binding, resource)| GpuBindGroupEntry { binding, resource });
        self.device.create_bind_group(&GpuBindGroupDescriptor { layout, entries: entries.collect(), label: None })
    }
}

/// A compute pass with a label.
pub fn compute_pass(encoder: &GpuCommandEncoder, label: &str) -> GpuComputePassEncoder {
    encoder
        .begin_compute_pass(Some(&GpuComputePassDescriptor { timestamp_writes: None, label: Some(label.to_string()) }))
}

/// Sets a bind group without dynamic offsets, which cannot be out of range.
pub fn bind(pass: &GpuComputePassEncoder, index: u32, group: &GpuBindGroup) -> Outcome {
    pass.set_bind_group(index, Some(group), None, None, None)
        .map_err(|error| Failure::new(format!("cannot set bind group {index}: {}", error.message)))
}

/// A colour attachment that is cleared at the start and stored at the end.
pub fn color_attachment<'a>(view: &'a GpuTextureView, clear: [f64; 4]) -> GpuRenderPassColorAttachment<'a> {
    let [r, g, b, a] = clear;
    GpuRenderPassColorAttachment {
        view,
        depth_slice: None,
        resolve_target: None,
        clear_value: Some(GpuColor { r, g, b, a }),
        load_op: GpuLoadOp::Clear,
        store_op: GpuStoreOp::Store,
    }
}

/// A render pass with colour attachments only.
pub fn render_pass(
    encoder: &GpuCommandEncoder,
    label: &str,
    attachments: Vec<GpuRenderPassColorAttachment<'_>>,
) -> GpuRenderPassEncoder {
    encoder.begin_render_pass(&GpuRenderPassDescriptor {
        color_attachments: attachments.into_iter().map(Some).collect(),
        depth_stencil_attachment: None,
        occlusion_query_set: None,
        timestamp_writes: None,
        max_draw_count: None,
        label: Some(label.to_string()),
    })
}

/// A target that writes all channels of `format` without blending.
pub fn color_target(format: GpuTextureFormat) -> Option<GpuColorTargetState> {
    Some(GpuColorTargetState { format, blend: None, write_mask: None })
}

/// A pipeline with an automatic layout whose vertex and fragment stages are `vertex` and `fragment` of one module; a guest
/// changes it as needed.
pub fn render_descriptor<'a>(
    label: &str,
    module: &'a GpuShaderModule,
    target: Option<GpuColorTargetState>,
) -> GpuRenderPipelineDescriptor<'a> {
    GpuRenderPipelineDescriptor {
        vertex: GpuVertexState { buffers: None, module, entry_point: Some("vertex".to_string()), constants: None },
        primitive: None,
        depth_stencil: None,
        multisample: None,
        fragment: Some(GpuFragmentState {
            targets: vec![target],
            module,
            entry_point: Some("fragment".to_string()),
            constants: None,
        }),
        layout: GpuLayoutMode::Auto,
        label: Some(label.to_string()),
    }
}

impl Gpu {
    /// Creates a render pipeline; an error names it.
    pub async fn render_pipeline(&self, descriptor: GpuRenderPipelineDescriptor<'_>) -> Outcome<GpuRenderPipeline> {
        let label = descriptor.label.clone().unwrap_or_default();
        self.device
            .create_render_pipeline_async(descriptor)
            .await
            .map_err(|error| Failure::new(format!("pipeline {label:?}: {}", error.message)))
    }
}
