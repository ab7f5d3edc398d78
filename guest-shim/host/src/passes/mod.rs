//! `airlock:passes@0.1.0`: a guest's list of commands is recorded as if each had been a call.
//!
//! Ids, shadow state, recordings and the stream are those of the calls: `encode` calls the same functions of
//! `airlock-client`. Objects are named by `tokens`, which end with their handles.

mod encode;
mod tokens;

use std::mem;

use airlock_client::{
    binding::BindGroup,
    buffer::Buffer,
    compute_pass::ComputePass,
    pipeline::{ComputePipeline, RenderPipeline},
    render_bundle::{RenderBundle, RenderBundleEncoder},
    render_pass::RenderPass,
};
use airlock_passes::MAX_LIST;
use wasmtime::{
    StoreContextMut,
    component::{Linker, LinkerInstance, Resource, WasmList},
};

use crate::{WasiWebGpuCtxView, WasiWebGpuView};
use encode::{Encoder, Objects};

pub(crate) use tokens::Tokens;

/// The name of the interface, as components import it.
const INTERFACE: &str = "airlock:passes/passes@0.1.0";

/// Maximum bytes of memory that are kept for the copy of the next list.
const KEPT: usize = 1 << 20;

/// Borrows the context and the table in a store.
type View<T> = fn(&mut T) -> WasiWebGpuCtxView<'_>;

/// Adds `airlock:passes@0.1.0` to a linker that has `wasi:webgpu@0.3.0-rc.2`.
pub fn add_to_linker<T: WasiWebGpuView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    add_to_linker_with(linker, T::webgpu)
}

/// As [`add_to_linker`], for a store of any type.
pub fn add_to_linker_with<T: Send + 'static>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> WasiWebGpuCtxView<'_>,
) -> wasmtime::Result<()> {
    let mut interface = linker.instance(INTERFACE)?;
    add_token::<T, BindGroup>(&mut interface, "bind-group-token", view)?;
    add_token::<T, Buffer>(&mut interface, "buffer-token", view)?;
    add_token::<T, ComputePipeline>(&mut interface, "compute-pipeline-token", view)?;
    add_token::<T, RenderBundle>(&mut interface, "render-bundle-token", view)?;
    add_token::<T, RenderPipeline>(&mut interface, "render-pipeline-token", view)?;
    add_encoder::<T, RenderPass>(&mut interface, "encode-render-pass", view)?;
    add_encoder::<T, ComputePass>(&mut interface, "encode-compute-pass", view)?;
    add_encoder::<T, RenderBundleEncoder>(&mut interface, "encode-render-bundle", view)
}

fn add_token<T: 'static, O: Send + 'static>(
    interface: &mut LinkerInstance<'_, T>,
    name: &str,
    view: View<T>,
) -> wasmtime::Result<()> {
    interface.func_wrap(name, move |mut store: StoreContextMut<'_, T>, (object,): (Resource<O>,)| {
        let WasiWebGpuCtxView { ctx, table } = view(store.data_mut());
        table.get(&object)?;
        let token = ctx.tokens.of(object.rep()).ok_or_else(|| wasmtime::Error::msg("there are too many tokens"))?;
        Ok((token.get(),))
    })
}

fn add_encoder<T: 'static, E: Encoder>(
    interface: &mut LinkerInstance<'_, T>,
    name: &str,
    view: View<T>,
) -> wasmtime::Result<()> {
    interface.func_wrap(name, move |store: StoreContextMut<'_, T>, (encoder, list): (Resource<E>, WasmList<u8>)| {
        record(store, view, &encoder, &list)
    })
}

/// Copies a list out of the guest's memory, which is the store's, and records it.
fn record<T: 'static, E: Encoder>(
    mut store: StoreContextMut<'_, T>,
    view: View<T>,
    encoder: &Resource<E>,
    list: &WasmList<u8>,
) -> wasmtime::Result<()> {
    let mut copy = mem::take(&mut view(store.data_mut()).ctx.list);
    copy.clear();
    let sent = list.as_le_slice(&store);
    let fits = sent.len() <= MAX_LIST;
    if fits {
        copy.extend_from_slice(sent);
    }
    let WasiWebGpuCtxView { ctx, table } = view(store.data_mut());
    let encoder = table.get(encoder)?;
    if fits {
        let objects = Objects { table, tokens: &ctx.tokens };
        if let Err((at, fault)) = encode::encode(encoder, &mut ctx.client, &objects, &copy) {
            encoder.invalid(&mut ctx.client, &format!("airlock:passes: the command before byte {at}: {fault}"));
        }
    } else {
        encoder.invalid(&mut ctx.client, &format!("airlock:passes: a list has more than {MAX_LIST} bytes"));
    }
    copy.shrink_to(KEPT);
    ctx.list = copy;
    Ok(())
}
