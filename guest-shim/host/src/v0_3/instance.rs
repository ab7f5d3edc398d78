//! `gpu` and `wgsl-language-features`.

use airlock_client::instance::{RequestAdapterOptions, WGSL_LANGUAGE_FEATURES, is_feature_level};
use airlock_protocol::connect::{ConnectError, Connection, Daemon};
use tokio::sync::oneshot;
use wasmtime::component::{Accessor, Resource};

use super::{
    WasiWebGpu,
    bindings::webgpu,
    convert::ToWire,
    functions::{ask, called},
    resources,
};
use crate::WasiWebGpuCtxView;

impl webgpu::HostGpu for WasiWebGpuCtxView<'_> {
    fn get_preferred_canvas_format(&mut self, _: Resource<webgpu::Gpu>) -> wasmtime::Result<webgpu::GpuTextureFormat> {
        called!(self, "gpu.get-preferred-canvas-format");
        // Both formats that WebGPU allows work everywhere; desktop systems scan out this one.
        Ok(webgpu::GpuTextureFormat::Bgra8unorm)
    }

    fn wgsl_language_features(
        &mut self,
        _: Resource<webgpu::Gpu>,
    ) -> wasmtime::Result<Resource<webgpu::WgslLanguageFeatures>> {
        called!(self, "gpu.wgsl-language-features");
        Ok(self.table.push(resources::WgslLanguageFeatures)?)
    }

    fn drop(&mut self, gpu: Resource<webgpu::Gpu>) -> wasmtime::Result<()> {
        self.table.delete(gpu)?;
        Ok(())
    }
}

impl<T: Send> webgpu::HostGpuWithStore<T> for WasiWebGpu {
    async fn request_adapter(
        accessor: &Accessor<T, Self>,
        _: Resource<webgpu::Gpu>,
        options: Option<webgpu::GpuRequestAdapterOptions>,
    ) -> wasmtime::Result<Option<Resource<webgpu::GpuAdapter>>> {
        accessor.with(|mut access| called!(access.get(), "gpu.request-adapter"));
        let Some(options) = adapter_options(options) else { return Ok(None) };
        for _ in 0..WORKERS {
            if !has_worker(accessor).await {
                return Ok(None);
            }
            let requested = accessor.with(|mut access| {
                let view = access.get();
                ask!(view, "gpu.request-adapter", |client| client.request_adapter(options))
            });
            let Some((reply, requested)) = requested else { return Ok(None) };
            let reply = reply.spinning().await;
            let finished = accessor.with(|mut access| -> wasmtime::Result<_> {
                let view = access.get();
                if reply.is_err() && !view.ctx.client.is_live() {
                    return Ok(None);
                }
                let adapter = requested.finish(&mut view.ctx.client, reply);
                Ok(Some(adapter.map(|adapter| view.table.push(adapter)).transpose()?))
            })?;
            if let Some(adapter) = finished {
                return Ok(adapter);
            }
        }
        Ok(None)
    }
}

/// The options of a request for an adapter; `None` for an unknown feature level, which no adapter has.
pub(crate) fn adapter_options(options: Option<webgpu::GpuRequestAdapterOptions>) -> Option<RequestAdapterOptions> {
    let options = options.as_ref();
    let level = options.and_then(|options| options.feature_level.as_deref());
    level.is_none_or(is_feature_level).then(|| RequestAdapterOptions {
        power_preference: options.and_then(|options| options.power_preference).map(ToWire::to_wire),
        force_fallback_adapter: options.and_then(|options| options.force_fallback_adapter),
    })
}

/// Maximum number of workers that one request for an adapter is sent to, one after the other. The first may be dying of an
/// earlier call; the next is new, and dies only of calls that other tasks of the guest make meanwhile.
pub(crate) const WORKERS: usize = 3;

/// Starts a worker if none is live; returns false on failure.
async fn has_worker<T: Send>(accessor: &Accessor<T, WasiWebGpu>) -> bool {
    let connecting = accessor.with(|mut access| {
        let view = access.get();
        (!view.ctx.client.is_live()).then(|| view.ctx.connecting())
    });
    let Some(connecting) = connecting else { return true };
    // One task at a time: of a thousand requests after a loss, the first starts a worker and the others use it.
    let _turn = connecting.lock().await;
    let daemon = accessor.with(|mut access| {
        let view = access.get();
        (!view.ctx.client.is_live()).then(|| view.ctx.daemon())
    });
    let Some(daemon) = daemon else { return true };
    match connect(daemon).await {
        Ok(connection) => {
            accessor.with(|mut access| access.get().ctx.adopt_unless_live(connection));
            true
        }
        Err(error) => {
            tracing::error!("{error}");
            false
        }
    }
}

/// Starts a worker on a thread of its own, so that other tasks of the guest continue.
pub(crate) async fn connect(daemon: Result<Daemon, ConnectError>) -> Result<Connection, ConnectError> {
    let daemon = daemon?;
    let (send, receive) = oneshot::channel();
    std::thread::spawn(move || {
        // The receiver is dropped when the guest has ended meanwhile; the worker then ends with the connection.
        let _ = send.send(daemon.connect());
    });
    receive.await.unwrap_or(Err(ConnectError::NoDaemon))
}

impl webgpu::HostWgslLanguageFeatures for WasiWebGpuCtxView<'_> {
    fn has(&mut self, _: Resource<webgpu::WgslLanguageFeatures>, value: String) -> wasmtime::Result<bool> {
        called!(self, "wgsl-language-features.has");
        Ok(WGSL_LANGUAGE_FEATURES.contains(&value.as_str()))
    }

    fn drop(&mut self, features: Resource<webgpu::WgslLanguageFeatures>) -> wasmtime::Result<()> {
        self.table.delete(features)?;
        Ok(())
    }
}
