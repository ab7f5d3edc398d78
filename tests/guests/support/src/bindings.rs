//! Bindings generated from the WIT: `wasi:webgpu` from this repository's `wit/`, WASI 0.3 from the excerpt beside the
//! guests.
//!
//! Records whose fields are all optional derive `Default`, so that a guest names only the fields that it sets.

wit_bindgen::generate!({
    inline: "
        package airlock:guests;

        world guest {
            import wasi:webgpu/webgpu@0.3.0-rc.2;
            import wasi:cli/environment@0.3.0;
            import wasi:cli/exit@0.3.0;
            import wasi:cli/stdin@0.3.0;
            import wasi:cli/stdout@0.3.0;
            import wasi:cli/stderr@0.3.0;
            import wasi:clocks/monotonic-clock@0.3.0;
            import wasi:filesystem/types@0.3.0;
            import wasi:filesystem/preopens@0.3.0;
            export wasi:cli/run@0.3.0;
        }
    ",
    path: [
        "../../../wit",
        "../wit/deps/clocks",
        "../wit/deps/filesystem",
        "../wit/deps/cli",
    ],
    world: "guest",
    generate_all,
    generate_unused_types: true,
    pub_export_macro: true,
    default_bindings_module: "guest_support::bindings",
    additional_type_attributes: {
        "wasi:webgpu/webgpu@0.3.0-rc.2/gpu-request-adapter-options": [#[derive(Default)]],
        "wasi:webgpu/webgpu@0.3.0-rc.2/gpu-device-descriptor": [#[derive(Default)]],
        "wasi:webgpu/webgpu@0.3.0-rc.2/gpu-queue-descriptor": [#[derive(Default)]],
        "wasi:webgpu/webgpu@0.3.0-rc.2/gpu-sampler-descriptor": [#[derive(Default)]],
        "wasi:webgpu/webgpu@0.3.0-rc.2/gpu-texture-view-descriptor": [#[derive(Default)]],
        "wasi:webgpu/webgpu@0.3.0-rc.2/gpu-origin3-d": [#[derive(Default)]],
        "wasi:webgpu/webgpu@0.3.0-rc.2/gpu-buffer-binding-layout": [#[derive(Default)]],
        "wasi:webgpu/webgpu@0.3.0-rc.2/gpu-sampler-binding-layout": [#[derive(Default)]],
        "wasi:webgpu/webgpu@0.3.0-rc.2/gpu-texture-binding-layout": [#[derive(Default)]],
        "wasi:webgpu/webgpu@0.3.0-rc.2/gpu-primitive-state": [#[derive(Default)]],
        "wasi:webgpu/webgpu@0.3.0-rc.2/gpu-multisample-state": [#[derive(Default)]],
        "wasi:webgpu/webgpu@0.3.0-rc.2/gpu-stencil-face-state": [#[derive(Default)]],
        "wasi:webgpu/webgpu@0.3.0-rc.2/gpu-blend-component": [#[derive(Default)]],
        "wasi:webgpu/webgpu@0.3.0-rc.2/gpu-texel-copy-buffer-layout": [#[derive(Default)]],
        "wasi:webgpu/webgpu@0.3.0-rc.2/gpu-command-encoder-descriptor": [#[derive(Default)]],
        "wasi:webgpu/webgpu@0.3.0-rc.2/gpu-command-buffer-descriptor": [#[derive(Default)]],
        "wasi:webgpu/webgpu@0.3.0-rc.2/gpu-compute-pass-descriptor": [#[derive(Default)]],
        "wasi:webgpu/webgpu@0.3.0-rc.2/gpu-render-bundle-descriptor": [#[derive(Default)]],
    },
});
