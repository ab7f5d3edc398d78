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

/// Imports of the feature `passes`, whose interface only Airlock has.
#[cfg(feature = "passes")]
mod lists {
    wit_bindgen::generate!({
        inline: "
            package airlock:lists;
            world lists {
                import airlock:passes/passes@0.1.0;
            }
        ",
        path: ["../../wit", "../../wit/passes"],
        world: "airlock:lists/lists",
        with: { "wasi:webgpu/webgpu@0.3.0-rc.2": super::webgpu },
        generate_all,
    });
}

#[cfg(feature = "passes")]
pub use lists::airlock::passes::passes;

/// Of the feature `surface`.
#[cfg(feature = "surface")]
mod windows {
    wit_bindgen::generate!({
        inline: "
            package airlock:windows;
            world windows {
                import wasi-gfx:surface/surface@0.2.0;
                import wasi-gfx:surface/surface-webgpu@0.2.0;
            }
        ",
        path: ["../../wit", "../../wit/frame-buffer", "../../wit/surface"],
        world: "airlock:windows/windows",
        with: { "wasi:webgpu/webgpu@0.3.0-rc.2": super::webgpu },
        generate_all,
    });
}

#[cfg(feature = "surface")]
pub use windows::wasi_gfx::surface::{surface, surface_webgpu};
