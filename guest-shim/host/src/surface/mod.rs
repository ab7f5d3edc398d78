//! `wasi-gfx:surface@0.2.0` and `wasi-gfx:frame-buffer@0.2.0` without a screen: a guest draws to surfaces whose size and pace
//! the host decides, and frames go to a [`FrameSink`].
//!
//! Code about these interfaces belongs here. The behaviour of a canvas is in `airlock-client`'s `canvas`; pictures, videos and
//! browsers are the embedder's.
//!
//! - [`Display`] is the embedder's handle: size and pace, input, pause, the last frame.
//! - [`SurfaceCtx`] is the store's part: the display, the sink, and the frames that are on their way to it.
//! - `host_surface` has the functions of a surface, `webgpu` and `frame_buffer` those of the two kinds of context.
//! - `v0_0_1` has the interfaces that came before: `wasi:surface@0.0.1` and its companions.
//!
//! Frames are read back only while the sink wants them. At most two are in flight at a time, as in a swap chain: a guest that draws
//! by `on-frame` gets its next beat when the GPU is done with the one before the last, and its texels are here if they were wanted.
//! One that presents regardless of beats has its frames dropped by a sink that wants the latest, and waits in `present` for one
//! that wants every frame.

mod bindings;
mod ctx;
mod display;
mod events;
mod frame;
mod frame_buffer;
mod frames;
mod host_surface;
mod keys;
mod resources;
mod state;
mod streams;
pub(crate) mod v0_0_1;
mod webgpu;

use wasmtime::component::Linker;

pub use ctx::{SurfaceCtx, WasiSurface, WasiSurfaceCtxView, WasiSurfaceView};
pub use display::{Display, DisplayOptions, Ended, MAX_SIZE, MAX_SURFACES, Rate};
pub use events::{Input, KeyInput};
pub use frame::{Frame, FrameSink, Interest};

/// Adds `wasi-gfx:surface@0.2.0` and `wasi-gfx:frame-buffer@0.2.0` to a linker, beside the `wasi:webgpu` that
/// [`add_to_linker`](crate::add_to_linker) adds. Paced frames need a tokio runtime with its clock.
pub fn add_to_linker<T: WasiSurfaceView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    use bindings::wasi_gfx;
    wasi_gfx::surface::surface::add_to_linker::<T, WasiSurface>(linker, T::surfaces)?;
    wasi_gfx::surface::surface_webgpu::add_to_linker::<T, WasiSurface>(linker, T::surfaces)?;
    wasi_gfx::surface::surface_frame_buffer::add_to_linker::<T, WasiSurface>(linker, T::surfaces)?;
    wasi_gfx::frame_buffer::frame_buffer::add_to_linker::<T, WasiSurface>(linker, T::surfaces)
}
