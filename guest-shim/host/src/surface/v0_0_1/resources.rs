//! Resource types of the table.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use airlock_client::{
    Client,
    canvas::{Canvas, CanvasConfiguration},
    device::Device,
    texture::Texture,
};
use airlock_protocol::commands::texture::TextureFormat;
use tokio::time::Instant;

use crate::surface::{events::Kind, state::State};

/// `surface`.
#[derive(Debug)]
pub struct Surface {
    pub(super) shown: Shown,
    /// The streams from which the guest gets events, by kind, from the first subscription on.
    streams: [Option<u64>; KINDS],
}

/// Number of kinds of events.
const KINDS: usize = Kind::ALL.len();

/// A surface as its context and its pollables see it.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) state: Arc<State>,
    beat: Arc<Mutex<Beat>>,
}

/// The beats of a surface.
#[derive(Debug, Default)]
pub(super) struct Beat {
    /// A pollable is ready, and the guest has taken no frame event and presented no frame since.
    pub(super) announced: bool,
    /// The time of the next one.
    pub(super) due: Option<Instant>,
}

impl Surface {
    pub(super) fn new(state: Arc<State>) -> Self {
        Self { shown: Shown { state, beat: Arc::default() }, streams: [None; KINDS] }
    }

    /// The stream of a kind of events, which is opened if necessary.
    pub(super) fn subscribe(&mut self, kind: Kind) -> Option<u64> {
        let slot = self.streams.get_mut(kind as usize)?;
        if slot.is_none() {
            *slot = self.shown.state.open_stream(kind);
        }
        *slot
    }

    /// The stream of a kind of events, if there was a subscription.
    pub(super) fn subscribed(&self, kind: Kind) -> Option<u64> {
        self.streams.get(kind as usize).copied().flatten()
    }
}

impl Shown {
    pub(super) fn beat(&self) -> MutexGuard<'_, Beat> {
        self.beat.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `context`.
#[derive(Debug, Default)]
pub struct Context {
    pub(super) surface: Option<Shown>,
    pub(super) source: Source,
}

/// The device that a context is connected with.
#[derive(Debug, Default)]
pub(super) enum Source {
    #[default]
    Nothing,
    Gpu(Canvas),
    FrameBuffer,
}

/// `abstract-buffer`.
#[derive(Debug)]
pub enum AbstractBuffer {
    /// The frame of a context without a surface or a device.
    Nothing,
    /// A texture of the connected device.
    Texture(Texture),
    /// The frame buffer of a surface.
    Bytes(Arc<State>),
}

/// `frame-buffer.device`.
#[derive(Debug)]
pub struct FrameBufferDevice;

impl Context {
    /// Connects the context with a device, in place of another one. Frames have the preferred format, and no alpha.
    pub(crate) fn connect_gpu(&mut self, client: &mut Client, device: Device) {
        self.disconnect(client);
        let mut canvas = Canvas::default();
        let configuration = CanvasConfiguration {
            device,
            format: TextureFormat::Bgra8unorm,
            usage: None,
            view_formats: Vec::new(),
            opaque: true,
        };
        canvas.configure(client, configuration);
        self.source = Source::Gpu(canvas);
    }

    /// Connects the context with frame buffers.
    pub(super) fn connect_frame_buffer(&mut self, client: &mut Client) {
        self.disconnect(client);
        self.source = Source::FrameBuffer;
    }

    /// Ends the connection with a device.
    pub(super) fn disconnect(&mut self, client: &mut Client) {
        if let Source::Gpu(mut canvas) = std::mem::take(&mut self.source) {
            canvas.unconfigure(client);
        }
    }
}
