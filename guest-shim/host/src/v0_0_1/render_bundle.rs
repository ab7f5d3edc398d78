//! `gpu-render-bundle-encoder`: its descriptor.

use super::bindings::webgpu::*;
use crate::v0_3::bindings::webgpu as later;

impl From<GpuRenderBundleEncoderDescriptor> for later::GpuRenderBundleEncoderDescriptor {
    fn from(descriptor: GpuRenderBundleEncoderDescriptor) -> Self {
        let GpuRenderBundleEncoderDescriptor {
            depth_read_only,
            stencil_read_only,
            color_formats,
            depth_stencil_format,
            sample_count,
            label,
        } = descriptor;
        Self {
            depth_read_only,
            stencil_read_only,
            color_formats: color_formats.into_iter().map(|format| format.map(Into::into)).collect(),
            depth_stencil_format: depth_stencil_format.map(Into::into),
            sample_count,
            label,
        }
    }
}
