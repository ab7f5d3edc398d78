//! Adapters: features, limits, and requests for devices.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use airlock_client::adapter as client;
use airlock_client::instance::RequestAdapterOptions;
use airlock_protocol::commands::adapter::{AdapterInfo, Capabilities};
use airlock_protocol::events::RequestDeviceError;
use wgpu::custom::{AdapterInterface, DispatchDevice, DispatchQueue, DispatchSurface, RequestDeviceFuture};

use crate::context::{Context, lock};
use crate::device::{Device, Shared};
use crate::instance::{self, Devices};
use crate::limits;
use crate::queue::Queue;

/// `wgpu::Adapter` of this backend.
pub struct Adapter {
    capabilities: Arc<Capabilities>,
    inner: Arc<Inner>,
}

/// State shared with a pending request for a device, which may outlive the adapter.
struct Inner {
    /// The stream's adapter, until it has created its device (WebGPU, "adapter consumed").
    unused: Mutex<Option<client::Adapter>>,
    /// Options of the request for the adapter. wgpu's adapters create any number of devices: for each but the first,
    /// another adapter is requested.
    options: RequestAdapterOptions,
    context: Arc<Context>,
    devices: Devices,
}

impl fmt::Debug for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Adapter")
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(adapter) = lock(&self.unused).take() {
            adapter.release(&mut self.context.lock().client);
        }
    }
}

impl Adapter {
    pub fn new(
        adapter: client::Adapter,
        options: RequestAdapterOptions,
        context: Arc<Context>,
        devices: Devices,
    ) -> Adapter {
        let capabilities = adapter.capabilities().clone();
        let unused = Mutex::new(Some(adapter));
        Adapter { capabilities, inner: Arc::new(Inner { unused, options, context, devices }) }
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

impl Inner {
    async fn device(
        &self,
        descriptor: client::DeviceDescriptor<'static>,
    ) -> Result<airlock_client::device::Device, String> {
        let mut unused = lock(&self.unused).take();
        let asked = unused.as_mut().and_then(|adapter| self.ask(adapter, descriptor.clone()));
        let (mut adapter, (wait, requested)) = match unused.zip(asked) {
            Some(both) => both,
            None => {
                let found = instance::request(&self.context, self.options).await;
                let mut adapter = found.ok_or("the adapter is gone, and the GPU process has no other")?;
                let asked = adapter.request_device(&mut self.context.lock().client, descriptor);
                (adapter, asked.map_err(text)?)
            }
        };
        let reply = wait.spinning().await;
        let mut state = self.context.lock();
        let device = requested.finish(&mut state.client, Some(&mut adapter), reply);
        match device {
            Ok(device) => {
                adapter.release(&mut state.client);
                Ok(device)
            }
            Err(error) => {
                // An adapter whose request failed may be asked again.
                let before = lock(&self.unused).replace(adapter);
                if let Some(before) = before {
                    before.release(&mut state.client);
                }
                Err(text(error))
            }
        }
    }

    /// Requests a device, unless the adapter's worker has died.
    fn ask(
        &self,
        adapter: &mut client::Adapter,
        descriptor: client::DeviceDescriptor<'_>,
    ) -> Option<(client::DeviceWait, client::RequestedDevice)> {
        let mut state = self.context.lock();
        if !state.client.is_live() {
            return None;
        }
        // Fails if the adapter's worker is not the current one.
        adapter.request_device(&mut state.client, descriptor).ok()
    }
}

fn text(error: RequestDeviceError) -> String {
    error.message
}

impl AdapterInterface for Adapter {
    fn request_device(&self, desc: &wgpu::DeviceDescriptor<'_>) -> Pin<Box<dyn RequestDeviceFuture>> {
        if let Err(problem) = self.check(desc) {
            return Box::pin(std::future::ready(Err(wgpu::RequestDeviceError::from_message(problem))));
        }
        let descriptor = client::DeviceDescriptor {
            label: desc.label.map(str::to_owned),
            queue_label: None,
            required_features: limits::required_features(desc.required_features),
            required_limits: limits::required_limits(&desc.required_limits),
        };
        let inner = self.inner.clone();
        Box::pin(async move {
            let device = inner.device(descriptor).await.map_err(wgpu::RequestDeviceError::from_message)?;
            let shared = Shared::new(device, inner.context.clone());
            inner.devices.add(&shared);
            Ok((DispatchDevice::custom(Device(shared.clone())), DispatchQueue::custom(Queue(shared))))
        })
    }

    fn is_surface_supported(&self, _: &DispatchSurface) -> bool {
        false
    }

    fn features(&self) -> wgpu::Features {
        limits::features(&self.capabilities)
    }

    fn limits(&self) -> wgpu::Limits {
        limits::limits(&self.capabilities.limits)
    }

    /// All capabilities: the stream is that of core WebGPU.
    fn downlevel_capabilities(&self) -> wgpu::DownlevelCapabilities {
        wgpu::DownlevelCapabilities::default()
    }

    fn get_info(&self) -> wgpu::AdapterInfo {
        info(&self.capabilities.info)
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

/// The adapter's information in wgpu's fields. The backend is the one whose rules apply: WebGPU's.
pub fn info(known: &AdapterInfo) -> wgpu::AdapterInfo {
    let kind = if known.is_fallback_adapter { wgpu::DeviceType::Cpu } else { wgpu::DeviceType::Other };
    let mut info = wgpu::AdapterInfo::new(kind, wgpu::Backend::BrowserWebGpu);
    info.name = known.description.clone();
    info.vendor = pci_number(&known.vendor);
    info.device = pci_number(&known.device);
    info.driver = known.driver.clone();
    info.driver_info = known.driver_info.clone();
    info.subgroup_min_size = known.subgroup_min_size;
    info.subgroup_max_size = known.subgroup_max_size;
    info
}

/// The number in `0x10de`; 0, wgpu's value for unknown, for a name.
fn pci_number(text: &str) -> u32 {
    text.strip_prefix("0x").and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(0)
}
