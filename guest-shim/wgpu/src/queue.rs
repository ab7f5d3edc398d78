//! Queues: writes, submits, and pending work.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::task::Poll;
use std::time::Duration;

use wgpu::WriteOnly;
use wgpu::custom::*;

use crate::absent::Blas;
use crate::bindings::{monotonic_clock, webgpu as gpu};
use crate::buffer::Buffer;
use crate::command_encoder::CommandBuffer;
use crate::device::{Shared, own};
use crate::error::Absent;
use crate::progress::Progress;
use crate::{executor, texture};

/// Pending and finished work of a queue, by the numbers of submits.
#[derive(Default)]
pub struct Work {
    /// Number of the last submit; the first is 1.
    submitted: AtomicU64,
    /// The last submit that is known to be done.
    done: AtomicU64,
    /// The last submit whose end was requested.
    watched: AtomicU64,
    /// Callbacks of maps and of `on_submitted_work_done` that have not run.
    callbacks: AtomicUsize,
    pub progress: Progress,
}

impl Work {
    pub fn submitted(&self) -> u64 {
        self.submitted.load(Relaxed)
    }

    pub fn is_idle(&self) -> bool {
        self.done.load(Relaxed) >= self.submitted() && self.callbacks.load(Relaxed) == 0
    }

    /// Passes the result of `future` to `callback`, for which `wait` waits.
    pub fn call_back<T: 'static>(
        self: &Arc<Self>,
        future: impl Future<Output = T> + 'static,
        callback: impl FnOnce(T) + 'static,
    ) {
        self.callbacks.fetch_add(1, Relaxed);
        let work = self.clone();
        executor::spawn(async move {
            let value = future.await;
            // Before the callback, which may wait itself.
            work.callbacks.fetch_sub(1, Relaxed);
            callback(value);
        });
    }

    /// Whether the end of this submit and of all before it was requested.
    pub fn is_watched(&self, submission: u64) -> bool {
        self.watched.load(Relaxed) >= submission
    }

    /// Requests the end of the submitted work from the host, unless that has been requested. A map has to follow.
    pub fn watch(self: &Arc<Self>, queue: &Arc<gpu::GpuQueue>) {
        let submitted = self.submitted();
        if self.watched.swap(submitted, Relaxed) >= submitted {
            return;
        }
        let (work, queue) = (self.clone(), queue.clone());
        executor::spawn(async move {
            queue.on_submitted_work_done().await;
            work.done.fetch_max(submitted, Relaxed);
        });
    }

    /// Blocks until `submission`, whose end was requested, is done and every callback has run. Returns false on a timeout.
    pub fn wait(self: &Arc<Self>, device: &gpu::GpuDevice, submission: u64, timeout: Option<Duration>) -> bool {
        let is_done = || {
            if self.progress.take_failure() {
                self.progress.prepare(device);
                self.progress.map(self);
            }
            self.done.load(Relaxed) >= submission && self.callbacks.load(Relaxed) == 0
        };
        let Some(timeout) = timeout else {
            return executor::block_on(std::future::poll_fn(
                |_| if is_done() { Poll::Ready(true) } else { Poll::Pending },
            ));
        };
        let nanoseconds = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
        let mut timer = std::pin::pin!(monotonic_clock::wait_for(nanoseconds));
        executor::block_on(std::future::poll_fn(|cx| {
            if is_done() {
                return Poll::Ready(true);
            }
            timer.as_mut().poll(cx).map(|()| false)
        }))
    }
}

/// `wgpu::Queue` of this backend.
#[derive(Debug)]
pub struct Queue(pub Arc<Shared>);

impl Queue {
    fn write(&self, buffer: &DispatchBuffer, offset: u64, data: &[u8]) {
        let buffer = own!(buffer, Buffer);
        if let Err(error) = self.0.queue.write_buffer_with_copy(buffer.gpu(), offset, data, None, None) {
            self.0.report("Queue::write_buffer", None, &error.message);
        }
    }
}

impl QueueInterface for Queue {
    fn write_buffer(&self, buffer: &DispatchBuffer, offset: u64, data: &[u8]) {
        self.write(buffer, offset, data);
    }

