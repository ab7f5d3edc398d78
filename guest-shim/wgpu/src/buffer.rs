//! Buffers, and copies in place of their mapped ranges.

use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use wgpu::WriteOnly;
use wgpu::custom::*;

use crate::bindings::webgpu as gpu;
use crate::device::{Device, Shared, label};
use crate::encoder::Object;
use crate::error::Absent;

/// `wgpu::Buffer` of this backend.
#[derive(Debug)]
pub struct Buffer(Arc<Inner>);

struct Inner {
    gpu: Object<gpu::GpuBuffer>,
    device: Arc<Shared>,
    size: u64,
    usage: wgpu::BufferUsages,
    mapping: Mutex<Option<Mapping>>,
    /// How many times the buffer was unmapped, which gives up a map that pends. A host may have resolved the map already.
    unmaps: AtomicU64,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes)", self.size)
    }
}

/// Known contents of a mapped buffer.
enum Mapping {
    /// Mapped at creation: zero except for the written ranges.
    Fresh(Vec<Range<u64>>),
    /// Mapped for writing: the previous contents, which are fetched on demand.
    Write(Range<u64>),
    /// Mapped for reading.
    Read(Range<u64>),
}

pub fn create(device: &Arc<Shared>, desc: &wgpu::BufferDescriptor<'_>) -> Buffer {
    let absent = desc.usage & (wgpu::BufferUsages::BLAS_INPUT | wgpu::BufferUsages::TLAS_INPUT);
    let descriptor = if absent.is_empty() {
        Ok(gpu::GpuBufferDescriptor {
            size: desc.size,
            usage: usage(desc.usage),
            mapped_at_creation: Some(desc.mapped_at_creation),
            label: label(desc.label),
        })
    } else {
        Err(Absent::Features(wgpu::Features::EXPERIMENTAL_RAY_QUERY))
    };
    let host = device.made_or_invalid(
        "Device::create_buffer",
        desc.label,
        descriptor,
        |device, descriptor| device.create_buffer(&descriptor),
        |device| {
            let mapped_at_creation = Some(desc.mapped_at_creation);
            let usage = gpu::GpuBufferUsage::empty();
            device.create_buffer(&gpu::GpuBufferDescriptor { size: desc.size, usage, mapped_at_creation, label: None })
        },
    );
    Buffer(Arc::new(Inner {
        gpu: Object::new(host),
        device: device.clone(),
        size: desc.size,
        usage: desc.usage,
        mapping: Mutex::new(desc.mapped_at_creation.then(|| Mapping::Fresh(Vec::new()))),
        unmaps: AtomicU64::new(0),
    }))
}

/// The usages that both APIs have; the others were rejected.
fn usage(usage: wgpu::BufferUsages) -> gpu::GpuBufferUsage {
    use gpu::GpuBufferUsage as G;
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
    pub fn gpu(&self) -> &Object<gpu::GpuBuffer> {
        &self.0.gpu
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

impl Inner {
    fn mapping(&self) -> MutexGuard<'_, Option<Mapping>> {
        self.mapping.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unmapped(&self) {
        self.unmaps.fetch_add(1, Relaxed);
        *self.mapping() = None;
    }

    /// Copies a mapped range out of the host's buffer.
    fn fetch(&self, range: &Range<u64>) -> Result<Vec<u8>, String> {
        let size = range.end - range.start;
        self.gpu.get_mapped_range_get_with_copy(Some(range.start), Some(size)).map_err(|error| error.message)
    }

    /// wgpu's error for an unmapped range, which only wgpu can construct: it does so for a buffer that was never
    /// mapped.
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
            *buffer.0.mapping() = Some(Mapping::Write(0..4));
        }
        match buffer.slice(..).get_mapped_range() {
            Err(error) => error,
            Ok(_) => unreachable!("wgpu takes an unmapped buffer for a mapped one"),
        }
    }
}

