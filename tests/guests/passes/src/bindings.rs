//! Bindings generated from the WIT of `airlock:passes`.

wit_bindgen::generate!({
    inline: "
        package airlock:lists;

        world lists {
            import airlock:passes/passes@0.1.0;
        }
    ",
    path: [
        "../../../wit",
        "../../../wit/passes",
    ],
    world: "airlock:lists/lists",
    with: { "wasi:webgpu/webgpu@0.3.0-rc.2": guest_support::gpu },
    generate_all,
});

pub use airlock::passes::passes;
