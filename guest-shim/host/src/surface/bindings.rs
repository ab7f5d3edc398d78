//! The generated side of `wasi-gfx:surface@0.2.0` and `wasi-gfx:frame-buffer@0.2.0`, on the types of `wasi:webgpu`.
#![allow(missing_docs)]

wasmtime::component::bindgen!({
    inline: "
        package airlock:surfaces;

        world imports {
            import wasi-gfx:surface/surface@0.2.0;
            import wasi-gfx:surface/surface-webgpu@0.2.0;
            import wasi-gfx:surface/surface-frame-buffer@0.2.0;
            import wasi-gfx:frame-buffer/frame-buffer@0.2.0;
        }
    ",
    path: ["../../wit", "../../wit/frame-buffer", "../../wit/surface"],
    world: "airlock:surfaces/imports",
    require_store_data_send: true,
    imports: {
        "wasi-gfx:surface/surface.[method]surface.on-resize": store | trappable,
        "wasi-gfx:surface/surface.[method]surface.on-frame": store | trappable,
        "wasi-gfx:surface/surface.[method]surface.on-pointer-up": store | trappable,
        "wasi-gfx:surface/surface.[method]surface.on-pointer-down": store | trappable,
        "wasi-gfx:surface/surface.[method]surface.on-pointer-move": store | trappable,
        "wasi-gfx:surface/surface.[method]surface.on-key-up": store | trappable,
        "wasi-gfx:surface/surface.[method]surface.on-key-down": store | trappable,
        default: trappable,
    },
    with: {
        "wasi:webgpu/webgpu": crate::v0_3::bindings::webgpu,
        "wasi-gfx:surface/surface.surface": crate::surface::resources::Surface,
        "wasi-gfx:surface/surface-webgpu.context": crate::surface::resources::GpuContext,
        "wasi-gfx:surface/surface-frame-buffer.context": crate::surface::resources::BufferContext,
        "wasi-gfx:frame-buffer/frame-buffer.buffer": crate::surface::resources::FrameBuffer,
    },
});
