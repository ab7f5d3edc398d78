//! `wasi:io/poll` of WASI 0.2, on which guests of this version wait.
//!
//! A wait holds the store, so that nothing else of a guest runs meanwhile. What must go on is done here: gathered commands are
//! sent, because a pollable may depend on them, and frames that were presented arrive at their sink. Everything else is
//! `wasmtime-wasi-io`'s.

use std::{
    future::{Future, poll_fn},
    pin::pin,
};

use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi_io::bindings::wasi::io::poll::{Host, HostPollable, Pollable, add_to_linker as add_poll};

use crate::{
    WasiWebGpuCtx, WasiWebGpuCtxView, WasiWebGpuView,
    surface::{SurfaceCtx, WasiSurfaceCtxView, WasiSurfaceView},
};

/// Adds the functions for a store without surfaces.
pub(super) fn add_to_linker<T: WasiWebGpuView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    add_poll::<T, Waits>(linker, |store| {
        let WasiWebGpuCtxView { ctx, table } = store.webgpu();
        Wait { gpu: ctx, surfaces: None, table }
    })
}

/// Adds the functions for a store with surfaces.
pub(super) fn add_with_surfaces<T: WasiSurfaceView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    add_poll::<T, Waits>(linker, |store| {
        let WasiSurfaceCtxView { surfaces, gpu, table } = store.surfaces();
        Wait { gpu, surfaces: Some(surfaces), table }
    })
}

/// Lets generated code reach a [`Wait`].
struct Waits;

impl HasData for Waits {
    type Data<'a> = Wait<'a>;
}

/// The parts of a store's data that a wait needs.
struct Wait<'a> {
    gpu: &'a mut WasiWebGpuCtx,
    surfaces: Option<&'a mut SurfaceCtx>,
    table: &'a mut ResourceTable,
}

/// Awaits pollables. What the pollables depend on comes first in each poll.
async fn during<R>(
    gpu: &mut WasiWebGpuCtx,
    mut surfaces: Option<&mut SurfaceCtx>,
    wait: impl Future<Output = R> + Send,
) -> R {
    let mut wait = pin!(wait);
    poll_fn(|context| {
        if let Some(surfaces) = &mut surfaces {
            surfaces.collect(&mut gpu.client, context);
        }
        let polled = wait.as_mut().poll(context);
        if polled.is_pending() {
            gpu.client.send_gathered();
        }
        polled
    })
    .await
}

impl Host for Wait<'_> {
    async fn poll(&mut self, pollables: Vec<Resource<Pollable>>) -> wasmtime::Result<Vec<u32>> {
        let Self { gpu, surfaces, table } = self;
        during(gpu, surfaces.as_deref_mut(), Host::poll(&mut **table, pollables)).await
    }
}

impl HostPollable for Wait<'_> {
    async fn ready(&mut self, pollable: Resource<Pollable>) -> wasmtime::Result<bool> {
        let Self { gpu, surfaces, table } = self;
        // It does not wait, but a guest that asks again and again would.
        gpu.client.send_gathered();
        during(gpu, surfaces.as_deref_mut(), HostPollable::ready(&mut **table, pollable)).await
    }

    async fn block(&mut self, pollable: Resource<Pollable>) -> wasmtime::Result<()> {
        let Self { gpu, surfaces, table } = self;
        during(gpu, surfaces.as_deref_mut(), HostPollable::block(&mut **table, pollable)).await
    }

    fn drop(&mut self, pollable: Resource<Pollable>) -> wasmtime::Result<()> {
        HostPollable::drop(&mut *self.table, pollable)
    }
}
