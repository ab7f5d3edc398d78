//! The instance: requests for adapters.

use std::pin::Pin;
use std::sync::{Arc, Mutex, Weak};

use airlock_client::instance::{RequestAdapterOptions, WGSL_LANGUAGE_FEATURES};
use airlock_client::{Client, adapter};
use airlock_protocol::commands::instance::PowerPreference;
use airlock_protocol::connect::ConnectError;
use wgpu::custom::{DispatchAdapter, DispatchSurface, EnumerateAdapterFuture, InstanceInterface, RequestAdapterFuture};

use crate::absent::Surface;
use crate::adapter::Adapter;
use crate::context::{Context, lock};
use crate::device::Shared;
use crate::options::Options;

/// Devices of an instance, for `poll_all`.
#[derive(Clone, Default)]
pub struct Devices(Arc<Mutex<Vec<Weak<Shared>>>>);

impl Devices {
    pub fn add(&self, device: &Arc<Shared>) {
        let mut devices = lock(&self.0);
        devices.retain(|device| device.strong_count() > 0);
        devices.push(Arc::downgrade(device));
    }

    fn alive(&self) -> Vec<Arc<Shared>> {
        lock(&self.0).iter().filter_map(Weak::upgrade).collect()
    }
}

impl std::fmt::Debug for Devices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Devices")
    }
}

/// `wgpu::Instance` of this backend.
#[derive(Debug)]
pub struct Instance {
    context: Arc<Context>,
    devices: Devices,
}

impl Instance {
    pub fn start(options: Options) -> Result<Instance, ConnectError> {
        Ok(Instance { context: options.start()?, devices: Devices::default() })
    }
}

/// Ensures a session: connects to a new worker if the old one has died. Devices of the old session are lost.
fn revive(client: &mut Client) {
    if !client.is_live()
        && let Err(error) = client.connect()
    {
        tracing::error!("no GPU process: {error}");
    }
}

/// Requests an adapter, from a new worker if the old one has died.
pub async fn request(context: &Context, options: RequestAdapterOptions) -> Option<adapter::Adapter> {
    let (wait, requested) = {
        let mut state = context.lock();
        revive(&mut state.client);
        state.client.request_adapter(options)?
    };
    let reply = wait.spinning().await;
    requested.finish(&mut context.lock().client, reply)
}

impl InstanceInterface for Instance {
    /// Required by wgpu, which creates instances from descriptors; programs call [`instance`](crate::instance). Panics
    /// without a GPU process.
    fn new(_: wgpu::InstanceDescriptor) -> Self {
        match Instance::start(Options::default()) {
            Ok(instance) => instance,
            Err(error) => panic!("{error}"),
        }
    }

    #[expect(unsafe_code, reason = "the trait's signature; nothing is done with the handles")]
    unsafe fn create_surface(&self, _: wgpu::SurfaceTargetUnsafe) -> Result<DispatchSurface, wgpu::CreateSurfaceError> {
        // wgpu's error cannot be constructed outside of wgpu, so a surface is returned, and no adapter supports it.
        Ok(DispatchSurface::custom(Surface))
    }

    fn request_adapter(&self, options: &wgpu::RequestAdapterOptions<'_, '_>) -> Pin<Box<dyn RequestAdapterFuture>> {
        let power_preference = match options.power_preference {
            wgpu::PowerPreference::None => None,
            wgpu::PowerPreference::LowPower => Some(PowerPreference::LowPower),
            wgpu::PowerPreference::HighPerformance => Some(PowerPreference::HighPerformance),
        };
        let surface = options.compatible_surface.is_some();
        let options =
            RequestAdapterOptions { power_preference, force_fallback_adapter: Some(options.force_fallback_adapter) };
        let (context, devices) = (self.context.clone(), self.devices.clone());
        Box::pin(async move {
            let found = if surface { None } else { request(&context, options).await };
            found
                .map(|adapter| DispatchAdapter::custom(Adapter::new(adapter, options, context, devices)))
                .ok_or_else(|| not_found(surface))
        })
    }

    fn poll_all_devices(&self, force_wait: bool) -> bool {
        let devices = self.devices.alive();
        for device in &devices {
            if force_wait {
                device.wait(device.work.submitted(), None);
            } else {
                device.turn();
            }
        }
        devices.iter().all(|device| device.work.is_idle())
    }

    fn wgsl_language_features(&self) -> wgpu::WgslLanguageFeatures {
        use wgpu::WgslLanguageFeatures as Features;
        [
            ("readonly_and_readwrite_storage_textures", Features::ReadOnlyAndReadWriteStorageTextures),
            ("packed_4x8_integer_dot_product", Features::Packed4x8IntegerDotProduct),
            ("unrestricted_pointer_parameters", Features::UnrestrictedPointerParameters),
            ("pointer_composite_access", Features::PointerCompositeAccess),
        ]
        .into_iter()
        .filter(|(name, _)| WGSL_LANGUAGE_FEATURES.contains(name))
        .fold(Features::empty(), |all, (_, feature)| all | feature)
    }

    /// At most one adapter: the one of [`Options::adapter`].
    fn enumerate_adapters(&self, backends: wgpu::Backends) -> Pin<Box<dyn EnumerateAdapterFuture>> {
        if !backends.contains(wgpu::Backends::BROWSER_WEBGPU) {
            return Box::pin(std::future::ready(Vec::new()));
        }
        let adapter = self.request_adapter(&wgpu::RequestAdapterOptions::default());
        Box::pin(async { adapter.await.into_iter().collect() })
    }
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
