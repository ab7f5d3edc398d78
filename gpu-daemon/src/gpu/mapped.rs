//! Access to the memory of mapped buffers, through functions that lend a slice for the time of a call.
//!
//! wgpu-core returns a raw pointer that is valid until the buffer is unmapped, destroyed or dropped. All of these
//! happen under the rules of [`completions`](crate::pending::completions): callers of these functions hold its lock
//! over the maps and have found the buffer's entry there; code that ends a mapping removes the entry first, under the
//! same lock. wgpu-core itself ends mappings only when it releases a lost device's resources, which happens
//!
//! - after `DestroyDevice`, which removes the device's entries first, or
//! - in a poll or submit after the one that detected the loss. Each of the two threads that call wgpu handles the loss
//!   (again removing the entries) before its next call; and a loss that the executor's own call detects is in the
//!   device's lost flag before that call returns, which the executor tests before it writes.
#![allow(unsafe_code)]

use std::{num::NonZeroU64, ptr::NonNull, slice};

use wgpu_core::{
    device::queue::QueueWriteError,
    global::Global,
    id::{BufferId, QueueId, StagingBufferId},
    resource::BufferAccessError,
};

/// Calls `with` on a mapped range of a buffer. The range is the mapped one, or a part with the alignment that wgpu
/// requires.
pub fn read<T>(
    global: &Global,
    buffer: BufferId,
    offset: u64,
    size: u64,
    with: impl FnOnce(&[u8]) -> T,
) -> Result<T, BufferAccessError> {
    let (start, len) = range(global, buffer, offset, size)?;
    // SAFETY: wgpu-core has just found `len` bytes at `start` to be inside the buffer's mapping. The mapping outlives
    // the slice, which ends with this call, by the rules in the module's header. It is not written meanwhile: this
    // process writes only through `write`, under the same lock, and wgpu refuses to submit work that uses a mapped
    // buffer. An empty range has a dangling pointer, which is valid for an empty slice.
    Ok(with(unsafe { slice::from_raw_parts(start.as_ptr(), len) }))
}

/// As [`read`], for writing.
pub fn write<T>(
    global: &Global,
    buffer: BufferId,
    offset: u64,
    size: u64,
    with: impl FnOnce(&mut [u8]) -> T,
) -> Result<T, BufferAccessError> {
    let (start, len) = range(global, buffer, offset, size)?;
    // SAFETY: as in `read`; the lock over the maps also makes this the only slice of the mapping.
    Ok(with(unsafe { slice::from_raw_parts_mut(start.as_ptr(), len) }))
}

/// Creates a staging buffer for a write of `size` bytes and calls `with` on its memory.
pub fn stage<T>(
    global: &Global,
    queue: QueueId,
    size: NonZeroU64,
    with: impl FnOnce(&mut [u8]) -> T,
) -> Result<(StagingBufferId, T), QueueWriteError> {
    let (staging, start) = global.queue_create_staging_buffer(queue, size, None)?;
    let len = usize::try_from(size.get()).unwrap_or(0);
    // SAFETY: wgpu-core has just created `size` bytes of mapped memory at `start`, and keeps them mapped until
    // `queue_write_staging_buffer` takes the buffer, whose id has not left this function yet.
    Ok((staging, with(unsafe { slice::from_raw_parts_mut(start.as_ptr(), len) })))
}

fn range(global: &Global, buffer: BufferId, offset: u64, size: u64) -> Result<(NonNull<u8>, usize), BufferAccessError> {
    let (start, len) = global.buffer_get_mapped_range(buffer, offset, Some(size))?;
    // A mapping is in this process's address space, so its length fits; the fallback is an empty range.
    Ok((start, usize::try_from(len).unwrap_or(0)))
}
