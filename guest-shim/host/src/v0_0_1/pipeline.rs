//! `gpu-render-pipeline`: its descriptor.

use airlock_client::{device::Device, pipeline::RenderPipelineDescriptor};
use airlock_protocol::commands::pipeline::ColorWrite;
use wasmtime::component::Resource;

use super::bindings::webgpu::*;
use crate::{WasiWebGpuCtx, WasiWebGpuCtxView, v0_3::bindings::webgpu as later};

impl WasiWebGpuCtxView<'_> {
    /// Creates a render pipeline, synchronously or asynchronously.
    pub(super) fn render_pipeline_of_bits<R>(
        &mut self,
        device: &Resource<Device>,
        descriptor: GpuRenderPipelineDescriptor,
        create: impl FnOnce(&Device, &mut WasiWebGpuCtx, RenderPipelineDescriptor<'_>) -> R,
    ) -> wasmtime::Result<R> {
        let (descriptor, masks) = without_masks(descriptor);
        self.render_pipeline(device, descriptor, |device, ctx, mut descriptor| {
            let targets = descriptor.fragment.iter_mut().flat_map(|fragment| &mut fragment.targets);
            for (target, mask) in targets.zip(masks) {
                if let Some(target) = target {
                    target.write_mask = mask.map(ColorWrite::from_bits_retain);
                }
            }
            create(device, ctx, descriptor)
        })
    }
}

/// The descriptor in the later version, and the write masks of its targets, which may have unknown bits here.
fn without_masks(descriptor: GpuRenderPipelineDescriptor) -> (later::GpuRenderPipelineDescriptor, Vec<Option<u32>>) {
    let GpuRenderPipelineDescriptor { vertex, primitive, depth_stencil, multisample, fragment, layout, label } =
        descriptor;
    let targets = fragment.iter().flat_map(|fragment| &fragment.targets);
    let masks = targets.map(|target| target.as_ref().and_then(|target| target.write_mask)).collect();
    let fragment = fragment.map(|GpuFragmentState { targets, module, entry_point, constants }| {
        let targets = targets.into_iter().map(|target| target.map(color_target)).collect();
        later::GpuFragmentState { targets, module, entry_point, constants }
    });
    let depth_stencil = depth_stencil.map(depth_stencil_state);
    let descriptor =
        later::GpuRenderPipelineDescriptor { vertex, primitive, depth_stencil, multisample, fragment, layout, label };
    (descriptor, masks)
}

fn color_target(target: GpuColorTargetState) -> later::GpuColorTargetState {
    let GpuColorTargetState { format, blend, write_mask: _ } = target;
    later::GpuColorTargetState { format: format.into(), blend, write_mask: None }
}

fn depth_stencil_state(state: GpuDepthStencilState) -> later::GpuDepthStencilState {
    later::GpuDepthStencilState {
        format: state.format.into(),
        depth_write_enabled: state.depth_write_enabled,
        depth_compare: state.depth_compare,
        stencil_front: state.stencil_front,
        stencil_back: state.stencil_back,
        stencil_read_mask: state.stencil_read_mask,
        stencil_write_mask: state.stencil_write_mask,
        depth_bias: state.depth_bias,
        depth_bias_slope_scale: state.depth_bias_slope_scale,
        depth_bias_clamp: state.depth_bias_clamp,
    }
}
