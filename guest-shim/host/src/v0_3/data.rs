//! Bulk data functions, written by hand so that the data is copied once: from the guest's memory into the batch, the shared
//! ring or a mapped range, and from a mapped range into the guest's memory.
//!
//! Generated bindings take and return lists as `Vec<u8>`, which costs an allocation and a second copy each. These functions
//! use wasmtime's [`WasmList`], which borrows the guest's memory, and [`Bytes`], which share theirs; the build script leaves
//! them out of the generated bindings.
//!
//! A [`WasmList`] borrows the whole store, the context of this crate included. The session is therefore lifted out of the
//! context while it sends, and a mapping out of its buffer.

use airlock_client::{
    Lifted, TooLong, buffer::MappedRangeError, device::DeviceKey, queue::WriteBufferError as DataError,
    texture::TexelCopyBufferLayout,
};
use bytes::Bytes;
use wasmtime::{
    StoreContextMut,
    component::{LinkerInstance, Resource, WasmList},
};

use super::{
    bindings::webgpu::*,
    functions::{called, number},
    texture::{extent, texel_copy_texture},
};
use crate::WasiWebGpuCtxView;

type WriteBufferParameters = (Resource<GpuQueue>, Resource<GpuBuffer>, u64, WasmList<u8>, Option<u64>, Option<u64>);
type WriteTextureParameters =
    (Resource<GpuQueue>, GpuTexelCopyTextureInfo, WasmList<u8>, GpuTexelCopyBufferLayout, GpuExtent3D);
type MappedRangeParameters = (Resource<GpuBuffer>, Option<u64>, Option<u64>);
type SetMappedRangeParameters = (Resource<GpuBuffer>, WasmList<u8>, Option<u64>, Option<u64>);

/// Borrows the context and the table in a store.
type View<T> = fn(&mut T) -> WasiWebGpuCtxView<'_>;

/// Adds these functions to the generated ones.
pub(super) fn add_to_linker<T: Send + 'static>(
    interface: &mut LinkerInstance<'_, T>,
    view: View<T>,
) -> wasmtime::Result<()> {
    interface.func_wrap("[method]gpu-queue.write-buffer-with-copy", move |store, parameters| {
        write_buffer(store, view, parameters)
    })?;
    interface.func_wrap("[method]gpu-queue.write-texture-with-copy", move |store, parameters| {
        write_texture(store, view, parameters)
    })?;
    interface.func_wrap("[method]gpu-buffer.get-mapped-range-get-with-copy", move |store, parameters| {
        mapped_range(store, view, parameters)
    })?;
    interface.func_wrap("[method]gpu-buffer.get-mapped-range-set-with-copy", move |store, parameters| {
        set_mapped_range(store, view, parameters)
    })
}

/// `gpu-queue.write-buffer-with-copy`.
fn write_buffer<T: 'static>(
    mut store: StoreContextMut<'_, T>,
    view: View<T>,
    (queue, buffer, offset, data, data_offset, size): WriteBufferParameters,
) -> wasmtime::Result<(Result<(), WriteBufferError>,)> {
    let len = data.as_le_slice(&store).len();
    let WasiWebGpuCtxView { ctx, table } = view(store.data_mut());
    ctx.counters.called(const { number("gpu-queue.write-buffer-with-copy") });
    let (queue, buffer) = (table.get(&queue)?, table.get(&buffer)?);
    match queue.plan_buffer_write(&mut ctx.client, buffer, offset, len, data_offset, size) {
        Ok(Some(write)) => {
            send(&mut store, view, write.device(), &data, |session, data| write.send_through(session, data));
            Ok((Ok(()),))
        }
        Ok(None) => Ok((Ok(()),)),
        Err(error) => Ok((Err(write_error(&error)),)),
    }
}

fn write_error(error: &DataError) -> WriteBufferError {
    WriteBufferError { kind: WriteBufferErrorKind::OperationError, message: error.to_string() }
}

/// `gpu-queue.write-texture-with-copy`.
fn write_texture<T: 'static>(
    mut store: StoreContextMut<'_, T>,
    view: View<T>,
    (queue, destination, data, layout, size): WriteTextureParameters,
) -> wasmtime::Result<()> {
    let len = data.as_le_slice(&store).len();
    let WasiWebGpuCtxView { ctx, table } = view(store.data_mut());
    ctx.counters.called(const { number("gpu-queue.write-texture-with-copy") });
    let queue = table.get(&queue)?;
    let destination = texel_copy_texture(table, &destination)?;
    let GpuTexelCopyBufferLayout { offset, bytes_per_row, rows_per_image } = layout;
    let layout = TexelCopyBufferLayout { offset, bytes_per_row, rows_per_image };
    if let Some(write) = queue.plan_texture_write(&mut ctx.client, destination, len, layout, extent(&size)) {
        send(&mut store, view, write.device(), &data, |session, data| write.send_through(session, data));
    }
    Ok(())
}

/// `gpu-buffer.get-mapped-range-get-with-copy`.
fn mapped_range<T: 'static>(
    mut store: StoreContextMut<'_, T>,
    view: View<T>,
    (buffer, offset, size): MappedRangeParameters,
) -> wasmtime::Result<(Result<Bytes, GetMappedRangeError>,)> {
    let view = view(store.data_mut());
    called!(view, "gpu-buffer.get-mapped-range-get-with-copy");
    let range = view.table.get(&buffer)?.mapped_range(offset, size);
    Ok((range.map(Bytes::from_owner).map_err(range_error),))
}

/// `gpu-buffer.get-mapped-range-set-with-copy`.
fn set_mapped_range<T: 'static>(
    mut store: StoreContextMut<'_, T>,
    view: View<T>,
    (buffer, data, offset, size): SetMappedRangeParameters,
) -> wasmtime::Result<(Result<(), GetMappedRangeError>,)> {
    let len = data.as_le_slice(&store).len();
    let lent = view(store.data_mut());
    called!(lent, "gpu-buffer.get-mapped-range-set-with-copy");
    let mut lifted = match lent.table.get_mut(&buffer)?.lift_mapping(len, offset, size) {
        Ok(lifted) => lifted,
        Err(error) => return Ok((Err(range_error(error)),)),
    };
    lifted.write(data.as_le_slice(&store));
    view(store.data_mut()).table.get_mut(&buffer)?.put_mapping_back(lifted);
    Ok((Ok(()),))
}

fn range_error(error: MappedRangeError) -> GetMappedRangeError {
    match error {
        MappedRangeError::Operation(message) => {
            GetMappedRangeError { kind: GetMappedRangeErrorKind::OperationError, message }
        }
        MappedRangeError::Range(message) => GetMappedRangeError { kind: GetMappedRangeErrorKind::RangeError, message },
    }
}

/// Sends the guest's list through the device's session, if that is live.
fn send<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    view: View<T>,
    device: DeviceKey,
    data: &WasmList<u8>,
    send: impl FnOnce(&mut Lifted, &[u8]) -> Result<(), TooLong>,
) {
    let Some(mut session) = view(store.data_mut()).ctx.client.lift(device) else { return };
    let sent = send(&mut session, data.as_le_slice(&*store));
    view(store.data_mut()).ctx.client.put_back(session, device, sent);
}
