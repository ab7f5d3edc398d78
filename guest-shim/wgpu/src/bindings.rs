//! The imports of this crate.
#![allow(missing_docs, unsafe_code, clippy::all)]

wit_bindgen::generate!({
    inline: "
        package airlock:wgpu-wasi;
        world imports {
            import wasi:webgpu/webgpu@0.3.0-rc.2;
            import wasi:clocks/monotonic-clock@0.3.0;
        }
    ",
    path: ["../../wit", "wit/deps/clocks"],
    world: "imports",
    generate_all,
    generate_unused_types: true,
});

pub use wasi::clocks::monotonic_clock;
pub use wasi::webgpu::webgpu;
