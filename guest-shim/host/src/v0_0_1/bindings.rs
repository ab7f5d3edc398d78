//! The generated side of `differences.wit`.
#![allow(missing_docs)]

wasmtime::component::bindgen!({
    path: ["../../wit", "../../wit/v0_0_1/io", "../../wit/v0_0_1/graphics-context", "src/v0_0_1/differences.wit"],
    world: "wasi:webgpu/imports@0.0.1",
    require_store_data_send: true,
    imports: {
        "wasi:webgpu/webgpu@0.0.1.[method]gpu.request-adapter": async | trappable,
        "wasi:webgpu/webgpu@0.0.1.[method]gpu-adapter.request-device": async | trappable,
        "wasi:webgpu/webgpu@0.0.1.[method]gpu-device.create-compute-pipeline-async": async | trappable,
        "wasi:webgpu/webgpu@0.0.1.[method]gpu-device.create-render-pipeline-async": async | trappable,
        "wasi:webgpu/webgpu@0.0.1.[method]gpu-device.lost": async | trappable,
        "wasi:webgpu/webgpu@0.0.1.[method]gpu-device.pop-error-scope": async | trappable,
        "wasi:webgpu/webgpu@0.0.1.[method]gpu-buffer.map-async": async | trappable,
        "wasi:webgpu/webgpu@0.0.1.[method]gpu-shader-module.get-compilation-info": async | trappable,
        "wasi:webgpu/webgpu@0.0.1.[method]gpu-queue.on-submitted-work-done": async | trappable,
        default: trappable,
    },
    with: {
        "wasi:io/poll": wasmtime_wasi_io::bindings::wasi::io::poll,
        "wasi:graphics-context/graphics-context":
            crate::surface::v0_0_1::bindings::wasi::graphics_context::graphics_context,
        "wasi:webgpu/webgpu@0.3.0-rc.2": crate::v0_3::bindings::webgpu,
        "wasi:webgpu/webgpu@0.0.1.gpu": crate::v0_3::resources::Gpu,
        "wasi:webgpu/webgpu@0.0.1.gpu-adapter": airlock_client::adapter::Adapter,
        "wasi:webgpu/webgpu@0.0.1.gpu-buffer": airlock_client::buffer::Buffer,
        "wasi:webgpu/webgpu@0.0.1.gpu-canvas-context": crate::v0_3::resources::CanvasContext,
        "wasi:webgpu/webgpu@0.0.1.gpu-command-encoder": airlock_client::command_encoder::CommandEncoder,
        "wasi:webgpu/webgpu@0.0.1.gpu-device": airlock_client::device::Device,
        "wasi:webgpu/webgpu@0.0.1.gpu-queue": airlock_client::queue::Queue,
        "wasi:webgpu/webgpu@0.0.1.gpu-shader-module": airlock_client::shader::ShaderModule,
        "wasi:webgpu/webgpu@0.0.1.gpu-texture": airlock_client::texture::Texture,
    },
});

pub use wasi::webgpu0_0_1::webgpu;
