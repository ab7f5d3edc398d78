//! `gpu` and `wgsl-language-features`.

use std::sync::Arc;

use airlock_client::session::{Answer, Reply};
use airlock_protocol::{
    commands::instance::RequestAdapter,
    connect::{ConnectError, Connection, Daemon},
    ids::AdapterId,
};
use tokio::sync::oneshot;
use wasmtime::component::{Accessor, Resource};

use super::{WasiWebGpu, convert::ToWire};
use crate::{WasiWebGpuCtxView, shadow, v0_3::bindings::webgpu, v0_3::functions::called};

/// WGSL language features that naga 30 implements (`naga::front::wgsl::ImplementedLanguageExtension`). They are the
/// daemon's, and known without asking it because host and daemon are of one release.
const WGSL_LANGUAGE_FEATURES: [&str; 3] =
    ["readonly_and_readwrite_storage_textures", "packed_4x8_integer_dot_product", "pointer_composite_access"];

impl webgpu::HostGpu for WasiWebGpuCtxView<'_> {
    fn get_preferred_canvas_format(&mut self, _: Resource<webgpu::Gpu>) -> wasmtime::Result<webgpu::GpuTextureFormat> {
        called!(self, "gpu.get-preferred-canvas-format");
        // Both formats that WebGPU allows work everywhere; this one is what desktop systems scan out.
        Ok(webgpu::GpuTextureFormat::Bgra8unorm)
    }

    fn wgsl_language_features(
        &mut self,
        _: Resource<webgpu::Gpu>,
    ) -> wasmtime::Result<Resource<webgpu::WgslLanguageFeatures>> {
        called!(self, "gpu.wgsl-language-features");
        Ok(self.table.push(shadow::WgslLanguageFeatures)?)
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
        let start = accessor.with(|mut access| {
            let view = access.get();
            called!(view, "gpu.request-adapter");
            match view.ctx.live_session() {
                Some(_) => None,
                None => Some(view.ctx.connecting()),
            }
        });
        // A level that is none gives no adapter (WebGPU, "feature level string").
        if let Some(level) = options.as_ref().and_then(|options| options.feature_level.as_deref())
            && !matches!(level, "core" | "compatibility")
        {
            return Ok(None);
        }
        if let Some(connecting) = start {
            // One at a time: of a thousand requests after a loss, the first starts a worker and the others use it.
            let _turn = connecting.lock().await;
            let daemon = accessor.with(|mut access| {
                let view = access.get();
                view.ctx.live_session().is_none().then(|| view.ctx.daemon())
            });
            if let Some(daemon) = daemon {
                match connect(daemon).await {
                    Ok(connection) => accessor.with(|mut access| access.get().ctx.adopt_unless_live(connection)),
                    Err(error) => {
                        tracing::error!("{error}");
                        return Ok(None);
                    }
                }
            }
        }
        let asked = accessor.with(|mut access| access.get().ask_for_adapter(options.as_ref()));
        let Some((session, adapter, answer)) = asked else { return Ok(None) };
        match answer.await {
            Ok(Reply::Adapter(Ok(capabilities))) => accessor.with(|mut access| {
                let adapter =
                    shadow::Adapter { session, id: adapter, capabilities: Arc::from(capabilities), consumed: false };
                Ok(Some(access.get().table.push(adapter)?))
            }),
            Ok(Reply::Adapter(Err(reason))) => {
                tracing::warn!("no adapter: {reason}");
                accessor.with(|mut access| access.get().ctx.no_adapter(session, adapter));
                Ok(None)
            }
            _ => Ok(None),
        }
    }
}

/// Starts a worker on a thread of its own, so that other tasks of the guest go on.
async fn connect(daemon: Result<Daemon, ConnectError>) -> Result<Connection, ConnectError> {
    let daemon = daemon?;
    let (send, receive) = oneshot::channel();
    std::thread::spawn(move || {
        // Nobody waits any more when the guest has ended meanwhile; the worker then ends with the connection.
        let _ = send.send(daemon.connect());
    });
    receive.await.unwrap_or(Err(ConnectError::NoDaemon))
}

impl WasiWebGpuCtxView<'_> {
    fn ask_for_adapter(
        &mut self,
        options: Option<&webgpu::GpuRequestAdapterOptions>,
    ) -> Option<(u32, AdapterId, Answer)> {
        let power_preference = options.and_then(|options| options.power_preference).map(ToWire::to_wire);
        let force_fallback_adapter = options.and_then(|options| options.force_fallback_adapter).unwrap_or(false);
        self.ctx.ask_for_adapter(|request, adapter, selector, session| {
            let command = RequestAdapter { request, adapter, power_preference, force_fallback_adapter, selector };
            session.send(command);
        })
    }
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
