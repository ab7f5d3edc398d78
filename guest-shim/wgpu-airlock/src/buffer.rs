//! Buffers, and views of their mapped ranges.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use airlock_client::buffer as client;
use airlock_client::mapping::MappedBytes;
use airlock_client::object::DeviceObject;
use airlock_protocol::commands::buffer::{BufferUsage, MapMode};
use wgpu::WriteOnly;
use wgpu::custom::*;

use crate::context::{Key, State, lock};
use crate::device::{Device, Shared, label};
use crate::error::Absent;
use crate::work::Finish;

/// `wgpu::Buffer` of this backend.
#[derive(Debug)]
pub struct Buffer(Arc<Inner>);

struct Inner {
    key: Key,
    device: Arc<Shared>,
    size: u64,
    usage: wgpu::BufferUsages,
    mapping: Mutex<Option<Mapping>>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes)", self.size)
    }
}

/// Known contents of a mapped buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Mapping {
    /// Mapped at creation: zero except for the written ranges.
    Fresh(Vec<Range<u64>>),
    /// Mapped by a call.
    Mapped,
}

pub fn create(device: &Arc<Shared>, desc: &wgpu::BufferDescriptor<'_>) -> Buffer {
    let absent = desc.usage & (wgpu::BufferUsages::BLAS_INPUT | wgpu::BufferUsages::TLAS_INPUT);
    let mapped_at_creation = Some(desc.mapped_at_creation);
    let descriptor = if absent.is_empty() {
        let (label, size, usage) = (label(desc.label), desc.size, usage(desc.usage));
        Ok(client::BufferDescriptor { label, size, usage, mapped_at_creation })
    } else {
        Err(Absent::Features(wgpu::Features::EXPERIMENTAL_RAY_QUERY))
    };
    let key = device.made_or_invalid(
        "Device::create_buffer",
        desc.label,
        descriptor,
        |device, state, descriptor| {
            let buffer = device.create_buffer(&mut state.client, descriptor);
            state.buffers.insert(buffer)
        },
        |device, state| {
            let usage = BufferUsage::empty();
            let descriptor = client::BufferDescriptor { label: None, size: desc.size, usage, mapped_at_creation };
            let buffer = device.create_buffer(&mut state.client, descriptor);
            state.buffers.insert(buffer)
        },
    );
    Buffer(Arc::new(Inner {
        key,
        device: device.clone(),
        size: desc.size,
        usage: desc.usage,
        mapping: Mutex::new(desc.mapped_at_creation.then(|| Mapping::Fresh(Vec::new()))),
    }))
}

/// The usages that both APIs have; the others were rejected.
fn usage(usage: wgpu::BufferUsages) -> BufferUsage {
    use BufferUsage as G;
    use wgpu::BufferUsages as W;
    [
        (W::MAP_READ, G::MAP_READ),
        (W::MAP_WRITE, G::MAP_WRITE),
        (W::COPY_SRC, G::COPY_SRC),
        (W::COPY_DST, G::COPY_DST),
        (W::INDEX, G::INDEX),
        (W::VERTEX, G::VERTEX),
        (W::UNIFORM, G::UNIFORM),
        (W::STORAGE, G::STORAGE),
        (W::INDIRECT, G::INDIRECT),
        (W::QUERY_RESOLVE, G::QUERY_RESOLVE),
    ]
    .into_iter()
    .filter(|(flag, _)| usage.contains(*flag))
    .fold(G::empty(), |all, (_, flag)| all | flag)
}

impl Buffer {
    /// Key among the context's buffers.
    pub fn key(&self) -> Key {
        self.0.key
    }

    /// Validates a queue's write.
    pub fn check_write(&self, offset: u64, size: u64) -> Result<(), String> {
        if !self.0.usage.contains(wgpu::BufferUsages::COPY_DST) {
            return Err(format!("Usage flags {:?} of the buffer do not contain COPY_DST", self.0.usage));
        }
        if !size.is_multiple_of(wgpu::COPY_BUFFER_ALIGNMENT) {
            return Err(format!("Copy size {size} does not respect `COPY_BUFFER_ALIGNMENT`"));
        }
        if !offset.is_multiple_of(wgpu::COPY_BUFFER_ALIGNMENT) {
            return Err(format!("Buffer offset {offset} is not aligned to block size or `COPY_BUFFER_ALIGNMENT`"));
        }
        if offset.checked_add(size).is_none_or(|end| end > self.0.size) {
            return Err(format!(
                "Copy of {size} bytes at {offset} would end up overrunning the {} bytes of the buffer",
                self.0.size
            ));
        }
        Ok(())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let state = &mut *self.device.context.lock();
        if let Some(buffer) = state.buffers.remove(self.key) {
            buffer.release(&mut state.client);
        }
    }
}

impl Inner {
    /// Shares a part of the mapping, without a copy.
    fn share(&self, range: &Range<u64>) -> Option<MappedBytes> {
        let state = self.device.context.lock();
        state.buffers[self.key].mapped_range(Some(range.start), Some(range.end - range.start)).ok()
    }