impl BufferInterface for Buffer {
    fn map_async(&self, mode: wgpu::MapMode, range: Range<u64>, callback: BufferMapCallback) {
        let (flags, mapping) = match mode {
            wgpu::MapMode::Read => (gpu::GpuMapMode::READ, Mapping::Read(range.clone())),
            wgpu::MapMode::Write => (gpu::GpuMapMode::WRITE, Mapping::Write(range.clone())),
        };
        let unmaps = self.0.unmaps.load(Relaxed);
        let (buffer, work) = (self.0.clone(), &self.0.device.work);
        let mapped = async move {
            let size = range.end - range.start;
            let result = buffer.gpu.map_async(flags, Some(range.start), Some(size)).await;
            if result.is_err() {
                buffer.device.work.progress.map_failed();
                return Err(wgpu::BufferAsyncError);
            }
            if buffer.unmaps.load(Relaxed) != unmaps {
                return Err(wgpu::BufferAsyncError);
            }
            *buffer.mapping() = Some(mapping);
            Ok(())
        };
        // Most programs wait for the end of work after a map. Requested before it, the end needs no further map.
        work.watch(&self.0.device.queue);
        work.call_back(mapped, callback);
    }

    fn get_mapped_range(&self, range: Range<u64>) -> Result<DispatchBufferMappedRange, wgpu::MapRangeError> {
        let data = OnceLock::new();
        let length = usize::try_from(range.end - range.start).map_err(|_| self.0.not_mapped())?;
        let known = match &*self.0.mapping() {
            None => Err(()),
            // Checked here, too: a host may trap.
            Some(Mapping::Write(mapped) | Mapping::Read(mapped))
                if range.start < mapped.start || range.end > mapped.end =>
            {
                Err(())
            }
            Some(Mapping::Fresh(written)) => {
                let is_zero = written.iter().all(|part| part.end <= range.start || range.end <= part.start);
                Ok(is_zero.then(|| vec![0; length]))
            }
            Some(Mapping::Write(_)) => Ok(None),
            Some(Mapping::Read(_)) => self.0.fetch(&range).map(Some).map_err(drop),
        };
        if let Some(known) = known.map_err(|()| self.0.not_mapped())? {
            let _ = data.set(known);
        }
        Ok(DispatchBufferMappedRange::custom(MappedRange {
            buffer: self.0.clone(),
            range,
            length,
            data,
            written: false,
        }))
    }

    fn unmap(&self) {
        self.0.unmapped();
        // A pending map fails, and its callback is called.
        let _ = self.0.gpu.unmap();
    }

    fn destroy(&self) {
        self.0.unmapped();
        self.0.gpu.destroy();
    }
}

/// A copy of a mapped range. A modified copy is written to the buffer when it is dropped.
struct MappedRange {
    buffer: Arc<Inner>,
    range: Range<u64>,
    length: usize,
    data: OnceLock<Vec<u8>>,
    written: bool,
}

impl fmt::Debug for MappedRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MappedRange({:?})", self.range)
    }
}

impl MappedRange {
    fn data(&self) -> &Vec<u8> {
        // wgpu has checked the range, and the buffer is mapped unless it was unmapped beneath the view.
        self.data.get_or_init(|| self.buffer.fetch(&self.range).unwrap_or_else(|_| vec![0; self.length]))
    }
}

impl BufferMappedRangeInterface for MappedRange {
    fn len(&self) -> usize {
        self.length
    }

    #[expect(unsafe_code, reason = "the trait's signature")]
    unsafe fn read_slice(&self) -> &[u8] {
        self.data()
    }

    #[expect(unsafe_code, reason = "the trait's signature")]
    unsafe fn write_slice(&mut self) -> WriteOnly<'_, [u8]> {
        self.written = true;
        self.data();
        match self.data.get_mut() {
            Some(data) => WriteOnly::from_mut(data),
            None => WriteOnly::from_mut(&mut []),
        }
    }

    /// A component has no JavaScript: making the array panics in js-sys. wgpu calls this for its own WebGPU backend
    /// only.
    #[cfg(feature = "webgpu")]
    fn as_uint8array(&self) -> &js_sys::Uint8Array {
        Box::leak(Box::new(js_sys::Uint8Array::from(self.data().as_slice())))
    }
}

impl Drop for MappedRange {
    fn drop(&mut self) {
        let (true, Some(data)) = (self.written, self.data.get()) else { return };
        let size = self.range.end - self.range.start;
        // Fails only if the buffer was unmapped or destroyed beneath the view; the data cannot be read then.
        let _ = self.buffer.gpu.get_mapped_range_set_with_copy(data, Some(self.range.start), Some(size));
        if let Some(Mapping::Fresh(written)) = &mut *self.buffer.mapping() {
            written.push(self.range.clone());
        }
    }
}
