//! Progress of the device on hosts that examine it only in `map-async`.
//!
//! WebGPU resolves `on-submitted-work-done` by itself. An in-process host without a thread of its own may poll its device in the
//! calls of a map alone, and such a request then pends until the next map. So each request is followed by a map: by one of the
//! program's, which costs nothing, or else by a map of a buffer of this crate. It travels in the batch of the request.
//!
//! Invariant: the calls depend on the program's calls alone, never on the arrival of events, so that two recordings of a
//! program have the same commands. The exception is a map of the program that fails.
//!
//! Invariant: the program does not block or yield between the request and the map. A future that such a host polls in between
//! may miss its wake-up (`callback-future` 0.1.0 keeps the waker of the first poll).

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::bindings::webgpu as gpu;
use crate::executor;
use crate::queue::Work;

/// Bytes of the mapped buffer: the smallest size that is a multiple of what a map's range has to be.
const SIZE: u64 = 4;

/// The buffer whose map follows a request, and whether it may be mapped.
#[derive(Default)]
pub struct Progress {
    /// A map of the program that followed a request has failed.
    failed: AtomicBool,
    /// The program destroyed the device. A map would fail, on a host of wgpu-core by a panic.
    stopped: AtomicBool,
    hidden: Mutex<Hidden>,
}

/// The buffer that the program does not know of.
#[derive(Default)]
enum Hidden {
    /// The first request that no map of the program follows creates it.
    #[default]
    NotCreated,
    /// The device has no memory for it, or its creation pends.
    Absent,
    /// `requested` is true after the first map. The buffer is unmapped by the next one, whatever became of the last.
    Created { buffer: Arc<gpu::GpuBuffer>, requested: bool },
}

impl Progress {
    /// A map of the program has failed: the host may have rejected it before it examined the device.
    pub fn map_failed(&self) {
        self.failed.store(true, Relaxed);
    }

    /// Whether a map of the program has failed since the last call.
    pub fn take_failure(&self) -> bool {
        self.failed.swap(false, Relaxed)
    }

    /// No map is possible from now on.
    pub fn stop(&self) {
        self.stopped.store(true, Relaxed);
    }

    /// Drops the buffer.
    pub fn release(&self) {
        self.stop();
        *self.hidden() = Hidden::Absent;
    }

    /// Creates the buffer, unless that has been done. Comes before the request, because it blocks.
    pub fn prepare(&self, device: &gpu::GpuDevice) {
        if self.stopped.load(Relaxed) || !matches!(*self.hidden(), Hidden::NotCreated) {
            return;
        }
        // Callbacks that run during the creation come here, too.
        *self.hidden() = Hidden::Absent;
        if let Some(buffer) = create(device) {
            *self.hidden() = Hidden::Created { buffer: buffer.into(), requested: false };
        }
    }

    /// Maps the buffer. `work` has the map among its callbacks, so that a wait ends after it, and no event of it is left for the
    /// rest of the program.
    pub fn map(&self, work: &Arc<Work>) {
        if self.stopped.load(Relaxed) {
            return;
        }
        let mut hidden = self.hidden();
        let Hidden::Created { buffer, requested } = &mut *hidden else { return };
        if std::mem::replace(requested, true) {
            let _ = buffer.unmap();
        }
        let buffer = buffer.clone();
        drop(hidden);
        let map = async move { buffer.map_async(gpu::GpuMapMode::READ, Some(0), Some(SIZE)).await };
        // A failed map means a lost device, whose requests the host answers by itself.
        work.call_back(map, drop);
    }

    fn hidden(&self) -> MutexGuard<'_, Hidden> {
        self.hidden.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Creates the buffer. Blocks until the result is known, once for each device: an invalid buffer must not be mapped, because the
/// program's error scopes would catch the validation error.
fn create(device: &gpu::GpuDevice) -> Option<gpu::GpuBuffer> {
    device.push_error_scope(gpu::GpuErrorFilter::OutOfMemory);
    let buffer = device.create_buffer(&gpu::GpuBufferDescriptor {
        size: SIZE,
        usage: gpu::GpuBufferUsage::MAP_READ | gpu::GpuBufferUsage::COPY_DST,
        mapped_at_creation: Some(false),
        label: Some("progress of wgpu-wasi".to_owned()),
    });
    let error = executor::block_on(device.pop_error_scope());
    // A scope cannot be popped on a lost device, where a map fails without a validation error.
    matches!(error, Ok(None) | Err(_)).then_some(buffer)
}
