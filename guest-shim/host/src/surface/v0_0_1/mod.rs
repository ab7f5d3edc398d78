//! `wasi:surface@0.0.1`, `wasi:frame-buffer@0.0.1` and `wasi:graphics-context@0.0.1`, on the same display.
//!
//! A context connects a surface with a source of frames: a device of `wasi:webgpu@0.0.1`, or one of `wasi:frame-buffer`. Events are
//! pollables of WASI 0.2 in place of streams. The types of events are those of `wasi-gfx:surface`, to which they are equal.
//!
//! After the display's last frame all pollables of a surface are ready, and the functions that return events trap with
//! [`Ended`](super::Ended): a guest that waits would wait for ever.

pub(crate) mod bindings;
mod context;
mod frame_buffer;
mod host_surface;
mod pollables;
mod resources;

use wasmtime::component::Linker;

use super::ctx::{WasiSurface, WasiSurfaceView};

pub(crate) use resources::{AbstractBuffer, Context};

/// Adds the interfaces to a linker.
pub(crate) fn add_to_linker<T: WasiSurfaceView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    use bindings::wasi;
    wasi::graphics_context::graphics_context::add_to_linker::<T, WasiSurface>(linker, T::surfaces)?;
    wasi::frame_buffer::frame_buffer::add_to_linker::<T, WasiSurface>(linker, T::surfaces)?;
    wasi::surface::surface::add_to_linker::<T, WasiSurface>(linker, T::surfaces)
}
