//! Resource types of the table.

use std::sync::Arc;

use airlock_client::canvas::Canvas;

use super::state::State;

/// `surface`.
#[derive(Debug)]
pub struct Surface(pub(super) Arc<State>);

/// `surface-webgpu.context`.
#[derive(Debug)]
pub struct GpuContext {
    pub(super) surface: Arc<State>,
    pub(super) canvas: Canvas,
}

/// `surface-frame-buffer.context`.
#[derive(Debug)]
pub struct BufferContext(pub(super) Arc<State>);

/// `frame-buffer.buffer`.
#[derive(Debug)]
pub struct FrameBuffer(pub(super) Arc<State>);
