//! Objects without a counterpart in `wasi:webgpu`: surfaces, acceleration structures, external textures, pipeline
//! caches. No device has the features that lead to them; creating one raises a validation error and returns one of
//! these.

use wgpu::custom::{
    BlasCompactCallback, BlasInterface, DispatchAdapter, DispatchDevice, DispatchSurfaceOutputDetail, DispatchTexture,
    ExternalTextureInterface, PipelineCacheInterface, SurfaceInterface, SurfaceOutputDetailInterface, TlasInterface,
};

/// A surface that no adapter supports, always lost.
#[derive(Debug)]
pub struct Surface;

impl SurfaceInterface for Surface {
    fn get_capabilities(&self, _: &DispatchAdapter) -> wgpu::SurfaceCapabilities {
        wgpu::SurfaceCapabilities::default()
    }

    fn configure(&self, device: &DispatchDevice, _: &wgpu::SurfaceConfiguration) {
        if let Some(device) = device.as_custom::<crate::device::Device>() {
            device.0.report("Surface::configure", None, &"Surface does not support the adapter's queue family");
        }
    }

    fn get_current_texture(&self) -> (Option<DispatchTexture>, wgpu::SurfaceStatus, DispatchSurfaceOutputDetail) {
        (None, wgpu::SurfaceStatus::Lost, DispatchSurfaceOutputDetail::custom(SurfaceOutputDetail))
    }
}

/// Frame of a surface, which has none.
#[derive(Debug)]
pub struct SurfaceOutputDetail;

impl SurfaceOutputDetailInterface for SurfaceOutputDetail {
    fn texture_discard(&self) {}

    fn texture_release(&self) {}
}

/// A bottom-level acceleration structure.
#[derive(Debug)]
pub struct Blas;

impl BlasInterface for Blas {
    fn prepare_compact_async(&self, callback: BlasCompactCallback) {
        callback(Err(wgpu::BlasAsyncError));
    }

    fn ready_for_compaction(&self) -> bool {
        false
    }
}

/// A top-level acceleration structure.
#[derive(Debug)]
pub struct Tlas;

impl TlasInterface for Tlas {}

/// A texture of several planes that a shader samples as one.
#[derive(Debug)]
pub struct ExternalTexture;

impl ExternalTextureInterface for ExternalTexture {
    fn destroy(&self) {}
}

/// A cache of compiled pipelines. The host may have its own.
#[derive(Debug)]
pub struct PipelineCache;

impl PipelineCacheInterface for PipelineCache {
    fn get_data(&self) -> Option<Vec<u8>> {
        None
    }
}