    /// wgpu's error for an unmapped range, which only wgpu can construct: it does so for a buffer that was never mapped.
    fn not_mapped(&self) -> wgpu::MapRangeError {
        let device = wgpu::Device::from_custom(Device(self.device.clone()));
        let buffer = device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: 4,
            usage: wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        if let Some(buffer) = buffer.as_custom::<Buffer>() {
            // Otherwise wgpu would call this function again for the error.
            *lock(&buffer.0.mapping) = Some(Mapping::Fresh(Vec::new()));
        }
        match buffer.slice(..).get_mapped_range() {
            Err(error) => error,
            Ok(_) => unreachable!("wgpu takes an unmapped buffer for a mapped one"),
        }
    }
}

impl BufferInterface for Buffer {
    fn map_async(&self, mode: wgpu::MapMode, range: Range<u64>, callback: BufferMapCallback) {
        let mode = match mode {
            wgpu::MapMode::Read => MapMode::Read,
            wgpu::MapMode::Write => MapMode::Write,
        };
        let (start, size) = (range.start, range.end - range.start);
        let asked = {
            let state = &mut *self.0.device.lock();
            state.buffers[self.0.key].map_async(&mut state.client, Some(mode), Some(start), Some(size))
        };
        let (wait, requested) = match asked {
            Ok(asked) => asked,
            Err(_) => return callback(Err(wgpu::BufferAsyncError)),
        };
        // The pending map belongs to the device and must not own its buffer, which owns the device.
        let (buffer, context) = (Arc::downgrade(&self.0), self.0.device.context.clone());
        self.0.device.work.push(Box::pin(async move {
            let reply = wait.spinning().await;
            let buffer = buffer.upgrade();
            let mapped = {
                let State { client, buffers, .. } = &mut *context.lock();
                requested.finish(client, buffer.as_ref().map(|buffer| &mut buffers[buffer.key]), reply)
            };
            if let (Ok(()), Some(buffer)) = (&mapped, &buffer) {
                *lock(&buffer.mapping) = Some(Mapping::Mapped);
            }
            Box::new(move || callback(mapped.map_err(|_| wgpu::BufferAsyncError))) as Finish
        }));
    }

    fn get_mapped_range(&self, range: Range<u64>) -> Result<DispatchBufferMappedRange, wgpu::MapRangeError> {
        let length = usize::try_from(range.end - range.start).map_err(|_| self.0.not_mapped())?;
        let mapping = lock(&self.0.mapping).clone();
        let is_zero = match mapping {
            None => return Err(self.0.not_mapped()),
            Some(Mapping::Mapped) => false,
            Some(Mapping::Fresh(written)) => {
                written.iter().all(|part| part.end <= range.start || range.end <= part.start)
            }
        };
        // wgpu checks the range after this call. Without bytes, the buffer was destroyed or is invalid.
        let bytes = self.0.share(&range);
        Ok(DispatchBufferMappedRange::custom(MappedRange {
            buffer: self.0.clone(),
            range,
            length,
            is_zero,
            bytes,
            own: None,
            written: false,
        }))
    }

    fn unmap(&self) {
        *lock(&self.0.mapping) = None;
        // A pending map fails, and its callback is called.
        let state = &mut *self.0.device.lock();
        state.buffers[self.0.key].unmap(&mut state.client);
    }

    fn destroy(&self) {
        *lock(&self.0.mapping) = None;
        let state = &mut *self.0.device.lock();
        state.buffers[self.0.key].destroy(&mut state.client);
    }
}

/// A view of a mapped range. For reading, it is the mapping itself; for writing, memory that becomes the mapping's when the view
/// is dropped.
struct MappedRange {
    buffer: Arc<Inner>,
    range: Range<u64>,
    length: usize,
    /// Nothing was written to the range since the buffer's creation.
    is_zero: bool,
    bytes: Option<MappedBytes>,
    /// Memory for writes.
    own: Option<Vec<u8>>,
    written: bool,
}

impl fmt::Debug for MappedRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MappedRange({:?})", self.range)
    }
}

impl BufferMappedRangeInterface for MappedRange {
    fn len(&self) -> usize {
        self.length
    }

    #[expect(unsafe_code, reason = "the trait's signature")]
    unsafe fn read_slice(&self) -> &[u8] {
        match (&self.own, &self.bytes) {
            (Some(own), _) => own,
            (None, Some(bytes)) => bytes,
            (None, None) => &[],
        }
    }

    #[expect(unsafe_code, reason = "the trait's signature")]
    unsafe fn write_slice(&mut self) -> WriteOnly<'_, [u8]> {
        self.written = true;
        let (length, is_zero, bytes) = (self.length, self.is_zero, self.bytes.take());
        let own = self.own.get_or_insert_with(|| match bytes {
            Some(bytes) if !is_zero => bytes.to_vec(),
            // The kernel provides zeroed memory without writing it.
            _ => vec![0; length],
        });
        WriteOnly::from_mut(own)
    }
}

impl Drop for MappedRange {
    fn drop(&mut self) {
        // The write would copy memory that is still shared.
        self.bytes = None;
        let (true, Some(own)) = (self.written, self.own.take()) else { return };
        {
            let state = &mut *self.buffer.device.context.lock();
            // Fails only if the buffer was unmapped or destroyed beneath the view; the data has no use then.
            let _ = state.buffers[self.buffer.key].give_mapped_range(own, self.range.start);
        }
        if let Some(Mapping::Fresh(written)) = &mut *lock(&self.buffer.mapping) {
            written.push(self.range.clone());
        }
    }
}
