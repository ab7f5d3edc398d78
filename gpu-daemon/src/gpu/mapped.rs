//! Reading and writing the memory of mapped buffers, behind functions that lend it for the time of a call.
//!
//! wgpu-core gives a bare pointer that is good until the buffer is unmapped, destroyed or dropped. All of these happen
//! under the rules that [`completions`](crate::pending::completions) keeps: who calls these functions holds its lock over the
//! maps and has found the buffer's entry there; whoever ends a mapping takes the entry out first, under the same lock.
//! wgpu-core itself ends mappings only when it releases what a lost device owned, which happens
//!
//! - after `DestroyDevice`, which takes the device's entries out first, or
//! - in a poll or submit after the one that saw the loss. Each of the two threads that call into wgpu sees to the loss
//!   (again taking the entries out) before it calls on; and what the executor's own call has seen is in the device's
//!   lost flag before that call returns, which the executor tests before it writes.
#![allow(unsafe_code)]

use std::{num::NonZeroU64, ptr::NonNull, slice};

use wgpu_core::{
    device::queue::QueueWriteError,
    global::Global,
    id::{BufferId, QueueId, StagingBufferId},
    resource::BufferAccessError,
};

/// Lends a mapped range of a buffer to `with`. The range is the one that was mapped, or a part with the alignment that
/// wgpu asks for.
pub fn read<T>(
    global: &Global,
    buffer: BufferId,
    offset: u64,
    size: u64,
    with: impl FnOnce(&[u8]) -> T,
) -> Result<T, BufferAccessError> {
    let (start, len) = range(global, buffer, offset, size)?;
    // SAFETY: wgpu-core has just found `len` bytes at `start` to be inside the buffer's mapping. The mapping outlives
    // the slice, which ends with this call, by the rules in the module's header. Nothing writes to it meanwhile: this
    // process writes only through `write`, under the same lock, and wgpu refuses to submit work that uses a mapped
    // buffer. A range of no bytes has a dangling pointer, which is what an empty slice needs.
    Ok(with(unsafe { slice::from_raw_parts(start.as_ptr(), len) }))
}

/// As [`read`], to be written.
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

/// Makes a staging buffer for a write of `size` bytes and lends its memory to `with`.
pub fn stage<T>(
    global: &Global,
    queue: QueueId,
    size: NonZeroU64,
    with: impl FnOnce(&mut [u8]) -> T,
) -> Result<(StagingBufferId, T), QueueWriteError> {
    let (staging, start) = global.queue_create_staging_buffer(queue, size, None)?;
    let len = usize::try_from(size.get()).unwrap_or(0);
    // SAFETY: wgpu-core has just made `size` bytes of mapped memory at `start`, and keeps them mapped until
    // `queue_write_staging_buffer` takes the buffer, whose id nobody else has yet.
    Ok((staging, with(unsafe { slice::from_raw_parts_mut(start.as_ptr(), len) })))
}

fn range(global: &Global, buffer: BufferId, offset: u64, size: u64) -> Result<(NonNull<u8>, usize), BufferAccessError> {
    let (start, len) = global.buffer_get_mapped_range(buffer, offset, Some(size))?;
    // A mapping is in this process's address space, so its length fits; the fallback is an empty range.
    Ok((start, usize::try_from(len).unwrap_or(0)))
}
