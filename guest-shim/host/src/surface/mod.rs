//! `wasi-gfx:surface@0.2.0` and `wasi-gfx:frame-buffer@0.2.0` without a screen: a guest draws to surfaces whose size and pace
//! the host decides, and frames go to a [`FrameSink`].
//!
//! A line of code belongs here when it is about these interfaces. What a canvas does is `airlock-client`'s `canvas`; pictures,
//! videos and browsers are the embedder's.
//!
//! - [`Display`] is the embedder's handle: size and pace, input, pause, the last frame.
//! - [`SurfaceCtx`] is the store's part: the display, the sink, and the frames that are on their way to it.
//! - `surface` has the resource and its streams, `webgpu` and `frame_buffer` the two kinds of context.
//!
//! Frames are read back only while the sink wants them. At most two are in flight at a time, as in a swap chain: a guest that draws
//! by `on-frame` gets its next beat when the GPU is done with the one before the last, and its texels are here if they were wanted.
//! One that presents regardless of beats has its frames dropped by a sink that wants the latest, and waits in `present` for one
//! that wants every frame.

mod bindings;
mod display;
mod events;
mod frame;
mod frame_buffer;
mod frames;
mod keys;
mod state;
mod surface;
mod webgpu;

use std::{
    collections::VecDeque,
    fmt,
    future::{Future as _, poll_fn},
    pin::Pin,
    task::{Context, Poll},
};

use airlock_client::{
    Client, Wait,
    canvas::{FrameRead, SpareBuffers},
    mapping::MappedBytes,
};
use wasmtime::component::{HasData, Linker, ResourceTable};

use crate::WasiWebGpuCtx;

pub use bindings::Key;
pub use display::{Display, DisplayOptions, Ended, MAX_SIZE, MAX_SURFACES, Rate};
pub use events::{Input, KeyInput};
pub use frame::{Frame, FrameSink, Interest};
pub use keys::key_from_code;

/// Frames in flight at a time: the GPU draws one while the guest makes the next.
const MAX_FLIGHT: usize = 2;

/// A frame that the GPU may still be busy with.
enum InFlight {
    /// Its texels are on their way.
    Read(FrameRead, frame::Presented),
    /// It was not wanted.
    Done(Wait<()>),
}

/// What a store keeps for its guest's surfaces.
pub struct SurfaceCtx {
    display: Display,
    sink: Box<dyn FrameSink>,
    flight: VecDeque<InFlight>,
    spare: SpareBuffers,
}

impl fmt::Debug for SurfaceCtx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SurfaceCtx").field("display", &self.display).field("flight", &self.flight.len()).finish()
    }
}

impl SurfaceCtx {
    /// Surfaces of a display, whose frames go to a sink.
    pub fn new(display: Display, sink: Box<dyn FrameSink>) -> Self {
        Self { display, sink, flight: VecDeque::new(), spare: SpareBuffers::default() }
    }

    /// The display.
    pub fn display(&self) -> &Display {
        &self.display
    }

    /// Gives the sink what has arrived; true when there is room for another frame. Otherwise the task of the context is woken
    /// when there may be.
    fn collect(&mut self, client: &mut Client, context: &mut Context<'_>) -> bool {
        while let Some(first) = self.flight.front_mut() {
            let texels = match first {
                InFlight::Read(read, _) => read.poll(client, context),
                InFlight::Done(done) => Pin::new(done).poll(context).map(|_| None),
            };
            let Poll::Ready(texels) = texels else { break };
            self.landed(client, texels);
        }
        self.flight.len() < MAX_FLIGHT
    }

    /// Blocks until the first of the frames has landed.
    fn wait(&mut self, client: &mut Client) {
        match self.flight.pop_front() {
            Some(InFlight::Done(done)) => {
                let _ = done.wait();
            }
            Some(InFlight::Read(mut read, presented)) => {
                let texels = read.wait(client);
                self.flight.push_front(InFlight::Read(read, presented));
                self.landed(client, texels);
            }
            None => {}
        }
    }

    /// The first of the frames has landed.
    fn landed(&mut self, client: &mut Client, texels: Option<MappedBytes>) {
        let Some(InFlight::Read(read, presented)) = self.flight.pop_front() else { return };
        if let Some(texels) = &texels {
            self.sink.frame(&Frame::of_canvas(read.info(), texels, presented));
        }
        drop(texels);
        read.end(client, &mut self.spare);
    }

    /// Waits for the frames that are in flight, and gives them to the sink: at the end of a run.
    pub async fn finish(&mut self, gpu: &mut WasiWebGpuCtx) {
        gpu.client.send_gathered();
        poll_fn(|context| {
            self.collect(&mut gpu.client, context);
            if self.flight.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        self.spare.clear(&mut gpu.client);
    }
}

/// What a store's data gives to host functions of surfaces.
#[derive(Debug)]
pub struct WasiSurfaceCtxView<'a> {
    /// The surfaces.
    pub surfaces: &'a mut SurfaceCtx,
    /// The GPU.
    pub gpu: &'a mut WasiWebGpuCtx,
    /// Where the guest's handles point to.
    pub table: &'a mut ResourceTable,
}

/// Implemented by a store's data so that its guest has surfaces.
pub trait WasiSurfaceView: Send {
    /// Lends what the host functions need.
    fn surfaces(&mut self) -> WasiSurfaceCtxView<'_>;
}

/// Lets generated code reach a [`WasiSurfaceCtxView`] in any store's data.
pub struct WasiSurface;

impl HasData for WasiSurface {
    type Data<'a> = WasiSurfaceCtxView<'a>;
}

/// Adds `wasi-gfx:surface@0.2.0` and `wasi-gfx:frame-buffer@0.2.0` to a linker, beside the `wasi:webgpu` that
/// [`add_to_linker`](crate::add_to_linker) adds. Paced frames need a tokio runtime with its clock.
pub fn add_to_linker<T: WasiSurfaceView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    use bindings::wasi_gfx;
    wasi_gfx::surface::surface::add_to_linker::<T, WasiSurface>(linker, T::surfaces)?;
    wasi_gfx::surface::surface_webgpu::add_to_linker::<T, WasiSurface>(linker, T::surfaces)?;
    wasi_gfx::surface::surface_frame_buffer::add_to_linker::<T, WasiSurface>(linker, T::surfaces)?;
    wasi_gfx::frame_buffer::frame_buffer::add_to_linker::<T, WasiSurface>(linker, T::surfaces)
}
