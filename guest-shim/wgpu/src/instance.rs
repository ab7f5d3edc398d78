//! The instance: requests for adapters.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use wgpu::custom::{DispatchAdapter, DispatchSurface, EnumerateAdapterFuture, InstanceInterface, RequestAdapterFuture};

use crate::absent::Surface;
use crate::adapter::Adapter;
use crate::bindings::webgpu as gpu;
use crate::device::Shared;
use crate::executor;

/// Devices of an instance, for `poll_all`.
#[derive(Clone, Default)]
pub struct Devices(Arc<Mutex<Vec<Weak<Shared>>>>);

impl Devices {
    pub fn add(&self, device: &Arc<Shared>) {
        let mut devices = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        devices.retain(|device| device.strong_count() > 0);
        devices.push(Arc::downgrade(device));
    }

    fn alive(&self) -> Vec<Arc<Shared>> {
        let devices = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        devices.iter().filter_map(Weak::upgrade).collect()
    }
}

impl std::fmt::Debug for Devices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Devices")
    }
}

/// `wgpu::Instance` of this backend.
#[derive(Debug, Default)]
pub struct Instance {
    devices: Devices,
}

impl InstanceInterface for Instance {
    fn new(_: wgpu::InstanceDescriptor) -> Self {
        Instance::default()
    }

    #[expect(unsafe_code, reason = "the trait's signature; a handle is used as a number")]
    unsafe fn create_surface(
        &self,
        target: wgpu::SurfaceTargetUnsafe,
    ) -> Result<DispatchSurface, wgpu::CreateSurfaceError> {
        #[cfg(feature = "surface")]
        if let Some(surface) = crate::window::surface(&target) {
            return Ok(surface);
        }
        drop(target);
        // wgpu's error cannot be constructed outside of wgpu, so a surface is returned, and no adapter supports it.
        Ok(DispatchSurface::custom(Surface))
    }

    fn request_adapter(&self, options: &wgpu::RequestAdapterOptions<'_, '_>) -> Pin<Box<dyn RequestAdapterFuture>> {
        let power_preference = match options.power_preference {
            wgpu::PowerPreference::None => None,
            wgpu::PowerPreference::LowPower => Some(gpu::GpuPowerPreference::LowPower),
            wgpu::PowerPreference::HighPerformance => Some(gpu::GpuPowerPreference::HighPerformance),
        };
        let surface = options.compatible_surface.is_some_and(|surface| !is_drawn_to(surface));
        let options = gpu::GpuRequestAdapterOptions {
            feature_level: None,
            power_preference,
            force_fallback_adapter: Some(options.force_fallback_adapter),
            xr_compatible: None,
        };
        let devices = self.devices.clone();
        Box::pin(executor::started(async move {
            let found = if surface { None } else { gpu::get_gpu().request_adapter(Some(options)).await };
            found
                .map(|adapter| DispatchAdapter::custom(Adapter::new(adapter, devices)))
                .ok_or_else(|| not_found(surface))
        }))
    }

    fn poll_all_devices(&self, force_wait: bool) -> bool {
        executor::turn();
        let devices = self.devices.alive();
        for device in &devices {
            if force_wait {
                device.wait(None, None);
            } else {
                device.poll();
            }
        }
        devices.iter().all(|device| device.is_idle())
    }

    fn wgsl_language_features(&self) -> wgpu::WgslLanguageFeatures {
        use wgpu::WgslLanguageFeatures as Features;
        let host = gpu::get_gpu().wgsl_language_features();
        [
            ("readonly_and_readwrite_storage_textures", Features::ReadOnlyAndReadWriteStorageTextures),
            ("packed_4x8_integer_dot_product", Features::Packed4x8IntegerDotProduct),
            ("unrestricted_pointer_parameters", Features::UnrestrictedPointerParameters),
            ("pointer_composite_access", Features::PointerCompositeAccess),
        ]
        .into_iter()
        .filter(|(name, _)| host.has(name))
        .fold(Features::empty(), |all, (_, feature)| all | feature)
    }

    /// At most one adapter: the interface selects one, and does not list them.
    fn enumerate_adapters(&self, backends: wgpu::Backends) -> Pin<Box<dyn EnumerateAdapterFuture>> {
        if !backends.contains(wgpu::Backends::BROWSER_WEBGPU) {
            return Box::pin(std::future::ready(Vec::new()));
        }
        let adapter = self.request_adapter(&wgpu::RequestAdapterOptions::default());
        Box::pin(async { adapter.await.into_iter().collect() })
    }
}

/// True for the surface of a window of this crate.
#[cfg(feature = "surface")]
pub fn is_supported(surface: &DispatchSurface) -> bool {
    surface.as_custom::<crate::window::Surface>().is_some()
}

#[cfg(feature = "surface")]
fn is_drawn_to(surface: &wgpu::Surface<'_>) -> bool {
    surface.as_custom::<crate::window::Surface>().is_some()
}

/// Windows need the feature `surface`.
#[cfg(not(feature = "surface"))]
pub fn is_supported(_: &DispatchSurface) -> bool {
    false
}

#[cfg(not(feature = "surface"))]
fn is_drawn_to(_: &wgpu::Surface<'_>) -> bool {
    false
}

fn not_found(surface: bool) -> wgpu::RequestAdapterError {
    let (all, none) = (wgpu::Backends::BROWSER_WEBGPU, wgpu::Backends::empty());
    wgpu::RequestAdapterError::NotFound {
        active_backends: all,
        requested_backends: all,
        supported_backends: all,
        no_fallback_backends: none,
        no_adapter_backends: if surface { none } else { all },
        incompatible_surface_backends: if surface { all } else { none },
    }
}
