//! Queues: writes and submits.

use std::fmt;
use std::sync::Arc;

use airlock_client::texture::TexelCopyBufferLayout;
use wgpu::WriteOnly;
use wgpu::custom::*;

use crate::absent::Blas;
use crate::buffer::Buffer;
use crate::command_encoder::CommandBuffer;
use crate::context::State;
use crate::device::{Shared, own};
use crate::error::Absent;
use crate::texture;
use crate::work::Finish;

/// `wgpu::Queue` of this backend.
#[derive(Debug)]
pub struct Queue(pub Arc<Shared>);

impl Queue {
    /// Holds the lock while the data is copied into the stream: commands of other threads come before or after it.
    fn write(&self, buffer: &DispatchBuffer, offset: u64, data: &[u8]) {
        let buffer = own!(buffer, Buffer).key();
        let mut state = self.0.lock();
        let State { client, buffers, .. } = &mut *state;
        if let Err(error) = self.0.queue.write_buffer(client, &buffers[buffer], offset, data, None, None) {
            self.0.report_in(&mut state, "Queue::write_buffer", None, &error);
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
        let mut state = self.0.lock();
        let State { client, textures, .. } = &mut *state;
        let destination = match texture::copy_info(&texture, textures) {
            Ok(destination) => destination,
            Err(absent) => return self.0.report_in(&mut state, "Queue::write_texture", None, &absent),
        };
        let layout = TexelCopyBufferLayout {
            offset: Some(layout.offset),
            bytes_per_row: layout.bytes_per_row,
            rows_per_image: layout.rows_per_image,
        };
        self.0.queue.write_texture(client, destination, data, layout, texture::extent(size));
    }

    fn submit(&self, command_buffers: &mut dyn Iterator<Item = DispatchCommandBuffer>) -> u64 {
        let command_buffers: Vec<_> = command_buffers.collect();
        let index = {
            let state = &mut *self.0.lock();
            let own = command_buffers.iter().map(|buffer| &*own!(buffer, CommandBuffer).0);
            self.0.queue.submit(&mut state.client, own);
            // Under the lock: submits are counted in the order in which they are sent.
            self.0.work.submit()
        };
        // Programs that never poll get their callbacks here, as with wgpu on a driver.
        self.0.turn();
        index
    }

    /// WebGPU's timestamps are nanoseconds.
    fn get_timestamp_period(&self) -> f32 {
        1.0
    }

    fn on_submitted_work_done(&self, callback: BoxSubmittedWorkDoneCallback) {
        let wait = self.0.queue.on_submitted_work_done(&mut self.0.context.lock().client);
        self.0.work.push(Box::pin(async {
            // A session that is over has no more work.
            let _ = wait.spinning().await;
            callback as Finish
        }));
    }

    fn compact_blas(&self, _: &DispatchBlas) -> (Option<u64>, DispatchBlas) {
        let absent = Absent::Features(wgpu::Features::EXPERIMENTAL_RAY_QUERY);
        self.0.report("Queue::compact_blas", None, &absent);
        (None, DispatchBlas::custom(Blas))
    }

    /// Surfaces have no frames, so there is none to present.
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
