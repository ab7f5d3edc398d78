//! A device, or a failure that names the missing part.

use crate::gpu::{self, GpuAdapter, GpuDevice, GpuDeviceDescriptor, GpuQueue, GpuRequestAdapterOptions};
use crate::start::{Failure, Outcome};

/// An adapter, a device on it and its queue.
pub struct Gpu {
    pub adapter: GpuAdapter,
    pub device: GpuDevice,
    pub queue: GpuQueue,
}

impl Gpu {
    /// The default adapter and a device with default limits and no features.
    pub async fn request(label: &str) -> Outcome<Gpu> {
        let descriptor = GpuDeviceDescriptor { label: Some(label.to_string()), ..Default::default() };
        Gpu::request_with(GpuRequestAdapterOptions::default(), |_| Ok(descriptor)).await
    }

    /// A device whose descriptor is computed from the adapter's features and limits.
    pub async fn request_with(
        options: GpuRequestAdapterOptions,
        descriptor: impl FnOnce(&GpuAdapter) -> Outcome<GpuDeviceDescriptor>,
    ) -> Outcome<Gpu> {
        let adapter = gpu::get_gpu()
            .request_adapter(Some(options))
            .await
            .ok_or_else(|| Failure::new("no GPU adapter is available on this machine"))?;
        let descriptor = descriptor(&adapter)?;
        let device = adapter
            .request_device(Some(descriptor))
            .await
            .map_err(|error| Failure::new(format!("the adapter gives no device: {}", error.message)))?;
        let queue = device.queue();
        Ok(Gpu { adapter, device, queue })
    }

    /// The adapter's human-readable name, for the first line of a guest's output.
    pub fn adapter_name(&self) -> String {
        let info = self.adapter.info();
        [info.description(), info.device(), info.vendor(), info.architecture()]
            .into_iter()
            .find(|name| !name.is_empty())
            .unwrap_or_else(|| "unnamed adapter".to_string())
    }
}
