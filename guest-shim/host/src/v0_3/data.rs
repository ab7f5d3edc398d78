//! The functions that move much data, in a form that moves it once: a guest's bytes go from its memory straight into the
//! batch, the shared ring or a mapped range, and a mapped range goes straight into its memory.
//!
//! The generated bindings take a list as a `Vec<u8>` and give one as a `Vec<u8>`, each of which is memory to be found, to be
//! filled and to be copied from again. The same functions are here by hand, with wasmtime's [`WasmList`], which names bytes
//! where they are, and with [`Bytes`], which share theirs. They stand in the linker in place of the generated ones.
//!
//! A [`WasmList`] borrows the whole store, the context of this crate included. So the session, which is all that sending
//! takes, is lifted out of the context for that time, and a mapping out of its buffer.

use airlock_client::session::{DeviceKey, Session, TooLong};
use std::ops::Range;

use bytes::Bytes;
use wasmtime::{
    StoreContextMut,
    component::{Linker, Resource, WasmList},
};

use super::queue;
use crate::{WasiWebGpuView, shadow::MapState, v0_3::bindings::webgpu::*, v0_3::functions::called};

/// The name of the interface, as components import it.
const INTERFACE: &str = "wasi:webgpu/webgpu@0.3.0-rc.2";

type WriteBufferParameters = (Resource<GpuQueue>, Resource<GpuBuffer>, u64, WasmList<u8>, Option<u64>, Option<u64>);
type WriteTextureParameters =
    (Resource<GpuQueue>, GpuTexelCopyTextureInfo, WasmList<u8>, GpuTexelCopyBufferLayout, GpuExtent3D);
type MappedRangeParameters = (Resource<GpuBuffer>, Option<u64>, Option<u64>);
type SetMappedRangeParameters = (Resource<GpuBuffer>, WasmList<u8>, Option<u64>, Option<u64>);

/// Puts these functions in place of the generated ones.
pub(super) fn add_to_linker<T: WasiWebGpuView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut interface = linker.instance(INTERFACE)?;
    interface.func_wrap("[method]gpu-queue.write-buffer-with-copy", write_buffer::<T>)?;
    interface.func_wrap("[method]gpu-queue.write-texture-with-copy", write_texture::<T>)?;
    interface.func_wrap("[method]gpu-buffer.get-mapped-range-get-with-copy", mapped_range::<T>)?;
    interface.func_wrap("[method]gpu-buffer.get-mapped-range-set-with-copy", set_mapped_range::<T>)?;
    // wasmtime's default. A linker does not say what it was.
    linker.allow_shadowing(false);
    Ok(())
}

/// `gpu-queue.write-buffer-with-copy`.
fn write_buffer<T: WasiWebGpuView + 'static>(
    mut store: StoreContextMut<'_, T>,
    (queue, buffer, offset, data, data_offset, size): WriteBufferParameters,
) -> wasmtime::Result<(Result<(), WriteBufferError>,)> {
    let len = data.as_le_slice(&store).len();
    let mut view = store.data_mut().webgpu();
    called!(view, "gpu-queue.write-buffer-with-copy");
    let write = match view.buffer_write(&queue, &buffer, offset, queue::part(len, data_offset, size))? {
        Ok(Some(write)) => write,
        Ok(None) => return Ok((Ok(()),)),
        Err(error) => return Ok((Err(error),)),
    };
    send(&mut store, write.device, &data, write.range.clone(), |session, data| write.send(session, data));
    Ok((Ok(()),))
}

/// `gpu-queue.write-texture-with-copy`.
fn write_texture<T: WasiWebGpuView + 'static>(
    mut store: StoreContextMut<'_, T>,
    (queue, destination, data, layout, size): WriteTextureParameters,
) -> wasmtime::Result<()> {
    let len = data.as_le_slice(&store).len();
    let mut view = store.data_mut().webgpu();
    called!(view, "gpu-queue.write-texture-with-copy");
    if let Some(write) = view.texture_write(&queue, &destination, &layout, &size, len)? {
        send(&mut store, write.device, &data, 0..len, |session, data| write.send(session, data));
    }
    Ok(())
}

/// `gpu-buffer.get-mapped-range-get-with-copy`.
fn mapped_range<T: WasiWebGpuView + 'static>(
    mut store: StoreContextMut<'_, T>,
    (buffer, offset, size): MappedRangeParameters,
) -> wasmtime::Result<(Result<Bytes, GetMappedRangeError>,)> {
    let view = store.data_mut().webgpu();
    called!(view, "gpu-buffer.get-mapped-range-get-with-copy");
    let buffer = view.table.get_mut(&buffer)?;
    Ok((buffer.mapped_range(offset, size).map(|(mapping, range)| mapping.data.share(range)),))
}

/// `gpu-buffer.get-mapped-range-set-with-copy`.
fn set_mapped_range<T: WasiWebGpuView + 'static>(
    mut store: StoreContextMut<'_, T>,
    (buffer, data, offset, size): SetMappedRangeParameters,
) -> wasmtime::Result<(Result<(), GetMappedRangeError>,)> {
    let len = data.as_le_slice(&store).len();
    let view = store.data_mut().webgpu();
    called!(view, "gpu-buffer.get-mapped-range-set-with-copy");
    let (mapping, range) = match view.table.get_mut(&buffer)?.written_range(offset, size, len) {
        Ok(found) => found,
        Err(error) => return Ok((Err(error),)),
    };
    let mut lifted = mapping.take();
    lifted.write(range, data.as_le_slice(&store));
    store.data_mut().webgpu().table.get_mut(&buffer)?.map = MapState::Mapped(lifted);
    Ok((Ok(()),))
}

/// Has the session of a device, if it lives, send what lies in a range of the guest's list.
fn send<T: WasiWebGpuView + 'static>(
    store: &mut StoreContextMut<'_, T>,
    device: DeviceKey,
    data: &WasmList<u8>,
    range: Range<usize>,
    send: impl FnOnce(&mut Session, &[u8]) -> Result<(), TooLong>,
) {
    let Some(mut session) = store.data_mut().webgpu().ctx.lift(device) else { return };
    let sent = send(&mut session, data.as_le_slice(&*store).get(range).unwrap_or_default());
    let view = store.data_mut().webgpu();
    view.ctx.put_back(session);
    view.ctx.sent(device, sent);
}
