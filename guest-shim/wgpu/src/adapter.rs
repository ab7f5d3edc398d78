//! Adapters: features, limits, and requests for devices.

use std::fmt;
use std::pin::Pin;

use wgpu::custom::{AdapterInterface, DispatchDevice, DispatchQueue, DispatchSurface, RequestDeviceFuture};

use crate::bindings::webgpu as gpu;
use crate::device::{Device, Shared};
use crate::instance::{self, Devices};
use crate::queue::Queue;
use crate::{executor, limits};

/// `wgpu::Adapter` of this backend.
pub struct Adapter {
    // Shared with a pending request for a device, which may outlive the adapter.
    gpu: std::sync::Arc<gpu::GpuAdapter>,
    devices: Devices,
}

impl fmt::Debug for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Adapter")
    }
}

impl Adapter {
    pub fn new(adapter: gpu::GpuAdapter, devices: Devices) -> Adapter {
        Adapter { gpu: adapter.into(), devices }
    }

    /// Rejects the requests that native wgpu rejects, with the same messages.
    fn check(&self, desc: &wgpu::DeviceDescriptor<'_>) -> Result<(), String> {
        let missing = desc.required_features - self.features();
        if !missing.is_empty() {
            return Err(format!("Unsupported features were requested: {missing}"));
        }
        let mut problem = Ok(());
        desc.required_limits.check_limits_with_fail_fn(&self.limits(), true, |name, requested, allowed| {
            problem = Err(format!("Limit '{name}' value {requested} is better than allowed {allowed}"));
        });
        problem
    }
}

impl AdapterInterface for Adapter {
    fn request_device(&self, desc: &wgpu::DeviceDescriptor<'_>) -> Pin<Box<dyn RequestDeviceFuture>> {
        if let Err(problem) = self.check(desc) {
            return Box::pin(std::future::ready(Err(wgpu::RequestDeviceError::from_message(problem))));
        }
        let desc = gpu::GpuDeviceDescriptor {
            required_features: Some(limits::required_features(desc.required_features)),
            required_limits: Some(limits::required_limits(&desc.required_limits)),
            default_queue: None,
            label: desc.label.map(str::to_owned),
        };
        let (adapter, devices) = (self.gpu.clone(), self.devices.clone());
        Box::pin(executor::started(async move {
            let device = adapter.request_device(Some(desc)).await;
            let device = device.map_err(|error| wgpu::RequestDeviceError::from_message(error.message))?;
            let shared = Shared::new(device);
            devices.add(&shared);
            Ok((DispatchDevice::custom(Device(shared.clone())), DispatchQueue::custom(Queue(shared))))
        }))
    }

    fn is_surface_supported(&self, surface: &DispatchSurface) -> bool {
        instance::is_supported(surface)
    }

    fn features(&self) -> wgpu::Features {
        let features = self.gpu.features();
        limits::features(|name| features.has(name), &self.limits())
    }

    fn limits(&self) -> wgpu::Limits {
        limits::limits(&self.gpu.limits())
    }

    /// All capabilities: the interface is that of core WebGPU.
    fn downlevel_capabilities(&self) -> wgpu::DownlevelCapabilities {
        wgpu::DownlevelCapabilities::default()
    }

    fn get_info(&self) -> wgpu::AdapterInfo {
        info(&self.gpu.info())
    }

    fn get_texture_format_features(&self, format: wgpu::TextureFormat) -> wgpu::TextureFormatFeatures {
        format.guaranteed_format_features(self.features())
    }

    fn get_presentation_timestamp(&self) -> wgpu::PresentationTimestamp {
        wgpu::PresentationTimestamp::INVALID_TIMESTAMP
    }

    fn cooperative_matrix_properties(&self) -> Vec<wgpu::CooperativeMatrixProperties> {
        Vec::new()
    }
}

/// The adapter's information in wgpu's fields.
pub fn info(host: &gpu::GpuAdapterInfo) -> wgpu::AdapterInfo {
    let kind = if host.is_fallback_adapter() { wgpu::DeviceType::Cpu } else { wgpu::DeviceType::Other };
    let mut info = wgpu::AdapterInfo::new(kind, wgpu::Backend::BrowserWebGpu);
    info.name = host.description();
    info.vendor = pci_number(&host.vendor());
    info.device = pci_number(&host.device());
    info.driver_info = host.architecture();
    info.subgroup_min_size = host.subgroup_min_size();
    info.subgroup_max_size = host.subgroup_max_size();
    info
}

/// The number in `0x10de`; 0, wgpu's value for unknown, for a name.
fn pci_number(text: &str) -> u32 {
    text.strip_prefix("0x").and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(0)
}
