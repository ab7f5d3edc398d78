//! `wasi:webgpu@0.0.1`, and the surfaces of its time: what deployed components import.
//!
//! Of its 247 functions, 194 have the same parameters and results as in 0.3.0-rc.2 in the binary interface. They are the same host
//! functions: the linker first gets the later version under this version's name, and then the rest, which replaces the functions
//! that differ. `differences.wit` has only those, and takes all other types from the later version, so that nothing is converted
//! that is equal.
//!
//! The functions that are `async` in 0.3 block the guest here. They wait for the same replies.
//!
//! Usages, visibilities and write masks are numbers here. Unknown bits travel to the daemon, which answers with a validation error.

mod adapter;
mod binding;
mod bindings;
mod buffer;
mod canvas;
mod command_encoder;
mod convert;
mod device;
mod errors;
mod flags;
mod instance;
mod pipeline;
mod poll;
mod queue;
mod render_bundle;
mod shader;
mod texture;

use wasmtime::component::Linker;

use crate::{
    WasiWebGpuView,
    surface::{self, WasiSurfaceView},
    v0_3::{self, WasiWebGpu},
};

/// The name of the interface.
pub const WEBGPU: &str = "wasi:webgpu/webgpu@0.0.1";

/// The names of the interfaces of surfaces.
pub const SURFACES: [&str; 3] = [
    "wasi:surface/surface@0.0.1",
    "wasi:frame-buffer/frame-buffer@0.0.1",
    "wasi:graphics-context/graphics-context@0.0.1",
];

/// Adds `wasi:webgpu@0.0.1` to a linker, and a `wasi:io/poll` of WASI 0.2 that sends gathered commands before it waits, in place of
/// the one that the linker has.
///
/// ```no_run
/// # use airlock::WasiWebGpuView;
/// # use wasmtime::component::Linker;
/// fn link<T: WasiWebGpuView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
///     // WASI 0.2 comes first.
///     airlock::add_to_linker(linker)?;
///     airlock::v0_0_1::add_to_linker(linker)
/// }
/// ```
pub fn add_to_linker<T: WasiWebGpuView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    v0_3::add_as(linker, WEBGPU, T::webgpu)?;
    replace(linker, add_differences)?;
    replace(linker, poll::add_to_linker)
}

fn add_differences<T: WasiWebGpuView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    let mut interface = linker.instance(WEBGPU)?;
    bindings::webgpu::add_to_linker_instance::<T, WasiWebGpu>(&mut interface, T::webgpu)?;
    flags::add_to_linker(&mut interface)
}

/// Adds `wasi:surface@0.0.1`, `wasi:frame-buffer@0.0.1` and `wasi:graphics-context@0.0.1` to a linker, beside the `wasi:webgpu` that
/// [`add_to_linker`] adds, and a `wasi:io/poll` that also passes presented frames on while it waits. Paced frames need a tokio
/// runtime with its clock.
pub fn add_surfaces_to_linker<T: WasiSurfaceView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    surface::v0_0_1::add_to_linker(linker)?;
    replace(linker, poll::add_with_surfaces)
}

/// Adds functions of which the linker may have some. Shadowing is allowed for that only, and only if it is not allowed already: a
/// linker does not tell, but one that forbids it refuses.
fn replace<T>(linker: &mut Linker<T>, add: impl Fn(&mut Linker<T>) -> wasmtime::Result<()>) -> wasmtime::Result<()> {
    if add(linker).is_ok() {
        return Ok(());
    }
    linker.allow_shadowing(true);
    let added = add(linker);
    linker.allow_shadowing(false);
    added
}
