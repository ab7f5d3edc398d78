//! The constants of masks, each of which is a function, in resources that have no handles.

use airlock_protocol::commands::{
    binding::ShaderStage,
    buffer::{BufferUsage, MapMode},
    pipeline::ColorWrite,
    texture::TextureUsage,
};
use wasmtime::component::{LinkerInstance, ResourceType};

/// The type of the resources.
struct Flags;

/// The names of the resources.
const RESOURCES: [&str; 5] =
    ["gpu-buffer-usage", "gpu-map-mode", "gpu-texture-usage", "gpu-shader-stage", "gpu-color-write"];

/// Bits of `gpu-map-mode` (WebGPU, GPUMapMode).
const READ: u32 = 1;
const WRITE: u32 = 2;

/// The functions and their results.
const FLAGS: [(&str, u32); 25] = [
    ("gpu-buffer-usage.MAP-READ", BufferUsage::MAP_READ.bits()),
    ("gpu-buffer-usage.MAP-WRITE", BufferUsage::MAP_WRITE.bits()),
    ("gpu-buffer-usage.COPY-SRC", BufferUsage::COPY_SRC.bits()),
    ("gpu-buffer-usage.COPY-DST", BufferUsage::COPY_DST.bits()),
    ("gpu-buffer-usage.INDEX", BufferUsage::INDEX.bits()),
    ("gpu-buffer-usage.VERTEX", BufferUsage::VERTEX.bits()),
    ("gpu-buffer-usage.UNIFORM", BufferUsage::UNIFORM.bits()),
    ("gpu-buffer-usage.STORAGE", BufferUsage::STORAGE.bits()),
    ("gpu-buffer-usage.INDIRECT", BufferUsage::INDIRECT.bits()),
    ("gpu-buffer-usage.QUERY-RESOLVE", BufferUsage::QUERY_RESOLVE.bits()),
    ("gpu-map-mode.READ", READ),
    ("gpu-map-mode.WRITE", WRITE),
    ("gpu-texture-usage.COPY-SRC", TextureUsage::COPY_SRC.bits()),
    ("gpu-texture-usage.COPY-DST", TextureUsage::COPY_DST.bits()),
    ("gpu-texture-usage.TEXTURE-BINDING", TextureUsage::TEXTURE_BINDING.bits()),
    ("gpu-texture-usage.STORAGE-BINDING", TextureUsage::STORAGE_BINDING.bits()),
    ("gpu-texture-usage.RENDER-ATTACHMENT", TextureUsage::RENDER_ATTACHMENT.bits()),
    ("gpu-shader-stage.VERTEX", ShaderStage::VERTEX.bits()),
    ("gpu-shader-stage.FRAGMENT", ShaderStage::FRAGMENT.bits()),
    ("gpu-shader-stage.COMPUTE", ShaderStage::COMPUTE.bits()),
    ("gpu-color-write.RED", ColorWrite::RED.bits()),
    ("gpu-color-write.GREEN", ColorWrite::GREEN.bits()),
    ("gpu-color-write.BLUE", ColorWrite::BLUE.bits()),
    ("gpu-color-write.ALPHA", ColorWrite::ALPHA.bits()),
    ("gpu-color-write.ALL", ColorWrite::all().bits()),
];

/// Adds the resources and their functions.
pub(super) fn add_to_linker<T: 'static>(interface: &mut LinkerInstance<'_, T>) -> wasmtime::Result<()> {
    for resource in RESOURCES {
        interface.resource(resource, ResourceType::host::<Flags>(), |_, _| Ok(()))?;
    }
    for (name, bits) in FLAGS {
        interface.func_wrap(&format!("[static]{name}"), move |_, (): ()| Ok((bits,)))?;
    }
    Ok(())
}

/// The map mode of a mask; `None` for a mask with neither mode, both, or other bits.
pub(super) fn map_mode(mode: u32) -> Option<MapMode> {
    match mode {
        READ => Some(MapMode::Read),
        WRITE => Some(MapMode::Write),
        _ => None,
    }
}
