//! Bindings generated from the WIT: `wasi-gfx:surface` and `wasi-gfx:frame-buffer` from this repository's `wit/`.

wit_bindgen::generate!({
    inline: "
        package airlock:windows;

        world window {
            import wasi-gfx:surface/surface@0.2.0;
            import wasi-gfx:surface/surface-webgpu@0.2.0;
            import wasi-gfx:surface/surface-frame-buffer@0.2.0;
            import wasi-gfx:frame-buffer/frame-buffer@0.2.0;
        }
    ",
    path: [
        "../../../wit",
        "../../../wit/frame-buffer",
        "../../../wit/surface",
    ],
    world: "airlock:windows/window",
    with: { "wasi:webgpu/webgpu@0.3.0-rc.2": guest_support::gpu },
    generate_all,
});