    fn create_staging_buffer(&self, size: wgpu::BufferSize) -> Option<DispatchQueueWriteBuffer> {
        let size = usize::try_from(size.get()).ok()?;
        Some(DispatchQueueWriteBuffer::custom(QueueWriteBuffer(vec![0; size])))
    }

    /// Validates a write before the program fills memory for it.
    fn validate_write_buffer(&self, buffer: &DispatchBuffer, offset: u64, size: wgpu::BufferSize) -> Option<()> {
        match own!(buffer, Buffer).check_write(offset, size.get()) {
            Ok(()) => Some(()),
            Err(problem) => {
                self.0.report("Queue::write_buffer_with", None, &problem);
                None
            }
        }
    }

    fn write_staging_buffer(&self, buffer: &DispatchBuffer, offset: u64, staging: &DispatchQueueWriteBuffer) {
        self.write(buffer, offset, &own!(staging, QueueWriteBuffer).0);
    }

    fn write_texture(
        &self,
        texture: wgpu::TexelCopyTextureInfo<'_>,
        data: &[u8],
        layout: wgpu::TexelCopyBufferLayout,
        size: wgpu::Extent3d,
    ) {
        let destination = match texture::copy_info(&texture) {
            Ok(destination) => destination,
            Err(absent) => return self.0.report("Queue::write_texture", None, &absent),
        };
        let layout = gpu::GpuTexelCopyBufferLayout {
            offset: Some(layout.offset),
            bytes_per_row: layout.bytes_per_row,
            rows_per_image: layout.rows_per_image,
        };
        self.0.queue.write_texture_with_copy(&destination, data, layout, texture::extent(size));
    }

    #[cfg(feature = "web")]
    fn copy_external_image_to_texture(
        &self,
        _: &wgpu::CopyExternalImageSourceInfo,
        _: wgpu::CopyExternalImageDestInfo<&wgpu::Texture>,
        _: wgpu::Extent3d,
    ) {
        self.0.report("Queue::copy_external_image_to_texture", None, &"there are no images of a browser");
    }

    fn submit(&self, command_buffers: &mut dyn Iterator<Item = DispatchCommandBuffer>) -> u64 {
        let command_buffers: Vec<_> = command_buffers.collect();
        let handles: Vec<_> = command_buffers.iter().map(|buffer| &own!(buffer, CommandBuffer).0).collect();
        self.0.queue.submit(&handles);
        let index = self.0.work.submitted.fetch_add(1, Relaxed) + 1;
        // Programs that never poll get their callbacks here, as with wgpu on native drivers.
        executor::turn();
        index
    }

    /// The interface's timestamps are nanoseconds.
    fn get_timestamp_period(&self) -> f32 {
        1.0
    }

    fn on_submitted_work_done(&self, callback: BoxSubmittedWorkDoneCallback) {
        let (queue, work) = (self.0.queue.clone(), &self.0.work);
        work.progress.prepare(&self.0.gpu);
        work.call_back(async move { queue.on_submitted_work_done().await }, |()| callback());
        work.progress.map(work);
    }

    fn compact_blas(&self, _: &DispatchBlas) -> (Option<u64>, DispatchBlas) {
        let absent = Absent::Features(wgpu::Features::EXPERIMENTAL_RAY_QUERY);
        self.0.report("Queue::compact_blas", None, &absent);
        (None, DispatchBlas::custom(Blas))
    }

    #[cfg(feature = "surface")]
    fn present(&self, detail: &DispatchSurfaceOutputDetail) {
        if let Some(frame) = detail.as_custom::<crate::window::Frame>() {
            frame.present();
        }
    }

    /// No surface has a frame to present.
    #[cfg(not(feature = "surface"))]
    fn present(&self, _: &DispatchSurfaceOutputDetail) {}
}

/// Memory for `Queue::write_buffer_with`.
pub struct QueueWriteBuffer(Vec<u8>);

impl fmt::Debug for QueueWriteBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QueueWriteBuffer({} bytes)", self.0.len())
    }
}

impl QueueWriteBufferInterface for QueueWriteBuffer {
    fn len(&self) -> usize {
        self.0.len()
    }

    #[expect(unsafe_code, reason = "the trait's signature")]
    unsafe fn write_slice(&mut self) -> WriteOnly<'_, [u8]> {
        WriteOnly::from_mut(&mut self.0)
    }
}
